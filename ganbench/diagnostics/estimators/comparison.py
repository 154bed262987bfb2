"""What `fidelity` compares: the extractor, the splits and counts, and the quantities that these name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ganbench.datasets import Dataset, LabelledClasses, Split
from ganbench.extractors import FEATURES, LOGITS, Extractor
from ganbench.extractors.identity import Identity
from ganbench.quantities import Quantity

FRECHET_VERSION = 1
"""Counts up when these numbers change meaning."""
OTHER: dict[Split, Split] = {"train": "heldout", "heldout": "train"}


@dataclass(frozen=True)
class Comparison:
    """`count` generated samples in an extractor's features, against as many of each split as there are."""

    dataset: str
    extractor: Extractor
    count: int
    references: Mapping[Split, int]
    """Real examples of each split that is a reference; as many generated samples are compared to them."""
    stand_ins: Mapping[Split, int]
    """Real examples of the *other* split that stand in for generated ones in the reference."""
    classes: int | None
    """Classes of a labelled data set with a classifier."""

    def frechet_name(self, split: Split) -> str:
        """The quantity that holds the Fréchet distance to a split."""
        kind = "frechet" if self.extractor == Identity() else "fid"
        return f"{kind}_{self._name}_{split}_{self.references[split]}"

    @property
    def _name(self) -> str:
        """The extractor in the names of quantities: the data set's own classifier is just that."""
        return "classifier" if self.extractor.classifies == self.dataset else self.extractor.name

    @property
    def score_name(self) -> str:
        """The quantity that holds the Inception-style score."""
        return f"is_classifier_{self.count}"

    def quantities(self) -> Iterator[Quantity]:
        """All quantities."""
        yield from map(self._frechet, self.references)
        if self.classes is not None:
            yield self._score()
            yield from self._of_classes()

    def _frechet(self, split: Split) -> Quantity:
        count = self.references[split]
        real = f"{count:,} {split.replace('heldout', 'held-out')}"
        protocol = {"split": split, "generated": count, "reference": count}
        identity = Quantity(
            self.frechet_name(split),
            f"Fréchet distance to {real} examples",
            unit="squared data units",
            direction="lower",
            scale="log",
            protocol={**protocol, **self.extractor.protocol(FEATURES), "version": FRECHET_VERSION},
            lowest=0,
        )
        if self.extractor == Identity():
            return identity
        return replace(
            identity,
            title=f"Fréchet distance in {self._name} features to {real} images",
            unit="",
            # Over fresh draws of the same samples the value itself spreads by 1 to 5 per cent where GANs lie
            # (measured between 10 and 60 on digits and MNIST).
            smallest_difference=0.1,
        )

    def _score(self) -> Quantity:
        return Quantity(
            self.score_name,
            f"Inception-style score of the classifier, {self.count:,} samples",
            direction="higher",
            protocol={**self._of_logits(), "splits": 1},
            lowest=1,
            highest=self.classes,
        )

    def _of_classes(self) -> tuple[Quantity, Quantity]:
        protocol = {**self._of_logits(), "split": "train"}
        title = f"Classes recovered, of {self.classes}"
        return (
            Quantity(
                "class_total_variation",
                "Total variation of the class histogram",
                direction="lower",
                protocol=protocol,
                lowest=0,
                highest=1,
            ),
            # Every sample is taken for one of the classes: there is always one.
            Quantity(
                "classes_recovered",
                title,
                "classes",
                "higher",
                protocol=protocol,
                lowest=1,
                highest=self.classes,
            ),
        )

    def _of_logits(self) -> dict[str, Any]:
        return {"generated": self.count, **self.extractor.protocol(LOGITS), "version": FRECHET_VERSION}


def plan(dataset: Dataset, extractor: Extractor, count: int) -> Comparison:
    """The comparison of a data set: with the splits of a finite one, or the fresh draws of a distribution."""
    sizes = dataset.info.split_sizes
    available: dict[Split, int] = {split: min(count, sizes.get(split, count)) for split in OTHER}
    # A distribution's train and held-out draws are alike: one comparison is enough.
    splits: tuple[Split, ...] = ("train", "heldout") if sizes else ("heldout",)
    return Comparison(
        dataset=dataset.info.name,
        extractor=extractor,
        count=count,
        references={split: available[split] for split in splits},
        stand_ins={split: min(available.values()) for split in splits},
        classes=_classes(dataset) if extractor.classifies == dataset.info.name else None,
    )


def _classes(dataset: Dataset) -> int | None:
    return dataset.classes if isinstance(dataset, LabelledClasses) else None
