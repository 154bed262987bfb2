"""Power of the gate against a defect: effects in closed form, and what the resamples count."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ganbench.comparison.gate import gate
from ganbench.comparison.model import Cell, Side, Values
from ganbench.quantities import Quantity
from ganbench.selftest import power as measuring
from ganbench.selftest.defects import DEFECTS
from ganbench.selftest.effect_sizes import cell_effect
from ganbench.selftest.power import Material, Power, Sizes, measure_power
from ganbench.selftest.seeds_check import check_seeds
from ganbench.selftest.seen import Seen, seen
from ganbench.selftest.sides import alike_across_datasets, primary_badness
from ganbench.selftest.synthetic import PRIMARY, World, synthetic_side

WORLD = World("two by two", variants=2, datasets=2)
POOL, OWN = range(60), range(1000, 1050)
TOUCHED = ("variant1", "data0")
FEW = Sizes(baseline=20, new=10, resamples=25, suspecting=5)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def pool() -> Side:
    return synthetic_side(WORLD, POOL, generator(1))


def touched(shift: float, gone: float = 0.0) -> Side:
    world = replace(WORLD, shifts={TOUCHED: shift}, gone=gone)
    side = synthetic_side(world, OWN, generator(2), shifted=True)
    return replace(side, cells={TOUCHED: side.cells[TOUCHED]})


def measured(shift: float, **more: Any) -> Power:
    return measure_power(Material(pool(), touched(shift, **more)), FEW, generator(3))


def cell_of(values: Sequence[float], **declared: Any) -> Cell:
    cell = pool().cells[TOUCHED]
    quantity = Quantity(PRIMARY, "score", **{"direction": "lower", **declared})
    named = {**cell.values, PRIMARY: Values(dict(enumerate(values)), "{}")}
    return replace(cell, values=named, declared={**cell.declared, PRIMARY: quantity})


def test_an_effect_is_a_difference_of_medians_in_null_deviations() -> None:
    null, seeds = [1.0, 2.0, 3.0, 4.0, 5.0], range(5)
    spread = np.std(null, ddof=1)
    for sign, direction in ((1, "lower"), (-1, "higher")):
        worse = [value + sign * 2 * spread for value in null]
        effect = cell_effect(cell_of(null, direction=direction), cell_of(worse), seeds, seeds)
        assert effect.size == pytest.approx(2.0)
        assert effect.harm == pytest.approx(2 * spread)
        assert effect.large == (effect.size >= 2)
        assert effect.null_median == 3.0


def test_on_a_log_scale_the_effect_is_one_of_logarithms() -> None:
    null, seeds = [1.0, 2.0, 4.0, 8.0, 16.0], range(5)
    effect = cell_effect(cell_of(null, scale="log"), cell_of([3 * v for v in null]), seeds, seeds)
    assert effect.size == pytest.approx(math.log(3) / np.std(np.log(null), ddof=1))
    assert effect.harm == pytest.approx(2.0)


def test_diverged_seeds_are_beyond_all() -> None:
    null, seeds = [1.0, 2.0, 3.0, 4.0, 5.0], range(5)
    few = cell_effect(cell_of(null), cell_of([math.nan, 2.0, 3.0, 4.0, 5.0]), seeds, seeds)
    assert few.size == pytest.approx(1 / np.std(null, ddof=1))
    assert few.diverged == 1
    most = cell_effect(cell_of(null), cell_of([math.nan] * 3 + [1.0, 2.0]), seeds, seeds)
    assert most.size == math.inf
    assert math.isnan(most.defect_median)
    for scale in ("linear", "log"):
        assert cell_effect(cell_of(null, scale=scale), cell_of([math.nan] * 5), seeds, seeds).harm == math.inf
    assert cell_effect(cell_of([1.0] * 5), cell_of([1.0] * 5), seeds, seeds).size == 0.0
    assert cell_effect(cell_of([1.0] * 5), cell_of([0.5] * 5), seeds, seeds).size == -math.inf


def test_a_zero_on_a_log_scale_is_as_good_as_can_be() -> None:
    assert primary_badness(cell_of([0.0, 1.0], scale="log"), (0, 1)).tolist() == [-math.inf, 0.0]


def test_a_large_break_is_caught_and_named() -> None:
    power = measured(4.0)
    assert power.large
    assert power.caught
    assert power.red_rate == 1.0
    assert power.by == {"variant1 on data0": 1.0}
    assert power.planned == ("variant1 on data0",)
    assert power.worst.size == pytest.approx(4.0, abs=0.7)
    assert not power.better


def test_nothing_and_an_improvement_are_not_red() -> None:
    nothing, better = measured(0.0), measured(-4.0)
    assert not nothing.large
    assert nothing.red_rate <= 0.2
    assert better.red_rate == 0.0
    assert better.better == {"variant1 on data0": 1.0}


def test_a_divergence_is_seen_by_its_rate_too() -> None:
    power = measured(0.0, gone=0.7)
    assert power.caught
    assert power.by["divergence of variant1 on data0"] > 0.7
    assert power.worst.size == math.inf


def test_sides_of_a_resample_share_no_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Untouched cells take null seeds that the baseline does not have; the touched one its own."""
    pairs: list[tuple[Side, Side]] = []

    def noting(base: Side, new: Side, *rest: Any) -> Any:
        pairs.append((base, new))
        return gate(base, new, *rest)

    monkeypatch.setattr(measuring, "gate", noting)
    measured(0.0)
    assert len(pairs) == FEW.resamples + 1
    for base, new in pairs:
        for key, cell in new.cells.items():
            assert (len(base.cells[key].outcomes), len(cell.outcomes)) == (20, 10)
            assert not set(base.cells[key].outcomes) & set(cell.outcomes)
            assert (min(cell.outcomes) >= 1000) == (key == TOUCHED)
    planned_base, planned_new = pairs[-1]
    assert set(planned_base.cells[TOUCHED].outcomes) == set(range(20))
    assert set(planned_new.cells[TOUCHED].outcomes) == set(range(1000, 1010))


