"""Commands that load, check, plan and run a suite."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganbench import pages
from ganbench.cli.group import DATA, INCLUDE, INCOMPLETE, WEIGHTS, main, what_to_run
from ganbench.cli.paths import Source, absolute, check_weights, set_data, set_weights

if TYPE_CHECKING:
    from ganbench.execution.runner import Plan, Summary
    from ganbench.suite.suite import Suite


_LONGEST_CHECK = 300.0
"""Seconds: a check builds every game, and no sensible suite takes so long."""


@main.command()
@what_to_run
def run(**asked: Any) -> None:
    """Train and measure a suite, then write its report.

    What is finished under the same key is not run again.  Exit codes: 0 done (diverged trials are results),
    2 a mistake in the suite, 3 a cohort failed, 130 interrupted.
    """
    from ganbench.execution.runner import execute
    from ganbench.terminal import progress

    loaded, plan = _plan(**asked)
    _announce(plan)
    with progress(plan.tasks) as tell:
        summary = execute(loaded, plan, tell)
    _conclude(summary)


@main.command()
@click.argument("file", type=Source())
@DATA
@WEIGHTS
@INCLUDE
def check(file: str, data: str | None, extractor_weights: Sequence[str], include: Sequence[Path]) -> None:
    """Check a suite, or run the contract tests on a plug-in FILE.py; trains nothing to the end."""
    set_data(data)
    set_weights(extractor_weights)
    if file.endswith(".py"):
        click.echo(f"{file}: fine; {_check_plugin(str(absolute(Path(file))))} promises of the contract hold")
        return
    from ganbench.child_process import ChildProcess
    from ganbench.terminal import counted

    *_, found = ChildProcess(
        "ganbench.contract.suites", "check_suite", file, tuple(include), seconds=_LONGEST_CHECK
    )
    _tell_added(found["added"])
    fewest, most = found["fewest_seeds"], found["most_seeds"]
    seeds = counted(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    tried = f"one round of {counted(found['games'], 'game')} trained and measured"
    click.echo(f"{file}: fine; {counted(found['cohorts'], 'cohort')} of {seeds}; {tried}")


@main.command()
@what_to_run
def plan(**asked: Any) -> None:
    """Print the cohorts, the trials and the estimated minutes, timed on this machine."""
    from ganbench.execution.estimate import estimates, measuring_seconds, total_seconds
    from ganbench.suite.naming import budget_words
    from ganbench.terminal import counted, span

    _loaded, planned = _plan(**asked)
    done = f", {planned.trials_done} of them finished" if planned.trials_done else ""
    click.echo(f"run folder {planned.run}")
    trials = counted(planned.trials, "trial")
    click.echo(f"{trials}{done}; {counted(len(planned.tasks), 'cohort')} to train")
    for line in pages.reuse_lines(planned):
        click.echo(line)
    if not planned.tasks:
        return
    width = max(len(task.description.variant.label) for task in planned.tasks)
    click.echo(
        f"\n{pages.plan_row('data set', 'variant'.ljust(width), 'budget', 'seeds', 'rounds', 'estimate')}"
    )
    timed = []
    for each in estimates(planned.tasks):
        timed.append(each)
        what, rounds = each.task.description, "by clock" if each.rounds is None else each.rounds
        budget = budget_words(what.budget.unit, what.budget.amount)
        label = what.variant.label.ljust(width)
        row = (what.dataset.label, label, budget, len(what.seeds), rounds, span(each.seconds))
        click.echo(pages.plan_row(*row))
    costliest = list(measuring_seconds(timed).items())[:5]
    measuring = ", ".join(f"{label} {seconds:,.1f} s" for label, seconds in costliest)
    click.echo(f"\nof it measuring, in all cohorts together: {measuring}")
    total = total_seconds(timed, min(planned.workers, len(timed)))
    processes = counted(planned.workers, "process", "processes")
    click.echo(f"about {total / 60:.1f} minutes with {processes}; the report takes half a minute more")


@main.command()
def schema() -> None:
    """Print a JSON Schema of suites, for editors."""
    from ganbench.suite.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


def _plan(
    suite: str,
    out: Path | None,
    data: str | None,
    extractor_weights: Sequence[str],
    device: str,
    workers: int | None,
    include: Sequence[Path],
    seeds: tuple[int, ...] | None,
) -> tuple[Suite, Plan]:
    set_data(data)
    set_weights(extractor_weights)
    results = absolute(Path("results"))
    from ganbench.errors import GanbenchError
    from ganbench.execution.runner import make_plan
    from ganbench.suite import load_suite
    from ganbench.training.device import choose_device

    chosen = choose_device(device)
    try:
        loaded = load_suite(suite, include=include)
    except GanbenchError:  # weights may be missing because those given are of another name
        check_weights(extractor_weights)
        raise
    check_weights(extractor_weights)
    _tell_added(loaded.added)
    if seeds is not None:
        loaded = loaded.with_seeds(seeds)
    return loaded, make_plan(loaded, out, chosen, workers, results)


def _check_plugin(file: str) -> int:
    """Print the promises that a plug-in keeps, in one process and then in another; how many there are."""
    from ganbench.child_process import ChildProcess

    promises, numbers = 0, {}
    for item in ChildProcess("ganbench.contract.repetition", "check_first", file):
        if isinstance(item, str):
            promises += 1
            click.echo(f"ok  {item}")
        else:
            numbers = item
    for line in ChildProcess("ganbench.contract.repetition", "check_again", file, numbers):
        promises += 1
        click.echo(f"ok  {line}")
    return promises


def _tell_added(added: Mapping[str, Sequence[str]]) -> None:
    for label, datasets in added.items():
        click.echo(f"diagnostic {label!r} is added: it ranks on {', '.join(datasets)}", err=True)


def _announce(plan: Plan) -> None:
    """Say what is reused, what is set aside and why, before anything is spent."""
    if not plan.tasks:
        text = f"nothing to train: all {plan.trials} trials are finished under this key in {plan.run}"
    elif plan.trials_done:
        text = f"{plan.trials_done} of {plan.trials} trials are finished already in {plan.run}"
    else:
        text = f"{plan.trials} trials into {plan.run}"
    for line in (text, *pages.reuse_lines(plan)):
        click.echo(line, err=True)


def _conclude(summary: Summary) -> None:
    """Write the report and print the ranking; ends with 3 where a trial of the plan has no result."""
    from ganbench.analysis.run import load_run
    from ganbench.analysis.text import ranking_text
    from ganbench.report.write import write_report
    from ganbench.terminal import text_width

    click.echo("writing the report …", err=True)
    page = write_report(summary.run)
    click.echo(f"\n{ranking_text(load_run(summary.run), text_width())}\n\nreport: {page}")
    for failure in summary.failed:
        click.echo(f"failed: {failure}", err=True)
    for trials in summary.missing:
        click.echo(f"without a result: {trials}", err=True)
    if summary.missing:
        sys.exit(INCOMPLETE)
