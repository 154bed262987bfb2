"""A cohort's measurements: records in long format, and the arrays that figures need."""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import torch

from ganbench.datasets import Dataset
from ganbench.diagnostics.diagnostic import Diagnostic, NotApplicable, build, image_bytes
from ganbench.diagnostics.names import distinct_names
from ganbench.execution.pictures import pictures
from ganbench.execution.round_recorder import RoundRecorder
from ganbench.quantities import Quantity
from ganbench.training.description import Choice, CohortDescription
from ganbench.training.device import matmul_precision
from ganbench.training.sample_snapshot import SampleSnapshot
from ganbench.training.snapshot import Snapshot
from ganbench.training.state import CohortState

POINTS_KEPT, IMAGES_KEPT = 512, 64


def applicable(choices: Sequence[Choice], dataset: Dataset) -> dict[str, Diagnostic]:
    """The chosen diagnostics that have something to say about a data set, by label."""
    diagnostics = {}
    for choice in choices:
        with suppress(NotApplicable):
            diagnostics[choice.label] = build(choice.name, dataset, choice.options)
    return diagnostics


T = TypeVar("T")


def _renamed(values: Mapping[str, T], others: Mapping[str, str]) -> dict[str, T]:
    return {others.get(name, name): value for name, value in values.items()}


class Subject(Protocol):
    """What is measured: of which description, on which data set, and which seeds have diverged."""

    description: CohortDescription
    dataset: Dataset

    def diverged(self) -> Sequence[tuple[int, str] | None]:
        """(step, player) of each seed that diverged."""
        ...


