"""Published numbers of the one-dimensional least-squares game."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ganbench.claims.claim import Claim, Where, register_claim

SOURCE = "Pulford & Kondrashov 2021, IEEE Access, case A, their code and stored results"
CASE_A: dict[str, Any] = {
    "a": 2.2,
    "b": -3.0,
    "g": 1.5,
    "h": -2.0,
    "rate": 0.5,
    "step_size": 0.4,
    "free": ("b", "h"),
}
"""The start, the data's rate, the step and the parameters that move."""
UPDATES = 249
"""250 points of the trajectory."""


def _case_a(step: int, expectation: str = "quadrature") -> Where:
    options = {name: value for name, value in CASE_A.items() if name != "rate"} | {"expectation": expectation}
    return Where("lsgan1d", options, "exponential", {"rate": CASE_A["rate"]}, step=step)


ON_THE_WAY = tuple(
    Claim(f"{name} after {update} updates", _case_a(update), name, value, "published", 5e-6, SOURCE)
    for update, b, h in (
        (10, -2.73552, -1.62378),
        (25, -2.46182, -0.69044),
        (50, -2.23784, 1.42291),
        (100, 0.59774, 1.43334),
    )
    for name, value in (("b", b), ("h", h))
)
"""The exact game's trajectory; the error is half of the last printed digit, none is stated."""

EXACT_END = tuple(
    Claim(f"{name} at the end", _case_a(UPDATES), name, value, "published", error, SOURCE)
    for name, value, error in (("b", 1.60288, 0.00004), ("h", 1.43334, 0.00030))
)
"""Where the exact game ends."""


@dataclass(frozen=True)
class SampledEnd:
    """A parameter's mean and standard deviation over the published sampled runs of 1,000 points."""

    parameter: str
    mean: float
    deviation: float


SAMPLED_RUNS = 100
SAMPLED_END = (SampledEnd("b", 1.60233, 0.02617), SampledEnd("h", 1.42632, 0.06121))
LIKE = 0.25
"""A standard deviation within this share of the published one counts as the same."""


@register_claim("lsgan1d")
def lsgan1d() -> tuple[Claim, ...]:
    """Case A: the exact game's path and end, and where the sampled games end."""
    return (*ON_THE_WAY, *EXACT_END, *(claim for end in SAMPLED_END for claim in _of_samples(end)))


def _of_samples(end: SampledEnd) -> Iterator[Claim]:
    """A mean of runs within two standard errors, and their standard deviation."""
    where, name = _case_a(UPDATES, "samples"), end.parameter
    for statistic, value, tolerance in (
        ("mean", end.mean, 2 * end.deviation / math.sqrt(SAMPLED_RUNS)),
        ("standard_deviation", end.deviation, LIKE * end.deviation),
    ):
        measured = f"{statistic}({name})"
        yield Claim(f"{measured} of sampled games", where, measured, value, "published", tolerance, SOURCE)
