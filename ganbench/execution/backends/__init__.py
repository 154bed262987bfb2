"""Backends: where a run's cohorts are trained; one file each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ganbench import registry
from ganbench.execution.cohort_run import CohortTask, Listener


class Backend(Protocol):
    """Trains cohorts somewhere."""

    def run(self, tasks: Sequence[CohortTask], workers: int, tell: Listener) -> None:
        """Train every task, at most `workers` at once, and return when each has its folder in its run.

        `tell` hears of each task, as it goes on and last that it `finished` or `failed`; a task whose worker
        dies is stored as failed (`write_failure`), and the others go on.
        """
        ...


def register_backend(name: str) -> Callable[[registry.F], registry.F]:
    """Register a function of options that returns a `Backend`."""
    return registry.register("backend", name)


def run_tasks(
    tasks: Sequence[CohortTask], workers: int, tell: Listener, choice: str | Mapping[str, Any] = "local"
) -> None:
    """Train all tasks on a backend."""
    backend: Backend = registry.build("backend", choice)
    backend.run(tasks, workers, tell)
