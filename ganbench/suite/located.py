"""Values with positions: what YAML holds, each part with the line and column it was written at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench.errors import Mistake, SuiteError
from ganbench.suite.scalars import Value


@dataclass(frozen=True, order=True)
class Place:
    """A 1-based line and column."""

    line: int
    column: int


@dataclass(frozen=True)
class Scalar:
    """One value; `quoted` says whether it was written in quotes (or as a block of text)."""

    place: Place
    value: Value
    text: str
    quoted: bool = False


@dataclass(frozen=True)
class Items:
    """A YAML list."""

    place: Place
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Pair:
    """One key of a mapping with its value."""

    key: str
    place: Place
    node: Node


@dataclass(frozen=True)
class Mapping:
    """A YAML mapping; its keys are distinct texts."""

    place: Place
    pairs: tuple[Pair, ...]

    def get(self, key: str) -> Pair | None:
        """The pair of a key, if it is there."""
        return next((pair for pair in self.pairs if pair.key == key), None)


Node = Scalar | Items | Mapping


class Mistakes:
    """The mistakes found in one file so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.folder = Path(file).parent.absolute()
        """What paths in the file are relative to."""
        self.found: list[Mistake] = []
        self._noted: set[Mistake] = set()

    def add(self, place: Place, text: str) -> None:
        """Note one mistake (once)."""
        mistake = Mistake(self.file, place.line, place.column, " ".join(text.split()))
        if mistake not in self._noted:
            self._noted.add(mistake)
            self.found.append(mistake)

    def raise_any(self) -> None:
        """Raise all mistakes together, if there is one."""
        if self.found:
            raise SuiteError(self.found)


def from_plain(value: Any, place: Place) -> Node:
    """Plain Python values as if they were written at one place."""
    if isinstance(value, dict):
        pairs = (Pair(str(k), place, from_plain(v, place)) for k, v in value.items())
        return Mapping(place, tuple(pairs))
    if isinstance(value, list | tuple):
        return Items(place, tuple(from_plain(v, place) for v in value))
    return Scalar(place, value, str(value), isinstance(value, str))


def plain(node: Node) -> Any:
    """The node's values without places; a float that is a whole number becomes an int."""
    if isinstance(node, Mapping):
        return {pair.key: plain(pair.node) for pair in node.pairs}
    if isinstance(node, Items):
        return [plain(item) for item in node.nodes]
    if isinstance(node.value, float) and node.value.is_integer():
        return int(node.value)
    return node.value
