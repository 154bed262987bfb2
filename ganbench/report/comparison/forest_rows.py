"""One row of the picture of effects: name and verdict, interval, numbers, and both sides' seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from ganbench.analysis.statistics import summarize
from ganbench.comparison.model import Row
from ganbench.quantities import Quantity
from ganbench.report.comparison.scale import EffectScale, effect_text, ends
from ganbench.report.comparison.verdicts import KINDS
from ganbench.report.labels import fitted
from ganbench.report.style import INK, QUIET

LABELS, EFFECT, NUMBERS, SEEDS = (0.1, 2.2), (2.45, 2.85), (5.5, 1.5), (7.15, 2.5)
"""Where the columns stand and how wide they are, in inches."""
_LANE = 0.17


def label(axes: Axes, place: int, row: Row, name: str) -> None:
    """The variant's name and, below it, the verdict."""
    kind = KINDS[row.verdict.kind]
    _beside(axes, LABELS[0], place - 0.2, fitted(name, LABELS[1], 9), 9, INK)
    _beside(axes, LABELS[0], place + 0.2, kind.signed, 8.5, kind.colour, bold=True)


def effect(axes: Axes, place: int, row: Row, scale: EffectScale) -> None:
    """The interval as a line, the estimate as the verdict's marker; arrows where either goes on."""
    if row.effect is None:
        middle = (scale.low + scale.high) / 2
        paper: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "pad": 2}
        style: dict[str, Any] = {
            "fontsize": 8.5,
            "style": "italic",
            "color": QUIET,
            "va": "center",
            "ha": "center",
        }
        axes.text(middle, place, "not compared", bbox=paper, zorder=3, **style)
        return
    colour, (lower, upper) = KINDS[row.verdict.kind].colour, ends(row.effect, scale)
    estimate = scale.place(row.effect.estimate)
    axes.plot([scale.within(lower), scale.within(upper)], [place, place], color=colour, linewidth=2, zorder=3)
    for edge, end, marker, way in ((scale.low, lower, "<", -1), (scale.high, upper, ">", 1)):
        if way * end > way * edge:
            size = 10 if way * estimate > way * edge else 6
            axes.plot(edge, place, marker=marker, markersize=size, color=colour, clip_on=False, zorder=4)
    if scale.low <= estimate <= scale.high:
        _estimate(axes, estimate, place, row)


def numbers(axes: Axes, place: int, row: Row) -> None:
    """The effect in figures, its interval below."""
    if row.effect is not None:
        estimate, _, interval = effect_text(row.effect, row.quantity).partition(" [")
        _beside(axes, NUMBERS[0], place - 0.2, estimate, 8.5, INK)
        _beside(axes, NUMBERS[0], place + 0.2, f"[{interval}" if interval else "", 8.5, QUIET)


def seeds(axes: Axes, place: int, row: Row, edge: float) -> None:
    """Both sides' seeds, the base's hollow and above, the new side's filled and below, with medians."""
    colour = KINDS[row.verdict.kind].colour
    for values, lane, face, line in (
        (row.base_values, place - _LANE, "none", QUIET),
        (row.new_values, place + _LANE, colour, colour),
    ):
        found = known(values)
        dots: dict[str, Any] = {
            "s": 17,
            "facecolors": face,
            "edgecolors": line,
            "linewidths": 0.9,
            "alpha": 0.8,
            "zorder": 3,
        }
        axes.scatter(found, np.full(found.size, lane), **dots)
        median = _median(values, row.quantity)
        if math.isfinite(median):
            axes.plot([median, median], [lane - 0.15, lane + 0.15], color=INK, linewidth=1.8, zorder=4)
        if found.size < len(values):
            _cross(axes, edge, lane, len(values) - found.size, line, row.quantity)


def known(values: Mapping[int, float]) -> NDArray[np.float64]:
    """The values that are numbers."""
    found = np.array(list(values.values()), dtype=np.float64)
    return found[np.isfinite(found)]


def _beside(
    axes: Axes, inches: float, place: float, text: str, size: float, colour: str, bold: bool = False
) -> None:
    """A text beside the axes of the effects, so many inches from the figure's left edge."""
    style: dict[str, Any] = {
        "fontsize": size,
        "color": colour,
        "va": "center",
        "weight": "bold" if bold else "normal",
    }
    x = (inches - EFFECT[0]) / EFFECT[1]
    axes.text(x, place, text, transform=axes.get_yaxis_transform(), **style)


def _estimate(axes: Axes, x: float, place: int, row: Row) -> None:
    kind, hollow = KINDS[row.verdict.kind], row.verdict.kind == "too small to matter"
    axes.plot(
        x,
        place,
        marker=kind.marker,
        markersize=8.5,
        color=kind.colour,
        markerfacecolor="white" if hollow else kind.colour,
        markeredgecolor=kind.colour if hollow else "white",
        markeredgewidth=1.4 if hollow else 0.8,
        clip_on=False,
        zorder=5,
    )


def _median(values: Mapping[int, float], quantity: Quantity) -> float:
    """The median of the values themselves, seeds without one behind all others."""
    direction = "lower" if quantity.direction == "target" else quantity.direction
    return summarize(list(values.values()), direction).median


def _cross(axes: Axes, edge: float, lane: float, lost: int, colour: str, quantity: Quantity) -> None:
    """Seeds without a value, at the edge where worse is."""
    shape: dict[str, Any] = {"marker": "X", "markersize": 7, "markeredgecolor": INK, "markeredgewidth": 0.6}
    axes.plot(edge, lane, color=colour, clip_on=False, zorder=5, **shape)
    if lost > 1:
        left = quantity.direction == "higher"
        axes.annotate(
            f"×{lost}",
            (edge, lane),
            xytext=(-7 if left else 7, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize=7.5,
            annotation_clip=False,
        )
