"""The strip: a row per variant, a column per measuring point, one cell of samples each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.patches import Rectangle

from ganbench.analysis.numbers import compact
from ganbench.report.labels import lines, most_lines, width_of
from ganbench.report.samples import CLOSE, Array, History, Samples
from ganbench.report.style import FAINT, INK, QUIET, WIDTH, Look, canvas

MOST_COLUMNS = 9
Box = tuple[float, float, float, float]
"""A frame: left, right, bottom, top."""
_LABEL_WIDTH, _CHARACTERS, _NAME = 1.7, 28, 8.5
"""Inches for the rows' names or more, the characters on one of their lines, and their size in points."""


CAPTION = (
    f"Samples stand under the count nearest to their own, at most {CLOSE:.0%} away: variants need not be "
    "measured after equally many."
)


@dataclass(frozen=True)
class Cell:
    """A variant's samples [n, *shape] at one time, and the place that they are to fill."""

    variant: str
    row: int
    column: int
    box: Box
    samples: Array


def histories(samples: Samples, order: Sequence[str]) -> dict[str, History]:
    """Variant to its samples through training, in this order; empty where no variant has two points."""
    found = {v: h for v in order if (h := samples.history(v)) is not None}
    return found if max((len(h.images) for h in found.values()), default=0) > 1 else {}


def chosen_points(count: int) -> list[int]:
    """At most nine measuring points, evenly over all, the first and the last among them."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, MOST_COLUMNS)).tolist()})


def empty_strip(rows: Mapping[str, History], looks: Mapping[str, Look]) -> tuple[Canvas, Axes, list[Cell]]:
    """Axes in which the cell of row r and column c is the unit square at (c, r), rows downwards.

    The columns are those of the history with most points.  Cells without samples say why; the others come
    back to be filled.
    """
    columns = _columns(rows.values())
    names = [f"{lines(v, _CHARACTERS)}\nseed {history.seed}" for v, history in rows.items()]
    label = max(_LABEL_WIDTH, width_of("\n".join(names).split("\n"), _NAME) + 0.25)
    side = min((WIDTH - label) / len(columns), 1.6)
    height = len(rows) * side + 0.32
    figure = canvas(height, measured=False)
    inside = (label, 0.02, len(columns) * side, len(rows) * side)
    axes = figure.add_axes(tuple(np.divide(inside, (WIDTH, height, WIDTH, height)).tolist()))
    axes.set(xlim=(0, len(columns)), ylim=(len(rows), 0))
    axes.axis("off")
    axes.text(-0.1, -0.06, "shown so far", ha="right", va="bottom", fontsize=8, color=QUIET)
    for column, shown in enumerate(columns):
        axes.text(column + 0.5, -0.06, compact(shown), ha="center", va="bottom", fontsize=8.5, color=INK)
    size = min(_NAME, 72 * 0.94 * side / (1.4 * most_lines(names)))
    for row, (variant, name) in enumerate(zip(rows, names, strict=True)):
        axes.text(-0.1, row + 0.5, name, ha="right", va="center", fontsize=size, linespacing=1.3)
        axes.add_patch(Rectangle((-0.05, row + 0.03), 0.03, 0.94, color=looks[variant].colour, clip_on=False))
    return figure, axes, [cell for row in range(len(rows)) for cell in _cells(axes, row, rows, columns)]


def _columns(rows: Collection[History]) -> list[float]:
    longest = max(rows, key=lambda history: len(history.images))
    return [float(longest.images[point]) for point in chosen_points(len(longest.images))]


def _cells(axes: Axes, row: int, rows: Mapping[str, History], columns: Sequence[float]) -> Iterator[Cell]:
    """A row's cells that have samples; the others' frames, and why they are empty."""
    variant, history = list(rows.items())[row]
    for column, shown in enumerate(columns):
        box, samples = _frame(axes, row, column), history.near(shown, columns)
        if shown > history.lost_at or (samples is not None and not _any_known(samples)):
            note(axes, row, column, "diverged")
        elif samples is None:
            note(axes, row, column, "not measured")
        else:
            yield Cell(variant, row, column, box, samples)


def _any_known(samples: Array) -> bool:
    return bool(np.isfinite(samples.reshape(len(samples), -1)).all(1).any())


def _frame(axes: Axes, row: int, column: int) -> Box:
    """Draw a cell's frame; returns its inside as (left, right, bottom, top)."""
    axes.add_patch(
        Rectangle((column + 0.03, row + 0.03), 0.94, 0.94, fill=False, edgecolor=FAINT, linewidth=0.8)
    )
    return column + 0.03, column + 0.97, row + 0.97, row + 0.03


def note(axes: Axes, row: int, column: int, text: str) -> None:
    """Write into a cell why it is empty."""
    place: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8, "style": "italic"}
    axes.text(column + 0.5, row + 0.5, text, color=QUIET, **place)
