"""Intrinsic dimension and the generator's Jacobian, against closed forms and known manifolds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from engine_cohorts import cohort, finish
from fake_snapshot import snapshot_of_game
from torch import Tensor, nn

from ganbench import registry
from ganbench.datasets.manifolds import EmbeddedManifold, gaussian_subspace, sphere, swiss_roll
from ganbench.diagnostics.estimators import dimension_estimators, generator_jacobian
from ganbench.diagnostics.estimators.dimension_estimators import (
    Neighbours,
    levina_bickel,
    local_pca,
    nearest_neighbours,
    two_nn,
)
from ganbench.diagnostics.estimators.generator_jacobian import (
    log_condition,
    numeric_rank,
    significant_rank,
    singular_values,
)
from ganbench.game import Batch, Game, Networks, RandomInput
from ganbench.streams import SeedStreams, generator
from ganbench.training.snapshot import Snapshot

CPU, F64 = torch.device("cpu"), torch.float64


def drawn(manifold: EmbeddedManifold, count: int = 2000, seeds: int = 5) -> Tensor:
    return manifold.sampler(range(seeds), CPU, F64).draw(count)["real"]


def estimates(samples: Tensor, k: int = 20) -> Tensor:
    """The three estimates of samples [S, N, d], [3, S]."""
    found = nearest_neighbours(samples, k)
    return torch.stack([two_nn(found), levina_bickel(found), local_pca(found)])


# The estimators, on distances whose law is known


def given(distances: Tensor) -> Neighbours:
    sets, count, _ = distances.shape
    distinct = torch.ones(sets, count, dtype=torch.bool)
    empty = torch.zeros(0)
    return Neighbours(empty, distances, empty, distinct, torch.ones(sets, dtype=torch.bool))


@pytest.mark.parametrize("dimension", [1.0, 2.0, 7.5])
def test_two_nn_of_exact_pareto_quantiles_is_the_dimension(dimension: float) -> None:
    place = torch.arange(1, 501, dtype=F64) / 500
    ratio = (1 - place).pow(-1 / dimension).clamp(max=1e9)  # the last is infinite, and dropped
    shuffled = ratio[torch.randperm(500, generator=generator(0, "order"))]
    distances = torch.stack([torch.full_like(ratio, 0.3), 0.3 * shuffled], 1).unsqueeze(0)
    assert float(two_nn(given(distances))) == pytest.approx(dimension, rel=1e-12)


def test_two_nn_drops_a_tenth_and_goes_through_the_origin() -> None:
    logs = torch.tensor([0.1, 0.2, 0.4, 0.5, 0.9, 1.0, 1.3, 1.5, 2.0, 50.0], dtype=F64)
    y = [-math.log(1 - i / 10) for i in range(1, 10)]
    x = logs[:9].tolist()
    slope = sum(a * b for a, b in zip(x, y, strict=True)) / sum(a * a for a in x)
    distances = torch.stack([torch.ones(10, dtype=F64), logs.exp()], 1).unsqueeze(0)
    assert float(two_nn(given(distances))) == pytest.approx(slope, rel=1e-12)


@pytest.mark.parametrize("dimension", [1, 3, 10])
def test_pooled_inverses_of_levina_and_bickel_are_unbiased_on_a_poisson_process(dimension: int) -> None:
    """Volumes up to the j-th neighbour are sums of j exponentials, so T_j is their 1/m-th power."""
    k, count = 5, 20_000
    exponential = torch.empty(1, count, k, dtype=F64).exponential_(generator=generator(dimension, "poisson"))
    found = given(exponential.cumsum(2).pow(1 / dimension))
    error = 4 / math.sqrt(count * (k - 1))
    assert 1 / float(levina_bickel(found)) == pytest.approx(1 / dimension, rel=error)
    assert float(levina_bickel(found)) == pytest.approx(dimension, rel=error)


def test_the_estimators_agree_with_plain_loops() -> None:
    x = drawn(sphere(2, 4), 60, 2)
    found = nearest_neighbours(x, 5)
    for s in range(2):
        a = x[s].numpy()
        whole = np.linalg.norm(a[:, None] - a[None], axis=2)
        near = np.sort(whole, 1)[:, 1:6]
        np.testing.assert_allclose(found.distances[s].numpy(), near, rtol=1e-12)
        logs = [math.log(row[4] / row[j]) for row in near for j in range(4)]
        assert float(levina_bickel(found)[s]) == pytest.approx(1 / np.mean(logs), rel=1e-12)
        ranks = np.sort(np.log(near[:, 1] / near[:, 0]))[:54]
        y = -np.log(1 - np.arange(1, 55) / 60)
        assert float(two_nn(found)[s]) == pytest.approx((ranks @ y) / (ranks @ ranks), rel=1e-12)
        counts = []
        for row in np.argsort(whole, 1)[:, :6]:
            variances = np.linalg.eigvalsh(np.cov(a[row].T))
            counts.append((variances >= 0.05 * variances.max()).sum())
        assert float(local_pca(found)[s]) == pytest.approx(np.mean(counts), rel=1e-12)


# On manifolds of known dimension: mean over five draws of 2,000 points


@pytest.mark.parametrize(
    ("manifold", "biases"),
    [
        (gaussian_subspace(1, 8), (0.05, 0.05, 1e-12)),
        (gaussian_subspace(2, 8), (0.1, 0.1, 1e-12)),
        (gaussian_subspace(4, 8), (0.15, 0.15, 0.01)),
        (sphere(1, 8), (0.05, 0.05, 1e-12)),
        (sphere(2, 8), (0.1, 0.05, 0.001)),
        (sphere(4, 8), (0.2, 0.15, 0.01)),
        (swiss_roll(8), (0.1, 0.15, 0.01)),
    ],
    ids=lambda value: value.info.title if isinstance(value, EmbeddedManifold) else "",
)
def test_the_known_dimension_comes_out_within_the_stated_bias(
    manifold: EmbeddedManifold, biases: tuple[float, float, float]
) -> None:
    found = estimates(drawn(manifold)).mean(1)
    off = (found - manifold.intrinsic_dimension).abs()
    assert (off <= torch.tensor(biases, dtype=F64)).all(), found


def test_many_dimensions_come_out_too_low_as_the_documentation_says() -> None:
    two, likelihood, local = estimates(drawn(gaussian_subspace(20, 20), 2000, 2)).mean(1).tolist()
    assert 14 < likelihood < 17
    assert 16 < two < 19
    assert 14 < local < 16


def test_noise_of_the_neighbours_size_counts_as_more_dimensions() -> None:
    plain, noisy = (estimates(drawn(sphere(2, 8, noise), 2000, 2)).mean(1) for noise in (0.0, 0.1))
    assert (noisy > plain + 2).all()
    assert (noisy <= 8).all()


# What must not matter


def test_order_position_turn_and_scale_do_not_matter() -> None:
    x = drawn(swiss_roll(6), 300, 2)
    expected = estimates(x, 10)
    mixed = torch.randperm(300, generator=generator(0, "order"))
    assert torch.allclose(estimates(x[:, mixed], 10), expected, rtol=1e-12, atol=0)
    turn = torch.linalg.qr(torch.randn(6, 6, generator=generator(0, "turn"), dtype=F64)).Q
    assert torch.allclose(estimates(1e3 * x @ turn + 7, 10), expected, rtol=1e-8, atol=0)


def test_copies_of_points_count_once() -> None:
    x = drawn(sphere(2, 4), 200, 2)
    copies = torch.cat([x, x[:, :150], x[:, 20:60], x[:, :1].expand(2, 50, 4)], 1)
    mixed = torch.randperm(copies.shape[1], generator=generator(1, "order"))
    found = nearest_neighbours(copies[:, mixed], 10)
    assert found.distinct.sum(1).tolist() == [200, 200]
    assert torch.allclose(estimates(copies[:, mixed], 10), estimates(x, 10), rtol=1e-12, atol=0)


def test_float32_copies_are_copies_and_near_copies_are_not() -> None:
    x = drawn(sphere(2, 4), 200, 1).float() + 100
    near = x.clone()
    near[..., 0] = torch.nextafter(near[..., 0], torch.tensor(math.inf))
    found = nearest_neighbours(torch.cat([x, x, near], 1), 2)
    assert int(found.distinct.sum()) == 400
    first = found.distances[found.distinct][:, 0]
    step = float((near - x).abs().max())
    assert torch.allclose(first, torch.full_like(first, step), rtol=1e-6)


def test_what_says_nothing_about_dimension_is_undefined() -> None:
    collapsed = torch.ones(1, 50, 3, dtype=F64)
    assert estimates(collapsed, 5).isnan().all()
    few = torch.cat([collapsed, torch.randn(1, 4, 3, generator=generator(0, "few"), dtype=F64)], 1)
    assert nearest_neighbours(few, 5).distinct.sum() == 5
    assert estimates(few, 5).isnan().all()
    assert estimates(few, 4).isfinite().all()
    line = torch.arange(40, dtype=F64)
    grid = torch.cartesian_prod(line, line).unsqueeze(0)
    assert two_nn(nearest_neighbours(grid, 2)).isnan().all()  # the two nearest of a grid are equally far
    assert levina_bickel(nearest_neighbours(grid, 2)).isnan().all()
    assert estimates(grid, 20)[1:].isfinite().all()


def test_a_lost_seed_leaves_the_others_alone() -> None:
    x = drawn(sphere(2, 4), 100, 3)
    broken = x.clone()
    broken[1, 7, 2] = math.nan
    broken[2, 0, 0] = math.inf
    found, alone = estimates(broken, 5), estimates(x[:1], 5)
    assert torch.allclose(found[:, :1], alone, rtol=1e-12)
    assert found[:, 1:].isnan().all()


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    x = drawn(sphere(2, 12), 150, 2)
    expected = estimates(x, 6)
    monkeypatch.setattr(dimension_estimators, "_NUMBERS_PER_PASS", 1000)
    assert torch.allclose(estimates(x, 6), expected, rtol=1e-12, atol=0)


# The generator's Jacobian


class Bent(nn.Module):
    """A linear map followed by a known increasing function of each output."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))

    def forward(self, z: Tensor) -> Tensor:
        return torch.sinh(z @ self.weight.mT)


