"""The quantities that data sets name as their primary ones; the diagnostics declare these very values."""

from __future__ import annotations

from typing import Any

from ganbench.datasets.dataset import Split
from ganbench.quantities import Quantity

MODES_VERSION = 1
"""Counts up when the mode diagnostic's numbers change meaning."""
FRECHET_VERSION = 1
"""Counts up when the Fréchet distance's numbers change meaning."""


def mode_total_variation(samples: int, within_sigmas: float = 3.0) -> Quantity:
    """Total variation between the samples' mode histogram, `none` a class of its own, and the truth."""
    return Quantity(
        "mode_total_variation",
        "Total variation of the mode histogram",
        direction="lower",
        smallest_difference=0.05,
        protocol={"samples": samples, "within_sigmas": within_sigmas, "version": MODES_VERSION},
    )


def classifier_frechet(split: Split, count: int, **protocol: Any) -> Quantity:
    """Fréchet distance in a classifier's features between `count` samples and `count` of a split.

    A tenth matters: over fresh draws of the same samples the value itself spreads by 1 to 5 per cent where
    GANs lie (measured between 10 and 60 on digits and MNIST).
    """
    return Quantity(
        f"fid_classifier_{split}_{count}",
        f"Fréchet distance in classifier features to {count:,} {split} images",
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
    )
