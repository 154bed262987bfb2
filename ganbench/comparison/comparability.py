"""Why two cells, or two values, may not be compared: whatever must agree and does not is named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ganbench.comparison.model import Cell
from ganbench.comparison.settings import DATA_HASH, HARDWARE, MIXED
from ganbench.quantities import Quantity

TRAINED = ("finished", "diverged")
"""The outcomes of seeds that were trained as planned."""
_MEASURED_ONLY = ("device type", "precision", DATA_HASH)
"""Conditions that may be unknown: of a cohort that failed, or of older results."""
_MEANING = ("direction", "scale", "target", "unit")
"""What a declaration says of the meaning of a value; the margin is no part of it."""


def differences(base: Cell, new: Cell) -> list[str]:
    """Why two cells are not comparable, in words; empty where they are.

    A cell of which no seed was trained is not judged by what it therefore lacks: it is incomplete.
    """
    names = sorted(set(base.conditions) | set(new.conditions))
    found = [said for name in names for said in _condition(name, base, new)]
    if base.primary != new.primary:
        return [*found, _differs("primary quantity", base.primary, new.primary)]
    return [*found, *_primary(base, new)]


def refusal(base: Cell, new: Cell, name: str) -> str | None:
    """Why the values of a quantity that both cells have are not comparable; None where they are."""
    before, after = base.declared[name], new.declared[name]
    one, other = base.values[name].protocol, new.values[name].protocol
    if one != other or one.startswith(MIXED):
        words = _protocol_words(before, after) or _differs("all of it", one, other)
        return f"measured by another protocol ({words})"
    for field in _MEANING:
        if getattr(before, field) != getattr(after, field):
            return _differs(field, getattr(before, field), getattr(after, field))
    if before.timing or after.timing:
        hardware = "; ".join(_other_hardware(base, new))
        return f"a timing, on other hardware ({hardware})" if hardware else None
    return None


def untrained(cell: Cell) -> bool:
    """Whether not one seed was trained as planned."""
    return not any(outcome in TRAINED for outcome in cell.outcomes.values())


def _primary(base: Cell, new: Cell) -> Iterator[str]:
    name = base.primary
    for cell, side in ((base, "BASE"), (new, "NEW")):
        if name not in cell.values and not untrained(cell):
            yield f"{name} was not measured in {side}"
    if name in base.values and name in new.values:
        refused = refusal(base, new, name)
        if refused:
            yield f"{name}: {refused}"
        elif base.declared[name].direction == "none":
            yield f"{name} does not say which way is better"


def _condition(name: str, base: Cell, new: Cell) -> Iterator[str]:
    """A condition that differs; one that a cell could not know, for nothing was trained, is passed over."""
    before, after = base.conditions.get(name), new.conditions.get(name)
    if (before is None or after is None) and (name in _MEASURED_ONLY or untrained(base) or untrained(new)):
        return
    if before != after:
        yield _differs(name, before, after)
    elif before is not None and before.startswith(MIXED):
        yield f"{name}: {before}"


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
