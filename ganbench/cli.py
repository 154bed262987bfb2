"""The command line: the only place that prints and exits.

torch is imported inside the commands that need it, so that `--help` and `list` start at once.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import ganbench
from ganbench import pages, registry
from ganbench.errors import GanbenchError

if TYPE_CHECKING:
    from ganbench.execution.runner import Plan, Summary
    from ganbench.suite.suite import Suite

INTERRUPTED, INCOMPLETE = 130, 3
_ABOUT_PLACES = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.ENOTDIR, errno.EISDIR, errno.EEXIST,
)  # fmt: skip
_PLURALS: dict[str, registry.Kind] = {
    "variants": "variant", "datasets": "dataset", "diagnostics": "diagnostic", "networks": "network",
}  # fmt: skip


class _Commands(click.Group):
    """Turns the user's mistakes into one message and an exit code, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GanbenchError as error:
            click.echo(f"{error}", err=True)
            sys.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo(
                "interrupted; what was finished is kept: the same command goes on from there", err=True
            )
            sys.exit(INTERRUPTED)
        except BrokenPipeError:  # the reader has gone, as in `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except OSError as error:
            if error.errno not in _ABOUT_PLACES:
                raise
            where = "" if error.filename is None else f"{error.filename}: "
            click.echo(f"{where}cannot be written: {error.strerror}", err=True)
            sys.exit(GanbenchError.exit_code)


_suite = click.argument("suite")
_run = click.argument("run", type=click.Path(path_type=Path))
_include = click.option("--include", multiple=True, metavar="FILE",
    help="A Python file whose variants, data sets or diagnostics are registered first.")  # fmt: skip
_data = click.option("--data", metavar="DIR", help="Where image data sets lie (else $GANBENCH_DATA).")
_device = click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto",
    show_default=True)  # fmt: skip
_workers = click.option("--workers", type=click.IntRange(1),
    help="Processes (default: one a core on a CPU, one on a GPU).")  # fmt: skip
_out = click.option("--out", type=click.Path(path_type=Path), metavar="DIR",
    help="The run folder (default: results/<suite>-<key>).")  # fmt: skip


def _what_to_run(command: Callable[..., None]) -> Callable[..., None]:
    for option in (_include, _workers, _device, _data, _out, _suite):
        command = option(command)
    return command


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(ganbench.__version__, prog_name="ganbench")
def main() -> None:
    """A benchmark and diagnostics suite for generative adversarial networks.

    A suite is a YAML file, or the name of one that comes with ganbench, such as `quickstart`.
    """


@main.command()
@_what_to_run
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
@click.argument("file")
@_data
@_include
def check(file: str, data: str | None, include: Sequence[str]) -> None:
    """Check a suite, or run the contract tests on a plug-in FILE.py; trains nothing to the end."""
    _set_data(data)
    if file.endswith(".py"):
        from ganbench.contract import check_file

        for line in check_file(file):
            click.echo(line)
        return
    from ganbench.suite import load_suite
    from ganbench.terminal import counted

    loaded = load_suite(file, include=include)
    cohorts = loaded.cohorts()
    numbers = sorted({len(each.seeds) for each in cohorts})
    seeds = f"{numbers[0]} to {numbers[-1]} seeds" if len(numbers) > 1 else counted(numbers[0], "seed")
    click.echo(f"{file}: fine; {counted(len(cohorts), 'cohort')} of {seeds}")


@main.command()
@_what_to_run
def plan(**asked: Any) -> None:
    """Print the cohorts, the trials and the estimated minutes, timed on this machine."""
    from ganbench.execution.estimate import estimate, total_seconds
    from ganbench.suite.naming import budget_words
    from ganbench.terminal import counted, span

    _loaded, planned = _plan(**asked)
    done = f", {planned.trials_done} of them finished" if planned.trials_done else ""
    click.echo(f"run folder {planned.run}")
    trials = counted(planned.trials, "trial")
    click.echo(f"{trials}{done}; {counted(len(planned.tasks), 'cohort')} to train")
    if not planned.tasks:
        return
    width = max(len(task.description.variant.label) for task in planned.tasks)
    click.echo(
        f"\n{pages.plan_row('data set', 'variant'.ljust(width), 'budget', 'seeds', 'rounds', 'estimate')}"
    )
    estimates = []
    for task in planned.tasks:
        each = estimate(task)
        estimates.append(each)
        what, rounds = task.description, "by clock" if each.rounds is None else each.rounds
        budget = budget_words(what.budget.unit, what.budget.amount)
        label = what.variant.label.ljust(width)
        row = (what.dataset.label, label, budget, len(what.seeds), rounds, span(each.seconds))
        click.echo(pages.plan_row(*row))
    total = total_seconds(estimates, min(planned.workers, len(estimates)))
    processes = counted(planned.workers, "process", "processes")
    click.echo(f"\nabout {total / 60:.1f} minutes with {processes}; the report takes half a minute more")


