"""What a comparison is made of, and what it finds: plain values that every other file here speaks in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from ganbench.analysis.cohorts import Budget
from ganbench.analysis.effects import Effect
from ganbench.analysis.statistics import Summary
from ganbench.quantities import Quantity

Key = tuple[str, str]
"""A variant's label and a data set's."""
VerdictKind = Literal[
    "worse", "better", "changed", "no difference", "too small to matter", "insufficient", "not comparable"
]
"""A quantity without a better side has "changed", or shows "no difference"."""
CellStatus = Literal[
    "not comparable", "incomplete", "regression", "insufficient evidence", "pass", "no baseline"
]
"""What a gate makes of a cell: the first that holds, in the order of the exit codes."""


class ReasonCode(StrEnum):
    """Why two results cannot be compared, for programs."""

    CONDITION = "condition"
    PRIMARY = "primary quantity"
    NOT_MEASURED = "not measured"
    UNDIRECTED = "undirected"
    PROTOCOL = "protocol"
    MEANING = "meaning"
    HARDWARE = "hardware"
    REFERENCE = "reference"
    GONE = "gone"


class Reason(str):
    """The same in words; nothing reads them but people."""

    code: ReasonCode

    def __new__(cls, code: ReasonCode, words: str) -> Reason:
        """Words with their code."""
        made = super().__new__(cls, words)
        made.code = code
        return made

    def __getnewargs__(self) -> tuple[ReasonCode, str]:  # type: ignore[override]
        """For copies, those in other processes included."""
        return self.code, str(self)


@dataclass(frozen=True)
class Values:
    """One quantity of one cell at the final checkpoint: seed to value, NaN where it is undefined."""

    by_seed: Mapping[int, float]
    protocol: str
    """All that two values must share, as sorted JSON."""
    reference: float | None = None
    """What real data get under the same protocol, where that was measured."""


@dataclass(frozen=True)
class Cell:
    """One variant on one data set, as far as a comparison needs it."""

    variant: str
    dataset: str
    budget: Budget
    conditions: Mapping[str, str]
    """What must agree to compare, in words: "device type", "precision", "budget", "data", …"""
    circumstances: Mapping[str, str]
    """What is noted where it differs: processor, threads, versions, the variant's options."""
    outcomes: Mapping[int, str]
    """Seed to "finished", "diverged", or its cohort's failure; every planned seed is here."""
    values: Mapping[str, Values]
    declared: Mapping[str, Quantity]
    primary: str
    modes: int | None = None
    """How many modes or classes the data have, where that is known."""
    counts_modes: str | None = None
    """The quantity that counts the modes or classes found, where it was measured."""


@dataclass(frozen=True)
class Side:
    """One of the two results: a run or a saved baseline."""

    name: str
    source: str
    """The path that it was read from."""
    created: str
    environment: Mapping[str, Any]
    cells: Mapping[Key, Cell]


@dataclass(frozen=True)
class Verdict:
    """What one row comes to, and the sentence that says so."""

    kind: VerdictKind
    words: str


@dataclass(frozen=True)
class Row:
    """One quantity of one variant on one data set, compared."""

    variant: str
    dataset: str
    quantity: Quantity
    primary: bool
    base: Summary | None
    new: Summary | None
    base_values: Mapping[int, float]
    new_values: Mapping[int, float]
    effect: Effect | None
    """In the quantity's own unit, new minus base; on a log scale the ratio of new to base."""
    improvement: tuple[float, float, float] | None
    """The probability that a new seed beats one of the base, and its interval."""
    p_worse: float | None
    p_better: float | None
    adjusted: float | None
    """The two-sided p, adjusted for the family that it belongs to (see `family`)."""
    family: str
    smallest: float | None
    """The smallest one-sided p that these sizes and ties allow."""
    detectable: float | None
    """The smallest worsening that would be seen four times in five, in the effect's own terms.

    NaN where none would; None where it was not worked out."""
    verdict: Verdict


@dataclass(frozen=True)
class Comparison:
    """Two sides, compared row by row."""

    base: Side
    new: Side
    rows: tuple[Row, ...]
    differences: Mapping[Key, tuple[Reason, ...]]
    """Why cells are not comparable."""
    notes: tuple[str, ...]
    """What differs and does not forbid the comparison."""
    only_base: tuple[Key, ...]
    only_new: tuple[Key, ...]
    decision: Decision


