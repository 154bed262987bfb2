"""Results as plain JSON values and back: infinite numbers as words, which JSON has no numbers for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

_WORDS = {math.inf: "infinite", -math.inf: "-infinite"}


def to_plain(value: Any) -> Any:
    """Dataclasses, mappings and sequences as JSON values; NaN is null."""
    if is_dataclass(value) and not isinstance(value, type):
        return to_plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): to_plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(each) for each in value]
    if isinstance(value, float):
        return None if math.isnan(value) else _WORDS.get(value, value)
    return value


def number_of(value: Any) -> float:
    """A number that `to_plain` wrote."""
    named = {word: number for number, word in _WORDS.items()}
    return math.nan if value is None else float(named.get(value, value))
