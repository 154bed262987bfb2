"""The selftest's figures: the matrix of what saw what, power over the size of a break, false alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from ganbench.report.style import COLOURS, FAINT, INK, QUIET, Figure, canvas, png
from ganbench.selftest.effect_sizes import LARGE
from ganbench.selftest.power import CAUGHT
from ganbench.selftest.reading import Line

BLUE, VERMILION = COLOURS[0], COLOURS[1]
_MOST = 8.0
"""Effects beyond so many standard deviations are drawn at the edge."""
_COLUMNS = ("gate", "planned", "golden", "determinism", "contract", "suspects", "better")
_HEADS = (
    "gate",
    "one planned\ncomparison",
    "golden\ntrace",
    "determin-\nism",
    "contract",
    "suspects",
    "“better”",
)


def matrix(lines: Sequence[Line]) -> Figure:
    """What saw which defect, the most harmful on top; the gate's column holds how often it did."""
    ordered = sorted(lines, key=lambda line: -line.size)
    figure = canvas(1.1 + 0.27 * len(ordered))
    axes = figure.add_subplot()
    for place, line in enumerate(ordered):
        for column, share in enumerate(_shares(line)):
            _square(axes, column, place, share, column == 0)
    rule = sum(line.size >= LARGE for line in ordered)
    if 0 < rule < len(ordered):
        axes.axhline(rule - 0.5, color=INK, linewidth=1.2)
    axes.set_xlim(-0.5, len(_COLUMNS) - 0.5)
    axes.set_ylim(len(ordered) - 0.5, -0.5)
    axes.set_xticks(range(len(_COLUMNS)), _HEADS)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(ordered)), [f"{line.name}  {size_text(line.size)}" for line in ordered])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    caption = (
        "What saw which defect. Beside each name: how much worse its worst primary quantity is, in standard "
        f"deviations of null seeds; those above the line are worse by {LARGE:g} or more. Gate: the share of "
        "resamples, 20 baseline seeds against 10, in which its exit code showed the defect. One planned "
        "comparison: the first new seeds against the first ones of the pool."
    )
    return Figure("selftest-matrix", caption, png(figure))


def _shares(line: Line) -> list[float]:
    """How fully each column's square is filled, 0 to 1."""
    most = lambda shares: max(shares.values(), default=0.0)  # noqa: E731
    determinism = not (line.repeats and line.independent_of_cohort_members)
    return [line.seen, float(bool(line.planned)), float(line.golden > 0), float(determinism),
            float(bool(line.promises)), most(line.suspects), most(line.better)]  # fmt: skip


def _square(axes: Axes, column: int, place: int, share: float, told: bool) -> None:
    colour = BLUE if column < len(_COLUMNS) - 1 else COLOURS[4]
    box = (column - 0.45, place - 0.42)
    axes.add_patch(Rectangle(box, 0.9, 0.84, facecolor=FAINT, alpha=0.35, linewidth=0))
    axes.add_patch(Rectangle(box, 0.9, 0.84, facecolor=colour, alpha=share, linewidth=0))
    if told:
        ink = "white" if share > 0.5 else INK
        axes.text(column, place, f"{share:.0%}", ha="center", va="center", fontsize=8, color=ink)


def curve(points: Sequence[Mapping[str, Any]], lines: Sequence[Line]) -> Figure:
    """Red rate over the size of a break: made-up numbers as curves, defects as dots."""
    figure = canvas(4.6)
    axes = figure.add_subplot()
    for look, datasets in zip(("-", "--"), sorted({p["datasets"] for p in points}), strict=False):
        own = [p for p in points if p["datasets"] == datasets]
        shifts, rates = [p["shift"] for p in own], [p["rate"] for p in own]
        where = "one data set" if datasets == 1 else f"{datasets} data sets"
        axes.plot(shifts, [r["rate"] for r in rates], look, color=QUIET, label=f"made-up break on {where}")
        axes.fill_between(
            shifts, [r["lower"] for r in rates], [r["upper"] for r in rates], color=FAINT, alpha=0.5
        )
    kinds = (
        ("planted defect, large", VERMILION, "o", [line for line in lines if line.large and not line.stops]),
        ("planted defect, smaller", BLUE, "o", [line for line in lines if not line.large]),
        (
            "not comparable, or incomplete",
            VERMILION,
            "D",
            [line for line in lines if line.large and line.stops],
        ),
    )
    for words, colour, marker, drawn in kinds:
        if drawn:
            x, y = np.array([(min(max(line.size, -1.0), _MOST), line.seen) for line in drawn]).T
            axes.scatter(x, y, s=34, color=colour, marker=marker, edgecolor="white", zorder=3, label=words)
    for line in lines:
        if line.missed:
            place = (min(line.size, _MOST), line.seen)
            axes.annotate(line.name, place, (5, 4), textcoords="offset points", fontsize=8)
    axes.axvline(LARGE, color=QUIET, linestyle=":", linewidth=1)
    axes.axhline(CAUGHT, color=QUIET, linestyle=":", linewidth=1)
    unit = f"standard deviations (≥ {_MOST:g} at the edge)"
    axes.set_xlabel(f"how much worse the worst primary quantity is, in {unit}")
    axes.set_ylabel("share of gates that show it")
    axes.set_ylim(-0.03, 1.03)
    axes.legend(loc="lower right")
    caption = (
        "Power. Curves: a shift of normal values by so many standard deviations, with bands that hold each "
        f"rate with 95 %. Marks: planted defects. Dotted: {LARGE:g} standard deviations, and {CAUGHT:.0%}, "
        "from which on a defect counts as caught."
    )
    return Figure("selftest-power", caption, png(figure))


def alarms(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """False alarms with their intervals; the wide one holds for pools not yet seen."""
    figure = canvas(0.9 + 0.42 * len(rows))
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        rate = row["rate"]
        for low, high, width in (("lower_over_pools", "upper_over_pools", 2), ("lower", "upper", 6)):
            axes.plot([rate[low], rate[high]], [place, place], color=BLUE, linewidth=width, alpha=0.45)
        axes.plot(rate["rate"], place, "o", color=INK, markersize=5)
    axes.axvline(0.05, color=VERMILION, linewidth=1.2, linestyle="--")
    axes.set_yticks(range(len(rows)), [row["title"] for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("share of gates that are red though nothing has changed")
    caption = (
        "False alarms. Thick: 95 % interval given the seeds at hand; thin: for other pools of seeds too. "
        "Dashed: the gate's family-wise level, 5 %."
    )
    return Figure("selftest-false-alarms", caption, png(figure))


def size_text(size: float) -> str:
    """An effect in standard deviations."""
    if np.isinf(size):
        return "diverges" if size > 0 else "−∞"
    return f"{size:+.1f}".replace("-", "−")
