"""Objectives and penalties in closed form: values at given logits, optima at densities, known slopes."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import grad

from ganbench.game import Batch, DataSpec, Game, Networks, template_state
from ganbench.objectives import (
    Objective,
    hinge,
    least_squares,
    minimax,
    non_saturating,
    relativistic,
    wasserstein,
)
from ganbench.penalties import Penalty, clip_weights, dragan_penalty, gradient_penalty, r1, r2

# Two densities on a common support: the data's and the generator's.
P = torch.tensor([0.4, 0.3, 0.2, 0.1], dtype=torch.float64)
Q = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
QUADRATURE = Batch({"real_weights": P, "noise_weights": Q})


def at_densities(objective: Objective) -> Callable[[Tensor], Tensor]:
    """The discriminator's loss as a function of its values on the support."""
    return lambda logits: objective.discriminator(logits, logits, QUADRATURE)


def kl(p: Tensor, q: Tensor) -> float:
    return float((p * (p / q).log()).sum())


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


REAL, FAKE = [2.0, -0.5, 0.3], [0.7, -3.0, 1.5]
MEAN_VALUES = {
    "minimax": (
        minimax,
        lambda r: softplus(-r),
        lambda f: softplus(f),
        lambda f: -softplus(f),
    ),
    "non_saturating": (
        non_saturating,
        lambda r: softplus(-r),
        lambda f: softplus(f),
        lambda f: softplus(-f),
    ),
    "least_squares": (
        least_squares,
        lambda r: (r - 1) ** 2 / 2,
        lambda f: f**2 / 2,
        lambda f: (f - 1) ** 2 / 2,
    ),
    "wasserstein": (wasserstein, lambda r: -r, lambda f: f, lambda f: -f),
    "hinge": (hinge, lambda r: max(0.0, 1 - r), lambda f: max(0.0, 1 + f), lambda f: -f),
}


@pytest.mark.parametrize("name", MEAN_VALUES)
def test_values_at_given_logits(name: str) -> None:
    make, of_real, of_fake, of_generator = MEAN_VALUES[name]
    objective, batch = make(), Batch({})
    real, fake = torch.tensor(REAL, dtype=torch.float64), torch.tensor(FAKE, dtype=torch.float64)
    wanted = sum(map(of_real, REAL)) / 3 + sum(map(of_fake, FAKE)) / 3
    assert float(objective.discriminator(real, fake, batch)) == pytest.approx(wanted, rel=1e-14)
    wanted = sum(map(of_generator, FAKE)) / 3
    assert float(objective.generator(real, fake, batch)) == pytest.approx(wanted, rel=1e-14)
    assert not objective.paired
    assert float(objective.generator(real + 7, fake, batch)) == pytest.approx(wanted, rel=1e-14)


def test_relativistic_pairs_and_is_blind_to_a_shift() -> None:
    objective, batch = relativistic(), Batch({})
    real, fake = torch.tensor(REAL, dtype=torch.float64), torch.tensor(FAKE, dtype=torch.float64)
    wanted = sum(softplus(f - r) for r, f in zip(REAL, FAKE, strict=True)) / 3
    assert float(objective.discriminator(real, fake, batch)) == pytest.approx(wanted, rel=1e-14)
    assert float(objective.discriminator(real + 5, fake + 5, batch)) == pytest.approx(wanted, rel=1e-14)
    assert objective.generator(real, fake, batch) == objective.discriminator(fake, real, batch)
    assert objective.paired
    assert objective.threshold is None


@pytest.mark.parametrize("make", [minimax, non_saturating])
def test_cross_entropy_is_optimal_at_the_log_ratio(make: Callable[[], Objective]) -> None:
    loss, best = at_densities(make()), (P / Q).log()
    assert grad(loss)(best).abs().max() < 1e-15
    middle = (P + Q) / 2
    divergence = (kl(P, middle) + kl(Q, middle)) / 2
    assert float(loss(best)) == pytest.approx(2 * math.log(2) - 2 * divergence, rel=1e-14)


def test_least_squares_is_optimal_at_the_posterior() -> None:
    loss, best = at_densities(least_squares()), P / (P + Q)
    assert grad(loss)(best).abs().max() < 1e-15
    assert float(loss(best)) == pytest.approx(float((P * Q / (P + Q)).sum() / 2), rel=1e-14)


def test_hinge_is_optimal_at_the_sign_with_the_total_variation_as_its_value() -> None:
    loss, best = at_densities(hinge()), (P - Q).sign()
    total_variation = float((P - Q).abs().sum() / 2)
    assert float(loss(best)) == pytest.approx(2 - 2 * total_variation, rel=1e-14)
    source = torch.Generator().manual_seed(0)
    for _ in range(50):
        assert loss(best + torch.randn(4, generator=source, dtype=torch.float64)) >= loss(best)


def test_wasserstein_is_the_dual_objective() -> None:
    assert torch.equal(grad(at_densities(wasserstein()))(torch.zeros(4, dtype=torch.float64)), Q - P)
    assert wasserstein().threshold is None


