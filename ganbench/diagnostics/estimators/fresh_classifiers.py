"""Newly initialized classifiers, one a seed, trained on labelled examples: how right they are on others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ganbench.datasets import Split
from ganbench.diagnostics.diagnostic import Dataset, NotApplicable, SampleSnapshot
from ganbench.diagnostics.estimators.features import asked_labels
from ganbench.diagnostics.estimators.fresh_networks import (
    CLASSIFIER,
    FreshNetworks,
    rows_of_seeds,
    shuffled_batches,
    usual_network,
)
from ganbench.game import Batch, DataSpec, FieldSpec, Game, Networks
from ganbench.networks.construction import constructed
from ganbench.networks.network import architecture
from ganbench.optimizers import Adam
from ganbench.streams import SeedStreams, generator

REFERENCE_SEEDS = (0, 1, 2)
"""Of the classifiers that say what real examples get."""
_MOST_TESTED = 10_000


class LabelledExamples(NamedTuple):
    """Examples [S, n, *shape] of every seed with their classes, int64 [S, n]."""

    values: Tensor
    labels: Tensor

    def first(self, count: int) -> LabelledExamples:
        """The first so many."""
        return LabelledExamples(self.values[:, :count], self.labels[:, :count])

    def after(self, count: int) -> LabelledExamples:
        """All but the first so many."""
        return LabelledExamples(self.values[:, count:], self.labels[:, count:])


@dataclass(frozen=True)
class ClassifierTraining:
    """How a classifier of a labelled data set is trained; equal trainings of equal examples are equal."""

    dataset: Dataset
    network: str | dict[str, Any]
    steps: int
    batch_size: int
    learning_rate: float

    @property
    def protocol(self) -> dict[str, Any]:
        """What two values must share to be compared."""
        names = ("network", "steps", "batch_size", "learning_rate")
        return {name: getattr(self, name) for name in names} | {"tested": self._tested}

    def accuracy(
        self, parts: Sequence[LabelledExamples], seeds: Sequence[int], purpose: str, dtype: torch.dtype
    ) -> Tensor:
        """The share of held-out examples that each seed's classifier gets right, float64 [S].

        A batch has as many examples of every part.  The initial weights, and the order of each part, do not
        depend on the other parts: so a part can be added and nothing else changed.
        """
        device = parts[0].values.device
        fresh = FreshNetworks(
            lambda: _classification_game(self._classifier()),
            self._spec,
            seeds,
            f"{purpose}/initial",
            Adam(self.learning_rate),
            device,
            dtype,
        )
        fresh.train(self._batches(parts, seeds, purpose, device))
        test = self.real("heldout", self._tested, len(seeds), device, dtype)
        return (fresh.logits(test.values).argmax(-1) == test.labels).double().mean(1)

    def real(
        self, split: Split, count: int, seeds: int, device: torch.device, dtype: torch.dtype
    ) -> LabelledExamples:
        """The first examples of a split, the same for all seeds."""
        fields, spec = self.dataset.fields(split, count, device, dtype), self.dataset.info.spec
        values = (fields[spec.target], fields[spec.label or ""])
        return LabelledExamples(*(value.expand(seeds, *value.shape) for value in values))

    def samples(self, snapshot: SampleSnapshot, count: int) -> LabelledExamples | None:
        """Samples with the labels that they were made from; None where they are made from none."""
        labels = asked_labels(snapshot, self.dataset, count)
        return None if labels is None else LabelledExamples(snapshot.samples(count), labels)

    def _batches(
        self, parts: Sequence[LabelledExamples], seeds: Sequence[int], purpose: str, device: torch.device
    ) -> Iterator[Mapping[str, Tensor]]:
        orders = [
            shuffled_batches(
                SeedStreams(seeds, f"measure/{purpose}/order/{number}", device),
                part.labels.shape[1],
                self.batch_size,
                self.steps,
            )
            for number, part in enumerate(parts)
        ]
        for index in zip(*orders, strict=True):
            chosen = [
                [rows_of_seeds(value, rows) for value in part]
                for part, rows in zip(parts, index, strict=True)
            ]
            values, labels = (torch.cat(column, 1) for column in zip(*chosen, strict=True))
            yield {"real": values, "label": labels}

    @property
    def _classes(self) -> int:
        spec = self.dataset.info.spec
        classes = spec.fields[spec.label or ""].classes
        assert classes is not None
        return classes

    @property
    def _spec(self) -> DataSpec:
        spec, classes = self.dataset.info.spec, self._classes
        label = FieldSpec((), "int64", (0, classes - 1), classes)
        return DataSpec.real(spec.shape, spec.value_range, label)

    @property
    def _tested(self) -> int:
        return min(_MOST_TESTED, self.dataset.info.split_sizes.get("heldout", _MOST_TESTED))

    def _classifier(self) -> nn.Module:
        return architecture(self.network).discriminator(self.dataset.info.spec, self._classes)


def classifier_training(
    dataset: Dataset,
    network: str | dict[str, Any] | None,
    steps: int,
    batch_size: int,
    learning_rate: float,
) -> ClassifierTraining:
    """The training on a data set; NotApplicable where it has no labels, GanbenchError for a wrong network."""
    spec = dataset.info.spec
    if spec.label is None:
        raise NotApplicable(f"{dataset.info.name}: its examples have no labels")
    chosen = network if network is not None else usual_network(spec)
    training = ClassifierTraining(dataset, chosen, steps, batch_size, learning_rate)
    constructed(training._classifier, generator(0, "measure/fresh classifier/fits"))
    return training


def _classification_game(network: nn.Module) -> Game:
    def loss(networks: Networks, batch: Batch) -> Tensor:
        return cross_entropy(networks.classifier(batch.real), batch["label"])

    return Game({CLASSIFIER: network}, {CLASSIFIER: loss})
