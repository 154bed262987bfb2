"""The table of one measurement in several extractors' features, and whether they agree on the order."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ganbench.analysis.numbers import arrow, number
from ganbench.analysis.rank_agreement import RankAgreement, agreement_of, under_several_extractors
from ganbench.analysis.run import Run
from ganbench.analysis.summaries import final_summaries, measured
from ganbench.quantities import Quantity
from ganbench.report.style import file_stem
from ganbench.report.tables import Table
from ganbench.store import file_name


def agreement_tables(run: Run, dataset: str, order: Sequence[str]) -> list[Table]:
    """A table for each measurement that was taken in three extractors' features or more."""
    names = measured(run, dataset)
    groups = under_several_extractors(run.quantity(name, dataset) for name in names)
    return [table for group in groups if (table := _table(run, dataset, order, group)) is not None]


def _table(run: Run, dataset: str, order: Sequence[str], group: Sequence[Quantity]) -> Table | None:
    agreement = agreement_of(run, dataset, order, group)
    if agreement is None:
        return None
    found, variants = final_summaries(run, dataset), agreement.variants
    medians = {q.name: [found[v, q.name].median for v in variants] for q in group}
    header = [f"{q.protocol['extractor']} {arrow(q)}".rstrip() for q in group]
    rows = [
        [v, *(f"{number(medians[q.name][i])} ({agreement.ranks[q.name][i]:g})" for q in group)]
        for i, v in enumerate(variants)
    ]
    return Table(
        name=file_stem(file_name(dataset), "extractors", group[0].name),
        caption=f"{dataset}: {group[0].name.split('_')[0]} in {len(group)} extractors' features, "
        "median at the final checkpoint (rank)",
        header=["variant", *header],
        rows=rows,
        data=pd.DataFrame({"variant": variants, **medians}),
        notes=[_taus(agreement, group), _winner(agreement)],
    )


def _taus(agreement: RankAgreement, group: Sequence[Quantity]) -> str:
    extractor = {q.name: str(q.protocol["extractor"]) for q in group}
    pairs = (f"{extractor[a]} and {extractor[b]} {tau:.2f}" for (a, b), tau in agreement.tau.items())
    return f"Rank agreement (Kendall's τ; 1: one order, −1: opposite ones): {'; '.join(pairs)}."


def _winner(agreement: RankAgreement) -> str:
    if agreement.winner is not None:
        return f"{agreement.winner} has the best median in all of them."
    return "They do not agree on the best variant, so none is named."
