"""The exact one-dimensional game: goldens, three ways of computing it, and the detection of its plateau."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from engine_cohorts import cohort as engine_cohort
from scipy.integrate import quad
from scipy.special import log_ndtr, ndtr
from torch import Tensor

from ganbench.analysis.least_squares_game import (
    NAMES,
    ClosedGame,
    ExponentialLaw,
    Law,
    NormalLaw,
    distance_to_exponential,
)
from ganbench.claims.lsgan1d import CASE_A, EXACT_END, ON_THE_WAY, SAMPLED_END, UPDATES
from ganbench.datasets.real_line import Exponential, Normal, RealLine
from ganbench.diagnostics.parameters import Parameters, settled_at, single_numbers
from ganbench.diagnostics.quadrature import Doubling
from ganbench.diagnostics.saturation import Saturation, stated_probability
from ganbench.diagnostics.wasserstein import Wasserstein, wasserstein_distance
from ganbench.errors import GanbenchError
from ganbench.game import DataSpec
from ganbench.report.theory.lsgan1d_closed import LAGUERRE, LaguerreLaw, laguerre_apart
from ganbench.report.theory.lsgan1d_games import distance_between
from ganbench.training.description import Budget, Choice, CohortDescription, Engine
from ganbench.training.trainer import Trainer
from ganbench.variants.lsgan1d import latent_of, lsgan1d, noise_rule

START = {name: CASE_A[name] for name in NAMES}
PUBLISHED = ClosedGame(ExponentialLaw(0.5), ExponentialLaw(1.0))
LAWS = [(Exponential(0.7), ExponentialLaw(0.7)), (Normal(1.3, 0.6), NormalLaw(1.3, 0.6))]


def played(
    updates: int = UPDATES,
    seeds: tuple[int, ...] = (0,),
    data: tuple[str, dict[str, Any]] = ("exponential", {}),
    **options: Any,
) -> Trainer:
    """A cohort of the game, ready to train, in float64."""
    return Trainer(
        CohortDescription(
            dataset=Choice(data[0], data[0], data[1]),
            variant=Choice("lsgan1d", "lsgan1d", options),
            seeds=seeds,
            budget=Budget("steps", updates),
            measure=(1.0,),
            diagnostics=(),
            engine=Engine(precision="float64", compile="off"),
        ),
        torch.device("cpu"),
    )


def numbers(cohort: Trainer) -> dict[str, Tensor]:
    """The parameters by name, [S]."""
    return {name: value.clone() for _, name, value in single_numbers(cohort.state.params)}


def rounds(cohort: Trainer) -> Iterator[dict[str, Tensor]]:
    """The parameters before training and after every round."""
    yield numbers(cohort)
    with torch.no_grad():
        for _ in range(int(cohort.rounds or 0)):
            cohort.field.advance()
            yield numbers(cohort)


def path(cohort: Trainer) -> np.ndarray:
    """The first seed's parameters [updates + 1, 4], in the order a, b, g, h."""
    return np.array([[float(at[name][0]) for name in NAMES] for at in rounds(cohort)])


@pytest.fixture(scope="module")
def case_a() -> np.ndarray:
    return path(played())


def test_the_published_end_is_met_to_its_stated_error(case_a: np.ndarray) -> None:
    assert case_a.shape == (UPDATES + 1, 4)
    for golden in EXACT_END:
        assert abs(case_a[UPDATES, NAMES.index(golden.measured)] - golden.expected) <= (golden.tolerance or 0)


def test_the_published_path_is_met_to_its_own_accuracy(case_a: np.ndarray) -> None:
    """Its last digits are off by up to 7e-5, as two independent computations of it agree to 1e-14."""
    apart = [
        abs(case_a[golden.where.step, NAMES.index(golden.measured)] - golden.expected)
        for golden in ON_THE_WAY
    ]
    assert max(apart) < 7e-5
    beyond = [gap > (golden.tolerance or 0) for gap, golden in zip(apart, ON_THE_WAY, strict=True)]
    assert sum(beyond) == 6  # half of the last digit; the report marks these


