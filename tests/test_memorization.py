"""Copies of training examples: found where they are planted, not where they are not, and counted right."""

from __future__ import annotations

import math

import pytest
import torch
from fake_snapshot import CPU, measured, referenced
from scipy.stats import binom, kstest

from ganbench.datasets.images import digits
from ganbench.datasets.mixtures import ring8
from ganbench.diagnostics.diagnostic import NotApplicable, image_bytes
from ganbench.diagnostics.estimators.copies import authenticity, copying_p_value, joined, nearest_points
from ganbench.diagnostics.memorization import memorization

TRIALS, TRAIN, HELDOUT, DIMENSION = 200, 800, 200, 8


def p_value_of_trial(seed: int, copies: float, samples: int = 5_000) -> float:
    """Normal data in two random parts, and samples of which a share is copied from the first part."""
    source = torch.Generator().manual_seed(seed)
    pool = torch.randn(TRAIN + HELDOUT, DIMENSION, generator=source, dtype=torch.float64)
    fakes = torch.randn(samples, DIMENSION, generator=source, dtype=torch.float64)
    planted = round(copies * samples)
    fakes[:planted] = pool[torch.randint(TRAIN, (planted,), generator=source)]
    return copying_p_value(nearest_points(fakes, pool), TRAIN, HELDOUT)


def test_false_alarms_are_at_most_five_in_a_hundred_and_p_values_are_spread_evenly() -> None:
    p_values = [p_value_of_trial(seed, 0.0, 1_000) for seed in range(TRIALS)]
    alarms = sum(p <= 0.05 for p in p_values)
    assert binom.ppf(1e-3, TRIALS, 0.02) <= alarms <= binom.ppf(0.999, TRIALS, 0.05)
    # Labels are few and the statistic is discrete: p-values are stochastically no smaller than uniform ones.
    assert kstest(p_values, "uniform", alternative="greater").pvalue > 1e-3


def test_one_per_cent_of_planted_copies_is_found_in_nine_trials_of_ten() -> None:
    found = sum(p_value_of_trial(1_000 + seed, 0.01) <= 0.05 for seed in range(TRIALS))
    assert found >= 0.9 * TRIALS


def test_copies_of_held_out_examples_are_no_memorization() -> None:
    source = torch.Generator().manual_seed(0)
    pool = torch.randn(400, DIMENSION, generator=source, dtype=torch.float64)
    assert copying_p_value(nearest_points(pool[200:], pool), 200, 200) > 0.9
    assert copying_p_value(nearest_points(pool[:200], pool), 200, 200) == 1 / 10_000


def test_nearest_points_are_those_of_brute_force_and_copies_have_distance_zero() -> None:
    source = torch.Generator().manual_seed(3)
    pool = 1e3 + torch.randn(300, 20, generator=source, dtype=torch.float64)
    fakes = torch.cat([pool[:50], 1e3 + torch.randn(100, 20, generator=source, dtype=torch.float64)])
    found = nearest_points(fakes, pool, 5)
    apart = (fakes[:, None] - pool[None]).square().sum(2).sqrt()
    wanted = apart.sort(dim=1, stable=True)
    assert torch.equal(found.places, wanted.indices[:, :5])
    torch.testing.assert_close(found.distances, wanted.values[:, :5], rtol=1e-13, atol=0)
    assert torch.equal(found.distances[:50, 0], torch.zeros(50, dtype=torch.float64))
    parts = (nearest_points(fakes, part, 5) for part in pool.split([120, 180]))
    both = joined(*parts, 120)
    assert torch.equal(both.places, found.places)
    assert torch.equal(both.distances, found.distances)


def test_authenticity_asks_the_nearest_examples_own_neighbour() -> None:
    train = torch.tensor([[0.0], [1.0], [10.0], [14.0]], dtype=torch.float64)
    own = torch.tensor([1.0, 1.0, 4.0, 4.0], dtype=torch.float64)
    fakes = torch.tensor([[0.4], [7.0], [20.0], [-1.5]], dtype=torch.float64)
    # 0.4 < 1; 3 < 4; 6 > 4; 1.5 > 1
    assert authenticity(nearest_points(fakes, train, 1), own) == 0.5


def test_digits_copied_are_told_and_held_out_ones_are_not() -> None:
    dataset = digits()
    diagnostic = memorization(dataset, samples=1_000)
    train = dataset.examples("train", 1_000, CPU, torch.float32)
    heldout = dataset.examples("heldout", 360, CPU, torch.float32).repeat(3, 1, 1, 1)[:1_000]
    broken = train.clone()
    broken[3] = math.nan
    values = measured(diagnostic, dataset, torch.stack([train, heldout, broken]))
    assert values["memorization_p_value"][0] == 1 / 10_000
    assert values["memorization_p_value"][1] > 0.05
    assert values["near_copies"][0] == 1.0
    assert 0.005 < float(values["near_copies"][1]) < 0.02
    assert values["authenticity"][0] == 0.0
    references = referenced(diagnostic, dataset)
    assert references["authenticity"] == pytest.approx(float(values["authenticity"][1]), abs=0.02)
    assert references.keys() == {"near_copies", "authenticity"}
    assert all(value[2].isnan() for value in values.values())


def test_a_distribution_has_nothing_to_copy() -> None:
    with pytest.raises(NotApplicable, match="without end"):
        memorization(ring8())


def test_planted_copies_are_the_first_pictures_and_stand_beside_their_originals() -> None:
    dataset = digits()
    train = dataset.examples("train", 400, CPU, torch.float32)
    fakes = dataset.examples("heldout", 200, CPU, torch.float32)
    fakes[50:60] = train[100:110]
    diagnostic = memorization(dataset, samples=200, train=400)
    measured(diagnostic, dataset, fakes[None])
    closest = diagnostic.arrays()["closest"]
    assert closest.shape == (1, 32, 2, 1, 8, 8)
    same = (closest[0, :, 0] == closest[0, :, 1]).all((1, 2, 3))
    assert same[:10].all()
    assert not same[10:].any()
    assert set(map(bytes, closest[0, :10, 0])) == set(map(bytes, image_bytes(train[100:110]).numpy()))
