"""Figures along the training: the primary quantity, gradient norms, the discriminator's AUROC."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from ganbench.analysis.numbers import better, titled
from ganbench.analysis.run import Run
from ganbench.analysis.summaries import curves, reference_value
from ganbench.report.curve import Plot, handles, line, medians, plan, prepare, seeds, shadows, shown_name
from ganbench.report.labels import lines, most_lines
from ganbench.report.style import (
    Figure,
    Look,
    canvas,
    file_stem,
    fitting_columns,
    legend_below,
    legend_beside,
    panels,
    png,
)
from ganbench.store import file_name

TOGETHER = 7
"""Up to so many variants share one axes; beyond, each has a panel with the others in grey."""
_TITLE_LINE = 0.15
"""Inches of a line of a panel's title."""
_AXIS_CHARACTERS = 44
"""Longest line of a vertical axis's name."""
GRADIENTS = "gradient_norm_"


def learning_curves(run: Run, dataset: str, looks: Mapping[str, Look]) -> Figure | None:
    """The primary quantity along the training; None where nothing was measured."""
    primary = run.primary(dataset)
    plot = _plot(run, dataset, primary.name, looks)
    if plot is None:
        return None
    caption = (
        f"{_capital(titled(primary))} along the training; {better(primary)}. Line: median over seeds. Band: "
        f"its "
        "interval. A diverged seed counts as worse than every number, so it takes the band to the edge and, "
        "where half of the seeds are lost, ends the line."
    )
    if plot.real is not None:
        caption += " Dashed: what real data get."
    return Figure(file_stem(file_name(dataset), "learning-curves"), caption, _drawn(plot))


def every_seed(run: Run, dataset: str, looks: Mapping[str, Look]) -> Figure | None:
    """Each variant's seeds one by one; None where it would show nothing new."""
    plot = _plot(run, dataset, run.primary(dataset).name, looks)
    single = run.records_of(dataset)["seed"].nunique() < 2
    if plot is None or single or len(plot.curves) > TOGETHER:
        return None
    caption = (
        "The same, a panel per variant with every seed as a thin line, the other variants' medians in grey. "
        "A cross ends a seed that diverged. Seeds that part ways, or that fall back after a good start, are "
        "what a single run would hide."
    )
    return Figure(
        file_stem(file_name(dataset), "learning-curves-by-seed"), caption, png(_panelled(plot, each=True))
    )


def auroc_curves(run: Run, dataset: str, looks: Mapping[str, Look]) -> Figure | None:
    """The discriminator's AUROC along the training; None where not measured."""
    plot = _plot(run, dataset, "discriminator_auroc", looks)
    if plot is None:
        return None
    caption = (
        "How well the discriminator tells held-out real examples from fresh samples: 1 is perfect "
        "separation, "
        "0.5 is chance. Values that stay near 1 mean that the generator is beaten, or that it is starved; "
        "0.5 is reached at an equilibrium, but also by a discriminator that has learnt nothing."
    )
    return Figure(file_stem(file_name(dataset), "discriminator-auroc"), caption, _drawn(plot, mark=0.5))


def gradient_norms(run: Run, dataset: str, looks: Mapping[str, Look]) -> list[Figure]:
    """Every player's gradient norm on a log scale: side by side, or a figure each for many variants."""
    names = [name for name in run.declared if name.startswith(GRADIENTS)]
    plots = [p for p in (_plot(run, dataset, name, looks) for name in names) if p is not None]
    if not plots:
        return []
    caption = (
        "Norm of each player's gradient of its own loss, on a batch of the variant's own size, before any "
        "projection: median and interval over the seeds that had not diverged. A generator's norm that "
        "falls by orders of magnitude while its samples are still bad is a starved generator. Losses differ "
        "in scale, so compare a curve's course, not its height, between variants."
    )
    name = file_stem(file_name(dataset), "gradient-norms")
    if max(len(p.curves) for p in plots) <= TOGETHER:
        return [Figure(name, caption, _side_by_side(plots))]
    return [Figure(f"{name}-{p.quantity.name.removeprefix(GRADIENTS)}", caption, _drawn(p)) for p in plots]


