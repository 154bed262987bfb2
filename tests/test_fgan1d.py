"""The one-dimensional fit: its data, its generator, exact optima, and the diagnostic that compares."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import Tensor

from ganbench import streams
from ganbench.claims.fgan1d import FORMULAS, OPTIMA, SECOND_OPTIMA, published
from ganbench.datasets.mixtures import two_gaussians
from ganbench.diagnostics.diagnostic import NotApplicable
from ganbench.diagnostics.divergence_fit import (
    divergence_fit,
    exact_optimum,
    gaussian_log_density,
    line,
)
from ganbench.divergences import DIVERGENCES
from ganbench.errors import GanbenchError
from ganbench.game import DataSpec
from ganbench.networks.construction import initialized
from ganbench.networks.location_scale import LocationScale, location_scale
from ganbench.registry import get
from ganbench.report.theory.fgan1d_why import decimals, percent
from ganbench.training.description import Budget, Choice, CohortDescription, Engine
from ganbench.training.trainer import Trainer

START = (0.5, 1.5)
CPU = torch.device("cpu")


def exact(name: str, mu: float, sigma: float) -> float:
    """D_f(P ‖ N(μ, σ²)) by the quadrature."""
    x, weights = line()
    integrand = DIVERGENCES[name].integrand
    log_p = two_gaussians().log_density(x.unsqueeze(1))
    return float((weights * integrand(log_p, gaussian_log_density(x, mu, sigma))).sum())


def test_the_data_have_the_stated_density_and_distribution_function() -> None:
    data = two_gaussians()
    x = torch.tensor([[-1.0], [0.0], [2.0]], dtype=torch.float64)

    def normal(value: float, mu: float, sigma: float) -> float:
        return math.exp(-0.5 * ((value - mu) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))

    expected = [0.33 * normal(v, -1, 0.255) + 0.67 * normal(v, 2, math.sqrt(2)) for v in (-1.0, 0.0, 2.0)]
    assert data.log_density(x).exp().tolist() == pytest.approx(expected, rel=1e-12)
    nodes, weights = line()
    density = data.log_density(nodes.unsqueeze(1)).exp()
    assert float((weights * density).sum()) == pytest.approx(1, abs=1e-12)
    assert float((weights * density * nodes).sum()) == pytest.approx(0.67 * 2 - 0.33, abs=1e-12)
    below = float((weights * density * (nodes < 0.7)).sum())
    assert below == pytest.approx(float(distribution_function(torch.tensor([0.7]))), abs=5e-4)


def distribution_function(x: Tensor) -> Tensor:
    """That of 0.33·N(−1, 0.255²) + 0.67·N(2, 2)."""
    return 0.33 * torch.special.ndtr((x + 1) / 0.255) + 0.67 * torch.special.ndtr((x - 2) / math.sqrt(2))


def test_draws_and_examples_follow_the_distribution_function() -> None:
    """Kolmogorov's statistic of 40,000 draws is below its 1 - 1e-6 point, 2.7/√n."""
    data = two_gaussians()
    drawn = data.sampler((0,), CPU, torch.float64).draw(40_000)["real"][0]
    for each in (drawn, data.examples("heldout", 40_000, CPU, torch.float64)):
        levels = distribution_function(each[:, 0].double()).sort().values
        uniform = (torch.arange(40_000) + 0.5) / 40_000
        assert float((levels - uniform).abs().max()) < 2.7 / math.sqrt(40_000)


def test_the_generator_is_mu_plus_sigma_z_from_a_fixed_start() -> None:
    network = location_scale(mu=0.25, sigma=3.0).generator(1, DataSpec.real((1,)))
    for seed in (0, 1):
        initialized({"generator": network}, partial(streams.generator, seed))
        found = {name: value.tolist() for name, value in network.named_parameters()}
        assert found == {"0.location": [0.25], "0.scale": [3.0]}
    assert network(torch.tensor([[-1.0], [2.0]])).tolist() == [[-2.75], [6.25]]
    with pytest.raises(GanbenchError, match="latent_dim is 1"):
        location_scale().generator(1, DataSpec.real((2,)))


@pytest.mark.parametrize("name", ["kl", "reverse_kl", "js"])
def test_the_exact_optimum_is_the_published_one(name: str) -> None:
    mu, sigma, least = exact_optimum(DIVERGENCES[name], two_gaussians().log_density, START)
    for what, value in (("exact_mu", mu), ("exact_sigma", sigma), ("exact_divergence", least)):
        known = published(name, what)
        assert known is not None
        assert value == pytest.approx(known.expected, abs=1e-4)


