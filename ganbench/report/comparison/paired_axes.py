"""The axis of one panel of pairs: the quantity's scale, over the variant's own values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from ganbench.analysis.statistics import Values
from ganbench.quantities import Quantity
from ganbench.report.comparison.paired import Pairs
from ganbench.report.curve import wants_log
from ganbench.report.ticks import log_ticks, tick_text

MARGINS = 4
"""An axis spans so many times the difference that matters, or more: what is smaller looks small."""
_LEAST = 1e-3
"""An axis spans this share of its values, or more: rounding is not drawn large."""
_AIR, _EDGE = 0.06, 0.2
"""Beyond the values, and where seeds without a value stand; of the axis."""


@dataclass(frozen=True)
class PairScale:
    """Where one variant's values stand; `edge` is where those without a number do."""

    log: bool
    low: float
    high: float
    edge: float
    known: tuple[float, float]
    """Between these stand the values, and the axis is drawn."""
    ticks: Sequence[float]

    @property
    def texts(self) -> list[str]:
        """The ticks as they are told."""
        return [tick_text(tick) for tick in self.ticks]

    def place(self, values: Values) -> Values:
        """The values, with the edge in place of those that are no number."""
        return np.where(np.isfinite(values), values, self.edge)


def pair_scales(found: Sequence[Pairs]) -> list[PairScale]:
    """A scale per variant, all of them logarithmic or none."""
    quantity = found[0].row.quantity
    values = [_finite(pairs, quantity) for pairs in found]
    every = np.concatenate(values)
    log = bool(every.size) and bool(every.min() > 0) and wants_log(quantity, every)
    return [_scale(own, quantity, log, any(p.lost)) for own, p in zip(values, found, strict=True)]


def prepare(axes: Axes, scale: PairScale) -> None:
    """Limits and ticks."""
    axes.set_yscale("log" if scale.log else "linear")
    axes.set_ylim(scale.low, scale.high)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticks(scale.ticks, scale.texts)
    axes.spines["left"].set_bounds(*scale.known)


def _scale(values: Values, quantity: Quantity, log: bool, lost: bool) -> PairScale:
    higher = quantity.direction == "higher"
    if not values.size:
        return PairScale(False, 0.0, 1.0, 0.0 if higher else 1.0, (0.0, 0.0), ())
    ends = _ends(np.log10(values) if log else values, quantity, log)
    span = ends[1] - ends[0]
    air, gap = _AIR * span, (_EDGE if lost else _AIR) * span
    low, high = (ends[0] - gap, ends[1] + air) if higher else (ends[0] - air, ends[1] + gap)
    if log:
        low, high, ends = 10**low, 10**high, (10 ** ends[0], 10 ** ends[1])
    return PairScale(log, low, high, low if higher else high, ends, _ticks(*ends, log))


def _ends(places: Values, quantity: Quantity, log: bool) -> tuple[float, float]:
    """The lowest and the highest place, apart as they must be, within the quantity's bounds."""
    low, high = float(places.min()), float(places.max())
    short = max(_shortest(quantity, log, max(abs(low), abs(high))) - (high - low), 0.0)
    low, high = low - short / 2, high + short / 2
    lowest, highest = (_bound(bound, log) for bound in (quantity.lowest, quantity.highest))
    return low if lowest is None else max(low, lowest), high if highest is None else min(high, highest)


def _bound(bound: float | None, log: bool) -> float | None:
    if bound is None or (log and bound <= 0):
        return None
    return math.log10(bound) if log else bound


def _shortest(quantity: Quantity, log: bool, size: float) -> float:
    """The least that an axis spans, in places."""
    margin = quantity.smallest_difference or 0.0
    declared = log == (quantity.scale == "log")
    if log:
        return max(MARGINS * math.log10(1 + margin) if declared else 0.0, math.log10(1 + _LEAST))
    return max(MARGINS * margin if declared else 0.0, _LEAST * size) or 1.0


def _ticks(low: float, high: float, log: bool) -> Sequence[float]:
    """Ticks that are told apart by their texts."""
    found = log_ticks(low, high) if log else MaxNLocator(4).tick_values(low, high)
    kept = [float(tick) for tick in found if low <= tick <= high]
    kept = [0.0 if abs(tick) < 1e-9 * (high - low) else tick for tick in kept]
    return list({tick_text(tick): tick for tick in kept}.values())


def _finite(pairs: Pairs, quantity: Quantity) -> Values:
    """Both sides' values that are numbers, and the target."""
    values = np.concatenate([pairs.base, pairs.new])
    known = values[np.isfinite(values)]
    aimed = quantity.direction == "target" and known.size
    return np.append(known, quantity.target or 0.0) if aimed else known
