"""A baseline on file: what later comparisons need of a run, small enough to review."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from ganbench import store
from ganbench.analysis.cohorts import Budget
from ganbench.analysis.numbers import listed
from ganbench.comparison.baseline_checks import check_cell, check_environment, check_quantity, check_texts
from ganbench.comparison.baseline_text import FORMAT, baseline_text
from ganbench.comparison.baseline_text import WHAT as WHAT
from ganbench.comparison.comparability import TRAINED
from ganbench.comparison.markdown import printable
from ganbench.comparison.model import Cell, Side, Values
from ganbench.comparison.run_side import rounded, side_of_run
from ganbench.comparison.settings import protocol_text
from ganbench.errors import GanbenchError
from ganbench.quantities import Quantity

_REMEDY = "`ganbench baseline save RUN FILE` writes one"
_NAMED = 5
"""So many cells are named in a message."""


class IncompleteRun(GanbenchError):
    """A run in which trials are missing or failed: not what later runs should be held to."""

    exit_code = 3


def save_baseline(run: str | Path, file: str | Path) -> Side:
    """Write the directed final values of a run folder, and return them; the same run gives the same bytes.

    Raises IncompleteRun where trials are missing or failed.
    """
    side = side_of_run(run)
    lacking = [said for said in map(_lacking, side.cells.values()) if said]
    if lacking:
        more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
        raise IncompleteRun(
            f"{run}: incomplete, so it is no baseline: {'; '.join(lacking[:_NAMED])}{more}; "
            "`ganbench run` with the same suite and folder trains what is missing"
        )
    store.write_atomic(Path(file), store.encoded(baseline_text(side)))
    return side


def read_baseline(file: str | Path) -> Side:
    """A saved baseline; raises GanbenchError where the file is none, or is of another format."""
    file = Path(file)
    stored = store.read_json(file, f", so it is no baseline; {_REMEDY}")
    said = isinstance(stored, Mapping) and stored.get("what") == WHAT
    if not said or not isinstance(stored.get("format"), int):
        raise GanbenchError(f"{file}: not a baseline (it does not say {WHAT!r} and a format); {_REMEDY}")
    if stored["format"] != FORMAT:
        remedy = "use a newer ganbench" if stored["format"] > FORMAT else _REMEDY
        raise GanbenchError(
            f"{file}: format {stored['format']}, but this ganbench reads baselines of format {FORMAT}; "
            f"{remedy}"
        )
    try:
        return _side(stored, str(file))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise GanbenchError(
            f"{file}: a broken baseline ({type(error).__name__}: {error}); was it edited?  {_REMEDY}"
        ) from error


def _lacking(cell: Cell) -> str:
    """What a cell lacks to be part of a baseline, in words; empty where it is complete."""
    lost = [o for o in cell.outcomes.values() if o not in TRAINED]
    where = f"{cell.variant} on {cell.dataset}"
    if lost:
        return f"{where} ({len(lost)} of {len(cell.outcomes)} seeds {listed(sorted(set(lost)))})"
    if not cell.outcomes:
        return f"{where} (no seeds)"
    return "" if cell.primary in cell.values else f"{where} ({cell.primary} was not measured)"


def _side(stored: Mapping[str, Any], source: str) -> Side:
    check_environment(stored["environment"])
    for table in ("conditions", "circumstances", "options"):
        for texts in stored[table].values():
            check_texts(table, texts)
    cells = [_cell(each, stored) for each in stored["cells"]]
    found = {(cell.variant, cell.dataset): cell for cell in cells}
    if len(found) < len(cells):
        raise ValueError("a variant stands twice on one data set")
    return Side(str(stored["name"]), source, str(stored["created"]), dict(stored["environment"]), found)


def _cell(each: Mapping[str, Any], stored: Mapping[str, Any]) -> Cell:
    check_cell(each)
    seeds = each["seeds"]
    gone = set(each["diverged"])
    declared = {str(name): stored["quantities"][row["as"]] for name, row in each["values"].items()}
    protocols = {name: stored["protocols"][said["protocol"]] for name, said in declared.items()}
    return Cell(
        variant=printable(str(each["variant"])),
        dataset=printable(str(each["dataset"])),
        budget=Budget(str(each["budget"]["unit"]), float(each["budget"]["amount"])),
        conditions=dict(stored["conditions"][each["conditions"]]),
        circumstances={
            **stored["circumstances"][each["circumstances"]],
            **stored["options"][each["options"]],
        },
        outcomes={seed: "diverged" if seed in gone else "finished" for seed in seeds},
        values={
            name: Values(_by_seed(row, seeds), _protocol(protocols[name]), row.get("reference"))
            for name, row in each["values"].items()
        },
        declared={name: _quantity(said, protocols[name]) for name, said in declared.items()},
        primary=str(each["primary"]),
        modes=None if each["modes"] is None else int(each["modes"]),
        counts_modes=each["counts_modes"],
    )


def _by_seed(row: Mapping[str, Any], seeds: list[int]) -> dict[int, float]:
    numbers = [math.nan if value is None else rounded(float(value)) for value in row["values"]]
    return dict(zip(row.get("seeds", seeds), numbers, strict=True))


def _protocol(stored: Mapping[str, Any]) -> str:
    return str(stored["mixed"]) if "mixed" in stored else protocol_text(stored)


def _quantity(declared: Mapping[str, Any], protocol: Mapping[str, Any]) -> Quantity:
    known = {field.name for field in fields(Quantity)} - {"protocol"}
    given = {name: value for name, value in declared.items() if name in known}
    check_quantity(given)
    return Quantity(**given, protocol=dict(protocol))
