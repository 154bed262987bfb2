"""The user's mistakes: each one message that says where, what, and what would work."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class GanbenchError(Exception):
    """A mistake of the user's; the command line prints it alone and exits with `exit_code`."""

    exit_code = 2


class UnknownName(GanbenchError):
    """A name that nothing is registered under."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        super().__init__(f"unknown {kind} {name!r}{nearest(name, known)}{hint}")


class MissingData(GanbenchError):
    """A data set's files are not where they were looked for."""


@dataclass(frozen=True)
class Mistake:
    """One mistake in a file: 1-based line and column, and what is wrong."""

    file: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.text}"


class SuiteError(GanbenchError):
    """A suite that cannot be run as written: all its mistakes, one line each, in file order."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(sorted(mistakes, key=lambda m: (m.file, m.line, m.column)))
        super().__init__("\n".join(map(str, self.mistakes)))


def nearest(name: str, known: Iterable[str]) -> str:
    """The tail of a message about a wrong name: the nearest known one, else all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(known)}" if known else "; none is known"
