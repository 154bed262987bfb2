"""What runs inside a worker process: one cohort after another, whatever users' code does to the process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from types import FrameType

import torch

from ganbench.execution.cohort_run import Event, Terminated, run_cohort
from ganbench.execution.provenance import Provenance, imported_sources
from ganbench.user_code import exits_refused

_leave = os._exit
_IMPORTED = imported_sources()
"""Of the server that this process was forked from."""


def work(pipe: Connection, environment: Mapping[str, str]) -> None:
    """Run the tasks that come through the pipe until it is closed; never returns to the caller's code.

    `environment` is the parent's as it is now: a process that was forked for this has an older one.
    """
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # only the parent decides when to stop
        signal.signal(signal.SIGTERM, _terminate)
        os.environ.clear()
        os.environ.update(environment)
        threading.Thread(target=_end_with_parent, daemon=True).start()
        with exits_refused():
            _run_tasks(pipe)
    except Terminated:
        _leave(1)  # torch takes seconds to take itself down
    _leave(0)  # nor may a thread or an exit handler of a plug-in keep it


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated  # tidily: no half-written folder


def _end_with_parent() -> None:
    """A parent that is killed can stop nobody; without it nobody wants the rest."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    _leave(1)


def _run_tasks(pipe: Connection) -> None:
    def tell(event: Event) -> None:
        try:
            pipe.send(event)
        except OSError:
            raise Terminated from None  # the parent is gone, or a plug-in closed the pipe

    folder, provenance = os.getcwd(), Provenance(_IMPORTED)
    while True:
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        run_cohort(task, provenance, tell)
        os.chdir(folder)
        _forget_compiled()


def _forget_compiled() -> None:
    """Without this a ninth game in one process runs uncompiled with only a log line to say so."""
    if "torch._dynamo" in sys.modules:
        torch._dynamo.reset()