@dataclass(frozen=True)
class Rules:
    """How strict a gate is; the defaults are the documented ones."""

    level: float = 0.04
    """Family-wise error of the tests of primary quantities."""
    rate_level: float = 0.01
    """Family-wise error of the tests of collapse and divergence."""
    suspect_level: float = 0.05
    """False discovery rate of the suspects, and family-wise error of their confirmation."""
    power: float = 0.8
    """How often a detectable effect is seen."""
    insufficient_passes: bool = False
    detectable: bool = True
    """Whether detectable effects are worked out (they take most of the time)."""
    suspects: bool = True
    """Whether quantities that decide nothing are looked at for suspects."""


@dataclass(frozen=True)
class PrimaryTest:
    """One of a variant's tests: a data set alone, or all of them stratified (`dataset` None)."""

    dataset: str | None
    p: float
    smallest: float
    """Of a data set: the p of a break in which every new seed diverges; it depends on the sizes alone."""
    adjusted: float
    """After Bonferroni within the variant and Holm across variants."""
    effect: Effect | None
    harm: float
    """How much worse, in the unit of the declared margin; NaN for the stratified test."""
    margin: float
    detectable: float | None
    threshold: float = math.nan
    """What its p must be at most where no other variant is red: a break must be able to reach it."""
    p_better: float = 1.0
    """The same test the other way round; 1 where p leaves it no chance to matter."""
    adjusted_better: float = 1.0
    cornered: bool = False
    """Whether BASE is so near to the quantity's bound that nothing worse would matter."""

    @property
    def insufficient(self) -> bool:
        """Whether not even the worst outcome on this data set alone could have gone red."""
        return self.dataset is not None and (self.cornered or self.smallest > self.threshold)


@dataclass(frozen=True)
class Judgement:
    """What the gate makes of one variant."""

    variant: str
    tests: tuple[PrimaryTest, ...]
    p: float
    adjusted: float
    threshold: float
    """What each of its tests' own p had to be at most."""
    regressed: tuple[str, ...]
    """The data sets on which it is worse by more than the margin; empty where it is not red."""
    improved: tuple[str, ...]


@dataclass(frozen=True)
class RateTest:
    """One rate of one cell: seeds that collapsed, or diverged."""

    variant: str
    dataset: str
    rate: Literal["collapse", "divergence"]
    base_events: int
    base_count: int
    new_events: int
    new_count: int
    p: float
    smallest: float
    adjusted: float
    red: bool


@dataclass(frozen=True)
class Suspect:
    """A quantity that decides nothing, and looks worse."""

    variant: str
    dataset: str
    quantity: str
    p: float
    adjusted: float
    effect: Effect
    confirmed: bool | None = None
    """What a rerun on fresh seeds said; None where there was none."""
    confirming_p: float | None = None
    words: str = ""
    """One sentence with the numbers."""


@dataclass(frozen=True)
class CellDecision:
    """What the gate makes of one variant on one data set."""

    variant: str
    dataset: str
    quantity: str
    """The primary quantity."""
    status: CellStatus
    verdict: Verdict
    """On the primary quantity; a comparison's row says the same."""
    notes: tuple[str, ...] = ()
    """Rates and confirmed suspects that make it red, and seeds that are missing."""
    codes: tuple[ReasonCode, ...] = ()
    """Why it is not comparable."""


@dataclass(frozen=True)
class Decision:
    """The gate's decision, with all that led to it."""

    exit_code: int
    word: str
    """"pass", "regression", "insufficient evidence", "incomplete", "not comparable"."""
    reasons: tuple[str, ...]
    judgements: tuple[Judgement, ...]
    rates: tuple[RateTest, ...]
    suspects: tuple[Suspect, ...]
    insufficient: tuple[str, ...]
    """Cells in which even the worst outcome could not have gone red, and how many seeds would do."""
    incomplete: tuple[str, ...]
    incomparable: tuple[str, ...]
    without_baseline: tuple[str, ...]
    notes: tuple[str, ...]
    rules: Rules = field(default_factory=Rules)
    cells: tuple[CellDecision, ...] = ()
    """Every cell of either side, by variant and data set."""
