"""The command by which the benchmark benchmarks itself."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ganbench.cli.group import WORKERS, main
from ganbench.cli.paths import AbsolutePath

CHANGED = 1
_MOST_SHOWN = 20


@main.command()
@click.option("--out", type=AbsolutePath(), default=Path("results/selftest"), show_default=True,
    metavar="DIR")  # fmt: skip
@click.option("--plan", "only_plan", is_flag=True, help="Print what would be trained, and how long it takes.")
@click.option("--quick", is_flag=True, help="Made-up numbers and the golden trace alone; under a minute.")
@click.option("--defect", "defects", multiple=True, metavar="NAME", help="Plant this defect (default: all).")
@click.option("--pool-seeds", type=click.IntRange(4), default=60, show_default=True,
    help="Seeds of the null pool.")  # fmt: skip
@click.option("--defect-seeds", type=click.IntRange(2), default=50, show_default=True,
    help="Seeds of each defect.")  # fmt: skip
@click.option("--golden", is_flag=True, help="Compare the golden trace alone; exit code 1 where it changed.")
@click.option(
    "--rewrite", is_flag=True, help="With --golden: keep the fresh trace as the one to compare with."
)
@WORKERS
def selftest(
    out: Path,
    only_plan: bool,
    quick: bool,
    defects: tuple[str, ...],
    pool_seeds: int,
    defect_seeds: int,
    golden: bool,
    rewrite: bool,
    workers: int | None,
) -> None:
    """Measure how often the gate is right: false alarms, power against planted defects, a golden trace.

    Trains the suite `ci` with each of some twenty-five one-line defects in a copy of ganbench, which takes
    hours; what is finished is not done again.
    """
    if golden or rewrite:
        return _golden(rewrite)
    from ganbench.selftest.options import Options, plan_text
    from ganbench.selftest.stages import run_selftest

    options = Options(
        defects=defects or None,
        pool_seeds=pool_seeds,
        defect_seeds=defect_seeds,
        workers=workers,
        quick=quick,
    )
    if only_plan:
        for line in plan_text(options, out / "work"):
            click.echo(line)
        return None
    page = run_selftest(out, options, lambda text: click.echo(text, err=True))
    click.echo(f"report: {page}")
    return None


def _golden(rewrite: bool) -> None:
    from ganbench.selftest.golden import (
        compare_golden,
        count_numbers,
        golden_trace,
        read_golden,
        write_golden,
    )
    from ganbench.suite import load_suite

    if rewrite:
        click.echo(f"{write_golden(load_suite('ci'))}: written anew")
        return
    fresh = golden_trace(load_suite("ci"))
    deviations = compare_golden(read_golden(), fresh)
    for each in deviations[:_MOST_SHOWN]:
        click.echo(str(each))
    if deviations:
        click.echo(f"{len(deviations)} of {count_numbers(fresh)} numbers are not those that are kept")
        sys.exit(CHANGED)
    click.echo(f"no change in {count_numbers(fresh)} numbers")
