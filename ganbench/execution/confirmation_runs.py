"""Fresh seeds for some of a run's cohorts: what confirms a suspicion, or clears it."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import torch

from ganbench import store
from ganbench.errors import GanbenchError
from ganbench.execution.backends import run_tasks
from ganbench.execution.cohort_run import CohortTask, Listener
from ganbench.execution.key import recipe_of
from ganbench.execution.reuse import Reuse, Wanted, set_aside
from ganbench.execution.runner import Split, alone_in, collect, split_of, tasks_of
from ganbench.execution.trust import include_stored
from ganbench.training.description import Budget, Choice, CohortDescription, Engine

FOLDER = "fresh"
"""Where in a run's folder they lie: a run folder of its own."""


@dataclass(frozen=True)
class FreshWork:
    """The cohorts still to train, on how many processes, and the identities of all that count."""

    run: Path
    tasks: tuple[CohortTask, ...]
    workers: int
    identities: frozenset[str] = frozenset()
    split: Split | None = None


def fresh_work(
    run: Path,
    taken: Mapping[tuple[str, str], Collection[int]],
    seeds: int,
    device: torch.device,
    workers: int | None = None,
    trusted: bool = False,
) -> FreshWork:
    """Of each (variant, data set) in `taken` a cohort of `seeds` seeds that are not taken.

    Raises GanbenchError where the run's cohorts were made by other code or versions than these: fresh seeds
    would say nothing about them; and where they need a user's file that is not `trusted`.
    """
    stored = {
        described["key"]: described for described in map(store.read_description, store.cohort_folders(run))
    }
    wanted = []
    for key, described in stored.items():  # the parts of a cohort differ in their seeds alone
        description = _description(described)
        cell = (description.variant.label, description.dataset.label)
        if cell in taken:
            files = include_stored(described, run, trusted)
            free = (seed for seed in count() if seed not in taken[cell])
            fresh = replace(description, include=files, seeds=tuple(islice(free, seeds)))
            recipe = recipe_of(fresh, device.type)
            _refuse_other_code(run, key, recipe.key, cell)
            wanted.append(Wanted(fresh, recipe))
    if not wanted:
        return FreshWork(run, (), 1)
    split = split_of(run / FOLDER, wanted[0].description.engine, device, workers)
    tasks = list(tasks_of(run / FOLDER, wanted, Reuse(), split, device))
    to_train = tuple(task for task in tasks if not _is_finished(run / FOLDER, task))
    identities = frozenset(task.identity for task in tasks)
    return FreshWork(run, to_train, workers or split.processes, identities, split)


def train_fresh(work: FreshWork, tell: Listener) -> Path:
    """Train them into the run's folder of fresh seeds, and return that."""
    folder = work.run / FOLDER
    described = dict(store.read_run(work.run))
    del described["suite"]  # these are not all of its cells, nor its seeds
    described["name"] += ", fresh seeds"
    described["split"] = asdict(work.split) if work.split else None
    with alone_in(folder):
        store.write_json(folder / store.RUN_FILE, described)
        shutil.copytree(work.run / store.DATASETS, folder / store.DATASETS, dirs_exist_ok=True)
        for cohort in list(store.cohort_folders(folder)):
            if cohort.name not in work.identities:
                set_aside(folder, cohort)
        run_tasks(work.tasks, work.workers, tell)
        collect(folder)
    return folder


def _refuse_other_code(run: Path, before: str, now: str, cell: tuple[str, str]) -> None:
    if now != before:
        raise GanbenchError(
            f"{run}: {cell[0]} on {cell[1]} was trained by other code, other versions or on another kind of "
            f"device than now (key {before}, now {now}); run the suite again, then confirm"
        )


def _is_finished(folder: Path, task: CohortTask) -> bool:
    """Whether it is there; its name alone does not tell, as a long list of seeds is cut short in it."""
    cohort = folder / store.COHORTS / task.identity
    return (
        (cohort / store.OUTCOME_FILE).is_file()
        and store.read_outcome(cohort)["status"] == "finished"
        and tuple(store.read_description(cohort)["seeds"]) == task.description.seeds
    )


def _description(stored: Mapping[str, Any]) -> CohortDescription:
    return CohortDescription(
        dataset=Choice(**stored["dataset"]),
        variant=Choice(**stored["variant"]),
        seeds=tuple(stored["seeds"]),
        budget=Budget(**stored["budget"]),
        measure=tuple(stored["measure"]),
        diagnostics=tuple(Choice(**each) for each in stored["diagnostics"]),
        engine=Engine(**stored["engine"]),
        include=tuple(stored["include"]),
    )
