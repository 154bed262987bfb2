"""What a person sees while a suite runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from itertools import accumulate
from shutil import get_terminal_size
from types import TracebackType
from typing import Any, Protocol, Self

import click
from rich.console import Console, Group, JustifyMethod
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ganbench.analysis.names import short_names, wrapped
from ganbench.execution.cohort_run import CohortTask, Event

_RATE = 4
"""Redraws a second."""
_BAR = 16
_COLUMNS = ("data set", "variant", "seeds", "trained", "time", "left", "rate", "")
_LABELS = ("data set", "variant")
_NUMBERS = ("seeds", "time", "left", "rate")
_OPTIONAL = ("rate", "left", "trained", "time")
"""Columns that a narrow terminal does without, in this order."""
_LENGTHS = {"rate": 13, "left": 6, "time": 6, "": 9}
"""Room that is kept for what comes later: columns must not come and go."""
_LABEL, _GAP = 24, 2
"""Characters that labels should have on a line, and those between columns."""
_RATES = {"images": "images/s", "steps": "steps/s", "flops": "FLOP/s"}


class Progress(Protocol):
    """Shows events; a context manager around the run."""

    def __call__(self, event: Event) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def progress(tasks: Sequence[CohortTask]) -> Progress:
    """A live table where standard error is a terminal and something is to be done, else plain lines."""
    console = Console(stderr=True)
    return LiveProgress(tasks, console) if tasks and console.is_terminal else PlainProgress(tasks)


def text_width() -> int:
    """Characters on a line of what is printed at the end: the terminal's, 100 where it goes elsewhere."""
    return max(get_terminal_size().columns, 40) if sys.stdout.isatty() else 100


class _Row:
    """One cohort's state as the events told it."""

    def __init__(self, task: CohortTask) -> None:
        description = task.description
        self.dataset, self.variant = description.dataset.label, description.variant.label
        self.shown = self.variant
        """The variant's label, or what of it tells its settings apart."""
        self.seeds, self._budget = description.seeds, description.budget
        self.share, self.state, self.detail = 0.0, "waiting", ""
        self.began: float | None = None
        self.ended: float | None = None
        self._first: tuple[float, float] | None = None
        self._last = (0.0, 0.0)

    def take(self, event: Event) -> None:
        now = time.monotonic()
        if event.kind == "started":
            self.began, self.state = now, "preparing"
        elif event.kind in ("progress", "measured"):
            self.share, self.state = max(self.share, event.share), "training"
            self._last = (now, self.share)
            self._first = self._first or self._last
        elif event.kind in ("finished", "failed"):
            self.ended, self.state, self.detail = now, event.kind, event.detail
            self.share = 1.0 if event.kind == "finished" else self.share

    @property
    def name(self) -> str:
        return f"{self.dataset} · {self.variant}"

    @property
    def span(self) -> str:
        """Its seeds, which tell the parts of a cohort apart that several processes share: 0–4."""
        first, last = self.seeds[0], self.seeds[-1]
        if self.seeds == tuple(range(first, last + 1)):
            return str(first) if first == last else f"{first}–{last}"
        return f"{len(self.seeds)} seeds"

    @property
    def elapsed(self) -> float:
        return 0.0 if self.began is None else (self.ended or time.monotonic()) - self.began

    @property
    def _share_per_second(self) -> float | None:
        """Since the first sign of training: without the preparation, with the measuring."""
        if self._first is None or self._last[0] <= self._first[0] or self._last[1] <= self._first[1]:
            return None
        return (self._last[1] - self._first[1]) / (self._last[0] - self._first[0])

    @property
    def left(self) -> float | None:
        speed = self._share_per_second
        return (1 - self.share) / speed if speed and self.state == "training" else None

    @property
    def rate(self) -> str:
        """What is spent of the budget in a second by all seeds together."""
        speed, unit = self._share_per_second, _RATES.get(self._budget.unit)
        return f"{_short(speed * self._budget.amount * len(self.seeds))} {unit}" if speed and unit else ""


