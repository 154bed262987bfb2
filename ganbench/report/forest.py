"""The ranking as a picture: every seed as a dot, the median as a stroke, its interval as a line."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ganbench.analysis.cohorts import Budget
from ganbench.analysis.numbers import better, titled
from ganbench.analysis.ranking import final_records
from ganbench.analysis.run import Run
from ganbench.analysis.statistics import badness
from ganbench.analysis.summaries import reference_value
from ganbench.report.curve import REAL_DASHES, limits, wants_log
from ganbench.report.labels import lines, most_lines
from ganbench.report.style import INK, QUIET, Figure, Look, canvas, file_stem, png


def forest(
    run: Run, dataset: str, budget: Budget, table: pd.DataFrame, looks: Mapping[str, Look], name: str
) -> Figure:
    """All seeds of a ranking's variants at the final checkpoint, best median on top."""
    primary = run.primary(dataset)
    rows = final_records(run, dataset, primary.name)
    values = {v: group["value"].to_numpy(dtype=float) for v, group in rows.groupby("variant")}
    by_distance = primary.direction == "target"
    values = {v: badness(x, "target", primary.target) if by_distance else x for v, x in values.items()}
    reference = None if by_distance else reference_value(run, dataset, primary.name)
    names = [lines(v, 40) for v in table["variant"]]
    figure = canvas(0.75 + max(0.34, 0.16 * most_lines(names) + 0.06) * len(table))
    axes = figure.add_subplot()
    gutter = _axis(
        axes, run, dataset, np.concatenate([*values.values(), [] if reference is None else [reference]])
    )
    for place, row in enumerate(table.itertuples()):
        _row(axes, place, row, values[row.variant], looks[row.variant], gutter)
    axes.set_yticks(range(len(table)), names)
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    if reference is not None:
        axes.axvline(reference, color=QUIET, linestyle=REAL_DASHES, linewidth=1.3, zorder=1)
    prefix = "distance to the target: " if by_distance else ""
    axes.set_xlabel(f"{prefix}{titled(primary)} ({better(primary)})")
    caption = (
        f"Every seed's final result {budget.after}: dots are seeds, the stroke is their median, the line "
        f"its interval. "
        "Crosses at the edge are seeds without a value."
    )
    if reference is not None:
        caption += " Dashed: the real sampler."
    return Figure(file_stem(name, "ranking"), caption, png(figure))


def _axis(axes: Axes, run: Run, dataset: str, values: np.ndarray) -> float:
    """Set up the x axis around all values; returns where seeds without a value go."""
    primary = run.primary(dataset)
    finite = values[np.isfinite(values)]
    log = bool(finite.size) and wants_log(primary, finite)
    low, high = limits(finite[finite > 0] if log else finite, log)
    axes.set_xscale("log" if log else "linear")
    axes.set_xlim(low, high)
    return low if primary.direction == "higher" else high


def _row(axes: Axes, place: int, row: object, values: np.ndarray, look: Look, gutter: float) -> None:
    lower, upper, median = (float(getattr(row, name)) for name in ("lower", "upper", "median"))
    known = values[np.isfinite(values)]
    ends = [gutter if not np.isfinite(end) else end for end in (lower, upper)]
    if row.coverage > 0:  # type: ignore[attr-defined]
        axes.plot(
            ends, [place, place], color=look.colour, linewidth=5, alpha=0.28, solid_capstyle="butt", zorder=2
        )
    axes.scatter(
        known,
        np.full(known.size, place),
        s=26,
        color=look.colour,
        marker=look.marker,
        alpha=0.85,
        edgecolors="white",
        linewidths=0.5,
        zorder=3,
    )
    if np.isfinite(median):
        axes.plot([median, median], [place - 0.3, place + 0.3], color=INK, linewidth=2, zorder=4)
    lost = int(values.size - known.size)
    if lost:
        axes.plot(
            gutter,
            place,
            marker="X",
            markersize=9,
            color=look.colour,
            markeredgecolor=INK,
            markeredgewidth=0.8,
            clip_on=False,
            zorder=5,
        )
    if lost > 1:
        axes.annotate(
            f"×{lost}",
            (gutter, place),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            annotation_clip=False,
        )
