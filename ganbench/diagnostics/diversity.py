"""How different the samples are from each other, without asking whether they are any good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from ganbench.diagnostics.diagnostic import Dataset, Diagnostic, Quantity, SampleSnapshot, register_diagnostic
from ganbench.diagnostics.estimators.diversity_scores import (
    collision_share,
    collisions,
    ms_ssim,
    scales_of,
    vendi_score,
)
from ganbench.diagnostics.estimators.features import (
    AUTO,
    ExtractorChoice,
    RealPair,
    finite_samples,
    real_features,
    real_pair,
    sample_features,
)
from ganbench.diagnostics.estimators.neighbours import neighbour_radii
from ganbench.extractors import FEATURES
from ganbench.quantities import share
from ganbench.streams import generator

DIVERSITY_VERSION = 1
_NEAR = 0.01
_GROUPS = 1_000


@register_diagnostic("diversity", by_default=False)
def diversity(
    dataset: Dataset,
    samples: Annotated[int | None, Ge(4), "samples and real examples; at most 2,500 by default"] = None,
    pairs: Annotated[int, Ge(1), "pairs of images for MS-SSIM, at most half of the samples"] = 500,
    birthday: Annotated[int, Ge(2), "samples in a group of the birthday test"] = 100,
    extractor: Annotated[
        ExtractorChoice, "auto: the data set's classifier, else the values; or an extractor's name"
    ] = AUTO,
) -> Diversity:
    """Vendi score, MS-SSIM of random pairs and the birthday test: collapse, seen in the samples alone.

    The Vendi score is the effective number of different samples by the cosines of their features.  MS-SSIM
    is the mean likeness of two samples as pictures.  The birthday test asks how often a group of samples
    holds two that are near duplicates: nearer than 99 % of real examples are to their nearest fellow, of as
    many.

    What good looks like
      vendi_score        near its reference, that of real data.  Below: fewer kinds; 1: all alike.  It grows
                         with the number of samples and ends at that of features.
      ms_ssim            near its reference.  Above: samples look alike; 1: all are one.
      birthday_collision near its reference, which is small (0.02 for 100 of 2,500).  1: few pictures repeat.
                         With K equally likely ones about √(2K·ln 2) samples give 0.5, so 0.5 for 100 means
                         some 7,000 pictures.

    What it is blind to
      Quality: noise is diverse.  Real data: a generator of other things than the data can have the best
      values.  The Vendi score: lengths of features, few collapsed samples among many, and what the features
      ignore; in features without negative values all cosines are high and scores low.  MS-SSIM: shifts of
      the same picture look different; images of 8×8 have one scale only.  Birthday: repeats that are further
      from each other than the radius.  For a diverged seed everything is NaN.

    Protocol: features and real examples as in `support`; pairs and groups are drawn once, the same for all
    seeds and moments.  MS-SSIM is of images whose value range the data set declares, clipped to it; scales as
    the size admits (five from 176 pixels on, two at 28 and 32, one below 22).

    Source: Friedman & Dieng 2023; Wang et al. 2003 and Odena et al. 2017 (who take pairs within a class);
    Arora et al. 2018 (who look for duplicates by eye).
    """
    return Diversity(real_pair(dataset, extractor, samples, default=2500), pairs, birthday)


class Diversity(Diagnostic):
    """The diversity of one data set's samples, beside that of as many real examples."""

    samples_only = True

    def __init__(self, pair: RealPair, pairs: int, birthday: int) -> None:
        self._pair, self._spec = pair, pair.dataset.info.spec
        self._pairs, self._birthday = min(pairs, pair.count // 2), min(birthday, pair.count)
        self._radius: dict[torch.device, Tensor] = {}
        self._references: dict[str, float] | None = None
        image = len(self._spec.shape) == 3 and min(self._spec.shape[1:]) >= 3
        self._images = image and self._spec.value_range is not None
        self.quantities = self._declared()

    def measure(self, snapshot: SampleSnapshot) -> Mapping[str, Tensor]:
        """Every declared quantity, float64 [S]; NaN where samples are not finite."""
        count = self._pair.count
        features, samples = sample_features(snapshot, self._pair.extractor, count), snapshot.samples(count)
        undefined = dict.fromkeys((quantity.name for quantity in self.quantities), torch.nan)
        rows = [
            self._values(points, images) if finite else undefined
            for points, images, finite in zip(
                features[FEATURES], samples, finite_samples(snapshot, count).tolist(), strict=True
            )
        ]
        return {name: torch.tensor([row[name] for row in rows], dtype=torch.float64) for name in undefined}

    def references(self, snapshot: SampleSnapshot) -> Mapping[str, float]:
        """The values of real data that the radius is not taken from."""
        if self._references is None:
            stand_in = real_features(self._pair, snapshot.device)[1]
            self._references = self._values(stand_in, self._stand_ins(snapshot))
        return self._references

    def _stand_ins(self, snapshot: SampleSnapshot) -> Tensor:
        """The examples of which `real_features` gives the second half."""
        count = self._pair.count
        if self._pair.dataset.info.split_sizes:
            return snapshot.real("train", 2 * count)[count:]
        return snapshot.real("train", count)

    def _values(self, features: Tensor, samples: Tensor) -> dict[str, float]:
        collide = collisions(features.double(), self._near(features.device))
        values = {
            "vendi_score": vendi_score(features),
            "birthday_collision": collision_share(collide, self._groups().to(features.device)),
        }
        if self._images and self._spec.value_range is not None:
            lowest, highest = self._spec.value_range
            images = ((samples.float() - lowest) / (highest - lowest)).clamp(0, 1)
            drawn = torch.randperm(len(images), generator=generator(0, "diversity/pairs"))
            first, second = drawn[: 2 * self._pairs].to(images.device).view(2, -1)
            values["ms_ssim"] = float(ms_ssim(images[first], images[second]).double().mean())
        return values

    def _groups(self) -> Tensor:
        """Groups of the birthday test [G, m], each without replacement."""
        source, count = generator(0, "diversity/groups"), self._pair.count
        return torch.rand(_GROUPS, count, generator=source).topk(self._birthday, dim=1).indices

    def _near(self, device: torch.device) -> Tensor:
        """How near real examples are near duplicates, []."""
        if device not in self._radius:
            reference = real_features(self._pair, device)[0]
            self._radius[device] = neighbour_radii(reference, (1,))[0].quantile(_NEAR)
        return self._radius[device]

    def _declared(self) -> tuple[Quantity, ...]:
        shared: dict[str, Any] = {**self._pair.protocol(), "version": DIVERSITY_VERSION}
        birthday = {**shared, "group": self._birthday, "near": _NEAR, "groups": _GROUPS}
        title = f"Groups of {self._birthday} samples that hold near duplicates"
        vendi = "Vendi score: effective number of samples"
        bounds: dict[str, Any] = {"lowest": 1, "highest": self._pair.count}
        quantities = (
            Quantity("vendi_score", vendi, "samples", "higher", protocol=shared, **bounds),
            share("birthday_collision", title, "fraction", "lower", protocol=birthday),
        )
        if not self._images:
            return quantities
        of_pixels = {"generated": self._pair.count, "pairs": self._pairs, "version": DIVERSITY_VERSION}
        of_pixels["scales"] = scales_of(min(self._spec.shape[1:]))
        return (
            *quantities,
            share("ms_ssim", "MS-SSIM of two samples, mean", "", "lower", protocol=of_pixels),
        )
