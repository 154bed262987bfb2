"""Commands that put results side by side: compare, gate, baseline, history, power."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ganbench.cli.group import CRASHED, DATA, DEVICE, INTERRUPTED, RUN, TRUST, WORKERS, main
from ganbench.cli.paths import AbsolutePath, GivenPath, absolute, set_data
from ganbench.errors import GanbenchError, out_of_memory

if TYPE_CHECKING:
    import numpy as np

    from ganbench.comparison.model import Comparison, Decision, Rules, Side

    Rerun = Callable[[Decision, Side, Side], Side]

_base = click.argument("base", type=GivenPath())
_new = click.argument("new", type=GivenPath())
_out = click.option("--out", type=AbsolutePath(), metavar="DIR",
    help="Where page, tables and verdict go (default: against-BASE in NEW's folder).")  # fmt: skip
_random_state = click.option("--random-state", type=click.IntRange(0), default=0, show_default=True,
    help="Of what is simulated: detectable effects and intervals over data sets.")  # fmt: skip


@main.command()
@_base
@_new
@_out
@_random_state
def compare(base: Path, new: Path, out: Path | None, random_state: int) -> None:
    """Compare two results: run folders, or files of `ganbench baseline save`.

    Writes a page, figures and tables, and prints the primary quantities' verdicts.  Exit codes: 0, whatever
    was found; 2 bad input; 4 no baseline.
    """
    from ganbench.comparison.compare import compare as compared
    from ganbench.comparison.text import comparison_text

    one, other = _sides(base, new)
    found = compared(one, other, _generator(random_state))
    page = _write(found, _folder(base, new, out), random_state)
    click.echo(f"{comparison_text(found)}\n\nreport: {page}")


@main.command()
@_base
@_new
@_out
@click.option("--insufficient", type=click.Choice(["fail", "pass"]), default="fail", show_default=True,
    help="Whether too little evidence to go red ends with 5, or passes.")  # fmt: skip
@click.option("--confirm", type=click.IntRange(2), metavar="SEEDS",
    help="Train so many fresh seeds of NEW's cohorts with suspects, and test those again.")  # fmt: skip
@DATA
@DEVICE
@WORKERS
@TRUST
@_random_state
def gate(
    base: Path,
    new: Path,
    out: Path | None,
    insufficient: str,
    confirm: int | None,
    data: str | None,
    device: str,
    workers: int | None,
    trust: bool,
    random_state: int,
) -> None:
    """Compare, and end with a code that a CI can go by.

    The first that holds: 130 interrupted; 2 bad input; 4 no baseline, or not comparable; 3 incomplete;
    1 regression; 5 insufficient evidence; 0 pass.  Writes gate.md, gate.xml (JUnit), gate.json, the page and
    the tables before it ends.
    """
    from ganbench.comparison.model import Rules
    from ganbench.comparison.text import decision_text
    from ganbench.comparison.written import write_decision

    set_data(data)
    folder, rules = _folder(base, new, out), Rules(insufficient_passes=insufficient == "pass")
    with _refusing(folder):
        found = _gated(
            base, new, rules, random_state, _reruns(absolute(new), confirm, device, workers, trust)
        )
        write_decision(found.decision, folder, found)
        page = _write(found, folder, random_state)
    try:
        click.echo(f"{decision_text(found.decision, found)}\n\nreport: {page}")
    except BrokenPipeError:  # the reader has gone, as in `| head`: the code stands all the same
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(found.decision.exit_code)


@main.command(hidden=True)
@click.argument("code", type=int)
@click.argument("text")
@click.argument("folder", type=AbsolutePath())
def refusal(code: int, text: str, folder: Path) -> None:
    """Write to FOLDER the files of a gate that could not be asked; for scripts."""
    from ganbench.comparison.written import write_refusal

    write_refusal(text, code, folder)


@contextmanager
def _refusing(folder: Path) -> Iterator[None]:
    """Leaves the gate's files behind where it could not run, too: an earlier verdict must not stand."""
    from ganbench.comparison.written import write_refusal

    try:
        yield
    except GanbenchError as error:
        write_refusal(str(error), error.exit_code, folder)
        raise
    except KeyboardInterrupt:
        write_refusal("interrupted", INTERRUPTED, folder)
        raise
    except Exception as error:
        lack, ours = out_of_memory(error), f"ganbench itself failed: {type(error).__name__}: {error}"
        write_refusal(str(lack or ours), lack.exit_code if lack else CRASHED, folder)
        raise


def _gated(base: Path, new: Path, rules: Rules, random_state: int, rerun: Rerun | None) -> Comparison:
    from ganbench.comparison.compare import compare as compared
    from ganbench.comparison.gate import confirmed

    one, other = _sides(base, new)
    found = compared(one, other, _generator(random_state), rules)
    if rerun is None or not found.decision.suspects:
        return found
    fresh = rerun(found.decision, one, other)
    again = confirmed(found.decision, one, fresh, _generator(random_state))
    return replace(found, decision=again)


def _write(found: Comparison, folder: Path, random_state: int) -> Path:
    from ganbench.report.comparison.write import write_comparison

    return write_comparison(found, folder, _generator(random_state))


