"""Figures of fresh discriminators: held-out error and the generator's gradients against their updates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullLocator

from ganbench.report.style import COLOURS, INK, QUIET, Figure, file_stem, panels, png
from ganbench.report.theory.perfect_discriminator_curves import Array, Measured
from ganbench.report.ticks import tick_text

_LEAST_ERROR = 1e-4
"""Where an error of 0 is drawn on the log axis."""
Dashes = Any
_THEORY: Dashes = (0, (1, 1.2))
_AGES: Sequence[Dashes] = ((0, (4, 1.6)), "-", (0, (6, 1.5, 1, 1.5)), (0, (8, 3)))
"""Of the first age, the second, and so on."""
_ROWS: Mapping[str, str] = {
    "error": "held-out error",
    "log10_gradient_minimax": "‖∇ E log(1 − D)‖",
    "log10_gradient_nonsaturating": "‖∇ E (−log D)‖",
}


@dataclass(frozen=True)
class Line:
    """A curve with its look."""

    measured: Measured
    colour: str
    dashes: Dashes = "-"


@dataclass(frozen=True)
class Column:
    """Curves under one heading, and what their colours and dashes mean."""

    lines: Sequence[Line]
    legend: Sequence[tuple[str, str, Dashes]]
    """Words, colour and dashes."""


def grid(name: str, columns: Mapping[str, Column], caption: str) -> Figure:
    """A column a group of lines with its legend on top, a row each for error and the two gradients."""
    figure, axes = panels(3 * len(columns), len(columns), 2.45)
    for row, (quantity, title) in enumerate(_ROWS.items()):
        limits = _limits(quantity, [line for group in columns.values() for line in group.lines])
        for column, (heading, group) in enumerate(columns.items()):
            one = axes[row * len(columns) + column]
            for line in group.lines:
                _draw(one, line, quantity)
            _dress(one, quantity, limits)
            if column == 0:
                one.set_ylabel(title)
            else:
                one.tick_params(labelleft=False)
            if row == 0:
                one.set_title(heading)
            if row == len(_ROWS) - 1:
                one.set_xlabel("updates of the fresh discriminator")
                _legend(one, group)
            else:
                one.tick_params(labelbottom=False)
    return Figure(file_stem(name), caption, png(figure))


def coloured(lines: Sequence[tuple[Measured, str]]) -> Column:
    """A colour each, in order."""
    shades = [COLOURS[i % len(COLOURS)] for i in range(len(lines))]
    return Column(
        [Line(measured, shade) for (measured, _), shade in zip(lines, shades, strict=True)],
        [(label, shade, "-") for (_, label), shade in zip(lines, shades, strict=True)],
    )


def crossed(measured: Sequence[Measured]) -> Column:
    """A colour a variant and dashes an age; either alone where the other is the same for all."""
    variants = list(dict.fromkeys(each.variant for each in measured))
    ages = list(dict.fromkeys(each.age for each in measured))
    if len(variants) == 1 or len(ages) == 1:
        return coloured([(m, m.variant if len(ages) == 1 else m.age) for m in measured])
    shades = {variant: COLOURS[i % len(COLOURS)] for i, variant in enumerate(variants)}
    dashes = {age: _AGES[i % len(_AGES)] for i, age in enumerate(ages)}
    return Column(
        [Line(m, shades[m.variant], dashes[m.age]) for m in measured],
        [
            *((variant, shade, "-") for variant, shade in shades.items()),
            *((age, QUIET, dash) for age, dash in dashes.items()),
        ],
    )


def _draw(axes: Axes, line: Line, quantity: str) -> None:
    values, steps = _shown(line.measured, quantity), line.measured.steps
    axes.fill_between(
        steps, values.min(0), values.max(0), color=line.colour, alpha=0.15, linewidth=0, zorder=2
    )
    axes.plot(steps, np.median(values, 0), color=line.colour, linestyle=line.dashes, linewidth=1.6, zorder=3)
    level = _predicted(line.measured, quantity)
    if level is not None:
        last = steps[-1]
        axes.plot(
            [last / 40, last], [level] * 2, color=line.colour, linestyle=_THEORY, linewidth=2.2, zorder=4
        )


def _shown(measured: Measured, quantity: str) -> Array:
    values = measured.values[quantity]
    finite = values[np.isfinite(values).all(1)] if np.isfinite(values).any() else values
    shown: Array = np.maximum(finite, _LEAST_ERROR) if quantity == "error" else 10.0**finite
    return shown


def _predicted(measured: Measured, quantity: str) -> float | None:
    """Where theory says that the curve ends; None where it says nothing, or zero on a log axis."""
    if measured.overlap is None:
        return None
    if quantity == "error":
        return max(measured.overlap.error, _LEAST_ERROR)
    name = quantity.removeprefix("log10_gradient_")
    level: float | None = getattr(measured.overlap, name)
    return level or None


def _limits(quantity: str, lines: Sequence[Line]) -> tuple[float, float]:
    if quantity == "error":
        return _LEAST_ERROR / 1.6, 1.0
    values = np.concatenate([_shown(line.measured, quantity).ravel() for line in lines])
    values = values[np.isfinite(values) & (values > 0)]
    return (float(values.min()) / 2, float(values.max()) * 2) if values.size else (1e-3, 1.0)


def _dress(axes: Axes, quantity: str, limits: tuple[float, float]) -> None:
    axes.set_xscale("symlog", linthresh=1, linscale=0.4)
    axes.set_yscale("log")
    axes.set_ylim(*limits)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    error = quantity == "error"
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda y, _: "0" if error and y <= _LEAST_ERROR * 1.01 else tick_text(y))
    )


def _legend(axes: Axes, group: Column) -> None:
    entries = [
        Line2D([], [], color=colour, linestyle=dashes, linewidth=1.8, label=label)
        for label, colour, dashes in group.legend
    ]
    if any(_predicted(line.measured, quantity) is not None for line in group.lines for quantity in _ROWS):
        entries.append(
            Line2D([], [], color=INK, linestyle=_THEORY, linewidth=2.2, label="theory, at the end")
        )
    axes.legend(
        handles=entries,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.28),
        ncols=1 if max(len(label) for label, *_ in group.legend) > 14 else 2,
        handlelength=2.2,
        labelcolor=INK,
        edgecolor=QUIET,
    )
