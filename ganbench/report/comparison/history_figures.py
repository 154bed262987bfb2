"""Primary quantities over time: a panel per variant, with what changed and when."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure as Canvas

from ganbench.analysis.numbers import better, titled
from ganbench.comparison.history_labels import Label
from ganbench.comparison.history_model import Series
from ganbench.report.comparison.history_panel import FEW, draw
from ganbench.report.style import WIDTH, Figure, canvas, file_stem, png

_TITLES, _ROW, _TICKS, _AXIS = 0.68, 1.5, 0.5, 0.05
"""Inches above a panel, of a panel, below it, and at the figure's foot."""
_LEFT, _GAP, _RIGHT = 0.85, 0.62, 0.42


def over_time(
    series: Sequence[Series], places: Mapping[Label, int], names: Mapping[str, str], name: str
) -> Figure:
    """One data set's primary quantity over time, a panel per variant."""
    columns = 2 if len(series) == 4 else min(len(series), 3)
    rows = -(-len(series) // columns)
    height = rows * (_TITLES + _ROW + _TICKS) + _AXIS
    figure = canvas(height, measured=False)
    width = (WIDTH - _LEFT - _RIGHT + _GAP) / columns
    for i, each in enumerate(series):
        left = _LEFT + i % columns * width
        bottom = height - (i // columns + 1) * (_TITLES + _ROW + _TICKS) + _TICKS
        box = (left / WIDTH, bottom / height, (width - _GAP) / WIDTH, _ROW / height)
        draw(figure.add_axes(box), each, places, width - _GAP, names[each.variant])
    _axis_names(figure, series[0], height)
    return Figure(file_stem(name, "history"), " ".join(_caption(series, len(places))), png(figure))


def _axis_names(figure: Canvas, series: Series, height: float) -> None:
    """What is counted: one name for all panels."""
    quantity = series.quantity
    what = "distance to the target: " if quantity.direction == "target" else ""
    text = f"{what}{titled(quantity)}" + (f" ({better(quantity)})" if better(quantity) else "")
    place: dict[str, Any] = {"ha": "left", "va": "center", "rotation": 90, "ma": "center", "fontsize": 9}
    figure.text(0.08 / WIDTH, 0.5, textwrap.fill(text, max(22, int(11 * height))), **place)


def _caption(series: Sequence[Series], results: int) -> Iterator[str]:
    few = results <= FEW
    seeds = "dots are seeds, bars the interval of their median" if few else "the band is its interval"
    what = f"over {results} results, oldest first, evenly spaced: the line joins the medians over seeds"
    if results < 2:
        what = "of one result: the point is the median over seeds"
    yield f"{titled(series[0].quantity)} {what}, {seeds}."
    if any(each.changes for each in series):
        yield "A dashed line marks a change: the results after it differ from those before."
    elif results > 1:
        yield "No change stands out of chance."
    if any(point.summary.undefined for each in series for point in each.points):
        yield "A cross at the edge: seeds without a value."
    if len(series) > 1:
        yield "Every panel has its own scale."