def _plot(run: Run, dataset: str, quantity: str, looks: Mapping[str, Look]) -> Plot | None:
    found = curves(run, dataset, quantity)
    shown = [c for c in found.values() if np.isfinite(c[["median", "lower", "upper"]]).any(axis=None)]
    if not shown or max(map(len, found.values())) < 2:
        return None
    return plan(
        run, dataset, run.quantity(quantity, dataset), found, looks, reference_value(run, dataset, quantity)
    )


def _drawn(plot: Plot, mark: float | None = None) -> bytes:
    figure = canvas(4.0) if len(plot.curves) <= TOGETHER else _panelled(plot)
    if not figure.axes:
        axes = figure.add_subplot()
        _filled(axes, plot)
        axes.set_ylabel(_axis_name(plot))
        legend_beside(axes, handles([plot]))
    for axes in figure.axes:
        if mark is not None:
            axes.axhline(mark, color="#6a737d", linewidth=0.9, linestyle=":", zorder=2)
    return png(figure)


def _panelled(plot: Plot, each: bool = False) -> Canvas:
    """A panel per variant: more than a few curves in one axes cannot be told apart."""
    columns = fitting_columns(len(plot.curves))
    titles = [lines(variant, int(132 / columns)) for variant in plot.curves]
    titled_over = _TITLE_LINE * (most_lines(titles) - 1)
    height = (3.0 if len(plot.curves) <= columns else 2.05) + titled_over
    figure, axes = panels(len(plot.curves), columns, height, measured=False)
    others = medians(plot)
    for i, variant in enumerate(plot.curves):
        prepare(axes[i], plot, label=False)
        axes[i].minorticks_off()
        shadows(axes[i], others)
        line(axes[i], plot, variant, band=not each)
        if each:
            seeds(axes[i], plot, variant)
        axes[i].set_title(titles[i], fontsize=8.5)
        axes[i].tick_params(labelleft=i % columns == 0, labelbottom=i >= len(axes) - columns)
    _margins(figure, -(-len(axes) // columns), titled_over)
    figure.text(0.006, 0.5, _axis_name(plot), fontsize=9.5, rotation=90, va="center", ha="left", ma="center")
    figure.text(
        0.5, 0.06 / figure.get_size_inches()[1], shown_name(plot), fontsize=9.5, va="bottom", ha="center"
    )
    return figure


def _margins(figure: Canvas, rows: int, titles: float) -> None:
    """Fixed margins in inches: a layout that measures every panel's text takes seconds for forty.

    `titles` is what they are higher by than one line.
    """
    width, height = (float(inches) for inches in figure.get_size_inches())
    gap, bottom, top = 0.43 + titles, 0.62, 0.3 + titles
    panel = (height - bottom - top - gap * (rows - 1)) / rows
    figure.subplots_adjust(
        left=0.95 / width,
        right=1 - 0.1 / width,
        bottom=bottom / height,
        top=1 - top / height,
        wspace=0.08,
        hspace=gap / panel,
    )


def _side_by_side(plots: Sequence[Plot]) -> bytes:
    """An axes per player, all with the same y axis, and one legend below."""
    figure, axes = panels(len(plots), 2, 3.6)
    shared = (min(p.limits[0] for p in plots), max(p.limits[1] for p in plots))
    for one, plot in zip(axes, plots, strict=True):
        _filled(one, plot)
        one.set_ylim(*shared)
        one.set_title(plot.quantity.name.removeprefix(GRADIENTS))
    axes[0].set_ylabel("gradient norm (log scale)")
    legend_below(figure, handles(plots))
    return png(figure)


def _filled(axes: Axes, plot: Plot) -> None:
    prepare(axes, plot)
    for variant in plot.curves:
        line(axes, plot, variant, band=len(plot.curves) <= TOGETHER)


def _axis_name(plot: Plot) -> str:
    direction, log = better(plot.quantity), "log scale" if plot.log else ""
    notes = ", ".join(note for note in (direction, log) if note)
    name = textwrap.fill(titled(plot.quantity), _AXIS_CHARACTERS)
    return name + (f"\n({notes})" if notes else "")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
