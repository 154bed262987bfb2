"""Worker processes: users' code runs in no other place, and each runs one cohort after another.

A worker that dies takes only its cohort with it: that is stored as failed and a new one starts.
Each has a pipe of its own, so that one that is killed while it writes cannot block the others.
"""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait

from ganbench.child_process import process_context, starting
from ganbench.execution.cohort_run import CohortTask, Event, Listener, write_failure
from ganbench.execution.worker import work

_STOP_SECONDS = 5.0


def run_tasks(tasks: Sequence[CohortTask], workers: int, tell: Listener) -> None:
    """Run all tasks in `workers` processes at most."""
    if tasks:
        _Pool(tasks, min(workers, len(tasks)), tell).run()


class _Pool:
    def __init__(self, tasks: Sequence[CohortTask], workers: int, tell: Listener) -> None:
        self._waiting, self._tell, self._wanted = deque(tasks), tell, workers
        self._workers: list[_Worker] = []

    def run(self) -> None:
        try:
            while self._waiting or self._workers:
                self._assign()
                self._listen()
        finally:
            for worker in self._workers:
                worker.stop()
            for worker in self._workers:
                worker.join()

    def _assign(self) -> None:
        while self._waiting and len(self._workers) < self._wanted:
            self._workers.append(_Worker(self._waiting.popleft()))

    def _listen(self) -> None:
        ready = wait([worker.pipe for worker in self._workers])
        for worker in [each for each in self._workers if each.pipe in ready]:
            event = worker.hear()
            if event is None:
                self._bury(worker)
                continue
            self._tell(event)
            if event.kind in ("finished", "failed"):
                self._go_on(worker)

    def _go_on(self, worker: _Worker) -> None:
        if self._waiting:
            worker.give(self._waiting.popleft())
        else:
            self._workers.remove(worker)
            worker.dismiss()

    def _bury(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        reason = worker.death()
        write_failure(worker.task, reason, None)
        self._tell(Event("failed", worker.task.identity, detail=reason))


class _Worker:
    """A process at work on a task, and this side's end of the pipe to it."""

    def __init__(self, task: CohortTask) -> None:
        context = process_context()
        self.pipe: Connection
        self.pipe, its_end = context.Pipe()
        self._process = context.Process(target=work, args=(its_end, dict(os.environ)), daemon=True)
        with starting():
            self._process.start()
        its_end.close()
        self.give(task)

    def give(self, task: CohortTask) -> None:
        self.task = task
        try:
            self.pipe.send(task)
        except OSError:
            return  # it is dead already: the next `hear` tells

    def hear(self) -> Event | None:
        """What it says; None once it has died."""
        try:
            event: Event = self.pipe.recv()
        except (EOFError, OSError):
            return None
        return event

    def dismiss(self) -> None:
        """Nothing is left to do: it ends by itself."""
        self.pipe.close()

    def stop(self) -> None:
        """Ask it to end, whatever it is doing; a cohort's folder appears whole or not at all."""
        self._process.terminate()

    def death(self) -> str:
        """How it died, in words."""
        self.join()
        code = self._process.exitcode
        if code is not None and code < 0:
            names = {known.value: known.name for known in signal.Signals}
            hint = " (out of memory?)" if -code == getattr(signal, "SIGKILL", None) else ""
            return f"the worker process was killed by {names.get(-code, -code)}{hint}"
        return f"the worker process ended with exit code {code}"

    def join(self) -> None:
        """Wait until it has ended; not for ever."""
        self._process.join(timeout=_STOP_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
