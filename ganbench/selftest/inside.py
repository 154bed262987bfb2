"""What runs inside a copy of the package, in a process of its own: `python -m ganbench.selftest.inside JOB`.

The job is a JSON file and so is the answer.  Before anything is trained it checks which copy it is in.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import ganbench
from ganbench import store

Task = Literal["train", "probe", "repeat"]
_ROUNDS_OF_A_REPEAT = 6
_LEFT_OUT = (store.ARRAYS_FILE, store.NETWORKS_FILE)
"""Files of a cohort that no verdict reads; fifty seeds of them weigh megabytes."""


@dataclass(frozen=True)
class Job:
    """What to do in a copy: train cohorts into `run`, look closely at a few, or repeat a short training."""

    task: Task
    package: str
    """The folder of the package that must be the one imported."""
    suite: str
    answer: str
    """The file that the answer goes to."""
    variants: tuple[str, ...] | None = None
    datasets: tuple[str, ...] | None = None
    seeds: tuple[int, ...] = ()
    steps: int | None = None
    run: str = ""
    workers: int = 1


def work(file: Path) -> None:
    """Do the job that a file describes, and write its answer."""
    told: dict[str, Any] = store.read_json(file)
    lists: dict[str, Any] = {name: tuple(each) for name, each in told.items() if isinstance(each, list)}
    job = Job(**told | lists)
    here = Path(ganbench.__file__).resolve().parent
    assert here == Path(job.package).resolve(), f"imported {here}, not {job.package}"
    tasks = {"train": _train, "probe": _probe, "repeat": _repeat}
    store.write_json(Path(job.answer), tasks[job.task](job))


def _suite(job: Job) -> Any:
    from ganbench.selftest.restricted import restricted
    from ganbench.suite import load_suite

    return restricted(load_suite(job.suite), job.variants, job.datasets, job.seeds or None, job.steps)


def _train(job: Job) -> dict[str, Any]:
    import torch

    from ganbench.execution.runner import execute, make_plan

    suite = _suite(job)
    plan = make_plan(suite, Path(job.run), torch.device("cpu"), job.workers)
    summary = execute(suite, plan, lambda event: None)
    for folder in store.cohort_folders(plan.run):
        for name in _LEFT_OUT:
            (folder / name).unlink(missing_ok=True)
    return {"failed": list(summary.failed), "diverged": summary.diverged, "trained": summary.trained}


def _probe(job: Job) -> dict[str, Any]:
    """The golden trace, the contract of what is touched, and a short training."""
    from ganbench.selftest.golden import golden_trace
    from ganbench.suite import load_suite

    golden = golden_trace(load_suite(job.suite))
    return {"golden": golden, "contract": _broken_promises(job), "repeated": _short_training(job)}


def _repeat(job: Job) -> dict[str, Any]:
    """The same short training again, and the same with another seed before its own."""
    return {"repeated": _short_training(job), "beside": _short_training(job, (max(job.seeds) + 1,))}


def _short_training(job: Job, more: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """What a few rounds of the first touched cohort leave behind."""
    from ganbench.selftest.tracing import one_thread

    description = _suite(job).cohorts()[0]
    with one_thread():
        return [_left_by(replace(description, seeds=(*more, *description.seeds)))]


def _left_by(description: Any) -> dict[str, Any]:
    """A digest of every bit, and the norms of all parameters, for each seed; in double precision."""
    from ganbench.selftest.tracing import trained_for
    from ganbench.training.description import Engine

    double = replace(description, engine=Engine(precision="float64", compile="off"))
    *_, (_, _, snapshot) = trained_for(double, (_ROUNDS_OF_A_REPEAT,))
    trees = [tree for _, tree in sorted(snapshot.parameters(averaged=True).items())]
    values = [value.flatten(1) for tree in trees for _, value in sorted(tree.items())]
    digests = [_digest([value[place] for value in values]) for place in range(len(description.seeds))]
    norms = [[float(value[place].norm()) for value in values] for place in range(len(description.seeds))]
    return {"digests": digests, "norms": norms}


def _digest(values: Sequence[Any]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for value in values:
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _broken_promises(job: Job) -> list[str]:
    """What the contract tests find wrong with the touched variants and data sets."""
    from ganbench import registry
    from ganbench.contract import CHECKS, ContractFailure
    from ganbench.registry import Kind

    suite, found = _suite(job), []
    chosen: Mapping[Kind, Any] = {"variant": suite.variants[:1], "dataset": suite.datasets}
    for kind, choices in chosen.items():
        for name in dict.fromkeys(choice.name for choice in choices):
            for check in CHECKS[kind]:
                try:
                    check(registry.get(kind, name))
                except ContractFailure as failure:
                    found.append(str(failure).split(": ", 1)[-1])
    return found


if __name__ == "__main__":
    work(Path(sys.argv[1]))
