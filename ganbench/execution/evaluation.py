"""Samples from elsewhere, measured as those of a run are, and stored as a run folder: nothing is trained."""

from __future__ import annotations

import copy
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from ganbench import registry, store
from ganbench.datasets import Dataset, Primary
from ganbench.datasets.factors import KnownFactors
from ganbench.diagnostics.diagnostic import NotApplicable, build
from ganbench.diagnostics.sample_checks import distinct_share, in_range
from ganbench.errors import GanbenchError
from ganbench.execution.cohort_run import identity_of, write_measurements
from ganbench.execution.dataset_artifacts import data_hash
from ganbench.execution.environment import environment
from ganbench.execution.measurements import Measurements
from ganbench.execution.runner import collect, write_dataset
from ganbench.execution.sample_sources import GeneratorSource, Source
from ganbench.quantities import Quantity
from ganbench.suite.notation import choice_of_text
from ganbench.suite.overrides import VariantOverrides
from ganbench.suite.settings import options_of
from ganbench.suite.suite import Suite
from ganbench.training.description import Budget, Choice, CohortDescription, Engine
from ganbench.training.sample_snapshot import GivenSamples

NAME = "evaluation"
_FEWEST = 2
Obstacle = Literal["network", "data", "count"]
"""Why a diagnostic is left out: it reads a network, has nothing to say of the data, or needs more samples."""


@dataclass(frozen=True)
class Selection:
    """What is measured: the diagnostics, what ranks, and why the others are left out."""

    diagnostics: tuple[Choice, ...]
    primary: Primary
    left_out: Mapping[str, tuple[Obstacle, str]]
    """Label to what stands against it, and in words."""

    def left_out_for(self, obstacle: Obstacle) -> dict[str, str]:
        """The labels of the diagnostics that this stands against, and in words."""
        return {label: words for label, (kind, words) in self.left_out.items() if kind == obstacle}


@dataclass(frozen=True)
class SampleSet:
    """One set of samples of one fake: the fake's label, the set's number, and where it comes from."""

    label: str
    seed: int
    source: Source


@dataclass(frozen=True)
class Evaluation:
    """Everything that is to be measured."""

    real: Choice
    dataset: Dataset
    sets: tuple[SampleSet, ...]
    selection: Selection
    count: int
    device: torch.device
    notes: list[str] = field(default_factory=list)


class _Subject:
    """One set of samples as what `Measurements` asks of a cohort."""

    def __init__(self, description: CohortDescription, dataset: Dataset) -> None:
        self.description, self.dataset = description, dataset

    def diverged(self) -> list[tuple[int, str] | None]:
        return [None]


def sample_sets(labelled: Sequence[tuple[str, Source]]) -> tuple[SampleSet, ...]:
    """The sets, numbered from 0 within a label; GanbenchError where one is named twice."""
    counts: dict[str, int] = {}
    names: set[tuple[str, str]] = set()
    sets = []
    for label, source in labelled:
        if (source.kind, source.name) in names and source.available is not None:
            raise GanbenchError(f"--fake: {source.name} is named twice; one set cannot stand for two")
        names.add((source.kind, source.name))
        seed = counts.get(label, 0)
        counts[label] = seed + 1
        if isinstance(source, GeneratorSource):
            source.seed = seed
        sets.append(SampleSet(label, seed, source))
    return tuple(sets)


def evaluation_of(
    real: Choice,
    dataset: Dataset,
    labelled: Sequence[tuple[str, Source]],
    names: Sequence[str],
    samples: int | None,
    device: torch.device,
) -> Evaluation:
    """The plan: as many samples of each set as there are of the smallest, and the diagnostics that fit."""
    sets = sample_sets(labelled)
    wanted = samples or dataset.info.evaluation_samples
    available = {each.source.name: n for each in sets if (n := each.source.available) is not None}
    count = min([wanted, *available.values()])
    if count < _FEWEST:
        least = min(available, key=lambda name: available[name], default="--samples")
        raise GanbenchError(
            f"{least}: {count} sample{'s' * (count != 1)}; a distribution is judged by {_FEWEST} or more"
        )
    notes = [note for each in sets for note in each.source.notes]
    if count < wanted:
        least = min(available, key=lambda name: available[name])
        notes.append(f"{count:,} samples of each are measured, not {wanted:,}: {least} has no more")
    selection = _selected(dataset, names, count)
    fitted = _with_info(dataset, count, selection.primary)
    return Evaluation(real, fitted, sets, selection, count, device, notes)


