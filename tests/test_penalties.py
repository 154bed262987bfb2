"""Lazy penalties: at every k-th update of the discriminator, k times as heavy, and else not at all."""

from __future__ import annotations

from typing import Any

import pytest
from engine_cohorts import SMALL, cohort, deviation, equal_bits, finish, numbers

WEIGHTS = {"gan-r1": ("gamma", 3.0), "rpgan-r1r2": ("gamma", 3.0), "wgan-gp": ("gp_weight", 5.0),
           "dragan": ("gp_weight", 5.0)}  # fmt: skip
EVERY = 3


def penalized(variant: str, n_critic: int, weight: float, **more: Any) -> Any:
    """Under plain SGD, whose only state are the parameters."""
    options = {**SMALL, "optimizer": "sgd", "learning_rate": 0.02, "n_critic": n_critic, **more}
    options[WEIGHTS[variant][0]] = weight
    return cohort(variant, options, mode="plain", budget=("steps", 100))


@pytest.mark.parametrize("variant", WEIGHTS)
def test_a_lazy_penalty_counts_at_every_kth_update(variant: str) -> None:
    """Each round from the same parameters: as with k times the weight where it is due, else as with none."""
    weight = WEIGHTS[variant][1]
    lazy = penalized(variant, 1, weight, every=EVERY)
    heavy, without = penalized(variant, 1, EVERY * weight), penalized(variant, 1, 0.0)
    for number in range(2 * EVERY + 1):
        for other in (heavy, without):
            for player, tree in other.state.params.items():
                for name, value in tree.items():
                    value.copy_(lazy.state.params[player][name])
        for each in (lazy, heavy, without):
            each.field.advance()
        alike, unlike = (heavy, without) if number % EVERY == 0 else (without, heavy)
        assert deviation(numbers(lazy), numbers(alike)) < 1e-13, number
        assert deviation(numbers(lazy), numbers(unlike)) > 1e-8, number


def test_the_penalty_is_counted_in_the_discriminators_updates_not_in_rounds() -> None:
    """With two updates a round and every second one due, each round has the penalty in its first update."""
    lazy, whole = (finish(penalized("gan-r1", 2, 3.0, every=every)) for every in (2, 1))
    assert lazy.state.updates == whole.state.updates == {"discriminator": 100, "generator": 50}
    periods = {player: reads.periods for player, reads in lazy.program.reads.items()}
    assert set(periods["discriminator"]) == {2}
    assert not periods["generator"]
    assert deviation(numbers(lazy), numbers(whole)) > 1e-3


@pytest.mark.parametrize("variant", WEIGHTS)
def test_every_one_is_the_penalty_itself_to_the_last_bit(variant: str) -> None:
    options = {**SMALL, "every": 1}
    made, plain = (
        finish(cohort(variant, chosen, mode="traced", budget=("steps", 10))) for chosen in (options, SMALL)
    )
    assert equal_bits(numbers(made), numbers(plain))
    assert made.execution["operations"] == plain.execution["operations"]


def test_steps_ahead_have_every_penalty_at_its_own_weight() -> None:
    """Unrolled: the generator's first loss is that of an unlazy penalty, while the discriminator's is not."""
    update = {"unrolled": {"steps": 2}}
    lazy, whole = (
        penalized("gan-r1", 1, 3.0, every=every, update=update, first="generator") for every in (3, 1)
    )
    for each in (lazy, whole):
        each.field.advance()
    first, second = numbers(lazy), numbers(whole)
    generators = [name for name in first if name.startswith("params/generator")]
    assert deviation({n: first[n] for n in generators}, {n: second[n] for n in generators}) < 1e-14
    others = [name for name in first if name.startswith("params/discriminator")]
    assert deviation({n: first[n] for n in others}, {n: second[n] for n in others}) > 1e-6