@pytest.mark.parametrize(
    ("options", "data", "game"),
    [
        ({}, ("exponential", {}), PUBLISHED),
        ({"free": tuple(NAMES)}, ("exponential", {}), PUBLISHED),
        (
            {"free": tuple(NAMES), "objective": "mao"},
            ("exponential", {"rate": 0.8}),
            ClosedGame(ExponentialLaw(0.8), ExponentialLaw(1.0), "mao"),
        ),
        (
            {"free": tuple(NAMES), "latent": "normal", "a": -1.5, "b": 2.0, "h": 1.0},
            ("normal", {}),
            ClosedGame(NormalLaw(2.0, 2.0), NormalLaw(1.0, 1.0)),
        ),
    ],
)
def test_engine_and_closed_form_walk_the_same_path(
    options: dict[str, Any], data: tuple[str, dict[str, Any]], game: ClosedGame
) -> None:
    """Quadrature and automatic differentiation against Owen's T, which share no code."""
    updates = 120
    start = {name: options.get(name, START[name]) for name in NAMES}
    expected = game.trajectory(start, options.get("free", ("b", "h")), 0.4, updates)
    np.testing.assert_allclose(path(played(updates, data=data, **options)), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("data", "law"), LAWS)
@pytest.mark.parametrize(
    ("alpha", "beta"), [(2.2, -3.0), (-1.1, 2.0), (20.0, -14.0), (20.0, 0.0), (0.8, 0.3), (-20.0, 30.0)]
)
def test_three_ways_of_one_expectation(data: RealLine, law: Law, alpha: float, beta: float) -> None:
    """Closed form, the data set's quadrature, and an adaptive rule that is told where D jumps."""
    nodes, weights = (each.numpy() for each in data.quadrature(64))
    x = nodes[:, 0]

    def d(x: np.ndarray) -> np.ndarray:
        return ndtr(math.sqrt(2) * (alpha * x + beta))

    def slope(x: np.ndarray) -> np.ndarray:
        return np.exp(-((alpha * x + beta) ** 2)) / math.sqrt(math.pi)

    found = law.slopes(alpha, beta)
    integrands = {
        "mean": d,
        "square": lambda x: d(x) ** 2,
        "mean_by_alpha": lambda x: x * slope(x),
        "mean_by_beta": slope,
        "square_by_alpha": lambda x: 2 * x * d(x) * slope(x),
        "square_by_beta": lambda x: 2 * d(x) * slope(x),
    }
    for name, f in integrands.items():
        adaptive = adaptively(f, data, -beta / alpha)
        assert abs(getattr(found, name) - adaptive) < 1e-11, name
        assert abs(float(weights @ f(x)) - adaptive) < 1e-9, name


def adaptively(f: Any, data: RealLine, jump: float) -> float:
    """E f(x) to 1e-12 by pieces around the jump."""
    low, high = (0.0, 60.0) if isinstance(data, Exponential) else (-5.0, 8.0)
    edges = sorted({low, high, *(min(max(jump + 0.3 * k, low), high) for k in range(-4, 5)), *(1.0, 3.0)})

    def integrand(x: float) -> float:
        point = torch.tensor([[x]], dtype=torch.float64)
        return float(f(np.array(x))) * math.exp(float(data.log_density(point)[0]))

    return sum(quad(integrand, a, b, epsabs=1e-13, epsrel=1e-12, limit=200)[0] for a, b in pairwise(edges))


def test_the_closed_form_says_where_it_loses_its_digits() -> None:
    with pytest.raises(ArithmeticError, match="loses its digits"):
        ExponentialLaw(1.0).slopes(0.05, 3.0)
    flat, nearly = ExponentialLaw(1.0).slopes(0.0, 0.3), ExponentialLaw(1.0).slopes(0.3, 0.3)
    assert flat.mean == pytest.approx(ndtr(math.sqrt(2) * 0.3), abs=1e-15)
    assert flat.mean < nearly.mean


@pytest.mark.parametrize("objective", ["pulford", "mao"])
def test_moves_are_minus_the_gradients_of_the_losses(objective: Any) -> None:
    """By central differences; the generator's part of J is all of J but what does not depend on it."""
    game = ClosedGame(ExponentialLaw(0.5), ExponentialLaw(1.0), objective)
    at, step = {"a": 1.7, "b": -0.9, "g": 1.2, "h": 0.4}, 1e-5
    sign = {"pulford": 1.0, "mao": -1.0}[objective]
    for name in ("a", "b"):
        up, down = ({**at, name: at[name] + s * step} for s in (1, -1))
        slope = (game.loss(up) - game.loss(down)) / (2 * step)
        assert game.moves(at)[name] == pytest.approx(sign * slope, abs=1e-9)


def test_panels_converge_and_the_doubling_diagnostic_sees_it() -> None:
    """Its error is that of the gradient against the closed form, and shrinks to rounding."""
    errors = {}
    for panels in (4, 16, 64):
        cohort = played(1, panels=panels)
        errors[panels] = {k: float(v[0]) for k, v in Doubling().measure(cohort.snapshot(0, False)).items()}
    coarse, middle, fine = (max(each.values()) for each in errors.values())
    assert coarse > 1e-4
    assert 1e-15 < middle < 1e-8
    assert fine < 1e-14
    exact = PUBLISHED.moves(START)["b"]
    field = played(1, panels=4).snapshot(0, False).field()["discriminator"]["b"]
    assert errors[4]["quadrature_error_discriminator"] == pytest.approx(
        abs(float(-field[0]) - exact), rel=1e-2
    )


