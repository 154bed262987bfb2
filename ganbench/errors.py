"""The user's mistakes: each one message that says where, what, and what would work."""

from __future__ import annotations

import difflib
import errno
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_MOST_MISTAKES = 100
"""So many are printed."""


class GanbenchError(Exception):
    """A mistake of the user's; the command line prints it alone and exits with `exit_code`."""

    exit_code = 2


class UnknownName(GanbenchError):
    """A name that nothing is registered under."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        super().__init__(f"unknown {kind} {name!r}{nearest(name, known)}{hint}")


class OutOfMemory(GanbenchError):
    """Memory ran out: nobody's mistake, and what was to be done is incomplete."""

    exit_code = 3

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"out of memory ({why}); allow more, or use fewer --workers or smaller sizes")


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
        more = len(self.mistakes) - _MOST_MISTAKES
        tail = [f"and {more} more mistakes"] if more > 0 else []
        super().__init__("\n".join([*map(str, self.mistakes[:_MOST_MISTAKES]), *tail]))


_NO_MEMORY = re.compile(
    "out of memory|allocate memory|unable to allocate|bad_alloc|failed to map segment|can't start new thread",
    re.IGNORECASE,
)


def out_of_memory(error: BaseException) -> OutOfMemory | None:
    """The message for an exception that says, or comes of one that says, that memory ran out; else None.

    Python, numpy and Arrow say it by the type, the system by its number, torch and the loader in words.
    """
    cause: BaseException | None = error
    while cause is not None:
        worded = isinstance(cause, RuntimeError | ImportError | OSError) and _NO_MEMORY.search(str(cause))
        if worded or isinstance(cause, MemoryError) or getattr(cause, "errno", None) == errno.ENOMEM:
            lines = f"{type(cause).__name__}: {cause}".strip().splitlines()
            return OutOfMemory(lines[0].rstrip(": "))
        cause = cause.__cause__ or cause.__context__
    return None


def label_typed(typed: str, known: Iterable[str]) -> str | None:
    """The known label that somebody typed: case, blanks and quotes may differ where that leaves one."""
    known = list(known)
    alike = [label for label in known if _bare(label) == _bare(typed)]
    return typed if typed in known else alike[0] if len(alike) == 1 else None


def _bare(label: str) -> str:
    return re.sub(r"[\s'\"`]+", "", label).casefold()


def nearest(name: str, known: Iterable[str]) -> str:
    """The tail of a message about a wrong name: the nearest known one, else all of them."""
    known = sorted(known)
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(known)}" if known else "; none is known"
