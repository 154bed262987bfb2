"""Worker processes, started by spawn: each runs one cohort after another.

A worker that dies takes only its cohort with it: that is stored as failed and a new one starts.
"""

from __future__ import annotations

import multiprocessing
import queue
import signal
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.context import SpawnProcess
from typing import Any

from ganbench.execution.cohort_run import CohortTask, Event, Listener, run_cohort, write_failure

_POLL_SECONDS = 0.2


def run_tasks(tasks: Sequence[CohortTask], workers: int, tell: Listener) -> None:
    """Run all tasks, in this process where one worker is enough, else in `workers` processes."""
    if workers == 1:
        for task in tasks:
            run_cohort(task, tell)
    elif tasks:
        _Pool(tasks, min(workers, len(tasks)), tell).run()


class _Pool:
    def __init__(self, tasks: Sequence[CohortTask], workers: int, tell: Listener) -> None:
        self._waiting, self._tell = deque(tasks), tell
        self._context = multiprocessing.get_context("spawn")
        self._events: Any = self._context.Queue()
        self._workers = [self._start() for _ in range(workers)]

    def run(self) -> None:
        try:
            while any(worker.busy for worker in self._workers) or self._waiting:
                self._assign()
                self._listen()
                self._replace_dead()
        finally:
            for worker in self._workers:
                worker.stop()

    def _start(self) -> _Worker:
        inbox: Any = self._context.Queue()
        process = self._context.Process(target=_work, args=(inbox, self._events), daemon=True)
        process.start()
        return _Worker(process, inbox)

    def _assign(self) -> None:
        for worker in self._workers:
            if not worker.busy and self._waiting:
                worker.give(self._waiting.popleft())

    def _listen(self) -> None:
        try:
            event: Event = self._events.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            return
        if event.kind in ("finished", "failed"):
            for worker in self._workers:
                if worker.task is not None and worker.task.identity == event.identity:
                    worker.task = None
        self._tell(event)

    def _replace_dead(self) -> None:
        for place, worker in enumerate(self._workers):
            if worker.process.is_alive() or not self._events.empty():
                continue
            if worker.task is not None:
                reason = _death(worker.process.exitcode)
                write_failure(worker.task, reason, None)
                self._tell(Event("failed", worker.task.identity, detail=reason))
            self._workers[place] = self._start() if self._waiting else worker
            worker.task = None


class _Worker:
    def __init__(self, process: SpawnProcess, inbox: Any) -> None:
        self.process, self._inbox = process, inbox
        self.task: CohortTask | None = None

    @property
    def busy(self) -> bool:
        return self.task is not None

    def give(self, task: CohortTask) -> None:
        self.task = task
        self._inbox.put(task)

    def stop(self) -> None:
        if self.busy:
            self.process.terminate()
        else:
            self._inbox.put(None)
        self.process.join(timeout=5)
        if self.process.is_alive():
            self.process.kill()


def _work(inbox: Any, events: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    tell: Callable[[Event], None] = events.put
    while (task := inbox.get()) is not None:
        run_cohort(task, tell)
        _forget_compiled()


def _forget_compiled() -> None:
    """Without this a ninth game in one process runs uncompiled with only a log line to say so."""
    import torch

    torch._dynamo.reset()


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        hint = "; out of memory?" if -code == signal.SIGKILL else ""
        return f"the worker process was killed by signal {signal.Signals(-code).name}{hint}"
    return f"the worker process ended with exit code {code}"
