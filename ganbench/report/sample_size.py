"""The Fréchet distance against the number of samples that it was measured with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator

from ganbench.analysis.numbers import compact
from ganbench.analysis.run import Run
from ganbench.report.samples import Array
from ganbench.report.style import Figure, Look, canvas, file_stem, legend_beside, png
from ganbench.store import file_name

_COUNTS, _CURVE = "/fid_counts", "/fid_against_n"
_WIDE = 8
"""Ratio of the largest value to the smallest beyond which the axis is logarithmic."""


class Curve(NamedTuple):
    """Numbers of samples [K], ascending, and medians over seeds: of the distance [K] and of its limit."""

    counts: Array
    distances: Array
    limit: float


def fid_against_samples(
    run: Run, dataset: str, looks: Mapping[str, Look], order: Sequence[str]
) -> list[Figure]:
    """For every `fid_infinity` of a suite the variants' curves over 1/n, and where they end."""
    curves = {v: bias_curves(run, dataset, v) for v in order}
    labels = dict.fromkeys(label for of_variant in curves.values() for label in of_variant)
    return [
        _figure(dataset, label, {v: found[label] for v, found in curves.items() if label in found}, looks)
        for label in labels
    ]


def _figure(dataset: str, label: str, curves: Mapping[str, Curve], looks: Mapping[str, Look]) -> Figure:
    figure = canvas(4.0)
    axes = figure.add_subplot()
    lines = []
    for variant, (counts, distances, limit) in curves.items():
        look = looks[variant]
        style = {"color": look.colour, "linestyle": look.dashes, "label": variant}
        axes.plot(1 / counts, distances, **style)
        axes.plot([0, 1 / counts.max()], [limit, distances[-1]], color=look.colour, lw=0.8, ls=":")
        axes.plot([0], [limit], look.marker, color=look.colour, clip_on=False, zorder=3)
        lines.append(Line2D([], [], marker=look.marker, **style))
    counts = next(iter(curves.values())).counts
    shown = np.unique(counts[[0, len(counts) // 7, len(counts) // 3, -1]])
    axes.xaxis.set_major_locator(FixedLocator([0, *(1 / shown)]))
    axes.xaxis.set_major_formatter(FixedFormatter(["∞", *map(compact, shown)]))
    axes.set(xlim=(0, 1.03 / counts.min()), xlabel="samples (spaced by 1/n)", ylabel="Fréchet distance")
    if _spread(axes) > _WIDE:
        axes.set_yscale("log")
    legend_beside(axes, lines)
    caption = (
        f"The Fréchet distance against the number of samples, as `{label}` measured it: median over seeds, "
        "and at ∞ what it is extrapolated to. It falls as samples get more, by another slope for every "
        "generator: lines that cross are variants whose order depends on the number of samples."
    )
    return Figure(file_stem(file_name(dataset), file_name(label), "against-samples"), caption, png(figure))


def _spread(axes: Axes) -> float:
    """The ratio of the largest value drawn to the smallest; 1 where not all are positive."""
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    return float(values.max() / values.min()) if values.min() > 0 else 1.0


def bias_curves(run: Run, dataset: str, variant: str) -> dict[str, Curve]:
    """A variant's curves by the diagnostic's label, over the seeds that have finite ones."""
    parts = [p for c in run.cohorts_of(dataset) if c.variant == variant for p in c.parts]
    stored = [p.arrays or {} for p in parts]
    labels = dict.fromkeys(
        key.removesuffix(_CURVE) for arrays in stored for key in arrays if key.endswith(_CURVE)
    )
    curves = {}
    for label in labels:
        arrays = [part for part in stored if label + _CURVE in part]
        counts = arrays[0][label + _COUNTS]
        distances = np.concatenate([part[label + _CURVE] for part in arrays])
        distances = distances[np.isfinite(distances).all(1)]
        if len(distances):
            _, limits = np.polyfit(1 / counts, distances.T, 1)
            curves[label] = Curve(counts, np.median(distances, axis=0), float(np.median(limits)))
    return curves
