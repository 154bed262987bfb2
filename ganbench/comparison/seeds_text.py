"""How many seeds an effect needs as plain text, for a terminal or a log; at most 100 characters a line."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence

from scipy.stats import chi2

from ganbench.analysis.numbers import number
from ganbench.analysis.sample_size import MOST
from ganbench.comparison.layout import WIDTH, columns
from ganbench.comparison.seeds_needed import SeedsNeeded

_NOTHING = "–"
_LARGEST = 700.0
"""A logarithm whose number a float still holds."""
_OWN = "own"
"""In a column's name: as many seeds as were measured, where cells differ in that."""


def seeds_text(found: Sequence[SeedsNeeded], baseline: int, power: float) -> Iterator[str]:
    """The answers as aligned lines, what the columns mean, and why there are answers without a number."""
    counts = _seen_with(found, baseline)
    seen = [f"{count} see" for count in counts]
    header = ("variant", "data set", "measured", "spread", "effect", "both sides", f"against {baseline}")
    yield f"seeds for the gate to see the effect with probability {power:g}, each data set alone"
    lines = [(*header, *seen), *((*_cells(row), *_seen(row, counts)) for row in found)]
    yield from columns(lines, words_last=False, narrowest=4).splitlines()
    yield from textwrap.wrap(
        "measured: seeds in RUN; spread: their standard deviation; effect: what is to be seen; ×: a factor, "
        f"on log scales; both sides: seeds for each; against {baseline}: new seeds, with {baseline} in the "
        "baseline",
        WIDTH,
    )
    yield from textwrap.wrap(_uncertainty(found), WIDTH)
    yield from _explained(found, seen)


def _uncertainty(found: Sequence[SeedsNeeded]) -> str:
    """How well so few seeds show a standard deviation; empty where none shows one."""
    known = [row.measured - row.diverged for row in found if row.spread > 0]
    if not known:
        return ""
    few = min(known)
    low, high = (number(math.sqrt((few - 1) / chi2.ppf(share, few - 1))) for share in (0.975, 0.025))
    known_to = f"{low} to {high} times what {few} seeds show"
    return f"roughly known: the true spread is {known_to} (95 %, of normal values)"


def _explained(found: Sequence[SeedsNeeded], seen: Sequence[str]) -> Iterator[str]:
    """What stands in the place of numbers."""
    if any(_answer(row, None) == "never" for row in found):
        yield "never: within the margin the gate is red half of the time at most, with any number of seeds"
    if any(row.impossible for row in found):
        yield "impossible: the quantity is bounded, and its median seed nearer to that bound than the effect"
    if seen:
        own = f" ({_OWN}: as many as measured)" if any(name.startswith(_OWN) for name in seen) else ""
        yield f"{' and '.join(seen)}: the smallest effect that so many seeds on both sides do see{own}"
    if any(math.isinf(shift) for row in found for shift in row.seen or ()):
        yield "none: with so few seeds, or so near to a bound, no effect is sure to be seen"
    if any(_NOTHING in _cells(row) for row in found):
        yield f"{_NOTHING}: nothing measured, no spread, or no margin declared"


def _seen_with(found: Sequence[SeedsNeeded], baseline: int) -> dict[str, int]:
    """Columns of smallest effects: a number of seeds in words, and its place in `SeedsNeeded.seen`."""
    seen = [row.seen for row in found if row.seen]
    own = {row.measured for row in found if row.seen and row.measured}
    name = str(*own) if len(own) == 1 else _OWN
    columns = {name: 0, str(baseline): 1}  # where both are the same number it stands once
    return {name: i for name, i in columns.items() if not all(math.isnan(pair[i]) for pair in seen)}


def _seen(row: SeedsNeeded, places: dict[str, int]) -> Iterator[str]:
    for place in places.values():
        shift = row.seen[place] if row.seen else math.nan
        blank = "" if math.isnan(shift) else _on_scale(shift, row)
        yield "none" if math.isinf(shift) else blank


def _cells(row: SeedsNeeded) -> tuple[str, ...]:
    lost = f" ({row.diverged} diverged)" if row.diverged else ""
    return (
        row.variant,
        row.dataset,
        f"{row.measured}{lost}" if row.measured else _NOTHING,
        _on_scale(row.spread, row),
        _on_scale(row.shift, row),
        _answer(row, row.each),
        _answer(row, row.against),
    )


def _on_scale(size: float, row: SeedsNeeded) -> str:
    if row.quantity.scale == "log" and not math.isnan(size):
        return f"×{number(math.exp(min(size, _LARGEST)))}"
    return number(size, _NOTHING)


def _answer(row: SeedsNeeded, seeds: int | None) -> str:
    if seeds is not None:
        return str(seeds)
    if row.impossible:
        return "impossible"
    if row.never:
        return "never"
    return f"> {MOST}" if row.shift > 0 and row.spread > 0 else _NOTHING
