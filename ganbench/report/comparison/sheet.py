"""A page that answers first and explains after: one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ganbench.report.comparison.verdicts import STYLES
from ganbench.report.comparison.words import Point
from ganbench.report.page import Part, rendered
from ganbench.report.style import Figure
from ganbench.report.tables import Table
from ganbench.store import write_atomic


@dataclass(frozen=True)
class Head:
    """The top of a page: its title, the outcome in a word and a sentence, facts, and what to read first."""

    title: str
    what: str
    outcome: str
    style: str
    sentence: str
    remarks: Sequence[str]
    facts: Sequence[tuple[str, str]]
    points: Sequence[Point]


@dataclass(frozen=True)
class Chapter:
    """A section of the page; `words` are explained terms: a term, its meaning, the page's class for it."""

    label: str
    anchor: str
    about: str
    parts: Sequence[Part]
    words: Sequence[tuple[str, str, str]] = ()


def write_sheet(file: Path, head: Head, chapters: Sequence[Chapter]) -> Path:
    """Write the page, its figures into figures/ and its tables into tables/, beside it; returns its path."""
    items = [item for chapter in chapters for part in chapter.parts for item in part.items]
    for item in items:
        if isinstance(item, Figure):
            write_atomic(file.parent / item.file, item.png)
        elif isinstance(item, Table):
            write_atomic(file.parent / "tables" / f"{item.name}.md", item.markdown())
            write_atomic(file.parent / "tables" / f"{item.name}.csv", item.csv())
    css = ["page.css", "sheet.css"]
    write_atomic(file, rendered("sheet.html", css, head=head, sections=chapters, styles=STYLES))
    return file
