"""A history as plain text, for a terminal or a log; at most 100 characters a line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from ganbench.comparison.history_model import WHAT_TO_ADD, History
from ganbench.comparison.layout import WIDTH


def history_text(found: History) -> Iterator[str]:
    """What became of every cell, or what a history of one result lacks."""
    for said in (*found.same, *_said(found)):
        yield from textwrap.wrap(said, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def _said(found: History) -> Iterator[str]:
    if found.alone:
        yield f"one result, {found.results[0]}, has no history: there is nothing to set it beside"
        yield f"to add: {WHAT_TO_ADD}"
        return
    for series in found.series:
        yield f"{series.variant} on {series.dataset}: {series.words}"
