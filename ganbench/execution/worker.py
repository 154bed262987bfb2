"""What runs inside a worker process: one cohort after another, whatever users' code does to the process."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from types import FrameType
from typing import NoReturn

import torch

from ganbench.execution.cohort_run import Event, Terminated, run_cohort
from ganbench.execution.provenance import Provenance, imported_sources
from ganbench.user_code import is_user_file

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
        _refuse_exits()
        os.environ.clear()
        os.environ.update(environment)
        threading.Thread(target=_end_with_parent, daemon=True).start()
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


def _refuse_exits() -> None:
    """A user's line that calls os._exit leaves no trace by itself: here it fails as sys.exit does."""

    def refuse(status: int) -> NoReturn:
        if any(is_user_file(frame.filename) for frame in traceback.extract_stack()):
            raise SystemExit(status)
        _leave(status)

    os._exit = refuse


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
