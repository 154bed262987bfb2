"""What is trained: the pool of null seeds, and each defect's cohorts, in copies of the package."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from ganbench.comparison.model import Side
from ganbench.comparison.sides import load_side
from ganbench.errors import GanbenchError
from ganbench.execution.key import run_key
from ganbench.selftest.defect import Defect
from ganbench.selftest.inside import Job, Task
from ganbench.selftest.options import Options
from ganbench.selftest.planting import Answer, ask, digest_of_looks, kept_answer, plant, stamp
from ganbench.suite import load_suite
from ganbench.suite.bundled import find_suite

Tell = Callable[[str], None]
_SHORT_SEEDS = (3, 4)
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class Workplace:
    """Where a selftest trains, and the unpatched copy that everything starts from."""

    work: Path
    package: Path
    suite: Path
    sources: str
    """Stands for the package's sources, the suite and torch."""
    looks: str
    """Stands for what looks at defects: the golden trace, the contract tests."""
    options: Options


@dataclass(frozen=True)
class Trained:
    """A defect's three answers, and its run."""

    defect: Defect
    train: Answer
    probe: Answer
    repeat: Answer
    run: Path

    @property
    def failed(self) -> list[str]:
        """What did not finish."""
        answers = (self.train, self.probe, self.repeat)
        return [*self.train.values.get("failed", ()), *(a.problem for a in answers if a.problem)]

    def side(self) -> Side | None:
        """What was trained; None where nothing could be."""
        return None if self.train.problem else load_side(self.run)


def workplace(out: Path, options: Options) -> Workplace:
    """A folder to train in, with a copy of the package as it is now: later edits do not reach it."""
    work = (options.work or out / "work").resolve()
    suite = find_suite(options.suite).resolve()
    sources = run_key(load_suite(suite).cohorts(), _CPU.type)
    package = plant(work / "package")
    return Workplace(work, package, suite, sources, digest_of_looks(package), options)


def train_pool(place: Workplace, tell: Tell) -> Side:
    """The null seeds of the whole suite; what is finished is not trained again."""
    options = place.options
    seeds = tuple(range(options.pool_seeds))
    job = _job(place, "train", place.work / "pool.json", seeds=seeds, run=str(place.work / "pool"))
    answer = _answered(place, None, replace(job, workers=options.processes), tell)
    if answer.problem or answer.values["failed"]:
        told = answer.problem or "; ".join(answer.values["failed"])
        raise GanbenchError(f"the pool of null seeds could not be trained: {told}")
    return load_side(place.work / "pool")


def train_defects(place: Workplace, tell: Tell) -> Iterator[Trained]:
    """Each defect's cohorts and checks, some at a time; in the order in which they are done."""
    defects = place.options.planted()
    with ThreadPoolExecutor(place.options.processes) as threads:
        waiting = [threads.submit(_train_defect, place, defect, tell) for defect in defects]
        try:
            for done in as_completed(waiting):
                yield done.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def _train_defect(place: Workplace, defect: Defect, tell: Tell) -> Trained:
    folder = place.work / "defects" / defect.name
    run = folder / "run"
    train, probe, repeat = (
        _job(place, "train", folder / "train.json", defect, place.options.seeds_of_defects, str(run)),
        _job(place, "probe", folder / "probe.json", defect, _SHORT_SEEDS),
        _job(place, "repeat", folder / "repeat.json", defect, _SHORT_SEEDS),
    )
    shutil.rmtree(folder / "package", ignore_errors=True)  # of an earlier selftest, and older sources
    answers = [_answered(place, defect, job, tell) for job in (train, probe, repeat)]
    shutil.rmtree(folder / "package", ignore_errors=True)
    return Trained(defect, answers[0], answers[1], answers[2], run)


def _job(
    place: Workplace,
    task: Task,
    answer: Path,
    defect: Defect | None = None,
    seeds: tuple[int, ...] = (),
    run: str = "",
) -> Job:
    return Job(
        task=task,
        package=str(place.package if defect is None else answer.parent / "package" / place.package.name),
        suite=str(place.suite),
        answer=str(answer),
        variants=defect.variants if defect else None,
        datasets=defect.datasets if defect else None,
        seeds=seeds,
        steps=place.options.steps if task == "train" else None,
        run=run,
    )


def _answered(place: Workplace, defect: Defect | None, job: Job, tell: Tell) -> Answer:
    """A kept answer, or a new one: the copy is made when it is needed."""
    sources = place.sources if job.task == "train" else f"{place.sources} {place.looks}"
    mark = stamp(defect, job, sources)
    kept = kept_answer(job, mark)
    name = defect.name if defect else "the pool of null seeds"
    if kept is not None:
        tell(f"{name}: {job.task} was done before")
        return kept
    if defect is not None and not Path(job.package).is_dir():
        plant(Path(job.package).parent, defect, place.package)
    tell(f"{name}: {job.task}")
    return ask(job, mark)
