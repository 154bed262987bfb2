"""Labels short enough to read: options that a method's variants all share say nothing in a figure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganbench.analysis.run import Run

_BREAKS = (r"(?=\[)|(?<=,)(?!\d{3}\b)|(?<= )", r"(?=\()|(?<=[=_-])")
"""Where a label may go on in a new line: before its options and between them; within one where it must."""


def short_names(labels: Sequence[str]) -> dict[str, str]:
    """Label to short name: `a[x=1,y=2]` and `a[x=1,y=3]` are told apart as `a[y=2]` and `a[y=3]`.

    Names stay distinct; where they would not, labels stay as they are.
    """
    groups: dict[str, list[str]] = {}
    for label in labels:
        groups.setdefault(parts(label)[0], []).append(label)
    found = {label: short for name, group in groups.items() for label, short in _told_apart(name, group)}
    return found if len(set(found.values())) == len(found) else {label: label for label in labels}


def parts(label: str) -> tuple[str, str, str]:
    """A label's name, what its brackets hold, and the budget behind them: `a`, `x=1`, `(2,500 steps)`."""
    found = re.fullmatch(r"(?P<name>[^\[]*?)(\[(?P<options>.*)\])?( (?P<budget>\([^()\[\]]*\)))?", label)
    if found is None:
        return label, "", ""
    return found["name"], found["options"] or "", found["budget"] or ""


def wrapped(label: str, width: int) -> list[str]:
    """A label on lines of at most `width` characters, nothing left out: what differs may stand anywhere."""
    pieces = [piece for word in re.split(_BREAKS[0], label) for piece in _pieces(word, width)]
    lines = [""]
    for piece in pieces:
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.strip() for line in lines]


def _pieces(word: str, width: int) -> Iterator[str]:
    """A word, or its parts where it is too long for a line."""
    parts = [word] if len(word.rstrip()) <= width else re.split(_BREAKS[1], word)
    for part in parts:
        step = width if len(part.rstrip()) > width else len(part) or 1
        yield from (part[i : i + step] for i in range(0, len(part), step))


def with_short_names(run: Run) -> Run:
    """The same run, its variants under their short names in the suite's order."""
    names = short_names(run.variants)
    suite = {**run.about.get("suite", {}), "variants": [names[label] for label in run.variants]}
    return replace(
        run,
        about={**run.about, "suite": suite},
        cohorts=tuple(replace(c, variant=names[c.variant]) for c in run.cohorts),
        records=run.records.assign(variant=run.records["variant"].map(names)),
    )


def _told_apart(name: str, labels: Sequence[str]) -> Iterator[tuple[str, str]]:
    options = [list(_options(parts(label)[1])) for label in labels]
    shared = set.intersection(*map(set, options)) if len(labels) > 1 else set()
    for label, own in zip(labels, options, strict=True):
        left = [option for option in own if option not in shared]
        short = f"{name}[{','.join(left)}]" if left else name
        yield label, " ".join(filter(None, (short, parts(label)[2])))


def _options(words: str) -> Iterator[str]:
    """The options that a label's brackets hold, cut at the commas that stand in no inner bracket."""
    depth, word = 0, ""
    for letter in words:
        depth += (letter in "[{(") - (letter in "]})")
        if letter == "," and not depth:
            yield word
            word = ""
        else:
            word += letter
    if word:
        yield word
