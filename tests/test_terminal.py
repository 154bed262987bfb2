"""What a person sees while a suite runs: whole labels, whatever is in them, however narrow the terminal."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import pytest
from rich.console import Console
from small_runs import SMALL, planned, write_suite

from ganbench.analysis.names import short_names
from ganbench.execution.cohort_run import CohortTask, Event
from ganbench.terminal import LiveProgress

SWEEP = (
    "nsgan: {learning_rate: [5e-4, 2e-3], optimizer: [{adam: {beta1: 0.0}}, {adam: {beta1: 0.5}}]}",
    f"lsgan: {{{SMALL}}}\n    label: 'mine [red]x[bold] end'",
    "wgan-gp: {batch_size: 16, network: {mlp: {width: [16, 32]}}}",
)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Sequence[CohortTask]:
    folder = tmp_path_factory.mktemp("sweep")
    return planned(write_suite(folder, SWEEP), folder / "run").tasks


def screen(tasks: Sequence[CohortTask], width: int, height: int = 60, events: Sequence[Event] = ()) -> str:
    """The live table as it stands on a terminal of this size."""
    text = io.StringIO()
    console = Console(file=text, width=width, height=height, force_terminal=True, color_system=None)
    live = LiveProgress(tasks, console)
    for event in events:
        live(event)
    console.print(live._render())
    return text.getvalue()


@pytest.mark.parametrize("width", [60, 80, 140])
def test_the_live_table_shows_whole_labels_with_their_brackets(
    tasks: Sequence[CohortTask], width: int
) -> None:
    shown = screen(tasks, width)
    assert max(map(len, shown.splitlines())) <= width
    assert "…" not in shown
    start = shown.splitlines()[0].index("variant")
    end = shown.splitlines()[0].index("seeds") - 2
    column = "".join(line[start:end].strip() for line in shown.splitlines())
    squeezed = column.replace(" ", "")
    for label in short_names([task.description.variant.label for task in tasks]).values():
        assert label.replace(" ", "") in squeezed
    assert "mine[red]x[bold]end" in squeezed
    assert {"beta1=0)", "beta1=0.5)", "width=16", "width=32"} <= set(
        re.findall(r"beta1=[0-9.]+\)|width=\d+", squeezed)
    )
    assert ("rate" in shown.splitlines()[0]) == (width > 100)


def test_a_note_keeps_its_brackets_too(tasks: Sequence[CohortTask]) -> None:
    task = next(task for task in tasks if task.description.variant.label.startswith("mine"))
    shown = screen(tasks, 140, events=[Event("note", task.identity, detail="watch [bold]this[/bold] [0, 1]")])
    assert "mine [red]x[bold] end: watch [bold]this[/bold] [0, 1]" in shown


def test_as_many_rows_as_fit_and_those_at_work_first(tasks: Sequence[CohortTask]) -> None:
    """Seven cohorts of two lines each on a terminal of twelve: three fit, the last, which is at work, too."""
    shown = screen(tasks, 80, 12, [Event("started", tasks[-1].identity)])
    assert len(shown.splitlines()) <= 8
    assert "preparing" in shown
    assert "6 waiting" in shown
