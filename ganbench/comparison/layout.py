"""Plain text for a terminal or a log: lists and tables of at most `WIDTH` characters a line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from ganbench.analysis.numbers import shortened

WIDTH = 100


def columns(
    cells: Sequence[Sequence[str]], optional: Sequence[str] = (), words_last: bool = True, narrowest: int = 10
) -> str:
    """Rows of equal column widths under a heading, the first row; the first two columns are words.

    The wider of the first two columns gives way where a line would be too long, and then those that are
    `optional`, one after another; labels keep `narrowest` characters, and numbers are never cut.
    """
    if not cells:
        return ""
    for name in optional:
        if _fit(cells, narrowest):
            break
        cells = _without(cells, name)
    widths, words = _widths(cells, narrowest), {0, 1, len(cells[0]) - 1 if words_last else 0}
    lines = []
    for row in cells:
        fitted = [shortened(cell, width) for cell, width in zip(row, widths, strict=True)]
        padded = [
            cell.ljust(width) if place in words else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(fitted, widths, strict=True))
        ]
        lines.append("".join(f"  {cell}" for cell in padded).rstrip())
    return "\n".join(lines)


def _without(cells: Sequence[Sequence[str]], name: str) -> list[list[str]]:
    place = list(cells[0]).index(name)
    return [[*row[:place], *row[place + 1 :]] for row in cells]


def _fit(cells: Sequence[Sequence[str]], narrowest: int) -> bool:
    """Whether the lines of such a table are not too long."""
    return sum(_widths(cells, narrowest)) + 2 * len(cells[0]) <= WIDTH


def _widths(cells: Sequence[Sequence[str]], narrowest: int) -> list[int]:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    while sum(widths) + 2 * len(widths) > WIDTH and max(widths[:2]) > narrowest:
        widths[widths[1] > widths[0]] -= 1
    return widths


def listed_under(heading: str, items: Iterable[str]) -> str:
    """Items under a heading, wrapped; empty where there are none."""
    lines = [
        line
        for item in items
        for line in textwrap.wrap(
            item, WIDTH, initial_indent="  ", subsequent_indent="    ", break_on_hyphens=False
        )
    ]
    return "\n".join([heading] * bool(heading) + lines) if lines else ""
