"""What is published of mixtures of Gaussians, and the exact law of a perfect sampler's mode histogram."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from ganbench.claims.claim import Claim, Where, register_claim

Array = NDArray[Any]

SAMPLES, SIGMAS = 2500, 3.0
"""Generated samples, and the radius within which one is of high quality: PacGAN's code and its followers."""
_EARLIER = "derived earlier, in double precision"


def _perfect(measured: str, where: Where, expected: float, tolerance: float) -> Claim:
    return Claim(f"perfect sampler: {measured}", where, measured, expected, "derived", tolerance, _EARLIER)


_OF_SIGMAS, _OF_RING = (
    Where(protocol={"within_sigmas": SIGMAS}),
    Where(protocol={"modes": 8, "samples": SAMPLES}),
)
PERFECT = (
    _perfect("high_quality_fraction", _OF_SIGMAS, 0.98889, 5e-6),
    _perfect("reverse_kl", _OF_RING, 0.0014, 5e-5),
    _perfect("mode_total_variation", _OF_RING, 0.021, 5e-4),
)
"""A perfect sampler's means; the total variation is that of a histogram without a class for no mode."""
ONE_RUN = 0.002
"""One run's standard error of the high-quality fraction, of so many samples within that radius."""
COLLAPSE = 0.993
"""A mean of the high-quality fraction over seeds above this is collapse, not excellence."""


@dataclass(frozen=True)
class Saturation:
    """Mode counts saturate and single seeds mislead: where that was seen."""

    methods: tuple[str, ...]
    radius: float
    sigma: float
    steps: tuple[int, int]
    variation: tuple[float, float]
    seeds: int
    source: str


SATURATION = Saturation(
    ("nsgan", "gan-r1", "rpgan-r1r2"), 2.5, 0.01, (2_000, 8_000), (0.2, 0.9), 10, "tried once"
)
"""8 of 8 modes in most seeds after so many steps, while the total variation is still in that range."""


@dataclass(frozen=True)
class Protocol:
    """How a publication trained and measured on mixtures; settings that are not known are left out."""

    name: str
    source: str
    ring: tuple[float, float] | None
    """Radius and σ of the ring of eight."""
    settings: Mapping[str, str] = field(default_factory=dict)


_TANH = "tanh 128×2"
PROTOCOLS = (
    Protocol(
        "PacGAN",
        "Lin et al. 2018",
        (1.0, 0.01),
        {
            "grid": "{−4, −2, 0, 2, 4}², σ 0.05",
            "noise": "2 numbers",
            "generator": "2-400-400-400-400-2, batch norm, ReLU",
            "discriminator": "3 maxout layers of 200 units and 5 pieces",
            "generator's loss": "non-saturating",
            "optimizer": "Adam 1e-4 (β₁ 0.8, β₂ 0.999)",
            "updates": "simultaneous",
            "batch": "100",
            "steps": "400,000",
            "samples": "2,500",
            "runs": "10",
        },
    ),
    Protocol(
        "Bures-GAN's code",
        "the common later protocol",
        (2.5, 0.01),
        {
            "noise": "256 numbers",
            "generator": _TANH,
            "discriminator": _TANH,
            "optimizer": "Adam 1e-3 (β₁ 0.5)",
            "batch": "256",
            "steps": "25,000",
            "samples": "2,500",
            "runs": "10",
        },
    ),
    Protocol(
        "Unrolled GAN's demo",
        "Metz et al. 2017, whose authors say that it differs from the paper",
        (1.0, 0.01),
        {
            "noise": "256 numbers",
            "generator": _TANH,
            "discriminator": _TANH,
            "generator's loss": "saturating",
            "optimizer": "D 1e-4, G 1e-3 (β₁ 0.5)",
            "updates": "5 unrolling steps",
            "batch": "512",
            "steps": "25,000",
        },
    ),
    Protocol(
        "WGAN-GP's toy",
        "Gulrajani et al. 2017",
        (2 / 1.414, 0.02 / 1.414),
        {
            "generator": "ReLU 512×3",
            "discriminator": "ReLU 512×3",
            "optimizer": "Adam 1e-4 (β₁ 0.5, β₂ 0.9)",
            "updates": "5 critic steps",
            "penalty": "λ 0.1",
            "batch": "256",
            "steps": "100,000",
        },
    ),
)
GRID = 0.05 / 2
"""σ of the grid of 25 by its spacing."""
_PACGAN = "Lin et al. 2018 (PacGAN), ring of 8, mean ± standard error of ten runs"
PUBLISHED_AS = {1: "GAN", 2: "PacGAN2", 4: "PacGAN4"}
"""By the samples that the discriminator judges together."""


