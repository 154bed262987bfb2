"""Keys: what must be equal for a finished cohort to count as done."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ganbench
from ganbench import registry
from ganbench.training.description import CohortDescription

_PACKAGE = Path(ganbench.__file__).parent
_WITHOUT_NUMBERS = (
    *("report", "analysis", "comparison", "selftest", "contract"),
    *("cli", "pages.py", "terminal.py"),
)
"""Rooms above the records: editing them changes no measured number."""


def cohort_key(description: CohortDescription, device_type: str) -> str:
    """A hash of all that decides a cohort's numbers but its seeds, 16 hexadecimal digits.

    In it: the resolved description (workers and threads aside), the sources of ganbench and of the
    plug-ins, torch's version, the device's type; the precision is part of the description.
    """
    described = description.as_json()
    del described["seeds"]
    for how_many in ("processes", "threads"):
        del described["engine"][how_many]
    described["include"] = [digest_of([Path(file)]) for file in description.include]
    plug_ins = digest_of(registry.plugin_sources(description.include))
    return _hash([described, _own_sources(), plug_ins, version("torch"), device_type])


def run_key(descriptions: Iterable[CohortDescription], device_type: str) -> str:
    """A hash of all cohorts' keys and seeds, 16 hexadecimal digits."""
    return _hash([[cohort_key(each, device_type), list(each.seeds)] for each in descriptions])


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


@cache
def _own_sources() -> str:
    files = (*_PACKAGE.rglob("*.py"), *_PACKAGE.rglob("*.safetensors"))
    counted = [f for f in files if f.relative_to(_PACKAGE).parts[0] not in _WITHOUT_NUMBERS]
    return digest_of(sorted(counted))


def digest_of(files: Iterable[Path]) -> str:
    """A hash of files' names and contents, 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        digest.update(os.fsencode(file.name) + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
