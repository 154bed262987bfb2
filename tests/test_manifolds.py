"""Manifolds of known dimension: where their points lie, and with what moments."""

from __future__ import annotations

import math

import pytest
import torch

from ganbench.datasets import KnownDimension
from ganbench.datasets.manifolds import (
    EmbeddedManifold,
    gaussian_subspace,
    random_rotation,
    sphere,
    swiss_roll,
)
from ganbench.errors import GanbenchError
from ganbench.streams import generator

CPU, F64 = torch.device("cpu"), torch.float64
ALL = [gaussian_subspace(3, 8), sphere(2, 8), swiss_roll(8)]


def points(manifold: EmbeddedManifold, count: int = 20_000) -> torch.Tensor:
    return manifold.examples("heldout", count, CPU, F64)


@pytest.mark.parametrize("manifold", ALL, ids=lambda m: m.info.name)
def test_without_noise_points_lie_in_the_surfaces_own_subspace(manifold: EmbeddedManifold) -> None:
    x, e = points(manifold), manifold.embedding
    width = manifold.surface.width
    assert torch.allclose(e.mT @ e, torch.eye(width, dtype=F64), atol=1e-14)
    assert (x - x @ e @ e.mT).abs().max() < 1e-13
    assert torch.linalg.matrix_rank(x) == width
    assert isinstance(manifold, KnownDimension)
    assert manifold.support_dimension == manifold.intrinsic_dimension


def test_the_gaussian_has_the_embeddings_covariance_and_the_noises() -> None:
    noise = 0.3
    manifold = gaussian_subspace(3, 8, noise)
    x, e = points(manifold, 100_000), manifold.embedding
    expected = e @ e.mT + noise**2 * torch.eye(8, dtype=F64)
    assert (torch.cov(x.mT) - expected).abs().max() < 0.02
    outside = x - x @ e @ e.mT
    assert outside.square().sum() / (5 * len(x)) == pytest.approx(noise**2, rel=0.01)
    assert (manifold.intrinsic_dimension, manifold.support_dimension) == (3, 8)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_sphere_has_radius_one_and_the_uniform_laws_moments(k: int) -> None:
    manifold = sphere(k, 8)
    x = points(manifold) @ manifold.embedding
    assert (x.square().sum(1) - 1).abs().max() < 1e-13
    assert x.mean(0).abs().max() < 0.03
    assert (x.mT @ x / len(x) - torch.eye(k + 1, dtype=F64) / (k + 1)).abs().max() < 0.02
    # the fourth moment of a coordinate on the unit sphere of R^w is 3/(w(w+2))
    assert x.pow(4).mean() == pytest.approx(3 / ((k + 1) * (k + 3)), rel=0.02)


def test_the_swiss_roll_is_rolled_as_its_formula_says() -> None:
    manifold = swiss_roll(8)
    across, height, along = (7 * points(manifold) @ manifold.embedding).unbind(1)
    turn = torch.hypot(across, along)
    assert turn.min() >= 1.5 * math.pi
    assert turn.max() <= 4.5 * math.pi
    assert torch.allclose(across, turn * turn.cos(), atol=1e-10)
    assert torch.allclose(along, turn * turn.sin(), atol=1e-10)
    assert turn.mean() == pytest.approx(3 * math.pi, rel=0.01)
    assert height.abs().max() <= 10.5
    assert height.std() == pytest.approx(21 / math.sqrt(12), rel=0.01)


@pytest.mark.parametrize("manifold", [gaussian_subspace(3, 8, 0.1), sphere(2, 8, 0.1), swiss_roll(8, 0.1)])
def test_training_draws_and_examples_are_of_one_distribution(manifold: EmbeddedManifold) -> None:
    x, y = points(manifold), manifold.sampler((5,), CPU, F64).draw(20_000)["real"][0]
    assert (x.mean(0) - y.mean(0)).abs().max() < 0.05
    assert (torch.cov(x.mT) - torch.cov(y.mT)).abs().max() < 0.05


def test_the_rotation_is_drawn_by_its_own_option() -> None:
    one, two, other = sphere(2, 8), sphere(2, 8), sphere(2, 8, draw=1)
    assert torch.equal(one.embedding, two.embedding)
    assert not torch.allclose(one.embedding, other.embedding, atol=0.1)
    drawn = torch.stack([random_rotation(3, generator(i, "rotations")) for i in range(4000)])
    assert torch.allclose(drawn.mT @ drawn, torch.eye(3, dtype=F64).expand(4000, 3, 3), atol=1e-13)
    assert drawn.mean(0).abs().max() < 0.04  # without the sign's correction a diagonal's mean is far from 0
    assert (drawn.square().mean(0) - 1 / 3).abs().max() < 0.02


def test_a_surface_that_does_not_fit_is_refused_with_the_remedy() -> None:
    with pytest.raises(GanbenchError, match=r"sphere: it needs 4 dimensions .* `dim: 4`"):
        sphere(3, 3)
    assert sphere(3, 4).info.spec.shape == (4,)
