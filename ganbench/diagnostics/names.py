"""Names of quantities that several diagnostics of a suite measure under one name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping


def distinct_names(declared: Iterable[tuple[str, str, Collection[str]]]) -> dict[str, Mapping[str, str]]:
    """Other names for quantities whose name is taken, by the diagnostic's label: `precision[pixels]`.

    Of each diagnostic its label, its registered name and its quantities.  One that goes by its registered
    name keeps the names as they are, else the first does.
    """
    taken: set[str] = set()
    names: dict[str, Mapping[str, str]] = {}
    for label, name, quantities in sorted(declared, key=lambda each: each[0] != each[1]):
        difference = label.removeprefix(name).removeprefix("[").removesuffix("]") if "[" in label else label
        names[label] = {quantity: f"{quantity}[{difference}]" for quantity in quantities if quantity in taken}
        taken.update(quantities)
    return names
