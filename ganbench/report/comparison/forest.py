"""The verdict as a picture: every variant's effect with its interval, and the seeds that it rests on."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ganbench.analysis.numbers import better, number, titled
from ganbench.comparison.model import Row
from ganbench.quantities import Quantity
from ganbench.report.comparison import forest_rows
from ganbench.report.comparison.forest_rows import EFFECT, NUMBERS, SEEDS, known
from ganbench.report.comparison.scale import EffectScale, effect_scale, prepare
from ganbench.report.comparison.verdicts import KINDS
from ganbench.report.curve import limits, wants_log
from ganbench.report.style import INK, QUIET, WIDTH, Figure, canvas, file_stem, png
from ganbench.report.ticks import tick_text

_ROW, _HEAD, _FOOT, _LINE = 0.5, 0.5, 0.52, 0.17
"""Inches of a row, above the first, below the last, and of a line of text."""
_TITLE = 38
"""The longest line of the seeds' axis' title."""
_BAND, _RULE = "#eef1f4", "#eceff2"
_ORDER = list(KINDS)


def forest(rows: Sequence[Row], names: Mapping[str, str], name: str) -> Figure:
    """One data set's primary effects, those that ask for attention on top."""
    quantity = rows[0].quantity
    title = f"{textwrap.fill(titled(quantity), _TITLE)}\n({better(quantity)})"
    foot = _FOOT + _LINE * title.count("\n")
    height = _HEAD + _ROW * len(rows) + foot
    figure = canvas(height, measured=False)
    effects, seeds = (_column(figure, column, len(rows), foot) for column in (EFFECT, SEEDS))
    scale = effect_scale(quantity, [row.effect for row in rows if row.effect is not None])
    _effect_axes(effects, quantity, scale)
    edge = _seed_axes(seeds, quantity, rows)
    seeds.set_xlabel(title)
    for place, row in enumerate(sorted(rows, key=lambda row: _ORDER.index(row.verdict.kind))):
        forest_rows.label(effects, place, row, names[row.variant])
        forest_rows.effect(effects, place, row, scale)
        forest_rows.numbers(effects, place, row)
        forest_rows.seeds(seeds, place, row, edge)
    _heads(figure, quantity, height)
    return Figure(file_stem(name, "effects"), " ".join(_caption(quantity, rows)), png(figure))


def _column(figure: Canvas, column: tuple[float, float], rows: int, foot: float) -> Axes:
    (left, width), height = column, figure.get_size_inches()[1]
    axes = figure.add_axes((left / WIDTH, foot / height, width / WIDTH, rows * _ROW / height))
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_yticks([])
    axes.grid(visible=False)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    for line in range(1, rows):
        axes.axhline(line - 0.5, color=_RULE, linewidth=0.7, zorder=0)
    return axes


def _effect_axes(axes: Axes, quantity: Quantity, scale: EffectScale) -> None:
    prepare(axes, scale)
    if scale.margin:
        axes.axvspan(-scale.margin, scale.margin, color=_BAND, linewidth=0, zorder=-1)
    axes.axvline(0, color=INK, linewidth=1.0, zorder=1)
    what = "distance to the target: " if quantity.direction == "target" else ""
    words = "ratio of new to base" if scale.log else "new minus base"
    unit = f" ({quantity.unit})" if quantity.unit not in ("", "1") and not scale.log else ""
    axes.set_xlabel(f"{what}{words}{unit}")


def _seed_axes(axes: Axes, quantity: Quantity, rows: Sequence[Row]) -> float:
    """Set up the seeds' axis; returns where seeds without a value stand."""
    values = np.concatenate([known(side) for row in rows for side in (row.base_values, row.new_values)])
    aimed = quantity.direction == "target" and quantity.target is not None
    around = np.concatenate([values, [quantity.target] if aimed else []]).astype(float)
    log = bool(values.size) and wants_log(quantity, values)
    low, high = limits(around[around > 0] if log else around, log)
    axes.set_xscale("log" if log else "linear")
    axes.set_xlim(low, high)
    if not log:
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(lambda value, _: tick_text(round(value, 12)))
    if aimed:
        axes.axvline(quantity.target or 0.0, color=QUIET, linewidth=1.0, linestyle="--", zorder=1)
    return low if quantity.direction == "higher" else high


def _heads(figure: Canvas, quantity: Quantity, height: float) -> None:
    """The columns' headings: which side is better, and which dots are whose."""
    y = 1 - 0.24 / height
    left, right = "◂ better", "worse ▸"
    if quantity.direction == "higher":
        left, right = "◂ worse", "better ▸"
    for x, text, side in (
        (EFFECT[0], left, "left"),
        (sum(EFFECT), right, "right"),
        (NUMBERS[0], "effect [95 %]", "left"),
    ):
        figure.text(x / WIDTH, y, text, fontsize=9, color=QUIET, ha=side, va="center")
    dot: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 4.5, "color": QUIET}
    figure.legend(
        handles=[
            Line2D([], [], markerfacecolor="none", label="base", **dot),
            Line2D([], [], label="new", **dot),
        ],
        loc="center left",
        bbox_to_anchor=(SEEDS[0] / WIDTH, y),
        ncols=2,
        borderaxespad=0,
        borderpad=0,
        handletextpad=0.2,
        columnspacing=1.2,
    )


def _caption(quantity: Quantity, rows: Sequence[Row]) -> Iterator[str]:
    """What is shown, and how its marks are read."""
    yield (
        f"{titled(quantity)}, {better(quantity)}: every variant's effect with its 95 % interval. Colour, "
        "sign and word are the verdict."
    )
    if quantity.smallest_difference:
        ratio = " (as a ratio minus one)" if quantity.scale == "log" else ""
        yield f"Grey band: differences below {number(quantity.smallest_difference)}{ratio} do not matter."
    yield "An arrow: the interval goes on beyond the picture, or has no end."
    if any(row.effect is not None and not math.isfinite(row.effect.estimate) for row in rows):
        yield "∞: the estimate itself rests on seeds without a value."
    yield "Right: every seed at the final checkpoint, base above and new below, with their medians."
    sides = [side for row in rows for side in (row.base_values, row.new_values)]
    if any(not math.isfinite(value) for side in sides for value in side.values()):
        yield "A cross at the edge: seeds without a value, which count as worst."
    if quantity.direction == "target":
        yield "Dashed: the target."