def _no_loss(networks: Networks, batch: Batch) -> Tensor:
    return batch.noise.sum()


def snapshot_of(module: nn.Module, weights: dict[str, Tensor], inputs: int, outputs: int) -> Snapshot:
    """A generator beside a discriminator without numbers; parameters stacked [S, ...]."""
    game = Game(
        {"generator": module, "discriminator": nn.Flatten(0)},
        {
            "generator": lambda networks, batch: networks.generator(batch.noise).sum(),
            "discriminator": lambda networks, batch: batch.noise.sum(),
        },
        {"noise": RandomInput((inputs,))},
    )
    return snapshot_of_game(game, {"generator": weights, "discriminator": {}}, (outputs,))


def matrix(values: list[float], outputs: int, inputs: int, seed: int = 0) -> Tensor:
    """A matrix [outputs, inputs] with given singular values."""
    source = generator(seed, "matrix")
    left, right = (
        torch.linalg.qr(torch.randn(n, len(values), generator=source, dtype=F64)).Q for n in (outputs, inputs)
    )
    return left * torch.tensor(values, dtype=F64) @ right.mT


@pytest.mark.parametrize(("outputs", "inputs"), [(7, 3), (3, 7), (5, 5)])
def test_a_linear_generator_has_its_matrix_singular_values(outputs: int, inputs: int) -> None:
    stacks = [[3.0, 0.5, 0.02], [1.0, 1.0, 1e-7]]
    module = nn.Linear(inputs, outputs, bias=False, device="meta")
    weights = torch.stack([matrix(values, outputs, inputs, s) for s, values in enumerate(stacks)])
    found = singular_values(snapshot_of(module, {"weight": weights}, inputs, outputs), 4)
    assert found.shape == (2, 4, min(outputs, inputs))
    assert found.dtype == F64
    expected = torch.tensor(stacks, dtype=F64).unsqueeze(1).expand(2, 4, 3)
    assert torch.allclose(found[..., :3], expected, rtol=1e-12, atol=1e-14)
    assert (found[..., 3:] < 1e-14).all()
    assert (numeric_rank(found, 1e-9) == 3).all()
    assert numeric_rank(found, 1e-3)[:, 0].tolist() == [3, 2]
    assert numeric_rank(1e-12 * found, 1e-3)[:, 0].tolist() == [3, 2]  # a share of the largest
    assert significant_rank(found, 0.05)[:, 0].tolist() == [1, 2]
    condition = log_condition(found[..., :3], 1e-15)[:, 0]
    assert condition.tolist() == pytest.approx([2 * math.log(150), 2 * math.log(1e7)], rel=1e-9)


