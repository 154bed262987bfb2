"""The mode diagnostic against closed forms: perfect samplers, collapse, lost modes, low quality."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from fake_snapshot import CPU, measured, referenced
from scipy.stats import binom, chi2

from ganbench import registry
from ganbench.datasets.images import digits
from ganbench.datasets.mixtures import GaussianMixture, grid25, random_mixture, ring8
from ganbench.diagnostics.diagnostic import NotApplicable, primary_quantity
from ganbench.diagnostics.fidelity import fidelity
from ganbench.diagnostics.modes import modes, radius_of_equal_mass

SEEDS, COUNT = 40, 2500
WITHIN = 1 - math.exp(-4.5)


def perfect(dataset: GaussianMixture, count: int = COUNT) -> torch.Tensor:
    """Samples [S, count, d] of forty perfect samplers."""
    return dataset.sampler(range(SEEDS), CPU, torch.float32).draw(count)["real"]


def on_modes(dataset: GaussianMixture, numbers: list[int]) -> torch.Tensor:
    """One seed's samples, exactly on the numbered modes."""
    return dataset.means[torch.tensor(numbers)].float().unsqueeze(0)


@pytest.mark.parametrize("dataset", [ring8(), grid25()], ids=["ring8", "grid25"])
def test_a_perfect_sampler_scores_what_theory_says(dataset: GaussianMixture) -> None:
    values = measured(modes(dataset), dataset, perfect(dataset))
    count, of_mode = len(dataset.means), WITHIN / len(dataset.means)
    assert (values["modes_recovered"] == count).all()
    quality = values["high_quality_fraction"]
    assert quality.mean().item() == pytest.approx(0.98889, abs=4 * 0.0021 / math.sqrt(SEEDS))
    # A mode's high-quality samples are binomial, so the expected total variation is exact.
    hits = np.arange(COUNT + 1)
    expected = np.sum(binom.pmf(hits, COUNT, of_mode) * np.abs(hits / COUNT - 1 / count)) * count
    expected = (expected + 1 - WITHIN) / 2
    assert expected == pytest.approx({8: 0.0271, 25: 0.0447}[count], abs=1e-4)
    variation = values["mode_total_variation"]
    assert variation.mean().item() == pytest.approx(
        expected, abs=4 * variation.std().item() / math.sqrt(SEEDS)
    )
    # 2N·KL is about chi-square with K−1 degrees of freedom, N the high-quality samples.
    statistic = (values["reverse_kl"] * 2 * COUNT * WITHIN).sum().item()
    low, high = chi2.ppf([1e-4, 1 - 1e-4], SEEDS * (count - 1))
    assert low < statistic < high
    assert values["reverse_kl"].mean().item() == pytest.approx((count - 1) / (2 * COUNT), rel=0.35)


def test_the_references_are_the_values_of_real_samples() -> None:
    references = referenced(modes(ring8()), ring8())
    real = ring8().examples("heldout", COUNT, CPU, torch.float32).unsqueeze(0)
    values = measured(modes(ring8()), ring8(), real)
    assert references == {name: value.item() for name, value in values.items()}
    others = measured(modes(ring8()), ring8(), perfect(ring8())[:3])
    assert all(value != references["mode_total_variation"] for value in others["mode_total_variation"])


def test_collapse_to_one_mode() -> None:
    values = measured(modes(ring8(), samples=80), ring8(), on_modes(ring8(), [3] * 80))
    assert values["mode_total_variation"].item() == pytest.approx(7 / 8)
    assert values["reverse_kl"].item() == pytest.approx(math.log(8))
    assert values["modes_recovered"].item() == 1
    assert values["high_quality_fraction"].item() == 1
    assert [values[f"samples_per_mode_{w}"].item() for w in ("min", "median", "max")] == [0, 0, 80]


def test_dropping_every_second_mode_is_seen_here_and_not_by_frechet() -> None:
    half = ring8(modes=4)  # the same circle: its mean and covariance are those of eight modes
    samples = perfect(half, 20_000)
    values = measured(modes(ring8(), samples=20_000), ring8(), samples)
    assert values["mode_total_variation"].mean().item() == pytest.approx(0.5, abs=0.005)
    assert values["reverse_kl"].mean().item() == pytest.approx(math.log(2), abs=0.002)
    assert (values["modes_recovered"] == 4).all()
    distance = measured(fidelity(ring8(), samples=20_000), ring8(), samples)["frechet_identity_heldout_20000"]
    of_real = measured(fidelity(ring8(), samples=20_000), ring8(), perfect(ring8(), 20_000))
    assert distance.median() < of_real["frechet_identity_heldout_20000"].max()
    assert distance.max().item() < 0.002 * 4  # radius² is 4


