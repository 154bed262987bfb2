"""A run folder is data: the Python files that it names are executed only where its reader says so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganbench import registry
from ganbench.errors import GanbenchError
from ganbench.execution.sources import source_digest, used_sources


def include_stored(described: Mapping[str, Any], where: Path, trusted: bool) -> tuple[str, ...]:
    """Import the files that a stored cohort was trained with, and return them.

    Raises GanbenchError where they are not trusted, or have been edited since.
    """
    digests = described["made_of"]["sources"]
    if all(name.startswith("ganbench.") for name in digests):
        return ()  # the suite includes them for other cohorts
    files = [Path(file) for file in described["include"]]
    if not trusted:
        raise GanbenchError(
            f"{where} names {', '.join(map(str, files))}, whose code would be executed; "
            "look at it, and add --trust if you trust it"
        )
    for name, file in used_sources(file for file in files if file.is_file()).items():
        if not name.startswith("ganbench.") and digests.get(name) not in (None, source_digest(file)):
            raise GanbenchError(f"{file} was edited since {where} was trained with it")
    for file in files:
        registry.include(file)
    return tuple(described["include"])
