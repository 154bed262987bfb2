"""Each seed that both sides trained as a line from its base value to its new one, a panel per variant."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from ganbench.analysis.numbers import better, number, titled
from ganbench.comparison.model import Row
from ganbench.quantities import Quantity
from ganbench.report.comparison.paired import Pairs, left_out, worse_words
from ganbench.report.comparison.paired_axes import MARGINS, PairScale, pair_scales, prepare
from ganbench.report.comparison.verdicts import KINDS
from ganbench.report.labels import fitted, width_of
from ganbench.report.style import INK, QUIET, WIDTH, Figure, canvas, file_stem, fitting_columns, png

_WORSE, _BETTER = KINDS["worse"], KINDS["better"]
LOOKS = {
    0: ("o", QUIET, "the same"),
    -1: (_BETTER.marker, _BETTER.colour, "better"),
    1: (_WORSE.marker, _WORSE.colour, "worse"),
}
"""A change to its marker, colour and word; the last is drawn on top."""
_COLUMNS, _WIDEST = 6, 5.0
"""The most panels beside each other, and the widest one in inches."""
_HEAD, _TITLE, _PLOT, _GAP, _FOOT = 0.45, 0.5, 1.5, 0.12, 0.2
"""Inches: above all panels, of a panel's title, of its axes, below them, below all."""
_TICK, _LEFT, _RIGHT = 7.5, 0.1, 0.4
"""A tick's size in points; inches left of its text, and right of a panel for the number of crosses."""


