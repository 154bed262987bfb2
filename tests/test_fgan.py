"""f-divergences: conjugates, activations and bounds, and the game that trains by them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from torch.func import grad, vmap

from ganbench.divergences import DIVERGENCES, Divergence, f_divergence, jeffrey_log_ratio
from ganbench.errors import UnknownName
from ganbench.game import Batch, DataSpec, player_gradient
from ganbench.objectives import minimax
from ganbench.variants.fgan import Name, fgan, variational

ALL = pytest.mark.parametrize("divergence", DIVERGENCES.values(), ids=list(DIVERGENCES))
RATIOS = torch.logspace(-3, 3, 601, dtype=torch.float64)
LOGITS = torch.linspace(-6, 6, 241, dtype=torch.float64)


def close(one: Tensor, two: Tensor, tolerance: float = 1e-12) -> bool:
    """Whether two tensors agree to a tolerance relative to their sizes, or to 1."""
    return bool(((one - two).abs() <= tolerance * (1 + two.abs())).all())


@ALL
def test_fenchels_inequality_with_equality_at_the_derivative(divergence: Divergence) -> None:
    t = divergence.output(LOGITS)[None, :]
    u = RATIOS[:, None]
    slack = divergence.f(u) + divergence.conjugate(t) - u * t
    assert (slack >= -1e-12 * (1 + (u * t).abs())).all()
    best = divergence.derivative(RATIOS)
    meeting = divergence.f(RATIOS) + divergence.conjugate(best)
    assert close(meeting, RATIOS * best, 1e-10)


@ALL
def test_the_conjugate_is_the_largest_gap_and_its_conjugate_is_f(divergence: Divergence) -> None:
    """f* and f** found by search over fine grids, without a derivative."""
    u = torch.logspace(-6, 6, 60_001, dtype=torch.float64)
    t = divergence.derivative(torch.logspace(-2, 2, 41, dtype=torch.float64))
    searched = (u * t[:, None] - divergence.f(u)).max(1).values
    assert close(searched, divergence.conjugate(t), 1e-5)
    ratios = torch.logspace(-2, 2, 41, dtype=torch.float64)
    slopes = divergence.derivative(torch.logspace(-4, 4, 40_001, dtype=torch.float64))
    twice = (ratios[:, None] * slopes - divergence.conjugate(slopes)).max(1).values
    assert close(twice, divergence.f(ratios), 1e-5)


@ALL
def test_f_is_convex_with_the_stated_derivative_and_value_at_one(divergence: Divergence) -> None:
    one = torch.ones((), dtype=torch.float64)
    expected = -2 * math.log(2) if divergence.name == "gan" else 0.0
    assert float(divergence.f(one)) == pytest.approx(expected, abs=1e-15)
    ratios = RATIOS[RATIOS != 1.0]
    assert close(vmap(grad(divergence.f))(ratios), divergence.derivative(ratios))
    assert (divergence.derivative(RATIOS).diff() >= 0).all()


@ALL
def test_activations_increase_and_stay_in_the_domain(divergence: Divergence) -> None:
    low, high = divergence.domain
    t = divergence.output(LOGITS)
    assert (t > low).all()
    assert (t < high).all()
    assert (t.diff() > 0).all()
    reached = divergence.output(torch.tensor([-40.0, 40.0], dtype=torch.float64))
    for edge, end in zip((low, high), reached.tolist(), strict=True):
        assert end == pytest.approx(edge, abs=1e-12) if math.isfinite(edge) else abs(end) >= 40 - math.log(2)


@ALL
def test_the_threshold_is_where_the_best_discriminator_says_as_likely(divergence: Divergence) -> None:
    one = torch.ones((), dtype=torch.float64)
    at = divergence.output(torch.tensor(divergence.threshold, dtype=torch.float64))
    assert float(at) == pytest.approx(float(divergence.derivative(one)), abs=1e-15)
    assert fgan(divergence=divergence.name).threshold == divergence.threshold  # type: ignore[arg-type]


@ALL
def test_the_composed_conjugate_is_the_conjugate_of_the_activation(divergence: Divergence) -> None:
    assert close(divergence.bounded(LOGITS), divergence.conjugate(divergence.output(LOGITS)), 1e-10)
    assert divergence.bounded(LOGITS.float() * 10).isfinite().all()


@ALL
def test_the_integrand_is_q_times_f_and_survives_where_densities_vanish(divergence: Divergence) -> None:
    p, q = (torch.logspace(-3, 1, 41, dtype=torch.float64)[shape] for shape in ((..., None), (None, ...)))
    found = divergence.integrand(p.log(), q.log())
    assert close(found, q * divergence.f(p / q), 1e-11)
    far = torch.tensor(-2000.0, dtype=torch.float64)
    assert float(divergence.integrand(far, far)) == 0.0


@ALL
def test_the_integrand_where_a_density_is_exactly_zero(divergence: Divergence) -> None:
    """The limits of q·f(p/q) as p, q or both go to 0 exactly, as outside of a bounded support."""
    none, some = torch.tensor(-math.inf, dtype=torch.float64), torch.tensor(-0.4, dtype=torch.float64)
    nearly = torch.tensor(-745.0, dtype=torch.float64)
    assert float(divergence.integrand(none, none)) == 0
    for empty, almost in (((none, some), (nearly, some)), ((some, none), (some, nearly))):
        exact, limit = float(divergence.integrand(*empty)), float(divergence.integrand(*almost))
        assert not math.isnan(exact)
        infinite = math.isinf(exact)
        assert abs(limit) > 100 if infinite else exact == pytest.approx(limit, abs=1e-9)


def test_jeffreys_root_is_lamberts_w() -> None:
    scipy = pytest.importorskip("scipy.special")
    t = torch.linspace(-500, 500, 2001, dtype=torch.float64)
    expected = -torch.from_numpy(scipy.wrightomega(1 - t.numpy())).log()
    assert close(jeffrey_log_ratio(t), expected)
    log_u = jeffrey_log_ratio(t)
    assert close(1 + log_u - torch.exp(-log_u), t)
    w = torch.exp(-log_u[t.abs() < 20])
    near = t[t.abs() < 20]
    assert close(DIVERGENCES["jeffrey"].conjugate(near), w + 1 / w + near - 2, 1e-11)


def test_jeffreys_conjugate_differentiates_twice_under_vmap() -> None:
    """f*′(t) = u and f*″(t) = du/dt = u²/(1 + u)."""
    t = torch.linspace(-8, 8, 65, dtype=torch.float64)
    conjugate = DIVERGENCES["jeffrey"].conjugate
    u = jeffrey_log_ratio(t).exp()
    assert close(vmap(grad(conjugate))(t), u)
    assert close(vmap(grad(grad(conjugate)))(t), u.square() / (1 + u), 1e-11)


@ALL
def test_no_discriminator_lifts_the_bound_above_the_divergence(divergence: Divergence) -> None:
    """Two distributions on seven points: E_P T − E_Q f*(T) ≤ D_f for any T, = D_f at f′(p/q).

    The search picks the best of 12,001 outputs for each point: it comes near D_f, and not above.
    """
    source = torch.Generator().manual_seed(0)
    p, q = torch.rand(2, 7, generator=source, dtype=torch.float64).softmax(1)
    exact = float((q * divergence.f(p / q)).sum())
    logits = torch.linspace(-30, 30, 12_001, dtype=torch.float64)[:, None]
    highest = float((p * divergence.output(logits) - q * divergence.bounded(logits)).max(0).values.sum())
    assert exact - 1e-5 <= highest <= exact + 1e-12
    best = divergence.derivative(p / q)
    assert float((p * best - q * divergence.conjugate(best)).sum()) == pytest.approx(exact, abs=1e-12)


def test_there_is_an_option_for_every_divergence() -> None:
    assert set(get_args(Name)) == set(DIVERGENCES)
    with pytest.raises(UnknownName, match="did you mean 'hellinger'"):
        f_divergence("helinger")


def test_gan_is_the_minimax_game() -> None:
    """The divergence `gan` trains by Goodfellow's losses exactly."""
    source = torch.Generator().manual_seed(1)
    real, fake = torch.randn(2, 50, generator=source, dtype=torch.float64)
    ours, theirs, batch = variational(DIVERGENCES["gan"]), minimax(), Batch({})
    assert float(ours.discriminator(real, fake, batch)) == pytest.approx(
        float(theirs.discriminator(real, fake, batch))
    )
    assert float(ours.generator(real, fake, batch)) == pytest.approx(
        float(theirs.generator(real, fake, batch))
    )


