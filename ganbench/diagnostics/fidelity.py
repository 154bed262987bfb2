"""How near the samples' features come to real ones: Fréchet distance, Inception-style score, classes."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, NamedTuple

import torch
from annotated_types import Gt
from torch import Tensor

from ganbench.datasets import Split
from ganbench.diagnostics.diagnostic import (
    Dataset,
    Diagnostic,
    NotApplicable,
    Quantity,
    SampleSnapshot,
    register_diagnostic,
)
from ganbench.diagnostics.estimators.features import (
    AUTO,
    ExtractorChoice,
    chosen_extractor,
    finite_samples,
    real_layers,
    sample_features,
)
from ganbench.diagnostics.estimators.frechet import Fit, fit, frechet_distance, inception_score
from ganbench.errors import GanbenchError
from ganbench.extractors import FEATURES, LOGITS, Extractor
from ganbench.extractors.identity import Identity
from ganbench.streams import generator

FRECHET_VERSION = 1
PUBLISHED_FID = "inception-v3-compat"
"""The extractor whose Fréchet distance alone is called plain FID, as it is published."""
_OTHER: dict[Split, Split] = {"train": "heldout", "heldout": "train"}


@register_diagnostic("fidelity")
def fidelity(
    dataset: Dataset,
    extractor: Annotated[
        ExtractorChoice,
        "auto: the data set's classifier, for vectors identity; or an extractor's name",
    ] = AUTO,
    samples: Annotated[int | None, Gt(1), "generated samples; the data set's own number by default"] = None,
    splits: Annotated[int, Gt(0), "parts over which the score is averaged; 10 are usual in papers"] = 1,
) -> Fidelity:
    """Fréchet distance between features of generated and real data, and the classes that appear.

    Features come from an extractor (`ganbench list extractors`): `identity` (the vector itself), or the
    penultimate layer of a small classifier that goes by the data set's name, trained on the train
    split; its accuracy stands beside its weights.  Extractor, split and count are part of a quantity's
    name; `fid_train_n` without one is of Inception's published features, and no other compares with
    published FIDs.  As many generated samples as real ones are compared.  Where an extractor has logits the
    score is over all samples at once, or the mean over successive `splits`, which is lower (its name then
    ends in their number); `is_n` is of Inception's.  torch-fidelity shuffles samples first; these are
    independent draws already, and with `samples_shuffle=False` it gives the same.

    What good looks like
      fid_classifier_train_n    near its reference, that of held-out images, which are as good as samples
                                get (digits hold out 360 only, and the distance grows as samples get
                                fewer: there a good generator can come below it).  Far below: memorising.
                                A tenth more or less matters.
      fid_classifier_heldout_n  the same against held-out images; clearly above the train value: memorising.
      is_classifier_n           near that of real images; at most the number of classes.  is_n, of Inception:
                                11 for real CIFAR-10; of data unlike ImageNet's it says little.
      class_total_variation     near that of held-out images drawn with replacement (0.03 for 1,437 images in
                                ten classes); 0.9: one class of ten only.
      classes_recovered         all of them; saturates early.
      frechet_identity_…_n      near that of real data.

    What it is blind to
      Fréchet: all but mean and covariance.  In the plane it is 0 when every second mode of a ring is dropped;
      read `modes` there.  Classifier features ignore what telling classes apart does not need: texture,
      sharpness, much noise.  Score and classes: real data altogether, and variety within a class: one
      perfect image of each class wins both.  Fewer samples than features: the distance is finite, and most of
      it is its bias, which falls as samples get more; `fid_infinity` shows it.  For a diverged seed
      everything is NaN.
    """
    chosen = extractor_or_identity(dataset, extractor)
    count = sample_count("fidelity", dataset, samples)
    if splits > count:
        raise GanbenchError(f"fidelity: {splits} splits need as many samples, not {count}")
    return Fidelity(dataset, chosen, count, splits)


class Fidelity(Diagnostic):
    """`count` generated samples in an extractor's features, against as many of each split as there are."""

    samples_only = True

    def __init__(self, dataset: Dataset, extractor: Extractor, count: int, parts: int = 1) -> None:
        info = dataset.info
        self._dataset, self._extractor, self._count, self._parts = dataset, extractor, count, parts
        available: dict[Split, int] = {
            split: min(count, info.split_sizes.get(split, count)) for split in _OTHER
        }
        # A distribution's train and held-out draws are alike: one comparison is enough.
        splits: tuple[Split, ...] = ("train", "heldout") if info.split_sizes else ("heldout",)
        self._real_counts = {split: available[split] for split in splits}
        self._stand_ins = min(available.values())
        label = info.spec.label if extractor.classifies == info.name else None
        self._classes = None if label is None else info.spec.fields[label].classes
        self._features = features_name(dataset, extractor)
        self._scored = LOGITS in extractor.layers
        self.quantities = (*map(self._distance, self._real_counts), *self._score(), *self._of_classes())

    def measure(self, snapshot: SampleSnapshot) -> Mapping[str, Tensor]:
        """Every declared quantity, float64 [S]."""
        features = sample_features(snapshot, self._extractor, self._count)
        counts = {self._name(split): count for split, count in self._real_counts.items()}
        flag_few_points(self, counts, features[FEATURES].shape[-1])
        values = {}
        for split, count in self._real_counts.items():
            reference = self._real(split, count, snapshot.device).fit
            values[self._name(split)] = frechet_distance(fit(features[FEATURES][:, :count]), reference)
        if self._scored:
            values[self._score_name()] = inception_score(features[LOGITS], self._parts)
        if self._classes is not None:
            values |= class_values(features[LOGITS].argmax(-1), self._true_shares(snapshot.device))
        finite = finite_samples(snapshot, self._count)
        return {name: torch.where(finite, value, torch.nan) for name, value in values.items()}

    def references(self, snapshot: SampleSnapshot) -> Mapping[str, float]:
        """The values of real data, in place of samples: those of the other split."""
        device, values = snapshot.device, {}
        for split, count in self._real_counts.items():
            reference = self._real(split, count, device).fit
            stand_in = self._real(_OTHER[split], self._stand_ins, device).fit
            values[self._name(split)] = frechet_distance(stand_in, reference)
        logits = self._real("heldout", self._real_counts["heldout"], device).logits
        if logits is not None:
            values[self._score_name()] = inception_score(logits, self._parts)
        if logits is not None and self._classes is not None:
            predicted = resampled(logits.argmax(-1), self._count)
            values |= class_values(predicted, self._true_shares(device))
        return {name: float(value) for name, value in values.items()}

    def _name(self, split: Split) -> str:
        """The quantity that holds the Fréchet distance to a split."""
        kind = "frechet" if self._extractor == Identity() else "fid"
        return "_".join((kind, *self._label(), split, str(self._real_counts[split])))

    def _score_name(self) -> str:
        splits = (f"splits{self._parts}",) if self._parts > 1 else ()
        return "_".join(("is", *self._label(), str(self._count), *splits))

    def _label(self) -> tuple[str, ...]:
        """What names the features; nothing for those that are published."""
        return () if self._extractor.name == PUBLISHED_FID else (self._features,)

    def _real(self, split: Split, count: int, device: torch.device) -> RealFeatures:
        return real_features(self._dataset, self._extractor, split, count, device)

    def _true_shares(self, device: torch.device) -> Tensor:
        """The shares of the classes in the train split, float64 [C]."""
        shares = self._dataset.info.spec.class_shares
        assert shares is not None
        return shares.to(device)

    def _distance(self, split: Split) -> Quantity:
        count = self._real_counts[split]
        real = f"{count:,} {split.replace('heldout', 'held-out')}"
        protocol = {"split": split, "generated": count, "reference": count}
        vectors = Quantity(
            self._name(split),
            f"Fréchet distance to {real} examples",
            unit="squared data units",
            direction="lower",
            scale="log",
            protocol={**protocol, **self._extractor.protocol(FEATURES), "version": FRECHET_VERSION},
            lowest=0,
        )
        if self._extractor == Identity():
            return vectors
        title = f"Fréchet distance in {self._features} features to {real} images"
        # Over fresh draws of the same samples the value itself spreads by 1 to 5 per cent where GANs lie
        # (measured between 10 and 60 on digits and MNIST).
        return replace(vectors, title=title, unit="", smallest_difference=0.1)

    def _logits(self) -> dict[str, Any]:
        return {"generated": self._count, **self._extractor.protocol(LOGITS), "version": FRECHET_VERSION}

    def _score(self) -> tuple[Quantity, ...]:
        if not self._scored:
            return ()
        of = "the classifier" if self._classes is not None else f"{self._features} logits"
        score = Quantity(
            self._score_name(),
            f"Inception-style score of {of}, {self._count:,} samples",
            direction="higher",
            protocol={**self._logits(), "splits": self._parts},
            lowest=1,
            highest=self._classes,
        )
        return (score,)

    def _of_classes(self) -> tuple[Quantity, ...]:
        if (count := self._classes) is None:
            return ()
        variation, title = "Total variation of the class histogram", f"Classes recovered, of {count}"
        train = {**self._logits(), "split": "train"}
        return (
            Quantity(
                "class_total_variation", variation, direction="lower", protocol=train, lowest=0, highest=1
            ),
            Quantity(
                "classes_recovered",
                title,
                "classes",
                "higher",
                protocol=train,
                lowest=1,  # a sample is taken for one of the classes
                highest=count,
            ),
        )


