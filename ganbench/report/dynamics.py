"""Figures of `dynamics`: the game Jacobian's eigenvalues in the complex plane, and the path angle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ganbench.analysis.run import Run
from ganbench.report.labels import lines
from ganbench.report.style import FAINT, QUIET, Figure, Look, file_stem, fitting_columns, panels, png
from ganbench.store import file_name

_DIAGNOSTIC = "dynamics/"
_KNOWN = 1e-4
"""Residual up to which an eigenvalue is shown: what the diagnostic reports."""
_FLATTEST = 0.05
"""The least height of a panel, as a share of the largest eigenvalue: rounding must not look like circling."""

Spectra = Mapping[str, NDArray[np.complex128]]
"""Variant to its known eigenvalues, all seeds together."""


def eigenvalues(run: Run, dataset: str, looks: Mapping[str, Look]) -> Figure | None:
    """Each variant's leading eigenvalues at the end of training; None where none were measured."""
    shown = _spectra(run, dataset)
    if not shown:
        return None
    figure, axes = panels(len(shown), fitting_columns(len(shown)), 3.0)
    for each, (variant, values) in zip(axes, shown.items(), strict=True):
        _plane(each, values, looks[variant])
        each.set_title(lines(variant, 34))
    axes[0].set_ylabel("imaginary part")
    for each in axes[-fitting_columns(len(shown)) :]:
        each.set_xlabel("real part")
    caption = (
        "Leading eigenvalues of the game Jacobian at the end of training, of all seeds. J is that of the "
        "field of motion: left of zero they attract, right of it (shaded) they repel, off the real axis they "
        "circle. Every panel has its own scale, and the scales of its two axes differ."
    )
    return Figure(file_stem(file_name(dataset), "game-eigenvalues"), caption, png(figure))


def path_angles(run: Run, dataset: str, looks: Mapping[str, Look]) -> Figure | None:
    """The path angle from the first checkpoint to the last, a panel per variant; None where not measured."""
    shown = {
        variant: (np.asarray(parts[0]["path_share"]), np.concatenate([p["path_angle"] for p in parts]))
        for variant, parts in _arrays(run, dataset, "path_angle").items()
    }
    shown = {v: curve for v, curve in shown.items() if np.isfinite(curve[1]).any()}
    if not shown:
        return None
    columns = fitting_columns(len(shown))
    figure, axes = panels(len(shown), columns, 2.7)
    for i, (variant, (share, cosines)) in enumerate(shown.items()):
        _path(axes[i], share, cosines, looks[variant])
        axes[i].set_title(lines(variant, 34))
        axes[i].tick_params(labelleft=i % columns == 0)
        if i >= len(shown) - columns:
            axes[i].set_xlabel("on the way between checkpoints")
    axes[0].set_ylabel("cosine of field and way")
    caption = (
        "Path angle (Berard et al. 2020): cosine between the field of motion and the straight way from the "
        "first checkpoint to the last, along that way and beyond. Thick: median over seeds; thin: each seed. "
        "Falling through zero at the end point (dashed): it attracts. A bump there without a change of "
        "sign: the field turns around it. Signs are those of motion; the paper's are the gradients'."
    )
    return Figure(file_stem(file_name(dataset), "path-angle"), caption, png(figure))


def _plane(axes: Axes, values: NDArray[np.complex128], look: Look) -> None:
    largest = float(np.abs(values).max()) or 1.0
    left, right = float(min(values.real.min(), 0)), float(max(values.real.max(), 0))
    margin = 0.06 * (right - left) + 0.04 * largest
    height = 1.12 * max(float(np.abs(values.imag).max()), _FLATTEST * largest)
    axes.set_xlim(left - margin, right + margin)
    axes.set_ylim(-height, height)
    axes.axvspan(0, right + margin, color=FAINT, alpha=0.5, linewidth=0, zorder=0)
    for line in (axes.axhline, axes.axvline):
        line(0, color=QUIET, linewidth=0.8, zorder=1)
    drawn: dict[str, Any] = {"s": 24, "marker": look.marker, "alpha": 0.55, "linewidth": 0, "zorder": 3}
    axes.scatter(values.real, values.imag, color=look.colour, **drawn)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(5))


def _path(axes: Axes, share: NDArray[np.float64], cosines: NDArray[np.float64], look: Look) -> None:
    axes.axhline(0, color=QUIET, linewidth=0.8, zorder=1)
    axes.axvline(1, color=QUIET, linewidth=1.0, linestyle="--", zorder=1)
    for row in cosines:
        axes.plot(share, row, color=look.colour, linewidth=0.8, alpha=0.4, zorder=2)
    axes.plot(share, _median(cosines), color=look.colour, linewidth=2.2, zorder=3)
    axes.set_ylim(-1.05, 1.05)
    axes.set_xlim(float(share[0]), float(share[-1]))
    axes.set_xticks([0.0, 0.5, 1.0], ["first", "halfway", "last"])


def _median(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over seeds that have a value [A]; NaN where none has."""
    return np.array([np.median(c[np.isfinite(c)]) if np.isfinite(c).any() else np.nan for c in rows.T])


def _spectra(run: Run, dataset: str) -> Spectra:
    found = {}
    for variant, parts in _arrays(run, dataset, "eigenvalues").items():
        values = [p["eigenvalues"][p["residuals"] <= _KNOWN] for p in parts]
        joined = np.concatenate(values)
        if np.isfinite(joined).any():
            found[variant] = joined[np.isfinite(joined)]
    return found


def _arrays(run: Run, dataset: str, name: str) -> dict[str, Sequence[Mapping[str, NDArray]]]:
    """Variant to what its parts stored of `dynamics`, where they have `name`."""
    found: dict[str, Sequence[Mapping[str, NDArray]]] = {}
    for cohort in run.cohorts_of(dataset):
        stored = [part.arrays or {} for part in cohort.parts]
        own = [{k.removeprefix(_DIAGNOSTIC): v for k, v in each.items()} for each in stored]
        kept = [each for each in own if name in each]
        if kept:
            found[cohort.variant] = kept
    return found
