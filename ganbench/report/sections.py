"""One data set's part of the report: its words, tables and figures; a section for each budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ganbench.analysis.cohorts import Budget
from ganbench.analysis.numbers import better, listed, titled
from ganbench.analysis.ranking import budgets, ranking
from ganbench.analysis.run import Run
from ganbench.errors import GanbenchError
from ganbench.report import curves, dynamics, images, planar
from ganbench.report.agreement import agreement_tables
from ganbench.report.forest import forest
from ganbench.report.page import Part, Section
from ganbench.report.sample_size import fid_against_samples
from ganbench.report.style import Figure, Look, file_stem
from ganbench.report.tables import Table, best_settings_table, quantities_table, ranking_table
from ganbench.report.words import paragraph
from ganbench.store import file_name

Item = Table | Figure | str
_SPLITS = {"heldout": "held-out"}


def sections(run: Run, dataset: str, looks: Mapping[str, Look]) -> list[Section]:
    """Everything about one data set: a section, or one for each budget, each of that budget alone."""
    found = budgets(run, dataset)
    if len(found) < 2:
        return [section(run, dataset, looks)]
    return [_under(run, dataset, budget, looks) for budget in found]


def section(run: Run, dataset: str, looks: Mapping[str, Look]) -> Section:
    """All that a run of one budget says about a data set; parts that have nothing to show are left out."""
    ranked, words, order = _ranked(run, dataset, looks)
    order = [*order, *(v for v in run.variants if v not in order)]
    pieces: dict[str, Sequence[Item | None]] = {
        "Ranking": ranked,
        "Several extractors": agreement_tables(run, dataset, order),
        "Number of samples": fid_against_samples(run, dataset, looks, order),
        "Learning curves": _curves(run, dataset, looks) if run.trained else [],
        "Samples": _pictures(run, dataset, looks, order),
        "Gradients": curves.gradient_norms(run, dataset, looks),
        "Dynamics": [f(run, dataset, looks) for f in (dynamics.eigenvalues, dynamics.path_angles)],
        "Discriminator": [curves.auroc_curves(run, dataset, looks)],
        "All quantities": [quantities_table(run, dataset, order)],
    }
    kept = {title: [i for i in items if i is not None] for title, items in pieces.items()}
    name = file_name(dataset)
    parts = [Part(title, file_stem("part", name, title), items) for title, items in kept.items() if items]
    return Section(dataset, file_stem("data", name), _about(run, dataset), words, parts)


def known_truths(run: Run, looks: Mapping[str, Look]) -> list[Section]:
    """One section for all data sets that rank nothing: curves, and every quantity folded away."""
    known = [label for label in run.dataset_labels if not run.ranked(label)]
    parts = [part for label in known for part in _known(run, label, looks)]
    about = (
        f"The truth is known here, and the variants are examples of it that do not compete: nothing is "
        f"ranked. What theory says of them stands above where it has a section; here is all that was "
        f"measured on {'one data set' if len(known) == 1 else f'{len(known)} data sets'}."
    )
    return [Section("Known truths", "known-truths", about, [], parts)] if parts else []


def _known(run: Run, dataset: str, looks: Mapping[str, Look]) -> list[Part]:
    """A known truth's curves, as far as it has any, and its quantities under every budget."""
    found = budgets(run, dataset)
    parts = []
    for budget in found:
        alone = run.under(dataset, budget)
        own = _named_after(dataset, budget) if len(found) > 1 else lambda item: item
        title = f"{dataset} {budget.after}" if len(found) > 1 else dataset
        anchor = file_stem("data", file_name(dataset), *([_stem(budget)] if len(found) > 1 else []))
        curve, table = (
            curves.learning_curves(alone, dataset, looks),
            quantities_table(alone, dataset, run.variants),
        )
        if curve is not None:
            parts.append(Part(f"Curves: {title}", f"{anchor}-curves", [own(curve)]))
        if table is not None:
            parts.append(
                Part(
                    f"All quantities: {title}", anchor, [_facts(run, dataset) + ".", own(table)], folded=True
                )
            )
    return parts


