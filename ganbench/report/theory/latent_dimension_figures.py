"""Figures of dim z against dim x: dimension, spectra, overlap, and the samples themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ganbench.analysis.cohorts import Cohort
from ganbench.analysis.run import Run
from ganbench.report.samples import Samples
from ganbench.report.style import (
    COLOURS,
    FAINT,
    INK,
    QUIET,
    WIDTH,
    Figure,
    canvas,
    fitting_columns,
    legend_below,
    panels,
    png,
)
from ganbench.report.theory.latent_dimension_trained import Trained

Targets = Mapping[str, Sequence[Trained]]
Array = NDArray[Any]
_ESTIMATES = (
    ("dimension_two_nn", "TwoNN", "o"),
    ("dimension_levina_bickel", "Levina-Bickel", "s"),
    ("dimension_local_pca", "local PCA", "^"),
)
_OVERLAP = (
    ("precision", "precision"),
    ("recall", "recall"),
    ("coverage", "coverage"),
    ("discriminator_auroc", "AUROC of the game's discriminator"),
    ("perfect_discriminator_error", "held-out error of a fresh discriminator"),
)
_DOTTED = (0, (1, 1.2))
_DASHED = (0, (4, 2))
_REAL = (0, (1, 2.2))


def dimensions(targets: Targets) -> Figure:
    """Dimension against dim z, a panel a target, with the theorem's bound and min(dim z, k)."""
    columns = fitting_columns(len(targets), 3)
    figure, axes = panels(len(targets), columns, 2.9)
    top = 1.22 * max(max(t.bound for t in found) for found in targets.values())
    for i, (one, (label, found)) in enumerate(zip(axes, targets.items(), strict=True)):
        places = _axis(one, found)
        bound = [t.bound for t in found]
        one.fill_between(places, bound, 2 * top, color=FAINT, alpha=0.55, linewidth=0, zorder=0)
        one.plot(places, bound, color=INK, linewidth=1.3, zorder=2)
        matched = [min(t.dim_z, t.manifold) for t in found]
        one.plot(places, matched, color=INK, linewidth=1.3, linestyle=_DASHED, zorder=2)
        one.axhline(
            found[0].references.get("dimension_two_nn", np.nan), color=QUIET, linestyle=_DOTTED, zorder=1
        )
        for shift, (name, _, marker), colour in zip((0.93, 1.0, 1.07), _ESTIMATES, COLOURS, strict=False):
            _points(one, [shift * place for place in places], found, name, colour, marker)
        one.set(ylim=(0, top), title=_titled(label, found))
        if i % columns == 0:
            one.set_ylabel("dimensions")
    handles = [
        *(
            Line2D([], [], color=colour, marker=marker, linewidth=0, label=f"{title} of samples")
            for (_, title, marker), colour in zip(_ESTIMATES, COLOURS, strict=False)
        ),
        Line2D([], [], color=INK, linewidth=1.3, label="bound: min(dim z, dim x)"),
        Line2D([], [], color=INK, linewidth=1.3, linestyle=_DASHED, label="min(dim z, k)"),
        Line2D([], [], color=QUIET, linestyle=_DOTTED, label="TwoNN of real data"),
    ]
    legend_below(figure, handles)
    caption = (
        "Intrinsic dimension of the samples against the generator's number of inputs: median over seeds, "
        "bars from the least to the largest. Grey: more dimensions than the theorem allows; estimates may "
        "enter it by their error, dimensions cannot. Dashed: what a generator that fits the manifold, and "
        "no more, would have; k is the manifold's dimension."
    )
    return Figure("latent-dimension-dimensions", caption, png(figure))


