"""The Fréchet distance against the number of samples that it was measured with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedFormatter, FixedLocator

from ganbench.analysis.numbers import compact
from ganbench.analysis.run import Run
from ganbench.analysis.summaries import final_summaries, measured
from ganbench.report.samples import Array
from ganbench.report.style import Figure, Look, canvas, file_stem, legend_beside, png
from ganbench.store import file_name

_COUNTS, _CURVE = "fid_counts", "fid_against_n"
_LIMIT = "fid_infinity_"


def fid_against_samples(
    run: Run, dataset: str, looks: Mapping[str, Look], order: Sequence[str]
) -> Figure | None:
    """Every variant's curve over 1/n, and where it ends at endless samples; None where not measured."""
    curves = {v: found for v in order if (found := _curve(run, dataset, v)) is not None}
    limit = next((name for name in measured(run, dataset) if name.startswith(_LIMIT)), None)
    if not curves or limit is None:
        return None
    summaries = final_summaries(run, dataset)
    figure = canvas(4.0)
    axes = figure.add_subplot()
    lines = []
    for variant, (counts, values) in curves.items():
        look, end = looks[variant], summaries.get((variant, limit))
        style = {"color": look.colour, "linestyle": look.dashes, "label": variant}
        axes.plot(1 / counts, values, **style)
        if end is not None and np.isfinite(end.median):
            axes.plot([0, 1 / counts.max()], [end.median, values[-1]], color=look.colour, lw=0.8, ls=":")
            axes.plot([0], [end.median], look.marker, color=look.colour, clip_on=False, zorder=3)
        lines.append(Line2D([], [], marker=look.marker, **style))
    counts = next(iter(curves.values()))[0]
    shown = counts[[0, len(counts) // 7, len(counts) // 3, -1]]
    axes.xaxis.set_major_locator(FixedLocator([0, *(1 / shown)]))
    axes.xaxis.set_major_formatter(FixedFormatter(["∞", *map(compact, shown)]))
    axes.set(xlim=(0, 1.03 / counts.min()), xlabel="samples (spaced by 1/n)", ylabel="Fréchet distance")
    legend_beside(axes, lines)
    caption = (
        "The Fréchet distance against the number of samples: median over seeds, and at ∞ what it is "
        f"extrapolated to ({limit}). It falls as samples get more, by another slope for every generator: "
        "lines that cross are variants whose order depends on the number of samples."
    )
    return Figure(file_stem(file_name(dataset), "fid-against-samples"), caption, png(figure))


def _curve(run: Run, dataset: str, variant: str) -> tuple[Array, Array] | None:
    """Numbers of samples [K], ascending, and the median distance [K] over the seeds that have one."""
    parts = [p for c in run.cohorts_of(dataset) if c.variant == variant for p in c.parts]
    stored = [p.arrays or {} for p in parts]
    found = [{key.split("/")[-1]: value for key, value in arrays.items()} for arrays in stored]
    found = [arrays for arrays in found if _CURVE in arrays]
    if not found:
        return None
    values = np.concatenate([arrays[_CURVE] for arrays in found])
    values = values[np.isfinite(values).all(1)]
    return (found[0][_COUNTS], np.median(values, axis=0)) if len(values) else None
