"""How long a suite will take, from a few rounds of each cohort on this machine."""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from ganbench.child_process import ChildProcess
from ganbench.errors import GanbenchError
from ganbench.execution.cohort_run import CohortTask
from ganbench.execution.measurements import Measurements
from ganbench.training.device import matmul_precision, synchronize
from ganbench.training.trainer import Trainer
from ganbench.user_code import one_line

_SECONDS, _WARM_UP = 0.5, 3


@dataclass(frozen=True)
class Estimate:
    """One cohort's expected seconds: making it ready, its rounds, its measuring points."""

    task: CohortTask
    rounds: int | None
    preparing: float
    training: float
    measuring: Mapping[str, float]
    """By diagnostic."""

    @property
    def seconds(self) -> float:
        """All of it."""
        return self.preparing + self.training + sum(self.measuring.values())


def estimates(tasks: Sequence[CohortTask]) -> Iterator[Estimate]:
    """Every task's estimate in turn, from a process of its own, as users' code runs in it."""
    yield from ChildProcess(__name__, "estimated", "the estimate", tasks)


def estimated(_subject: str, tasks: Sequence[CohortTask]) -> Iterator[Estimate]:
    """What runs in that process."""
    yield from map(estimate, tasks)


def estimate(task: CohortTask) -> Estimate:
    """Prepare a cohort, time some rounds and one measuring point, and throw it away.

    Raises GanbenchError where the cohort would fail.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(task.threads)
    try:
        with matmul_precision(task.description.engine.precision):
            return _timed(task)
    except GanbenchError:
        raise
    except BaseException as error:  # the cohort's boundary, as in a run, but nothing is stored
        raise GanbenchError(f"{task.identity} would fail: {one_line(error)}") from error
    finally:
        torch.set_num_threads(threads)


def _timed(task: CohortTask) -> Estimate:
    began = time.perf_counter()
    cohort = Trainer(task.description, torch.device(task.device))
    preparing = time.perf_counter() - began
    round_seconds = _seconds_of_a_round(cohort)
    training = cohort.seconds_of_all if cohort.rounds is None else cohort.rounds * round_seconds
    measurements = Measurements(cohort)
    measurements.take(cohort.snapshot(0, False))
    measurements.take(cohort.snapshot(1, False))  # what the first point alone makes is not counted twice
    points = len(task.description.measure)
    measuring = {label: seconds * points for label, seconds in measurements.seconds.items()}
    return Estimate(task, cohort.rounds, preparing, training, measuring)


def _seconds_of_a_round(cohort: Trainer) -> float:
    for _ in range(_WARM_UP):
        cohort.field.advance()
    synchronize(cohort.device)
    began, rounds = time.perf_counter(), 0
    while time.perf_counter() - began < _SECONDS:
        cohort.field.advance()
        rounds += 1
    synchronize(cohort.device)
    return (time.perf_counter() - began) / rounds


def measuring_seconds(estimates: Iterable[Estimate]) -> dict[str, float]:
    """What each diagnostic will take in all cohorts, the most first."""
    seconds: Counter[str] = Counter()
    for estimate in estimates:
        seconds.update(estimate.measuring)
    return dict(seconds.most_common())


def total_seconds(estimates: Sequence[Estimate], workers: int) -> float:
    """When the last worker is done, if each takes the next cohort as it becomes free."""
    free = [0.0] * workers
    for estimate in estimates:
        heapq.heapreplace(free, free[0] + estimate.seconds)
    return max(free)