def _reruns(new: Path, seeds: int | None, device: str, workers: int | None, trust: bool) -> Rerun | None:
    """What trains fresh seeds of the cells with suspects, and reads them as a side."""
    if seeds is None:
        return None
    if new.is_file():
        raise GanbenchError(f"{new}: --confirm trains more seeds of a run, so NEW must be its folder")

    def rerun(decision: Decision, base: Side, other: Side) -> Side:
        from ganbench.comparison.sides import load_side
        from ganbench.comparison.suspects import seeds_to_confirm
        from ganbench.execution.confirmation_runs import fresh_work, train_fresh
        from ganbench.terminal import counted, progress
        from ganbench.training.device import choose_device

        needed = seeds_to_confirm(decision.suspects, base, decision.rules)
        if needed is None:
            raise GanbenchError(
                f"{base.source}: so few seeds that no rerun could confirm a suspect; save a larger one"
            )
        many = max(seeds, needed)
        cells = {(suspect.variant, suspect.dataset) for suspect in decision.suspects}
        taken = {
            key: {seed for side in (base, other) if key in side.cells for seed in side.cells[key].outcomes}
            for key in cells
        }
        work = fresh_work(new, taken, many, choose_device(device), workers, trust)
        why = "" if many == seeds else f" (with {seeds} not each of them could be confirmed)"
        click.echo(f"{counted(len(decision.suspects), 'suspect')}: {many} fresh seeds{why}", err=True)
        with progress(work.tasks) as tell:
            return load_side(train_fresh(work, tell))

    return rerun


@main.group()
def baseline() -> None:
    """Results small enough to keep in a repository."""


@baseline.command()
@RUN
@click.argument("file", type=AbsolutePath(dir_okay=False))
def save(run: Path, file: Path) -> None:
    """Write what a gate needs of RUN to FILE: values by seed, protocols, conditions, environment."""
    from ganbench.analysis.numbers import listed
    from ganbench.comparison.baseline import save_baseline
    from ganbench.comparison.cornered import cornered_cells

    side = save_baseline(run, file)
    click.echo(f"{file}: {file.stat().st_size / 1024:.0f} kB")
    if lost := list(cornered_cells(side)):
        click.echo(
            f"{listed(lost)}: so bad that nothing worse would matter; a gate can see no regression there. "
            "Train longer, or on easier data",
            err=True,
        )


@main.command()
@click.argument("runs", nargs=-1, required=True, type=GivenPath())
@click.option("--out", type=AbsolutePath(), default=Path("results/history"), show_default=True, metavar="DIR")
@_random_state
def history(runs: Sequence[Path], out: Path, random_state: int) -> None:
    """Show each primary quantity over time: run folders, baseline files, or a folder that holds some.

    A history takes two results or more; a run and the baseline saved of it are one.
    """
    from ganbench.comparison.history import history as over_time
    from ganbench.comparison.history import load_history
    from ganbench.comparison.history_text import history_text
    from ganbench.report.comparison.history import write_history

    found = over_time(load_history(runs), _generator(random_state))
    page = write_history(found, out)
    for line in history_text(found):
        click.echo(line)
    click.echo(f"\nreport: {page}")


@main.command()
@RUN
@click.option("--effect", required=True,
    help="2sd, 10%, 0.05 (in the quantity's unit), or margin (how far beyond it one is seen).")  # fmt: skip
@click.option("--baseline", type=click.IntRange(1), default=20, show_default=True,
    help="Seeds of a baseline that new seeds are held against.")  # fmt: skip
@click.option("--power", "wanted_power", default=0.8, show_default=True,
    type=click.FloatRange(0.5, 0.99, min_open=True), help="How often the effect is to be seen.")  # fmt: skip
@_random_state
def power(run: Path, effect: str, baseline: int, wanted_power: float, random_state: int) -> None:
    """Tell how many seeds a wanted effect needs, from the spread that RUN measured."""
    from ganbench.comparison.model import Rules
    from ganbench.comparison.seeds_needed import parse_effect, seeds_for
    from ganbench.comparison.seeds_text import seeds_text
    from ganbench.comparison.sides import load_side

    wanted, generator = parse_effect(effect), _generator(random_state)
    rows = seeds_for(load_side(run), wanted, Rules(), baseline, wanted_power, generator)
    for line in seeds_text(rows, baseline, wanted_power):
        click.echo(line)


def _sides(base: Path, new: Path) -> tuple[Side, Side]:
    from ganbench.comparison.sides import load_side, load_sides

    if not new.exists():
        load_side(new)  # bad input stands before a baseline that is missing
    return load_sides(base, new)


def _folder(base: Path, new: Path, out: Path | None) -> Path:
    """Where a comparison is written: by default into NEW's folder, or beside its file."""
    if out is not None:
        return out
    place = absolute(new if new.is_dir() else new.parent)
    return place / f"against-{base.stem if base.suffix == '.json' else base.name}"


def _generator(random_state: int) -> np.random.Generator:
    import numpy as np

    return np.random.default_rng(random_state)