def spectra(targets: Targets) -> Figure | None:
    """Median singular values of the Jacobian, a panel a target, a line a dim z."""
    if not any(_spectrum(t.cohort) is not None for found in targets.values() for t in found):
        return None
    columns = fitting_columns(len(targets), 3)
    figure, axes = panels(len(targets), columns, 2.9)
    shades = _shades(targets)
    for i, (one, (label, found)) in enumerate(zip(axes, targets.items(), strict=True)):
        one.axvline(found[0].manifold + 0.5, color=QUIET, linestyle=_DOTTED)
        for t in found:
            values = _spectrum(t.cohort)
            if values is None:
                continue
            flat = values.reshape(-1, values.shape[-1])
            low, middle, high = np.nanquantile(flat, (0.25, 0.5, 0.75), axis=0)
            order = np.arange(1, len(middle) + 1)
            one.plot(order, middle, color=shades[t.dim_z], marker="o", markersize=4, linewidth=1.5)
            one.fill_between(order, low, high, color=shades[t.dim_z], alpha=0.15, linewidth=0)
        one.set(yscale="log", title=_titled(label, found), xlim=(0.6, found[0].dim_x + 0.4))
        one.set_xticks(range(1, found[0].dim_x + 1))
        if i >= len(axes) - columns:
            one.set_xlabel("number of the singular value")
        if i % columns == 0:
            one.set_ylabel("singular value")
    handles = [Line2D([], [], color=c, marker="o", label=f"dim z = {d}") for d, c in shades.items()]
    handles.append(Line2D([], [], color=QUIET, linestyle=_DOTTED, label="after the k-th"))
    legend_below(figure, handles)
    caption = (
        "Singular values of ∂G/∂z at the end, all seeds and points z together: median, band from quartile "
        "to quartile. A line ends after min(dim z, dim x) values, which is the bound. A generator with "
        "more inputs than the manifold has dimensions k can keep to it only by making the values behind "
        "the dotted line small."
    )
    return Figure("latent-dimension-spectra", caption, png(figure))


def overlap(targets: Targets) -> Figure | None:
    """Precision, recall, AUROC and a fresh discriminator's error against dim z, a line a target."""
    everything = [t for found in targets.values() for t in found]
    shown = [(name, title) for name, title in _OVERLAP if any(name in t.last for t in everything)]
    if not shown:
        return None
    figure, axes = panels(len(shown), fitting_columns(len(shown), 3), 2.9)
    styles = _styles(targets)
    for one, (name, title) in zip(axes, shown, strict=True):
        for label, found in targets.items():
            places = _axis(one, found)
            colour, dashes = styles[label]
            middle = [t.median(name) for t in found]
            low, high = zip(*(_range(t, name) for t in found), strict=True)
            one.plot(places, middle, color=colour, linestyle=dashes, marker="o", markersize=4)
            one.fill_between(places, low, high, color=colour, alpha=0.08, linewidth=0)
            one.axhline(found[0].references.get(name, np.nan), color=colour, linestyle=_REAL, linewidth=1.4)
        edge = _place_of_dim_x(everything)
        if edge is not None:
            one.axvline(edge, color=QUIET, linewidth=0.9, linestyle=_DOTTED, zorder=1)
        one.set_title(title)
        one.set_ylim(*((-0.02, 0.52) if name.endswith("error") else (-0.03, 1.03)))
    handles = [
        Line2D([], [], color=colour, linestyle=dashes, marker="o", markersize=4, label=label)
        for label, (colour, dashes) in styles.items()
    ]
    if any(name in t.references for t in everything for name, _ in shown):
        handles.append(Line2D([], [], color=INK, linewidth=1.4, linestyle=_REAL, label="real against real"))
    handles.append(Line2D([], [], color=QUIET, linewidth=0.9, linestyle=_DOTTED, label="dim z = dim x"))
    legend_below(figure, handles)
    caption = (
        "Overlap of supports and discrimination against the generator's number of inputs: median over "
        "seeds, band from the least to the largest; dashed lines: targets with noise, the only ones with a "
        "density; dotted levels: fresh real points in place of samples. Left of dim z = dim x the samples "
        "have none, and on noisy targets the optimal discriminator's error is 0; what these discriminators "
        "reach is another matter."
    )
    return Figure("latent-dimension-overlap", caption, png(figure))


