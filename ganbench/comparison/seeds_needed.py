"""How many seeds a wanted effect needs, from the spread that a run measured, by the gate's own rule.

The gate is red where p is small enough and the estimated effect is beyond the declared margin.  An effect
of just the margin is estimated beyond it half of the time, whatever the number of seeds, and a smaller one
ever more rarely as seeds are added: "never", and not a number.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ganbench.analysis.numbers import number
from ganbench.analysis.sample_size import MOST, seeds_needed
from ganbench.analysis.statistics import Values
from ganbench.comparison.detectable import margin_on_scale, on_scale, worst_place
from ganbench.comparison.matching import in_order
from ganbench.comparison.model import Cell, Rules, Side
from ganbench.errors import GanbenchError
from ganbench.quantities import Quantity

FORMS = (
    "2sd (standard deviations of the seeds), 10% (of the median), 0.05 (in the quantity's unit), or margin"
)
NEVER = "never (below the margin)"
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
    """Seeds on both sides; None: never, more than `MOST`, or the spread is not known."""
    against: int | None
    """New seeds against a baseline of `baseline` seeds."""

    @property
    def never(self) -> bool:
        """Whether the gate is not red with the wanted probability for any number of seeds."""
        margin = margin_on_scale(self.quantity)
        return 0 < self.shift <= margin * (1 + 1e-9)


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
    values = in_order(cell, cell.primary)
    quantity = cell.declared.get(cell.primary) or Quantity(cell.primary, cell.primary)
    places = on_scale(values, quantity)
    known = places[np.isfinite(places)]
    spread = float(known.std(ddof=1)) if known.size > 1 else math.nan
    shift = _shift(wanted, values, quantity, spread)
    lost = int(np.isnan(places).sum())
    row = SeedsNeeded(
        cell.variant, cell.dataset, quantity, places.size, lost, spread, shift, threshold, None, None
    )
    if row.never or not shift > 0 or not spread > 0:
        return row

    def needed(n_base: int | None) -> int | None:
        margin, worst = margin_on_scale(quantity), worst_place(quantity)
        return seeds_needed(
            places, shift, threshold, power,
            generator=generator, n_base=n_base, margin=margin, worst=worst,
        )  # fmt: skip

    return replace(row, each=needed(None), against=needed(baseline))


def _shift(wanted: Wanted, values: Values, quantity: Quantity, spread: float) -> float:
    """The wanted effect on the scale on which seeds are compared."""
    logarithmic = quantity.scale == "log"
    if wanted.unit == "sd":
        return wanted.amount * spread
    if wanted.unit == "%":
        factor = 1 + wanted.amount / 100
        known = values[~np.isnan(values)]
        middle = abs(float(np.median(known))) if known.size else math.nan
        return math.log(factor) if logarithmic else middle * (factor - 1)
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
    if any(row.never for row in found):
        yield f"{NEVER}: the gate calls no effect a regression that is smaller than the declared margin"


def _cells(row: SeedsNeeded) -> tuple[str, ...]:
    factor = row.quantity.scale == "log"
    as_words = (lambda x: f"×{number(math.exp(x), '–')}") if factor else (lambda x: number(x, "–"))
    lost = f" ({row.diverged} diverged)" if row.diverged else ""
    return (
        row.variant,
        row.dataset,
        f"{row.measured}{lost}" if row.measured else "–",
        as_words(row.spread),
        as_words(row.shift),
        _count(row, row.each),
        _count(row, row.against),
    )


def _count(row: SeedsNeeded, seeds: int | None) -> str:
    if seeds is not None:
        return str(seeds)
    if row.never:
        return "never"
    return f"> {MOST}" if row.shift > 0 and row.spread > 0 else "–"
