"""Fresh seeds for some of a run's cohorts: what confirms a suspicion, or clears it."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from typing import Any

import torch

from ganbench import registry, store
from ganbench.errors import GanbenchError
from ganbench.execution.cohort_run import CohortTask, Listener, identity_of
from ganbench.execution.key import cohort_key
from ganbench.execution.pool import run_tasks
from ganbench.execution.runner import collect
from ganbench.training.description import Budget, Choice, CohortDescription, Engine

FOLDER = "fresh"
"""Where in a run's folder they lie: a run folder of its own."""


def fresh_tasks(
    run: Path,
    taken: Mapping[tuple[str, str], Collection[int]],
    seeds: int,
    device: torch.device,
    threads: int,
) -> list[CohortTask]:
    """The cohorts still to train: of each (variant, data set) in `taken`, `seeds` seeds that are not taken.

    Raises GanbenchError where the run's cohorts were made by other code or versions than these: fresh seeds
    would say nothing about them.
    """
    tasks = []
    for key, description in _first_parts(run):
        cell = (description.variant.label, description.dataset.label)
        if cell not in taken:
            continue
        free = (seed for seed in count() if seed not in taken[cell])
        wanted = replace(description, seeds=tuple(islice(free, seeds)))
        now = cohort_key(wanted, device.type)
        if now != key:
            raise GanbenchError(
                f"{run}: {cell[0]} on {cell[1]} was trained by other code, other versions or on another kind of "
                f"device than now (key {key}, now {now}); run the suite again, then confirm"
            )
        identity = identity_of(wanted, now)
        if not _finished(run / FOLDER, identity):
            tasks.append(CohortTask(identity, now, wanted, str(run / FOLDER), str(device), threads))
    return tasks


def train_fresh(run: Path, tasks: Sequence[CohortTask], workers: int, tell: Listener) -> Path:
    """Train them into the run's folder of fresh seeds, and return that."""
    folder = run / FOLDER
    about = dict(store.read_run(run))
    store.write_json(folder / store.RUN_FILE, {**about, "name": f"{about['name']}, fresh seeds"})
    shutil.copytree(run / store.DATASETS, folder / store.DATASETS, dirs_exist_ok=True)
    run_tasks(tasks, workers, tell)
    collect(folder)
    return folder


def _finished(folder: Path, identity: str) -> bool:
    cohort = folder / store.COHORTS / identity
    return (cohort / store.OUTCOME_FILE).is_file() and store.read_outcome(cohort)["status"] == "finished"


def _first_parts(run: Path) -> Iterator[tuple[str, CohortDescription]]:
    """Each cohort once, with its key: a cohort's parts differ in their seeds alone."""
    seen = set()
    for folder in store.cohort_folders(run):
        described = store.read_description(folder)
        if described["key"] not in seen:
            seen.add(described["key"])
            for file in described["include"]:
                registry.include(file)
            yield described["key"], _description(described)


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
