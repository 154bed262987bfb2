"""The gate: suspects, and their confirmation on fresh seeds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from made_sides import QUANTITIES, QUICK, cell, changed, side, spread

from ganbench.comparison.gate import confirmed, gate
from ganbench.comparison.model import Side
from ganbench.comparison.suspects import seeds_to_confirm

# Suspects


def both(count: int, seed: int, shift: float = 0.0, cells: int = 3) -> Side:
    generator = np.random.default_rng(seed)
    return side(
        [
            cell(
                f"v{i}", "d", {"tv": spread(count), "score": generator.normal(size=count) - shift * (i == 1)}
            )
            for i in range(cells)
        ]
    )


def test_suspects_never_change_the_exit_code_until_they_are_confirmed() -> None:
    rules = replace(QUICK, suspects=True)
    base, new = both(20, 0), both(10, 1, shift=3.0)
    decision = gate(base, new, rules, np.random.default_rng(0))
    assert decision.exit_code == 0
    (suspect,) = decision.suspects
    assert (suspect.variant, suspect.quantity, suspect.confirmed) == ("v1", "score", None)
    again = confirmed(decision, base, both(10, 2, shift=3.0), np.random.default_rng(0))
    assert again.exit_code == 1
    assert again.suspects[0].confirmed is True
    assert "confirmed on fresh seeds" in again.reasons[0]
    luck = confirmed(decision, base, both(10, 2), np.random.default_rng(0))
    assert luck.exit_code == 0
    assert luck.suspects[0].confirmed is False
    assert luck.suspects[0].confirming_p is not None


def test_a_suspect_with_a_target_is_told_as_a_distance() -> None:
    """A share that falls from 0.5 to 0.1 is 0.4 further off; a bare "+0.4" would read as a rise."""
    base = side([cell("v", "d", {"tv": spread(20), "share": 0.5 + 0.001 * spread(20)})])
    new = side([cell("v", "d", {"tv": spread(10), "share": 0.1 + 0.001 * spread(10)})])
    (suspect,) = gate(base, new, replace(QUICK, suspects=True), np.random.default_rng(0)).suspects
    assert suspect.effect.estimate == pytest.approx(0.4, abs=0.05)
    assert suspect.words.startswith("share, distance to 0.500: +0.")


def test_a_suspect_that_was_not_measured_again_makes_its_cell_incomplete() -> None:
    rules = replace(QUICK, suspects=True)
    base = both(20, 0)
    decision = gate(base, both(10, 1, shift=3.0), rules, np.random.default_rng(0))
    bare = side([cell("v1", "d", {"tv": spread(10)})])
    again = confirmed(decision, base, bare, np.random.default_rng(0))
    assert again.exit_code == 3
    assert again.incomplete == ("v1 on d: not measured again on fresh seeds: score",)
    assert again.suspects[0].confirmed is False
    assert "not measured again" in again.suspects[0].words


def test_fresh_seeds_that_failed_make_the_suspects_cell_incomplete() -> None:
    rules, key = replace(QUICK, suspects=True), ("v1", "d")
    base = both(20, 0)
    decision = gate(base, both(10, 1, shift=3.0), rules, np.random.default_rng(0))
    good, worse = both(10, 2), both(10, 2, shift=3.0)
    for fresh, lost in ((good, 10), (good, 1), (worse, 1)):
        outcomes = {s: "failed" if s < lost else "finished" for s in range(10)}
        values = {} if lost == 10 else fresh.cells[key].values
        again = confirmed(
            decision, base, changed(fresh, key, outcomes=outcomes, values=values), np.random.default_rng(0)
        )
        assert again.exit_code == 3
        assert f"fresh seeds: of 10 seeds {lost} failed" in again.incomplete[0]
        assert [c.variant for c in again.cells if c.status != "pass"] == ["v1"]
    gone = confirmed(decision, base, side([fresh.cells["v0", "d"]]), np.random.default_rng(0))
    assert gone.exit_code == 3
    assert "its suspects were not run again" in gone.incomplete[0]
    other = changed(worse, key, conditions={"budget": "200 discriminator updates"})
    apart = confirmed(decision, base, other, np.random.default_rng(0))
    assert apart.exit_code == 3
    assert "budget: 100 discriminator updates in BASE" in apart.incomplete[0]


def test_the_lists_of_a_decision_follow_its_confirmed_suspects() -> None:
    """A cell that was insufficient and has a confirmed suspect is red, and stands in one list."""
    rules = replace(QUICK, suspects=True, level=1e-9)
    base = both(20, 0)
    decision = gate(base, both(10, 1, shift=3.0), rules, np.random.default_rng(0))
    assert (decision.exit_code, len(decision.insufficient)) == (5, 3)
    again = confirmed(decision, base, both(10, 2, shift=3.0), np.random.default_rng(0))
    assert (again.exit_code, len(again.insufficient)) == (1, 2)


@pytest.mark.parametrize(("cells", "needed"), [(1, 1), (11, 2), (12, 3)])
def test_how_many_fresh_seeds_a_confirmation_takes(cells: int, needed: int) -> None:
    """20 against n cannot go below 1 / C(20 + n, n), and Holm over m suspects asks for 0.05 / m."""
    rules = replace(QUICK, suspects=True)

    def made(count: int, worse: float) -> Side:
        values = {"tv": spread(count), "score": spread(count, -worse)}
        return side([cell(f"v{i}", "d", values) for i in range(cells)])

    base = made(20, 0)
    decision = gate(base, made(10, 50), rules, np.random.default_rng(0))
    assert len(decision.suspects) == cells
    assert seeds_to_confirm(decision.suspects, base, rules) == needed
    for count in range(max(1, needed - 1), needed + 1):
        again = confirmed(decision, base, made(count, 50), np.random.default_rng(0))
        assert all(s.confirmed is (count == needed) for s in again.suspects)
    assert seeds_to_confirm((), base, rules) == 0


def test_a_base_at_its_worst_takes_more_fresh_seeds_to_confirm_or_cannot() -> None:
    rules = replace(QUICK, suspects=True)
    (suspect,) = gate(both(20, 0), both(10, 1, shift=3.0), rules, np.random.default_rng(0)).suspects

    def undefined(count: int) -> Side:
        values = np.where(np.arange(20) < count, np.nan, 0.0)
        return side([cell("v1", "d", {"tv": spread(20), "score": values})])

    # C(n + 10, n) / C(n + 20, n): 0.057 with 5 seeds, 0.035 with 6.
    assert seeds_to_confirm([suspect], undefined(10), rules) == 6
    assert seeds_to_confirm([suspect], undefined(20), rules) is None


def test_what_was_measured_once_for_a_cohort_is_no_suspect() -> None:
    rules = replace(QUICK, suspects=True)
    for shared in (False, True):
        declared = {"tv": QUANTITIES["tv"], "score": replace(QUANTITIES["score"], shared=shared)}
        base, new = (
            side([cell("v", "d", {"tv": spread(n), "score": [x] * n}, declared=declared)])
            for n, x in ((20, 1.0), (10, 0.9))
        )
        found = gate(base, new, rules, np.random.default_rng(0)).suspects
        assert [s.quantity for s in found] == ([] if shared else ["score"])


def test_descriptive_quantities_and_foreign_timings_are_no_suspects() -> None:
    rules = replace(QUICK, suspects=True)
    values = {"tv": spread(12), "norm": spread(12), "seconds": spread(12)}
    base = side([cell("v", "d", values)])
    later = {"tv": spread(12), "norm": spread(12, 50), "seconds": spread(12, 50)}
    same = gate(base, side([cell("v", "d", later)]), rules, np.random.default_rng(0))
    assert [s.quantity for s in same.suspects] == ["seconds"]
    other = cell("v", "d", later, circumstances={"processor": "B", "threads": "1", "device": "cpu"})
    assert gate(base, side([other]), rules, np.random.default_rng(0)).suspects == ()


def test_confirmation_rarely_turns_chance_into_red() -> None:
    """With nothing changed, the suspects of 60 quantities, run again, are red in few of 100 gates."""
    rules, reds = replace(QUICK, suspects=True), 0
    for i in range(100):
        base = both(20, 10_000 + i, cells=20)
        decision = gate(base, both(10, 20_000 + i, cells=20), rules, np.random.default_rng(0))
        if decision.suspects:
            fresh = both(10, 30_000 + i, cells=20)
            reds += confirmed(decision, base, fresh, np.random.default_rng(0)).exit_code == 1
    assert reds <= 4
