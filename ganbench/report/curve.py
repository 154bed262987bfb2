"""One curve per variant on given axes: the median over seeds as a line, its interval as a band."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from ganbench.analysis.numbers import compact
from ganbench.analysis.run import Run
from ganbench.quantities import Quantity
from ganbench.report.labels import lines
from ganbench.report.style import FAINT, INK, QUIET, Look

Curves = Mapping[str, pd.DataFrame]
"""Variant to its curve, as `analysis.summaries.curves` gives it."""
REAL_DASHES = (0, (5, 3))


@dataclass(frozen=True)
class Plot:
    """What the axes of one figure share: the quantity, its curves, the y axis and the reference."""

    run: Run
    dataset: str
    quantity: Quantity
    curves: Curves
    looks: Mapping[str, Look]
    real: float | None
    """What the real sampler gets, for a dashed line."""
    log: bool
    limits: tuple[float, float]

    @property
    def worst(self) -> float:
        """The edge of the y axis on which a seed without a value lies."""
        return self.limits[0] if self.quantity.direction == "higher" else self.limits[1]


def plan(
    run: Run,
    dataset: str,
    quantity: Quantity,
    found: Curves,
    looks: Mapping[str, Look],
    real: float | None = None,
) -> Plot:
    """Choose the scale and the limits of the y axis from all curves together."""
    columns = [c[name].to_numpy(dtype=float) for c in found.values() for name in ("lower", "median", "upper")]
    values = np.concatenate([*columns, [] if real is None else [real]])
    values = values[np.isfinite(values)]
    log = bool(values.size) and wants_log(quantity, values)
    return Plot(
        run, dataset, quantity, found, looks, real, log, limits(values[values > 0] if log else values, log)
    )


def wants_log(quantity: Quantity, values: np.ndarray) -> bool:
    """A log axis where the quantity asks for it, or its positive values span two orders of magnitude."""
    if quantity.scale == "log":
        return bool((values > 0).any())
    return quantity.direction == "lower" and bool(values.min() > 0 and values.max() > 100 * values.min())


def limits(values: np.ndarray, log: bool) -> tuple[float, float]:
    """Limits of an axis around finite values, with a margin."""
    if not values.size:
        return (0.0, 1.0)
    low, high = (np.log10(values) if log else values).min(), (np.log10(values) if log else values).max()
    margin = 0.05 * (high - low) or 0.1 * abs(high) or 0.1
    bottom = low - margin if log or low < 0 else max(low - margin, -0.02 * high)
    return (10**bottom, 10 ** (high + margin)) if log else (float(bottom), float(high + margin))


def prepare(axes: Axes, plot: Plot, label: bool = True) -> None:
    """Scale, limits, x axis and the real sampler's dashed line."""
    axes.set_yscale("log" if plot.log else "linear")
    axes.set_ylim(*plot.limits)
    if label:
        axes.set_xlabel(shown_name(plot))
    last = max(float(c["images"].max()) for c in plot.curves.values())
    if _spaced_by_ratio(plot.curves):
        smallest = min(float(c["images"][c["images"] > 0].min()) for c in plot.curves.values())
        axes.set_xscale("symlog", linthresh=smallest)
        axes.set_xlim(-0.2 * smallest, 1.2 * last)
    else:
        axes.set_xlim(-0.03 * last, 1.03 * last)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
    if plot.real is not None:
        axes.axhline(plot.real, color=QUIET, linestyle=REAL_DASHES, linewidth=1.3, zorder=2)


def shown_name(plot: Plot) -> str:
    """What the x axis counts."""
    shape = plot.run.datasets.get(plot.dataset, {}).get("shape", ())
    return f"real {'images' if len(shape) == 3 else 'points'} shown to the discriminator"


def line(axes: Axes, plot: Plot, variant: str, band: bool = True) -> None:
    """One variant's median, its band, and a cross wherever a seed was lost."""
    curve, look = plot.curves[variant], plot.looks[variant]
    images, median = curve["images"].to_numpy(dtype=float), curve["median"].to_numpy(dtype=float)
    axes.plot(images, median, **drawn_as(look), zorder=4)
    if band:
        lower, upper = (_to_edge(curve, end, plot) for end in ("lower", "upper"))
        axes.fill_between(images, lower, upper, color=look.colour, alpha=0.10, linewidth=0, zorder=3)
        for end in (lower, upper):
            axes.plot(images, end, color=look.colour, linewidth=0.7, alpha=0.45, zorder=3)
    for shown in lost_at(plot, variant) if band else ():
        cross(axes, shown, _level(shown, images, median, plot), look)


