"""Values as they appear in labels: `n_critic=5`, `network=mlp(width=64)`."""

from __future__ import annotations

import json
from typing import Any


def word(value: Any) -> str:
    """A value as it appears in a label."""
    if isinstance(value, list):
        return f"({','.join(map(word, value))})"
    if isinstance(value, dict):
        return "+".join(
            bracketed(k, {n: word(v) for n, v in o.items()}, "()")
            if isinstance(o, dict)
            else f"{k}={word(o)}"
            for k, o in value.items()
        )
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value)


def budget_words(unit: str, amount: float) -> str:
    """A budget in the words of a suite file: `2,500 steps`."""
    shown = f"{amount:,.0f}" if float(amount).is_integer() and amount < 1e9 else f"{amount:g}"
    return f"{shown} {unit.removesuffix('s') if amount == 1 else unit}"


def bracketed(name: str, words: dict[str, str], brackets: str) -> str:
    """A name with `key=word` pairs in brackets; without pairs the bare name."""
    if not words:
        return name
    inside = ",".join(f"{key}={word}" for key, word in words.items())
    return f"{name}{brackets[0]}{inside}{brackets[1]}"
