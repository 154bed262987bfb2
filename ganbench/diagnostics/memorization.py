"""Whether the samples are copies of training examples: a test, and how many."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from annotated_types import Ge
from numpy.typing import NDArray
from torch import Tensor

from ganbench.datasets import Split
from ganbench.diagnostics.diagnostic import (
    Dataset,
    Diagnostic,
    NotApplicable,
    Quantity,
    SampleSnapshot,
    arrays_of,
    image_bytes,
    register_diagnostic,
)
from ganbench.diagnostics.estimators.copies import (
    LABELLINGS,
    Nearest,
    authenticity,
    copying_p_value,
    joined,
    nearest_points,
)
from ganbench.diagnostics.estimators.features import (
    AUTO,
    ExtractorChoice,
    chosen_extractor,
    finite_samples,
    real_layers,
    sample_features,
)
from ganbench.diagnostics.estimators.neighbours import neighbour_radii
from ganbench.extractors import FEATURES, Extractor
from ganbench.extractors.identity import Identity

MEMORIZATION_VERSION = 1
_SAMPLES, _TRAIN = 5_000, 10_000
_NEAR = 0.01
_SHOWN = 32


@register_diagnostic("memorization", by_default=False)
def memorization(
    dataset: Dataset,
    samples: Annotated[int, Ge(100), "generated samples"] = _SAMPLES,
    train: Annotated[
        int | None,
        Ge(100),
        "training examples that are searched, and held-out ones, at most; null: 10,000 of each",
    ] = None,
    extractor: Annotated[
        ExtractorChoice, "auto: the data set's classifier, else the values; or an extractor's name"
    ] = AUTO,
) -> Memorization:
    """Whether samples lie at training examples more often than at held-out ones: a test with a p-value.

    Training and held-out examples are two random parts of one set.  Of all real examples that are nearest to
    a sample, those come first that the sample lies at most closely (next to the second nearest).  Without
    copying it is chance whether these are training examples; the test asks whether more of the first 5, 6,
    8, 10, … of them are, with the multiplicity accounted for.

    What good looks like
      memorization_p_value  anything: without copying one in twenty is below 0.05.  Near 0: training examples
                            are copied.  1 % planted copies among 5,000 samples are found in 200 of 200
                            trials, with 5 % of false alarms (of 1,500).
      near_copies           0.01: the share of samples that lie nearer to a training example than 99 % of the
                            held-out examples do.  Copies have 1.  0 says that samples lie far from all data.
      authenticity          near that of held-out examples; copies have 0, and so have no merit here samples
                            that lie far from all data, which have 1.

    What it is blind to
      Copies in another sense than the features': classifiers ignore shifts and strokes, pixels are changed by
      the smallest shift; name another `extractor` to ask again.  Copies of training examples beyond the first
      `train`.  Copies of examples that stand in both splits.  Where the held-out part was drawn from other
      sources than the training part (other writers, say), samples lean to the training part without copying.

    Protocol: features in float64, Euclidean distances; candidates by inner products, decided by differences.
    Data sets that are sampled without end have nothing to copy.
    """
    sizes = dataset.info.split_sizes
    if not sizes:
        raise NotApplicable(f"{dataset.info.name}: is sampled without end, so there is nothing to copy")
    counts: dict[Split, int] = {
        "train": min(train or _TRAIN, sizes["train"]),
        "heldout": min(train or _TRAIN, sizes["heldout"]),
    }
    return Memorization(dataset, chosen_extractor(dataset, extractor) or Identity(), samples, counts)


class Memorization(Diagnostic):
    """The memorization diagnostic of one data set in one extractor's features."""

    samples_only = True
    kept = ("_closest",)

    def __init__(
        self, dataset: Dataset, extractor: Extractor, samples: int, counts: Mapping[Split, int]
    ) -> None:
        self._closest: Tensor | None = None
        self._dataset, self._extractor, self._samples, self._counts = dataset, extractor, samples, counts
        self.quantities = _declare(extractor, samples, counts)

    def measure(self, snapshot: SampleSnapshot) -> Mapping[str, Tensor]:
        """Every declared quantity, float64 [S]; NaN where samples are not finite."""
        features = sample_features(snapshot, self._extractor, self._samples)[FEATURES]
        pool, near, own_distances = self._real(snapshot.device)
        rows = torch.full((len(features), len(self.quantities)), torch.nan, dtype=torch.float64)
        shown = []
        for row in torch.where(finite_samples(snapshot, self._samples))[0].tolist():
            trained, heldout = (
                nearest_points(features[row].double(), part)
                for part in pool.split(list(self._counts.values()))
            )
            values = self._values(trained, heldout, near, own_distances)
            rows[row] = torch.tensor(values, dtype=torch.float64)
            shown.append((row, trained))
        if snapshot.moment.final and len(self._dataset.info.spec.shape) == 3:
            self._closest = self._pictures(snapshot, shown)
        return {quantity.name: rows[:, i] for i, quantity in enumerate(self.quantities)}

    def references(self, snapshot: SampleSnapshot) -> Mapping[str, float]:
        """What held-out examples get as samples; of the p-value there is none."""
        pool, near, own_distances = self._real(snapshot.device)
        train = self._counts["train"]
        heldout = nearest_points(pool[train:], pool[:train])
        return {
            "near_copies": float((heldout.distances[:, 0] < near).double().mean()),
            "authenticity": authenticity(heldout, own_distances),
        }

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Of images: `closest` [S, 32, 2, *shape], those nearest to a training example, and that example."""
        return {} if self._closest is None else arrays_of({"closest": self._closest})

    def _pictures(self, snapshot: SampleSnapshot, nearest: Sequence[tuple[int, Nearest]]) -> Tensor:
        """Bytes [S, 32, 2, *shape], the nearest pair first; white for seeds whose samples are not finite."""
        samples, real = snapshot.samples(self._samples), snapshot.real("train", self._counts["train"])
        shape = (len(samples), min(_SHOWN, samples.shape[1]), 2, *real.shape[1:])
        found = torch.full(shape, 255, dtype=torch.uint8, device=real.device)
        for row, of_training in nearest:
            order = of_training.distances[:, 0].argsort(stable=True)[:_SHOWN]
            pairs = samples[row, order], real[of_training.places[order, 0]]
            found[row] = torch.stack([image_bytes(images) for images in pairs], 1)
        return found

    def _values(
        self, trained: Nearest, heldout: Nearest, near: Tensor, own_distances: Tensor
    ) -> tuple[float, ...]:
        sizes = self._counts["train"], self._counts["heldout"]
        p_value = copying_p_value(joined(trained, heldout, sizes[0]), *sizes)
        near_copies = float((trained.distances[:, 0] < near).double().mean())
        return p_value, near_copies, authenticity(trained, own_distances)

    def _real(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        return _real_points(
            self._dataset, self._extractor, self._counts["train"], self._counts["heldout"], device
        )


@functools.lru_cache(maxsize=4)
def _real_points(
    dataset: Dataset, extractor: Extractor, train: int, heldout: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """The pool [N, F], how near is very near [], and each training example's nearest other [train].

    It goes by the data set's object, of which every cohort has its own.
    """
    counts: dict[Split, int] = {"train": train, "heldout": heldout}
    parts = (real_layers(dataset, extractor, split, count, device) for split, count in counts.items())
    pool = torch.cat([part[FEATURES][0].double() for part in parts])
    near = nearest_points(pool[train:], pool[:train]).distances[:, 0].quantile(_NEAR)
    return pool, near, neighbour_radii(pool[:train], (1,))[0]


def _declare(
    extractor: Extractor, samples: int, counts: Mapping[Split, int]
) -> tuple[Quantity, Quantity, Quantity]:
    protocol: dict[str, Any] = {"generated": samples, "train": counts["train"], "heldout": counts["heldout"]}
    protocol |= {**extractor.protocol(FEATURES), "version": MEMORIZATION_VERSION}
    return (
        Quantity(
            "memorization_p_value",
            "p-value of leaning to the training examples",
            protocol={**protocol, "labellings": LABELLINGS},
            lowest=1 / (1 + LABELLINGS),
            highest=1,
        ),
        Quantity(
            "near_copies",
            "Samples nearer to a training example than 99 % of held-out ones are",
            "fraction",
            "lower",
            smallest_difference=0.01,
            protocol=protocol,
            lowest=0,
            highest=1,
        ),
        Quantity(
            "authenticity",
            "Authenticity: samples further from their nearest training example than its own neighbour",
            "fraction",
            protocol=protocol,
            lowest=0,
            highest=1,
        ),
    )
