"""How many seeds a wanted effect needs, from the spread that a run measured, by the gate's own rule.

The gate is red where p is small enough and the estimated effect is beyond the declared margin.  An effect
of just the margin is estimated beyond it half of the time, whatever the number of seeds, and a smaller one
ever more rarely as seeds are added: "never", and not a number.  What such a user needs to know is how
far beyond the margin an effect must be to be seen, so that stands in the answer's place.  A declared bound
makes effects impossible that lead beyond it: those get no number either.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from ganbench.analysis.sample_size import detectable, seeds_needed
from ganbench.analysis.statistics import Values
from ganbench.comparison.detectable import margin_on_scale, on_scale, room, seen_of, worst_place
from ganbench.comparison.matching import in_order
from ganbench.comparison.model import Cell, Rules, Side
from ganbench.errors import GanbenchError
from ganbench.quantities import Quantity

FORMS = (
    "2sd (standard deviations of the seeds), 10% (of the median), 0.05 (in the quantity's unit), or margin"
)
_ROUNDING = 1e-9
_MOST_PAIRED = 300
"""With more seeds on both sides all their pairs take seconds a cell."""
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
    room: float = math.inf
    """How much worse the median seed can become before it is at the quantity's bound, on the same scale."""
    seen: tuple[float, float] | None = None
    """The smallest effects that are seen by as many seeds on both sides as were measured, and by `baseline`
    many; infinite where not any.  Worked out where the wanted effect never is, or is impossible."""

    @property
    def never(self) -> bool:
        """Whether the gate is not red with the wanted probability for any number of seeds."""
        margin = margin_on_scale(self.quantity)
        return 0 < self.shift <= margin * (1 + _ROUNDING)

    @property
    def impossible(self) -> bool:
        """Whether the quantity's bound is nearer than the wanted effect."""
        return self.shift > 0 and self.shift > self.room * (1 + _ROUNDING)


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
    `power` is above one half: up to there an effect of the margin is seen, which is said never to be.
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
    row = SeedsNeeded(
        variant=cell.variant,
        dataset=cell.dataset,
        quantity=quantity,
        measured=places.size,
        diverged=int(np.isnan(places).sum()),
        spread=spread,
        shift=_shift(wanted, values, quantity, spread),
        threshold=threshold,
        each=None,
        against=None,
        room=room(places, quantity),
    )
    if row.never or row.impossible:
        (apart,) = generator.spawn(1)  # other cells' answers stay as they are
        own, other = (_smallest_seen(row, places, count, power, apart) for count in (places.size, baseline))
        return replace(row, seen=(own, other))
    if not row.shift > 0 or not spread > 0:
        return row

    def needed(n_base: int | None) -> int | None:
        margin, worst = margin_on_scale(quantity), worst_place(quantity)
        return seeds_needed(
            places, row.shift, threshold, power,
            generator=generator, n_base=n_base, margin=margin, worst=worst,
        )  # fmt: skip

    return replace(row, each=needed(None), against=needed(baseline))


def _smallest_seen(
    row: SeedsNeeded, places: Values, count: int, power: float, generator: np.random.Generator
) -> float:
    """The smallest effect that `count` seeds on both sides see; infinite where not any is.

    NaN where there are no seeds, or so many that it is not worked out.
    """
    if not 0 < count <= _MOST_PAIRED:
        return math.nan
    worst = worst_place(row.quantity)
    shift = detectable(
        places, count, count, row.threshold, power,
        generator=generator, margin=margin_on_scale(row.quantity), worst=worst,
    )  # fmt: skip
    return seen_of(shift, places, worst)


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