class _Board:
    """All cohorts of a run, and an estimate of the time left."""

    def __init__(self, tasks: Sequence[CohortTask]) -> None:
        self.rows = {task.identity: _Row(task) for task in tasks}
        names = short_names(list(dict.fromkeys(row.variant for row in self.rows.values())))
        for row in self.rows.values():
            row.shown = names[row.variant]
        self._began = time.monotonic()

    def take(self, event: Event) -> _Row:
        row = self.rows[event.identity]
        row.take(event)
        return row

    def name_of(self, row: _Row) -> str:
        """The cohort's name, with its seeds where it is one of several parts."""
        parts = sum(other.name == row.name for other in self.rows.values())
        return row.name if parts == 1 else f"{row.name} · seeds {row.span}"

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._began

    @property
    def left(self) -> float | None:
        done = sum(1.0 if row.ended else row.share for row in self.rows.values()) / max(len(self.rows), 1)
        return self.elapsed * (1 - done) / done if 0.02 < done < 1 else None

    @property
    def finished(self) -> int:
        return sum(row.ended is not None for row in self.rows.values())


class PlainProgress:
    """One line an event, for logs and CI; shares of the budget are told by quarters."""

    def __init__(self, tasks: Sequence[CohortTask]) -> None:
        self._board = _Board(tasks)
        self._told: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __call__(self, event: Event) -> None:
        row = self._board.take(event)
        name = self._board.name_of(row)
        if event.kind == "started":
            self._say(f"{name}: started, {counted(len(row.seeds), 'seed')}")
        elif event.kind == "note":
            self._say(f"{name}: {event.detail}")
        elif event.kind in ("finished", "failed"):
            tail = f" ({row.detail})" if row.detail else ""
            when = "in" if event.kind == "finished" else "after"
            self._say(f"{name}: {event.kind} {when} {span(row.elapsed)}{tail}{self._overall()}")
        elif int(row.share * 4) > self._told.get(event.identity, 0) and row.share < 1:
            self._told[event.identity] = int(row.share * 4)
            rate = f", {row.rate}" if row.rate else ""
            self._say(f"{name}: {row.share:.0%}{rate}{_left(row.left)}")

    def _overall(self) -> str:
        cohorts = counted(len(self._board.rows), "cohort")
        return f"; {self._board.finished} of {cohorts}{_left(self._board.left)}"

    def _say(self, text: str) -> None:
        click.echo(f"[{span(self._board.elapsed)}] {text}", err=True)