class RealFeatures(NamedTuple):
    """What is kept of real examples: their features' fit and, from a classifier, the logits [n, C]."""

    fit: Fit
    logits: Tensor | None


@functools.lru_cache(maxsize=32)
def real_features(
    dataset: Dataset, extractor: Extractor, split: Split, count: int, device: torch.device
) -> RealFeatures:
    """The features of the first `count` fixed examples of a split; computed once a cohort.

    It goes by the data set's object, of which every cohort has its own.
    """
    layers = real_layers(dataset, extractor, split, count, device)
    logits = layers[LOGITS][0] if LOGITS in layers else None
    return RealFeatures(fit(layers[FEATURES][0]), logits)


def class_values(predicted: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """Total variation of class histograms to the true shares [C], and classes seen; predicted [S, n]."""
    shares = class_shares(predicted, len(truth))
    return {
        "class_total_variation": (shares - truth).abs().sum(1) / 2,
        "classes_recovered": (shares > 0).sum(1).double(),
    }


def class_shares(predicted: Tensor, classes: int) -> Tensor:
    """What share of the samples is of each class, float64 [S, classes]; predicted int64 [S, n]."""
    counts = torch.zeros(len(predicted), classes, dtype=torch.float64, device=predicted.device)
    counts.scatter_add_(1, predicted, torch.ones_like(predicted, dtype=torch.float64))
    return counts / predicted.shape[1]


def resampled(predicted: Tensor, count: int) -> Tensor:
    """So many fixed draws with replacement of real examples' classes [n]: [1, count]."""
    source = generator(0, "fidelity/classes of real")
    drawn = torch.randint(len(predicted), (1, count), generator=source)
    return predicted[drawn.to(predicted.device)]


def flag_few_points(
    diagnostic: Diagnostic, counts: Mapping[str, int], width: int, result: str = "so mostly bias"
) -> None:
    """Say, in notes and titles, which Fréchet distances are of no more points than features; once.

    `counts` are the points by quantity, `width` is the number of features; `result` is what comes of it.
    """
    few = {
        name: f"{count:,} points in {width:,} dimensions, {result}"
        for name, count in counts.items()
        if count <= width
    }
    if few and not diagnostic.notes:
        diagnostic.notes = tuple(f"{name}: {why}" for name, why in few.items())
        diagnostic.quantities = tuple(
            replace(q, title=f"{q.title}, {few[q.name]}") if q.name in few else q
            for q in diagnostic.quantities
        )


def sample_count(diagnostic: str, dataset: Dataset, samples: int | None) -> int:
    """How many samples are compared with as many real ones: the data set's own number by default."""
    count = samples or dataset.info.evaluation_samples
    size = dataset.info.split_sizes.get("train", count)
    if count > size:
        raise GanbenchError(
            f"{diagnostic}: {count:,} samples need as many real ones, and {dataset.info.name} has {size:,} "
            f"to train on; `samples: {size}` or fewer works"
        )
    return count


def features_name(dataset: Dataset, extractor: Extractor) -> str:
    """What an extractor's features are called in names of quantities on a data set."""
    return "classifier" if extractor.classifies == dataset.info.name else extractor.name


def extractor_or_identity(dataset: Dataset, choice: ExtractorChoice) -> Extractor:
    """The chosen extractor, for vectors their coordinates; NotApplicable for images that have none."""
    extractor = chosen_extractor(dataset, choice)
    if extractor is None and len(dataset.info.spec.shape) > 1:
        raise NotApplicable(
            f"{dataset.info.name}: no extractor goes by its name; `extractor: identity` compares the pixels "
            "themselves"
        )
    return extractor or Identity()
