"""Texts that fit their place."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties, findfont, get_font

from ganbench.analysis.names import wrapped
from ganbench.analysis.numbers import shortened

_NAME = 9
"""A name's size in points."""
_MEASURED_AT = 100.0


def fitted(text: str, inches: float, size: float, bold: bool = False) -> str:
    """A text no wider than its place; its end, where labels differ, is kept."""
    kept = len(text)
    while kept > 3 and _inches(shortened(text, kept), size, bold) > inches:
        kept -= 1
    return shortened(text, kept)


def lines(label: str, width: int) -> str:
    """A label on lines of at most `width` characters: where settings differ, no end of it can be spared."""
    return "\n".join(wrapped(label, width))


def most_lines(texts: Iterable[str]) -> int:
    """The lines of the tallest of texts."""
    return max((text.count("\n") + 1 for text in texts), default=1)


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
