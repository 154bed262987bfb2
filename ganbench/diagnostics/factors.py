"""Which factors the samples show, how they go together, and whether combinations never trained on appear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any

import torch
from annotated_types import Gt
from numpy.typing import NDArray
from torch import Tensor

from ganbench import registry
from ganbench.datasets import KnownFactors, Split
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
from ganbench.diagnostics.estimators.factor_histograms import (
    coverage,
    modes_and_kl,
    novel_valid_rate,
    pair_total_variations,
    total_variation,
)
from ganbench.extractors import LOGITS, Extractor, extract

FACTORS_VERSION = 1


@register_diagnostic("factors")
def factors(
    dataset: Dataset,
    samples: Annotated[int | None, Gt(0), "generated samples; the data set's own number by default"] = None,
) -> Factors:
    """Factors that are read of samples against their true shares, invalid samples, and novel combinations.

    Made for data sets whose factors are known exactly.  A reader that comes with the data set names each
    sample's factors and how far it is from the nearest picture of these (root mean square, in [-1, 1]): above
    the data set's tolerance the sample is invalid.  Histograms are of all samples, as they are read: one of
    an early generator is far from any picture, and shows what the generator lacks all the same.
    The true shares are those of all combinations, held-out ones included; so is the reference's mixture of
    real training and held-out examples, which is what a sampler of all combinations gets.

    What good looks like
      pair_total_variation_mean   near its reference.  The mean over pairs of factors of the total variation
                                  between their joint histogram and the truth.  The primary quantity, for it
                                  is never below that of a factor alone, grows where factors are tied to each
                                  other, and moves from the first cats to the last: on `cats` at 32×32 with
                                  2,000 samples noise gets 0.88, blends of two cats 0.30, real ones 0.11.
      pair_total_variation_max    the same of the worst pair.
      factor_total_variation      the mean over single factors; well below that of pairs: all classes appear,
                                  in wrong combinations.
      <factor>_total_variation    of each factor.
      <factor>_coverage           1: every class of the factor is shown by a valid sample.
      picture_distance            the mean distance to the nearest picture; real cats get 0.
      invalid_rate                near its reference (0 for cats, 0.01 for digits); 1 in early training.
      novel_valid_rate            valid samples of held-out combinations: 0 where the training set is copied,
                                  the share that is held out (0.2) where the factors are understood.
      modes_recovered, kl_to_uniform  where samples are more than combinations: how many appear, and KL of
                                  their histogram from the uniform one in nats, as published for stacked MNIST
                                  (a perfect sampler: 0.0193 at 26,000).

    What it is blind to
      Histograms: noise and blur, which the reader reads through; see `picture_distance`.  All: copying of
      trained combinations, and what varies within one (the digit's hand).  For a diverged seed everything
      is NaN.
    """
    if not isinstance(dataset, KnownFactors):
        raise NotApplicable(f"{dataset.info.name}: its factors are not known")
    return Factors(dataset, samples or dataset.factor_samples)


class Factors(Diagnostic):
    """The diagnostic of one data set with known factors."""

    samples_only = True
    kept = ("_examples", "_validity")

    def __init__(self, dataset: Dataset, samples: int) -> None:
        assert isinstance(dataset, KnownFactors)
        self._factors: KnownFactors = dataset
        self._samples, self._tolerance = samples, dataset.tolerance()
        name = dataset.factor_classifier
        self._classifier: Extractor | None = None if name is None else registry.build("extractor", name)
        table = dataset.factor_table()
        self._shares, self._heldout = table.shares, table.heldout
        self._novel = table.heldout_share
        self._modes = int((table.shares > 0).sum())
        self.quantities = tuple(self._declared())
        self._of_real: dict[str, float] | None = None
        self._examples: Tensor | None = None
        self._validity: Tensor | None = None

    def measure(self, snapshot: SampleSnapshot) -> Mapping[str, Tensor]:
        """Every declared quantity, float64 [S]."""
        samples = snapshot.samples(self._samples)
        finite = samples.isfinite().flatten(1).all(1)
        classes, distance = self._read(samples)
        if snapshot.moment.final:
            self._examples, self._validity = self._best(samples, classes, distance)
        values = self._values(classes, distance)
        return {name: torch.where(finite, value, torch.nan) for name, value in values.items()}

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Of the last snapshot `examples` [S, F, K, *shape]: each class's sample nearest to its picture.

        `validity` [S, F, K] says what it is: 2 valid, 1 invalid, 0 none was read, −1 there is no such class.
        """
        if self._examples is None or self._validity is None:
            return {}
        return arrays_of({"examples": self._examples, "validity": self._validity})

    def _best(self, samples: Tensor, classes: Tensor, distance: Tensor) -> tuple[Tensor, Tensor]:
        """What `arrays` returns; classes are filled up to those of the factor that has most."""
        counts = tuple(self._factors.factors.values())
        shown = samples.new_full((len(samples), len(counts), max(counts), *samples.shape[2:]), 1.0)
        validity = torch.full(shown.shape[:3], -1, dtype=torch.int8, device=samples.device)
        tolerance = torch.inf if self._tolerance is None else self._tolerance
        every = torch.arange(len(samples), device=samples.device)
        for factor, count in enumerate(counts):
            for number in range(count):
                apart = distance.masked_fill(classes[..., factor] != number, torch.inf)
                nearest, place = apart.min(1)
                found = nearest < torch.inf
                validity[:, factor, number] = found.to(torch.int8) + (found & (nearest <= tolerance))
                chosen = samples[every, place]
                found = found.view(-1, *[1] * (chosen.ndim - 1))
                shown[:, factor, number] = torch.where(found, chosen, 1.0)
        return image_bytes(shown), validity

    def references(self, snapshot: SampleSnapshot) -> Mapping[str, float]:
        """The values of real examples, training and held-out ones as a sampler of all combinations mixes."""
        if self._of_real is None:
            novel = round(self._novel * self._samples) if self._novel else self._samples
            counts: dict[Split, int] = {"train": self._samples - novel, "heldout": novel}
            parts = [snapshot.real(split, count) for split, count in counts.items() if count]
            values = self._values(*self._read(torch.cat(parts).unsqueeze(0)))
            self._of_real = {name: float(value) for name, value in values.items()}
        return self._of_real

    def _values(self, classes: Tensor, distance: Tensor) -> dict[str, Tensor]:
        valid = torch.ones_like(distance, dtype=torch.bool)
        if self._tolerance is not None:
            valid = distance <= self._tolerance
        shares, heldout = self._shares.to(classes.device), self._heldout.to(classes.device)
        values = {}
        for factor, name in enumerate(self._factors.factors):
            values[f"{name}_coverage"] = coverage(classes, valid, shares, factor)
            values[f"{name}_total_variation"] = total_variation(classes, shares, (factor,))
        singles = [values[f"{name}_total_variation"] for name in self._factors.factors]
        pairs = pair_total_variations(classes, shares)
        values["factor_total_variation"] = torch.stack(singles).mean(0)
        values["pair_total_variation_mean"] = pairs.mean(1)
        values["pair_total_variation_max"] = pairs.amax(1)
        if self._tolerance is not None:
            values["picture_distance"] = distance.double().mean(1)
            values["invalid_rate"] = 1 - valid.double().mean(1)
        if self._novel:
            values["novel_valid_rate"] = novel_valid_rate(classes, valid, heldout)
        if self._counts_modes:
            values["modes_recovered"], values["kl_to_uniform"] = modes_and_kl(classes, shares)
        return values

    def _read(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Samples' classes [S, n, F], and distances [S, n] to their pictures: 0 where there are none."""
        reading = self._factors.read(samples.flatten(0, 1), self._classify)
        none = samples.new_zeros(len(reading.classes))
        distance = none if reading.distance is None else reading.distance
        return reading.classes.unflatten(0, samples.shape[:2]), distance.unflatten(0, samples.shape[:2])

    def _classify(self, images: Tensor) -> Tensor:
        assert self._classifier is not None, "a data set that asks for classes names its classifier"
        return extract(self._classifier, images.unsqueeze(0))[LOGITS][0].argmax(-1)

    @property
    def _counts_modes(self) -> bool:
        return self._modes <= self._samples

    @property
    def _protocol(self) -> dict[str, Any]:
        reader = {} if self._classifier is None else self._classifier.protocol(LOGITS)
        return {
            "samples": self._samples,
            "tolerance": self._tolerance,
            **reader,
            "version": FACTORS_VERSION,
        }

    def _declared(self) -> Iterator[Quantity]:
        share = partial(Quantity, protocol=self._protocol, lowest=0, highest=1)
        for name, classes in self._factors.factors.items():
            title = f"Classes of {name} that appear, of {classes}"
            yield share(f"{name}_coverage", title, "fraction", "higher")
            yield share(f"{name}_total_variation", f"Total variation of {name}", direction="lower")
        yield share("factor_total_variation", "Total variation of a factor, mean", direction="lower")
        yield share(
            "pair_total_variation_mean",
            "Total variation of two factors, mean over pairs",
            direction="lower",
            smallest_difference=0.05,
        )
        yield share(
            "pair_total_variation_max", "Total variation of two factors, worst pair", direction="lower"
        )
        if self._tolerance is not None:
            title = "Root mean square distance to the nearest picture, mean"
            yield Quantity("picture_distance", title, "", "lower", protocol=self._protocol, lowest=0)
            title = f"Invalid samples, further than {self._tolerance:g} from any picture"
            yield share("invalid_rate", title, "fraction", "lower")
        if self._novel:
            title = "Valid samples of held-out combinations"
            yield share("novel_valid_rate", title, "fraction", "target", target=self._novel)
        if self._counts_modes:
            yield from self._of_modes()

    def _of_modes(self) -> Iterator[Quantity]:
        title = f"Combinations recovered, of {self._modes:,}"
        yield Quantity(
            "modes_recovered",
            title,
            "modes",
            "higher",
            protocol=self._protocol,
            lowest=1,
            highest=self._modes,
        )
        title = "KL of the histogram of combinations from uniform"
        yield Quantity("kl_to_uniform", title, "nats", "lower", protocol=self._protocol, lowest=0)
