"""The curves that the diagnostic `perfect_discriminator` kept, with what is known beforehand of each."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganbench.analysis.cohorts import Cohort
from ganbench.analysis.numbers import compact
from ganbench.analysis.run import Run
from ganbench.claims.perfect_discriminator import DECADES, Overlap, known_overlap

Array = NDArray[Any]
_STEPS = re.compile(r"(?P<label>.+)/steps")
_NAMES = ("error", "jsd_bound", "log10_gradient_minimax", "log10_gradient_nonsaturating")
_UNTRAINED = 1e-6
"""A generator that training moved by less still has its known law."""


PERFECT = 0.01
"""An error from which on a discriminator counts as perfect."""


@dataclass(frozen=True)
class Measured:
    """One fresh discriminator's life: every value [seeds, marks], and where in the training it was."""

    dataset: str
    family: str
    variant: str
    age: str
    """How long the generator had been trained, in words; empty where it is the known one."""
    images: int
    steps: Array
    values: Mapping[str, Array]
    overlap: Overlap | None
    network: str
    examples: tuple[int, int] | None = None
    """Held-out real and generated examples behind an error; None where the run does not say."""

    @property
    def setting(self) -> str:
        """What a table calls it."""
        return self.dataset if self.overlap is not None else f"{self.dataset}, {self.variant}, {self.age}"

    def last(self, name: str) -> Array:
        """The values after the last update, one a seed."""
        end: Array = self.values[name][:, -1]
        return end

    def noise(self, error: float) -> float | None:
        """Standard deviation of the balanced error of a discriminator that is wrong so often on both."""
        if self.examples is None:
            return None
        real, generated = self.examples
        return math.sqrt(error * (1 - error) * (1 / real + 1 / generated)) / 2

    @property
    def as_published(self) -> bool:
        """Whether it is the paper's experiment: a DCGAN, and as many updates."""
        theirs = DECADES.where.protocol
        return self.network == theirs["network"] and int(self.steps[-1]) >= theirs["steps"]

    @property
    def decay(self) -> Array:
        """Decades from the peak of ‖∇E log(1 − D)‖ to its end, one a seed."""
        curve = self.values["log10_gradient_minimax"]
        fallen: Array = curve.max(1) - curve[:, -1]
        return fallen

    @property
    def growth(self) -> Array:
        """Decades by which ‖∇E(−log D)‖ grew from before the first update to the end, one a seed."""
        curve = self.values["log10_gradient_nonsaturating"]
        grown: Array = curve[:, -1] - curve[:, 0]
        return grown

    def first_perfect(self, error: float = PERFECT) -> Array:
        """Updates until the held-out error is at most `error`; NaN where it never is."""
        reached = self.values["error"] <= error
        found: Array = np.where(reached.any(1), self.steps[reached.argmax(1)].astype(float), np.nan)
        return found


def read(run: Run) -> list[Measured]:
    """All that the run holds, data set by data set, variant by variant, youngest generator first."""
    found = []
    for dataset in run.dataset_labels:
        for cohort in run.cohorts_of(dataset):
            found += _of_cohort(run, cohort)
    return found


def _of_cohort(run: Run, cohort: Cohort) -> list[Measured]:
    stored = [part.arrays for part in cohort.parts if part.arrays]
    label = next((m["label"] for a in stored for n in a if (m := _STEPS.fullmatch(n)) and _has(a, m)), None)
    if label is None:
        return []
    first = stored[0]
    description = cohort.parts[0].description
    overlap = _overlap(cohort)
    together = {name: np.concatenate([arrays[f"{label}/{name}"] for arrays in stored], 1) for name in _NAMES}
    network = str((description["variant"].get("options") or {}).get("network", {}).get("name", ""))
    return [
        Measured(
            dataset=cohort.dataset,
            family=str(description["dataset"]["name"]),
            variant=cohort.variant,
            age="" if overlap is not None else _age(run, cohort.dataset, int(images)),
            images=int(images),
            steps=first[f"{label}/steps"],
            values={name: values[index] for name, values in together.items()},
            overlap=overlap,
            network=network,
            examples=_examples(run, cohort.dataset),
        )
        for index, images in enumerate(first[f"{label}/images"])
    ]


def _has(arrays: Mapping[str, Array], match: re.Match[str]) -> bool:
    return all(f"{match['label']}/{name}" in arrays for name in _NAMES)


def _overlap(cohort: Cohort) -> Overlap | None:
    """What is known where the generator is `flat` and has not moved."""
    description = cohort.parts[0].description
    options = description["variant"].get("options") or {}
    network = options.get("network")
    if not isinstance(network, Mapping) or network.get("name") != "flat":
        return None
    rate: Any = options.get("learning_rate")
    constant = isinstance(rate, int | float)
    if cohort.budget.unit != "steps" or not constant or cohort.budget.amount * rate > _UNTRAINED:
        return None
    data = description["dataset"]
    return known_overlap(str(data["name"]), data.get("options") or {}, int(options["latent_dim"]))


def _examples(run: Run, dataset: str) -> tuple[int, int] | None:
    """How many held-out real and generated examples an error was counted on, as its protocol says."""
    rows = run.records_of(dataset)
    protocols = rows.loc[rows["quantity"] == "perfect_discriminator_error", "protocol"]
    if protocols.empty:
        return None
    protocol = json.loads(protocols.iloc[0])
    samples, batch = int(protocol["samples"]), int(protocol["batch_size"])
    heldout = (run.datasets.get(dataset, {}).get("split_sizes") or {}).get("heldout", samples)
    return min(samples, heldout), max(2, samples // batch) * batch


def _age(run: Run, dataset: str, images: int) -> str:
    """How long the generator has been trained: in epochs, to a tenth, where the data set is finite."""
    size = (run.datasets.get(dataset, {}).get("split_sizes") or {}).get("train")
    if not size or images < size / 20:
        return f"{compact(images)} {'examples' if size else 'points'}"
    epochs = f"{images / size:.1f}".removesuffix(".0")
    return f"{epochs} epoch{'' if epochs == '1' else 's'}"
