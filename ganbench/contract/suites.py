"""What a suite promises: it loads, and a round of each of its games can be trained and measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ganbench import registry
from ganbench.contract.cohorts import structure_of, trial_of
from ganbench.diagnostics.diagnostic import NotApplicable, build
from ganbench.errors import GanbenchError
from ganbench.registry import Kind
from ganbench.suite.load import load_located
from ganbench.suite.locations import ErrorCollector, Location
from ganbench.training.description import Choice, CohortDescription
from ganbench.training.trainer import Trainer
from ganbench.user_code import one_line, raised_by_ganbench, user_code

_BATCHES = (2, 4, 8)
"""The smallest batches are tried first; a game may refuse them, or fail on them alone."""


def check_suite(file: str, include: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Raise SuiteError with every mistake; yield how many cohorts and seeds there are, and what is added.

    Before that an empty mapping for each cohort that was tried: a sign that it goes on.
    """
    suite, places = load_located(file, include=include)
    trials = _Trials(ErrorCollector(suite.file), places)
    cohorts = suite.cohorts()
    for description in cohorts:
        trials.take(description)
        yield {}
    trials.collector.raise_any()
    seeds = {len(each.seeds) for each in cohorts}
    yield {
        "cohorts": len(cohorts),
        "fewest_seeds": min(seeds),
        "most_seeds": max(seeds),
        "games": len(trials.trained),
        "added": suite.added,
    }


class _Trials:
    """Trains one round of one seed for each program, and measures once for each of their structures."""

    def __init__(self, collector: ErrorCollector, places: Mapping[tuple[Kind, str], Location]) -> None:
        self.collector, self._locations = collector, places
        self.trained: set[str] = set()
        self._measured: set[str] = set()

    def take(self, description: CohortDescription) -> None:
        """Note what goes wrong with a cohort at the place of its variant, or of its diagnostic."""
        variant, dataset = description.variant, description.dataset
        key = repr((variant.name, sorted(variant.options.items()), dataset.name, dataset.options))
        if key in self.trained:
            return
        self.trained.add(key)
        subject = f"variant {variant.label!r} on data set {dataset.label!r}"
        cohort = self._guarded(("variant", variant.label), subject, lambda: _smallest_trial(description))
        if cohort is not None:
            for choice in description.diagnostics:
                self._measure(choice, cohort, subject)

    def _measure(self, choice: Choice, cohort: Trainer, subject: str) -> None:
        key = repr((choice, cohort.description.dataset, structure_of(cohort)))
        if key not in self._measured:
            self._measured.add(key)
            location: tuple[Kind, str] = ("diagnostic", choice.label)
            self._guarded(
                location, f"diagnostic {choice.label!r} of {subject}", lambda: _measure(choice, cohort)
            )

    def _guarded(self, location: tuple[Kind, str], subject: str, trial: Any) -> Any:
        """What a trial returns; None after noting what it raised."""
        try:
            with user_code("cannot be run"):
                return trial()
        except GanbenchError as error:
            self.collector.add(self._locations[location], f"{subject}: {error}")
        except Exception as error:
            if raised_by_ganbench(error):
                raise
            self.collector.add(self._locations[location], f"{subject}: cannot be run: {one_line(error)}")
        return None


def _smallest_trial(description: CohortDescription) -> Trainer:
    """A cohort after one round of each stage, with the smallest batch that the game takes."""
    usual = description.variant
    smaller = [size for size in _BATCHES if size < usual.options.get("batch_size", 0)]
    known = "batch_size" in registry.get("variant", usual.name).options
    for size in smaller if known else ():
        choice = replace(usual, options={**usual.options, "batch_size": size})
        try:
            return trial_of(replace(description, variant=choice))
        except Exception:  # whatever this batch is to blame for, the suite's own does not show
            continue
    return trial_of(description)


def _measure(choice: Choice, cohort: Trainer) -> None:
    try:
        diagnostic = build(choice.name, cohort.dataset, choice.options)
    except NotApplicable:
        return
    diagnostic.on_round(cohort.state)
    diagnostic.measure(cohort.snapshot(0, False))
    diagnostic.arrays()