@main.command()
def schema() -> None:
    """Print a JSON Schema of suites, for editors."""
    from ganbench.suite.schema import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@main.command()
@_run
def status(run: Path) -> None:
    """Print how far a run has come."""
    click.echo(pages.status_page(run))


@main.command()
@_run
def report(run: Path) -> None:
    """Write the report of a run again: page, tables and figures."""
    from ganbench.report.write import write_report

    click.echo(write_report(run))


@main.command(name="list")
@click.argument("kind", type=click.Choice(list(_PLURALS)))
@_include
def list_(kind: str, include: Sequence[str]) -> None:
    """List what can be named in a suite."""
    for file in include:
        registry.include(file)
    click.echo(pages.list_page(_PLURALS[kind]))


@main.command()
@click.argument("kind", type=click.Choice(list(_PLURALS.values())))
@click.argument("name")
@_include
def show(kind: registry.Kind, name: str, include: Sequence[str]) -> None:
    """Print the page of one variant, data set, diagnostic or network."""
    for file in include:
        registry.include(file)
    click.echo(pages.show_page(kind, name))


@main.group()
def new() -> None:
    """Write a file to start from."""


@new.command(name="variant")
@click.argument("name")
def new_variant(name: str) -> None:
    """Write NAME.py: a complete variant, to edit, to check and to run."""
    from ganbench.execution.skeleton import write_variant

    file = write_variant(name, Path.cwd())
    click.echo(f"{file.name}: edit it, name it in a suite's list of variants as `- {name}`, then")
    click.echo(f"  ganbench check {file.name}\n  ganbench run SUITE.yaml --include {file.name}")


@main.group()
def data() -> None:
    """Data sets that are files."""


@data.command()
@click.argument("name")
@_data
def fetch(name: str, data: str | None) -> None:
    """Download a data set's files, where there is a network."""
    from ganbench.datasets.images import data_root
    from ganbench.datasets.images import fetch as download

    _set_data(data)
    download(name, data_root())
    click.echo(f"{name} is in {data_root()}")


@main.command()
@_run
@click.option("--dataset", help="Data set's label.")
@click.option("--variant", help="Variant's label.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--count", type=click.IntRange(1), default=64, show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("samples.npy"),
              show_default=True, help="A .npy file.")  # fmt: skip
def sample(run: Path, dataset: str | None, variant: str | None, seed: int, count: int, out: Path) -> None:
    """Write samples of a finished trial's generator to a NumPy file [count, *shape]."""
    import io

    import numpy as np

    from ganbench import store
    from ganbench.execution import sampling

    folder = sampling.find_cohort(run, dataset, variant, seed)
    buffer = io.BytesIO()
    np.save(buffer, sampling.sample(folder, seed, count).numpy())
    store.write_atomic(out, buffer.getvalue())
    click.echo(f"{out}: {count} samples of {folder.name}, seed {seed}")


def _set_data(data: str | None) -> None:
    if data is not None:
        os.environ["GANBENCH_DATA"] = str(Path(data).resolve())


def _plan(
    suite: str, out: Path | None, data: str | None, device: str, workers: int | None, include: Sequence[str]
) -> tuple[Suite, Plan]:
    _set_data(data)
    from ganbench.execution.runner import make_plan
    from ganbench.suite import load_suite
    from ganbench.training.device import choose_device

    chosen = choose_device(device)
    loaded = load_suite(suite, include=include)
    return loaded, make_plan(loaded, out, chosen, workers)


def _announce(plan: Plan) -> None:
    if not plan.tasks:
        text = f"nothing to train: all {plan.trials} trials are finished under this key in {plan.run}"
    elif plan.trials_done:
        text = f"{plan.trials_done} of {plan.trials} trials are finished already in {plan.run}"
    else:
        text = f"{plan.trials} trials into {plan.run}"
    click.echo(text, err=True)


def _conclude(summary: Summary) -> None:
    from ganbench.analysis.run import load_run
    from ganbench.analysis.text import ranking_text
    from ganbench.report.write import write_report

    click.echo("writing the report …", err=True)
    page = write_report(summary.run)
    click.echo(f"\n{ranking_text(load_run(summary.run))}\n\nreport: {page}")
    for failure in summary.failed:
        click.echo(f"failed: {failure}", err=True)
    if summary.failed:
        sys.exit(INCOMPLETE)