def test_the_jacobian_of_a_bent_map_is_its_chain_rule() -> None:
    """d sinh(Wz) = diag(cosh(Wz)) W, at the very points of the stream."""
    weight = matrix([1.0, 0.4], 6, 2)
    found = singular_values(
        snapshot_of(Bent(2, 6).to("meta"), {"weight": weight.float().unsqueeze(0)}, 2, 6), 5
    )
    z = SeedStreams((0,), "measure/jacobian").normal((5, 2), F64)[0]
    held = weight.float().double()
    expected = torch.linalg.svdvals(torch.cosh(z @ held.mT).unsqueeze(2) * held)
    assert torch.allclose(found[0], expected, rtol=1e-12)


def test_a_generator_of_rank_k_has_rank_k_and_a_constant_one_none(monkeypatch: pytest.MonkeyPatch) -> None:
    module = nn.Linear(6, 8, bias=False, device="meta")
    weights = torch.stack([matrix([2.0, 1.0, 0.5], 8, 6), torch.zeros(8, 6, dtype=F64)])
    made = snapshot_of(module, {"weight": weights}, 6, 8)
    found = singular_values(made, 3)
    assert numeric_rank(found, 1e-9)[:, 0].tolist() == [3, 0]
    assert significant_rank(found, 0.05)[:, 0].tolist() == [3, 0]
    rounding = 6 * torch.finfo(F64).eps
    condition = log_condition(found, rounding)
    assert torch.allclose(condition[0], torch.tensor(-2 * math.log(rounding), dtype=F64))
    assert condition[1].isnan().all()
    monkeypatch.setattr(generator_jacobian, "_NUMBERS_PER_PASS", 50)
    assert torch.equal(singular_values(made, 3), found)