def test_low_quality_samples_are_a_class_of_their_own() -> None:
    samples = on_modes(ring8(), list(range(8)) * 20)
    samples[:, 80:] += 1.0
    values = measured(modes(ring8(), samples=160), ring8(), samples)
    assert values["mode_total_variation"].item() == pytest.approx(0.5)
    assert values["high_quality_fraction"].item() == 0.5
    assert values["reverse_kl"].item() == pytest.approx(0, abs=1e-12)
    assert values["samples_per_mode_median"].item() == 10


def test_samples_per_mode_of_an_uneven_histogram() -> None:
    numbers = [mode for mode in range(8) for _ in range(mode + 1)]
    values = measured(modes(ring8(), samples=36), ring8(), on_modes(ring8(), numbers))
    assert [values[f"samples_per_mode_{w}"].item() for w in ("min", "median", "max")] == [1, 4.5, 8]


def test_not_one_good_sample() -> None:
    values = measured(modes(ring8(), samples=10), ring8(), torch.zeros(1, 10, 2))
    assert values["mode_total_variation"].item() == pytest.approx(1)
    assert values["modes_recovered"].item() == values["high_quality_fraction"].item() == 0
    assert values["reverse_kl"].isnan().all()


@pytest.mark.parametrize(("away", "counts"), [(2.99, True), (3.01, False)])
def test_three_sigma_is_the_border(away: float, counts: bool) -> None:
    samples = (ring8().means[:1] + torch.tensor([[0.0, away * 0.02]])).float().unsqueeze(0)
    values = measured(modes(ring8(), samples=1), ring8(), samples)
    assert values["high_quality_fraction"].item() == counts


def test_exact_proportions_of_unequal_weights_have_no_variation() -> None:
    dataset = random_mixture(modes=4, weights="dirichlet")
    dataset.weights = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    samples = on_modes(dataset, [0] * 1 + [1] * 2 + [2] * 3 + [3] * 4)
    values = measured(modes(dataset, samples=10), dataset, samples)
    assert values["mode_total_variation"].item() == pytest.approx(0, abs=1e-12)
    assert values["reverse_kl"].item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_diverged_seed_is_nan_and_leaves_the_others(bad: float) -> None:
    samples = perfect(ring8())[:3]
    clean = measured(modes(ring8()), ring8(), samples)
    samples = samples.clone()
    samples[1, 7, 0] = bad
    values = measured(modes(ring8()), ring8(), samples)
    for name, value in values.items():
        expected = clean[name].clone()
        expected[1] = math.nan
        torch.testing.assert_close(value, expected, rtol=0, atol=0, equal_nan=True)


def test_only_the_asked_number_of_samples_counts() -> None:
    samples = torch.cat([on_modes(ring8(), [0] * 10), torch.zeros(1, 10, 2)], 1)
    values = measured(modes(ring8(), samples=10), ring8(), samples)
    assert values["high_quality_fraction"].item() == 1


def test_the_radius_holds_the_same_mass_in_any_dimension() -> None:
    assert radius_of_equal_mass(3.0, 2) == 3.0
    for dim in (1, 3, 1200):
        assert chi2.cdf(radius_of_equal_mass(3.0, dim) ** 2, dim) == pytest.approx(WITHIN, abs=1e-9)


def test_real_data_of_many_dimensions_is_of_high_quality() -> None:
    dataset = random_mixture(modes=3, dim=300)
    share = referenced(modes(dataset), dataset)["high_quality_fraction"]
    assert share == pytest.approx(0.98889, abs=4 * 0.0021)


def test_the_primary_quantity_is_the_data_sets() -> None:
    for name in ("ring8", "grid25", "random_mixture"):
        dataset = registry.get("dataset", name).factory()
        declared = {quantity.name: quantity for quantity in modes(dataset).quantities}
        primary = primary_quantity(dataset)
        assert declared["mode_total_variation"] == primary
        assert (primary.direction, primary.scale, primary.smallest_difference) == ("lower", "linear", 0.05)
        assert declared["high_quality_fraction"].target == pytest.approx(WITHIN)


def test_other_settings_are_another_protocol() -> None:
    default, other = (
        {q.name: q.protocol for q in modes(ring8(), within_sigmas=w).quantities} for w in (3.0, 2.0)
    )
    assert all(default[name] != other[name] for name in default)


def test_data_without_modes_is_not_for_it() -> None:
    with pytest.raises(NotApplicable, match="digits"):
        modes(digits())


def test_its_page_says_what_good_looks_like_and_what_it_misses() -> None:
    page = registry.get("diagnostic", "modes").documentation
    assert "What good looks like" in page
    assert "What it is blind to" in page
