"""Where the two sides come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from ganbench.comparison.medians import NOTHING
from ganbench.comparison.model import Comparison, Side
from ganbench.report.comparison.tables import Names, words
from ganbench.report.tables import Table


def sides(comparison: Comparison) -> Table:
    """Where both sides come from and what they were made with; what differs is marked."""
    base, new = (
        {"source": side.source, "made": side.created, **_flat(side.environment)}
        for side in (comparison.base, comparison.new)
    )
    found = [(name, base.get(name, NOTHING), new.get(name, NOTHING)) for name in dict.fromkeys([*base, *new])]
    rows = [[name, before, after, "differs" if before != after else ""] for name, before, after in found]
    data = pd.DataFrame(found, columns=["name", "base", "new"])
    return Table("sides", "What was recorded of them", ["", "base", "new", ""], rows, data, left=words(4))


def labels(names: Names) -> Table | None:
    """The variants' full labels; None where no name is shorter."""
    found = [(label, short) for label, short in names.items() if short != label]
    if not found:
        return None
    data = pd.DataFrame(found, columns=["label", "name"])
    rows = [[short, label] for label, short in found]
    return Table("names", "Names used here, and full labels", ["name", "label"], rows, data, left=words(2))


def side_facts(side: Side) -> str:
    """A side in one line: its name, when it was made, from which commit."""
    checkout = side.environment.get("git") or side.environment.get("git_of_working_folder") or {}
    commit = str(checkout.get("commit") or "")[:7]
    dirty = ", with uncommitted changes" if checkout.get("dirty") else ""
    when = side.created[:16].replace("T", " ")
    return ", ".join(part for part in (side.name, when, f"commit {commit}{dirty}" if commit else "") if part)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested values under dotted names."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = str(value)
    return found
