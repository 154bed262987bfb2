"""The tests that decide: per variant each data set alone and all of them stratified, one-sided.

Within a variant by Bonferroni, across variants by Holm.  Red also needs a difference of at least the
declared margin, on the data set that decided or, where only all data sets together did, on one of them;
and those without the data sets that are worse by less than their margins must show it just as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ganbench.analysis.effects import Effect, effect, harm
from ganbench.analysis.rank_tests import RankTest, rank_test, stratified_rank_test
from ganbench.comparison.attainable import at_worst, attainable
from ganbench.comparison.cornered import cornered
from ganbench.comparison.detectable import detectable_effect
from ganbench.comparison.holm import Step, holm_steps
from ganbench.comparison.margins import margin, matters
from ganbench.comparison.matching import Pair
from ganbench.comparison.model import Judgement, PrimaryTest, Rules
from ganbench.comparison.streams import stream

_SIMULATED = 0.02
"""More than a p from random deals is off by."""


@dataclass(frozen=True)
class _Cell:
    """One data set of a variant: its test, and how large the difference is."""

    pair: Pair
    test: RankTest
    effect: Effect
    harm: float

    @property
    def dataset(self) -> str:
        return self.pair.base.dataset

    @property
    def large(self) -> bool:
        return matters(self.harm, self.pair.primary)


@dataclass(frozen=True)
class _Family:
    """A variant's tests, in one direction: is it worse, or is it better?"""

    cells: tuple[_Cell, ...]
    together: RankTest | None
    """All data sets stratified; None where there is one."""
    side: str
    """"worse" or "better"."""

    @property
    def count(self) -> int:
        return len(self.cells) + (self.together is not None)

    @property
    def smallest(self) -> float:
        alone = min(cell.test.p for cell in self.cells)
        return min(alone, self.together.p) if self.together else alone


def judge(pairs: Iterable[Pair], rules: Rules, root: int) -> tuple[Judgement, ...]:
    """One judgement per variant, of pairs in the order of variants with primary values on both sides."""
    groups = {v: tuple(group) for v, group in groupby(pairs, lambda pair: pair.base.variant)}
    worse = {variant: _family(group, root) for variant, group in groups.items()}
    better = {variant: _mirrored(family, rules, root) for variant, family in worse.items()}
    steps, mirrored = _steps(worse, rules), _steps(better, rules)
    return tuple(
        _judgement(variant, worse[variant], better[variant], (steps[variant], mirrored[variant]), rules, root)
        for variant in groups
    )


def _judgement(
    variant: str, worse: _Family, better: _Family, steps: tuple[Step, Step], rules: Rules, root: int
) -> Judgement:
    threshold = rules.level / (steps[0].families * worse.count)
    return Judgement(
        variant=variant,
        tests=_tests(worse, better, steps, threshold, rules, root),
        p=steps[0].p,
        adjusted=steps[0].adjusted,
        threshold=steps[0].threshold,
        regressed=_beyond(worse, steps[0], rules, root),
        improved=_beyond(better, steps[1], rules, root),
    )


def _family(pairs: Sequence[Pair], root: int) -> _Family:
    cells = []
    for pair in pairs:
        found = effect(*pair.values(pair.base.primary), pair.primary)
        test = rank_test(*pair.primary_badness, generator=stream(root, "worse", *pair.key))
        cells.append(_Cell(pair, test, found, harm(found.estimate, pair.primary)))
    return _Family(tuple(cells), _together(cells, root, "worse"), "worse")


def _together(cells: Sequence[_Cell], root: int, side: str) -> RankTest | None:
    if len(cells) < 2:
        return None
    pairs = [cell.pair.primary_badness_by_seed for cell in cells]
    turned = pairs if side == "worse" else [(new, base) for base, new in pairs]
    return stratified_rank_test(turned, stream(root, side, cells[0].pair.base.variant))


