"""Writes the page of a history: what changed, when, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ganbench.analysis.names import short_names
from ganbench.analysis.numbers import better, interval, number, titled
from ganbench.comparison.history_model import WHAT_TO_ADD, History, Series
from ganbench.comparison.medians import NOTHING
from ganbench.report.comparison.history_figures import over_time
from ganbench.report.comparison.history_panel import latest, places_of, status
from ganbench.report.comparison.sheet import Chapter, Head, write_sheet
from ganbench.report.comparison.tables import arrowed, p_text
from ganbench.report.comparison.words import Point, by_reason, cut
from ganbench.report.page import Part
from ganbench.report.style import Figure, file_stem, styled
from ganbench.report.tables import Table
from ganbench.store import file_name

PAGE = "history.html"
Names = Mapping[str, str]


def write_history(history: History, folder: Path) -> Path:
    """Write history.html, figures/*.png, tables/*.md and tables/*.csv; returns the page's path."""
    names = short_names(list(dict.fromkeys(series.variant for series in history.series)))
    places = places_of(history.series)
    groups: dict[tuple[str, str], list[Series]] = {}
    for series in history.series:
        groups.setdefault((series.dataset, series.quantity.name), []).append(series)
    chapters = []
    with styled():
        for (dataset, quantity), found in groups.items():
            alone = sum(name == dataset for name, _ in groups) == 1
            label = dataset if alone else f"{dataset}: {found[0].quantity.title}"
            stem = file_stem(file_name(dataset), *([] if alone else [quantity]))
            items: list[Table | Figure | str] = [
                over_time(found, places, names, stem),
                _table(found, names, label, stem),
            ]
            about = f"The primary quantity is {_what(found[0])}."
            chapters.append(Chapter(label, f"data-{stem}", about, [Part("", f"data-{stem}-history", items)]))
    return write_sheet(Path(folder) / PAGE, _head(history, names), [*chapters, HOW_TO_READ])


def _head(history: History, names: Names) -> Head:
    worse, improved = ([s for s in history.series if _last_was(s, way)] for way in (True, False))
    outcome, style = _outcome(history, worse, improved)
    many = f"{len(history.series)} cell{'s' if len(history.series) != 1 else ''}"
    dates = [point.created[:10] for series in history.series for point in series.points]
    facts = [
        ("results", str(len(history.results))),
        ("from", min(dates, default="")),
        ("to", max(dates, default="")),
        ("followed", f"{many} (a variant on a data set each)"),
    ]
    title = f"{len(history.results)} results over time" if len(history.results) != 1 else "One result"
    return Head(
        title=title,
        what="history",
        outcome=outcome,
        style=style,
        sentence=_sentence(history, worse, improved),
        remarks=[*([] if history.alone else [_chance(history)]), *map(_as_sentence, history.same)],
        facts=[(fact, value) for fact, value in facts if value],
        points=_points(history, worse, improved, names),
    )


def _outcome(history: History, worse: Sequence[Series], improved: Sequence[Series]) -> tuple[str, str]:
    """A word and the page's class for it."""
    if history.alone:
        return "No history yet", "unsure"
    if worse:
        return "Worse than before", "worse"
    return ("Better than before", "better") if improved else ("No change seen", "same")


def _chance(history: History) -> str:
    return (
        f"Where nothing ever changed, any change would be reported with probability {history.level:g} at "
        "most, over all cells together."
    )


def _as_sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."


def _sentence(history: History, worse: Sequence[Series], improved: Sequence[Series]) -> str:
    if history.alone:
        return f"One result, {history.results[0]}, has no history: there is nothing to set it beside."
    if not worse and not improved:
        return "No primary quantity changed by more than chance and the margin explain."
    found = [f"{len(cells)} got {word}" for cells, word in ((worse, "worse"), (improved, "better")) if cells]
    return f"Of {len(history.series)} cells, {' and '.join(found)} at their last change."


def _points(
    history: History, worse: Sequence[Series], improved: Sequence[Series], names: Names
) -> list[Point]:
    if history.alone:
        return [Point("What to add", "unsure", [WHAT_TO_ADD])]
    small = [s for s in history.series if s.changes and not s.changes[-1].matters]
    blind = [s for s in history.series if not s.changes and s.words.startswith("insufficient")]
    shortages = [(s.words.partition(": ")[2] or s.words, _cell(s, names)) for s in blind]
    left_out = [(reason, _cell(s, names)) for s in history.series for reason in s.left_out]
    found = [
        Point("Worse", "worse", [_told(s, names) for s in worse] or ["nothing"]),
        Point("Better", "better", [_told(s, names) for s in improved] or ["nothing"]),
        Point("Changed, by too little to matter", "same", [_told(s, names) for s in small]),
        Point("Could not have shown a change", "unsure", by_reason(shortages)),
        Point("Left out, not comparable with the latest result", "apart", by_reason(left_out)),
    ]
    return [Point(p.title, p.style, cut(p.items)) for p in found if p.items]


def _table(series: Sequence[Series], names: Names, label: str, stem: str) -> Table:
    """A row per variant; the file holds every result."""
    rows = []
    for each in series:
        kind, ends = latest(each), [point.summary for point in (each.points[:1] + each.points[-1:])]
        last = interval(ends[-1].lower, ends[-1].upper, ends[-1].coverage) if ends else NOTHING
        rows.append(
            [
                names[each.variant],
                kind.signed if kind else NOTHING,
                str(len(each.points)),
                number(ends[0].median) if ends else NOTHING,
                f"{number(ends[-1].median)} {last}" if ends else NOTHING,
                p_text(each.adjusted),
                each.words,
            ]
        )
    header = [
        "variant",
        "last change",
        "results",
        "first median",
        "latest median [interval]",
        "p",
        "in words",
    ]
    notes = ["p: of “nothing ever changed”, adjusted by Holm for all cells of the history."]
    return Table(
        f"{stem}-history",
        f"{label}: {arrowed(series[0].quantity)}",
        header,
        rows,
        _frame(series),
        notes,
        frozenset({0, 1, 6}),
    )


def _frame(series: Sequence[Series]) -> pd.DataFrame:
    """Every result of every variant, in order."""
    return pd.DataFrame(
        [
            {
                "variant": each.variant,
                "dataset": each.dataset,
                "quantity": each.quantity.name,
                "label": point.when,
                **{name: getattr(point, name) for name in ("name", "source", "created", "commit")},
                **vars(point.summary),
                "change": "".join("worse" if c.worse else "better" for c in each.changes if c.index == i),
            }
            for each in series
            for i, point in enumerate(each.points)
        ]
    )


def _what(series: Series) -> str:
    said = better(series.quantity)
    return f"{titled(series.quantity)} ({said})" if said else titled(series.quantity)


def _last_was(series: Series, worse: bool) -> bool:
    return bool(series.changes) and series.changes[-1].matters and series.changes[-1].worse == worse


def _cell(series: Series, names: Names) -> str:
    return f"{names[series.variant]} on {series.dataset}"


def _told(series: Series, names: Names) -> str:
    return f"{_cell(series, names)}: {series.words or status(series)}"


_READING = (
    (
        "Change",
        "A place in time where the results after it differ from those before by more than chance, by rank "
        "statistics over all seeds. Several changes in one cell are found one after the other.",
    ),
    (
        "Interval",
        "Brackets, bars and bands hold the true median over seeds with a probability of 95 % or, with fewer "
        "than six seeds, with what so few allow. They overlap easily where the tests, which use all seeds, "
        "see a change.",
    ),
    (
        "Seeds without a value",
        "A seed that diverged counts as worse than every number, and is never dropped.",
    ),
    (
        "Comparable",
        "Only results with the same protocol, device type, precision, budget and data as the latest one are "
        "shown; the others are named. A seed that repeats an earlier result to the last digit is no new "
        "evidence.",
    ),
)
HOW_TO_READ = Chapter("How to read this", "reading", "", [], [(title, text, "") for title, text in _READING])
"""The last chapter of a history."""
