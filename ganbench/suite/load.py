"""A suite file to a `Suite`: everything is checked before anything is made or trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ganbench import registry
from ganbench.errors import GanbenchError
from ganbench.registry import Kind
from ganbench.suite.bundled import find_suite
from ganbench.suite.combine import check_on, check_variants, make_datasets
from ganbench.suite.expand import expand_list
from ganbench.suite.labels import Placed, choose
from ganbench.suite.located import Mapping, Mistakes, Node, Place
from ganbench.suite.measured import Chosen, Measured, chosen_diagnostics, measured
from ganbench.suite.model import SuiteFile, fields_of
from ganbench.suite.options import check_keys
from ganbench.suite.own import Own
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
from ganbench.suite.words import found
from ganbench.training.description import Budget


def load_suite(source: str | Path, *, include: Sequence[str | Path] = ()) -> Suite:
    """The suite of a file or of a bundled name, with more plug-in files to include (from the current folder).

    Raises `SuiteError` with every mistake that can be told at once; nothing is created on disk.
    """
    return load_located(source, include=include)[0]


def load_located(
    source: str | Path, *, include: Sequence[str | Path] = ()
) -> tuple[Suite, dict[tuple[Kind, str], Place]]:
    """The suite, and where its variants and diagnostics are written, by kind and label."""
    path = find_suite(source)
    mistakes = Mistakes(str(path))  # its folder is absolute before a plug-in can change the working one
    root = read_file(path, mistakes)
    nodes = _top_level(root, mistakes)
    included = [str(Path(file).resolve()) for file in include]
    for file in included:
        registry.include(file)
    files = _include(nodes.get("include"), mistakes.folder, mistakes)
    return _read(nodes, path, (*files, *(file for file in included if file not in files)), mistakes)


def _top_level(root: Node, mistakes: Mistakes) -> dict[str, Node]:
    known = fields_of(SuiteFile)
    if not isinstance(root, Mapping):
        text = f"a suite must be a mapping with the keys {', '.join(known)}, not {found(root)}"
        mistakes.add(root.place, text)
        mistakes.raise_any()
        raise AssertionError("unreachable")
    return check_keys(root, known, "key", "the suite", mistakes)


def _include(node: Node | None, folder: Path, mistakes: Mistakes) -> tuple[str, ...]:
    """Import the suite's plug-in files; the names they register are needed for all that follows."""
    files = check_include(node, folder, mistakes)
    for file, place in files:
        try:
            registry.include(file)
        except GanbenchError as error:
            mistakes.add(place, f"include: {error}")
    return tuple(str(file) for file, _ in files)


def _read(
    nodes: dict[str, Node], path: Path, files: tuple[str, ...], mistakes: Mistakes
) -> tuple[Suite, dict[tuple[Kind, str], Place]]:
    silent = any(mistake.text.startswith("include") for mistake in mistakes.found)
    budget = read_budget(nodes["budget"], mistakes) if "budget" in nodes else None
    before = len(mistakes.found)
    datasets = _choices("dataset", nodes.get("datasets"), silent, mistakes)
    variants = _choices("variant", nodes.get("variants"), silent, mistakes, budget)
    diagnostics = chosen_diagnostics(nodes.get("diagnostics"), mistakes, silent)
    sound = not silent and len(mistakes.found) == before
    name = read_name(nodes.get("name"), str(path), mistakes)
    seeds = read_seeds(nodes["seeds"], mistakes) if "seeds" in nodes else ()
    measure = read_measure(nodes.get("measure"), mistakes)
    engine = read_engine(nodes.get("engine"), mistakes)
    together = Measured()
    if sound:
        together = _check_together(nodes, datasets, variants, diagnostics, budget, mistakes)
    mistakes.raise_any()
    assert budget is not None
    places: dict[tuple[Kind, str], Place] = {("variant", item.choice.label): item.place for item in variants}
    places |= {("diagnostic", item.choice.label): item.place for item in together.diagnostics}
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
        own={item.choice.label: item.own for item in variants if item.own != Own()},
    )
    return suite, places


def _choices(
    kind: Kind, node: Node | None, silent: bool, mistakes: Mistakes, budget: Budget | None = None
) -> list[Placed]:
    if node is None:
        return []
    return choose(expand_list(kind, node, f"{kind}s", mistakes, silent), mistakes, budget)


def _check_together(
    nodes: dict[str, Node],
    datasets: list[Placed],
    variants: list[Placed],
    diagnostics: Chosen,
    budget: Budget | None,
    mistakes: Mistakes,
) -> Measured:
    """Whether the parts go together; asked only where the names and options are in order."""
    made = make_datasets(datasets, mistakes)
    within = None if budget is None else (budget, nodes["budget"].place)
    check_on(variants, datasets, mistakes)
    check_variants(variants, [item.choice for item in datasets], made, within, mistakes)
    written = nodes.get("diagnostics")
    places = {item.choice.label: item.place if written is None else written.place for item in datasets}
    return measured(diagnostics, made, places, mistakes)
