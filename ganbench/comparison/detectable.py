"""The smallest effect that a comparison would have seen, in the terms in which effects are told."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from ganbench.analysis import sample_size
from ganbench.analysis.statistics import Values, badness
from ganbench.quantities import Quantity


def detectable_effect(
    base: ArrayLike,
    n_new: int,
    quantity: Quantity,
    threshold: float,
    power: float,
    generator: np.random.Generator,
) -> float:
    """The smallest worsening that is called one with the given power, as an effect (see `Effect`).

    `base` [n] are the values as measured, and their spread is what the figure rests on; NaN where no
    worsening, however large, could be promised to be seen.
    """
    places = on_scale(base, quantity)
    shift = sample_size.detectable(places, places.size, n_new, threshold, power, generator=generator)
    return as_effect(_beyond_margin(shift, quantity, threshold, power), quantity)


def on_scale(values: ArrayLike, quantity: Quantity) -> Values:
    """Values as badness, on a logarithmic scale its logarithm: a worsening is a shift upwards.

    A value of which there is no logarithm is NaN where it is below zero.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if quantity.scale == "linear":
        return badness(numbers, quantity.direction, quantity.target)
    if quantity.direction == "target":
        numbers = badness(numbers, quantity.direction, quantity.target)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = np.log(numbers)
    return -logarithms if quantity.direction == "higher" else logarithms


def as_effect(shift: float, quantity: Quantity) -> float:
    """A shift towards worse as an effect: a difference, or a ratio, with its natural sign."""
    if math.isinf(shift):
        return math.nan
    signed = -shift if quantity.direction == "higher" else shift
    return math.exp(min(signed, 700.0)) if quantity.scale == "log" else signed


def _beyond_margin(shift: float, quantity: Quantity, threshold: float, power: float) -> float:
    """The shift at which the test sees it and its estimate is beyond the margin.

    The estimate's spread follows from the shift that the test needs, (z(1 - threshold) + z(power)) of
    its standard errors; its own chance to fall short of the margin asks for z(power) of them on top.
    """
    margin = quantity.smallest_difference or 0.0
    if quantity.scale == "log":
        margin = math.log1p(margin)
    if not margin or math.isinf(shift):
        return shift
    quantile = float(ndtri(power))
    error = shift / (float(ndtri(1 - threshold)) + quantile)
    return max(shift, margin + max(0.0, quantile) * error)