def test_sampled_gradients_are_the_exact_ones_on_average() -> None:
    """Over 400 seeds' first updates, within four standard errors, and not by being blunt."""
    seeds = tuple(range(400))
    cohort = played(1, seeds=seeds, expectation="samples", free=tuple(NAMES), batch_size=200)
    before, after = rounds(cohort)
    moves = PUBLISHED.moves(START)
    for name in NAMES:
        speed = (after[name] - before[name]) / 0.4
        error = float(speed.std()) / math.sqrt(len(seeds))
        assert abs(float(speed.mean()) - moves[name]) < 4 * error, name
        assert error < 0.1 * abs(moves[name]), name


def test_the_published_spread_is_that_of_one_sample_a_run() -> None:
    """Fresh points at each update scatter four and ten times less; 40 runs know a spread to 11 %."""
    ends = {}
    for points in (None, 1000):
        cohort = played(UPDATES, tuple(range(40)), ("exponential", {"points": points}), expectation="samples")
        *_, ends[points] = rounds(cohort)
    for golden in SAMPLED_END:
        fresh, once = (float(ends[points][golden.parameter].std()) for points in (None, 1000))
        assert 0.65 < once / golden.deviation < 1.4
        assert fresh < 0.35 * golden.deviation
        assert abs(float(ends[1000][golden.parameter].mean()) - golden.mean) < 3 * (
            golden.deviation
        ) / math.sqrt(40)


def test_what_is_not_free_stays_in_every_bit() -> None:
    for free in (("b", "h"), ("a", "g"), ("h",)):
        first, *_, last = rounds(played(20, free=free))
        for name in NAMES:
            assert torch.equal(first[name], last[name]) is (name not in free), (free, name)
            assert float(first[name][0]) == START[name]


def test_wrong_settings_are_told() -> None:
    with pytest.raises(GanbenchError, match="at least one of a, b, g, h"):
        lsgan1d(free=())
    with pytest.raises(GanbenchError, match="shape"):
        lsgan1d().build(DataSpec.real((2,)))
    with pytest.raises(GanbenchError, match="no quadrature"):
        lsgan1d().build(DataSpec.real((1,)))
    assert lsgan1d(expectation="samples").build(DataSpec.real((1,)))


# The data


@pytest.mark.parametrize(("data", "_law"), LAWS)
def test_quantiles_density_and_quadrature_agree(data: RealLine, _law: Law) -> None:
    p = torch.linspace(0.01, 0.99, 25, dtype=torch.float64).requires_grad_()
    x = data.quantile(p)
    (slope,) = torch.autograd.grad(x.sum(), p)
    torch.testing.assert_close(slope.reciprocal(), data.log_density(x.detach().unsqueeze(1)).exp())
    nodes, weights = data.quadrature(64)
    mean, spread = {"exponential": (1 / 0.7, 1 / 0.7), "normal": (1.3, 0.6)}[data.info.name]
    assert float(weights.sum()) == pytest.approx(1, abs=1e-14)
    assert float(weights @ nodes[:, 0]) == pytest.approx(mean, abs=1e-13)
    assert float(weights @ (nodes[:, 0] - mean) ** 2) == pytest.approx(spread**2, abs=1e-12)
    assert math.isinf(float(Exponential(1.0).log_density(torch.tensor([[-0.1]]))[0]))


def test_a_training_set_is_each_seeds_own_and_goes_round() -> None:
    sampler = Exponential(0.5, points=6).sampler((0, 1), torch.device("cpu"), torch.float64)
    first, second = sampler.draw(6)["real"], sampler.draw(9)["real"]
    assert torch.equal(first, second[:, :6])
    assert torch.equal(first[:, :3], second[:, 6:])
    assert not torch.equal(first[0], first[1])
    again = Exponential(0.5, points=6).sampler((1,), torch.device("cpu"), torch.float64)
    assert torch.equal(again.draw(6)["real"][0], first[1])