def _stem(budget: Budget) -> str:
    return f"{budget.amount:.15g}-{budget.unit}"


def _named_after(dataset: str, budget: Budget) -> Callable[[Item], Item]:
    """What gives a budget's tables and figures names and captions of their own."""
    stem = file_stem(file_name(dataset))

    def renamed(item: Item) -> Item:
        if isinstance(item, str):
            return item
        name = file_stem(stem, _stem(budget)) + item.name.removeprefix(stem)
        if isinstance(item, Table):
            return replace(item, name=name)
        caption = item.caption if str(budget) in item.caption else f"{item.caption} Budget: {budget} a seed."
        return replace(item, name=name, caption=caption)

    return renamed


def _under(run: Run, dataset: str, budget: Budget, looks: Mapping[str, Look]) -> Section:
    """The section of one budget among several, under names of its own."""
    made = section(run.under(dataset, budget), dataset, looks)
    others = listed([str(other) for other in budgets(run, dataset) if other != budget])
    own, renamed = _stem(budget), _named_after(dataset, budget)
    return Section(
        f"{dataset} {budget.after}",
        file_stem(made.anchor, own),
        f"{made.about} Here are the variants that were trained for {budget} a seed; those trained for "
        f"{others} are ranked apart, in a section of their own.",
        made.words,
        [
            Part(part.title, file_stem(part.anchor, own), [renamed(item) for item in part.items])
            for part in made.parts
        ],
    )


def _ranked(run: Run, dataset: str, looks: Mapping[str, Look]) -> tuple[list[Item], list[str], list[str]]:
    """The ranking's figure and table, the words on it, and its variants in order."""
    budget = next(iter(budgets(run, dataset)), None)
    if budget is None:
        return [], [], []
    try:
        table = ranking(run, dataset)
        text = paragraph(run, dataset, budget, table)
    except GanbenchError as error:
        return [f"No ranking: {error}."], [f"There is no ranking: {error}."], []
    shown: list[Item] = [ranking_table(run, dataset, budget, table, file_name(dataset))]
    if len(table):
        shown.insert(0, forest(run, dataset, budget, table, looks, file_name(dataset)))
        best = best_settings_table(run, dataset, table, file_name(dataset))
        shown += [] if best is None else [best]
    return shown, [text], list(table["variant"])


def _curves(run: Run, dataset: str, looks: Mapping[str, Look]) -> list[Figure | None]:
    return [make(run, dataset, looks) for make in (curves.learning_curves, curves.every_seed)]


def _pictures(run: Run, dataset: str, looks: Mapping[str, Look], order: Sequence[str]) -> list[Figure | None]:
    makers = (
        planar.gallery,
        planar.training_strip,
        images.sample_grids,
        images.class_grids,
        images.factor_examples,
        images.training_strip,
        images.walks,
        images.nearest,
    )
    return [make(run, dataset, looks, order) for make in makers]


def _about(run: Run, dataset: str) -> str:
    """One line: what the data are, where they come from, what ranks."""
    primary = run.primary(dataset)
    return _facts(run, dataset) + f". Ranked by {titled(primary)} ({better(primary)})."


def _facts(run: Run, dataset: str) -> str:
    about = run.datasets.get(dataset, {})
    shape = "×".join(map(str, about.get("shape", ())))
    splits = ", ".join(
        f"{count:,} {_SPLITS.get(split, split)}" for split, count in (about.get("split_sizes") or {}).items()
    )
    facts = [
        str(about.get("title", dataset)),
        f"shape {shape}" if shape else "",
        f"{about['modes']} modes" if about.get("modes") else "",
        splits,
        f"source: {about['source']}" if about.get("source") else "",
        f"licence: {about['licence']}" if about.get("licence") else "",
    ]
    return "; ".join(f for f in facts if f)
