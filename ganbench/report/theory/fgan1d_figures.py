"""Figures of the Gaussian fits: densities, the way there, and the learnt discriminators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from ganbench.analysis.cohorts import Cohort
from ganbench.analysis.run import Run
from ganbench.report.style import FAINT, INK, QUIET, Figure, Look, legend_below, panels, png

Array = NDArray[Any]
_KEPT = "divergence_fit/"
COUNTS = 0.01
"""Both densities must exceed it for the best T there to set a panel's height."""


@dataclass(frozen=True)
class Shown:
    """One divergence's name, its cohort, and a row a seed of what was measured at the end."""

    name: str
    cohort: Cohort
    last: pd.DataFrame


def densities(fits: Sequence[Shown], looks: Mapping[str, Look]) -> Figure | None:
    """The data, the exact optimum and every seed's Gaussian, a panel a divergence."""
    drawn = [(fit, kept) for fit in fits if (kept := _kept(fit.cohort)) is not None]
    if not drawn:
        return None
    figure, axes = panels(len(drawn), 3, 2.3)
    for i, (one, (fit, kept)) in enumerate(zip(axes, drawn, strict=True)):
        x, look, last = kept["x"], looks[fit.cohort.variant], fit.last
        one.fill_between(x, kept["density"], color=FAINT, linewidth=0)
        for _, seed in last.iterrows():
            one.plot(x, _normal(x, seed["mu"], seed["sigma"]), color=look.colour, linewidth=0.8, alpha=0.7)
        first = last.iloc[0]
        optimum = _normal(x, first["exact_mu"], first["exact_sigma"])
        one.plot(x, optimum, color=INK, linewidth=1.4, linestyle=(0, (4, 2)))
        one.set(xlim=(-4, 7), ylim=(0, 0.56), title=fit.name)
        one.tick_params(labelleft=i % 3 == 0, labelbottom=i >= len(axes) - 3)
    handles: list[Any] = [
        Patch(color=FAINT, label="density of the data"),
        Line2D([], [], color=INK, linestyle=(0, (4, 2)), linewidth=1.4, label="exact optimum"),
        Line2D([], [], color=QUIET, linewidth=0.8, label="fitted, a line a seed"),
    ]
    legend_below(figure, handles)
    caption = (
        "The density of the data (grey), the Gaussian of least divergence (dashed) and the Gaussians that "
        "training reached, one for each seed. Divergences that punish a model for missing data (KL, "
        "Pearson) spread over both modes; those that punish it for inventing (reverse KL, Neyman) keep to "
        "the wide one."
    )
    return Figure("fgan1d-densities", caption, png(figure))


def along(
    run: Run, dataset: str, fits: Sequence[Shown], looks: Mapping[str, Look], close: float
) -> Figure | None:
    """μ and σ less the exact ones through training: a line a divergence, the median over seeds."""
    rows = run.records_of(dataset)
    figure, axes = panels(2, 2, 3.9)
    longest = 0
    for one, what, sign in zip(axes, ("mu", "sigma"), ("μ", "σ"), strict=True):
        one.axhspan(-close, close, color=FAINT, linewidth=0, zorder=0)
        for fit in fits:
            own = rows[rows["variant"] == fit.cohort.variant]
            steps, middle, low, high = _misses(own, what)
            longest, look = max(longest, len(steps)), looks[fit.cohort.variant]
            one.plot(steps, middle, color=look.colour, linestyle=look.dashes, linewidth=1.5)
            one.fill_between(steps, low, high, color=look.colour, alpha=0.12, linewidth=0)
        one.set(title=f"{sign} less exact {sign}", xlabel="discriminator updates")
        one.set_ylim(*((-1.4, 1.0) if what == "mu" else (-0.45, 0.45)))
    if longest < 2:
        return None
    handles = [
        Line2D([], [], color=look.colour, linestyle=look.dashes, label=fit.name)
        for fit in fits
        if (look := looks[fit.cohort.variant])
    ]
    legend_below(figure, handles)
    caption = (
        f"How μ and σ near their exact optimum: median over seeds less the exact value, with the range of "
        f"all seeds as a band; grey: within {close:g}. All start at the same point; no seed is selected. "
        "What leaves the frame is not shown."
    )
    if {"js", "gan"} <= {fit.name for fit in fits}:
        caption += " `gan` lies on `js`."
    return Figure("fgan1d-training", caption, png(figure))


def discriminators(fits: Sequence[Shown], looks: Mapping[str, Look]) -> Figure | None:
    """T and the best T for the fit where there is data or model, a panel a divergence; the first seed."""
    drawn = [(fit, kept) for fit in fits if (kept := _kept(fit.cohort)) is not None]
    if not drawn:
        return None
    figure, axes = panels(len(drawn), 3, 2.3)
    for one, (fit, kept) in zip(axes, drawn, strict=True):
        x, look, seed = kept["x"], looks[fit.cohort.variant], fit.last.iloc[0]
        data, model = kept["density"], _normal(x, seed["mu"], seed["sigma"])
        best, learnt = (kept[name][0] for name in ("best_discriminator", "discriminator"))
        one.plot(x, best, color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
        one.plot(x, np.where(data + model > 1e-3, learnt, np.nan), color=look.colour, linewidth=1.5)
        one.set(title=fit.name, xlim=(-4, 7))
        _frame(one, best[np.minimum(data, model) > COUNTS])
    handles = [
        Line2D(
            [], [], color=INK, linestyle=(0, (4, 2)), linewidth=1.2, label="best T = f′(p/q) for this fit"
        ),
        Line2D([], [], color=QUIET, linewidth=1.5, label="learnt T (coloured)"),
    ]
    legend_below(figure, handles)
    caption = (
        "The discriminator of the first seed at the end, T(x), beside the best one for its generator, "
        "f′(p/q). The learnt one is drawn where the densities together exceed a thousandth, and a panel is "
        "as high as the best one is where both exceed a hundredth. The generator's gradient is right where "
        "the slopes of the two agree."
    )
    return Figure("fgan1d-discriminators", caption, png(figure))


def _kept(cohort: Cohort) -> dict[str, Array] | None:
    """The arrays that the diagnostic kept of the cohort's first part; None where there are none."""
    for part in cohort.parts:
        found = {n.removeprefix(_KEPT): v for n, v in (part.arrays or {}).items() if n.startswith(_KEPT)}
        if found:
            return found
    return None


def _normal(x: Array, mu: float, sigma: float) -> Array:
    scaled: Array = (x - mu) / sigma
    return np.exp(-0.5 * scaled**2) / (sigma * np.sqrt(2 * np.pi))


def _misses(rows: pd.DataFrame, what: str) -> tuple[Array, Array, Array, Array]:
    """Steps [P], and median, least and largest over seeds of the fitted value less the exact one."""
    values = rows[rows["quantity"] == what].pivot_table(index="step", columns="seed", values="value")
    exact = float(rows[rows["quantity"] == f"exact_{what}"]["value"].median())
    misses = values.to_numpy() - exact
    middle, low, high = np.median(misses, 1), misses.min(1), misses.max(1)
    return values.index.to_numpy(), middle, low, high


def _frame(axes: Axes, best: Array) -> None:
    """Limits around the best T where it counts: elsewhere it runs off."""
    if np.isfinite(best).any():
        low, high = float(np.nanmin(best)), float(np.nanmax(best))
        room = 0.2 * (high - low)
        axes.set_ylim(low - room, high + room)
