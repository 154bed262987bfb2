"""Figures over all data sets: interquartile means and performance profiles, base beside new."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, PercentFormatter

from ganbench.report.comparison.together import SIDES, Together, datasets_of
from ganbench.report.labels import fitted, label_width, row_names
from ganbench.report.style import QUIET, WIDTH, Figure, Look, canvas, fitting_columns, png

_DASHED = (0, (3, 1.5))
_SCORE = "score, every data set on a scale of its own: 0 is worst, 1 is best"
_DOUBT = (
    "from resamples of the seeds within each data set. With few seeds these are too narrow: they illustrate, "
    "the exact tests decide."
)


def interval_plot(found: Together, looks: Mapping[str, Look], names: Mapping[str, str]) -> Figure:
    """Each variant's interquartile mean over all data sets and seeds, base and new."""
    rows, foot, head = len(found.variants), 0.62, 0.4
    height = head + 0.42 * rows + foot
    figure = canvas(height, measured=False)
    label = label_width(names.values())
    axes = figure.add_axes(
        (label / WIDTH, foot / height, (WIDTH - label - 0.2) / WIDTH, 0.42 * rows / height)
    )
    for place, variant in enumerate(found.variants):
        for side, up in zip(SIDES, (-0.16, 0.16), strict=True):
            _interval(axes, found, side, variant, place + up, looks[variant])
    row_names(axes, [names[variant] for variant in found.variants], label, WIDTH - label - 0.2)
    axes.set_xlim(-0.02, 1.02)
    _rows(axes, rows)
    axes.set_xlabel(_SCORE)
    _sides(figure, height)
    caption = (
        f"Interquartile mean (the mean of the middle half of all seeds) over {datasets_of(found)}, with its "
        f"95 % interval {_DOUBT} Higher is better. Dashed and hollow: base; solid and filled: new."
    )
    return Figure("interquartile-means", caption, png(figure))


def profiles(found: Together, looks: Mapping[str, Look], names: Mapping[str, str]) -> Figure:
    """The share of seeds that score at least so much, a panel per variant."""
    columns = fitting_columns(len(found.variants))
    rows = -(-len(found.variants) // columns)
    panel, head, foot = (2.6 if columns < 3 else 2.0), 0.25, 0.62
    height = head + rows * panel + foot
    figure = canvas(height, measured=False)
    left, gap, width = 0.75, 0.3, (WIDTH - 0.75 + 0.1) / columns
    for i, variant in enumerate(found.variants):
        bottom = foot + (rows - 1 - i // columns) * panel
        box = (left + i % columns * width, bottom, width - gap, panel - 0.45)
        axes = figure.add_axes((box[0] / WIDTH, box[1] / height, box[2] / WIDTH, box[3] / height))
        _profile(axes, found, variant, looks[variant])
        axes.set_title(fitted(names[variant], width - gap, 8.5), fontsize=8.5)
        last = i + columns >= len(found.variants)
        axes.tick_params(labelleft=i % columns == 0, labelbottom=last)
    figure.text(0.5, 0.1 / height, _SCORE, ha="center", va="bottom", fontsize=9.5)
    figure.text(
        0.08 / WIDTH,
        0.5,
        "share of seeds that score at least so much",
        rotation=90,
        ha="left",
        va="center",
        fontsize=9.5 if rows > 1 else 8,
    )
    _sides(figure, height)
    caption = (
        f"Performance profiles over {datasets_of(found)}: the share of seeds with at least a score, so "
        "higher is better everywhere. Dashed: base; solid: new. Where the curves cross, one side has better "
        f"and worse seeds than the other, which a median may hide. Bands: 95 %, {_DOUBT}"
    )
    return Figure("performance-profiles", caption, png(figure))


def _interval(axes: Axes, found: Together, side: str, variant: str, y: float, look: Look) -> None:
    interval, new = found.means[side, variant], side == "new"
    axes.plot(
        [interval.lower, interval.upper],
        [y, y],
        color=look.colour,
        linewidth=2.2 if new else 1.6,
        linestyle="-" if new else _DASHED,
        zorder=2,
    )
    axes.plot(
        interval.estimate,
        y,
        marker=look.marker,
        markersize=7,
        markeredgewidth=1.3,
        zorder=3,
        clip_on=False,
        color=look.colour,
        markerfacecolor=look.colour if new else "white",
    )


def _profile(axes: Axes, found: Together, variant: str, look: Look) -> None:
    for side in SIDES:
        profile, new = found.profiles[side, variant], side == "new"
        colour = look.colour if new else QUIET
        axes.fill_between(
            profile.thresholds,
            profile.lower,
            profile.upper,
            color=colour,
            linewidth=0,
            alpha=0.2 if new else 0.16,
            zorder=2,
        )
        axes.plot(
            profile.thresholds,
            profile.share,
            color=colour,
            linewidth=1.8 if new else 1.5,
            linestyle="-" if new else _DASHED,
            zorder=3,
        )
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.02))
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.yaxis.set_major_locator(FixedLocator([0, 0.5, 1]))
    axes.yaxis.set_major_formatter(PercentFormatter(1, 0))


def _rows(axes: Axes, count: int) -> None:
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_yticks([])
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    for line in range(1, count):
        axes.axhline(line - 0.5, color="#eceff2", linewidth=0.7, zorder=0)


def _sides(figure: Canvas, height: float) -> None:
    handles = [
        Line2D([], [], color=QUIET, linestyle=_DASHED, linewidth=1.6, label="base"),
        Line2D([], [], color=QUIET, linewidth=2.2, label="new"),
    ]
    figure.legend(
        handles=handles,
        loc="center right",
        bbox_to_anchor=(1 - 0.15 / WIDTH, 1 - 0.2 / height),
        ncols=2,
        borderaxespad=0,
        borderpad=0,
        handlelength=2.6,
        columnspacing=1.4,
    )
