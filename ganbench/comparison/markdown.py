"""Markdown pages with a size that they keep: what does not fit is left out, and the page says so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ganbench import store

LIMIT = 1_000_000
"""Bytes; job pages take less than 1 MiB, 1,048,576."""
_RESERVE = 1500
_LONGEST = 600
"""Characters of a table's cell or of a list's item."""
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Section:
    """A heading, the lines that stand under it, and then rows, of which the last may be left out."""

    title: str
    rows: Sequence[str]
    head: Sequence[str] = field(default=())


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], note: str = "") -> Section:
    """A section with a table; all texts are made safe."""
    lines = [_row(columns), "|" + " --- |" * len(columns)]
    return Section(title, [_row(row) for row in rows], [*([note, ""] if note else []), *lines])


def bullets(title: str, items: Iterable[str]) -> Section:
    """A section with a list; all texts are made safe."""
    return Section(title, [f"- {safe(item)}" for item in items])


def page(title: str, opening: Sequence[str], sections: Iterable[Section], all_in: str) -> str:
    """The page; sections without rows are passed over.  `all_in` is the file that holds everything."""
    lines = [f"# {safe(title)}", "", *opening]
    size = sum(map(_bytes, lines))
    left_out: list[str] = []
    for section in sections:
        if not section.rows:
            continue
        head = ["", f"## {safe(section.title)}", "", *section.head]
        kept = _fitting([*head, *section.rows], LIMIT - _RESERVE - size) if not left_out else 0
        rows = max(0, kept - len(head))
        if rows:
            lines += [*head, *section.rows[:rows]]
            size = sum(map(_bytes, lines))
        if rows < len(section.rows):
            left_out.append(f"{len(section.rows) - rows:,} of {len(section.rows):,} under “{section.title}”")
    if left_out:
        said = "; ".join(left_out)[: _RESERVE // 3]
        lines += ["", f"Left out, to stay below 1 MiB: {said}.  All of it is in {all_in}."]
    return "\n".join([*lines, ""])


def safe(text: str) -> str:
    """A text that is one line of Markdown, without markup, and not overlong."""
    line = " ".join(printable(text).split())
    line = line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
    return re.sub(r"([\\|`*<>]|\](?=\())", r"\\\1", line)


def printable(text: str) -> str:
    """A text in which characters that neither XML nor a page may hold are written out."""
    return _UNPRINTABLE.sub(lambda found: _written_out(ord(found.group())), text)


def _written_out(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(safe, cells))} |"


def _fitting(lines: Sequence[str], room: int) -> int:
    """How many of the lines, from the first, fit into so many bytes."""
    for place, line in enumerate(lines):
        room -= _bytes(line)
        if room < 0:
            return place
    return len(lines)


def _bytes(line: str) -> int:
    return len(store.encoded(line)) + 1
