"""Samples of a planar data set over its true density: the final gallery and the strip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm

from ganbench.analysis.numbers import number
from ganbench.analysis.run import Run
from ganbench.analysis.summaries import reference_value
from ganbench.report import strip
from ganbench.report.samples import Array, Samples
from ganbench.report.strip import Box
from ganbench.report.style import INK, QUIET, Figure, Look, file_stem, png, square_panels
from ganbench.store import file_name

_DENSITY = LinearSegmentedColormap.from_list("density", ["#ffffff", "#e3e7eb", "#aab4be", "#8793a0"])
MODES, QUALITY = "modes_recovered", "high_quality_fraction"


def gallery(run: Run, dataset: str, looks: Mapping[str, Look], order: Sequence[str]) -> Figure | None:
    """Each variant's final samples over the density, a panel each; None without samples."""
    samples = Samples(run, dataset)
    shown = [v for v in order if v in samples.variants()]
    if not shown or samples.shape != (2,):
        return None
    box = extent(samples)
    final = {variant: samples.final(variant) or (0, np.empty((0, 2))) for variant in shown}
    titles = [f"{v}\n{_quality(run, dataset, v, seed)}" for v, (seed, _) in final.items()]
    figure, axes = square_panels([f"real data\n{_reference(run, dataset)}", *titles])
    _panel(axes[0], samples, box, samples.fixed.get("real"), "#3d444d")
    for one, (variant, (_, points)) in zip(axes[1:], final.items(), strict=True):
        _panel(one, samples, box, points, looks[variant].colour)
    caption = (
        "Final samples (coloured dots) over the true density (grey; small rings are the modes' centres). "
        "Each panel "
        "shows the seed whose final result is the variant's median, with the modes that it found and its "
        "share of good "
        "(high-quality) samples; panels in "
        "the order of the ranking. All panels have the same frame; a corner counts the samples outside it."
    )
    return Figure(file_stem(file_name(dataset), "gallery"), caption, png(figure))


def training_strip(run: Run, dataset: str, looks: Mapping[str, Look], order: Sequence[str]) -> Figure | None:
    """Samples through training, a row per variant; None without samples."""
    samples = Samples(run, dataset)
    histories = strip.histories(samples, order)
    if samples.shape != (2,) or not histories:
        return None
    figure, axes, cells = strip.empty_strip(histories, looks)
    frame = axes.get_xlim()
    for cell in cells:
        _cell(axes, samples, cell, looks[cell.variant].colour)
    axes.set(xlim=frame)
    caption = (
        "Samples through training: a row per variant (the seed with the median final result), a column per "
        "measuring point, headed by the real points shown to the discriminator so far. Mode collapse is a "
        "row whose dots leave most of the grey modes bare, or hop between them from column to column. "
        + strip.CAPTION
    )
    return Figure(file_stem(file_name(dataset), "samples-through-training"), caption, png(figure))


def extent(samples: Samples) -> Box:
    """The frame: the density's, else around the real examples."""
    fixed = samples.fixed
    if "extent" in fixed:
        left, right, bottom, top = (float(edge) for edge in fixed["extent"])
        return left, right, bottom, top
    real = fixed.get("real", np.array([[-1.0, -1.0], [1.0, 1.0]]))
    low, high = real.min(0), real.max(0)
    margin = 0.15 * (high - low).max() or 1.0
    return low[0] - margin, high[0] + margin, low[1] - margin, high[1] + margin


def _panel(axes: Axes, samples: Samples, box: Box, points: Array | None, colour: str) -> None:
    _density(axes, samples, box)
    if "means" in samples.fixed:
        means = samples.fixed["means"]
        axes.scatter(
            means[:, 0],
            means[:, 1],
            s=70 if len(means) <= 30 else 25,
            facecolors="none",
            edgecolors=QUIET,
            linewidths=0.7,
        )
    good = np.empty((0, 2)) if points is None else points[np.isfinite(points).all(1)].astype(float)
    axes.scatter(good[:, 0], good[:, 1], s=5, color=colour, alpha=0.6, linewidths=0, zorder=3)
    inside = (good[:, 0] >= box[0]) & (good[:, 0] <= box[1]) & (good[:, 1] >= box[2]) & (good[:, 1] <= box[3])
    note = "diverged" if points is not None and not len(good) else f"{(~inside).sum()} outside"
    if not inside.all() or not len(good):
        axes.text(0.97, 0.03, note, transform=axes.transAxes, ha="right", va="bottom", fontsize=8, color=INK)
    axes.set(xlim=box[:2], ylim=box[2:], xticks=[], yticks=[], aspect="equal")


def _density(axes: Axes, samples: Samples, box: Box) -> None:
    """The density as a heat map with a bent scale, so that a broad mode shows beside a sharp one."""
    if "density" in samples.fixed:
        density = samples.fixed["density"].astype(float)
        norm = PowerNorm(0.4, vmin=0, vmax=float(density.max()) or 1.0)
        axes.imshow(density, origin="lower", extent=box, cmap=_DENSITY, norm=norm, aspect="auto", zorder=0)


def _cell(axes: Axes, samples: Samples, cell: strip.Cell, colour: str) -> None:
    box, (left, right, bottom, top) = extent(samples), cell.box
    _density(axes, samples, cell.box)
    dots = cell.samples[np.isfinite(cell.samples).all(1)].astype(float)
    x = left + (right - left) * (dots[:, 0] - box[0]) / (box[1] - box[0])
    y = bottom + (top - bottom) * (dots[:, 1] - box[2]) / (box[3] - box[2])
    inside = (x >= left) & (x <= right) & (y >= top) & (y <= bottom)
    if not inside.any():
        strip.note(axes, cell.row, cell.column, "all outside")
    axes.scatter(x[inside], y[inside], s=1.6, color=colour, alpha=0.6, linewidths=0, zorder=3)


def _quality(run: Run, dataset: str, variant: str, seed: int) -> str:
    rows = run.records_of(dataset)
    rows = rows[rows["final"] & (rows["seed"] == seed)]
    rows = rows[rows["variant"] == variant]
    values = dict(zip(rows["quantity"], rows["value"], strict=True))
    return f"seed {seed}: {', '.join(_measures(run, dataset, values))}".removesuffix(": ")


def _reference(run: Run, dataset: str) -> str:
    references = {name: reference_value(run, dataset, name) for name in (MODES, QUALITY)}
    measured = {name: value for name, value in references.items() if value is not None}
    return ", ".join(_measures(run, dataset, measured)) or " "


def _measures(run: Run, dataset: str, values: Mapping[str, float]) -> list[str]:
    """Modes found, the share of good samples and the primary quantity, where measured."""
    if not any(np.isfinite(v) for q, v in values.items() if q in (MODES, QUALITY)):
        return ["diverged"] if MODES in values else []
    total = run.datasets.get(dataset, {}).get("modes")
    found = []
    if MODES in values:
        found.append(f"{number(values[MODES])}{f' of {total}' if total else ''} modes")
    if QUALITY in values and np.isfinite(values[QUALITY]):
        found.append(f"{100 * values[QUALITY]:.0f}\u00a0%\u00a0good")
    return found