def evaluate(plan: Evaluation, out: Path | None, results: Path = Path("results")) -> Path:
    """Measure every set, then write the run folder at once; what stood there was an evaluation, too."""
    if out is not None:
        _check_folder(out)
    measured = [_measured(plan, each) for each in plan.sets]
    key = _hash([[each.description.as_json(), each.digest] for each in measured], data_hash(plan.dataset))
    run = (results / f"{NAME}-{key[:8]}" if out is None else out).absolute()
    _check_folder(run)
    store.write_folder(run, lambda folder: _write(folder, plan, measured, key))
    return run


@dataclass(frozen=True)
class _Measured:
    description: CohortDescription
    measurements: Measurements
    digest: str


def _measured(plan: Evaluation, each: SampleSet) -> _Measured:
    examples = each.source.examples(plan.count)
    plan.notes.extend(_faults(each, examples, plan.dataset.info.spec.value_range))
    digest = hashlib.blake2b(examples.contiguous().numpy().tobytes(), digest_size=8).hexdigest()
    options = {"samples_from": each.source.kind, "samples_of": each.source.name, "samples_hash": digest}
    description = CohortDescription(
        dataset=plan.real,
        variant=Choice(each.label, each.label, options),
        seeds=(each.seed,),
        budget=Budget("samples", plan.count),
        measure=(1.0,),
        diagnostics=plan.selection.diagnostics,
    )
    fields = {name: value.unsqueeze(0) for name, value in each.source.fields(plan.count).items()}
    snapshot = GivenSamples(plan.dataset, examples.unsqueeze(0).to(plan.device), each.seed, fields)
    measurements = Measurements(_Subject(description, plan.dataset))
    measurements.take(snapshot)
    plan.notes.extend(note for note in measurements.notes if note not in plan.notes)
    return _Measured(description, measurements, digest)


def _faults(each: SampleSet, examples: Tensor, value_range: tuple[float, float] | None) -> Iterator[str]:
    """What a reader must know of samples: they are measured all the same."""
    name, count, rows = each.source.name, len(examples), examples.flatten(1)
    finite = rows.isfinite().all(1)
    if infinite := int((~finite).sum()):
        yield f"{name}: {infinite:,} of {count:,} samples are not finite, so what is of all is undefined"
    if value_range is not None and (outside := int((finite & ~in_range(rows, value_range)).sum())):
        least, most = (f"{float(value):g}" for value in rows[finite].aminmax())
        yield (
            f"{name}: {outside:,} of {count:,} samples leave the data's range of {value_range[0]:g} to "
            f"{value_range[1]:g}; their values are from {least} to {most}"
        )
    share = distinct_share(rows)
    if share * count == 1:
        yield f"{name}: all {count:,} samples are the same"
    elif share < 0.5:
        yield f"{name}: only {round(share * count):,} of {count:,} samples are distinct"


# Diagnostics


def _selected(dataset: Dataset, names: Sequence[str], count: int) -> Selection:
    """The named diagnostics, else all that read samples alone and apply; and what ranks."""
    primary = dataset.info.primary
    fitted = _with_info(dataset, count, primary)
    chosen: dict[str, tuple[Choice, tuple[Quantity, ...]]] = {}
    left_out: dict[str, tuple[Obstacle, str]] = {}
    for text in names or _default_names(primary):
        choice = choice_of_text("diagnostic", text, "--diagnostics")
        try:
            choice = _fitting(choice, count)
            made = build(choice.name, fitted, choice.options)
        except (NotApplicable, GanbenchError) as error:
            if names:
                raise GanbenchError(f"--diagnostics {text}: {error}") from error
            left_out[choice.label] = ("data" if isinstance(error, NotApplicable) else "count", str(error))
            continue
        if not made.samples_only:
            if names:
                raise GanbenchError(f"--diagnostics {text}: reads a network, and here are samples alone")
            left_out[choice.label] = ("network", "reads a network")
            continue
        if choice.label in chosen:
            raise GanbenchError(
                f"--diagnostics: {choice.label} stands twice; `{{label: NAME, …}}` tells them apart"
            )
        chosen[choice.label] = choice, made.quantities
    ranking = _primary(dataset, tuple(chosen.values()))
    if ranking is None:
        raise GanbenchError(f"{dataset.info.name}: none of the diagnostics can rank {count} samples")
    return Selection(tuple(choice for choice, _ in chosen.values()), ranking, left_out)


def _default_names(primary: Primary) -> Iterator[str]:
    """Every diagnostic that needs no option; that of the primary quantity with the data set's options."""
    for name in registry.names("diagnostic"):
        if name == primary.diagnostic and primary.options:
            yield json.dumps({name: dict(primary.options)})
        elif not any(option.required for option in options_of("diagnostic", name).values()):
            yield name