class Measurements:
    """Collects what the diagnostics say of each snapshot, and samples for the figures."""

    def __init__(self, cohort: Subject) -> None:
        description = cohort.description
        self._cohort = cohort
        self._diagnostics = applicable(description.diagnostics, cohort.dataset)
        names = {choice.label: choice.name for choice in description.diagnostics}
        self._distinct = distinct_names(
            (label, names[label], [quantity.name for quantity in diagnostic.quantities])
            for label, diagnostic in self._diagnostics.items()
        )
        self._rounds = RoundRecorder(self._diagnostics, description.seeds)
        self._images = len(cohort.dataset.info.spec.shape) == 3
        self._of_cohort = {
            "variant": description.variant.label,
            "dataset": description.dataset.label,
            "variant_options": _compact(description.variant.options),
            "dataset_options": _compact(description.dataset.options),
        }
        self.rows: list[dict[str, Any]] = []
        self.quantities: dict[str, Quantity] = {}
        self.seconds: dict[str, float] = {}
        """What each diagnostic took at the last measuring point."""
        self._references: dict[str, float] = {}
        self._strip: list[np.ndarray] = []
        self._points: list[tuple[int, int]] = []
        self._final: np.ndarray | None = None
        self._pictures: dict[str, np.ndarray] = {}

    def take(self, snapshot: SampleSnapshot) -> None:
        """Measure one snapshot; of given samples all diagnostics must be `samples_only`.

        Values of a diverged seed are NaN, but for what training cost.  Products are exact, however training
        computes them, for features of reduced precision are others under the same name.
        """
        with matmul_precision("float32"):
            self._take(snapshot)

    def _take(self, snapshot: SampleSnapshot) -> None:
        alive = torch.tensor([at is None for at in self._cohort.diverged()])
        for label, diagnostic in self._diagnostics.items():
            began = time.perf_counter()
            others = self._distinct[label]
            measured = _renamed(diagnostic.measure(cast(Snapshot, snapshot)), others)
            for quantity in diagnostic.quantities:
                if quantity.name in others:
                    title = f"{quantity.title} ({label})"
                    quantity = replace(quantity, name=others[quantity.name], title=title)
                self.quantities[quantity.name] = quantity
            self._references |= _renamed(diagnostic.references(cast(Snapshot, snapshot)), others)
            for name, values in measured.items():
                if not diagnostic.describes_training:
                    values = torch.where(alive.to(values.device), values.double(), torch.nan)
                for seed, value in zip(snapshot.seeds, values.tolist(), strict=True):
                    self._add(quantity=name, seed=seed, value=value, **asdict(snapshot.moment))
            self.seconds[label] = time.perf_counter() - began
        self._keep_samples(snapshot)

    @property
    def notes(self) -> list[str]:
        """What a reader must know of the values, after the first snapshot."""
        return [note for diagnostic in self._diagnostics.values() for note in diagnostic.notes]

    def on_round(self, state: CohortState) -> None:
        """Let the diagnostics read a round's state; waits for nothing."""
        self._rounds.on_round(state)

    @property
    def reads_rounds(self) -> bool:
        """Whether any diagnostic reads every round's state."""
        return bool(self._rounds)

    def add_rounds(self, snapshot: SampleSnapshot) -> None:
        """The rows of every round, after the last snapshot; they replace those measured at points.

        Their `point` is the round's number.  Their `seconds` are not measured but the step's share of all.
        """
        names, diverged = self._rounds.names, self._cohort.diverged()
        rows = self._rounds.rows([None if at is None else at[0] for at in diverged])
        covered = {(row["quantity"], row["seed"]) for row in rows}
        self.rows = [row for row in self.rows if (row["quantity"], row["seed"]) not in covered]
        assert names <= set(self.quantities), f"recorded but not declared: {names - set(self.quantities)}"
        for row in rows:
            share = row["step"] / max(snapshot.moment.step, 1)
            images, seconds = round(share * snapshot.moment.images), share * snapshot.moment.seconds
            self._add(images=images, seconds=seconds, **row)

    def arrays(self) -> dict[str, np.ndarray]:
        """Samples at all points, and where those points are; see the store's format."""
        points, images = np.array(self._points, dtype=np.int64).reshape(-1, 2).T
        kept = {"points": points, "images": images, "seeds": np.array(self._cohort.description.seeds)}
        if self._strip:
            kept["samples"] = np.stack(self._strip)
        if self._final is not None:
            kept |= {"final": self._final, **self._pictures}
        for label, diagnostic in self._diagnostics.items():
            kept |= {f"{label}/{name}": value for name, value in diagnostic.arrays().items()}
        return kept

    def state(self) -> dict[str, Any]:
        """All that was recorded so far and all that the diagnostics keep: tensors, numbers and texts."""
        return {
            "rows": [dict(row) for row in self.rows],
            "quantities": [quantity.as_json() for quantity in self.quantities.values()],
            "references": dict(self._references),
            "points": list(self._points),
            "strip": [torch.from_numpy(each) for each in self._strip],
            "final": None if self._final is None else torch.from_numpy(self._final),
            "pictures": {name: torch.from_numpy(each) for name, each in self._pictures.items()},
            "rounds": self._rounds.state(),
            "diagnostics": {label: each.state() for label, each in self._diagnostics.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned, its tensors on the cohort's device or on the CPU."""
        self.rows = [dict(row) for row in state["rows"]]
        self.quantities = {each["name"]: Quantity(**each) for each in state["quantities"]}
        self._references = dict(state["references"])
        self._points = [(point, images) for point, images in state["points"]]
        self._strip = [each.cpu().numpy() for each in state["strip"]]
        self._final = None if state["final"] is None else state["final"].cpu().numpy()
        self._pictures = {name: each.cpu().numpy() for name, each in state["pictures"].items()}
        self._rounds.restore(state["rounds"])
        for label, diagnostic in self._diagnostics.items():
            diagnostic.restore(state["diagnostics"][label])

    def _add(self, **row: Any) -> None:
        """Add a row, with its cohort's and its quantity's columns; `reference` is None where undefined."""
        quantity = self.quantities[row["quantity"]]
        reference = self._references.get(quantity.name, math.nan)
        about = {
            "reference": None if math.isnan(reference) else reference,
            "protocol": _compact(quantity.protocol),
        }
        self.rows.append(self._of_cohort | row | about)

    def _keep_samples(self, snapshot: SampleSnapshot) -> None:
        self._points.append((snapshot.moment.point, snapshot.moment.images))
        samples = snapshot.samples()
        if self._images:
            grid = image_bytes(samples[:, :IMAGES_KEPT]).cpu().numpy()
            self._strip.append(grid[:1])
            self._final = grid
            if snapshot.moment.final and isinstance(snapshot, Snapshot):
                self._pictures = pictures(snapshot)
        else:
            self._strip.append(samples[:, :POINTS_KEPT].float().cpu().numpy())


def npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """A compressed .npz file of arrays by name."""
    buffer = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez_compressed(buffer, **named)
    return buffer.getvalue()


def _compact(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
