"""Ticks that read well: few, plain, and no text over another."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    Locator,
    LogFormatter,
    MaxNLocator,
    NullFormatter,
)
from matplotlib.transforms import Bbox

from ganbench.report.labels import width_of

_LADDERS: tuple[tuple[float, ...], ...] = (
    (1, 1.1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9),
    (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8),
    (1, 1.5, 2, 3, 5, 7),
    (1, 2, 5),
    (1,),
)
"""A log axis' ticks within a decade, the finest first."""
_MOST = 6
_APART = 0.12
"""The least share of an axis between two ticks."""
TEXT = 8.5
"""A tick's text in points."""
_GAP = 0.6
"""Between two ticks' texts, in heights of a text."""

Fit = Callable[[Sequence[float]], bool]


def log_ticks(low: float, high: float, fit: Fit = lambda ticks: True) -> list[float]:
    """Up to six values between two positive ones that `fit`, far enough apart on a log axis."""
    if high < 1.3 * low:
        narrow = (MaxNLocator(n, steps=[1, 2, 5, 10]).tick_values(low, high) for n in (4, 3, 2, 1))
        kept = [[float(t) for t in found if low <= t <= high] for found in narrow]
        return next((found for found in kept if fit(found)), kept[-1][:1])
    first, last = math.floor(math.log10(low)), math.floor(math.log10(high))
    for ladder in _LADDERS:
        found = [float(f"{m * 10.0**k:.3g}") for k in range(first, last + 1) for m in ladder]
        found = [t for t in found if low <= t <= high]
        if len(found) <= _MOST and _are_apart(found, low, high) and fit(found):
            return found
    for step in range(max(math.ceil((last - first) / (_MOST - 1)), 2), last - first + 2):
        found = [10.0**k for k in range(first, last + 1) if not k % step and low <= 10.0**k <= high]
        if fit(found):
            return found
    return []


def tick_text(value: float) -> str:
    """A tick as short as it can be told: 0.05, 1,200, 10⁻⁶."""
    if value and not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.2e}".split("e")
        power = "10" + str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        digits = {"1": "", "-1": "−"}.get(f"{float(mantissa):g}", f"{float(mantissa):g}·".replace("-", "−"))
        return digits + power
    return f"{float(f'{value:.6g}'):,.10g}".replace("-", "−")


class LogTicks(Locator):
    """The ticks of a log axis, or of a symlog axis from zero upwards, that its texts have room for."""

    def __call__(self) -> list[float]:
        """The ticks between the ends of the axis."""
        low, high = sorted(float(end) for end in self._axis.get_view_interval())
        return self.tick_values(low, high)

    def tick_values(self, vmin: float, vmax: float) -> list[float]:
        """The ticks between two ends."""
        threshold = getattr(self._axis.get_transform(), "linthresh", None)
        zero = [0.0] if threshold and vmin <= 0 <= vmax else []
        lowest = max(vmin, threshold or vmin)
        return [*zero, *log_ticks(lowest, vmax, lambda found: self._fit([*zero, *found], vmin, vmax))]

    def _fit(self, ticks: Sequence[float], low: float, high: float) -> bool:
        """Whether no tick's text reaches into the next one's."""
        along = self._axis is self._axis.axes.xaxis
        texts = self._axis.get_major_formatter().format_ticks(list(ticks))
        sizes = [width_of([text], TEXT) if along else 1.2 * TEXT / 72 for text in texts]
        (first, last), places = (self._axis.get_transform().transform(x) for x in ([low, high], ticks))
        inches = abs(self._length(along) * (places - first) / (last - first))
        gap = _GAP * TEXT / 72
        neighbours = zip(pairwise(inches), pairwise(sizes), strict=True)
        return all(abs(b - a) >= (size + other) / 2 + gap for (a, b), (size, other) in neighbours)

    def _length(self, along: bool) -> float:
        box = Bbox.unit().transformed(self._axis.axes.transAxes)
        return float(box.width if along else box.height) / float(self._axis.axes.figure.dpi)

    @property
    def _axis(self) -> Axis:
        assert isinstance(self.axis, Axis)
        return self.axis


def plain_ticks(axes: Axes) -> None:
    """Give every logarithmic axis plain ticks, where it has none of its own, and no smaller ones a text."""
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() not in ("log", "symlog"):
            continue
        if isinstance(axis.get_major_formatter(), LogFormatter):
            axis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value)))
        if not isinstance(axis.get_major_locator(), FixedLocator):
            axis.set_major_locator(LogTicks())
        axis.set_minor_formatter(NullFormatter())


def _are_apart(values: Sequence[float], low: float, high: float) -> bool:
    width = math.log(high / low)
    return all(math.log(b / a) >= _APART * width for a, b in pairwise(values))
