"""One cohort from description to folder: the unit of work that a worker is given."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save
from torch import Tensor

from ganbench import store
from ganbench.execution.environment import environment
from ganbench.execution.key import Recipe
from ganbench.execution.measurements import Measurements, npz
from ganbench.execution.provenance import Provenance
from ganbench.execution.records import cohort_records, records_digest
from ganbench.game import StateInput
from ganbench.training.description import CohortDescription
from ganbench.training.device import matmul_precision
from ganbench.training.trainer import Trainer
from ganbench.user_code import location_of, one_line

EventKind = Literal["started", "note", "progress", "measured", "finished", "failed"]


@dataclass(frozen=True)
class CohortTask:
    """A cohort to run: its identity, where its folder goes, and on which device."""

    identity: str
    recipe: Recipe
    description: CohortDescription
    run: str
    device: str
    threads: int


@dataclass(frozen=True)
class Event:
    """Something that happened to a cohort; `share` of its budget spent, details in words."""

    kind: EventKind
    identity: str
    share: float = 0.0
    detail: str = ""
    seconds: float = 0.0


Listener = Callable[[Event], None]


class Terminated(BaseException):
    """Somebody outside wants this process to end; everything else that is raised is the cohort's fault."""


def identity_of(description: CohortDescription, key: str) -> str:
    """A folder name: readable, unique by key and seeds."""
    seeds = description.seeds
    contiguous = seeds == tuple(range(seeds[0], seeds[-1] + 1))
    span = f"{seeds[0]}-{seeds[-1]}" if contiguous else "_".join(map(str, seeds))
    words = (description.dataset.label, description.variant.label, f"seeds-{span}", key[:8])
    return "--".join(map(store.file_name, words))


def run_cohort(task: CohortTask, provenance: Provenance, tell: Listener) -> None:
    """Train, measure and store one cohort; whatever is raised becomes its stored outcome."""
    began = time.perf_counter()
    threads = torch.get_num_threads()
    torch.set_num_threads(task.threads)
    tell(Event("started", task.identity))
    try:
        with matmul_precision(task.description.engine.precision):
            detail = _train_and_store(task, provenance, tell, began)
        tell(Event("finished", task.identity, 1.0, detail, time.perf_counter() - began))
    except Terminated:
        raise
    except BaseException as error:  # the one broad catch: a variant may fail in any way, the run goes on
        reason = _reason(error)
        write_failure(task, reason, _encodable(traceback.format_exc()), began)
        tell(Event("failed", task.identity, detail=reason))
    finally:
        torch.set_num_threads(threads)


def write_failure(task: CohortTask, reason: str, trace: str | None, began: float | None = None) -> None:
    """Store that a cohort failed; never counted as done."""
    outcome = {
        "status": "failed",
        "reason": reason,
        "traceback": trace,
        "seeds": {str(seed): {"outcome": "failed"} for seed in task.description.seeds},
        "wall_seconds": None if began is None else time.perf_counter() - began,
    }
    made_of = task.recipe.ingredients | {"read": {}}
    store.write_folder(_folder(task), lambda folder: _write_about(folder, task, made_of, outcome))


def _folder(task: CohortTask) -> Path:
    return Path(task.run) / store.COHORTS / task.identity


def _write_about(
    folder: Path, task: CohortTask, made_of: Mapping[str, Any], outcome: Mapping[str, Any]
) -> None:
    """The files of every cohort, failed ones too."""
    described = {"id": task.identity, "key": task.recipe.key, "made_of": made_of}
    store.write_json(folder / store.DESCRIPTION_FILE, task.description.as_json() | described)
    store.write_json(folder / store.ENVIRONMENT_FILE, environment(torch.device(task.device)))
    store.write_json(folder / store.OUTCOME_FILE, outcome)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()  # a lone surrogate can be written nowhere


def _reason(error: BaseException) -> str:
    """The error in one line, with its place in a user's code where it came by any."""
    place = location_of(error)
    return one_line(error) + (f" ({Path(place).name})" if place else "")


