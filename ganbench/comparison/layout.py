"""Plain text for a terminal or a log: lists and tables of at most `WIDTH` characters a line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from ganbench.analysis.numbers import shortened

WIDTH = 100
_NARROWEST = 10


def columns(cells: Sequence[Sequence[str]]) -> str:
    """Rows of equal column widths; the wider of the first two gives way where a line would be too long."""
    if not cells:
        return ""
    widths = _widths(cells)
    lines = []
    for row in cells:
        fitted = [shortened(cell, width) for cell, width in zip(row, widths, strict=True)]
        padded = [
            cell.ljust(width) if place in (0, 1, len(row) - 1) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(fitted, widths, strict=True))
        ]
        lines.append(shortened("".join(f"  {cell}" for cell in padded).rstrip(), WIDTH))
    return "\n".join(lines)


def fit(cells: Sequence[Sequence[str]]) -> bool:
    """Whether such a table's lines are not cut."""
    return sum(_widths(cells)) + 2 * len(cells[0]) <= WIDTH


def _widths(cells: Sequence[Sequence[str]]) -> list[int]:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    while sum(widths) + 2 * len(widths) > WIDTH and max(widths[:2]) > _NARROWEST:
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
