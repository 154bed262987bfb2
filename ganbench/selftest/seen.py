"""What saw a planted defect: the gate, the golden trace, the determinism check, the contract tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ganbench.selftest.defect import Defect
from ganbench.selftest.golden import compare_golden
from ganbench.selftest.plain import to_plain
from ganbench.selftest.power import Power

COMPANY = 1e-9
"""By how much a seed's numbers may change, relatively, when a seed is added beside it."""


@dataclass(frozen=True)
class Seen:
    """One row of the matrix."""

    defect: Defect
    power: Power | None
    """None where nothing could be trained."""
    golden: int
    """How many numbers of the golden trace deviate."""
    first_deviation: str
    repeats: bool
    """Whether two processes give the same bits for the same seeds."""
    independent_of_cohort_members: bool
    """Whether a seed's numbers stay when another is added."""
    broken_promises: tuple[str, ...]
    failed: tuple[str, ...]
    """Cohorts that did not finish, or what stopped the whole process."""

    @property
    def large(self) -> bool:
        """Whether it worsens a primary quantity by two standard deviations or more; a failure counts."""
        return bool(self.failed) or (self.power is not None and self.power.large)

    @property
    def caught(self) -> bool:
        """Whether the gate's exit code shows it reliably; a run in which nothing trains does."""
        return self.power is None or self.power.caught

    @property
    def elsewhere(self) -> tuple[str, ...]:
        """What else saw it."""
        found = {
            "golden trace": self.golden > 0,
            "determinism": not (self.repeats and self.independent_of_cohort_members),
            "contract": bool(self.broken_promises),
            "suspects": self.power is not None and _often(self.power.suspects),
            "unexplained better": self.power is not None and _often(self.power.better),
        }
        return tuple(name for name, saw in found.items() if saw)

    def as_json(self) -> dict[str, Any]:
        """The row with what follows from it, as plain values."""
        found: dict[str, Any] = to_plain(self)
        if self.power is not None:
            found["power"]["worst"] = to_plain(self.power.worst)
        return found | {"large": self.large, "caught": self.caught, "elsewhere": list(self.elsewhere)}


def seen(
    defect: Defect,
    power: Power | None,
    probe: Mapping[str, Any],
    repeat: Mapping[str, Any],
    golden: Mapping[str, Any],
    failed: Sequence[str],
) -> Seen:
    """A row, from the power, the answers of two processes, and the trace of the unpatched package."""
    deviations = compare_golden(golden, probe["golden"]) if "golden" in probe else []
    return Seen(
        defect=defect,
        power=power,
        golden=len(deviations),
        first_deviation=str(deviations[0]) if deviations else "",
        repeats=probe.get("repeated") == repeat.get("repeated"),
        independent_of_cohort_members=_alike(repeat.get("repeated", []), repeat.get("beside", [])),
        broken_promises=tuple(probe.get("contract", ())),
        failed=tuple(failed),
    )


def _often(shares: Mapping[str, float]) -> bool:
    return any(share >= 0.5 for share in shares.values())


def _alike(alone: Sequence[Mapping[str, Any]], beside: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the norms of all parameters agree; `beside` has one more seed, first."""
    pairs = (
        (one, other)
        for cohort, company in zip(alone, beside, strict=True)
        for ours, theirs in zip(cohort["norms"], company["norms"][1:], strict=True)
        for one, other in zip(ours, theirs, strict=True)
    )
    return all(abs(one - other) <= COMPANY * max(abs(one), abs(other)) for one, other in pairs)
