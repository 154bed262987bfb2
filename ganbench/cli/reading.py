"""Commands that read: a run folder, or what is registered; and those that write a file to start from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from ganbench import pages, registry
from ganbench.cli.group import DATA, INCLUDE, RUN, TRUST, main
from ganbench.cli.paths import AbsolutePath, absolute, set_data
from ganbench.errors import UnknownName

_PLURALS: dict[str, registry.Kind] = {f"{kind}s": kind for kind in registry.KINDS}


@main.command()
@RUN
def status(run: Path) -> None:
    """Print how far a run has come."""
    click.echo(pages.status_page(run))


@main.command()
@RUN
def report(run: Path) -> None:
    """Write the report of a run again: page, tables and figures."""
    from ganbench.report.write import write_report

    click.echo(write_report(run))


@main.command(name="list")
@click.argument("kind", type=click.Choice(list(_PLURALS)))
@INCLUDE
def list_(kind: str, include: Sequence[Path]) -> None:
    """List what can be named in a suite."""
    for file in include:
        registry.include(file)
    click.echo(pages.list_page(_PLURALS[kind]))


@main.command()
@click.argument("kind", type=click.Choice(list(_PLURALS.values())))
@click.argument("name")
@INCLUDE
def show(kind: registry.Kind, name: str, include: Sequence[Path]) -> None:
    """Print the page of one variant, data set, update rule, …: what it does, its options, its source."""
    for file in include:
        registry.include(file)
    click.echo(pages.show_page(kind, name))


@main.command()
@click.argument("kind", type=click.Choice(["variant", "dataset", "network", "diagnostic", "suite"]))
@click.argument("name")
def new(kind: str, name: str) -> None:
    """Write a file to start from: complete, to edit, to check and to run."""
    from ganbench.execution.templates import write_template

    file = write_template(kind, name, absolute(Path()))
    if kind == "suite":
        click.echo(f"{file.name}: edit it, then\n  ganbench check {file.name}\n  ganbench run {file.name}")
        return
    where = (
        f"as `network: {name}` of a variant" if kind == "network" else f"in a suite's {kind}s as `- {name}`"
    )
    click.echo(f"{file.name}: edit it, name it {where}, then")
    click.echo(f"  ganbench check {file.name}\n  ganbench run SUITE.yaml --include {file.name}")


@main.group()
def data() -> None:
    """Data sets, and weights of extractors, that are files."""


@data.command()
@click.argument("name")
@DATA
def fetch(name: str, data: str | None) -> None:
    """Download the files of a data set or the weights of an extractor, where there is a network."""
    if name in registry.names("extractor") and name not in registry.names("dataset"):
        from ganbench.extractors.downloads import fetch_weights

        click.echo(f"{name} is in {fetch_weights(name)}")
        return
    from ganbench.datasets.images import data_root
    from ganbench.datasets.photographs import DOWNLOADS
    from ganbench.datasets.photographs import fetch as download

    if name not in registry.names("dataset"):
        from ganbench.extractors.downloads import downloads

        raise UnknownName("data set or weights to fetch", name, [*DOWNLOADS, *downloads()])
    set_data(data)
    download(name, data_root())
    click.echo(f"{name} is in {data_root()}")


@main.command()
@RUN
@click.option("--dataset", help="Data set's label.")
@click.option("--variant", help="Variant's label, as the ranking prints it.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--count", type=click.IntRange(1), default=64, show_default=True)
@click.option("--out", type=AbsolutePath(dir_okay=False), default=Path("samples.npy"),
              show_default=True, help="A .npy file.")  # fmt: skip
@click.option("--label", type=int, help="The class of all samples, where the game has labels.")
@TRUST
def sample(
    run: Path,
    dataset: str | None,
    variant: str | None,
    seed: int,
    count: int,
    out: Path,
    label: int | None,
    trust: bool,
) -> None:
    """Write samples of a finished trial's generator to a NumPy file [count, *shape]."""
    import io

    import numpy as np

    from ganbench import store
    from ganbench.execution import sampling

    set_data(None)
    folder = sampling.find_cohort(run, dataset, variant, seed)
    buffer = io.BytesIO()
    np.save(buffer, sampling.samples(folder, seed, count, trust, label))
    store.write_atomic(out, buffer.getvalue())
    click.echo(f"{out}: {count} samples of {folder.name}, seed {seed}")
