"""A page that answers first and explains after: one self-contained HTML file."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup, escape

import ganbench
from ganbench.report.comparison.verdicts import STYLES
from ganbench.report.comparison.words import Point
from ganbench.report.page import Part
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
    write_atomic(file, _rendered(head, chapters))
    return file


def _rendered(head: Head, chapters: Sequence[Chapter]) -> bytes:
    room = files("ganbench.report")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    environment.filters |= {"data_uri": _data_uri, "breakable": _breakable}
    template = environment.from_string((room / "sheet.html").read_text(encoding="utf-8"))
    css = "\n".join((room / name).read_text(encoding="utf-8") for name in ("page.css", "sheet.css"))
    text = template.render(
        head=head, sections=chapters, css=Markup(css), styles=STYLES, version=ganbench.__version__
    )
    return text.encode()


def _breakable(text: str) -> Markup:
    """A label that may go on in a new line before its options and between them."""
    return Markup(re.sub(r",(?!\d{3}\b)", ",<wbr>", str(escape(text)).replace("[", "<wbr>[")))


def _data_uri(figure: Figure) -> str:
    return "data:image/png;base64," + base64.b64encode(figure.png).decode()
