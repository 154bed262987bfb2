"""Runs a suite's cohorts into a run folder: what is finished under the same key is not run again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from ganbench import store
from ganbench.datasets import Dataset
from ganbench.errors import GanbenchError
from ganbench.execution.cohort_run import CohortTask, Listener, identity_of
from ganbench.execution.dataset_artifacts import dataset_arrays, dataset_card
from ganbench.execution.environment import environment
from ganbench.execution.key import cohort_key, run_key
from ganbench.execution.pool import run_tasks
from ganbench.execution.records import run_records
from ganbench.suite.suite import Suite
from ganbench.training.description import CohortDescription, Engine
from ganbench.training.trainer import make


@dataclass(frozen=True)
class Plan:
    """What a run will do: its folder, the cohorts still to train, and how many trials are done."""

    run: Path
    key: str
    tasks: tuple[CohortTask, ...]
    workers: int
    device: torch.device
    trials: int
    trials_done: int


@dataclass(frozen=True)
class Summary:
    """How a run ended."""

    run: Path
    trained: int
    failed: tuple[str, ...]
    diverged: int


def make_plan(
    suite: Suite,
    out: Path | None,
    device: torch.device,
    workers: int | None = None,
    results: Path = Path("results"),
) -> Plan:
    """Compare the suite with what the run folder holds: `out`, or one in `results`; writes nothing."""
    descriptions = suite.cohorts()
    key = run_key(descriptions, device.type)
    run = (results / f"{store.file_name(suite.name)}-{key[:8]}" if out is None else out).absolute()
    _check_folder(run)
    processes, threads = processes_and_threads(suite.engine, device, workers)
    finished = _finished_seeds(run, _wanted(suite, device))
    missing = []
    for description in descriptions:
        identity_key = cohort_key(description, device.type)
        left = tuple(seed for seed in description.seeds if seed not in finished.get(identity_key, set()))
        if left:
            missing.append((identity_key, replace(description, seeds=left)))
    parts = -(-processes // len(missing)) if missing else 1
    tasks = [
        CohortTask(identity_of(part, each_key), each_key, part, str(run), str(device), threads)
        for each_key, description in missing
        for part in split_seeds(description, parts)
    ]
    trials = sum(len(description.seeds) for description in descriptions)
    left_over = sum(len(task.description.seeds) for task in tasks)
    return Plan(run, key, tuple(tasks), processes, device, trials, trials - left_over)


def execute(suite: Suite, plan: Plan, tell: Listener) -> Summary:
    """Train what is missing, then write the run's own files."""
    _set_aside_others(suite, plan)
    _write_run(suite, plan)
    run_tasks(plan.tasks, plan.workers, tell)
    collect(plan.run)
    return summarize(plan.run, len(plan.tasks))


def collect(run: Path) -> None:
    """Rebuild what is derived from the cohorts' folders: records and quantities."""
    folders = [each for each in store.cohort_folders(run) if (each / store.RECORDS_FILE).is_file()]
    store.write_atomic(run / store.RECORDS_FILE, run_records(folders))
    quantities: dict[str, Any] = {}
    for folder in folders:
        quantities |= store.read_json(folder / store.QUANTITIES_FILE)
    store.write_json(run / store.QUANTITIES_FILE, quantities)


def summarize(run: Path, trained: int = 0) -> Summary:
    """Count failed cohorts and diverged trials of a run folder."""
    failed, diverged = [], 0
    for folder in store.cohort_folders(run):
        outcome = store.read_outcome(folder)
        if outcome["status"] != "finished":
            failed.append(f"{outcome['reason']}; see {folder / store.OUTCOME_FILE}")
        diverged += sum(seed["outcome"] == "diverged" for seed in outcome["seeds"].values())
    return Summary(run, trained, tuple(failed), diverged)


def processes_and_threads(engine: Engine, device: torch.device, workers: int | None) -> tuple[int, int]:
    """How many worker processes, and how many threads each of them has."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    processes = workers or engine.processes or (1 if device.type == "cuda" else cores)
    return processes, engine.threads or max(min(cores // processes, torch.get_num_threads()), 1)


def split_seeds(description: CohortDescription, parts: int) -> list[CohortDescription]:
    """Share a cohort's seeds among processes, where there are fewer cohorts than processes."""
    parts = min(parts, len(description.seeds))
    size, extra = divmod(len(description.seeds), parts)
    ends = [size * (part + 1) + min(part + 1, extra) for part in range(parts)]
    return [
        replace(description, seeds=description.seeds[start:end])
        for start, end in zip([0, *ends], ends, strict=False)
    ]


def _wanted(suite: Suite, device: torch.device) -> dict[str, set[int]]:
    return {cohort_key(each, device.type): set(each.seeds) for each in suite.cohorts()}


def _counts(folder: Path, wanted: Mapping[str, set[int]]) -> tuple[str, set[int]] | None:
    """The key and seeds of a stored cohort that is finished and part of what is wanted."""
    if store.read_outcome(folder)["status"] != "finished":
        return None
    described = store.read_description(folder)
    key, seeds = described["key"], set(described["seeds"])
    return (key, seeds) if seeds <= wanted.get(key, set()) else None


def _finished_seeds(run: Path, wanted: Mapping[str, set[int]]) -> dict[str, set[int]]:
    finished: dict[str, set[int]] = {}
    for folder in store.cohort_folders(run):
        counted = _counts(folder, wanted)
        if counted is not None:
            finished.setdefault(counted[0], set()).update(counted[1])
    return finished


def _set_aside_others(suite: Suite, plan: Plan) -> None:
    """Move failed cohorts and those of other keys out of the way: kept, never reported as this run's."""
    wanted = _wanted(suite, plan.device)
    for folder in store.cohort_folders(plan.run):
        if _counts(folder, wanted) is None:
            set_aside(plan.run, folder)


def set_aside(run: Path, cohort: Path) -> None:
    """Move a cohort to where it is kept and not reported."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    target = run / store.SUPERSEDED / f"{cohort.name}--{stamp}"
    target.parent.mkdir(exist_ok=True)
    os.replace(cohort, target)


def _check_folder(run: Path) -> None:
    """Refuse what cannot be a run folder, or is one that a newer version wrote."""
    if run.exists() and not run.is_dir():
        raise GanbenchError(f"{run}: a file; --out must name a folder, new or of an earlier run")
    if (run / store.RUN_FILE).exists():
        store.read_run(run)


def _write_run(suite: Suite, plan: Plan) -> None:
    described: Mapping[str, Any] = {
        "format": store.FORMAT,
        "name": suite.name,
        "key": plan.key,
        "created": _created(plan) or datetime.now(UTC).isoformat(timespec="seconds"),
        "suite": suite.as_json(),
        "environment": environment(plan.device),
    }
    store.write_json(plan.run / store.RUN_FILE, described)
    for choice in suite.datasets:
        dataset: Dataset = make("dataset", choice)
        card = {**dataset_card(dataset), "label": choice.label}
        store.write_json(store.dataset_file(plan.run, choice.label, ".json"), card)
        store.write_atomic(store.dataset_file(plan.run, choice.label, ".npz"), dataset_arrays(dataset))


def _created(plan: Plan) -> str | None:
    """When this same run was begun, where it goes on."""
    if not (plan.run / store.RUN_FILE).exists():
        return None
    before = store.read_run(plan.run)
    return before.get("created") if before.get("key") == plan.key else None