class LiveProgress:
    """A table redrawn in place: a row for each cohort at work, waiting ones as a count."""

    def __init__(self, tasks: Sequence[CohortTask], console: Console) -> None:
        self._board = _Board(tasks)
        self._console = console
        self._live = Live(console=console, refresh_per_second=_RATE, get_renderable=self._render)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        row = self._board.take(event)
        if event.detail:  # what the table has no room for stays above it
            told = event.detail if event.kind == "note" else f"{event.kind}, {event.detail}"
            self._console.print(Text(f"{self._board.name_of(row)}: {told}"), soft_wrap=True)

    def _render(self) -> Group:
        rows = list(self._board.rows.values())
        unbegun = sum(row.began is None for row in rows)
        waiting = f", {unbegun} waiting" if unbegun else ""
        overall = (
            f"{self._board.finished} of {counted(len(rows), 'cohort')}{waiting} · "
            f"{span(self._board.elapsed)} so far{_left(self._board.left)}"
        )
        return Group(self._table(rows), Text(overall, style="dim"))

    def _table(self, rows: Sequence[_Row]) -> Table:
        """A line or more for each cohort that fits; labels, whatever is in them, as they are."""
        cells = {row: _cells(row) for row in rows}
        columns, room = _fitting(list(cells.values()), self._console.width)
        table = Table(box=None, padding=(0, _GAP, 0, 0), header_style="bold")
        for title in columns:
            side: JustifyMethod = "right" if title in _NUMBERS else "left"
            table.add_column(title, justify=side, no_wrap=True, overflow="ellipsis")
        for texts in cells.values():
            texts |= {name: Text("\n".join(wrapped(texts[name], room[name]))) for name in _LABELS}
        for row in self._chosen({row: _height(each) for row, each in cells.items()}):
            table.add_row(*(cells[row][title] for title in columns))
        return table

    def _chosen(self, heights: Mapping[_Row, int]) -> list[_Row]:
        """What fits: all at work, else the last that ended and the next that wait, in the suite's order."""
        rows = list(heights)
        room = max(self._console.height - 6, 4)
        at_work = [row for row in rows if row.began is not None and row.ended is None]
        ended = sorted((row for row in rows if row.ended is not None), key=lambda row: -(row.ended or 0.0))
        waiting = [row for row in rows if row.began is None]
        left = room - sum(heights[row] for row in at_work)
        half = max(left // 2, left - sum(heights[row] for row in waiting))
        shown = [*at_work, *_within(ended, heights, half)]
        kept = _within([*shown, *waiting], heights, room)
        return [row for row in rows if row in kept]


def _within(rows: Sequence[_Row], heights: Mapping[_Row, int], room: int) -> list[_Row]:
    """The first rows that have room, by their lines."""
    ends = accumulate(heights[row] for row in rows)
    return [row for row, end in zip(rows, ends, strict=True) if end <= room]


def _cells(row: _Row) -> dict[str, Any]:
    left = "" if row.left is None else span(row.left)
    bar = ProgressBar(total=1.0, completed=row.share, width=_BAR)
    values = (row.dataset, row.shown, row.span, bar, span(row.elapsed), left, row.rate, _state(row))
    return dict(zip(_COLUMNS, values, strict=True))


def _height(cells: Mapping[str, Any]) -> int:
    return max(str(cells[name]).count("\n") + 1 for name in _LABELS)


def _fitting(cells: Sequence[Mapping[str, Any]], width: int) -> tuple[list[str], dict[str, int]]:
    """The columns that leave the labels room, and how many characters each kind of label has on a line."""
    lengths = {
        name: max(len(name), _LENGTHS.get(name, 0), *(_length(row[name]) for row in cells))
        for name in _COLUMNS
    }
    wanted = sum(min(lengths[name], _LABEL) for name in _LABELS)
    for dropped in range(len(_OPTIONAL) + 1):
        columns = [title for title in _COLUMNS if title not in _OPTIONAL[:dropped]]
        room = width - sum(_GAP + (0 if title in _LABELS else lengths[title]) for title in columns)
        if room >= wanted:
            break
    dataset = min(lengths["data set"], max(room // 3, room - lengths["variant"]))
    return columns, {"data set": max(dataset, 8), "variant": max(room - dataset, 8)}


def _length(cell: Any) -> int:
    return _BAR if isinstance(cell, ProgressBar) else len(cell)


def _state(row: _Row) -> Text:
    colours = {"finished": "green", "failed": "red", "training": "cyan"}
    word = "diverged" if row.state == "finished" and row.detail else row.state
    return Text(word, style=colours.get(word, "yellow" if word == "diverged" else "dim"))


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f", about {span(seconds)} left"


def counted(number: int, word: str, plural: str = "") -> str:
    """A number with its noun: 1 seed, 2 seeds."""
    return f"{number} {word if number == 1 else plural or word + 's'}"


def _short(value: float) -> str:
    """Three digits at most, with k, M, G …: a rate that changes with every look needs no more."""
    for factor, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g}{letter}"
    return f"{value:.3g}"


def span(seconds: float) -> str:
    """A duration as a person reads it: 8s, 2m05s, 1h02m."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
