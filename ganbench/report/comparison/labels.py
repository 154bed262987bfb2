"""Texts that fit their place, and ticks that read well."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from ganbench.analysis.numbers import shortened

_LADDERS: tuple[tuple[float, ...], ...] = (
    (1, 1.1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9),
    (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8),
    (1, 1.5, 2, 3, 5, 7),
    (1, 2, 5),
    (1,),
)
"""A log axis' ticks within a decade, the finest first."""
_MOST = 6
_NAME = 9
"""A name's size in points."""
_MEASURED_AT = 100.0
_APART = 0.12
"""The least share of an axis between two ticks."""


def fitted(text: str, inches: float, size: float, bold: bool = False) -> str:
    """A text no wider than its place; its end, where labels differ, is kept."""
    kept = len(text)
    while kept > 3 and _inches(shortened(text, kept), size, bold) > inches:
        kept -= 1
    return shortened(text, kept)


def width_of(texts: Iterable[str], size: float) -> float:
    """The width of the widest of texts, in inches."""
    return max((_inches(text, size, False) for text in texts), default=0.0)


def label_width(names: Iterable[str]) -> float:
    """Inches for a column of names: as wide as it must be, but no wider than 2.4."""
    return min(2.4, width_of(names, _NAME) + 0.35)


def row_names(axes: Axes, names: Iterable[str], label: float, width: float) -> None:
    """Names left of the rows 0, 1, …, in a column of `label` inches beside axes of `width` inches."""
    for place, name in enumerate(names):
        axes.text(
            -0.12 / width,
            place,
            fitted(name, label - 0.25, _NAME),
            fontsize=_NAME,
            ha="right",
            va="center",
            transform=axes.get_yaxis_transform(),
        )


def log_ticks(low: float, high: float) -> list[float]:
    """Up to six values between two positive ones, far enough apart on a log axis."""
    if high < 1.3 * low:
        return [t for t in MaxNLocator(4, steps=[1, 2, 5, 10]).tick_values(low, high) if low <= t <= high]
    first, last = math.floor(math.log10(low)), math.floor(math.log10(high))
    for ladder in _LADDERS:
        found = [float(f"{m * 10.0**k:.3g}") for k in range(first, last + 1) for m in ladder]
        found = [t for t in found if low <= t <= high]
        if len(found) <= _MOST and _are_apart(found, low, high):
            return found
    step = math.ceil((last - first) / (_MOST - 1))
    return [10.0**k for k in range(first, last + 1) if not k % step and low <= 10.0**k <= high]


def tick_text(value: float) -> str:
    """A tick as short as it can be told: 0.05, 1,200, 10⁻⁶."""
    if value and not 1e-3 <= abs(value) < 1e6:
        mantissa, exponent = f"{value:.2e}".split("e")
        power = "10" + str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        digits = {"1": "", "-1": "−"}.get(f"{float(mantissa):g}", f"{float(mantissa):g}·".replace("-", "−"))
        return digits + power
    return f"{float(f'{value:.6g}'):,.10g}".replace("-", "−")


def log_axis(axis: Axis, low: float, high: float) -> None:
    """Put `log_ticks` on an axis whose scale is logarithmic."""
    axis.set_major_locator(FixedLocator(log_ticks(low, high)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value)))


def _inches(text: str, size: float, bold: bool) -> float:
    """How wide a text is drawn, without drawing it: the sum of its letters' widths."""
    return sum(_letter(letter, bold) for letter in text) * size / 72


@lru_cache(maxsize=4096)
def _letter(letter: str, bold: bool) -> float:
    """A letter's width at size 1."""
    font = get_font(findfont(FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")))
    if not font.get_char_index(ord(letter)):
        return 1.0
    font.set_size(_MEASURED_AT, 72)
    return float(font.load_char(ord(letter)).linearHoriAdvance) / 65536 / _MEASURED_AT


def _are_apart(values: Sequence[float], low: float, high: float) -> bool:
    width = math.log(high / low)
    return all(math.log(b / a) >= _APART * width for a, b in pairwise(values))
