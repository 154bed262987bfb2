"""What is published of the one-dimensional f-GAN fit, and the tables of the divergences."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ganbench.claims.claim import Claim, Where, register_claim

_PAPER = "Nowozin et al. 2016 (f-GAN), section 2.3, not looked up again; equal to our quadrature to 1e−4"
_OURS = "quadrature and descent from the narrow mode, in double precision"
_NAMES = ("exact_divergence", "exact_mu", "exact_sigma")
_OPTIMA = (
    ("kl", 0.2830, 1.0100, 1.8307),
    ("reverse_kl", 0.2482, 1.5780, 1.6312),
    ("js", 0.1281, 1.3068, 1.7540),
)


def _of(divergence: str) -> Where:
    return Where("fgan", {"divergence": divergence}, "two_gaussians")


OPTIMA = tuple(
    Claim(f"{name}: {what}", _of(name), what, value, "derived", 1e-4, _PAPER)
    for name, *values in _OPTIMA
    for what, value in zip(_NAMES, values, strict=True)
)
"""The optimum of each divergence: the paper's from memory, equal to our quadrature to 1e-4."""
SECOND_OPTIMA = tuple(
    Claim(f"{name}, second optimum: {what}", _of(name), what, value, "derived", 5e-5, _OURS)
    for name, *values in (("reverse_kl", 0.9901, -0.9550, 0.3169), ("neyman", 1.7367, -0.9732, 0.2906))
    for what, value in zip(_NAMES, values, strict=True)
)
"""The local optima, which lie in the data's narrow mode."""


@register_claim("fgan1d")
def fgan1d() -> tuple[Claim, ...]:
    """The Gaussian that is nearest to a mixture of two by each divergence: D_f, μ and σ."""
    return OPTIMA


def published(name: str, what: str) -> Claim | None:
    """The published number of a divergence; None where there is none."""
    found = (each for each in OPTIMA if each.where.options["divergence"] == name and each.measured == what)
    return next(found, None)


@dataclass(frozen=True)
class Formulas:
    """One row of the table of divergences, as it is computed; u = p/q, t = T(x), v = V(x)."""

    f: str
    conjugate: str
    domain: str
    activation: str
    composed: str
    threshold: str
    at_one: str = "0"
    level: float = 0.0
    """f(1), the divergence of equal densities, as a number."""


FORMULAS = {
    "kl": Formulas("u log u", "exp(t − 1)", "ℝ", "v", "exp(v − 1)", "1"),
    "reverse_kl": Formulas("−log u", "−1 − log(−t)", "t < 0", "−exp(−v)", "v − 1", "0"),
    "pearson": Formulas("(u − 1)²", "t²/4 + t", "ℝ", "v", "v²/4 + v", "0"),
    "neyman": Formulas("(1 − u)²/u", "2 − 2√(1 − t)", "t < 1", "1 − exp(−v)", "2 − 2 exp(−v/2)", "0"),
    "hellinger": Formulas("(√u − 1)²", "t/(1 − t)", "t < 1", "1 − exp(−v)", "exp(v) − 1", "0"),
    "js": Formulas(
        "u log u − (u + 1) log((1 + u)/2)",
        "−log(2 − exp t)",
        "t < log 2",
        "log 2 − log(1 + exp(−v))",
        "log(1 + exp v) − log 2",
        "0",
    ),
    "jeffrey": Formulas(
        "(u − 1) log u",
        "W + 1/W + t − 2, W = W(exp(1 − t))",
        "ℝ",
        "v",
        "e^ℓ − 1 + ℓ, where ℓ + 1 − e^(−ℓ) = v by Newton's method",
        "0",
    ),
    "gan": Formulas(
        "u log u − (u + 1) log(u + 1)",
        "−log(1 − exp t)",
        "t < 0",
        "−log(1 + exp(−v))",
        "log(1 + exp v)",
        "0",
        at_one="−2 log 2",
        level=-2 * math.log(2),
    ),
    "total_variation": Formulas("½|u − 1|", "t", "|t| ≤ ½", "½ tanh v", "½ tanh v", "0"),
}
"""Nowozin et al. 2016, tables 1, 2 and 6, with activations that increase (table 2's signs)."""
