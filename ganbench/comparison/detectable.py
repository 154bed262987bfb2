"""The smallest effect that a comparison would have seen, in the terms in which effects are told."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ganbench.analysis import sample_size
from ganbench.analysis.statistics import Values, badness
from ganbench.comparison.margins import margin
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

    Called a worsening is what the test sees and what is estimated to be beyond the margin.  `base` [n]
    are the values as measured, and their spread is what the figure rests on; NaN where no worsening,
    however large, could be promised to be seen, as where the base is at its worst already.
    """
    places, worst = on_scale(base, quantity), worst_place(quantity)
    shift = sample_size.detectable(
        places, places.size, n_new, threshold, power,
        generator=generator, margin=margin_on_scale(quantity), worst=worst,
    )  # fmt: skip
    return as_effect(seen_of(shift, places, worst), quantity)


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


def margin_on_scale(quantity: Quantity) -> float:
    """The declared margin as a shift towards worse; 0 where there is none."""
    size = margin(quantity)
    return math.log1p(size) if quantity.scale == "log" else size


def worst_place(quantity: Quantity) -> float:
    """The worst that a value can be, where `on_scale` puts it; infinite where no bound is declared."""
    if quantity.worst is None:
        return math.inf
    return float(on_scale([quantity.worst], quantity)[0])


def room(places: Values, quantity: Quantity) -> float:
    """How much worse the median seed can become before it is at the quantity's bound; infinite without one.

    Of seeds where `on_scale` puts them.
    """
    known = places[np.isfinite(places)]
    return worst_place(quantity) - float(np.median(known)) if known.size else math.inf


def seen_of(shift: float, places: Values, worst: float) -> float:
    """The effect that is seen of a shift: less than the shift where a bound stops some seeds."""
    if math.isinf(shift) or math.isinf(worst):
        return shift
    known = places[np.isfinite(places)]
    return float(np.median(np.subtract.outer(np.minimum(known + shift, worst), known)))
