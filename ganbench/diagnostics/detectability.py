"""Whether a fresh classifier of features tells samples from real examples that it was not trained on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from ganbench.datasets import Split
from ganbench.diagnostics.diagnostic import (
    Dataset,
    Diagnostic,
    NotApplicable,
    SampleSnapshot,
    register_diagnostic,
)
from ganbench.diagnostics.estimators.discrimination import auroc, balanced_accuracy
from ganbench.diagnostics.estimators.features import (
    AUTO,
    ExtractorChoice,
    chosen_extractor,
    finite_samples,
    real_layers,
    sample_features,
)
from ganbench.diagnostics.estimators.fresh_classifiers import REFERENCE_SEEDS
from ganbench.diagnostics.estimators.fresh_networks import FreshNetworks, rows_of_seeds, shuffled_batches
from ganbench.extractors import FEATURES, Extractor
from ganbench.extractors.identity import Identity
from ganbench.game import DataSpec
from ganbench.networks.construction import constructed
from ganbench.networks.network import architecture
from ganbench.optimizers import Adam
from ganbench.quantities import share
from ganbench.streams import SeedStreams, generator

DETECTABILITY_VERSION = 1
PURPOSE = "detectability"
_MOST = 2_000
_FEWEST = 2
_SMALL: dict[str, Any] = {"mlp": {"width": 64, "depth": 1}}


@register_diagnostic("detectability", by_default=False)
def detectability(
    dataset: Dataset,
    samples: Annotated[
        int | None, Ge(4), "generated samples at most, learnt from and tested on; by default 2,000 at most"
    ] = None,
    steps: Annotated[int, Ge(1), "updates of the classifier"] = 500,
    batch_size: Annotated[int, Ge(1), "real and generated examples in each update"] = 64,
    learning_rate: Annotated[float, Gt(0), "of its Adam"] = 1e-3,
    network: Annotated[
        str | dict[str, Any] | None, "its architecture, of vectors; null: mlp with one layer of 64"
    ] = None,
    extractor: Annotated[
        ExtractorChoice, "auto: the data set's classifier, else the values; or an extractor's name"
    ] = AUTO,
) -> Diagnostic:
    """Train a fresh classifier to tell training examples from samples, test it on held-out ones and others.

    What good looks like: 0.5 for both, as real examples get against real ones (the reference, a mean of three
    classifiers; its standard error is about 0.4/√n for n held-out points of each kind).  1: every sample is
    told from data.  Clearly below 0.5: samples are copies of training examples, which look more real than
    held-out ones.  detectability_auroc does not depend on a threshold, and moves first.

    Blind to: what the features leave out (a classifier's ignore noise and strokes).  Where held-out examples
    are of other sources than the training ones, 0.5 is missed without samples' fault.  With few samples or
    updates less is detected: `c2st_accuracy` of `two_sample` lets neighbours vote, `perfect_discriminator`
    trains a network on the pixels with endless samples.
    For a diverged seed everything is NaN.

    Cost: `steps` updates of a small network on features: about a second for a few seeds.

    Protocol: features centred and scaled by the real training ones; initial weights and batches from the
    seed's own measuring streams.  Tested on half of the samples and as many held-out examples, fewer where
    half of those are fewer; learnt from the other samples and as many training examples, at most half of
    those: so the reference is of equal sizes.
    Source: Lopez-Paz & Oquab 2017, "Revisiting Classifier Two-Sample Tests", section 3.
    Deviation: balanced accuracy and AUROC, without a p-value; held-out examples for a split of one set.
    """
    total, sizes = samples or min(_MOST, dataset.info.evaluation_samples), dataset.info.split_sizes
    tested = min(total // 2, sizes.get("heldout", total) // 2)
    count = min(total - tested, sizes.get("train", 2 * total) // 2)
    if min(count, tested) < _FEWEST:
        raise NotApplicable(f"{dataset.info.name}: has too few examples to learn from and to hold out")
    chosen = chosen_extractor(dataset, extractor) or Identity()
    counts: dict[Split, int] = {"train": count, "heldout": tested}
    build = architecture(network or _SMALL).discriminator
    fits = generator(0, f"measure/{PURPOSE}/fits")
    constructed(lambda: build(DataSpec.real((2,))), fits)
    training = {"steps": steps, "batch_size": batch_size, "learning_rate": learning_rate}
    protocol = {**training, "network": network or _SMALL, "generated": count, "tested": tested}
    protocol |= {**chosen.protocol(FEATURES), "version": DETECTABILITY_VERSION}
    learner = partial(_learned, build, steps, batch_size, Adam(learning_rate))
    return _Detectability(dataset, chosen, counts, learner, protocol)


class _Detectability(Diagnostic):
    samples_only = True

    def __init__(
        self,
        dataset: Dataset,
        extractor: Extractor,
        counts: Mapping[Split, int],
        learned: Callable[[Tensor, Tensor, Sequence[int]], FreshNetworks],
        protocol: Mapping[str, Any],
    ) -> None:
        self._dataset, self._extractor, self._counts, self._learned = dataset, extractor, counts, learned
        described = partial(share, direction="target", target=0.5, protocol=dict(protocol))
        title = "of a fresh classifier of real and generated, on held-out points"
        self.quantities = (
            described("detectability_auroc", f"AUROC {title}", smallest_difference=0.02),
            described("detectability_accuracy", f"Balanced accuracy {title}", "fraction"),
        )
        self._of_real: dict[torch.device, dict[str, float]] = {}

    def measure(self, snapshot: SampleSnapshot) -> Mapping[str, Tensor]:
        """Both quantities, float64 [S]; NaN where samples are not finite."""
        count, total = self._counts["train"], sum(self._counts.values())
        features = sample_features(snapshot, self._extractor, total)[FEATURES]
        real = {split: values[:n] for split, (values, n) in self._real(snapshot.device).items()}
        fake: dict[Split, Tensor] = {"train": features[:, :count], "heldout": features[:, count:]}
        values = self._values(real, fake, snapshot.seeds, snapshot.dtype)
        finite = finite_samples(snapshot, total)
        return {name: torch.where(finite, value, torch.nan) for name, value in values.items()}

    def references(self, snapshot: SampleSnapshot) -> Mapping[str, float]:
        """The means of three seeds with further real examples in place of samples; computed once."""
        device, seeds = snapshot.device, REFERENCE_SEEDS
        if device not in self._of_real:
            parts = self._real(device)
            real = {split: values[:n] for split, (values, n) in parts.items()}
            others = {split: values[n:].expand(len(seeds), -1, -1) for split, (values, n) in parts.items()}
            values = self._values(real, others, seeds, snapshot.dtype)
            self._of_real[device] = {name: float(value.mean()) for name, value in values.items()}
        return self._of_real[device]

    def _values(
        self,
        real: Mapping[Split, Tensor],
        fake: Mapping[Split, Tensor],
        seeds: Sequence[int],
        dtype: torch.dtype,
    ) -> dict[str, Tensor]:
        mean, deviation = real["train"].mean(0), real["train"].std(0)
        deviation = torch.where(deviation > 0, deviation, 1.0)
        scaled = [
            {split: ((value - mean) / deviation).to(dtype) for split, value in features.items()}
            for features in ({s: v.expand(len(seeds), *v.shape) for s, v in real.items()}, fake)
        ]
        fresh = self._learned(scaled[0]["train"], scaled[1]["train"], seeds)
        of_real, of_fake = (fresh.logits(features["heldout"]).double() for features in scaled)
        return {
            "detectability_auroc": auroc(of_real, of_fake),
            "detectability_accuracy": balanced_accuracy(of_real, of_fake, 0.0),
        }

    def _real(self, device: torch.device) -> dict[Split, tuple[Tensor, int]]:
        """Of each split features [2n, F], and n: the reference's and its stand-in's."""
        return {
            split: (_real_features(self._dataset, self._extractor, split, 2 * count, device), count)
            for split, count in self._counts.items()
        }


@functools.lru_cache(maxsize=4)
def _real_features(
    dataset: Dataset, extractor: Extractor, split: Split, count: int, device: torch.device
) -> Tensor:
    """Features [count, F]; it goes by the data set's object, of which every cohort has its own."""
    return real_layers(dataset, extractor, split, count, device)[FEATURES][0]


def _learned(
    build: Callable[[DataSpec], nn.Module],
    steps: int,
    size: int,
    optimizer: Adam,
    real: Tensor,
    fake: Tensor,
    seeds: Sequence[int],
) -> FreshNetworks:
    """Each seed's classifier after `steps` updates on real and generated features, each [S, n, F]."""
    spec = DataSpec.real(real.shape[2:])
    rest = (seeds, f"{PURPOSE}/initial", optimizer, real.device, real.dtype)
    fresh = FreshNetworks.discriminators(lambda: build(spec), spec, *rest)
    orders = [
        shuffled_batches(SeedStreams(seeds, f"measure/{PURPOSE}/{kind}", real.device), count, size, steps)
        for kind, count in (("real", real.shape[1]), ("fake", fake.shape[1]))
    ]
    fresh.train(
        {"real": rows_of_seeds(real, one), "fake": rows_of_seeds(fake, other)}
        for one, other in zip(*orders, strict=True)
    )
    return fresh
