"""A function run in a process of its own: whatever a user's code does there, even end it, is told here."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from typing import Any, NoReturn

from ganbench.errors import GanbenchError, OutOfMemory, out_of_memory
from ganbench.user_code import is_user_file

_STOP_SECONDS = 5.0
_PRELOADED = [
    "ganbench.execution.worker",
    *("torch._dynamo", "torch._functorch.aot_autograd"),  # seconds, at the first trace of each child
]


def process_context() -> ForkServerContext | SpawnContext:
    """A server that has imported the engine once and forks; elsewhere than on Linux libraries forbid that."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


@contextmanager
def starting() -> Iterator[None]:
    """A process started inside never hears Ctrl-C, and finds modules where this one does."""
    with _interrupts_held(), _imports_handed_on():
        yield


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C reaches all processes of a terminal; this one hears it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # else starting a process starts it, which lets signals through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _imports_handed_on() -> Iterator[None]:
    """A server of forks that is started inside imports from where this process does, not from its folder."""
    names = ("PYTHONPATH", "PYTHONSAFEPATH")
    before = {name: os.environ.get(name) for name in names}
    os.environ |= {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)), "PYTHONSAFEPATH": "1"}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


class ChildProcess:
    """What the generator function `module.function(*args)` yields in a fresh process, started at once.

    Raises GanbenchError for the mistakes raised there, with the same text, where the process ends
    before the function has, and where it yields nothing for so many `seconds`; RuntimeError with the
    traceback for anything else.
    """

    def __init__(self, module: str, function: str, *args: Any, seconds: float | None = None) -> None:
        context = process_context()
        self._subject = f"{args[0] if args else function}"
        self._seconds = seconds
        self._pipe, its_end = context.Pipe(duplex=False)
        self._process = context.Process(
            target=_work,
            args=(its_end, module, function, args, list(sys.path), dict(os.environ)),
            daemon=True,
        )
        with starting():
            self._process.start()
        its_end.close()

    def __iter__(self) -> Iterator[Any]:
        try:
            while True:
                kind, value = self._receive()
                if kind == "end":
                    return
                if kind == "mistake":
                    raise GanbenchError(value)
                if kind == "memory":
                    raise OutOfMemory(value)
                if kind == "fault":
                    raise RuntimeError(f"in a process of its own:\n{value}")
                yield value
        finally:
            self.stop()

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self._process.terminate()
        self._process.join(_STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()

    def _receive(self) -> tuple[str, Any]:
        if not self._pipe.poll(self._seconds):
            raise GanbenchError(
                f"{self._subject}: not done within {self._seconds:g} seconds; "
                "is one of its numbers far too large, such as a network's depth?"
            )
        try:
            message: tuple[str, Any] = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            how = ending(self._process.exitcode)
            raise GanbenchError(
                f"{self._subject}: the process that ran it {how} before it was done"
            ) from None
        return message


def ending(code: int | None) -> str:
    """How a process with this exit code ended, in words."""
    names = {known.value: known.name for known in signal.Signals}
    if code is not None and code < 0:
        name = names.get(-code, -code)
        return f"was killed by {name}{' (out of memory?)' if name == 'SIGKILL' else ''}"
    return f"ended with exit code {code}"


def _work(
    pipe: Connection,
    module: str,
    function: str,
    args: tuple[Any, ...],
    path: list[str],
    environment: Mapping[str, str],
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for the parent, which stops this process
    sys.path[:] = path
    os.environ.clear()
    os.environ.update(environment)
    _report_exits(pipe)
    try:
        for value in getattr(importlib.import_module(module), function)(*args):
            pipe.send(("value", value))
        pipe.send(("end", None))
    except GanbenchError as error:
        pipe.send(("mistake", str(error).encode(errors="backslashreplace").decode()))
    except BaseException as error:  # whatever is raised, the parent must be told
        if lack := out_of_memory(error):
            pipe.send(("memory", lack.why))
            return
        pipe.send(("fault", traceback.format_exc().encode(errors="backslashreplace").decode()))


def _report_exits(pipe: Connection) -> None:
    """Name the user's line that ends the process by os._exit, which leaves no trace by itself."""
    leave = os._exit

    def reporting(status: int) -> NoReturn:
        frames = [f for f in traceback.extract_stack() if is_user_file(f.filename)]
        if frames:
            place = f"{frames[-1].filename}:{frames[-1].lineno}"
            pipe.send(
                ("mistake", f"{place}: os._exit({status}) ends the whole process; raise an error instead")
            )
        leave(status)

    os._exit = reporting
