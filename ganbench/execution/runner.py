"""Runs a suite's cohorts into a run folder: what is finished under the same key is not run again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import torch

from ganbench import store
from ganbench.datasets import Dataset
from ganbench.errors import GanbenchError
from ganbench.execution.backends import run_tasks
from ganbench.execution.cohort_run import CohortTask, Listener, identity_of
from ganbench.execution.dataset_artifacts import dataset_arrays, dataset_card
from ganbench.execution.environment import environment
from ganbench.execution.key import key_of_parts, recipe_of
from ganbench.execution.records import run_records
from ganbench.execution.reuse import Reuse, Wanted, apply_reuse, reusable
from ganbench.suite.suite import Suite
from ganbench.training.description import CohortDescription, Engine
from ganbench.training.trainer import make


@dataclass(frozen=True)
class Split:
    """How a run's cohorts are shared out: part of its numbers' last digits, so that a run keeps it."""

    processes: int
    threads: int
    cores: int


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
    wanted: tuple[Wanted, ...]
    reuse: Reuse
    split: Split
    elsewhere: tuple[Path, int] | None = None
    """Another folder of this suite, where this one is new, and how many trials could be reused from it."""


@dataclass(frozen=True)
class Summary:
    """How a run ended; `missing` names the trials of the plan that have no result."""

    run: Path
    trained: int
    failed: tuple[str, ...]
    diverged: int
    missing: tuple[str, ...] = field(default=())


def make_plan(
    suite: Suite,
    out: Path | None,
    device: torch.device,
    workers: int | None = None,
    results: Path = Path("results"),
) -> Plan:
    """Compare the suite with what the run folder holds: `out`, or one in `results`; writes nothing."""
    wanted = tuple(Wanted(each, recipe_of(each, device.type)) for each in suite.cohorts())
    key = key_of_parts((each.recipe.key, each.description.seeds) for each in wanted)
    run = (results / f"{suite.name}-{key[:8]}" if out is None else out).absolute()
    _check_folder(run)
    reuse, split = reusable(run, wanted), split_of(run, suite.engine, device, workers)
    trials = sum(len(each.description.seeds) for each in wanted)
    return Plan(
        run=run,
        key=key,
        tasks=tuple(tasks_of(run, wanted, reuse, split, device)),
        workers=workers or split.processes,
        device=device,
        trials=trials,
        trials_done=reuse.trials,
        wanted=wanted,
        reuse=reuse,
        split=split,
        elsewhere=_elsewhere(suite, run, wanted) if out is None and not run.exists() else None,
    )


def execute(suite: Suite, plan: Plan, tell: Listener) -> Summary:
    """Train what is missing, then write the run's own files."""
    with alone_in(plan.run):
        apply_reuse(plan.run, plan.reuse)
        _write_run(suite, plan)
        run_tasks(plan.tasks, plan.workers, tell)
        collect(plan.run)
    missing = tuple(_missing(plan.wanted, reusable(plan.run, plan.wanted)))
    return replace(summarize(plan.run, len(plan.tasks)), missing=missing)


def collect(run: Path) -> None:
    """Rebuild what is derived from the cohorts' folders: records and quantities, and of which they are."""
    folders = [each for each in store.cohort_folders(run) if (each / store.RECORDS_FILE).is_file()]
    store.write_atomic(run / store.RECORDS_FILE, run_records(folders))
    quantities: dict[str, Any] = {}
    for folder in folders:
        quantities |= store.read_json(folder / store.QUANTITIES_FILE)
    store.write_json(run / store.QUANTITIES_FILE, quantities)
    made_of = {folder.name: store.read_outcome(folder).get("records") for folder in folders}
    store.write_json(run / store.RUN_FILE, {**store.read_run(run), "records_of": made_of})


def summarize(run: Path, trained: int = 0) -> Summary:
    """Count failed cohorts and diverged trials of a run folder."""
    failed, diverged = [], 0
    for folder in store.cohort_folders(run):
        outcome = store.read_outcome(folder)
        if outcome["status"] != "finished":
            failed.append(f"{outcome['reason']}; see {folder / store.OUTCOME_FILE}")
        diverged += sum(seed["outcome"] == "diverged" for seed in outcome["seeds"].values())
    return Summary(run, trained, tuple(failed), diverged)