def test_the_optimum_of_kl_has_the_moments_of_the_data() -> None:
    """Least KL(P ‖ N(μ, σ²)) is at P's mean and variance."""
    mu, sigma, _ = exact_optimum(DIVERGENCES["kl"], two_gaussians().log_density, START)
    variance = 0.33 * (0.255**2 + 1) + 0.67 * (2 + 4) - 1.01**2
    assert (mu, sigma) == pytest.approx((1.01, math.sqrt(variance)), abs=1e-6)


def test_gan_and_jensen_shannon_share_their_optimum() -> None:
    density = two_gaussians().log_density
    one, two = (exact_optimum(DIVERGENCES[name], density, START) for name in ("gan", "js"))
    assert one[:2] == pytest.approx(two[:2], abs=1e-5)
    assert one[2] == pytest.approx(two[2] - 2 * math.log(2), abs=1e-10)


def test_a_start_in_the_narrow_mode_ends_in_the_local_optimum() -> None:
    density = two_gaussians().log_density
    known = {(each.where.options["divergence"], each.measured): each.expected for each in SECOND_OPTIMA}
    for name in ("reverse_kl", "neyman"):
        found = exact_optimum(DIVERGENCES[name], density, (-0.9, 0.3))
        values = [known[name, what] for what in ("exact_mu", "exact_sigma", "exact_divergence")]
        assert found == pytest.approx(values, abs=1e-4)
        assert found[2] > exact_optimum(DIVERGENCES[name], density, START)[2]
    assert math.isnan(exact_optimum(DIVERGENCES["pearson"], density, (-0.9, 0.3))[2])


def test_where_the_divergence_is_infinite_the_integral_overflows() -> None:
    """Pearson's tail is p²/q: infinite for σ² ≤ ½·2; Neyman's q²/p: infinite for σ² ≥ 2·2."""
    for sigma, infinite in ((0.5, True), (0.99, True), (1.02, False), (1.2, False)):
        assert (exact("pearson", 0.6, sigma) > 1e40) is infinite, sigma
    for sigma, infinite in ((1.9, False), (1.96, False), (2.02, True), (2.5, True)):
        assert (exact("neyman", 0.6, sigma) > 1e40) is infinite, sigma
    assert math.isinf(exact("pearson", 0.6, 0.9))
    assert math.isinf(exact("neyman", 0.6, 2.5))


def test_the_optimum_of_total_variation_is_that_of_exact_integrals() -> None:
    """½Σ|ΔF| between the crossings of the densities, F from distribution functions, gave these."""
    found = exact_optimum(DIVERGENCES["total_variation"], two_gaussians().log_density, START)
    assert found == pytest.approx((1.33820, 1.87886, 0.2396015), abs=3e-4)
    assert found[2] == pytest.approx(0.2396015, abs=1e-6)


@pytest.mark.parametrize("name", DIVERGENCES)
def test_the_optimum_is_a_minimum_on_a_converged_quadrature(name: str) -> None:
    mu, sigma, least = exact_optimum(DIVERGENCES[name], two_gaussians().log_density, START)
    rough = 1e-5 if name == "total_variation" else 1e-10
    assert exact(name, mu, sigma) == pytest.approx(least, abs=rough)
    for d_mu, d_sigma in ((0.02, 0), (-0.02, 0), (0, 0.02), (0, -0.02)):
        assert exact(name, mu + d_mu, sigma + d_sigma) > least


def cohort(variant: str = "fgan", **options: object) -> Trainer:
    """Three seeds after ten rounds on the two Gaussians."""
    given = {
        "network": {"location_scale": {"width": 8}},
        "latent_dim": 1,
        "batch_size": 32,
        "learning_rate": 0.01,
    }
    made = Trainer(
        CohortDescription(
            dataset=Choice("two_gaussians", "two_gaussians"),
            variant=Choice(variant, variant, {**given, **options}),
            seeds=(0, 1, 2),
            budget=Budget("steps", 10),
            measure=(1.0,),
            diagnostics=(),
            engine=Engine(precision="float64", compile="off"),
        ),
        CPU,
    )
    for _ in made.train():
        pass
    return made


def measured(made: Trainer) -> tuple[dict[str, Tensor], dict[str, object]]:
    """What the diagnostic says at the end, and the arrays that it keeps."""
    diagnostic = divergence_fit(made.dataset)
    values = dict(diagnostic.measure(made.snapshot(0, True)))
    return values, dict(diagnostic.arrays())  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", DIVERGENCES)
