"""What a person sees while a suite runs: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

import click
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ganbench.execution.cohort_run import CohortTask, Event

_RATE = 4
"""Redraws a second."""


class Progress(Protocol):
    """Shows events; a context manager around the run."""

    def __call__(self, event: Event) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def progress(tasks: Sequence[CohortTask]) -> Progress:
    """A live table where standard error is a terminal, else plain lines."""
    console = Console(stderr=True)
    return LiveProgress(tasks, console) if console.is_terminal else PlainProgress(tasks)


class _Row:
    """One cohort's state as the events told it."""

    def __init__(self, task: CohortTask) -> None:
        description = task.description
        self.dataset, self.variant = description.dataset.label, description.variant.label
        self.seeds = len(description.seeds)
        self.share, self.state, self.detail = 0.0, "waiting", ""
        self.began: float | None = None
        self.ended: float | None = None

    def take(self, event: Event) -> None:
        now = time.monotonic()
        if event.kind == "started":
            self.began, self.state = now, "preparing"
        elif event.kind in ("progress", "measured"):
            self.share, self.state = max(self.share, event.share), "training"
        else:
            self.ended, self.state, self.detail = now, event.kind, event.detail
            self.share = 1.0 if event.kind == "finished" else self.share

    @property
    def elapsed(self) -> float:
        return 0.0 if self.began is None else (self.ended or time.monotonic()) - self.began

    @property
    def left(self) -> float | None:
        if self.state != "training" or self.share <= 0.02:
            return None
        return self.elapsed * (1 - self.share) / self.share


class _Board:
    """All cohorts of a run, and an estimate of the time left."""

    def __init__(self, tasks: Sequence[CohortTask]) -> None:
        self.rows = {task.identity: _Row(task) for task in tasks}
        self._began = time.monotonic()

    def take(self, event: Event) -> _Row:
        row = self.rows[event.identity]
        row.take(event)
        return row

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self._began

    @property
    def left(self) -> float | None:
        done = sum(1.0 if row.ended else row.share for row in self.rows.values()) / max(len(self.rows), 1)
        return self.elapsed * (1 - done) / done if done > 0.02 else None

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
        name = f"{row.dataset} · {row.variant}"
        if event.kind == "started":
            self._say(f"{name}: started, {row.seeds} seeds")
        elif event.kind in ("finished", "failed"):
            tail = f" ({row.detail})" if row.detail else ""
            self._say(f"{name}: {event.kind} in {span(row.elapsed)}{tail}{self._overall()}")
        elif int(row.share * 4) > self._told.get(event.identity, 0) and row.share < 1:
            self._told[event.identity] = int(row.share * 4)
            self._say(f"{name}: {row.share:.0%}{_left(row.left)}")

    def _overall(self) -> str:
        return f"; {self._board.finished} of {len(self._board.rows)} cohorts{_left(self._board.left)}"

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
        self._board.take(event)

    def _render(self) -> Group:
        room = max(self._console.height - 6, 4)
        rows = list(self._board.rows.values())
        active = [row for row in rows if row.began is not None]
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for title, side in (
            ("data set", "left"), ("variant", "left"), ("seeds", "right"), ("", "left"), ("time", "right"),
            ("left", "right"), ("", "left"),
        ):  # fmt: skip
            table.add_column(title, justify="right" if side == "right" else "left", no_wrap=True)
        for row in active[-room:]:
            table.add_row(
                row.dataset,
                row.variant,
                str(row.seeds),
                ProgressBar(total=1.0, completed=row.share, width=24),
                span(row.elapsed),
                "" if row.left is None else span(row.left),
                _state(row),
            )
        waiting = len(rows) - len(active)
        overall = (
            f"{self._board.finished} of {len(rows)} cohorts, {waiting} waiting · "
            f"{span(self._board.elapsed)} so far{_left(self._board.left)}"
        )
        return Group(table, Text(overall, style="dim"))


def _state(row: _Row) -> Text:
    colours = {"finished": "green", "failed": "red", "training": "cyan"}
    return Text(row.detail or row.state, style=colours.get(row.state, "dim"), overflow="ellipsis")


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f", about {span(seconds)} left"


def span(seconds: float) -> str:
    """A duration as a person reads it: 8s, 2m05s, 1h02m."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