def samples(run: Run, targets: Targets) -> Figure | None:
    """Final samples on the first two principal axes of the real data: a row a target, a column a dim z."""
    rows = {label: Samples(run, label) for label in targets}
    rows = {label: found for label, found in rows.items() if "real" in found.fixed and found.variants()}
    if not rows:
        return None
    columns = sorted({t.dim_z for label in rows for t in targets[label]})
    wide = 1 + len(columns)
    side = WIDTH / wide
    figure = canvas(len(rows) * side + 0.3)
    for r, (label, found) in enumerate(rows.items()):
        real = _flat(found.fixed["real"])
        centre = real.mean(0)
        axes2 = np.linalg.svd(real - centre, full_matrices=False)[2][:2].T
        edge = 1.25 * np.abs((real - centre) @ axes2).max()
        shown = [(0, "real", QUIET, real)] + [
            (1 + columns.index(t.dim_z), f"dim z = {t.dim_z}", COLOURS[0], _flat(final[1]))
            for t in targets[label]
            if (final := found.final(t.cohort.variant)) is not None
        ]
        for c, title, colour, points in shown:
            one = figure.add_subplot(len(rows), wide, r * wide + c + 1)
            flat = (points - centre) @ axes2
            one.scatter(flat[:, 0], flat[:, 1], s=2.2, color=colour, alpha=0.7, linewidths=0)
            one.set(xlim=(-edge, edge), ylim=(-edge, edge), xticks=[], yticks=[], aspect="equal")
            if r == 0:
                one.set_title(title, fontsize=9)
            if c == 0:
                one.set_ylabel(label, fontsize=8.5)
    caption = (
        "Real points and final samples (512 each, the seed with the median result) on the first two "
        "principal axes of the real ones. With one input the samples lie on a curve, however it winds. As "
        "many inputs as the manifold has dimensions can cover a flat piece; a sphere is closed, so a plane "
        "wraps round it only with a fold or a tear, and one input more helps."
    )
    return Figure("latent-dimension-samples", caption, png(figure))


def _axis(axes: Axes, found: Sequence[Trained]) -> list[float]:
    """Places of the generators on a logarithmic axis of dim z."""
    values = [t.dim_z for t in found]
    axes.set_xscale("log", base=2)
    axes.set_xticks(values, labels=[str(v) for v in values])
    axes.minorticks_off()
    axes.set_xlabel("dim z")
    return [float(v) for v in values]


def _points(
    axes: Axes, places: Sequence[float], found: Sequence[Trained], name: str, colour: str, marker: str
) -> None:
    middle = np.array([t.median(name) for t in found])
    low, high = (np.array(ends) for ends in zip(*(_range(t, name) for t in found), strict=True))
    bars = np.stack([middle - low, high - middle])
    axes.errorbar(
        places, middle, bars, color=colour, marker=marker, markersize=5, linewidth=0, elinewidth=1.2, zorder=3
    )


def _range(t: Trained, name: str) -> tuple[float, float]:
    if name not in t.last:
        return float("nan"), float("nan")
    return float(t.last[name].min()), float(t.last[name].max())


def _titled(label: str, found: Sequence[Trained]) -> str:
    return f"{label}: k = {found[0].manifold}, dim x = {found[0].dim_x}"


def _shades(targets: Targets) -> dict[int, Any]:
    """A colour for every dim z, from light to dark."""
    values = sorted({t.dim_z for found in targets.values() for t in found})
    palette = matplotlib.colormaps["viridis_r"]
    return {v: palette(0.12 + 0.85 * i / max(len(values) - 1, 1)) for i, v in enumerate(values)}


def _styles(targets: Targets) -> dict[str, tuple[str, Any]]:
    """A colour for each kind of data set; dashed with noise."""
    kinds: list[str] = []
    found = {}
    for label, trained in targets.items():
        kind = str(trained[0].cohort.parts[0].description["dataset"]["name"])
        kinds += [kind] if kind not in kinds else []
        noisy = trained[0].has_density
        found[label] = (COLOURS[kinds.index(kind) % len(COLOURS)], _DASHED if noisy else "-")
    return found


def _place_of_dim_x(everything: Sequence[Trained]) -> float | None:
    sizes = {t.dim_x for t in everything}
    return float(sizes.pop()) if len(sizes) == 1 else None


def _spectrum(cohort: Cohort) -> Array | None:
    """The singular values [S, points, r] of a cohort's parts; None where none were kept."""
    kept = [
        values
        for part in cohort.parts
        for name, values in (part.arrays or {}).items()
        if name.endswith("/singular_values")
    ]
    return np.concatenate(kept) if kept else None


def _flat(points: Array) -> Array:
    return points.reshape(len(points), -1).astype(float)
