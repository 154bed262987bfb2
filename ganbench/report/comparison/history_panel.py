"""One panel of a history: a variant's results over time, and where they changed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from ganbench.analysis.statistics import badness
from ganbench.comparison.history_labels import Label
from ganbench.comparison.history_model import Change, Point, Series
from ganbench.report.comparison.verdicts import KINDS, Kind
from ganbench.report.curve import limits, wants_log
from ganbench.report.labels import fitted, width_of
from ganbench.report.style import COLOURS, INK, QUIET
from ganbench.report.ticks import tick_text

FEW = 15
"""Up to so many results every seed is shown, and the intervals one by one."""
_LINE = COLOURS[0]
_DATE, _BESIDE = 7.5, 0.6
"""A date's size in points, and the room beside the first and the last result, in places."""
_TICK_LINES = 2
"""So many lines below the day name a result at the axis."""


@dataclass(frozen=True)
class Panel:
    """What one series is drawn with: its axes, where each result stands, and where worse is."""

    axes: Axes
    series: Series
    places: Mapping[Label, int]
    inches: float
    edge: float
    """The end of the y axis at which seeds without a value stand."""

    @property
    def few(self) -> bool:
        """Whether there is room for every seed."""
        return len(self.places) <= FEW

    def at(self, point: Point) -> int:
        """The place of a result."""
        return self.places[point.label]


def places_of(series: Sequence[Series]) -> dict[Label, int]:
    """Every result in a history, oldest first, with its place."""
    found = {point.label: point for each in series for point in each.points}
    return {label: place for place, label in enumerate(sorted(found, key=lambda label: _time(found[label])))}


def _time(point: Point) -> tuple[datetime, str, str]:
    made = datetime.fromisoformat(point.created)
    return made if made.tzinfo else made.replace(tzinfo=UTC), point.name, point.source


def latest(series: Series) -> Kind | None:
    """What the last change of a series was; None where nothing changed."""
    return kind_of(series.changes[-1]) if series.changes else None


def kind_of(change: Change) -> Kind:
    """A change as a verdict."""
    return KINDS["too small to matter" if not change.matters else "worse" if change.worse else "better"]


def status(series: Series) -> str:
    """A series in a few words: its last change, or why there is none."""
    kind = latest(series)
    if kind is None:
        return series.words.partition(": ")[0]
    change = series.changes[-1]
    small = "" if change.matters else ", too small to matter"
    return f"{kind.sign} {'worse' if change.worse else 'better'} since {change.first.when}{small}"


def draw(axes: Axes, series: Series, places: Mapping[Label, int], inches: float, name: str) -> None:
    """One series: its name and what became of it above, its results, and its changes."""
    edge = _scaled(axes, series)
    panel = Panel(axes, series, places, inches, edge)
    axes.set_xlim(-_BESIDE, len(places) - 1 + _BESIDE)
    _dates(panel)
    kind, inches = latest(series), panel.inches
    for text, up, size, colour, bold in (
        (name, 0.5, 9, INK, False),
        (status(series), 0.32, 8, kind.colour if kind else QUIET, kind is not None),
    ):
        axes.annotate(
            fitted(text, inches, size, bold),
            (0, 1),
            (0, 72 * up),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=size,
            color=colour,
            va="center",
            weight="bold" if bold else "normal",
        )
    if not series.points:
        axes.text(
            0.5,
            0.5,
            "no comparable result",
            transform=axes.transAxes,
            ha="center",
            va="center",
            fontsize=8.5,
            style="italic",
            color=QUIET,
        )
        return
    _results(panel)
    _changes(panel)


def _scaled(axes: Axes, series: Series) -> float:
    """Set up the y axis around all that is drawn; returns where seeds without a value stand."""
    quantity = series.quantity
    values = np.concatenate([[], *(_turned(point, series) for point in series.points)])
    known = values[np.isfinite(values)]
    log = bool(known.size) and wants_log(quantity, known)
    low, high = limits(known[known > 0] if log else known, log)
    axes.set_yscale("log" if log else "linear")
    axes.set_ylim(low, high)
    if not log:
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_formatter(lambda value, _: tick_text(round(value, 12)))
    return low if quantity.direction == "higher" else high


