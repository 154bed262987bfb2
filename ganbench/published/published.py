"""A published number: what it is of, under which settings, and how it is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Published:
    """One number of the literature.

    `error` is half the stated interval, in the value's unit; None where the source states none.
    `kind`: read in the source or its code, derived and checked in double precision, or from memory.
    """

    what: str
    setting: Mapping[str, Any]
    value: float
    error: float | None
    source: str
    kind: Literal["published", "derived", "from memory"] = "published"