def test_minimax_players_oppose_each_other_and_the_thresholds_mean_real() -> None:
    zero_sum, logits = minimax(), torch.tensor(FAKE, dtype=torch.float64)
    slope_d = grad(lambda f: zero_sum.discriminator(logits, f, Batch({})))(logits)
    slope_g = grad(lambda f: zero_sum.generator(logits, f, Batch({})))(logits)
    assert torch.equal(slope_d, -slope_g)
    # At equal densities the optimal logit is the threshold.
    for objective in (minimax(), non_saturating(), least_squares(), hinge()):
        even = Batch({"real_weights": P, "noise_weights": P})
        at = torch.full((4,), objective.threshold, dtype=torch.float64)
        loss = lambda x, o=objective, e=even: o.discriminator(x, x, e)  # noqa: E731
        assert grad(loss)(at).abs().max() < 1e-15


def test_a_saturated_discriminator_starves_only_the_minimax_generator() -> None:
    sure = torch.full((4,), -40.0, dtype=torch.float64)

    def slope(objective: Objective) -> float:
        return float(grad(lambda fake: objective.generator(sure, fake, Batch({})))(sure).abs().sum())

    assert slope(minimax()) < 1e-16
    assert slope(non_saturating()) == pytest.approx(1.0, rel=1e-12)


# Penalties, on discriminators with known slopes


class Linear(nn.Module):
    """D(x) = ⟨w, x⟩."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([3.0, 4.0], dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.w


class Bowl(nn.Module):
    """D(x) = a/2·‖x‖², of slope a·x."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(1.5, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.a * x.square().flatten(1).sum(1) / 2


SOURCE = torch.Generator().manual_seed(3)
REALS = torch.randn(6, 2, generator=SOURCE, dtype=torch.float64)
FAKES = torch.randn(6, 2, generator=SOURCE, dtype=torch.float64)
BATCH = Batch(
    {
        "real": REALS,
        "noise": FAKES,
        "interpolation": torch.rand(6, generator=SOURCE, dtype=torch.float64),
        "perturbation": torch.rand(6, 2, generator=SOURCE, dtype=torch.float64),
    }
)


def value(penalty: Penalty, module: nn.Module, reals: Tensor = REALS) -> Tensor:
    game = Game({"discriminator": module}, {"discriminator": lambda networks, batch: torch.zeros(())})
    params, buffers = template_state(module)
    assert penalty.term is not None
    networks = Networks(game.players, {"discriminator": params}, {"discriminator": buffers})
    return penalty.term(networks, BATCH, reals, FAKES)


def mean_square(x: Tensor) -> float:
    return float(x.square().sum(1).mean())


def test_penalties_of_a_linear_discriminator() -> None:
    linear = Linear()  # of slope 5 everywhere
    wanted = {
        gradient_penalty(10.0): 10 * 16,
        gradient_penalty(2.0, target=5.0): 0,
        gradient_penalty(2.0, target=0.0): 50,
        dragan_penalty(3.0, 0.5): 3 * 16,
        r1(2.0): 25,
        r2(0.5): 25 / 4,
    }
    for penalty, expected in wanted.items():
        assert float(value(penalty, linear).detach()) == pytest.approx(expected, rel=1e-13, abs=1e-13)


def test_penalties_look_where_they_should() -> None:
    bowl = Bowl()  # of slope 1.5·x
    share = BATCH["interpolation"].unsqueeze(1)
    between = share * REALS + (1 - share) * FAKES
    near = REALS + share * 0.3 * REALS.std(correction=0) * BATCH["perturbation"]
    wanted = {
        r1(2.0): 2.25 * mean_square(REALS),
        r2(2.0): 2.25 * mean_square(FAKES),
        gradient_penalty(1.0): float(((1.5 * between.norm(dim=1) - 1) ** 2).mean()),
        dragan_penalty(1.0, 0.3): float(((1.5 * near.norm(dim=1) - 1) ** 2).mean()),
    }
    for penalty, expected in wanted.items():
        assert float(value(penalty, bowl).detach()) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("penalty", [r1(1.0), gradient_penalty(1.0, 0.0), gradient_penalty(1.0)])
def test_a_slope_of_exactly_zero_gives_no_nan(penalty: Penalty) -> None:
    flat = Linear()
    with torch.no_grad():
        flat.w.zero_()
    (slope,) = torch.autograd.grad(value(penalty, flat), flat.w)
    assert torch.equal(slope, torch.zeros(2, dtype=torch.float64))


def test_penalties_name_the_draws_they_read() -> None:
    spec = DataSpec.real((1, 4, 4))
    assert {n: d.shape for n, d in gradient_penalty(1.0).inputs(spec).items()} == {"interpolation": ()}
    shapes = {n: d.shape for n, d in dragan_penalty(1.0, 1.0).inputs(spec).items()}
    assert shapes == {"interpolation": (), "perturbation": (1, 4, 4)}
    assert r1(1.0).inputs(spec) == r2(1.0).inputs(spec) == {}


def test_clipping_projects() -> None:
    project = clip_weights(0.1).project
    assert project is not None
    clipped = project(torch.tensor([-3.0, -0.05, 0.0, 0.2]))
    assert torch.equal(clipped, torch.tensor([-0.1, -0.05, 0.0, 0.1]))
    assert torch.equal(project(clipped), clipped)
