"""The short sections of a suite: name, seeds, budget, measuring points, engine."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any, cast

from ganbench.suite.locations import ErrorCollector, Items, Mapping, Node, Scalar
from ganbench.suite.model import (
    MOST_POINTS,
    BudgetSection,
    Count,
    EngineSection,
    Fraction,
    MeasureSection,
    Points,
    Seed,
    SeedRange,
    fields_of,
)
from ganbench.suite.options import WRONG, check_keys, read_section, read_value
from ganbench.suite.wording import found
from ganbench.training.description import Budget, BudgetUnit, Engine

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DEFAULT_POINTS = 8
_FIRST_LOG_POINT = 1e-3


def read_name(node: Node | None, file: str, collector: ErrorCollector) -> str:
    """The suite's name: it names folders, so it is kept plain."""
    if node is None:
        return re.sub(r"[^A-Za-z0-9._-]+", "-", Path(file).stem).strip("-.")[:100] or "suite"
    name = read_value(node, str, "name", collector)
    if name is not WRONG and not _NAME.fullmatch(name):
        text = f"name {name!r} would not do as a folder's name; use letters, digits, '.', '_' and '-'"
        collector.add(node.location, text)
    return str(name)


def read_seeds(node: Node, collector: ErrorCollector) -> tuple[int, ...]:
    """`10`, a list of distinct seeds, or {first: 100, count: 10}."""
    if isinstance(node, Items):
        seeds = read_value(node, list[Seed], "seeds", collector)
        if seeds is WRONG:
            return ()
        earlier: set[int] = set()
        for item, seed in zip(node.nodes, seeds, strict=True):
            if seed in earlier:
                collector.add(item.location, f"seeds: {seed} stands twice; each seed must be distinct")
            earlier.add(seed)
        return tuple(seeds)
    if isinstance(node, Mapping):
        chosen = read_section(node, fields_of(SeedRange), "seeds", collector)
        if WRONG in chosen.values() or chosen["count"] is None:
            return ()
        return tuple(range(chosen["first"], chosen["first"] + chosen["count"]))
    count = read_value(node, Count, "seeds", collector)
    return () if count is WRONG else tuple(range(count))


def read_budget(node: Node, collector: ErrorCollector) -> Budget | None:
    """Exactly one of images, steps, seconds, flops."""
    known = fields_of(BudgetSection)
    units = ", ".join(known)
    if not isinstance(node, Mapping):
        number = node.text if isinstance(node, Scalar) and isinstance(node.value, int | float) else "20000"
        text = f"budget must name one of {units}, not be {found(node)}; write {{images: {number}}}"
        collector.add(node.location, text)
        return None
    nodes = check_keys(node, known, "key", "budget", collector)
    if not nodes and not node.pairs:
        collector.add(node.location, f"budget is empty; give one of {units}")
    for unit in itertools.islice(nodes, 1, None):
        pair = cast(Any, node.get(unit))
        text = f"budget gives {unit!r} beside {next(iter(nodes))!r}; keep exactly one of {units}"
        collector.add(pair.location, text)
    values = {u: read_value(n, known[u].type, f"budget: {u}", collector) for u, n in nodes.items()}
    good = [(u, v) for u, v in values.items() if v is not WRONG]
    return Budget(cast(BudgetUnit, good[0][0]), good[0][1]) if good else None


def read_measure(node: Node | None, collector: ErrorCollector) -> tuple[float, ...]:
    """The fractions of the budget at which the diagnostics look, ascending, the last one 1."""
    if node is None:
        return _points(_DEFAULT_POINTS, "linear", True)
    if not isinstance(node, Mapping):
        points = _read_points(node, "measure", collector)
        return () if points is WRONG else _points(points, "linear", True)
    fields = fields_of(MeasureSection)
    chosen = read_section(Mapping(node.location, _without(node, "points")), fields, "measure", collector)
    pair = node.get("points")
    if pair is not None:
        chosen["points"] = _read_points(pair.node, "measure: points", collector)
    if WRONG in chosen.values():
        return ()
    spacing = node.get("spacing")
    if spacing is not None and isinstance(chosen["points"], tuple):
        collector.add(
            spacing.location, "measure: listed points have no spacing; leave it out, or give a number"
        )
    return _points(chosen["points"], chosen["spacing"], chosen["initial"])


def _without(node: Mapping, key: str) -> Any:
    return tuple(pair for pair in node.pairs if pair.key != key)


def _read_points(node: Node, what: str, collector: ErrorCollector) -> Any:
    """A number of points, or a tuple of ascending fractions."""
    if not isinstance(node, Items):
        return read_value(node, Points, what, collector)
    fractions = read_value(node, list[Fraction], what, collector)
    if fractions is WRONG:
        return WRONG
    if len(fractions) > MOST_POINTS:
        collector.add(node.location, f"{what}: {len(fractions)} points; {MOST_POINTS} are the most")
    for item, (left, right) in zip(node.nodes[1:], itertools.pairwise(fractions), strict=True):
        if not left < right:
            collector.add(
                item.location, f"{what}: {right:g} follows {left:g}; write ascending fractions of the budget"
            )
    return tuple(fractions)


def _points(points: int | tuple[float, ...], spacing: str, initial: bool) -> tuple[float, ...]:
    start = (0.0,) if initial else ()
    if isinstance(points, tuple):
        return (*start, *points, *((1.0,) if points[-1] < 1 else ()))
    if spacing == "linear":
        return (*start, *((k + 1) / points for k in range(points)))
    exponents = [1 - k / (points - 1) for k in range(points)] if points > 1 else [0.0]
    return (*start, *(_FIRST_LOG_POINT**exponent for exponent in exponents))


def read_engine(node: Node | None, collector: ErrorCollector) -> Engine:
    """The engine's settings, defaults filled in."""
    if node is None:
        return Engine()
    chosen = read_section(node, fields_of(EngineSection), "engine", collector)
    return Engine() if WRONG in chosen.values() else Engine(**chosen)


def check_include(node: Node | None, folder: Path, collector: ErrorCollector) -> list[tuple[Path, Any]]:
    """The files to include with their places, in order; relative to the suite's folder."""
    if node is None:
        return []
    if read_value(node, list[str], "include", collector) is WRONG:
        return []
    assert isinstance(node, Items)
    return [
        ((folder / item.text).resolve(), item.location) for item in node.nodes if isinstance(item, Scalar)
    ]
