"""All data sets together: interquartile means, profiles and ranks of both sides' scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ganbench.analysis.bootstrap import (
    Interval,
    Profile,
    RankDistribution,
    interquartile_means,
    performance_profiles,
    rank_distribution,
    scaled,
)
from ganbench.analysis.statistics import Values
from ganbench.analysis.text import rank_text
from ganbench.comparison.model import Key, Row
from ganbench.report.tables import Table

SIDES = ("base", "new")
_THRESHOLDS = np.linspace(0, 1, 51)


@dataclass(frozen=True)
class Together:
    """Both sides' scores over all data sets and what the seeds say of them; keys are (side, variant)."""

    variants: tuple[str, ...]
    datasets: tuple[str, ...]
    means: Mapping[tuple[str, str], Interval]
    profiles: Mapping[tuple[str, str], Profile]
    ranks: Mapping[str, RankDistribution]
    """By side; of the variants that were compared on every data set."""


def together(rows: Sequence[Row], generator: np.random.Generator) -> Together | None:
    """Scores of the primary quantities that were compared, each data set on a scale of both sides' seeds.

    None where nothing was compared.  A cell that is not comparable, or has no seeds on one side, is left
    out of both sides.
    """
    kept = [
        row for row in rows if row.primary and row.effect is not None and row.base_values and row.new_values
    ]
    if not kept:
        return None
    values = {
        (f"{side} {row.variant}", row.dataset): list(found.values())
        for row in kept
        for side, found in zip(SIDES, (row.base_values, row.new_values), strict=True)
    }
    scores = scaled(values, {row.dataset: row.quantity for row in kept})
    means = interquartile_means(scores, generator)
    profiles = performance_profiles(scores, _THRESHOLDS, generator)
    variants = tuple(dict.fromkeys(row.variant for row in kept))
    return Together(
        variants=variants,
        datasets=tuple(dict.fromkeys(row.dataset for row in kept)),
        means={(s, v): means[f"{s} {v}"] for s in SIDES for v in variants},
        profiles={(s, v): profiles[f"{s} {v}"] for s in SIDES for v in variants},
        ranks={side: rank_distribution(_of(side, scores), generator) for side in SIDES},
    )


def datasets_of(found: Together) -> str:
    """What the scores are over, in words."""
    count = len(found.datasets)
    return found.datasets[0] if count == 1 else f"{count} data sets"


def ranks(found: Together, names: Mapping[str, str]) -> Table | None:
    """Each variant's rank with its doubt, base and new; None where there is nothing to rank."""
    order = found.ranks["new"].variants
    if len(order) < 2:
        return None
    left_out = [names[v] for v in found.variants if v not in order]
    missing = f"Not ranked, being compared on some of the data sets only: {', '.join(left_out)}."
    data = [
        (side, variant, rank, float(_of_variant(found.ranks[side], variant)[rank - 1]))
        for side in SIDES
        for variant in order
        for rank in range(1, len(order) + 1)
    ]
    columns = ("mean rank", "ranks (95 %)", "first")
    return Table(
        name="ranks",
        caption="Ranks over all data sets, and how sure they are",
        header=["variant", *(f"{side}: {column}" for side in SIDES for column in columns)],
        rows=[[names[v], *(text for s in SIDES for text in _rank(found.ranks[s], v))] for v in order],
        data=pd.DataFrame(data, columns=["side", "variant", "rank", "probability"]),
        notes=[
            "First: the probability of rank 1. The file holds the probability of every rank.",
            *([missing] if left_out else []),
        ],
    )


def _rank(ranks: RankDistribution, variant: str) -> tuple[str, str, str]:
    place = ranks.variants.index(variant)
    chance = 100 * _of_variant(ranks, variant)[0]
    return f"{ranks.expected[place]:.2f}", rank_text(*ranks.ranges()[place]), f"{chance:.0f} %"


def _of_variant(ranks: RankDistribution, variant: str) -> Values:
    """The probability of each rank [V]."""
    row: Values = ranks.probability[ranks.variants.index(variant)]
    return row


def _of(side: str, scores: Mapping[Key, np.ndarray]) -> dict[Key, np.ndarray]:
    """One side's scores, under the variants' own labels."""
    prefix = f"{side} "
    return {(v.removeprefix(prefix), d): s for (v, d), s in scores.items() if v.startswith(prefix)}
