"""This machine."""

from __future__ import annotations

from collections.abc import Sequence

from ganbench.execution import pool
from ganbench.execution.backends import Backend, register_backend
from ganbench.execution.cohort_run import CohortTask, Listener


@register_backend("local")
def local() -> Backend:
    """Worker processes on this machine, one cohort after another in each."""
    return _Local()


class _Local:
    def run(self, tasks: Sequence[CohortTask], workers: int, tell: Listener) -> None:
        pool.run_tasks(tasks, workers, tell)