def test_a_jacobian_that_is_not_finite_is_undefined_for_its_seed_alone() -> None:
    weights = torch.stack([matrix([2.0, 1.0], 4, 2), torch.full((4, 2), math.nan, dtype=F64)])
    found = singular_values(snapshot_of(nn.Linear(2, 4, False, "meta"), {"weight": weights}, 2, 4), 3)
    assert found[0].isfinite().all()
    assert found[1].isnan().all()
    assert numeric_rank(found, 1e-9)[1].isnan().all()
    assert significant_rank(found, 0.05)[1].isnan().all()


# The diagnostic


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_a_wide_nonlinear_generator_cannot_raise_dimension(latent_dim: int) -> None:
    """G(Z) has at most dim z dimensions, however wide the network and large the space."""
    network = {"mlp": {"width": 128, "activation": "tanh"}}
    options = {"network": network, "latent_dim": latent_dim, "batch_size": 32, "learning_rate": 1e-3}
    made = finish(cohort("nsgan", options, budget=("steps", 40), mode="plain"))
    wide = cohort("nsgan", options, dataset="gaussian_subspace", mode="plain")
    for each in (made, wide):
        snapshot = each.snapshot(0, True)
        diagnostic = registry.get("diagnostic", "dimension").factory(each.dataset)
        values = diagnostic.measure(snapshot)
        assert values["jacobian_rank"].tolist() == [latent_dim] * 2
        assert (values["jacobian_rank_significant"] <= latent_dim).all()
        for name in ("two_nn", "levina_bickel"):
            assert (values[f"dimension_{name}"] < latent_dim + 0.2).all(), name
        assert f"singular_value_{latent_dim}" in values
        assert f"singular_value_{latent_dim + 1}" not in values
        assert diagnostic.arrays()["singular_values"].shape == (2, 16, latent_dim)
    # the image of a small ball is flat to first order: dim z variances, the next ones by its radius smaller
    radius, z = 1e-4, SeedStreams(wide.description.seeds, "ball").normal((40, latent_dim), F64)
    image = wide.snapshot(0, True).apply(lambda networks, z: networks.generator(z), 0.3 + radius * z)
    spread = torch.linalg.svdvals(image - image.mean(1, keepdim=True))
    assert (spread[:, latent_dim - 1] > 1e-2 * spread[:, 0]).all()
    assert (spread[:, latent_dim] < 10 * radius * spread[:, 0]).all()


def test_the_diagnostic_says_what_it_measured_on_images_too() -> None:
    made = cohort(
        "nsgan",
        {"network": {"dcgan": {"width": 4}}, "latent_dim": 3, "batch_size": 8},
        dataset="digits",
        mode="plain",
    )
    assert made.program.looped
    diagnostic = registry.get("diagnostic", "dimension").factory(made.dataset, samples=300, spectrum=2)
    assert diagnostic.quantities[-1].name == "singular_value_2"
    values = diagnostic.measure(made.snapshot(0, False))
    references = diagnostic.references(made.snapshot(0, False))
    assert values["jacobian_rank"].tolist() == [3, 3]
    assert references["distinct_samples"] == 300
    assert (values["dimension_two_nn"] < 3.5).all()
    assert references["dimension_two_nn"] > 5
    declared = {q.name: q for q in diagnostic.quantities}
    assert set(values) == set(declared)
    assert declared["dimension_two_nn"].protocol["samples"] == 300
