"""How many seeds a wanted effect needs, from the spread that a run measured."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ganbench.analysis.numbers import number
from ganbench.analysis.sample_size import MOST, seeds_needed
from ganbench.analysis.statistics import Values, badness
from ganbench.comparison.model import Cell, Rules, Side
from ganbench.errors import GanbenchError
from ganbench.quantities import Quantity

FORMS = (
    "2sd (standard deviations of the seeds), 10% (of the median), 0.05 (in the quantity's unit), or margin"
)
_EFFECT = re.compile(r"(?P<amount>\d+(\.\d*)?([eE][-+]?\d+)?|\.\d+)\s*(?P<unit>sd|%|)", re.IGNORECASE)


@dataclass(frozen=True)
class Wanted:
    """An effect as a user asks for it: so many "sd", "%", of the quantity's unit (""), or its "margin"."""

    unit: str
    amount: float = 1.0


@dataclass(frozen=True)
class SeedsNeeded:
    """One cell's answer."""

    variant: str
    dataset: str
    quantity: Quantity
    measured: int
    """Seeds that the spread rests on."""
    diverged: int
    spread: float
    """Standard deviation over seeds; on a log scale of the logarithm."""
    shift: float
    """The wanted effect on the same scale; NaN where it says nothing for this quantity."""
    threshold: float
    """What p the gate asks for in this cell."""
    each: int | None
    """Seeds on both sides; None: more than `MOST`, or the spread is not known."""
    against: int | None
    """New seeds against a baseline of `baseline` seeds."""


def parse_effect(text: str) -> Wanted:
    """Read `2sd`, `10%`, `0.05` or `margin`; raises GanbenchError for anything else."""
    if text.strip().lower() == "margin":
        return Wanted("margin")
    found = _EFFECT.fullmatch(text.strip())
    if found is None or not float(found["amount"]) > 0:
        raise GanbenchError(f"--effect {text!r}: not an effect; write {FORMS}")
    return Wanted(found["unit"].lower(), float(found["amount"]))


def seeds_for(
    side: Side,
    wanted: Wanted,
    rules: Rules,
    baseline: int,
    power: float,
    generator: np.random.Generator,
) -> list[SeedsNeeded]:
    """Each cell's answer, as the gate would test it: alone, beside its other data sets and all variants.

    Two answers a cell: as many seeds on either side, and new seeds against a baseline of `baseline`.
    """
    datasets = Counter(variant for variant, _ in side.cells)
    found = []
    for cell in side.cells.values():
        count = datasets[cell.variant]
        threshold = rules.level / len(datasets) / (count + 1 if count > 1 else 1)
        found.append(_of_cell(cell, wanted, threshold, baseline, power, generator))
    return found


def _of_cell(
    cell: Cell, wanted: Wanted, threshold: float, baseline: int, power: float, generator: np.random.Generator
) -> SeedsNeeded:
    quantity = cell.declared[cell.primary]
    bad = _on_scale(cell, quantity)
    known = bad[np.isfinite(bad)]
    spread = float(known.std(ddof=1)) if known.size > 1 else math.nan
    shift = _shift(wanted, cell, quantity, spread)
    if not shift > 0 or not spread > 0:
        each = against = None
    else:
        each = seeds_needed(bad, shift, threshold, power, generator=generator)
        against = seeds_needed(bad, shift, threshold, power, generator=generator, n_base=baseline)
    lost = int(np.isnan(bad).sum())
    return SeedsNeeded(
        cell.variant, cell.dataset, quantity, bad.size, lost, spread, shift, threshold, each, against
    )


def _measured(cell: Cell) -> Values:
    return np.array(list(cell.values[cell.primary].by_seed.values()), dtype=np.float64)


def _on_scale(cell: Cell, quantity: Quantity) -> Values:
    """The seeds' badness; on a log scale its logarithm, so that a shift is the logarithm of a factor."""
    values = _measured(cell)
    if quantity.scale == "linear" or quantity.direction == "target":
        return badness(values, quantity.direction, quantity.target)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = np.log(values)
    return -logarithms if quantity.direction == "higher" else logarithms


def _shift(wanted: Wanted, cell: Cell, quantity: Quantity, spread: float) -> float:
    """The wanted effect on the scale on which seeds are compared."""
    logarithmic = quantity.scale == "log" and quantity.direction != "target"
    if wanted.unit == "sd":
        return wanted.amount * spread
    if wanted.unit == "%":
        factor = 1 + wanted.amount / 100
        return math.log(factor) if logarithmic else abs(float(np.nanmedian(_measured(cell)))) * (factor - 1)
    amount = wanted.amount if wanted.unit == "" else quantity.smallest_difference
    if amount is None:
        return math.nan
    return math.log1p(amount) if logarithmic else amount


def seeds_text(found: list[SeedsNeeded], baseline: int, power: float) -> Iterator[str]:
    """The answers as aligned lines, at most 100 characters each."""
    header = ("variant", "data set", "measured", "spread", "effect", "both sides", f"against {baseline}")
    rows = [header, *map(_cells, found)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    widths[0] = min(widths[0], 100 - sum(widths[1:]) - 2 * len(widths))
    yield f"seeds for the gate to see the effect with probability {power:g}, each data set alone"
    for row in rows:
        cells = [c[: widths[i]].ljust(widths[i]) if i < 2 else c.rjust(widths[i]) for i, c in enumerate(row)]
        yield ("  " + "  ".join(cells)).rstrip()


def _cells(row: SeedsNeeded) -> tuple[str, ...]:
    factor = row.quantity.scale == "log" and row.quantity.direction != "target"
    as_words = (lambda x: f"×{number(math.exp(x), '–')}") if factor else (lambda x: number(x, "–"))
    lost = f" ({row.diverged} diverged)" if row.diverged else ""
    return (
        row.variant,
        row.dataset,
        f"{row.measured}{lost}",
        as_words(row.spread),
        as_words(row.shift),
        _count(row, row.each),
        _count(row, row.against),
    )


def _count(row: SeedsNeeded, seeds: int | None) -> str:
    if seeds is not None:
        return str(seeds)
    return f"> {MOST}" if row.shift > 0 and row.spread > 0 else "–"