def _mirrored(family: _Family, rules: Rules, root: int) -> _Family:
    """The same tests the other way round: is it better?

    The two p of a test add up to at least 1, so one that says "worse" above level leaves nothing to find:
    there the other p is not worked out, and 1 stands for it.
    """
    cells = tuple(
        _Cell(cell.pair, _other_way(cell, rules, root), cell.effect, -cell.harm) for cell in family.cells
    )
    together = family.together
    if together is not None:
        hopeless = _hopeless(together, rules)
        together = RankTest(1.0, together.smallest, True) if hopeless else _together(cells, root, "better")
    return _Family(cells, together, "better")


def _other_way(cell: _Cell, rules: Rules, root: int) -> RankTest:
    if _hopeless(cell.test, rules):
        return RankTest(1.0, cell.test.smallest, True)
    base, new = cell.pair.primary_badness
    return rank_test(new, base, generator=stream(root, "better", *cell.pair.key))


def _hopeless(worse: RankTest, rules: Rules) -> bool:
    """Whether the test the other way round cannot be significant."""
    return worse.p < 1 - rules.level - (0.0 if worse.exact else _SIMULATED)


def _steps(families: Mapping[str, _Family], rules: Rules) -> dict[str, Step]:
    return holm_steps(
        {variant: family.smallest for variant, family in families.items()},
        {variant: family.count for variant, family in families.items()},
        rules.level,
    )


def _beyond(family: _Family, step: Step, rules: Rules, root: int) -> tuple[str, ...]:
    """The data sets on which a variant is worse (or better) by the margin or more, and not by chance.

    Where no data set's own test shows it and the stratified one does, it names those that lean that way;
    but not where the stratified test owes it to data sets that are worse by less than their margins.
    """
    if step.adjusted > rules.level:
        return ()
    large = [cell for cell in family.cells if cell.large]
    alone = tuple(cell.dataset for cell in large if step.adjust(cell.test.p) <= rules.level)
    if alone or not _significant(family.together, step, rules):
        return alone
    counted = [cell for cell in family.cells if cell.large or cell.harm <= 0]
    # The test of a single one that is left is not stratified: it is its own, and did not show it.
    left_out = len(counted) < len(family.cells)
    if left_out and not _significant(_together(counted, root, family.side), step, rules):
        return ()
    return tuple(cell.dataset for cell in large if cell.test.p < 0.5)


def _significant(test: RankTest | None, step: Step, rules: Rules) -> bool:
    return test is not None and step.adjust(test.p) <= rules.level


def _tests(
    family: _Family, mirrored: _Family, steps: tuple[Step, Step], threshold: float, rules: Rules, root: int
) -> tuple[PrimaryTest, ...]:
    """The tests as they are told; `threshold` is what one needs where no other variant is red."""
    worse, better = steps
    found = [_told(cell, threshold, rules, root) for cell in family.cells]
    turned = [cell.test.p for cell in mirrored.cells]
    if family.together is not None and mirrored.together is not None:
        p, smallest = family.together.p, family.together.smallest
        found.append(PrimaryTest(None, p, smallest, p, None, math.nan, math.nan, None, threshold))
        turned.append(mirrored.together.p)
    return tuple(
        replace(test, adjusted=worse.adjust(test.p), p_better=p, adjusted_better=better.adjust(p))
        for test, p in zip(found, turned, strict=True)
    )


def _told(cell: _Cell, threshold: float, rules: Rules, root: int) -> PrimaryTest:
    base, new = cell.pair.primary_badness
    seen = None
    if rules.detectable:
        generator = stream(root, "detectable", *cell.pair.key)
        values = cell.pair.values(cell.pair.base.primary)[0]
        seen = detectable_effect(values, new.size, cell.pair.primary, threshold, rules.power, generator)
    return PrimaryTest(
        dataset=cell.dataset,
        p=cell.test.p,
        smallest=attainable(base.size, at_worst(base, cell.pair.primary), new.size),
        adjusted=cell.test.p,
        effect=cell.effect,
        harm=cell.harm,
        margin=margin(cell.pair.primary),
        detectable=seen,
        threshold=threshold,
        cornered=cornered(cell.pair.values(cell.pair.base.primary)[0], cell.pair.primary),
    )