def test_a_false_alarm_elsewhere_is_not_power(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every gate is red because of an untouched cell; nothing of that counts for the defect."""

    def alarmed(base: Side, new: Side, *rest: Any) -> Any:
        cell = new.cells["variant0", "data0"]
        worse = {seed: value + 8.0 for seed, value in cell.values[PRIMARY].by_seed.items()}
        broken = replace(cell, values={**cell.values, PRIMARY: Values(worse, "{}")})
        decision = gate(base, replace(new, cells={**new.cells, ("variant0", "data0"): broken}), *rest)
        assert decision.exit_code == 1
        return decision

    monkeypatch.setattr(measuring, "gate", alarmed)
    power = measured(0.0)
    assert power.red_rate <= 0.2
    assert not power.planned
    assert not any(name.endswith("variant0 on data0") for name in power.by)


@pytest.mark.parametrize("word", ["not comparable", "incomplete"])
def test_a_defect_that_stops_the_gate_is_caught(word: str) -> None:
    """Other data than the baseline's, or seeds that were not trained: the exit code is 4 or 3, not 0."""
    side = touched(0.0)
    cell = side.cells[TOUCHED]
    if word == "incomplete":
        cell = replace(cell, outcomes=dict.fromkeys(cell.outcomes, "failed"))
    else:
        cell = replace(cell, conditions={**cell.conditions, "data": "others"})
    power = measure_power(Material(pool(), replace(side, cells={TOUCHED: cell})), FEW, generator(3))
    assert power.stops == {word: 1.0}
    assert power.planned == (word,)
    assert power.red_rate <= 0.2
    assert power.caught
    assert not measured(0.0).stops
    assert not measured(0.0).caught


def test_power_repeats_with_its_generator() -> None:
    assert measured(1.5) == measured(1.5)


def test_seeds_that_are_asked_for_reach_their_power() -> None:
    """In cells whose spread the baseline estimates well the power is near 0.8; on average it is."""
    side = synthetic_side(replace(WORLD, variants=3), range(100), generator(4))
    rows = list(check_seeds(side, 20, generator(5), effects=(2.0, 3.0), baselines=3))
    assert {(row.variant, row.dataset) for row in rows} == set(side.cells)
    assert all(len(row.needed) == len(row.reached) == 3 for row in rows)
    reached = [share for row in rows for share in row.reached if share is not None]
    assert len(reached) == 3 * len(rows)
    assert 0.72 < np.mean(reached) < 0.93
    needed = {row.effect: row.needed for row in rows if row.variant == "variant0" and row.dataset == "data0"}
    assert all((few or 0) < (many or 0) for few, many in zip(needed[3.0], needed[2.0], strict=True))


def test_each_baseline_asks_with_seeds_of_its_own() -> None:
    """The spread of twenty seeds scatters by a sixth, and with it the effect that is to be seen."""
    side = synthetic_side(replace(WORLD, variants=1, datasets=1), range(100), generator(6))
    (row,) = check_seeds(side, 20, generator(5), effects=(2.0,), baselines=20)
    assert np.std([share or 0.0 for share in row.reached]) > 0.06, "more than a hundred tries scatter by"


def test_too_small_a_pool_tries_nothing() -> None:
    side = synthetic_side(replace(WORLD, variants=3), range(22), generator(4))
    rows = list(check_seeds(side, 20, generator(5), effects=(0.7,), baselines=2))
    assert rows
    assert all(row.reached == (None, None) for row in rows)


def test_a_margin_close_to_the_effect_counts_in_the_check_as_in_the_answer() -> None:
    """Just above its margin an effect takes many seeds; by p alone so many would see it nearly always."""
    side = synthetic_side(replace(WORLD, variants=1, datasets=1), range(300), generator(7))
    ((key, cell),) = side.cells.items()
    spread = np.std(list(cell.values[cell.primary].by_seed.values())[:100], ddof=1)
    declared = replace(cell.declared[cell.primary], smallest_difference=1.7 * float(spread))
    side = replace(side, cells={key: replace(cell, declared={**cell.declared, cell.primary: declared})})
    (row,) = check_seeds(side, 100, generator(8), effects=(2.0,), baselines=1)
    assert row.needed[0] is not None
    assert row.reached[0] is not None
    assert 0.6 < row.reached[0] < 0.95


def test_seeds_that_do_alike_on_all_data_sets_are_noticed() -> None:
    for world, expected in ((WORLD, 0.0), (replace(WORLD, correlation=0.8), 0.8)):
        alike = alike_across_datasets(synthetic_side(world, range(2000), generator(6)))
        assert set(alike) == {"variant0", "variant1"}
        assert list(alike.values()) == pytest.approx([expected] * 2, abs=0.07)
    assert alike_across_datasets(touched(0.0)) == {}


def answers(**changed: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What two processes and the unpatched trace say where nothing is wrong."""
    golden = {"cohorts": {"a on b": {"1": {"loss": [1.0, 2.0]}}}}
    alone = [{"digests": ["x", "y"], "norms": [[1.0, 2.0], [3.0, 4.0]]}]
    beside = [{"digests": ["z", "x", "y"], "norms": [[9.0, 9.0], [1.0, 2.0], [3.0, 4.0 + 1e-12]]}]
    probe = {"golden": golden, "contract": [], "repeated": alone}
    repeat = {"repeated": alone, "beside": beside}
    return {**probe, **changed}, {**repeat, **changed.get("second", {})}, golden


def row(**changed: Any) -> Seen:
    return seen(DEFECTS[0], measured(0.0), *answers(**changed), failed=())


def test_what_else_saw_a_defect() -> None:
    assert row().elsewhere == ()
    deviating = {"cohorts": {"a on b": {"1": {"loss": [1.0, 2.001]}}}}
    assert row(golden=deviating).elsewhere == ("golden trace",)
    assert "2.001" in row(golden=deviating).first_deviation
    assert row(contract=["it draws"]).elsewhere == ("contract",)
    other = [{"digests": ["x", "w"], "norms": [[1.0, 2.0], [3.0, 4.0]]}]
    assert row(repeated=other).elsewhere == ("determinism",)
    company = [{"digests": [], "norms": [[9.0, 9.0], [1.0, 2.0], [3.0, 4.1]]}]
    assert row(second={"beside": company}).elsewhere == ("determinism",)


def test_a_defect_that_does_not_run_is_caught() -> None:
    nothing = seen(DEFECTS[0], None, {}, {}, answers()[2], failed=["ImportError"])
    assert nothing.large
    assert nothing.caught
    assert nothing.as_json()["power"] is None