def paired_figure(rows: Sequence[Row], found: Sequence[Pairs], names: Mapping[str, str], name: str) -> Figure:
    """One data set's pairs of its primary quantity."""
    columns = fitting_columns(len(found), _COLUMNS)
    lines = -(-len(found) // columns)
    height = _HEAD + lines * (_TITLE + _PLOT + _GAP) + _FOOT
    figure, cell, scales = canvas(height, measured=False), min(WIDTH / columns, _WIDEST), pair_scales(found)
    left = width_of([text for scale in scales for text in scale.texts], _TICK) + _LEFT + 0.1
    for place, (pairs, scale) in enumerate(zip(found, scales, strict=True)):
        line, column = divmod(place, columns)
        bottom = height - _HEAD - line * (_TITLE + _PLOT + _GAP) - _TITLE - _PLOT
        box = (column * cell + left, bottom, cell - left - _RIGHT, _PLOT)
        axes = figure.add_axes((box[0] / WIDTH, box[1] / height, box[2] / WIDTH, box[3] / height))
        prepare(axes, scale)
        draw(axes, pairs, scale)
        _frame(axes, pairs, place + columns >= len(found))
        _title(axes, left, fitted(names[pairs.row.variant], cell - 0.2, 8.5), worse_words(pairs.changes))
    _head(figure, found, height)
    caption = " ".join(filter(None, _caption(rows, found, names)))
    return Figure(file_stem(name, "paired"), caption, png(figure))


def draw(axes: Axes, pairs: Pairs, scale: PairScale) -> None:
    """The lines, their new ends marked by what became of them, and crosses for seeds without a value."""
    before, after = scale.place(pairs.base), scale.place(pairs.new)
    many = len(pairs.seeds)
    alpha, size = min(0.85, max(0.05, 16 / many)), 20.0 if many <= 40 else 7.0
    segments = [np.column_stack([(0, 1), pair]) for pair in zip(before, after, strict=True)]
    colours = [LOOKS[change][1] for change in pairs.changes.tolist()]
    lines = LineCollection(segments, colors=colours, linewidths=1.1, alpha=alpha, zorder=3, clip_on=False)
    axes.add_collection(lines, autolim=False)
    over: dict[str, Any] = {"zorder": 4, "clip_on": False}
    for change, (marker, colour, _) in LOOKS.items():
        kept = after[(pairs.changes == change) & np.isfinite(pairs.new)]
        filled: dict[str, Any] = {"marker": marker, "s": size, "color": colour, "linewidths": 0, **over}
        axes.scatter(np.ones(kept.size), kept, alpha=alpha, **filled)
    kept = before[np.isfinite(pairs.base)]
    hollow: dict[str, Any] = {"s": size / 2, "facecolors": "white", "edgecolors": QUIET, **over}
    axes.scatter(np.zeros(kept.size), kept, linewidths=0.8, alpha=max(alpha, 0.3), **hollow)
    for x, lost in enumerate(pairs.lost):
        _cross(axes, x, scale.edge, lost)


def _cross(axes: Axes, x: int, edge: float, lost: int) -> None:
    """Seeds without a value, at the edge where worse is."""
    if not lost:
        return
    axes.plot(x, edge, marker="X", markersize=7, color=INK, markeredgecolor="white", clip_on=False, zorder=5)
    if lost > 1:
        side: dict[str, Any] = {"ha": "left" if x else "right", "va": "center", "fontsize": _TICK}
        beside = (6 if x else -6, 0)
        axes.annotate(
            f"×{lost:,}", (x, edge), beside, textcoords="offset points", annotation_clip=False, **side
        )


def _frame(axes: Axes, pairs: Pairs, lowest: bool) -> None:
    """The panel's two columns, named in the lowest panels, and the target."""
    quantity = pairs.row.quantity
    for side in ("right", "top", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set_xlim(-0.2, 1.2)
    axes.set_xticks([0, 1], ["base", "new"])
    axes.tick_params(axis="x", labelsize=8, length=0, labelbottom=lowest)
    axes.tick_params(axis="y", labelsize=_TICK, length=2.5)
    if quantity.direction == "target" and np.isfinite([pairs.base, pairs.new]).any():
        axes.axhline(quantity.target or 0.0, color=QUIET, linewidth=1.0, linestyle="--", zorder=2)


def _title(axes: Axes, left: float, name: str, words: str) -> None:
    """The variant and what became of its seeds, above the panel and its ticks."""
    above: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
    for text, points, size, colour in ((name, 20, 8.5, INK), (words, 8, 7.5, QUIET)):
        axes.annotate(text, (0, 1), (72 * (_LEFT - left), points), fontsize=size, color=colour, **above)


def _head(figure: Canvas, found: Sequence[Pairs], height: float) -> None:
    """What is measured, and what the marks are."""
    quantity, y = found[0].row.quantity, 1 - 0.22 / height
    handles = [
        Line2D([], [], linestyle="-", linewidth=1.1, marker=marker, markersize=4.5, color=colour, label=word)
        for marker, colour, word in reversed(LOOKS.values())
    ]
    if any(any(pairs.lost) for pairs in found):
        handles.append(Line2D([], [], linestyle="", marker="X", markersize=6, color=INK, label="no value"))
    spaces: dict[str, Any] = {"borderaxespad": 0, "borderpad": 0, "handlelength": 1.8, "columnspacing": 1.4}
    place = (1 - 0.15 / WIDTH, y)
    figure.legend(handles=handles, loc="center right", bbox_to_anchor=place, ncols=len(handles), **spaces)
    title = fitted(f"{titled(quantity)} ({better(quantity)})", WIDTH - 4.3, 9.5)
    figure.text(_LEFT / WIDTH, y, title, fontsize=9.5, va="center")


def _caption(rows: Sequence[Row], found: Sequence[Pairs], names: Mapping[str, str]) -> Iterator[str]:
    """What is shown, and how its marks are read."""
    quantity = found[0].row.quantity
    yield (
        f"{titled(quantity)}, {better(quantity)}: a line from each seed's base value to its new one, for the "
        "seeds that both sides trained. Colour and marker of the new end: worse, better or the same."
    )
    yield _axes_words(quantity)
    if any(any(pairs.lost) for pairs in found):
        yield "A cross at the edge: seeds without a value, which count as worst."
    if quantity.direction == "target":
        yield "Dashed: the target."
    yield left_out(rows, found, names)


def _axes_words(quantity: Quantity) -> str:
    if not quantity.smallest_difference:
        return "Every panel has an axis of its own, so slopes of two panels do not compare."
    ratio = " (as a ratio minus one)" if quantity.scale == "log" else ""
    return (
        f"Every panel has an axis of its own, at least {MARGINS} times as long as the difference that "
        f"matters, {number(quantity.smallest_difference)}{ratio}."
    )