def test_the_latent_has_the_published_density() -> None:
    """z² of z with density 2z·exp(−z²) is standard exponential: checked by Kolmogorov and by its moments."""
    noise = torch.randn(20_000, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    squares = latent_of(noise, "rayleigh")[:, 0].sort().values
    steps = (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    assert float((1 - torch.exp(-squares) - steps).abs().max()) < 1.63 / math.sqrt(20_000)
    for latent in ("rayleigh", "normal"):
        nodes, weights = noise_rule(latent, 64)
        values = latent_of(nodes, latent)[:, 0]
        assert float(weights @ values) == pytest.approx(1, abs=1e-13)
        assert float(weights @ (values - 1) ** 2) == pytest.approx(1, abs=1e-12)


# The plateau


def test_settling_on_synthetic_curves() -> None:
    t = torch.arange(200, dtype=torch.float64)
    still, halved = torch.full((200,), 3.0), 0.5 ** (t / 4)  # below 1e-3 of its top speed after 40 rounds
    creep, late = torch.log1p(t), torch.where(t < 150, 0.0, t - 150)
    jump = torch.where(t < 31, 0.0, 1.0)
    curves = torch.stack([still.double(), halved, creep, late, jump], 1)
    settled = settled_at(curves.diff(dim=0).abs(), 1e-3)
    assert settled[0] == 0
    assert settled[1] == 40  # speed number 40 is 2^-10 of the first, the forty-first round's
    assert torch.isnan(settled[2])
    assert torch.isnan(settled[3])
    assert settled[4] == 31
    assert torch.isnan(settled_at(torch.tensor([[1.0], [math.nan]], dtype=torch.float64), 1e-3))[0]


def test_the_plateau_of_the_published_game_is_found() -> None:
    """G rests from round 59 on, b creeps, D is saturated, and the data are one unit away."""
    cohort, followed = played(), Parameters(1e-3)
    seen: dict[str, list[float]] = {}
    for _ in rounds(cohort):
        for name, value in followed.on_round(cohort.state).items():
            seen.setdefault(name, []).append(float(value[0]))
    snapshot = cohort.snapshot(1, True)
    found = {k: float(v[0]) for k, v in followed.measure(snapshot).items()}
    assert set(found) == {quantity.name for quantity in followed.quantities}
    assert found["plateau_at_generator"] == found["settled_at_h"] == 59
    assert math.isnan(found["plateau_at_discriminator"])
    assert math.isnan(found["settled_at_b"])
    assert found["settled_at_a"] == found["speed_g"] == 0
    assert found["speed_b"] == pytest.approx(seen["b"][-1] - seen["b"][-2], abs=1e-15)
    speeds = np.abs(np.diff(seen["h"]))
    assert (speeds[59:] <= 1e-3 * speeds.max()).all()
    assert speeds[58] > 1e-3 * speeds.max()
    saturation = {k: float(v[0]) for k, v in Saturation().measure(snapshot).items()}
    assert saturation["saturation_real"] > 0.99
    assert saturation["saturation_fake"] > 1 - 1e-9
    assert float(snapshot.field()["generator"]["h"][0].abs()) < 1e-15
    data = cohort.dataset
    assert isinstance(data, Exponential)
    measured = float(Wasserstein(data, 10_000).measure(snapshot)["wasserstein_to_data"][0])
    exact = distance_to_exponential(1.5, seen["h"][-1], 0.5)
    assert exact == pytest.approx(0.99, abs=0.005)
    assert measured == pytest.approx(exact, abs=0.05)


# The report


def test_a_laguerre_rule_is_right_where_d_is_flat_and_coarse_in_the_game() -> None:
    """The same expectations as the closed form's; case A ends 2e-3 off with 128 nodes, more with fewer."""
    exact, rule = ExponentialLaw(0.5).slopes(0.15, -0.2), LaguerreLaw(0.5, 64).slopes(0.15, -0.2)
    for field in fields(exact):
        assert getattr(rule, field.name) == pytest.approx(getattr(exact, field.name), abs=1e-9), field.name
    ends = {nodes: laguerre_apart(nodes)[1] for nodes in LAGUERRE}
    assert ends[128] == pytest.approx(1.9e-3, abs=2e-4)
    assert ends[20] > 0.1
    assert ends[20] > ends[64] > ends[128]


def test_the_distance_by_quantiles_is_that_of_known_pairs() -> None:
    exponential, normal = ExponentialLaw(1.0), NormalLaw(1.0, 1.0)
    assert distance_between(NormalLaw(2, 2), normal, 2.0, 0.7) == pytest.approx(0.7, abs=1e-9)
    assert distance_between(NormalLaw(0, 2), normal, -2.0, 2.0) == pytest.approx(0, abs=1e-9)
    spread = distance_between(NormalLaw(3, 2), normal, 1.0, 2.0)  # E|n| of the difference of scales
    assert spread == pytest.approx(math.sqrt(2 / math.pi), abs=1e-3)
    by_formula = distance_between(ExponentialLaw(0.5), exponential, 1.5, -0.3)
    assert by_formula == distance_to_exponential(1.5, -0.3, 0.5)
    shifted = distance_between(normal, exponential, 1.0, 0.0)
    nodes, weights = Normal(0.0, 1.0).quadrature(400)
    x = nodes[:, 0].numpy()
    brute = float(weights.numpy() @ np.abs(1 + x + log_ndtr(-x)))  # −log(1 − level) of the exponential
    assert shifted == pytest.approx(brute, abs=2e-3)


def test_nothing_is_said_of_games_without_single_numbers() -> None:
    assert list(single_numbers({"generator": {"weight": torch.zeros(3, 2)}})) == []
    twice = {"one": {"w": torch.zeros(3)}, "two": {"w": torch.zeros(3)}}
    assert [name for _, name, _ in single_numbers(twice)] == ["one_w", "two_w"]


def test_saturation_is_exact_and_undefined_for_critics() -> None:
    """Against the closed form: E 4D(1 − D) = 4(E D − E D²)."""
    snapshot = played(1).snapshot(0, False)
    found = {k: float(v[0]) for k, v in Saturation().measure(snapshot).items()}
    real = ExponentialLaw(0.5).slopes(START["a"], START["b"])
    fake = ExponentialLaw(1.0).slopes(START["a"] * START["g"], START["a"] * START["h"] + START["b"])
    for place, law in (("real", real), ("fake", fake)):
        assert found[f"saturation_{place}"] == pytest.approx(1 - 4 * (law.mean - law.square), abs=1e-12)
        assert found[f"probability_{place}"] == pytest.approx(law.mean, abs=1e-12)


def test_each_seed_says_its_own_probability() -> None:
    outputs = torch.tensor([[0.2, 0.8], [0.2, 1.2], [0.1, math.nan]])

    def said(meaning: str | None, threshold: float | None) -> Tensor:
        snapshot: Any = SimpleNamespace(variant=SimpleNamespace(probability=meaning), threshold=threshold)
        return stated_probability(snapshot, outputs)

    for meaning in ("itself", None):  # one seed outside [0, 1] leaves the others alone
        assert torch.equal(said(meaning, 0.5)[0], outputs[0])
        assert said(meaning, 0.5)[1:].isnan().all()
    torch.testing.assert_close(said("log_odds", 0.0)[:2], torch.sigmoid(outputs[:2]))
    assert said(None, None).isnan().all()
    assert said(None, 0.0).isnan().all()  # a hinge's margin is no probability


def test_weights_count_only_with_their_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dirac-GAN's 64 weights belong to its instance noise, not to the batch's examples."""
    noisy = {"method": "instance-noise"}
    made = engine_cohort("dirac", noisy, dataset="dirac", budget=("steps", 1), mode="plain")
    made.state.params["discriminator"]["psi"] = torch.tensor([0.7, -0.3], dtype=torch.float64)
    snapshot = made.snapshot(0, False)
    real = torch.tensor([[0.0, 2.0], [0.0, 2.0]], dtype=torch.float64)
    batch = {**snapshot.batch(), "real": real.unsqueeze(2)}
    monkeypatch.setattr(snapshot, "batch", lambda: batch)
    expected = torch.sigmoid(-made.state.params["discriminator"]["psi"][:, None] * real).mean(1)
    torch.testing.assert_close(Saturation().measure(snapshot)["probability_real"], expected)


def test_wasserstein_distance_of_known_pairs() -> None:
    """A shift costs itself; a scale of the exponential costs its difference of means."""
    law, steps = Exponential(0.5), (torch.arange(4000, dtype=torch.float64) + 0.5) / 4000
    exact = law.quantile(steps)
    shuffled = exact[torch.randperm(4000, generator=torch.Generator().manual_seed(1))]
    stacked = torch.stack([shuffled, exact + 0.7, 1.5 * exact])
    found = wasserstein_distance(stacked, law)
    assert float(found[0]) == 0
    assert float(found[1]) == pytest.approx(0.7, abs=1e-12)
    assert float(found[2]) == pytest.approx(1.0, rel=2e-3)
    for g, h in ((1.5, 1.43), (3.2, 0.86), (2.0, -0.4), (1.0, -0.5), (2.5, -1.0)):
        nodes, weights = Exponential(1.0).quadrature(4000)
        brute = float(weights @ (g * nodes[:, 0] + h - 2 * nodes[:, 0]).abs())
        assert distance_to_exponential(g, h, 0.5) == pytest.approx(brute, abs=1e-5)