class Slope(nn.Module):
    """V(x) = a·x."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.empty(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.a * x.squeeze(1)


def kl_gradient(player: str, **options: str) -> dict[str, float]:
    """One player's gradient of the KL bound: V = x/2, real points 1 and 3, fake points 0 + 2·(±1)."""
    variant = fgan(divergence="kl", network="location_scale", latent_dim=1, **options)  # type: ignore[arg-type]
    game = variant.build(DataSpec.real((1,)))
    game = replace(game, players={**game.players, "discriminator": Slope()})
    double = {"dtype": torch.float64}
    params = {
        "generator": {"0.location": torch.zeros(1, **double), "0.scale": torch.full((1,), 2.0, **double)},
        "discriminator": {"a": torch.tensor(0.5, **double)},
    }
    batch = {"real": torch.tensor([[1.0], [3.0]], **double), "noise": torch.tensor([[1.0], [-1.0]], **double)}
    gradient = player_gradient(game, player, params, {"generator": {}, "discriminator": {}}, batch).gradient
    return {name: float(value.sum()) for name, value in gradient.items()}


def test_gradients_of_a_case_by_hand() -> None:
    """F = E_P V − E_Q exp(V − 1).  dF/da = 2 − E[x e^(x/2 − 1)]; dF/dμ = −½E[e^(x/2 − 1)], dF/dσ with z."""
    up, down = math.exp(1 - 1), math.exp(-1 - 1)  # at x = 2 and x = −2
    assert kl_gradient("discriminator")["a"] == pytest.approx(-(2 - (2 * up - 2 * down) / 2))
    found = kl_gradient("generator")
    assert found["0.location"] == pytest.approx(-0.5 * (up + down) / 2)
    assert found["0.scale"] == pytest.approx(-0.5 * (up - down) / 2)
    other = kl_gradient("generator", generator_goal="alternative")
    assert other["0.location"] == pytest.approx(-0.5)
    assert other["0.scale"] == pytest.approx(0.0)


def test_the_generator_moves_towards_the_data() -> None:
    """Where V is larger the discriminator sees data: descent moves μ there, for every divergence and goal."""
    z = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    for divergence in DIVERGENCES.values():
        for goal in ("bound", "alternative"):
            objective = variational(divergence, goal)  # type: ignore[arg-type]

            def loss(mu: Tensor) -> Tensor:
                fake = 0.5 * (mu + z).squeeze(1)
                return objective.generator(fake, fake, Batch({}))  # noqa: B023

            assert float(grad(loss)(torch.zeros((), dtype=torch.float64))) < 0, (divergence.name, goal)
