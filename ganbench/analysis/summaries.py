"""Quantities over seeds: at the final checkpoint, and along the training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ganbench.analysis.ranking import final_records
from ganbench.analysis.run import Run
from ganbench.analysis.statistics import Summary, badness, summarize
from ganbench.quantities import Quantity

MOST_MOMENTS = 400
"""Beyond so many moments a curve's points lie closer together than a figure's pixels."""


def measured(run: Run, dataset: str) -> list[str]:
    """The quantities measured on a data set, the primary one first.

    Then those with a direction, then the descriptive ones; each group as declared.
    """
    present = run.records_of(dataset)["quantity"].unique()
    declared = {name: i for i, name in enumerate(run.declared)}
    primary = run.primary(dataset).name

    def place(name: str) -> tuple[bool, bool, int]:
        return (
            name != primary,
            run.quantity(name, dataset).direction == "none",
            declared.get(name, len(declared)),
        )

    return sorted(present, key=place)


def final_summaries(run: Run, dataset: str) -> dict[tuple[str, str], Summary]:
    """(variant, quantity) to what the seeds say at the final checkpoint."""
    rows = run.records_of(dataset)
    groups = rows[rows["final"]].groupby(["variant", "quantity"], sort=False)["value"]
    return {(str(v), str(q)): _summary(run.quantity(str(q), dataset), values) for (v, q), values in groups}


def curves(run: Run, dataset: str, quantity: str) -> dict[str, pd.DataFrame]:
    """Variant to its curve, one row per measuring point: images, median, lower, upper, count.

    `images` is how many real examples were shown to the discriminator by then.
    """
    rows = run.records_of(dataset)
    rows = rows[rows["quantity"] == quantity]
    present = {str(v): group for v, group in rows.groupby("variant", sort=False)}
    return {
        v: pd.DataFrame(_points(run.quantity(quantity, dataset), present[v]))
        for v in run.variants
        if v in present
    }


def _points(quantity: Quantity, rows: pd.DataFrame) -> Iterator[dict[str, float]]:
    for _, group in _moments(rows):
        found = _summary(quantity, group["value"])
        yield {
            "images": float(group["images"].max()),
            "median": found.median,
            "lower": found.lower,
            "upper": found.upper,
            "count": found.count,
        }


def _moments(rows: pd.DataFrame) -> Iterator[tuple[Any, pd.DataFrame]]:
    """The rows of each moment at which all seeds were measured; of very many moments some, evenly.

    Where some seeds were followed after every round, their points count rounds and the others' points do
    not: there a moment is a number of discriminator updates.
    """
    points = rows.groupby("seed")["point"].nunique()
    if points.min() == points.max():
        moments = rows["point"]
    else:
        moments = rows["step"]
        rows = rows[rows.groupby("step")["seed"].transform("nunique") == len(points)]
    known = np.sort(moments.loc[rows.index].unique())
    kept = known[np.unique(np.linspace(0, len(known) - 1, min(len(known), MOST_MOMENTS)).round().astype(int))]
    return iter(rows[moments.loc[rows.index].isin(kept)].groupby(moments))


def _summary(quantity: Quantity, values: pd.Series) -> Summary:
    """The values as they are; on neither side of a target is worse, so there undefined ones are left out."""
    direction = "none" if quantity.direction == "target" else quantity.direction
    return summarize(values.to_numpy(), direction)


def median_seed(run: Run, dataset: str, variant: str) -> int | None:
    """The seed whose final primary value is the median (the better of the middle two)."""
    primary = run.primary(dataset)
    rows = final_records(run, dataset, primary.name)
    rows = rows[rows["variant"] == variant]
    if rows.empty:
        return None
    bad = pd.Series(badness(rows["value"], primary.direction, primary.target), index=rows["seed"].to_numpy())
    ordered = bad.sort_index().sort_values(kind="stable", na_position="last")
    return int(ordered.index[(len(ordered) - 1) // 2])


def reference_value(run: Run, dataset: str, quantity: str) -> float | None:
    """What real data get for a quantity (median over the records), where that was measured."""
    values = final_records(run, dataset, quantity)["reference"].dropna()
    return float(values.median()) if len(values) else None
