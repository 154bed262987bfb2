"""What is known of perfect discriminators: the paper's numbers, and exact overlaps by quadrature."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from scipy.integrate import quad
from scipy.special import expit, log_expit
from scipy.stats import norm

from ganbench.claims.claim import Claim, Where, register_claim

_PAPER = "Arjovsky and Bottou 2017, caption of figure 2"
_WIDE = 12.0
"""Standard deviations beyond which a Gaussian's tail is below 1e-32."""
DECADES = Claim(
    "decades by which the gradient falls",
    Where(protocol={"network": "dcgan", "steps": 4000}),
    "gradient_decay_decades_from_peak",
    5.0,
    "published",
    None,
    _PAPER + ": the best case",
)
"""The paper says no more than "in the best case"; it does not say from which update it counts."""


@dataclass(frozen=True)
class Overlap:
    """The best discriminator's balanced error, the Jensen-Shannon divergence in nats, and under

    the best discriminator ‖∇E log(1 − D)‖ and ‖∇E(−log D)‖ in the generator's location; None: no such
    number, as where there is no best discriminator but an ever steeper one.  `gap`: whether the supports
    keep a distance, so that the first gradient falls to 0 with ever steeper discriminators.
    """

    error: float
    jsd: float
    minimax: float | None
    nonsaturating: float | None
    gap: bool = False

    @property
    def perfect(self) -> bool:
        """Whether a perfect discriminator exists."""
        return self.error == 0


SAME = Overlap(0.5, 0.0, 0.0, 0.0)
DISJOINT = Overlap(0.0, math.log(2), 0.0, None, gap=True)
CROSSING = Overlap(0.0, math.log(2), None, None)
"""Supports that meet in a null set.  Within ε of where they meet, where a discriminator of slope 1/ε still

errs, the generator has a mass of order ε^c with c the dimensions of its flat across the crossing; its
gradient there is of order ε^(c−1), which for c = 1 (lines, hyperplanes) does not fall.
"""


def known_overlap(dataset: str, options: Mapping[str, Any], latent_dim: int) -> Overlap | None:
    """Of a data set with N(0, I) on the last `latent_dim` coordinates; None where none is derived."""
    if dataset == "gaussian_pair" and latent_dim == options["dim"]:
        return gaussians(float(options["distance"]))
    if dataset == "parallel_lines" and latent_dim == 1:
        return DISJOINT if options["distance"] > 0 else SAME
    if dataset == "manifold_pair":
        full = options["dimension"] == options["ambient"] == latent_dim
        if full:
            return gaussians(float(options["distance"]))
        crosses = options["distance"] == 0 or options["dimension"] + latent_dim >= options["ambient"]
        return CROSSING if crosses else DISJOINT
    return None


_KNOWN: tuple[tuple[str, Mapping[str, Any], int], ...] = (
    *(("gaussian_pair", {"distance": distance, "dim": 1}, 1) for distance in (0, 0.5, 1, 2, 4, 8)),
    *(("parallel_lines", {"distance": distance}, 1) for distance in (0, 0.01, 0.1, 1)),
    *(("manifold_pair", {"dimension": d, "ambient": 8, "distance": 0}, d) for d in (1, 4, 7, 8)),
)
"""Data, and on how many dimensions N(0, I) is beside them."""


@register_claim("perfect-discriminator")
def perfect_discriminator() -> tuple[Claim, ...]:
    """The best discriminator's error against a known generator, and how far the paper's gradient falls."""
    return (*(_of_error(*known) for known in _KNOWN), DECADES)


def _of_error(dataset: str, options: Mapping[str, Any], latent_dim: int) -> Claim:
    overlap = known_overlap(dataset, options, latent_dim)
    assert overlap is not None
    where = Where("nsgan", {"network": "flat", "latent_dim": latent_dim}, dataset, options)
    which = latent_dim if dataset == "manifold_pair" else options["distance"]
    source = "quadrature of the optimal discriminator"
    return Claim(
        f"{dataset} {which}", where, "perfect_discriminator_error", overlap.error, "exact", None, source
    )


@cache
def gaussians(distance: float) -> Overlap:
    """Of N(distance·e₁, I) with N(0, I): all of it happens along the first axis.

    ∇E log(1 − D*) = ∇2JSD and ∇E(−log D*) = ∇(KL − 2JSD), theorem 2.5 of the paper; ∇KL = distance.
    """
    if distance == 0:
        return SAME

    def logit(x: float) -> float:
        return distance * x - distance**2 / 2

    def logarithms(x: float) -> float:
        real = norm.pdf(x - distance) * log_expit(logit(x))
        return float(real + norm.pdf(x) * log_expit(-logit(x)))

    jsd = math.log(2) + _integral(logarithms, distance) / 2
    minimax = distance * _integral(lambda x: float(norm.pdf(x) * expit(logit(x))), distance)
    return Overlap(float(norm.cdf(-distance / 2)), jsd, minimax, distance - minimax)


def _integral(function: Any, distance: float) -> float:
    """Over all that both Gaussians reach, in parts so that neither peak is missed."""
    ends = (-_WIDE, 0.0, distance / 2, distance, distance + _WIDE)
    return math.fsum(
        quad(function, left, right, epsabs=1e-15, epsrel=1e-10, limit=200)[0]
        for left, right in pairwise(ends)
    )
