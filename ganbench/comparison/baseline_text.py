"""A baseline as text: JSON laid out for review, one line a quantity, and what cells share in tables above."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from ganbench import store
from ganbench.comparison.model import Cell, Side
from ganbench.comparison.settings import OPTION, parsed_protocol

FORMAT = 2
"""Version of the file's format; readers refuse every other one."""
WHAT = "ganbench baseline"
"""What such a file says of itself."""
_TABLES = ("protocols", "quantities", "conditions", "circumstances", "options")
"""What many cells share stands once, under the hash of its text."""


def baseline_text(side: Side) -> str:
    """The file of a complete side; the same side gives the same text.

    Only primary quantities and those with a better side are kept.
    """
    tables: dict[str, dict[str, Any]] = {name: {} for name in _TABLES}
    cells = [list(_cell_lines(side.cells[key], tables)) for key in sorted(side.cells)]
    head = {
        "format": FORMAT,
        "what": WHAT,
        "name": side.name,
        "created": side.created,
        "environment": side.environment,
    }
    lines = ["{", *(f" {_json(name)}: {_json(value)}," for name, value in head.items())]
    for name in _TABLES:
        lines += [f" {_json(name)}: {{", *_rows(tables[name].items(), "  "), " },"]
    lines.append(' "cells": [')
    for place, cell in enumerate(cells):
        lines += ["  {", *cell, "  }" + ("," if place < len(cells) - 1 else "")]
    return "\n".join([*lines, " ]", "}", ""])


def _cell_lines(cell: Cell, tables: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    seeds = sorted(cell.outcomes)
    diverged = [seed for seed in seeds if cell.outcomes[seed] == "diverged"]
    about = {
        "variant": cell.variant,
        "dataset": cell.dataset,
        "budget": asdict(cell.budget),
        "conditions": _entered(tables["conditions"], cell.conditions),
        "circumstances": _entered(tables["circumstances"], _options(cell, False)),
        "options": _entered(tables["options"], _options(cell, True)),
        "primary": cell.primary,
        "modes": cell.modes,
        "counts_modes": cell.counts_modes,
        "seeds": seeds,
        "diverged": diverged,
    }
    yield from (f"   {_json(name)}: {_json(value)}," for name, value in about.items())
    kept = [n for n in sorted(cell.values) if n == cell.primary or cell.declared[n].direction != "none"]
    rows = [(name, _stored_values(cell, name, seeds, tables)) for name in kept]
    yield from ['   "values": {', *_rows(rows, "    "), "   }"]


def _options(cell: Cell, wanted: bool) -> dict[str, str]:
    """The variant's options, or all other circumstances."""
    return {name: text for name, text in cell.circumstances.items() if name.startswith(OPTION) is wanted}


def _stored_values(cell: Cell, name: str, seeds: list[int], tables: Mapping[str, dict[str, Any]]) -> Any:
    """One quantity's values in the order of the cell's seeds; of fewer seeds, with those."""
    values, declared = cell.values[name], asdict(cell.declared[name])
    declared["protocol"] = _entered(tables["protocols"], parsed_protocol(values.protocol))
    own = sorted(values.by_seed)
    return {
        "as": _entered(tables["quantities"], declared),
        **({} if own == seeds else {"seeds": own}),
        **({} if values.reference is None else {"reference": values.reference}),
        "values": [None if math.isnan(values.by_seed[s]) else values.by_seed[s] for s in own],
    }


def _entered(table: dict[str, Any], value: Any) -> str:
    """Under which short name a value stands in a table; enters it."""
    name = hashlib.blake2b(store.encoded(_json(value)), digest_size=4).hexdigest()
    assert table.setdefault(name, value) == value, "two values under one name"
    return name


def _rows(rows: Iterable[tuple[str, Any]], indent: str) -> list[str]:
    """The inside of an object, one line a member, sorted by name."""
    lines = [f"{indent}{_json(name)}: {_json(value)}" for name, value in sorted(rows, key=lambda row: row[0])]
    return [line + "," for line in lines[:-1]] + lines[-1:]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