def seeds(axes: Axes, plot: Plot, variant: str) -> None:
    """Every seed of one variant as a thin line."""
    rows = plot.run.records_of(plot.dataset)
    rows = rows[(rows["quantity"] == plot.quantity.name) & (rows["variant"] == variant)]
    for _, group in rows.sort_values("point").groupby("seed"):
        images, values = group["images"].to_numpy(dtype=float), group["value"].to_numpy(dtype=float)
        axes.plot(images, values, color=plot.looks[variant].colour, linewidth=0.9, alpha=0.55, zorder=3)
        kept = np.flatnonzero(np.isfinite(values))
        if kept.size and np.isnan(values[-1]):
            cross(axes, images[kept[-1]], values[kept[-1]], plot.looks[variant])


def cross(axes: Axes, images: float, level: float, look: Look) -> None:
    """The mark of a seed that diverged."""
    shape: dict[str, Any] = {"marker": "X", "markersize": 9, "markeredgecolor": INK, "markeredgewidth": 0.8}
    axes.plot(images, level, color=look.colour, zorder=6, clip_on=False, **shape)


def drawn_as(look: Look) -> dict[str, Any]:
    """A variant's line, as matplotlib takes it."""
    return {
        "color": look.colour,
        "linestyle": look.dashes,
        "marker": look.marker,
        "markersize": 4.5,
        "markeredgecolor": "white",
        "markeredgewidth": 0.6,
    }


def medians(plot: Plot) -> list[np.ndarray]:
    """Every variant's median curve, [points, 2]."""
    return [curve[["images", "median"]].to_numpy(dtype=float) for curve in plot.curves.values()]


def shadows(axes: Axes, lines: list[np.ndarray]) -> None:
    """All medians in grey, for a panel that is about one variant."""
    axes.add_collection(LineCollection(lines, colors=FAINT, linewidths=0.8, zorder=1), autolim=False)


def lost_at(plot: Plot, variant: str) -> list[float]:
    """Real examples shown when each diverged seed was lost."""
    cohorts = [c for c in plot.run.cohorts_of(plot.dataset) if c.variant == variant]
    seeds = [s for cohort in cohorts for s in cohort.seeds_that("diverged")]
    return [float(s.images) for s in seeds if s.images is not None]


def handles(plots: Iterable[Plot]) -> list[Line2D]:
    """A legend's entries: the variants in the run's order, the real sampler, the cross."""
    plots = list(plots)
    first = plots[0]
    present = [v for v in first.run.variants if any(v in p.curves for p in plots)]
    entries = [Line2D([], [], **drawn_as(first.looks[v]), label=lines(v, 36)) for v in present]
    if any(p.real is not None for p in plots):
        entries.append(
            Line2D([], [], color=QUIET, linestyle=REAL_DASHES, linewidth=1.3, label="real sampler")
        )
    if any(lost_at(p, v) for p in plots for v in p.curves):
        entries.append(Line2D([], [], color=INK, linestyle="", marker="X", label="a seed diverged"))
    return entries


def _to_edge(curve: pd.DataFrame, end: str, plot: Plot) -> np.ndarray:
    """A band's end, with the worst edge of the axis in place of a diverged seed."""
    values = curve[end].to_numpy(dtype=float)
    other = curve["upper" if end == "lower" else "lower"].to_numpy(dtype=float)
    lost = np.isnan(values) & np.isfinite(other)
    return np.where(lost | np.isinf(values), plot.worst, values)


def _level(shown: float, images: np.ndarray, median: np.ndarray, plot: Plot) -> float:
    """Where the median stands at a moment: its last value once it has ended."""
    known = np.isfinite(median)
    return float(np.interp(shown, images[known], median[known])) if known.any() else plot.worst


def _spaced_by_ratio(curves: Curves) -> bool:
    """Whether a curve's measuring points lie so unevenly that a linear axis would hide the early ones."""
    return any(_ratio(curve["images"].to_numpy(dtype=float)) >= 1.6 for curve in curves.values())


def _ratio(images: np.ndarray) -> float:
    """The usual ratio of a measuring point to the one before; 1 for too few points to tell."""
    images = images[images > 0]
    return float(np.median(images[1:] / images[:-1])) if images.size >= 4 else 1.0
