"""Whether several measures of one thing order the variants alike: Kendall's τ, and one winner or none."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata

from ganbench.analysis.rank_tests import undefined_last
from ganbench.analysis.run import Run
from ganbench.analysis.statistics import badness
from ganbench.analysis.summaries import final_summaries, measured
from ganbench.quantities import Quantity

FEWEST = 3
"""Extractors from which on their agreement says something."""


@dataclass(frozen=True)
class RankAgreement:
    """How measures order variants, ranks from 1, the best."""

    variants: tuple[str, ...]
    ranks: Mapping[str, NDArray[np.float64]]
    """Each measure's ranks [V]; tied variants share their mean rank, undefined ones come last."""
    tau: Mapping[tuple[str, str], float]
    """Kendall's τ-b of each two measures: 1 in one order, −1 in opposite ones; NaN where one ties all."""
    winner: str | None
    """The variant that is best under every measure and alone so; None where they disagree."""


def rank_agreement(variants: Sequence[str], badness: Mapping[str, Sequence[float]]) -> RankAgreement:
    """The agreement of measures; of badness [V], by variant, smaller is better and NaN undefined."""
    ranks = {name: rankdata(undefined_last(values)) for name, values in badness.items()}
    tau = {pair: _tau(ranks[pair[0]], ranks[pair[1]]) for pair in combinations(ranks, 2)}
    first = {tuple(np.flatnonzero(r == r.min()).tolist()) for r in ranks.values()}
    best = next(iter(first)) if len(first) == 1 else ()
    known = len(best) == 1 and all(np.isfinite(values[best[0]]) for values in badness.values())
    return RankAgreement(tuple(variants), ranks, tau, variants[best[0]] if known else None)


def under_several_extractors(quantities: Iterable[Quantity]) -> list[list[Quantity]]:
    """Groups of quantities that are one measurement in at least three extractors' features."""
    groups: dict[tuple[object, ...], dict[str, Quantity]] = {}
    for quantity in quantities:
        protocol = quantity.protocol
        if "extractor" in protocol and quantity.direction != "none":
            counts = (str(protocol.get(key)) for key in ("split", "generated", "reference"))
            kind = (re.split(r"[_[]", quantity.name)[0], quantity.direction, *counts)
            groups.setdefault(kind, {}).setdefault(str(protocol["extractor"]), quantity)
    return [list(group.values()) for group in groups.values() if len(group) >= FEWEST]


def winners(run: Run, dataset: str, variants: Sequence[str], quantity: str) -> list[str | None]:
    """Of each group of several extractors that a quantity is in: the variant that is best in all, or None."""
    groups = under_several_extractors(run.quantity(name, dataset) for name in measured(run, dataset))
    found = (agreement_of(run, dataset, variants, g) for g in groups if quantity in [q.name for q in g])
    return [agreement.winner for agreement in found if agreement is not None]


def agreement_of(
    run: Run, dataset: str, variants: Sequence[str], group: Sequence[Quantity]
) -> RankAgreement | None:
    """How quantities order the variants that have all of them, by their medians; None of fewer than two."""
    found = final_summaries(run, dataset)
    complete = [v for v in variants if all((v, quantity.name) in found for quantity in group)]
    if len(complete) < 2:
        return None
    medians = ([found[v, q.name].median for v in complete] for q in group)
    order = {
        q.name: badness(values, q.direction, q.target).tolist()
        for q, values in zip(group, medians, strict=True)
    }
    return rank_agreement(complete, order)


def _tau(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    return float(kendalltau(first, second).statistic) if len(first) > 1 else math.nan
