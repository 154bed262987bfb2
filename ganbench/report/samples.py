"""The stored samples of a data set: which seed stands for a variant, and what it made when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganbench import store
from ganbench.analysis.cohorts import Cohort, Part
from ganbench.analysis.run import Run
from ganbench.analysis.summaries import median_seed

Array = NDArray[Any]
CLOSE = 0.1
"""Share of the examples shown by which a sample may be away from its column: batches differ in size."""


@dataclass(frozen=True)
class History:
    """One seed's samples through the training: `samples` [P, n, *shape] after `images` [P]."""

    seed: int
    images: Array
    samples: Array
    lost_at: float
    """Real examples shown when the seed diverged; infinite where it did not."""

    def near(self, images: float, columns: Sequence[float]) -> Array | None:
        """The samples [n, *shape] that belong under one of several counts of examples shown; None without.

        Those after the count nearest to it, where no other column is nearer to them, within `CLOSE`.
        """
        point = int(np.abs(self.images - images).argmin())
        own = float(self.images[point])
        nearest = min(columns, key=lambda column: abs(column - own))
        return self.samples[point] if nearest == images and abs(own - images) <= CLOSE * images else None


@dataclass(frozen=True)
class Samples:
    """What a data set's figures draw from."""

    run: Run
    dataset: str

    @property
    def about(self) -> Mapping[str, Any]:
        """The data set's description."""
        return self.run.datasets.get(self.dataset, {})

    @property
    def shape(self) -> tuple[int, ...]:
        """One example's shape."""
        return tuple(self.about.get("shape", ()))

    @cached_property
    def fixed(self) -> Mapping[str, Array]:
        """The stored real examples, and a planar data set's density, extent and means."""
        file = store.dataset_file(self.run.path, self.dataset, ".npz")
        if not file.is_file():
            return {}
        with np.load(file) as stored:
            return {name: stored[name] for name in stored.files}

    def variants(self) -> list[str]:
        """The variants with stored samples, in the run's order."""
        return [v for v in self.run.variants if self._cohort(v) is not None]

    def final(self, variant: str) -> tuple[int, Array] | None:
        """The seed with the median final result and its final samples [n, *shape]."""
        cohort = self._cohort(variant)
        if cohort is None:
            return None
        seed, part = _stored_seed(cohort, median_seed(self.run, self.dataset, variant))
        place = _place(part, seed)
        arrays = part.arrays or {}
        return seed, arrays["final"][place] if "final" in arrays else arrays["samples"][-1, place]

    def last(self, variant: str, name: str) -> tuple[int, Array] | None:
        """The median seed and what was stored of it at the end under a name; None where nothing was.

        Of a diagnostic's arrays the name is behind the diagnostic's label, of which the first is taken.
        """
        cohort = self._cohort(variant)
        if cohort is None:
            return None
        seed, part = _stored_seed(cohort, median_seed(self.run, self.dataset, variant))
        arrays = part.arrays or {}
        found = next((key for key in arrays if key.split("/")[-1] == name), None)
        return None if found is None else (seed, arrays[found][_place(part, seed)])

    def stored(self, variants: Sequence[str], name: str) -> dict[str, tuple[int, Array]]:
        """`last` of every variant that stored it, in this order."""
        return {v: found for v in variants if (found := self.last(v, name)) is not None}

    def history(self, variant: str) -> History | None:
        """The median seed's samples through training, or the first one's where only its were kept."""
        cohort = self._cohort(variant)
        if cohort is None:
            return None
        seed, part = _stored_seed(cohort, median_seed(self.run, self.dataset, variant))
        arrays = part.arrays or {}
        place = _place(part, seed)
        if place >= arrays["samples"].shape[1]:
            place, seed = 0, int(arrays["seeds"][0])  # of images only one seed's history is kept
        lost = [s.images or 0.0 for s in cohort.seeds_that("diverged") if s.seed == seed]
        return History(seed, arrays["images"], arrays["samples"][:, place], min(lost, default=np.inf))

    def _cohort(self, variant: str) -> Cohort | None:
        cohorts = [c for c in self.run.cohorts_of(self.dataset) if c.variant == variant]
        return next((c for c in cohorts if any(_has_samples(p) for p in c.parts)), None)


def _stored_seed(cohort: Cohort, wanted: int | None) -> tuple[int, Part]:
    part = None if wanted is None else cohort.part_with(wanted)
    if wanted is not None and part is not None:
        return wanted, part
    part = next(p for p in cohort.parts if _has_samples(p))
    return part.seeds[0], part


def _has_samples(part: Part) -> bool:
    return part.arrays is not None and "samples" in part.arrays


def _place(part: Part, seed: int) -> int:
    seeds = [int(s) for s in (part.arrays or {}).get("seeds", part.seeds)]
    return seeds.index(seed) if seed in seeds else 0
