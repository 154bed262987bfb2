"""The gate: rates of collapse and divergence, and exit codes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from made_sides import QUANTITIES, cell, changed, decided, normal, side, spread

from ganbench.comparison.model import Side
from ganbench.comparison.sides import with_seeds

# Rates


def test_collapse_is_fewer_than_half_the_modes() -> None:
    base = side([cell("v", "d", {"tv": np.zeros(20), "modes_recovered": [8.0] * 20})])
    for modes, red in ((4.0, False), (3.0, True)):
        counts = [8.0] * 2 + [modes] * 8
        decision = decided(base, side([cell("v", "d", {"tv": np.zeros(10), "modes_recovered": counts})]))
        (collapse,) = [t for t in decision.rates if t.rate == "collapse"]
        assert collapse.new_events == (8 if red else 0)
        assert collapse.red is red
        assert decision.exit_code == (1 if red else 0)
        if red:
            assert "collapsed: 8 of 10 seeds, 0 of 20 before" in decision.reasons[0]
            assert decision.cells[0].verdict.kind == "no difference"


def test_diverged_seeds_count_as_collapsed_and_as_diverged() -> None:
    base = side([cell("v", "d", {"tv": spread(20), "modes_recovered": [8.0] * 20})])
    lost = np.where(np.arange(10) < 7, np.nan, 8.0)
    decision = decided(base, side([cell("v", "d", {"tv": lost, "modes_recovered": lost})]))
    assert {t.rate: (t.base_events, t.new_events, t.red) for t in decision.rates} == {
        "collapse": (0, 7, True),
        "divergence": (0, 7, True),
    }


def test_rates_are_adjusted_over_all_of_them() -> None:
    def made(count: int, lost: int) -> Side:
        values = np.where(np.arange(count) < lost, np.nan, 1.0)
        others = [cell(f"v{i}", "d", {"tv": np.ones(count)}) for i in range(8)]
        return side([cell("w", "d", {"tv": values}), *others])

    decision = decided(made(20, 0), made(10, 4))
    (test,) = [t for t in decision.rates if t.variant == "w"]
    assert test.p == pytest.approx(math.comb(10, 4) / math.comb(30, 4))
    assert test.adjusted == pytest.approx(9 * test.p)
    assert not test.red
    assert test.p < 0.01 < test.adjusted


def test_rates_that_could_not_go_red_are_named() -> None:
    """3 of 3 against 0 of 20 is p 1/1771; 36 rates at 1 % ask for 0.00028."""
    counts = {"tv": np.zeros(20), "modes_recovered": [8.0] * 20}

    def made(count: int) -> Side:
        values = {name: each[:count] for name, each in counts.items()}
        return side([cell(f"v{i}", d, values) for i in range(9) for d in "ab"])

    said = [note for note in decided(made(20), made(3)).notes if "could have gone red" in note]
    assert len(said) == 2
    assert said[0].startswith(
        "no rate of divergence, however high, could have gone red in v0 on a, v0 on b, "
    )
    assert "20 against 3 seeds cannot go below p 0.00056, and 0.00028 is needed (36 rates" in said[0]
    gone = {"tv": [np.nan] * 3, "modes_recovered": [np.nan] * 3}
    lost = changed(made(3), ("v4", "a"), **vars(cell("v4", "a", gone)))
    assert not any(t.red for t in decided(made(20), lost).rates)
    assert not [note for note in decided(made(20), made(4)).notes if "could have gone red" in note]


@pytest.mark.parametrize("lost", ["not measured", "another protocol", "another name"])
def test_a_collapse_that_can_no_longer_be_told_is_not_comparable(lost: str) -> None:
    counted = {"tv": spread(20), "modes_recovered": [8.0] * 20}
    base = side([cell("v", "d", counted)])
    made = cell("v", "d", {"tv": spread(10), "modes_recovered": [0.0] * 10})
    assert decided(base, side([made])).exit_code == 1
    values = dict(made.values)
    count = values.pop("modes_recovered")
    if lost == "another protocol":
        values["modes_recovered"] = replace(count, protocol='{"threshold": 2}')
    if lost == "another name":
        values["classes_recovered"] = count
    declared = {n: replace(QUANTITIES["modes_recovered"], name=n) for n in values} | made.declared
    for counts_modes in (None, "classes_recovered"):
        new = side([replace(made, values=values, declared=declared, counts_modes=counts_modes)])
        decision = decided(base, new)
        assert decision.exit_code == 4
        assert "modes_recovered, which tells a collapse" in decision.incomparable[0]
    assert decided(side([cell("v", "d", {"tv": spread(20)})]), side([made])).exit_code == 0
    failed = dict.fromkeys(range(10), "failed")
    nothing = side([replace(made, values={}, declared={}, outcomes=failed, counts_modes=None)])
    assert decided(base, nothing).exit_code == 3


# Exit codes


def test_the_first_exit_code_that_holds_decides() -> None:
    generator = np.random.default_rng(9)
    base = normal(generator, 20)
    broken = normal(generator, 10, {("v0", "ring8"): 9.0})
    assert decided(base, broken).exit_code == 1
    few = with_seeds(broken, range(1))
    both = replace(broken, cells={**broken.cells, ("v5", "digits"): few.cells["v5", "digits"]})
    assert decided(base, both).exit_code == 1
    assert decided(base, both).insufficient
    lost = changed(both, ("v1", "ring8"), outcomes={**both.cells["v1", "ring8"].outcomes, 10: "failed"})
    assert decided(base, lost).exit_code == 3
    other = changed(lost, ("v3", "digits"), conditions={"budget": "200 discriminator updates"})
    decision = decided(base, other)
    assert decision.exit_code == 4
    assert (
        "budget: 100 discriminator updates in BASE, 200 discriminator updates in NEW" in decision.reasons[0]
    )
    assert len(decision.incomplete) == 1
    assert any("worse" in said for said in decision.reasons)


@pytest.mark.parametrize("outcome", ["failed", "timed out", "missing", "skipped"])
def test_trials_that_were_not_trained_make_it_incomplete(outcome: str) -> None:
    made = side([cell("v", "d", {"tv": spread(10)})])
    lost = changed(made, ("v", "d"), outcomes={**made.cells["v", "d"].outcomes, 10: outcome, 11: outcome})
    for base, new, where in ((made, lost, "NEW"), (lost, made, "BASE")):
        decision = decided(base, new)
        assert decision.exit_code == 3
        assert decision.incomplete == (f"v on d: {where}: of 12 seeds 2 {outcome}",)


def test_a_cell_in_which_everything_failed_is_incomplete_and_not_incomparable() -> None:
    base = side([cell("v", "d", {"tv": spread(10)}), cell("w", "d", {"tv": spread(10)})])
    lost = dict.fromkeys(range(10), "failed")
    bare = {"outcomes": lost, "values": {}, "declared": {}, "conditions": {}, "circumstances": {}}
    new = changed(base, ("v", "d"), **bare)
    for pair in ((base, new), (new, base), (new, new)):
        decision = decided(*pair)
        assert decision.exit_code == 3
        assert [j.variant for j in decision.judgements] == ["w"]


def test_cells_of_one_side() -> None:
    one, two = cell("v", "d", {"tv": spread(10)}), cell("w", "d", {"tv": spread(10)})
    gone = decided(side([one, two]), side([one]))
    assert gone.exit_code == 4
    assert "BASE has it and NEW does not" in gone.incomparable[0]
    fresh = decided(side([one]), side([one, two]))
    assert fresh.exit_code == 0
    assert fresh.without_baseline == ("w on d",)
    assert {c.variant: c.status for c in fresh.cells} == {"v": "pass", "w": "no baseline"}
    assert decided(side([one]), side([two])).exit_code == 4
    failed = changed(side([one, two]), ("w", "d"), outcomes={**two.outcomes, 3: "failed"})
    lost = decided(side([one]), failed)
    assert lost.exit_code == 3
    assert lost.incomplete == ("w on d: NEW: of 10 seeds 1 failed; no baseline yet",)
    assert lost.without_baseline == ("w on d",)
    bare = replace(two, values={}, declared={}, outcomes=dict.fromkeys(range(10), "missing"))
    assert decided(side([one]), side([one, bare])).exit_code == 3
    assert decided(side([]), side([bare])).exit_code == 4
    nothing = decided(side([]), side([two]))
    assert (nothing.exit_code, nothing.word) == (4, "not comparable")
    assert decided(side([]), side([])).exit_code == 4
