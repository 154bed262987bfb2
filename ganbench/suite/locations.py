"""Values with positions: what YAML holds, each part with the line and column it was written at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganbench.errors import Mistake, SuiteError
from ganbench.suite.scalars import Value


@dataclass(frozen=True, order=True)
class Location:
    """A 1-based line and column."""

    line: int
    column: int


@dataclass(frozen=True)
class Scalar:
    """One value; `quoted` says whether it was written in quotes (or as a block of text)."""

    location: Location
    value: Value
    text: str
    quoted: bool = False


@dataclass(frozen=True)
class Items:
    """A YAML list."""

    location: Location
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Pair:
    """One key of a mapping with its value."""

    key: str
    location: Location
    node: Node


@dataclass(frozen=True)
class Mapping:
    """A YAML mapping; its keys are distinct texts."""

    location: Location
    pairs: tuple[Pair, ...]

    def get(self, key: str) -> Pair | None:
        """The pair of a key, if it is there."""
        return next((pair for pair in self.pairs if pair.key == key), None)


Node = Scalar | Items | Mapping


class ErrorCollector:
    """The mistakes found in one file so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.folder = Path(file).parent.absolute()
        """What paths in the file are relative to."""
        self.mistakes: list[Mistake] = []
        self._noted: set[Mistake] = set()

    def add(self, location: Location, text: str) -> None:
        """Note one mistake (once)."""
        mistake = Mistake(self.file, location.line, location.column, " ".join(text.split()))
        if mistake not in self._noted:
            self._noted.add(mistake)
            self.mistakes.append(mistake)

    def raise_any(self) -> None:
        """Raise all mistakes together, if there is one."""
        if self.mistakes:
            raise SuiteError(self.mistakes)


def from_plain(value: Any, location: Location) -> Node:
    """Plain Python values as if they were written at one place."""
    if isinstance(value, dict):
        pairs = (Pair(str(k), location, from_plain(v, location)) for k, v in value.items())
        return Mapping(location, tuple(pairs))
    if isinstance(value, list | tuple):
        return Items(location, tuple(from_plain(v, location) for v in value))
    return Scalar(location, value, str(value), isinstance(value, str))


def plain(node: Node) -> Any:
    """The node's values without places; a float that is a whole number becomes an int."""
    if isinstance(node, Mapping):
        return {pair.key: plain(pair.node) for pair in node.pairs}
    if isinstance(node, Items):
        return [plain(item) for item in node.nodes]
    if isinstance(node.value, float) and node.value.is_integer():
        return int(node.value)
    return node.value
