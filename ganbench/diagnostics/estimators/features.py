"""Features of a snapshot's samples, and of two disjoint sets of real examples: reference and stand-in."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch import Tensor

from ganbench import registry
from ganbench.datasets import Dataset, Split
from ganbench.diagnostics.diagnostic import Diagnostic, NotApplicable, Quantity, SampleSnapshot
from ganbench.errors import GanbenchError
from ganbench.extractors import FEATURES, Extractor, extract
from ganbench.extractors.identity import Identity
from ganbench.registry import EntryOf

AUTO = "auto"
ExtractorChoice = Annotated[str | dict[str, Any], EntryOf("extractor", (AUTO,))]
"""`auto`, or a registered extractor: its name, or {name: {option: value}}."""
_SAMPLE_FEATURES = "features of samples"


def chosen_extractor(dataset: Dataset, choice: ExtractorChoice) -> Extractor | None:
    """The chosen extractor; for `auto` the one that goes by the data set's name, None where there is none.

    Raises NotApplicable where it cannot take the data set's examples.
    """
    name = dataset.info.name
    if choice == AUTO:
        if name not in registry.names("extractor"):
            return None
        choice = name
    extractor = registry.build("extractor", choice)
    if not isinstance(extractor, Extractor):
        raise GanbenchError(f"extractor {choice!r} makes a {type(extractor).__name__}, not an Extractor")
    refusal = extractor.refusal(dataset.info.spec)
    if refusal is not None:
        raise NotApplicable(f"{name}: {refusal}, not {dataset.info.spec.shape}")
    return extractor


def classifier_of(dataset: Dataset, choice: ExtractorChoice) -> Extractor:
    """The chosen extractor, which tells the classes of the data set; NotApplicable where it does not."""
    name = dataset.info.name
    if dataset.info.spec.label is None:
        raise NotApplicable(f"{name}: its examples have no labels")
    classifier = chosen_extractor(dataset, choice)
    if classifier is None or classifier.classifies != name:
        raise NotApplicable(f"{name}: no classifier of its classes goes by its name")
    return classifier


def sample_features(snapshot: SampleSnapshot, extractor: Extractor, count: int) -> dict[str, Tensor]:
    """Each layer's values [S, count, F] of the first samples, in the extractor's precision.

    Extracted once a snapshot for all diagnostics: a smaller count is a prefix, a larger one adds the rest.
    """
    samples = snapshot.samples(count)
    if isinstance(extractor, Identity):
        return {FEATURES: samples.flatten(2)}  # a view: the samples are held already
    layers: dict[str, Tensor] = snapshot.shared.get((_SAMPLE_FEATURES, extractor), {})
    known = layers[FEATURES].shape[1] if layers else 0
    if known < count:
        rest = extract(extractor, samples[:, known:])
        layers = {name: torch.cat([layers[name], rest[name]], 1) for name in layers} or rest
        snapshot.shared[_SAMPLE_FEATURES, extractor] = layers
    return {name: value[:, :count] for name, value in layers.items()}


def real_layers(
    dataset: Dataset, extractor: Extractor, split: Split, count: int, device: torch.device
) -> dict[str, Tensor]:
    """Each layer's values [1, count, F] of the first fixed examples of a split, as of one seed's samples."""
    return extract(extractor, dataset.examples(split, count, device, torch.float32).unsqueeze(0))


def asked_labels(snapshot: SampleSnapshot, dataset: Dataset, count: int) -> Tensor | None:
    """The labels [S, count] that the first samples were made from; None where they are made from none."""
    label = dataset.info.spec.label
    return snapshot.sampled_fields(count)[label] if label in snapshot.sample_reads else None


def finite_samples(snapshot: SampleSnapshot, count: int) -> Tensor:
    """Whether all of the first samples are finite, bool [S]."""
    return snapshot.samples(count).isfinite().flatten(1).all(1)


Values = Mapping[str, float]


@dataclass(frozen=True)
class RealPair:
    """A data set's features in an extractor, `count` of them on every side.

    The reference of a distribution is its held-out draws, the stand-in its train draws.  A finite data set
    gives the first `count` train examples and the next `count`: so both are alike and of one size, on which
    most of these measurements depend.
    """

    dataset: Dataset
    extractor: Extractor
    count: int

    def protocol(self) -> dict[str, Any]:
        """What two values must share to be compared."""
        split = "train" if self.dataset.info.split_sizes else "heldout"
        counts = {"generated": self.count, "reference": self.count, "split": split}
        return {**counts, **self.extractor.protocol(FEATURES)}


def real_pair(dataset: Dataset, extractor: ExtractorChoice, samples: int | None, default: int) -> RealPair:
    """The pair of a data set: `samples` of each where given, else at most `default` and what there is."""
    sizes = dataset.info.split_sizes
    most = sizes["train"] // 2 if sizes else None
    if samples is not None and most is not None and samples > most:
        raise GanbenchError(
            f"{samples:,} samples need twice as many real ones, and {dataset.info.name} has "
            f"{sizes['train']:,} to train on; `samples: {most}` or fewer works"
        )
    count = samples or min(default, dataset.info.evaluation_samples, *([most] if most is not None else []))
    return RealPair(dataset, chosen_extractor(dataset, extractor) or Identity(), count)


@functools.lru_cache(maxsize=4)
def real_features(pair: RealPair, device: torch.device) -> tuple[Tensor, Tensor]:
    """The features of the reference and of its stand-in, each float64 [n, F].

    Made once for all diagnostics of a cohort, which share the data set; another cohort has its own.
    """

    def features(split: Split, count: int) -> Tensor:
        return real_layers(pair.dataset, pair.extractor, split, count, device)[FEATURES][0].double()

    if pair.dataset.info.split_sizes:
        both = features("train", 2 * pair.count)
        return both[: pair.count], both[pair.count :]
    return features("heldout", pair.count), features("train", pair.count)


Measure = Callable[[Tensor], Values]
"""Features [n, F] to the values of quantities."""


class ReferenceDiagnostic(Diagnostic):
    """What every seed's features measure against a reference, by the reference's stand-in for real data.

    `prepare` makes of the reference [n, F] what measures samples and what measures the stand-in.
    """

    samples_only = True

    def __init__(
        self,
        pair: RealPair,
        quantities: tuple[Quantity, ...],
        prepare: Callable[[Tensor], tuple[Measure, Measure]],
    ) -> None:
        self._pair, self.quantities, self._prepare = pair, quantities, prepare
        self._prepared: dict[torch.device, tuple[Measure, Values]] = {}

    def measure(self, snapshot: SampleSnapshot) -> Mapping[str, Tensor]:
        """Every declared quantity, float64 [S]; NaN where samples are not finite."""
        count = self._pair.count
        values_of, _ = self._against(snapshot.device)
        names = [quantity.name for quantity in self.quantities]
        features = sample_features(snapshot, self._pair.extractor, count)[FEATURES]
        rows = [
            values_of(row.double()) if finite else dict.fromkeys(names, math.nan)
            for row, finite in zip(features, finite_samples(snapshot, count).tolist(), strict=True)
        ]
        return {name: torch.tensor([row[name] for row in rows], dtype=torch.float64) for name in names}

    def references(self, snapshot: SampleSnapshot) -> Mapping[str, float]:
        """The values of real data; p-values have none."""
        return self._against(snapshot.device)[1]

    def _against(self, device: torch.device) -> tuple[Measure, Values]:
        if device not in self._prepared:
            reference, stand_in = real_features(self._pair, device)
            of_samples, of_stand_in = self._prepare(reference)
            self._prepared[device] = of_samples, of_stand_in(stand_in)
        return self._prepared[device]
