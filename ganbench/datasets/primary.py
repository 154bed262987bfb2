"""The quantities that data sets name as their primary ones; the diagnostics declare these very values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganbench.datasets.dataset import Split
from ganbench.quantities import Quantity

_SPLITS: Mapping[Split, str] = {"train": "train", "heldout": "held-out"}
MODES_VERSION = 1
"""Counts up when the mode diagnostic's numbers change meaning."""
FRECHET_VERSION = 1
"""Counts up when the Fréchet distance's numbers change meaning."""
WASSERSTEIN_VERSION = 1
"""Counts up when the Wasserstein distance's numbers change meaning."""
ENERGY_VERSION = 1
"""Counts up when the energy distance's numbers change meaning."""
FIT_VERSION = 1
"""Counts up when the numbers of the Gaussian fit change meaning."""

EQUILIBRIUM_VERSION = 1
"""Counts up when the numbers of the diagnostic `equilibrium` change meaning."""


def mode_total_variation(samples: int, within_sigmas: float = 3.0) -> Quantity:
    """Total variation between the samples' mode histogram, `none` a class of its own, and the truth."""
    return Quantity(
        "mode_total_variation",
        "Total variation of the mode histogram",
        direction="lower",
        smallest_difference=0.05,
        protocol={"samples": samples, "within_sigmas": within_sigmas, "version": MODES_VERSION},
        lowest=0,
        highest=1,
    )


def classifier_frechet(split: Split, count: int, **protocol: Any) -> Quantity:
    """Fréchet distance in a classifier's features between `count` samples and `count` of a split.

    A tenth matters: over fresh draws of the same samples the value itself spreads by 1 to 5 per cent where
    GANs lie (measured between 10 and 60 on digits and MNIST).
    """
    return Quantity(
        f"fid_classifier_{split}_{count}",
        f"Fréchet distance in classifier features to {count:,} {_SPLITS[split]} images",
        direction="lower",
        scale="log",
        smallest_difference=0.1,
        protocol={
            "split": split,
            "generated": count,
            "reference": count,
            **protocol,
            "version": FRECHET_VERSION,
        },
        lowest=0,
    )


def perfect_discriminator_error() -> Quantity:
    """The held-out error of a fresh discriminator against the frozen generator: one half at best."""
    return Quantity(
        "perfect_discriminator_error",
        "Held-out error of a fresh discriminator",
        direction="higher",
        smallest_difference=0.02,
        lowest=0,
        highest=1,
    )


def energy_distance(samples: int, **protocol: Any) -> Quantity:
    """2E‖X−Y‖ − E‖X−X′‖ − E‖Y−Y′‖, unbiased, between `samples` generated and as many real points.

    Zero for equal distributions and for no others.  Of data of unit size, fresh draws of one distribution
    differ by a few thousandths (1,000 points): a hundredth matters.
    """
    return Quantity(
        "energy_distance",
        "Energy distance, unbiased",
        unit="data units",
        direction="lower",
        smallest_difference=0.01,
        protocol={
            "split": "heldout",
            "generated": samples,
            "reference": samples,
            **protocol,
            "version": ENERGY_VERSION,
        },
    )


def fit_error() -> Quantity:
    """Distance of a fitted Gaussian's (μ, σ) from the exact optimum of the divergence it was trained by."""
    return Quantity(
        "fit_error",
        "Larger distance of μ and σ from the exact optimum",
        direction="lower",
        smallest_difference=0.05,
        protocol={"version": FIT_VERSION},
        lowest=0,
    )


def wasserstein_to_data(samples: int) -> Quantity:
    """Wasserstein-1 distance between `samples` generated numbers and the exact distribution on the line.

    Fresh draws of an exponential with mean 2 are 0.02 away themselves (10,000 of them): a twentieth matters.
    """
    return Quantity(
        "wasserstein_to_data",
        "Wasserstein-1 distance to the data",
        unit="data units",
        direction="lower",
        smallest_difference=0.05,
        protocol={"generated": samples, "reference": "exact quantiles", "version": WASSERSTEIN_VERSION},
        lowest=0,
    )


def equilibrium_distance() -> Quantity:
    """Distance of all parameters from where a small game comes to rest."""
    return Quantity(
        "distance",
        "Distance to the equilibrium",
        direction="lower",
        scale="log",
        smallest_difference=0.05,
        protocol={"version": EQUILIBRIUM_VERSION},
        lowest=0,
    )
