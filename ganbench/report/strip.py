"""The strip: a row per variant, a column per measuring point, one cell of samples each."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle

from ganbench.analysis.names import parts
from ganbench.analysis.numbers import compact, shortened
from ganbench.report.samples import History
from ganbench.report.style import FAINT, INK, QUIET, WIDTH, Look, canvas

MOST_COLUMNS = 9
LABEL_WIDTH = 1.7
"""Inches for the rows' names."""


def has_columns(histories: Iterable[History]) -> bool:
    """Whether there is anything to show along the training: two measuring points or more."""
    return max((len(h.images) for h in histories), default=0) > 1


def chosen_points(count: int) -> list[int]:
    """At most nine measuring points, evenly over all, the first and the last among them."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, MOST_COLUMNS)).tolist()})


def empty_strip(
    names: Sequence[str], notes: Sequence[str], looks: Sequence[Look], images: Sequence[int]
) -> tuple[Canvas, Axes]:
    """Axes in which the cell of row r and column c is the unit square at (c, r), rows downwards."""
    rows, columns = len(names), len(images)
    side = min((WIDTH - LABEL_WIDTH) / columns, 1.6)
    height = rows * side + 0.32
    figure = canvas(height, measured=False)
    axes = figure.add_axes((LABEL_WIDTH / WIDTH, 0.02 / height, columns * side / WIDTH, rows * side / height))
    axes.set(xlim=(0, columns), ylim=(rows, 0))
    axes.axis("off")
    axes.text(-0.1, -0.06, "shown so far", ha="right", va="bottom", fontsize=8, color=QUIET)
    for row, (name, note, look) in enumerate(zip(names, notes, looks, strict=True)):
        axes.text(
            -0.1, row + 0.5, _row_name(name, note), ha="right", va="center", fontsize=8.5, linespacing=1.4
        )
        axes.add_patch(Rectangle((-0.05, row + 0.03), 0.03, 0.94, color=look.colour, clip_on=False))
    for column, shown in enumerate(images):
        axes.text(column + 0.5, -0.06, compact(shown), ha="center", va="bottom", fontsize=8.5, color=INK)
    return figure, axes


def _row_name(label: str, note: str) -> str:
    """A variant's name, its options on lines of their own, and a note."""
    name, options, budget = parts(label)
    wrapped = textwrap.wrap(f"[{options}]".replace(",", ", "), 26)[:3] if options else []
    return "\n".join(part for part in (shortened(name, 24), *wrapped, budget, note) if part)


def frame(axes: Axes, row: int, column: int) -> tuple[float, float, float, float]:
    """Draw a cell's frame; returns its inside as (left, right, bottom, top)."""
    axes.add_patch(
        Rectangle((column + 0.03, row + 0.03), 0.94, 0.94, fill=False, edgecolor=FAINT, linewidth=0.8)
    )
    return column + 0.03, column + 0.97, row + 0.97, row + 0.03


def note(axes: Axes, row: int, column: int, text: str) -> None:
    """Write into a cell why it is empty."""
    place: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8, "style": "italic"}
    axes.text(column + 0.5, row + 0.5, text, color=QUIET, **place)
