"""Nearest-neighbour divergences on pairs with closed forms, their bias, and D against a planted D*."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from engine_cohorts import SMALL, cohort, equal_bits, numbers
from fake_snapshot import FakeSnapshot
from scipy.integrate import quad
from scipy.special import digamma
from scipy.stats import norm
from torch import Tensor, nn

from ganbench import registry
from ganbench.datasets.mixtures import GaussianMixture, ring8
from ganbench.diagnostics.diagnostic import NotApplicable
from ganbench.diagnostics.estimators import nearest_density as nearest
from ganbench.diagnostics.estimators.generator_density import gaussian_log_density, generator_log_density
from ganbench.game import Game, RandomInput
from ganbench.streams import SeedStreams

COUNT = 2500
LOG_2 = math.log(2)


# The functions of x


@pytest.mark.parametrize("k", [1, 3, 20])
@pytest.mark.parametrize("x", [1e-12, 1e-3, 0.7, 2.999, 3.001, 19.9, 20.1, 300.0])
def test_the_functions_of_x_are_their_integrals(k: int, x: float) -> None:
    edge = [min(1 / x, 0.5)]
    moment = quad(lambda s: (1 - s) ** (k - 1) * math.exp(-x * s), 0, 1, points=edge)[0]
    g = quad(lambda s: -((1 - s) ** (k - 1)) * math.expm1(-x * s) / s, 0, 1, points=edge)[0]
    log_x = np.array([math.log(x)])
    assert nearest.optimal_share(log_x, k)[0] == pytest.approx(x * moment, rel=1e-7)
    assert nearest.log_one_plus_inverse(log_x, k)[0] == pytest.approx(g, rel=1e-7)
    assert nearest.log_one_plus_ratio(log_x, k)[0] == pytest.approx(
        digamma(k) - math.log(x) + g, rel=1e-7, abs=1e-7
    )


@pytest.mark.parametrize("k", [1, 3, 20])
@pytest.mark.parametrize("ratio", [1e-4, 0.3, 1.0, 5.0, 1e4])
def test_the_functions_have_no_bias_where_q_is_flat(k: int, ratio: float) -> None:
    """Over x = (p/q)·Gamma(k) they average to log(1 + q/p), log(1 + p/q), p/(p + q) and log q/p."""
    node, weight = np.polynomial.legendre.leggauss(600)
    log_u = np.log(1e-9) + (node + 1) / 2 * np.log(300 / 1e-9)  # of a Gamma(k) variable
    density = np.exp(k * log_u - np.exp(log_u) - math.lgamma(k)) * weight * np.log(300 / 1e-9) / 2
    log_x = log_u + math.log(ratio)
    averages = {
        math.log1p(1 / ratio): nearest.log_one_plus_ratio,
        math.log1p(ratio): nearest.log_one_plus_inverse,
        ratio / (1 + ratio): nearest.optimal_share,
    }
    for wanted, function in averages.items():
        assert density @ function(log_x, k) == pytest.approx(wanted, rel=1e-5, abs=1e-6)
    assert density @ (log_x - digamma(k)) == pytest.approx(math.log(ratio), abs=1e-5)


def test_the_functions_at_their_ends() -> None:
    ends = np.array([-np.inf, -1e4, 800.0])
    assert nearest.log_one_plus_inverse(ends, 3)[:2].tolist() == [0, 0]
    assert nearest.log_one_plus_ratio(ends, 3)[0] == np.inf
    assert nearest.log_one_plus_ratio(ends, 3)[1] == pytest.approx(digamma(3) + 1e4)
    assert nearest.optimal_share(ends, 3)[[0, 2]].tolist() == [0, pytest.approx(1)]


# Estimates


def gaussian(dim: int, shift: float = 0.0, sigma: float = 1.0) -> GaussianMixture:
    mean = torch.zeros(1, dim, dtype=torch.float64)
    mean[0, 0] = shift
    return GaussianMixture("gaussian", "Gaussian", "test", mean, torch.ones(1, dtype=torch.float64), sigma)


def draws(mixture: GaussianMixture, seeds: int, count: int = COUNT) -> Tensor:
    """Independent draws [seeds, count, d]."""
    return mixture.sampler(range(seeds), torch.device("cpu"), torch.float64).draw(count)["real"]


def estimates(p: GaussianMixture, q: GaussianMixture, k: int = 3, repeats: int = 12) -> dict[str, np.ndarray]:
    reals, fakes = draws(p, 2 * repeats)[repeats:], draws(q, repeats)
    found: dict[str, list[float]] = {}
    for real, fake in zip(reals, fakes, strict=True):
        log_p = [p.log_density(x).numpy() for x in (real, fake)]
        counts = nearest.expected_counts(real.numpy(), fake.numpy(), *log_p, k)
        for function in (nearest.kl, nearest.reverse_kl, nearest.jensen_shannon, nearest.mean_optimal):
            found.setdefault(function.__name__, []).append(function(counts))
    return {name: np.array(values) for name, values in found.items()}


def gaussian_kl(p: tuple[float, float], q: tuple[float, float], dim: int) -> float:
    """KL of N(shift·e₁, σ² I) pairs given as (shift, σ)."""
    spread = (p[1] / q[1]) ** 2
    return (dim * (spread - 1 - math.log(spread)) + (p[0] - q[0]) ** 2 / q[1] ** 2) / 2


def truths(p: GaussianMixture, q: GaussianMixture) -> dict[str, float]:
    """By 200,000 draws: to about 0.001."""
    x, y = draws(p, 1, 200_000)[0], draws(q, 1, 200_000)[0]
    at_p, at_q = p.log_density(x) - q.log_density(x), p.log_density(y) - q.log_density(y)
    softplus = torch.nn.functional.softplus
    js = LOG_2 - softplus(-at_p).mean() / 2 - softplus(at_q).mean() / 2
    return {"jensen_shannon": float(js), "mean_optimal": float(at_p.sigmoid().mean())}


@pytest.mark.parametrize("dim", [1, 2])
@pytest.mark.parametrize("q", [(0.0, 1.0), (1.0, 1.0), (0.0, 2.0)])
def test_gaussian_pairs_within_the_stated_bias(dim: int, q: tuple[float, float]) -> None:
    found = estimates(gaussian(dim), gaussian(dim, *q))
    wanted = {
        "kl": gaussian_kl((0, 1), q, dim),
        "reverse_kl": gaussian_kl(q, (0, 1), dim),
        **truths(gaussian(dim), gaussian(dim, *q)),
    }
    allowed = {"kl": 0.06, "reverse_kl": 0.06, "jensen_shannon": 0.012, "mean_optimal": 0.012}
    for name, values in found.items():
        assert values.mean() == pytest.approx(wanted[name], abs=allowed[name]), name
        assert 0 < values.std() < 3 * allowed[name], name


def test_forward_kl_is_a_lower_bound_for_narrow_samples_and_js_is_not_misled() -> None:
    found = estimates(gaussian(2), gaussian(2, 0.0, 0.5))
    truth = gaussian_kl((0, 1), (0, 0.5), 2)
    assert truth == pytest.approx(1.614, abs=1e-3)
    assert found["kl"].mean() - truth == pytest.approx(-0.71, abs=0.1)  # the docstring's figure
    assert found["reverse_kl"].mean() == pytest.approx(gaussian_kl((0, 0.5), (0, 1), 2), abs=0.04)
    js = truths(gaussian(2), gaussian(2, 0.0, 0.5))["jensen_shannon"]
    assert found["jensen_shannon"].mean() == pytest.approx(js, abs=0.012)


def test_dropped_modes_on_the_ring() -> None:
    """Half of the modes, twice as heavy: p = q/2 there, p alone elsewhere.  All but KL are seen."""
    ring = ring8(sigma=0.1)
    half = GaussianMixture("half", "Half", "test", ring.means[:4], torch.full((4,), 0.25).double(), 0.1)
    found = estimates(ring, half)
    js = (4 / 8 * math.log(2 / 3) + 4 / 8 * math.log(2) + math.log(4 / 3)) / 2
    assert found["reverse_kl"].mean() == pytest.approx(LOG_2, abs=0.04)
    assert found["jensen_shannon"].mean() == pytest.approx(js, abs=0.012)
    assert found["mean_optimal"].mean() == pytest.approx((1 / 3 + 1) / 2, abs=0.012)
    assert 3 < found["kl"].mean() < 6  # the true value is about 128


def test_a_shifted_mixture_by_quadrature() -> None:
    weights, means = torch.tensor([0.3, 0.7]).double(), torch.tensor([[-1.0], [2.0]]).double()
    p = GaussianMixture("p", "P", "test", means, weights, 0.5)
    q = GaussianMixture("q", "Q", "test", means + 0.4, weights, 0.5)
    x = torch.linspace(-9, 11, 40_001, dtype=torch.float64).unsqueeze(1)
    log_p, log_q = p.log_density(x), q.log_density(x)
    middle = torch.logaddexp(log_p, log_q) - LOG_2

    def integral(values: Tensor) -> float:
        return float(torch.trapezoid(values, x[:, 0]))

    js = (integral(log_p.exp() * (log_p - middle)) + integral(log_q.exp() * (log_q - middle))) / 2
    found = estimates(p, q)
    assert found["kl"].mean() == pytest.approx(integral(log_p.exp() * (log_p - log_q)), abs=0.05)
    assert found["reverse_kl"].mean() == pytest.approx(integral(log_q.exp() * (log_q - log_p)), abs=0.05)
    assert found["jensen_shannon"].mean() == pytest.approx(js, abs=0.012)


def test_coinciding_samples_are_infinitely_far_in_reverse_kl_only() -> None:
    p = gaussian(2)
    real, fake = draws(p, 1)[0], torch.zeros(COUNT, 2, dtype=torch.float64)
    log_p = [p.log_density(x).numpy() for x in (real, fake)]
    counts = nearest.expected_counts(real.numpy(), fake.numpy(), *log_p, 3)
    assert nearest.reverse_kl(counts) == math.inf
    assert nearest.jensen_shannon(counts) == pytest.approx(LOG_2, abs=0.01)
    assert math.isfinite(nearest.kl(counts))


def test_the_plug_in_rule_is_fair_for_equal_and_below_the_best_for_unequal() -> None:
    for shift, best in ((0.0, 0.5), (1.0, norm.cdf(0.5)), (6.0, norm.cdf(3.0))):
        p, q = gaussian(1), gaussian(1, shift)
        values = []
        for real, fake in zip(draws(p, 24)[12:], draws(q, 12), strict=True):
            log_p = [p.log_density(x).numpy() for x in (real, fake)]
            values.append(
                nearest.plug_in_accuracy(nearest.expected_counts(real.numpy(), fake.numpy(), *log_p, 20))
            )
        assert np.mean(values) == pytest.approx(best - 0.003, abs=0.01)


# The diagnostic


class Snapshot(FakeSnapshot):
    """Samples, a discriminator that is a function of points, and an affine generator where one is given."""

    def __init__(self, dataset: Any, samples: Tensor, logits: Any, **variant: Any) -> None:
        super().__init__(dataset, samples)
        self._logits, self.seeds = logits, tuple(range(len(samples)))
        self.threshold = variant.pop("threshold", 0.0)
        self.variant = SimpleNamespace(averages={}, probability="log_odds", **variant)
        self.game = Game(
            {"generator": nn.Identity()}, {"generator": lambda n, b: b.noise}, {"noise": RandomInput((3,))}
        )
        self.latents, self.sample_reads, self.generating = self.game.inputs, ("noise",), ("generator",)
        self.affine: tuple[Tensor, Tensor] | None = None

    def discriminator(self, points: Tensor) -> Tensor:
        points = points if points.ndim == 3 else points.expand(len(self.seeds), *points.shape)
        return self._logits(points)

    def streams(self, purpose: str) -> SeedStreams:
        return SeedStreams(self.seeds, f"measure/{purpose}")

    def evaluate(self, use: Any, inputs: Mapping[str, Tensor], averaged: bool = False) -> Tensor:
        noise = inputs["noise"]
        if self.affine is None:
            return noise[..., : self._samples.shape[2]].square()
        base, matrix = self.affine
        return base + noise @ matrix.T


def diagnose(snapshot: Snapshot) -> dict[str, Tensor]:
    diagnostic = registry.get("diagnostic", "divergence").factory(snapshot.dataset)
    values = dict(diagnostic.measure(snapshot))
    assert set(values) == {quantity.name for quantity in diagnostic.quantities}
    assert all(value.shape == (len(snapshot.seeds),) for value in values.values())
    return values


def log_odds(p: GaussianMixture, q: GaussianMixture) -> Any:
    return lambda x: p.log_density(x) - q.log_density(x)


def test_a_planted_optimal_discriminator_has_no_gap() -> None:
    p, q = gaussian(2), gaussian(2, 1.0)
    values = diagnose(Snapshot(p, draws(q, 8), log_odds(p, q)))
    assert values["discriminator_squared_gap_to_optimal"].mean() == pytest.approx(0, abs=0.004)
    assert values["discriminator_excess_cross_entropy"].mean() == pytest.approx(0, abs=0.02)
    assert values["discriminator_accuracy_below_bayes"].mean() == pytest.approx(-0.008, abs=0.012)
    assert values["divergence_js"].mean() == pytest.approx(truths(p, q)["jensen_shannon"], abs=0.012)


def test_the_references_are_the_estimates_of_equal_distributions() -> None:
    p = gaussian(2)
    diagnostic = registry.get("diagnostic", "divergence").factory(p)
    references = diagnostic.references(Snapshot(p, draws(gaussian(2, 1.0), 2), log_odds(p, p)))
    assert references.keys() == {"divergence_kl", "divergence_reverse_kl", "divergence_js"}
    assert abs(references["divergence_js"]) < 0.015
    assert 0 < abs(references["divergence_kl"]) < 0.06


@pytest.mark.parametrize("constant", [0.0, 1.5])
def test_a_constant_discriminator_has_the_gap_of_its_constant(constant: float) -> None:
    """E(c − D*)² = c² − c + ½E_p D* and softplus(−t) + softplus(t) − log 4 + 2 JS."""
    p, q = gaussian(2), gaussian(2, 1.0)
    snapshot = Snapshot(p, draws(q, 8), lambda x: torch.full(x.shape[:-1], constant, dtype=x.dtype))
    values, truth = diagnose(snapshot), truths(p, q)
    chance = 1 / (1 + math.exp(-constant))
    gap = chance**2 - chance + truth["mean_optimal"] / 2
    excess = -math.log(chance) - math.log1p(-chance) - 2 * LOG_2 + 2 * truth["jensen_shannon"]
    assert values["discriminator_squared_gap_to_optimal"].mean() == pytest.approx(gap, abs=0.006)
    assert values["discriminator_excess_cross_entropy"].mean() == pytest.approx(excess, abs=0.02)
    best = float(norm.cdf(0.5))
    assert values["discriminator_accuracy_below_bayes"].mean() == pytest.approx(best - 0.5, abs=0.02)


def test_an_affine_generator_is_known_exactly() -> None:
    p = gaussian(2)
    matrix = torch.tensor([[1.0, 0.0, 0.5], [0.2, 0.8, 0.0]], dtype=torch.float64)
    base = torch.tensor([0.5, -0.2], dtype=torch.float64)
    noise = torch.randn(8, COUNT, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    covariance = matrix @ matrix.T
    exact = torch.distributions.MultivariateNormal(base, covariance)

    def odds(x: Tensor) -> Tensor:
        return p.log_density(x) - exact.log_prob(x)

    snapshot = Snapshot(p, base + noise @ matrix.T, odds)
    snapshot.affine = (base, matrix)
    values = diagnose(snapshot)
    torch.testing.assert_close(
        values["discriminator_squared_gap_to_optimal_exact"], torch.zeros(8).double(), atol=1e-12, rtol=0
    )
    torch.testing.assert_close(
        values["discriminator_excess_cross_entropy_exact"], torch.zeros(8).double(), atol=1e-10, rtol=0
    )
    assert values["discriminator_accuracy_below_bayes_exact"].abs().max() == 0
    constant = Snapshot(p, base + noise @ matrix.T, lambda x: torch.full(x.shape[:-1], 1.5, dtype=x.dtype))
    constant.affine = (base, matrix)
    gaps = {name: value.mean() for name, value in diagnose(constant).items()}
    for name in ("discriminator_squared_gap_to_optimal", "discriminator_excess_cross_entropy"):
        assert gaps[f"{name}_exact"] > 0.05
        assert gaps[name] == pytest.approx(float(gaps[f"{name}_exact"]), abs=0.02), name
    trace, log_det = covariance.trace(), covariance.logdet()
    reverse = (trace - 2 - log_det + base.square().sum()) / 2
    assert values["divergence_reverse_kl_exact"].mean() == pytest.approx(float(reverse), abs=0.03)
    for name in ("divergence_kl", "divergence_reverse_kl", "divergence_js"):
        assert values[name].mean() == pytest.approx(float(values[f"{name}_exact"].mean()), abs=0.05)


def test_other_generators_are_not_taken_for_affine() -> None:
    p = gaussian(2)
    snapshot = Snapshot(p, draws(p, 2), lambda x: x[..., 0])
    points = draws(p, 2)
    assert generator_log_density(snapshot, points) is None  # type: ignore[arg-type]
    snapshot.affine = (torch.zeros(2).double(), torch.ones(2, 3).double())  # onto a line: no density
    assert generator_log_density(snapshot, points) is None  # type: ignore[arg-type]
    assert not any(name.endswith("_exact") for name in diagnose(snapshot))


def test_seeds_without_a_density_are_nan_and_leave_the_others_theirs() -> None:
    p = gaussian(2)
    points, sound = draws(p, 3), torch.eye(2).double().expand(3, 2, 2).clone()
    wanted = gaussian_log_density(points, torch.zeros(3, 2).double(), sound)
    assert wanted is not None
    factor = sound.clone()
    factor[0], factor[1] = torch.ones(2, 2), math.nan
    found = gaussian_log_density(points, torch.zeros(3, 2).double(), factor)
    assert found is not None
    assert found[:2].isnan().all()
    assert torch.equal(found[2], wanted[2])
    assert gaussian_log_density(points, torch.zeros(3, 2).double(), factor[[0, 1, 0]]) is None


def test_a_generator_without_a_finite_number_is_not_taken_for_affine() -> None:
    p = gaussian(2)
    snapshot, points = Snapshot(p, draws(p, 2), lambda x: x[..., 0]), draws(p, 2)
    base, matrix = torch.zeros(2, 1, 2).double(), torch.eye(2, 3).double()
    snapshot.affine = (base, matrix)
    whole = generator_log_density(snapshot, points)  # type: ignore[arg-type]
    base[0] = math.nan
    part = generator_log_density(snapshot, points)  # type: ignore[arg-type]
    assert part is not None
    assert whole is not None
    assert part[0].isnan().all()
    assert torch.equal(part[1], whole[1])
    base[:] = math.nan
    assert generator_log_density(snapshot, points) is None  # type: ignore[arg-type]


def test_the_gaussian_density_is_scipys() -> None:
    from scipy.stats import multivariate_normal

    factor = torch.tensor([[[1.0, 0.3], [0.0, 0.5]]], dtype=torch.float64)
    mean, points = torch.tensor([[0.2, -1.0]]).double(), draws(gaussian(2), 1, 20)
    found = gaussian_log_density(points, mean, factor)
    wanted = multivariate_normal(mean[0].numpy(), (factor[0] @ factor[0].T).numpy()).logpdf(points[0].numpy())
    assert found is not None
    np.testing.assert_allclose(found[0], wanted, rtol=1e-12)


def test_what_is_compared_depends_on_what_the_output_means() -> None:
    p, q = gaussian(2), gaussian(2, 1.0)
    odds = log_odds(p, q)
    least_squares = Snapshot(p, draws(q, 4), lambda x: odds(x).sigmoid(), threshold=0.5)
    least_squares.variant.probability = "itself"
    values = diagnose(least_squares)
    assert values["discriminator_squared_gap_to_optimal"].mean() == pytest.approx(0, abs=0.005)
    assert values["discriminator_excess_cross_entropy"].isnan().all()
    hinge = Snapshot(p, draws(q, 4), lambda x: 3 * odds(x))
    hinge.variant.probability = None
    values = diagnose(hinge)
    assert values["discriminator_squared_gap_to_optimal"].isnan().all()
    assert values["discriminator_accuracy_below_bayes"].abs().max() < 0.03
    hinge.threshold = None
    assert diagnose(hinge)["discriminator_accuracy_below_bayes"].isnan().all()


def test_samples_that_are_not_finite_are_nan_for_their_seed_alone() -> None:
    p = gaussian(2)
    samples = draws(p, 2)
    samples[0, 7, 1] = math.nan
    values = diagnose(Snapshot(p, samples, lambda x: x[..., 0]))
    for name in ("divergence_kl", "divergence_js", "bayes_accuracy", "discriminator_excess_cross_entropy"):
        assert values[name].isnan().tolist() == [True, False], name


def test_where_it_applies() -> None:
    make = registry.get("diagnostic", "divergence").factory
    with pytest.raises(NotApplicable, match="density is not known"):
        make(registry.get("dataset", "digits").factory())
    with pytest.raises(NotApplicable, match="10 dimensions"):
        make(registry.get("dataset", "random_mixture").factory(dim=10))
    make(registry.get("dataset", "random_mixture").factory(dim=10), largest_dim=10)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [("nsgan", "log_odds"), ("gan", "log_odds"), ("lsgan", "itself"), ("sngan", None), ("wgan-gp", None)],
)
def test_variants_say_what_their_output_means(name: str, meaning: str | None) -> None:
    assert registry.get("variant", name).factory().probability == meaning


def test_measuring_a_cohort_changes_no_bit_and_meets_the_live_generator() -> None:
    options = {**SMALL, "ema": 0.5, "learning_rate": 1e-2}
    plain, seen = (cohort("nsgan", options, mode="plain", budget=("steps", 6)) for _ in range(2))
    for _ in plain.train():
        pass
    diagnostic = registry.get("diagnostic", "divergence").factory(seen.dataset, samples=400)
    for snapshot in seen.train():
        once, again = diagnostic.measure(snapshot), diagnostic.measure(snapshot)
        assert all(torch.equal(once[name].nan_to_num(7e7), again[name].nan_to_num(7e7)) for name in once)
    assert equal_bits(numbers(plain), numbers(seen))
    live = once["discriminator_excess_cross_entropy"]
    last = seen.snapshot(1, True)
    last.variant = replace(last.variant, averages={})
    values = diagnostic.measure(last)
    assert not torch.equal(values["discriminator_excess_cross_entropy"], live)  # other noise
    torch.testing.assert_close(values["discriminator_excess_cross_entropy"], live, atol=0.2, rtol=0)
