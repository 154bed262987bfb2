"""A suite file to a `Suite`: everything is checked before anything is made or trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ganbench import registry
from ganbench.errors import GanbenchError
from ganbench.registry import Kind
from ganbench.suite.bundled import find_suite
from ganbench.suite.combine import check_on, check_variants, make_datasets
from ganbench.suite.diagnostics import Chosen, Measured, chosen_diagnostics, measured
from ganbench.suite.expand import expand_list
from ganbench.suite.labels import LocatedChoice, choose
from ganbench.suite.locations import ErrorCollector, Location, Mapping, Node
from ganbench.suite.model import SuiteFile, fields_of
from ganbench.suite.options import check_keys
from ganbench.suite.overrides import VariantOverrides
from ganbench.suite.reader import read_file
from ganbench.suite.sections import (
    check_include,
    read_budget,
    read_engine,
    read_measure,
    read_name,
    read_seeds,
)
from ganbench.suite.suite import Suite
from ganbench.suite.wording import found
from ganbench.training.description import Budget


def load_suite(source: str | Path, *, include: Sequence[str | Path] = ()) -> Suite:
    """The suite of a file or of a bundled name, with more plug-in files to include (from the current folder).

    Raises `SuiteError` with every mistake that can be told at once; nothing is created on disk.
    """
    return load_located(source, include=include)[0]


def load_located(
    source: str | Path, *, include: Sequence[str | Path] = ()
) -> tuple[Suite, dict[tuple[Kind, str], Location]]:
    """The suite, and where its variants and diagnostics are written, by kind and label."""
    path = find_suite(source)
    collector = ErrorCollector(
        str(path)
    )  # its folder is absolute before a plug-in can change the working one
    root = read_file(path, collector)
    nodes = _top_level(root, collector)
    included = [str(Path(file).resolve()) for file in include]
    for file in included:
        registry.include(file)
    files = _include(nodes.get("include"), collector.folder, collector)
    return _read(nodes, path, (*files, *(file for file in included if file not in files)), collector)


def _top_level(root: Node, collector: ErrorCollector) -> dict[str, Node]:
    known = fields_of(SuiteFile)
    if not isinstance(root, Mapping):
        text = f"a suite must be a mapping with the keys {', '.join(known)}, not {found(root)}"
        collector.add(root.location, text)
        collector.raise_any()
        raise AssertionError("unreachable")
    return check_keys(root, known, "key", "the suite", collector)


def _include(node: Node | None, folder: Path, collector: ErrorCollector) -> tuple[str, ...]:
    """Import the suite's plug-in files; the names they register are needed for all that follows."""
    files = check_include(node, folder, collector)
    for file, location in files:
        try:
            registry.include(file)
        except GanbenchError as error:
            collector.add(location, f"include: {error}")
    return tuple(str(file) for file, _ in files)


def _read(
    nodes: dict[str, Node], path: Path, files: tuple[str, ...], collector: ErrorCollector
) -> tuple[Suite, dict[tuple[Kind, str], Location]]:
    silent = any(mistake.text.startswith("include") for mistake in collector.mistakes)
    budget = read_budget(nodes["budget"], collector) if "budget" in nodes else None
    before = len(collector.mistakes)
    datasets = _choices("dataset", nodes.get("datasets"), silent, collector)
    variants = _choices("variant", nodes.get("variants"), silent, collector, budget)
    diagnostics = chosen_diagnostics(nodes.get("diagnostics"), collector, silent)
    sound = not silent and len(collector.mistakes) == before
    name = read_name(nodes.get("name"), str(path), collector)
    seeds = read_seeds(nodes["seeds"], collector) if "seeds" in nodes else ()
    measure = read_measure(nodes.get("measure"), collector)
    engine = read_engine(nodes.get("engine"), collector)
    together = Measured()
    if sound:
        together = _check_together(nodes, datasets, variants, diagnostics, budget, collector)
    collector.raise_any()
    assert budget is not None
    places: dict[tuple[Kind, str], Location] = {
        ("variant", item.choice.label): item.location for item in variants
    }
    places |= {("diagnostic", item.choice.label): item.location for item in together.diagnostics}
    suite = Suite(
        name=name,
        file=str(path),
        datasets=tuple(item.choice for item in datasets),
        variants=tuple(item.choice for item in variants),
        seeds=seeds,
        budget=budget,
        measure=measure,
        diagnostics=tuple(item.choice for item in together.diagnostics),
        applicable=together.applicable,
        added=together.added,
        engine=engine,
        include=files,
        overrides={
            item.choice.label: item.overrides for item in variants if item.overrides != VariantOverrides()
        },
    )
    return suite, places


def _choices(
    kind: Kind, node: Node | None, silent: bool, collector: ErrorCollector, budget: Budget | None = None
) -> list[LocatedChoice]:
    if node is None:
        return []
    return choose(expand_list(kind, node, f"{kind}s", collector, silent), collector, budget)


def _check_together(
    nodes: dict[str, Node],
    datasets: list[LocatedChoice],
    variants: list[LocatedChoice],
    diagnostics: Chosen,
    budget: Budget | None,
    collector: ErrorCollector,
) -> Measured:
    """Whether the parts go together; asked only where the names and options are in order."""
    made = make_datasets(datasets, collector)
    within = None if budget is None else (budget, nodes["budget"].location)
    check_on(variants, datasets, collector)
    check_variants(variants, [item.choice for item in datasets], made, within, collector)
    written = nodes.get("diagnostics")
    places = {item.choice.label: item.location if written is None else written.location for item in datasets}
    return measured(diagnostics, made, places, collector)