def _train_and_store(task: CohortTask, provenance: Provenance, tell: Listener, began: float) -> str:
    """Return which seeds diverged, in words."""
    provenance.check(task.recipe)
    cohort = Trainer(task.description, torch.device(task.device))
    chosen = cohort.execution
    if chosen["reason"] is not None:
        how = "without the compiler" if chosen["mode"] == "traced" else "one seed after another"
        tell(Event("note", task.identity, detail=f"{chosen['reason']}; it goes on {how}"))
    measurements = Measurements(cohort)
    measuring = 0.0
    progress = lambda share: tell(Event("progress", task.identity, share))  # noqa: E731
    for snapshot in cohort.train(progress, measurements.on_round if measurements.reads_rounds else None):
        since = time.perf_counter()
        measurements.take(snapshot)
        measuring += time.perf_counter() - since
        if snapshot.moment.final and measurements.reads_rounds:
            measurements.add_rounds(snapshot)
        tell(Event("measured", task.identity, cohort.share_spent))
    outcome = _outcome(cohort, measuring, time.perf_counter() - began)
    provenance.check(task.recipe)
    made_of = task.recipe.ingredients | {"read": provenance.data_read(task.recipe, Path(task.run))}

    def fill(folder: Path) -> None:
        digest = _write_numbers(folder, cohort, measurements)
        _write_about(folder, task, made_of, outcome | {"records": digest})

    store.write_folder(_folder(task), fill)
    diverged = [f"seed {seed} at step {o['step']}" for seed, o in outcome["seeds"].items() if "step" in o]
    return f"diverged: {', '.join(diverged)}" if diverged else ""


def _outcome(cohort: Trainer, measuring: float, wall: float) -> dict[str, Any]:
    seeds: dict[str, dict[str, Any]] = {}
    for seed, at in zip(cohort.description.seeds, cohort.diverged(), strict=True):
        if at is None:
            seeds[str(seed)] = {"outcome": "finished"}
        else:
            images = at[0] * cohort.variant.reals_per_batch
            seeds[str(seed)] = {"outcome": "diverged", "step": at[0], "images": images, "player": at[1]}
    return {
        "status": "finished",
        "reason": None,
        "traceback": None,
        "seeds": seeds,
        "seconds": cohort.clock.seconds,
        "measuring_seconds": measuring,
        "wall_seconds": wall,
        "execution": cohort.execution,
    }


def _write_numbers(folder: Path, cohort: Trainer, measurements: Measurements) -> str:
    """Records, quantities, arrays and networks; returns the records' digest."""
    digest = write_measurements(folder, cohort.description, measurements)
    store.write_atomic(folder / store.NETWORKS_FILE, save(network_tensors(cohort)))
    return digest


def write_measurements(folder: Path, description: CohortDescription, measurements: Measurements) -> str:
    """Records, quantities and arrays; returns the records' digest."""
    records = cohort_records(measurements.rows, description.variant.options, description.dataset.options)
    store.write_atomic(folder / store.RECORDS_FILE, records)
    quantities = {name: quantity.as_json() for name, quantity in measurements.quantities.items()}
    store.write_json(folder / store.QUANTITIES_FILE, quantities)
    store.write_atomic(folder / store.ARRAYS_FILE, npz(measurements.arrays()))
    return records_digest(records)


def network_tensors(cohort: Trainer) -> dict[str, Tensor]:
    """All networks of all seeds by name: "<params|buffers|averages>/<player>/<name>" [S, ...].

    Beside them "inputs/game/<name>": what samples read of the training's state.
    """
    stateful = {name for name, item in cohort.game.inputs.items() if isinstance(item, StateInput)}
    last = cohort.snapshot(0, True)
    constants = {n: v for n, v in last.constants().items() if n in stateful & set(last.sample_reads)}
    parts = {
        "inputs": {"game": constants},
        "params": cohort.state.params,
        "buffers": cohort.state.buffers,
        "averages": cohort.state.averages,
    }
    return {
        f"{part}/{player}/{name}": value.detach().cpu().contiguous()
        for part, trees in parts.items()
        for player, tree in trees.items()
        for name, value in tree.items()
    }
