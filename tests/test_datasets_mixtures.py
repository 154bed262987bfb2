"""Mixtures: the density is one, labels are the nearest modes, and the draws are what the density says."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from fake_snapshot import CPU
from scipy.stats import chi2, multivariate_normal

from ganbench import registry
from ganbench.datasets.mixtures import GaussianMixture, grid25, random_mixture, ring8
from ganbench.errors import GanbenchError

MIXTURES = {
    "ring8": ring8(),
    "grid25": grid25(),
    "equal": random_mixture(),
    "dirichlet": random_mixture(modes=6, weights="dirichlet", draw=3),
}


@pytest.fixture(params=MIXTURES)
def mixture(request: pytest.FixtureRequest) -> GaussianMixture:
    return MIXTURES[request.param]


def test_density_integrates_to_one(mixture: GaussianMixture) -> None:
    # The trapezoid rule is exact to rounding for Gaussians sampled twice a sigma.
    step = mixture.sigma.min().item() / 2
    edge = mixture.means.abs().max().item() + 8 * mixture.sigma.max().item()
    line = torch.arange(-edge, edge, step, dtype=torch.float64)
    total = sum(
        mixture.log_density(torch.cartesian_prod(part, line)).exp().sum().item() for part in line.split(64)
    )
    assert total * step**2 == pytest.approx(1, abs=1e-8)


def test_log_density_in_three_dimensions_equals_scipys() -> None:
    mixture = random_mixture(modes=4, dim=3, sigma=0.3, spread=5, weights="dirichlet")
    x = mixture.means.repeat(3, 1) + torch.linspace(-1, 1, 36, dtype=torch.float64).view(12, 3)
    expected = sum(
        w * multivariate_normal.pdf(x.numpy(), mean, 0.3**2)
        for w, mean in zip(mixture.weights.tolist(), mixture.means.numpy(), strict=True)
    )
    torch.testing.assert_close(mixture.log_density(x), torch.from_numpy(np.log(expected)))


def test_log_density_far_away_is_finite() -> None:
    assert torch.isfinite(ring8().log_density(torch.tensor([[1e3, 0.0]]))).all()


def test_labels_give_the_mode_and_the_distance_in_sigmas(mixture: GaussianMixture) -> None:
    angle = torch.arange(len(mixture.means), dtype=torch.float64)
    away = torch.linspace(0, 3.9, len(angle), dtype=torch.float64)
    direction = torch.stack([angle.cos(), angle.sin()], 1)
    x = mixture.means + (away * mixture.sigma).unsqueeze(1) * direction
    index, distance = mixture.labels(x.unsqueeze(0).expand(2, -1, -1))
    assert index.shape == distance.shape == (2, len(angle))
    assert torch.equal(index[1], torch.arange(len(angle)))
    torch.testing.assert_close(distance[1], away, atol=1e-5, rtol=1e-6)


def test_labels_do_not_depend_on_how_rows_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    x = ring8().examples("train", 100, CPU, torch.float32)
    index, distance = ring8().labels(x)
    monkeypatch.setattr("ganbench.datasets.mixtures._DISTANCES_PER_PASS", 8 * 7)
    again = ring8().labels(x)
    assert torch.equal(index, again[0])
    torch.testing.assert_close(distance, again[1], atol=1e-6, rtol=0)


def test_ring_has_eight_modes_evenly_on_the_circle() -> None:
    means = ring8(radius=3.0).means
    apart = torch.cdist(means, means) + torch.eye(8) * 9
    torch.testing.assert_close(means.norm(dim=1), torch.full((8,), 3.0, dtype=torch.float64))
    torch.testing.assert_close(
        apart.min(1).values, torch.full((8,), 6 * math.sin(math.pi / 8), dtype=torch.float64)
    )


def test_grid_is_pacgans() -> None:
    places = {tuple(row) for row in grid25().means.tolist()}
    assert places == {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}


def draws_of(mixture: GaussianMixture, where: str) -> torch.Tensor:
    if where == "sampler":
        return mixture.sampler([11], CPU, torch.float32).draw(40_000)["real"][0]
    return mixture.examples(where, 40_000, CPU, torch.float32)  # type: ignore[arg-type]


@pytest.mark.parametrize("where", ["sampler", "train", "heldout"])
def test_draws_follow_the_density(mixture: GaussianMixture, where: str) -> None:
    x = draws_of(mixture, where)
    count, (modes, dim) = len(x), mixture.means.shape
    index, distance = mixture.labels(x)
    expected = mixture.weights * count
    statistic = ((torch.bincount(index, minlength=modes) - expected) ** 2 / expected).sum().item()
    assert chi2.ppf(1e-4, modes - 1) < statistic < chi2.ppf(1 - 1e-4, modes - 1)
    # Squared distances in sigmas are chi-square with d degrees of freedom: mean d, variance 2d.
    assert (distance**2).mean().item() == pytest.approx(dim, abs=4 * math.sqrt(2 * dim / count))
    within = (distance <= 3).double().mean().item()
    assert within == pytest.approx(1 - math.exp(-4.5), abs=4 * math.sqrt(0.011 / count))
    residual = (x - mixture.means[index]) / mixture.sigma[index, None]
    covariance = torch.cov(residual.T)
    torch.testing.assert_close(covariance, torch.eye(dim, dtype=torch.float64), atol=0.04, rtol=0)
    assert residual.mean(0).abs().max().item() < 4 / math.sqrt(count)


@pytest.mark.parametrize("where", ["sampler", "train", "heldout"])
def test_a_points_label_is_the_mode_that_it_was_drawn_from(where: str) -> None:
    mixture = random_mixture(modes=6, weights="dirichlet", draw=3)  # within 4 sigmas no other mode is nearer
    if where == "sampler":
        drawn = mixture.sampler([11, 12], CPU, torch.float64).draw(9000)
    else:
        drawn = mixture.fields(where, 9000, CPU, torch.float64)  # type: ignore[arg-type]
    nearest, distance = mixture.labels(drawn["real"])
    assert drawn["label"].dtype == torch.int64
    assert torch.equal(nearest[distance < 4], drawn["label"][distance < 4])
    assert torch.equal(mixture.info.spec.class_shares, mixture.weights)


def test_labels_where_modes_overlap_are_not_the_nearest_modes() -> None:
    blurred = ring8(sigma=2.0)
    drawn = blurred.fields("train", 4000, CPU, torch.float32)
    wrong = (blurred.labels(drawn["real"])[0] != drawn["label"]).double().mean().item()
    assert 0.3 < wrong < 7 / 8  # of a guess


def test_examples_are_fixed_differ_by_split_and_fewer_are_a_prefix() -> None:
    many = ring8().examples("train", 5000, CPU, torch.float64)
    assert torch.equal(many[:300], ring8().examples("train", 300, CPU, torch.float64))
    assert not torch.isin(ring8().examples("heldout", 5000, CPU, torch.float64), many).any()


def test_a_seed_draws_the_same_whatever_stands_beside_it_and_however_batches_fall() -> None:
    together = ring8().sampler([3, 5, 8], CPU, torch.float32)
    alone = ring8().sampler([5], CPU, torch.float32)
    whole = alone.draw(20_000)["real"][0]
    parts = [together.draw(count)["real"] for count in (1, 8190, 3, 11_806)]
    assert torch.equal(torch.cat(parts, 1)[1], whole)
    assert not torch.equal(parts[1][0], parts[1][1])


@pytest.mark.parametrize("before", [0, 100, 8192, 9000])
def test_restore_is_bitwise(before: int) -> None:
    sampler = ring8().sampler([1, 2], CPU, torch.float32)
    if before:
        sampler.draw(before)
    state = sampler.state()
    expected = [sampler.draw(5000)["real"] for _ in range(3)]
    other = ring8().sampler([1, 2], CPU, torch.float32)
    other.draw(77)
    other.restore(state)
    assert all(torch.equal(other.draw(5000)["real"], one) for one in expected)


def test_a_batch_is_the_callers_to_change() -> None:
    sampler = ring8().sampler([1], CPU, torch.float32)
    state = sampler.state()
    first = sampler.draw(64)["real"]
    kept = first.clone()
    first.zero_()
    sampler.restore(state)
    assert torch.equal(sampler.draw(64)["real"], kept)


def test_random_mixture_is_its_draws_and_modes_stand_apart() -> None:
    one, same, other = random_mixture(draw=1), random_mixture(draw=1), random_mixture(draw=2)
    assert torch.equal(one.means, same.means)
    assert not torch.isin(other.means, one.means).any()
    crowded = random_mixture(modes=40, spread=1.0, sigma=0.02)
    apart = torch.cdist(crowded.means, crowded.means) + torch.eye(40) * 9
    assert apart.min().item() >= 8 * 0.02
    assert crowded.means.abs().max().item() <= 1


def test_dirichlet_weights_are_flat_on_the_simplex() -> None:
    weights = torch.stack([random_mixture(modes=4, weights="dirichlet", draw=d).weights for d in range(400)])
    torch.testing.assert_close(weights.sum(1), torch.ones(400, dtype=torch.float64))
    # Flat Dirichlet of K=4: mean 1/4, variance (K-1)/(K²(K+1)) = 3/80.
    torch.testing.assert_close(
        weights.mean(0), torch.full((4,), 0.25, dtype=torch.float64), atol=0.04, rtol=0
    )
    assert weights.var(0).mean().item() == pytest.approx(3 / 80, rel=0.15)


def test_modes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(GanbenchError, match="do not fit"):
        random_mixture(modes=30, spread=0.1, sigma=0.05)


def test_global_random_state_is_left_alone(mixture: GaussianMixture) -> None:
    before = torch.get_rng_state()
    mixture.sampler([1], CPU, torch.float32).draw(10)
    mixture.examples("train", 10, CPU, torch.float32)
    random_mixture(draw=9, weights="dirichlet")
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("name", ["ring8", "grid25", "random_mixture"])
def test_registered_with_documented_options(name: str) -> None:
    entry = registry.get("dataset", name)
    made = entry.factory()
    assert made.info.name == name
    assert made.info.modes == len(made.means) == len(made.weights)
    assert made.info.split_sizes == {}
    assert made.info.primary.quantity == "mode_total_variation"
    assert all(option.text for option in entry.options.values())
    assert made.require() is None