def _fitting(choice: Choice, count: int) -> Choice:
    """The diagnostic on no more samples than there are; GanbenchError where it asks or needs more."""
    option = options_of("diagnostic", choice.name).get("samples")
    asked = choice.options.get("samples")
    if option is None or asked is None or asked <= count:
        return choice
    if asked != option.default:
        raise GanbenchError(f"{asked:,} samples are asked for, and there are {count:,}")
    registry.check_value(option.type, count, "samples")
    return replace(choice, options={**choice.options, "samples": count})


def _primary(dataset: Dataset, made: Sequence[tuple[Choice, tuple[Quantity, ...]]]) -> Primary | None:
    """What ranks: the data set's own quantity at this count, else the first with a better side."""
    own = dataset.info.primary
    for choice, quantities in made:
        if choice.name == own.diagnostic:
            usual = [q.name for q in build(own.diagnostic, dataset, own.options).quantities]
            if own.quantity in usual and len(usual) == len(quantities):
                return Primary(own.diagnostic, quantities[usual.index(own.quantity)].name, choice.options)
    directed = ((c, q) for c, quantities in made for q in quantities if q.direction != "none")
    first = next(directed, None)
    return None if first is None else Primary(first[0].name, first[1].name, first[0].options)


def _with_info(dataset: Dataset, count: int, primary: Primary) -> Dataset:
    """The same data set, of which so many samples are judged by that quantity."""
    made = copy.copy(dataset)
    made.info = replace(dataset.info, evaluation_samples=count, primary=primary)
    if isinstance(made, KnownFactors):
        made.factor_samples = min(made.factor_samples, count)
    return made


# The run folder


def _check_folder(run: Path) -> None:
    """Refuse to put an evaluation in the place of anything else."""
    if run.exists() and not run.is_dir():
        raise GanbenchError(f"{run}: a file; --out must name a folder")
    if run.is_dir() and any(run.iterdir()):
        name = store.read_run(run).get("name") if (run / store.RUN_FILE).is_file() else None
        if name != NAME:
            raise GanbenchError(f"{run}: holds something else than an evaluation; name another --out")


def _write(folder: Path, plan: Evaluation, measured: Sequence[_Measured], key: str) -> None:
    for each in measured:
        cohort_key = _hash(each.description.as_json(), each.digest)
        identity = identity_of(each.description, cohort_key)
        _write_cohort(folder / store.COHORTS / identity, each, identity, cohort_key, plan.device)
    write_dataset(folder, plan.real.label, plan.dataset)
    described = {
        "format": store.FORMAT,
        "name": NAME,
        "key": key,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "suite": _suite(plan, measured).as_json(),
        "notes": plan.notes,
        "environment": environment(plan.device),
        "records_of": {},
    }
    store.write_json(folder / store.RUN_FILE, described)
    collect(folder)


def _write_cohort(folder: Path, each: _Measured, identity: str, key: str, device: torch.device) -> None:
    digest = write_measurements(folder, each.description, each.measurements)
    made_of: dict[str, Any] = {
        "sources": {},
        "data": {},
        "versions": {},
        "device_type": device.type,
        "read": {},
    }
    described = {"id": identity, "key": key, "made_of": made_of}
    store.write_json(folder / store.DESCRIPTION_FILE, each.description.as_json() | described)
    store.write_json(folder / store.ENVIRONMENT_FILE, environment(device))
    outcome = {
        "status": "finished",
        "reason": None,
        "traceback": None,
        "seeds": {str(seed): {"outcome": "finished"} for seed in each.description.seeds},
        "execution": {"mode": "measured only", "precision": "float32", "device": str(device)},
        "records": digest,
    }
    store.write_json(folder / store.OUTCOME_FILE, outcome)


def _suite(plan: Evaluation, measured: Sequence[_Measured]) -> Suite:
    variants = {each.description.variant.label: each.description.variant for each in measured}
    sets = max(each.seed for each in plan.sets) + 1
    labels = tuple(choice.label for choice in plan.selection.diagnostics)
    return Suite(
        name=NAME,
        file="",
        datasets=(plan.real,),
        variants=tuple(variants.values()),
        seeds=tuple(range(sets)),
        budget=Budget("samples", plan.count),
        measure=(1.0,),
        diagnostics=plan.selection.diagnostics,
        applicable={plan.real.label: labels},
        engine=Engine(),
        overrides={
            label: VariantOverrides(seeds=tuple(range(count)))
            for label, count in Counter(each.label for each in plan.sets).items()
            if count < sets
        },
    )


def _hash(*values: Any) -> str:
    text = json.dumps(values, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
