"""What a run was to train, as its own description says: cells and seeds that are missing are found by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ganbench.analysis.cohorts import Budget
from ganbench.comparison.model import Key


@dataclass(frozen=True)
class Planned:
    """The seeds and the budget of one variant on one data set."""

    seeds: tuple[int, ...]
    budget: Budget


def planned_cells(about: Mapping[str, Any]) -> dict[Key, Planned]:
    """Every variant on each data set that it is for; nothing where the description does not say."""
    suite = about.get("suite") or {}
    seeds, budget = suite.get("seeds"), _budget(suite.get("budget"))
    if not isinstance(seeds, list) or budget is None:
        return {}
    found: dict[Key, Planned] = {}
    for variant in _choices(suite.get("variants")):
        own = (suite.get("overrides") or {}).get(variant["label"]) or {}
        wanted = tuple(map(int, own.get("seeds") or seeds))
        amount = _budget(own.get("budget")) or budget
        for dataset in _choices(suite.get("datasets")):
            on = own.get("on")
            if on is None or dataset["label"] in on or dataset["name"] in on:
                found[variant["label"], dataset["label"]] = Planned(wanted, amount)
    return found


def _choices(items: Any) -> Iterator[Mapping[str, Any]]:
    for item in items if isinstance(items, list) else ():
        if isinstance(item, Mapping) and {"label", "name"} <= set(item):
            yield item


def _budget(said: Any) -> Budget | None:
    """A budget as {"unit": …, "amount": …}, or as suites write it, {unit: amount}."""
    if not isinstance(said, Mapping) or not said:
        return None
    if {"unit", "amount"} <= set(said):
        return Budget(str(said["unit"]), float(said["amount"]))
    unit, amount = next(iter(said.items()))
    return Budget(str(unit), float(amount))