def split_of(run: Path, engine: Engine, device: torch.device, workers: int | None) -> Split:
    """How work is shared: as the suite says, else as this run was begun, else as this machine allows."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    begun = _split_begun(run, device, cores)
    usual = workers or (1 if device.type == "cuda" else cores)
    processes = engine.processes or begun.get("processes") or usual
    threads = max(min(cores // (workers or processes), torch.get_num_threads()), 1)
    return Split(processes, engine.threads or begun.get("threads") or threads, cores)


def _split_begun(run: Path, device: torch.device, cores: int) -> Mapping[str, int]:
    """How the run in this folder was shared out; empty unless that was on a machine like this."""
    if not (run / store.RUN_FILE).is_file():
        return {}
    described = store.read_run(run)
    split = described.get("split") or {}
    alike = split.get("cores") == cores and described["environment"]["device_type"] == device.type
    return split if alike else {}


def split_seeds(description: CohortDescription, parts: int) -> list[CohortDescription]:
    """Share a cohort's seeds among processes, where there are fewer cohorts than processes."""
    parts = min(parts, len(description.seeds))
    size, extra = divmod(len(description.seeds), parts)
    ends = [size * (part + 1) + min(part + 1, extra) for part in range(parts)]
    return [
        replace(description, seeds=description.seeds[start:end])
        for start, end in zip([0, *ends], ends, strict=False)
    ]


@contextmanager
def alone_in(run: Path) -> Iterator[None]:
    """No other run is at work in the folder meanwhile; what one that was killed left half-written goes."""
    run.mkdir(parents=True, exist_ok=True)
    handle = _lock(run)
    try:
        for folder in (run, run / store.COHORTS, run / store.DATASETS):
            store.remove_temporaries(folder)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _lock(folder: Path) -> int | None:
    """Lock a folder until the handle is closed or this process ends, where the system can."""
    try:
        import fcntl
    except ImportError:
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise GanbenchError(
            f"{folder}: another run is at work here; wait for it, or name another --out"
        ) from None
    except OSError:  # a file system without locks
        os.close(handle)
        return None
    return handle


def tasks_of(
    run: Path, wanted: Sequence[Wanted], reuse: Reuse, split: Split, device: torch.device
) -> Iterator[CohortTask]:
    """What is to be trained of each part: the parts depend on all that is wanted, not on what is done."""
    parts = -(-split.processes // max(len(wanted), 1))
    for each in wanted:
        key = each.recipe.key
        for part in split_seeds(each.description, parts):
            if seeds := reuse.missing(key, part.seeds):
                description = replace(part, seeds=seeds)
                identity = identity_of(description, key)
                yield CohortTask(identity, each.recipe, description, str(run), str(device), split.threads)


def _missing(wanted: Sequence[Wanted], reuse: Reuse) -> Iterator[str]:
    """Each cohort of which seeds have no result, in words."""
    for each in wanted:
        if seeds := reuse.missing(each.recipe.key, each.description.seeds):
            listed = ", ".join(map(str, seeds[:10])) + (", …" if len(seeds) > 10 else "")
            yield f"{' · '.join(each.cell)}: seed{'s' if len(seeds) > 1 else ''} {listed}"


def _elsewhere(suite: Suite, run: Path, wanted: Sequence[Wanted]) -> tuple[Path, int] | None:
    """The folder beside a new one that holds most of what is wanted, and how many trials."""
    files = sorted(run.parent.glob(f"*/{store.RUN_FILE}"))
    folders = [file.parent for file in files if _name_of(file.parent) == suite.name]
    trials = [(folder, reusable(folder, wanted).trials) for folder in folders]
    best = max(trials, key=itemgetter(1), default=None)
    return best if best and best[1] else None


def _name_of(run: Path) -> Any:
    """The suite's name; None where the folder is no run."""
    with suppress(GanbenchError):
        return store.read_run(run).get("name")


def _check_folder(run: Path) -> None:
    """Refuse what cannot be a run folder, or is one that a newer version wrote."""
    if run.exists() and not run.is_dir():
        raise GanbenchError(f"{run}: a file; --out must name a folder, new or of an earlier run")
    if (run / store.RUN_FILE).exists():
        store.read_run(run)


def _write_run(suite: Suite, plan: Plan) -> None:
    before = store.read_run(plan.run) if (plan.run / store.RUN_FILE).exists() else {}
    same = before.get("key") == plan.key
    described: Mapping[str, Any] = {
        "format": store.FORMAT,
        "name": suite.name,
        "key": plan.key,
        "created": (same and before.get("created")) or datetime.now(UTC).isoformat(timespec="seconds"),
        "suite": suite.as_json(),
        "split": asdict(plan.split),
        "environment": environment(plan.device),
        "records_of": before.get("records_of", {}),
    }
    store.write_json(plan.run / store.RUN_FILE, described)
    for choice in suite.datasets:
        write_dataset(plan.run, choice.label, make("dataset", choice))


def write_dataset(run: Path, label: str, dataset: Dataset) -> None:
    """A data set's card, and what figures need of it."""
    card = {**dataset_card(dataset), "label": label}
    store.write_json(store.dataset_file(run, label, ".json"), card)
    store.write_atomic(store.dataset_file(run, label, ".npz"), dataset_arrays(dataset))
