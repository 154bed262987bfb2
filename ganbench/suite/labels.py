"""Settings to choices: every one under a label of its own, none twice."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from ganbench.suite.located import Mistakes, Place
from ganbench.suite.naming import bracketed, budget_words
from ganbench.suite.own import AS_THE_SUITE, Own
from ganbench.suite.settings import Setting
from ganbench.training.description import Budget, Choice


@dataclass(frozen=True)
class Placed:
    """A choice, where it is written, and where its network is (if it is)."""

    choice: Choice
    place: Place
    network_place: Place | None = None
    own: Own = AS_THE_SUITE
    budget_place: Place | None = None
    on_places: tuple[Place, ...] = ()


def choose(settings: list[Setting], mistakes: Mistakes, budget: Budget | None = None) -> list[Placed]:
    """The settings under their labels; notes settings and labels that stand twice.

    `budget` is the suite's: only another one is a setting's own, and shows in its label.
    """
    settings = [_without_what_is_usual(each, budget) for each in settings]
    many = _with_many_settings(settings)
    placed: list[Placed] = []
    lines: dict[str, int] = {}
    labels: dict[str, int] = {}
    for setting in settings:
        label = label_of(setting, setting.name not in many)
        same = _words(setting.name, setting.options, asdict(setting.own)["budget"], setting.own.on)
        if same in lines:
            text = f"{label!r} is the same as in line {lines[same]}, with every option equal; remove one"
            mistakes.add(setting.place, text)
        elif label in labels:
            text = f"the label {label!r} is taken in line {labels[label]}; write label: NAME beside the name"
            mistakes.add(setting.place, text)
        lines.setdefault(same, setting.place.line)
        labels.setdefault(label, setting.place.line)
        choice = Choice(setting.name, label, setting.options)
        places = (setting.budget_place, setting.on_places)
        placed.append(Placed(choice, setting.place, setting.network_place, setting.own, *places))
    return placed


def label_of(setting: Setting, alone: bool) -> str:
    """The user's label, or the name where one setting has it, else the name with the written options.

    A budget of its own stands behind, where the user gave no label.
    """
    if setting.label is not None:
        return bracketed(setting.label, {name: setting.given[name] for name in setting.swept}, "[]")
    label = setting.name if alone else bracketed(setting.name, setting.given, "[]")
    budget = setting.own.budget
    return label if budget is None else f"{label} ({budget_words(budget.unit, budget.amount)})"


def _without_what_is_usual(setting: Setting, budget: Budget | None) -> Setting:
    return (
        replace(setting, own=replace(setting.own, budget=None)) if setting.own.budget == budget else setting
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