def _of_packs(packing: int) -> Where:
    data = {"modes": 8, "radius": 1.0, "sigma": 0.01}
    variant, options = ("nsgan", {}) if packing == 1 else ("pacgan", {"packing": packing})
    return Where(variant, options, "ring8", data, {"samples": SAMPLES})


RESULTS = tuple(
    Claim(
        f"{PUBLISHED_AS[packing]}: {what}",
        _of_packs(packing),
        f"mean({what})",
        value,
        "published",
        error,
        _PACGAN,
    )
    for packing, numbers in (
        (1, ((6.3, 0.5), (0.982, 0.002), (0.45, 0.09))),
        (2, ((7.9, 0.1), (0.956, 0.020), (0.07, 0.03))),
        (4, ((7.8, 0.1), (0.959, 0.014), (0.07, 0.02))),
    )
    for what, (value, error) in zip(
        ("modes_recovered", "high_quality_fraction", "reverse_kl"), numbers, strict=True
    )
)
"""`packing`: m, the samples that the discriminator judges together."""


@register_claim("mixtures")
def mixtures() -> tuple[Claim, ...]:
    """PacGAN's results on the ring of eight, for orientation, and what a perfect sampler gets."""
    return (*RESULTS, *PERFECT)


def from_the_literature(dataset: str, options: Mapping[str, Any]) -> bool:
    """Whether a data set is a published ring or grid, up to its scale."""
    if dataset == "ring8" and options.get("modes") == 8:
        ratio = options["sigma"] / options["radius"]
        return any(math.isclose(ratio, p.ring[1] / p.ring[0]) for p in PROTOCOLS if p.ring)
    if dataset == "grid25" and options.get("side") == 5:
        return math.isclose(options["sigma"] / options["spacing"], GRID)
    return False


@dataclass(frozen=True)
class Law:
    """Mean and standard deviation of a quantity over draws."""

    mean: float
    spread: float


@cache
def perfect_sampler(modes: int, samples: int, share: float) -> Mapping[str, Law]:
    """What `samples` exact draws from equal modes get, if `share` of a mode lies within the radius.

    Exact, but for the reverse KL: 2N of it is nearly χ² with K − 1 degrees of freedom, for N high-quality
    samples (to a per cent where a mode expects some tens of samples).
    """
    good = samples * share
    return {
        "high_quality_fraction": Law(share, math.sqrt(share * (1 - share) / samples)),
        "reverse_kl": Law((modes - 1) / (2 * good), math.sqrt((modes - 1) / 2) / good),
        "mode_total_variation": _variation(modes, samples, share),
    }


def _variation(modes: int, samples: int, share: float) -> Law:
    """Of ½ (Σ |X_k/N − 1/K| + X₀/N) for multinomial counts, X₀ of no mode: by the moments of pairs."""
    mode, none = share / modes, 1 - share

    def off(count: Array) -> Array:
        return np.abs(count / samples - 1 / modes)

    def part(count: Array) -> Array:
        return count / samples

    mean = modes * _mean(samples, mode, off) + none
    squares = modes * _mean(samples, mode, lambda x: off(x) ** 2) + none * share / samples + none**2
    pairs = modes * (modes - 1) * _product(samples, (mode, off), (mode, off))
    pairs += 2 * modes * _product(samples, (mode, off), (none, part))
    return Law(mean / 2, math.sqrt(max(0.0, squares + pairs - mean**2)) / 2)


@cache
def variation_without_none(modes: int, samples: int) -> float:
    """The mean total variation where every sample counts for its nearest mode."""
    return modes * _mean(samples, 1 / modes, lambda x: np.abs(x / samples - 1 / modes)) / 2


Counted = tuple[float, Callable[[Array], Array]]
"""A class's probability, and a function of its count."""


def _mean(samples: int, probability: float, of: Callable[[Array], Array]) -> float:
    counts = _likely(samples, probability)
    return float(binom.pmf(counts, samples, probability) @ of(counts))


def _product(samples: int, first: Counted, second: Counted) -> float:
    """E f(X₁) g(X₂) for two classes of a multinomial."""
    (p, f), (r, g) = first, second
    ones, twos = _likely(samples, p), _likely(samples, r)
    given = binom.pmf(twos, (samples - ones)[:, None], min(1.0, r / (1 - p))) @ g(twos)
    return float(binom.pmf(ones, samples, p) * f(ones) @ given)


def _likely(samples: int, probability: float) -> Array:
    """The counts outside of which a binomial's mass is below 1e-20."""
    middle = samples * probability
    reach = 12 * math.sqrt(middle * (1 - probability)) + 30
    return np.arange(max(0, math.floor(middle - reach)), min(samples, math.ceil(middle + reach)) + 1)