def test_the_bound_stays_below_the_divergence_at_the_fit(name: str) -> None:
    made = cohort(divergence=name)
    values, arrays = measured(made)
    location = made.state.params["generator"]["0.location"].squeeze(1)
    assert values["mu"].tolist() == location.tolist()
    assert (values["mu"] != START[0]).all()
    assert (values["bound"] <= values["divergence_at_fit"] + 1e-9).all()
    assert (values["divergence_at_fit"] >= values["exact_divergence"]).all()
    mu, sigma = float(values["mu"][0]), float(values["sigma"][0])
    assert float(values["divergence_at_fit"][0]) == pytest.approx(exact(name, mu, sigma), abs=1e-10)
    error = max(abs(mu - float(values["exact_mu"][0])), abs(sigma - float(values["exact_sigma"][0])))
    assert float(values["fit_error"][0]) == pytest.approx(error)
    assert set(arrays) == {"x", "density", "discriminator", "best_discriminator"}


def test_the_bound_is_that_of_an_even_grid() -> None:
    """The quadrature in sinh τ against the plain trapezoidal sum over [−12, 16]."""
    made = cohort(divergence="js")
    values, _ = measured(made)
    js, x = DIVERGENCES["js"], torch.linspace(-12, 16, 14_001, dtype=torch.float64)
    p = two_gaussians().log_density(x.unsqueeze(1)).exp()
    q = gaussian_log_density(x, values["mu"][:, None], values["sigma"][:, None]).exp()
    logits = made.snapshot(0, True).discriminator(x.unsqueeze(1))
    expected = ((p * js.output(logits) - q * js.bounded(logits)) * 0.002).sum(1)
    assert values["bound"].tolist() == pytest.approx(expected.tolist(), abs=1e-9)


def test_a_negative_scale_is_the_same_gaussian_and_averages_count() -> None:
    made = cohort(divergence="kl", ema=0.5)
    made.state.averages["generator"]["0.scale"].fill_(-1.7)
    made.state.averages["generator"]["0.location"].fill_(0.9)
    values, _ = measured(made)
    assert values["sigma"].tolist() == pytest.approx([1.7] * 3)
    assert values["mu"].tolist() == pytest.approx([0.9] * 3)


def test_other_variants_and_other_data_are_left_out() -> None:
    for made in (cohort("nsgan"), cohort(network={"mlp": {"width": 4}}, divergence="kl")):
        values, arrays = measured(made)
        assert all(value.isnan().all() for value in values.values())
        assert not arrays
    with pytest.raises(NotApplicable):
        divergence_fit(get("dataset", "ring8").factory())


def test_data_of_bounded_support_have_an_optimum() -> None:
    """KL(Exp(1) ‖ N) is least at the mean and the deviation, both 1: −1 + ½ log 2π + ½."""
    data = get("dataset", "exponential").factory(rate=1.0)
    mu, sigma, least = exact_optimum(DIVERGENCES["kl"], data.log_density, START)
    assert [mu, sigma] == pytest.approx([1, 1], abs=2e-3)
    assert least == pytest.approx(0.5 * math.log(2 * math.pi) - 0.5, abs=2e-3)
    for name in ("js", "gan"):
        assert all(map(math.isfinite, exact_optimum(DIVERGENCES[name], data.log_density, START)))
    gan, js = (exact_optimum(DIVERGENCES[name], data.log_density, START)[2] for name in ("gan", "js"))
    assert gan == pytest.approx(js - math.log(4), abs=2e-3)


def test_published_numbers_are_of_known_divergences() -> None:
    assert {each.where.options["divergence"] for each in OPTIMA} <= set(DIVERGENCES)
    assert set(FORMULAS) == set(DIVERGENCES)
    assert {each.kind for each in OPTIMA} == {"derived"}
    one = torch.ones((), dtype=torch.float64)
    for name, row in FORMULAS.items():
        assert float(DIVERGENCES[name].f(one)) == pytest.approx(row.level, abs=1e-15)
    assert isinstance(LocationScale(1, START).start, tuple)


def test_numbers_of_the_report_have_no_minus_before_zero() -> None:
    assert [decimals(each) for each in (-1e-9, 0.0, -0.25, 0.12345)] == [
        "0.0000",
        "0.0000",
        "−0.2500",
        "0.1235",
    ]
    assert percent(0.9487) == "94.9 %"
