"""Settings to choices: every one under a label of its own, none twice."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass

from ganbench.suite.located import Mistakes, Place
from ganbench.suite.naming import bracketed
from ganbench.suite.settings import Setting
from ganbench.training.description import Choice


@dataclass(frozen=True)
class Placed:
    """A choice, where it is written, and where its network is (if it is)."""

    choice: Choice
    place: Place
    network_place: Place | None = None


def choose(settings: list[Setting], mistakes: Mistakes) -> list[Placed]:
    """The settings under their labels; notes settings and labels that stand twice."""
    times = Counter(setting.name for setting in settings if setting.label is None)
    placed: list[Placed] = []
    lines: dict[str, int] = {}
    labels: dict[str, int] = {}
    for setting in settings:
        label = label_of(setting, times[setting.name] == 1)
        same = json.dumps([setting.name, setting.options], sort_keys=True, default=str)
        if same in lines:
            text = f"{label!r} is the same as in line {lines[same]}, with every option equal; remove one"
            mistakes.add(setting.place, text)
        elif label in labels:
            text = f"the label {label!r} is taken in line {labels[label]}; write label: NAME beside the name"
            mistakes.add(setting.place, text)
        lines.setdefault(same, setting.place.line)
        labels.setdefault(label, setting.place.line)
        placed.append(
            Placed(Choice(setting.name, label, setting.options), setting.place, setting.network_place)
        )
    return placed


def label_of(setting: Setting, alone: bool) -> str:
    """The user's label, or the name where it occurs once, else the name with the written options."""
    if setting.label is not None:
        return bracketed(setting.label, {name: setting.given[name] for name in setting.swept}, "[]")
    return setting.name if alone else bracketed(setting.name, setting.given, "[]")
