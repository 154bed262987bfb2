"""What samples are worth to a classifier that is trained on them: alone, and beside few real examples."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from ganbench.diagnostics.diagnostic import (
    Dataset,
    Diagnostic,
    NotApplicable,
    Quantity,
    SampleSnapshot,
    register_diagnostic,
)
from ganbench.diagnostics.estimators.features import finite_samples
from ganbench.diagnostics.estimators.fresh_classifiers import (
    REFERENCE_SEEDS,
    ClassifierTraining,
    LabelledExamples,
    classifier_training,
)
from ganbench.diagnostics.fidelity import sample_count
from ganbench.quantities import share

CLASSIFICATION_ACCURACY_VERSION = 1
AUGMENTATION_VERSION = 1
Network = Annotated[
    str | dict[str, Any] | None, "the classifier's architecture; null: dcgan for images, mlp for the rest"
]
Steps = Annotated[int, Ge(1), "updates of the classifier"]
BatchSize = Annotated[int, Ge(1), "examples of each kind in an update"]
LearningRate = Annotated[float, Gt(0), "of its Adam"]


@register_diagnostic("classification_accuracy_score", by_default=False)
def classification_accuracy_score(
    dataset: Dataset,
    samples: Annotated[int | None, Ge(2), "generated samples; the data set's own number by default"] = None,
    steps: Steps = 500,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 1e-3,
    network: Network = None,
) -> Diagnostic:
    """Train a fresh classifier on samples with the labels asked for, test it on held-out real examples.

    What good looks like: its reference, the accuracy of the same classifier trained on as many real examples
    (the mean of three).  A sample that is of another class than was asked for misleads, classes without
    variety teach little, dropped ones nothing: each lowers it.  1/classes: the labels are ignored.

    Blind to: what the classifier does not need: sharpness, background, copying of training examples.  Of
    variants that are given no labels it is undefined (NaN); for a diverged seed too.

    Cost: `steps` updates of a small network a seed and moment: half a second on digits on one core.

    Protocol: initial weights and order of the batches from the seed's own measuring streams; at most 10,000
    held-out examples, the first ones.
    Source: Ravuri & Vinyals 2019, "Classification Accuracy Score for Conditional Generative Models".
    Deviation: a small network for a ResNet-50, and as many samples as the data set's distance is of.
    """
    training = classifier_training(dataset, network, steps, batch_size, learning_rate)
    return _ClassificationAccuracy(training, sample_count("classification_accuracy_score", dataset, samples))


@register_diagnostic("augmentation_gain", by_default=False)
def augmentation_gain(
    dataset: Dataset,
    real: Annotated[int, Ge(1), "real training examples, at most: the first ones"] = 500,
    samples: Annotated[
        int | None, Ge(2), "generated samples, at most; by default the data set's own number"
    ] = None,
    steps: Steps = 500,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 1e-3,
    network: Network = None,
) -> Diagnostic:
    """What samples add to few real examples: a classifier's accuracy with them, minus that without them.

    What good looks like: its reference, what as many further real examples add; a fraction of it is a gain.
    Below 0: samples of wrong classes, or too few kinds of them, do harm.  The difference is paired: both
    classifiers of a seed begin with the same weights and are shown the same real examples in the same order,
    in as many updates; only that each update shows as many samples beside them.

    Blind to: what `classification_accuracy_score` is blind to.  With many real examples nothing can be
    added.  A seed's value has the noise of two trainings: one held-out example in 360 is 0.003.  Of variants
    that are given no labels it is undefined (NaN); for a diverged seed too.

    Cost: two trainings of `steps` updates a seed and moment: a second and a half on digits on one core.

    Source: the pairing is ours; of the question Shmelkov, Schmid & Alahari 2018, "How good is my GAN?".
    Deviation: no more samples than there are further real examples, so that the reference is of as many.
    """
    training = classifier_training(dataset, network, steps, batch_size, learning_rate)
    available = dataset.info.split_sizes.get("train")
    wanted = samples or dataset.info.evaluation_samples
    count = wanted if available is None else min(wanted, available - real)
    if count < 1:
        raise NotApplicable(
            f"{dataset.info.name}: of {available:,} examples to train on {real:,} leave none to compare "
            "with; a smaller `real` does"
        )
    return _AugmentationGain(training, real, count)


class _OfLabelledSamples(Diagnostic):
    """One number of a training on samples and their labels; its reference is that of real examples."""

    samples_only = True

    def __init__(self, training: ClassifierTraining, quantity: Quantity, count: int, skipped: int) -> None:
        self.quantities, self._training, self._count = (quantity,), training, count
        self._skipped = skipped
        self._kept: dict[torch.device, float] = {}

    def measure(self, snapshot: SampleSnapshot) -> Mapping[str, Tensor]:
        """The quantity, float64 [S]; NaN where no labels were asked for or samples are not finite."""
        samples = self._training.samples(snapshot, self._count)
        if samples is None:
            value = torch.full((len(snapshot.seeds),), torch.nan, dtype=torch.float64)
        else:
            value = self._value(samples, snapshot.seeds, snapshot.dtype)
            value = torch.where(finite_samples(snapshot, self._count), value, torch.nan)
        return {self.quantities[0].name: value}

    def references(self, snapshot: SampleSnapshot) -> Mapping[str, float]:
        """The mean of three seeds with real examples for samples, where those have labels; computed once."""
        if self._training.dataset.info.spec.label not in snapshot.sample_reads:
            return {}
        device, seeds, total = snapshot.device, len(REFERENCE_SEEDS), self._skipped + self._count
        if device not in self._kept:
            real = self._training.real("train", total, seeds, device, snapshot.dtype)
            values = self._value(real.after(self._skipped), REFERENCE_SEEDS, snapshot.dtype)
            self._kept[device] = float(values.mean())
        return {self.quantities[0].name: self._kept[device]}

    @abstractmethod
    def _value(self, samples: LabelledExamples, seeds: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """The quantity of samples, float64 [S]."""


class _ClassificationAccuracy(_OfLabelledSamples):
    def __init__(self, training: ClassifierTraining, count: int) -> None:
        protocol = {"generated": count, **training.protocol, "version": CLASSIFICATION_ACCURACY_VERSION}
        title = f"Accuracy of a classifier trained on {count:,} samples"
        quantity = share(
            "classification_accuracy_score",
            title,
            "fraction",
            "higher",
            smallest_difference=0.02,
            protocol=protocol,
        )
        super().__init__(training, quantity, count, 0)

    def _value(self, samples: LabelledExamples, seeds: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        return self._training.accuracy([samples], seeds, "classification_accuracy_score", dtype)


class _AugmentationGain(_OfLabelledSamples):
    def __init__(self, training: ClassifierTraining, real: int, count: int) -> None:
        protocol = {
            "real": real,
            "generated": count,
            **training.protocol,
            "version": AUGMENTATION_VERSION,
        }
        title = f"Accuracy gained by {count:,} samples beside {real:,} real examples"
        quantity = Quantity(
            "augmentation_gain",
            title,
            "",
            "higher",
            smallest_difference=0.01,
            protocol=protocol,
            lowest=-1,
            highest=1,
        )
        super().__init__(training, quantity, count, real)

    def _value(self, samples: LabelledExamples, seeds: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        device = samples.values.device
        real = self._training.real("train", self._skipped, len(seeds), device, dtype)
        alone, augmented = (
            self._training.accuracy(parts, seeds, "augmentation_gain", dtype)
            for parts in ([real], [real, samples])
        )
        return augmented - alone
