"""The axis of an effect: differences on a linear axis around 0, ratios on a log axis around 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from ganbench.analysis.effects import Effect
from ganbench.comparison.detectable import margin_on_scale
from ganbench.comparison.verdicts import size_words
from ganbench.quantities import Quantity
from ganbench.report.ticks import log_ticks, tick_text

_FARTHEST = 3.0
"""How many times farther than the farthest estimate an interval is followed before an arrow ends it."""
_AIR = 0.06


@dataclass(frozen=True)
class EffectScale:
    """Where effects of one quantity stand; `place` turns an effect's numbers into x coordinates."""

    log: bool
    low: float
    high: float
    margin: float
    """The smallest difference that matters, as a place; 0 where none is declared."""

    def place(self, value: float) -> float:
        """A difference as it is, a ratio as its logarithm; infinite where there is no such number."""
        if not self.log or math.isnan(value):
            return value
        return math.log(value) if value > 0 else -math.inf

    def within(self, value: float) -> float:
        """A place, moved to the nearest edge where it lies beyond."""
        return min(max(value, self.low), self.high)


def ends(effect: Effect, scale: EffectScale) -> tuple[float, float]:
    """The places of an interval's ends; one that is no number is without end."""
    lower, upper = scale.place(effect.lower), scale.place(effect.upper)
    return (-math.inf if math.isnan(lower) else lower), (math.inf if math.isnan(upper) else upper)


def effect_scale(quantity: Quantity, effects: Sequence[Effect]) -> EffectScale:
    """A scale that holds zero, the margin, all estimates, and the intervals as far as they are worth it."""
    log = quantity.scale == "log"
    margin = margin_on_scale(quantity)
    bare = EffectScale(log, 0.0, 0.0, margin)
    estimates = _finite([bare.place(e.estimate) for e in effects])
    limits = _finite([end for e in effects for end in ends(e, bare)])
    farthest = max([abs(x) for x in estimates] + [1.5 * margin])
    if not farthest:
        farthest = max((abs(x) for x in limits), default=1.0) or 1.0
    shown = [min(max(x, -_FARTHEST * farthest), _FARTHEST * farthest) for x in limits]
    reached = [*estimates, *shown, 0.0, -1.3 * margin, 1.3 * margin]
    low, high = min(reached), max(reached)
    if low == high:
        low, high = -farthest, farthest
    air = _AIR * (high - low)
    return EffectScale(log, low - air, high + air, margin)


def prepare(axes: Axes, scale: EffectScale) -> None:
    """Limits and ticks; a ratio's ticks are ratios."""
    axes.set_xlim(scale.low, scale.high)
    if not scale.log:
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _signed_tick(value)))
        return
    ticks = log_ticks(math.exp(scale.low), math.exp(scale.high))
    axes.xaxis.set_major_locator(FixedLocator([math.log(t) for t in ticks]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: "×" + tick_text(math.exp(value))))
    axes.xaxis.set_minor_locator(NullLocator())


def effect_text(effect: Effect, quantity: Quantity) -> str:
    """An effect with its interval: "+0.091 [+0.070, +0.113]", or of ratios "×1.2 [×1.1, ×1.3]"."""
    if math.isnan(effect.estimate):
        return "no number"
    lowest = 0.0 if quantity.scale == "log" else -math.inf
    lower = lowest if math.isnan(effect.lower) else effect.lower
    upper = math.inf if math.isnan(effect.upper) else effect.upper
    estimate, low, high = (size_words(x, quantity) for x in (effect.estimate, max(lower, lowest), upper))
    return f"{estimate} [{low}, {high}]"


def _signed_tick(value: float) -> str:
    return ("+" if value > 1e-12 else "") + tick_text(round(value, 12))


def _finite(values: Sequence[float]) -> list[float]:
    return [v for v in np.asarray(values, dtype=float).tolist() if math.isfinite(v)]
