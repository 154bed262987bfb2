"""One data set's part of the report: its words, tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganbench.analysis.cohorts import Budget
from ganbench.analysis.numbers import better, titled
from ganbench.analysis.ranking import budgets, ranking
from ganbench.analysis.run import Run
from ganbench.errors import GanbenchError
from ganbench.report import curves, images, planar
from ganbench.report.forest import forest
from ganbench.report.page import Part, Section
from ganbench.report.style import Figure, Look, file_stem
from ganbench.report.tables import Table, quantities_table, ranking_table
from ganbench.report.words import paragraph

Item = Table | Figure | str


def section(run: Run, dataset: str, looks: Mapping[str, Look]) -> Section:
    """Everything about one data set; parts that have nothing to show are left out."""
    order: list[str] = []
    words: list[str] = []
    ranked: list[Item] = []
    for budget in budgets(run, dataset):
        items, text, variants = _ranked(run, dataset, budget, looks)
        ranked += items
        words.append(text)
        order += [v for v in variants if v not in order]
    order += [v for v in run.variants if v not in order]
    pieces: dict[str, Sequence[Item | None]] = {
        "Ranking": ranked,
        "Learning curves": [f(run, dataset, looks) for f in (curves.learning_curves, curves.every_seed)],
        "Samples": _pictures(run, dataset, looks, order),
        "Gradients": curves.gradient_norms(run, dataset, looks),
        "Discriminator": [curves.auroc_curves(run, dataset, looks)],
        "All quantities": [quantities_table(run, dataset, order)],
    }
    kept = {title: [i for i in items if i is not None] for title, items in pieces.items()}
    parts = [Part(title, file_stem("part", dataset, title), items) for title, items in kept.items() if items]
    return Section(dataset, file_stem("data", dataset), _about(run, dataset), words, parts)


def _ranked(
    run: Run, dataset: str, budget: Budget, looks: Mapping[str, Look]
) -> tuple[list[Item], str, Sequence[str]]:
    """The items of one ranking, the words on it, and its variants in order."""
    try:
        table = ranking(run, dataset, budget)
        text = paragraph(run, dataset, budget, table)
    except GanbenchError as error:
        return [f"No ranking: {error}."], f"There is no ranking: {error}.", ()
    several = len(budgets(run, dataset)) > 1
    name = f"{dataset}-{budget}" if several else dataset
    shown: list[Item] = [ranking_table(run, dataset, budget, table, name)]
    if len(table):
        shown.insert(0, forest(run, dataset, budget, table, looks, name))
    return shown, f"After {budget}: {text}" if several else text, list(table["variant"])


def _pictures(run: Run, dataset: str, looks: Mapping[str, Look], order: Sequence[str]) -> list[Figure | None]:
    makers = (planar.gallery, planar.training_strip, images.sample_grids, images.training_strip)
    return [make(run, dataset, looks, order) for make in makers]


def _about(run: Run, dataset: str) -> str:
    """One line: what the data are, where they come from, what ranks."""
    about, primary = run.datasets.get(dataset, {}), run.primary(dataset)
    shape = "×".join(map(str, about.get("shape", ())))
    splits = ", ".join(f"{count:,} {split}" for split, count in (about.get("split_sizes") or {}).items())
    facts = [
        str(about.get("title", dataset)),
        f"shape {shape}" if shape else "",
        f"{about['modes']} modes" if about.get("modes") else "",
        splits,
        f"source: {about['source']}" if about.get("source") else "",
        f"licence: {about['licence']}" if about.get("licence") else "",
    ]
    return "; ".join(f for f in facts if f) + f". Ranked by {titled(primary)} ({better(primary)})."
