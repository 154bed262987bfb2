"""What a suite promises: it loads, and a step of each of its games can be made and measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ganbench.suite import load_suite


def check_suite(file: str, include: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Raise SuiteError with every mistake; yield how many cohorts and seeds there are, and what is added."""
    suite = load_suite(file, include=include)
    seeds = {len(each.seeds) for each in suite.cohorts()}
    counts = {"cohorts": len(suite.cohorts()), "fewest_seeds": min(seeds), "most_seeds": max(seeds)}
    yield {**counts, "added": suite.added}
