"""A suite cut down to some variants, data sets and seeds: what a planted defect makes train again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ganbench.errors import UnknownName
from ganbench.suite.suite import Suite
from ganbench.training.description import Budget, Choice


def restricted(
    suite: Suite,
    variants: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    steps: int | None = None,
) -> Suite:
    """The suite with these labels and seeds alone (None: all), under a budget in steps where one is given.

    Raises UnknownName for a label that the suite does not have.
    """
    kept = _chosen("variant", suite.variants, variants)
    labels = {choice.label for choice in kept}
    own = {label: each for label, each in suite.overrides.items() if label in labels}
    if seeds is not None:
        own = {label: replace(each, seeds=None) for label, each in own.items()}
    if steps is not None:
        own = {label: replace(each, budget=None) for label, each in own.items()}
    return replace(
        suite,
        variants=kept,
        datasets=_chosen("data set", suite.datasets, datasets),
        seeds=suite.seeds if seeds is None else tuple(seeds),
        budget=suite.budget if steps is None else Budget("steps", steps),
        overrides=own,
    )


def _chosen(what: str, choices: Sequence[Choice], labels: Sequence[str] | None) -> tuple[Choice, ...]:
    known = {choice.label: choice for choice in choices}
    for label in labels or ():
        if label not in known:
            raise UnknownName(f"{what} of the suite", label, known)
    return tuple(choices) if labels is None else tuple(known[label] for label in labels)
