"""Why two cells, or two values, may not be compared: whatever must agree and does not is named."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from ganbench.analysis.numbers import number
from ganbench.comparison.model import Cell, Reason, ReasonCode
from ganbench.comparison.settings import DATA_HASH, HARDWARE, MIXED
from ganbench.quantities import Quantity

TRAINED = ("finished", "diverged")
"""The outcomes of seeds that were trained as planned."""
ROUNDING = 1e-4
"""Relative difference of two references that is none."""
_MARGIN_SHARE = 0.01
_MEASURED_ONLY = ("device type", "precision", DATA_HASH)
"""Conditions that may be unknown: of a cohort that failed, or of older results."""
_MEANING = ("direction", "scale", "target", "unit")
"""What a declaration says of the meaning of a value; the margin is no part of it."""


def differences(base: Cell, new: Cell) -> list[Reason]:
    """Why two cells are not comparable, in words; empty where they are.

    A cell of which no seed was trained is not judged by what it therefore lacks: it is incomplete.
    """
    names = sorted(set(base.conditions) | set(new.conditions))
    found = [said for name in names for said in _condition(name, base, new)]
    if base.primary != new.primary:
        words = _differs("primary quantity", base.primary, new.primary)
        return [*found, Reason(ReasonCode.PRIMARY, words)]
    return [*found, *_primary(base, new), *_references(base, new)]


def refusal(base: Cell, new: Cell, name: str) -> Reason | None:
    """Why the values of a quantity that both cells have are not comparable; None where they are."""
    before, after = base.declared[name], new.declared[name]
    one, other = base.values[name].protocol, new.values[name].protocol
    if one != other or one.startswith(MIXED):
        words = _protocol_words(before, after) or _differs("all of it", one, other)
        return Reason(ReasonCode.PROTOCOL, f"measured by another protocol ({words})")
    for field in _MEANING:
        if getattr(before, field) != getattr(after, field):
            words = _differs(field, getattr(before, field), getattr(after, field))
            return Reason(ReasonCode.MEANING, words)
    if before.timing or after.timing:
        hardware = "; ".join(_other_hardware(base, new))
        if hardware:
            return Reason(ReasonCode.HARDWARE, f"a timing, on other hardware ({hardware})")
    return _other_reference(base.values[name].reference, new.values[name].reference, before)


def untrained(cell: Cell) -> bool:
    """Whether not one seed was trained as planned."""
    return not any(outcome in TRAINED for outcome in cell.outcomes.values())


def _primary(base: Cell, new: Cell) -> Iterator[Reason]:
    name = base.primary
    for cell, side in ((base, "BASE"), (new, "NEW")):
        if name not in cell.values and not untrained(cell):
            yield Reason(ReasonCode.NOT_MEASURED, f"{name} was not measured in {side}")
    if name in base.values and name in new.values:
        refused = refusal(base, new, name)
        if refused:
            yield Reason(refused.code, f"{name}: {refused}")
        elif base.declared[name].direction == "none":
            yield Reason(ReasonCode.UNDIRECTED, f"{name} does not say which way is better")


def _references(base: Cell, new: Cell) -> Iterator[Reason]:
    """The other quantities with a margin whose reference moved: it tells of the data that all share."""
    for name in sorted(base.values.keys() & new.values.keys() - {base.primary, base.counts_modes}):
        if base.declared[name].smallest_difference is not None:
            refused = refusal(base, new, name)
            if refused is not None and refused.code is ReasonCode.REFERENCE:
                yield Reason(refused.code, f"{name}: {refused}")


def _other_reference(before: float | None, after: float | None, quantity: Quantity) -> Reason | None:
    """A reference that moved by more than rounding: under one protocol, real data get one number."""
    if before == after or (before is not None and after is not None and _rounds_to(before, after, quantity)):
        return None
    said = [number(value) if value is not None else "nothing" for value in (before, after)]
    words = (
        f"real data get {said[0]} in BASE and {said[1]} in NEW by the same protocol, so the data, a split of "
        "them or the measurement changed"
    )
    return Reason(ReasonCode.REFERENCE, words)


def _rounds_to(before: float, after: float, quantity: Quantity) -> bool:
    """Whether two references differ by rounding: of their digits, or of a hundredth of what matters.

    Other processors round otherwise, and what counts neighbours or subtracts near equals then moves by more.
    """
    margin = _MARGIN_SHARE * (quantity.smallest_difference or 0.0)
    if quantity.scale == "log":
        return math.isclose(before, after, rel_tol=ROUNDING + margin)
    return math.isclose(before, after, rel_tol=ROUNDING, abs_tol=margin)


def _condition(name: str, base: Cell, new: Cell) -> Iterator[Reason]:
    """A condition that differs; one that a cell could not know, for nothing was trained, is passed over."""
    before, after = base.conditions.get(name), new.conditions.get(name)
    if (before is None or after is None) and (name in _MEASURED_ONLY or untrained(base) or untrained(new)):
        return
    if before != after:
        yield Reason(ReasonCode.CONDITION, _differs(name, before, after))
    elif before is not None and before.startswith(MIXED):
        yield Reason(ReasonCode.CONDITION, f"{name}: {before}")


def _protocol_words(before: Quantity, after: Quantity) -> str:
    """The members of a protocol that differ."""
    one, other = before.protocol, after.protocol
    names = [name for name in sorted(set(one) | set(other)) if one.get(name) != other.get(name)]
    return "; ".join(_differs(name, one.get(name), other.get(name)) for name in names)


def _other_hardware(base: Cell, new: Cell) -> Iterable[str]:
    for name in HARDWARE:
        before, after = base.circumstances.get(name), new.circumstances.get(name)
        if before is None or before != after or before.startswith(MIXED):
            yield _differs(name, before or "unknown", after or "unknown")


def _differs(name: str, before: object, after: object) -> str:
    said = ["none" if value is None else str(value) for value in (before, after)]
    return f"{name}: {said[0]} in BASE, {said[1]} in NEW"
