"""This machine: users' code runs in worker processes only, and each runs one cohort after another.

A worker that dies takes only its cohort with it: that is stored as failed and a new one starts.
Each has a pipe of its own, so that one that is killed while it writes cannot block the others.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait

from ganbench.child_process import ending, process_context, starting
from ganbench.execution.backends import Backend, register_backend
from ganbench.execution.cohort_run import CohortTask, Event, Listener, write_failure
from ganbench.execution.worker import work

_STOP_SECONDS = 5.0


@register_backend("local")
def local() -> Backend:
    """Worker processes on this machine, one cohort after another in each."""
    return _Local()


class _Local:
    def run(self, tasks: Sequence[CohortTask], workers: int, tell: Listener) -> None:
        waiting, busy = deque(tasks), list[_Worker]()
        try:
            while waiting or busy:
                while waiting and len(busy) < workers:
                    busy.append(_Worker(waiting.popleft()))
                ready = wait([worker.pipe for worker in busy])
                for worker in [worker for worker in busy if worker.pipe in ready]:
                    event = worker.receive()
                    tell(event or worker.failure())
                    if event and event.kind not in ("finished", "failed"):
                        continue
                    if event and waiting:
                        worker.give(waiting.popleft())
                    else:
                        busy.remove(worker)
                        worker.pipe.close()  # which ends it, where it has not ended yet
        finally:
            for worker in busy:
                worker.process.terminate()  # a cohort's folder appears whole or not at all
            for worker in busy:
                worker.join()


class _Worker:
    """A process at work on a task, and this side's end of the pipe to it."""

    def __init__(self, task: CohortTask) -> None:
        context = process_context()
        self.pipe: Connection
        self.pipe, its_end = context.Pipe()
        self.process = context.Process(target=work, args=(its_end, dict(os.environ)), daemon=True)
        with starting():
            self.process.start()
        its_end.close()
        self.give(task)

    def give(self, task: CohortTask) -> None:
        self.task = task
        try:
            self.pipe.send(task)
        except OSError:
            return  # it is dead already: the next `receive` tells

    def receive(self) -> Event | None:
        """The next event; None once it has died."""
        try:
            event: Event = self.pipe.recv()
        except (EOFError, OSError):
            return None
        return event

    def failure(self) -> Event:
        """Store its task as failed by its death."""
        self.join()
        reason = f"the worker process {ending(self.process.exitcode)}"
        write_failure(self.task, reason, None)
        return Event("failed", self.task.identity, detail=reason)

    def join(self) -> None:
        """Wait until it has ended; not for ever."""
        self.process.join(timeout=_STOP_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