def _results(panel: Panel) -> None:
    """The medians with their intervals, seeds as dots where there is room, and seeds that were lost."""
    axes, points = panel.axes, panel.series.points
    x = np.array([panel.at(point) for point in points], dtype=float)
    medians = np.array([point.summary.median for point in points])
    ends = np.array([[_end(panel, p.summary.lower), _end(panel, p.summary.upper)] for p in points])
    known = np.array([p.summary.coverage > 0 for p in points])
    ends[~known] = medians[~known, None]
    if panel.few:
        axes.vlines(x, ends[:, 0], ends[:, 1], color=_LINE, linewidth=5, alpha=0.28, zorder=2)
        for place, point in zip(x, points, strict=True):
            dots = _turned(point, panel.series)
            axes.scatter(
                np.full(dots.size, place), dots, s=8, color=_LINE, alpha=0.35, linewidths=0, zorder=3
            )
    else:
        axes.fill_between(x, ends[:, 0], ends[:, 1], color=_LINE, alpha=0.2, linewidth=0, zorder=2)
    axes.plot(
        x,
        medians,
        color=_LINE,
        linewidth=1.3,
        marker="o",
        markersize=4 if panel.few else 2.6,
        markeredgecolor="white",
        markeredgewidth=0.5,
        zorder=4,
    )
    lost = [place for place, point in zip(x, points, strict=True) if point.summary.undefined]
    axes.plot(
        lost,
        [panel.edge] * len(lost),
        linestyle="",
        marker="X",
        markersize=6.5,
        color=_LINE,
        markeredgecolor=INK,
        markeredgewidth=0.6,
        clip_on=False,
        zorder=5,
    )


def _changes(panel: Panel) -> None:
    """A line between the last result before a change and the first after it, with its word."""
    ends = [(panel.at(change.last) + panel.at(change.first)) / 2 for change in panel.series.changes]
    per_result = panel.inches / len(panel.places)
    for i, (change, x) in enumerate(zip(panel.series.changes, ends, strict=True)):
        kind = kind_of(change)
        panel.axes.axvline(x, color=kind.colour, linewidth=1.4, linestyle=(0, (3, 1.5)), zorder=3)
        room = [per_result * abs(x - other) for j, other in enumerate(ends) if j != i]
        text = (
            f"{kind.sign} {'worse' if change.worse else 'better'}"
            if min(room, default=math.inf) > 0.75
            else kind.sign
        )
        panel.axes.annotate(
            text,
            (x, 1),
            (0, 3),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            fontsize=7.5,
            color=kind.colour,
            weight="bold",
            ha="center",
            va="bottom",
        )


def _dates(panel: Panel) -> None:
    """Up to three results named below the axis, as there is room: the first, one in the middle, the last."""
    texts = [_dated(label) for label in panel.places]
    last = len(texts) - 1
    choices = [sorted({0, last // 2, last}), sorted({0, last}), [last]]
    shown = next((c for c in choices if _have_room(panel, c, texts)), choices[-1])
    panel.axes.set_xticks(shown, [texts[i] for i in shown])
    panel.axes.tick_params(axis="x", labelsize=_DATE)
    panel.axes.grid(visible=False, axis="x")


def _have_room(panel: Panel, places: Sequence[int], texts: Sequence[str]) -> bool:
    """Whether the texts of places on the axis leave a gap between each other."""
    per_place = panel.inches / (len(texts) - 1 + 2 * _BESIDE)
    sizes = [width_of(texts[i].split("\n"), _DATE) for i in places]
    pairs = zip(pairwise(places), pairwise(sizes), strict=True)
    return all(per_place * (b - a) > (size + other) / 2 + 0.06 for (a, b), (size, other) in pairs)


def _dated(label: Label) -> str:
    """A result's day, and below it what tells it from the others: its time, and the finest of the rest."""
    times = [label.time] if label.time else []
    told = label.told[len(times) - _TICK_LINES :]
    return "\n".join([label.day, *times, *(fitted(text, 0.85, _DATE) for text in told)])


def _turned(point: Point, series: Series) -> np.ndarray:
    """A result's values, as distances where there is a target."""
    values = np.array(list(point.values.values()), dtype=np.float64)
    quantity = series.quantity
    return badness(values, "target", quantity.target) if quantity.direction == "target" else values


def _end(panel: Panel, value: float) -> float:
    """An interval's end, at the edge of the axis where it rests on a seed without a value."""
    return panel.edge if not math.isfinite(value) else value
