"""Settings to choices: every one under a label of its own, none twice."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from ganbench.suite.locations import ErrorCollector, Location
from ganbench.suite.naming import bracketed, budget_words
from ganbench.suite.overrides import NO_OVERRIDES, VariantOverrides
from ganbench.suite.settings import Setting
from ganbench.training.description import Budget, Choice


@dataclass(frozen=True)
class LocatedChoice:
    """A choice, where it is written, and where its network is (if it is)."""

    choice: Choice
    location: Location
    network_location: Location | None = None
    overrides: VariantOverrides = NO_OVERRIDES
    budget_location: Location | None = None
    on_locations: tuple[Location, ...] = ()


def choose(
    settings: list[Setting], collector: ErrorCollector, budget: Budget | None = None
) -> list[LocatedChoice]:
    """The settings under their labels; notes settings and labels that stand twice.

    `budget` is the suite's: only another one is a setting's own, and shows in its label.
    """
    settings = [_without_what_is_usual(each, budget) for each in settings]
    many = _with_many_settings(settings)
    placed: list[LocatedChoice] = []
    lines: dict[str, int] = {}
    labels: dict[str, int] = {}
    for setting in settings:
        label = label_of(setting, setting.name not in many)
        same = _words(
            setting.name, setting.options, asdict(setting.overrides)["budget"], setting.overrides.on
        )
        if same in lines:
            text = f"{label!r} is the same as in line {lines[same]}, with every option equal; remove one"
            collector.add(setting.location, text)
        elif label in labels:
            text = f"the label {label!r} is taken in line {labels[label]}; write label: NAME beside the name"
            collector.add(setting.location, text)
        lines.setdefault(same, setting.location.line)
        labels.setdefault(label, setting.location.line)
        choice = Choice(setting.name, label, setting.options)
        places = (setting.budget_location, setting.on_locations)
        placed.append(
            LocatedChoice(choice, setting.location, setting.network_location, setting.overrides, *places)
        )
    return placed


def label_of(setting: Setting, alone: bool) -> str:
    """The user's label, or the name where one setting has it, else the name with the written options.

    A budget of its own stands behind, where the user gave no label.
    """
    if setting.label is not None:
        return bracketed(setting.label, {name: setting.given[name] for name in setting.swept}, "[]")
    label = setting.name if alone else bracketed(setting.name, setting.given, "[]")
    budget = setting.overrides.budget
    return label if budget is None else f"{label} ({budget_words(budget.unit, budget.amount)})"


def _without_what_is_usual(setting: Setting, budget: Budget | None) -> Setting:
    return (
        replace(setting, overrides=replace(setting.overrides, budget=None))
        if setting.overrides.budget == budget
        else setting
    )


def _with_many_settings(settings: Iterable[Setting]) -> set[str]:
    """The names that need options to tell their settings apart; a budget alone tells two."""
    found: dict[str, set[str]] = {}
    for setting in settings:
        if setting.label is None:
            found.setdefault(setting.name, set()).add(_words(setting.options))
    return {name for name, options in found.items() if len(options) > 1}


def _words(*values: Any) -> str:
    return json.dumps(values, sort_keys=True, default=str)
