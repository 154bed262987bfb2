"""MMD, energy and sliced Wasserstein distances, and two-sample tests: closed forms and calibration."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from fake_snapshot import CPU, measured, referenced
from scipy.stats import binom, energy_distance, norm
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor
from torch_fidelity.metric_kid import kid_features_to_metric

from ganbench import registry
from ganbench.datasets.images import digits
from ganbench.datasets.mixtures import ring8
from ganbench.diagnostics.estimators import two_sample_statistics as statistics
from ganbench.diagnostics.estimators.two_sample_statistics import (
    Kernel,
    accuracy_p_value,
    directions,
    discrepancy,
    gaussian,
    heldout_accuracy,
    heldout_points,
    median_distance,
    neighbours_asked,
    of_distance,
    pair_mean,
    permutation_p_values,
    polynomial,
    relabellings,
    sliced_wasserstein,
    unit_discrepancy,
)
from ganbench.diagnostics.two_sample import P_VALUES, against, two_sample
from ganbench.errors import GanbenchError

ENERGY = of_distance(torch.neg)
KERNELS: dict[str, Kernel] = {
    "polynomial": polynomial,
    "gaussian": of_distance(gaussian(1.3)),
    "energy": ENERGY,
}
every_kernel = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS)


def source(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=source(seed), dtype=torch.float64)


# Discrepancies ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", ["poly", "rbf"])
def test_kernel_distances_are_torch_fidelitys(kernel: str) -> None:
    first, second = normal(60, 12), normal(60, 12, seed=1) * 1.1 + 0.1
    theirs = kid_features_to_metric(
        first,
        second,
        kid_subsets=1,
        kid_subset_size=60,
        kid_kernel=kernel,
        kid_kernel_rbf_sigma=3.0,
        verbose=False,
    )["kernel_inception_distance_mean"]
    ours = discrepancy(polynomial if kernel == "poly" else of_distance(gaussian(3.0)), first, second)
    assert ours == pytest.approx(theirs, rel=1e-9)


def test_energy_distance_is_scipys_square_without_its_bias() -> None:
    first, second = normal(40, 1), normal(30, 1, seed=1) * 2 + 1
    one, two = first[:, 0].numpy(), second[:, 0].numpy()
    bias = sum(np.abs(x[:, None] - x).mean() / (len(x) - 1) for x in (one, two))
    assert discrepancy(ENERGY, first, second) == pytest.approx(energy_distance(one, two) ** 2 - bias)


def expected(name: str, shift: float) -> float:
    """The discrepancy of N(0, 1) and N(shift, 1) in one dimension."""
    if name == "polynomial":  # E(xy + 1)³ = 1 + 3 ExEy + 3 Ex²Ey² + Ex³Ey³
        own = 1 + 3 * shift**2 + 3 * (1 + shift**2) ** 2 + (shift**3 + 3 * shift) ** 2
        return 4 + own - 2 * (1 + 3 * (1 + shift**2))
    if name == "gaussian":
        width = 1.3**2
        return 2 * math.sqrt(width / (width + 2)) * (1 - math.exp(-(shift**2) / (2 * (width + 2))))
    spread = math.sqrt(2)
    across = spread * math.sqrt(2 / math.pi) * math.exp(-(shift**2) / 4) + shift * (
        2 * norm.cdf(shift / spread) - 1
    )
    return 2 * across - 2 * 2 / math.sqrt(math.pi)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_no_bias_even_for_five_points(name: str, shift: float) -> None:
    repeats = 1500
    firsts, seconds = normal(repeats, 5, 1), normal(repeats, 4, 1, seed=1) + shift
    found = [discrepancy(KERNELS[name], x, y) for x, y in zip(firsts, seconds, strict=True)]
    assert np.mean(found) == pytest.approx(expected(name, shift), abs=4 * np.std(found) / repeats**0.5)
    # With pairs of a point and itself the energy would be 2/√π·(1/5 + 1/4) larger: this would notice.
    assert 4 * np.std(found) / repeats**0.5 < (10 if name == "polynomial" else 0.2)


@every_kernel
def test_discrepancy_does_not_mind_order_chunks_or_what_is_known(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = normal(37, 3), normal(21, 3, seed=1) + 0.5
    value = discrepancy(kernel, first, second)
    assert discrepancy(kernel, second, first) == pytest.approx(value, rel=1e-12)
    assert discrepancy(
        kernel, first.flip(0), second[torch.randperm(21, generator=source())]
    ) == pytest.approx(value, rel=1e-12)
    assert discrepancy(kernel, first, second, pair_mean(kernel, first)) == value
    monkeypatch.setattr(statistics, "NUMBERS_PER_PASS", 100)
    assert discrepancy(kernel, first, second) == pytest.approx(value, rel=1e-12)


@every_kernel
def test_equal_points_are_no_distance_apart(kernel: Kernel) -> None:
    same = torch.full((20, 64), 0.1).double()
    assert discrepancy(kernel, same, same[:9]) == pytest.approx(0, abs=1e-13)


def test_distances_from_inner_products_are_good_enough() -> None:
    first, second = normal(30, 64) + 100, normal(20, 64, seed=1) + 100
    direct = torch.linalg.vector_norm(first.unsqueeze(1) - second, dim=2)
    torch.testing.assert_close(statistics.distances(first, second), direct, rtol=1e-10, atol=0)
    torch.testing.assert_close(
        statistics.distances(first[:, :3], second[:, :3]).square().sqrt(),
        torch.linalg.vector_norm(first[:, None, :3] - second[:, :3], dim=2),
    )


def test_bandwidth_is_the_median_distance() -> None:
    points = torch.tensor([[0.0], [1.0], [3.0], [7.0]]).double()  # distances 1 2 3 4 6 7
    assert median_distance(points) == 3.5
    assert median_distance(points[:3]) == 2
    assert median_distance(torch.cat([normal(1000, 2), normal(500, 2) * 100])) == median_distance(
        normal(1000, 2)
    )
    duplicates = torch.tensor([[0.0]] * 8 + [[5.0]]).double()
    assert median_distance(duplicates) == pytest.approx(5 * 8 / 36)
    assert median_distance(torch.ones(5, 2)) == 1


# Permutation test -------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "m"), [(12, 12), (9, 15)])
@pytest.mark.parametrize("chunk", [4_000_000, 50])
def test_p_values_count_relabelled_pools(n: int, m: int, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "NUMBERS_PER_PASS", chunk)
    first, second = normal(n, 4), normal(m, 4, seed=1) + 0.4
    radials = [gaussian(1.3), torch.neg]
    labels, pool = relabellings(n, m, 49, source()), torch.cat([first, second])
    assert (labels.sum(1) == n).all()
    for radial, p in zip(radials, permutation_p_values(radials, first, second, labels), strict=True):
        kernel = of_distance(radial)
        true = discrepancy(kernel, first, second)
        others = [discrepancy(kernel, pool[row == 1], pool[row == 0]) for row in labels]
        assert p == (1 + sum(other >= true for other in others)) / 50
        assert 1 / 50 < p < 0.9


def false_alarms(test: Callable[[Tensor, Tensor], float], count: int, repeats: int) -> np.ndarray:
    """The p-values of `repeats` pairs of samples from one distribution: of two clusters in the plane."""
    values = normal(repeats, 2 * count, 2)
    values[:, ::3, 0] += 4
    values = torch.stack([x[torch.randperm(2 * count, generator=source(i))] for i, x in enumerate(values)])
    return np.array([test(x[:count], x[count:]) for x in values])


@pytest.mark.parametrize("radial", [gaussian(2.0), torch.neg], ids=["mmd", "energy"])
def test_permutation_tests_alarm_as_often_as_they_say(radial: statistics.Radial) -> None:
    repeats, labels = 1500, relabellings(15, 15, 39, source(9))
    found = false_alarms(lambda x, y: permutation_p_values([radial], x, y, labels)[0], 15, repeats)
    for level in (0.05, 0.25, 0.5, 0.9):
        share, error = (found <= level + 1e-9).mean(), math.sqrt(level * (1 - level) / repeats)
        assert abs(share - level) < 3.5 * error, level


def test_permutation_tests_see_a_shift() -> None:
    labels = relabellings(50, 50, 99, source())
    for seed in range(5):
        first, second = normal(50, 2, seed=seed), normal(50, 2, seed=seed + 50) + 1
        assert permutation_p_values([gaussian(1.0), torch.neg], first, second, labels) == [0.01, 0.01]


def test_p_values_of_points_that_are_all_one() -> None:
    labels = relabellings(10, 10, 19, source())
    for place in (0.1, 1e30):
        same = torch.full((10, 3), place).double()
        assert permutation_p_values([gaussian(1.0), torch.neg], same, same, labels) == [1, 1]
    apart = permutation_p_values([gaussian(1.0), torch.neg], same, torch.zeros(10, 3).double(), labels)
    assert apart == [0.05, 0.05]


# Sliced Wasserstein -----------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [1, 2, 3, 10])
def test_sliced_distance_of_a_shift_and_of_a_scale(dim: int) -> None:
    along, points, shift = directions(dim, 30 * dim, source()), normal(50, dim), 0.7
    shuffled = points[torch.randperm(50, generator=source())]
    # E(θᵀμ1)² = μ²‖1‖²/d = μ², and whole bases leave no error of the average.
    assert sliced_wasserstein(points, shuffled + shift, along).item() == pytest.approx(shift**2)
    scaled = points.square().sum(1).mean().item() / dim
    assert sliced_wasserstein(points, 2 * shuffled, along).item() == pytest.approx(scaled)
    assert sliced_wasserstein(points, shuffled, along).item() == pytest.approx(0, abs=1e-20)


def test_sliced_distance_of_gaussians() -> None:
    shift, along = 0.5, directions(3, 99, source())
    first, second = normal(10_000, 3), normal(10_000, 3, seed=1) + shift
    assert sliced_wasserstein(first, second, along).item() == pytest.approx(shift**2, abs=0.025)
    assert sliced_wasserstein(second, first, along).item() == sliced_wasserstein(first, second, along).item()
    # Biased upwards: equal distributions are not at 0, and further from it with fewer points.
    few, many = (sliced_wasserstein(first[:n], normal(n, 3, seed=2), along).item() for n in (50, 5000))
    assert few > 10 * many > 0


def test_cmmds_number_is_its_definitions() -> None:
    first, second = normal(30, 6), normal(40, 6, seed=1) * 2 + 0.5
    one, two = (p / p.norm(dim=1, keepdim=True) for p in (first, second))

    def mean(x: Tensor, y: Tensor) -> float:
        return float(np.mean([math.exp(-float((a - b) @ (a - b)) / 200) for a in x for b in y]))

    expected = 1000 * (mean(one, one) + mean(two, two) - 2 * mean(one, two))
    assert unit_discrepancy(first, second) == pytest.approx(expected, rel=1e-9)
    assert unit_discrepancy(first, 3 * first) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("dim", [2, 64])
def test_minds_number_of_a_shift_and_of_a_scale(dim: int) -> None:
    points, shift = normal(500, dim), normal(dim, seed=3)
    reference = against(points, 9, 2 * dim, ("cmmd", "mind"))
    assert reference.distances(points + shift)["mind"] == pytest.approx(3 * float(shift @ shift), rel=1e-9)
    # 3·F·(s − 1)² times the mean square along the directions, which of N(0, I) is 1.
    square = float(points.square().mean())
    assert reference.distances(1.5 * points)["mind"] == pytest.approx(0.75 * dim * square, rel=1e-9)


def test_published_scales_are_named_so_in_the_published_features_alone() -> None:
    plain = {q.name for q in two_sample(digits()).quantities}
    more = {q.name: q for q in two_sample(digits(), published_scales=True).quantities}
    assert more.keys() - plain == {"mmd_unit_rbf", "scaled_wasserstein"}
    samples = digits().examples("train", 100, CPU, torch.float32).unsqueeze(0)
    diagnostic = two_sample(digits(), samples=100, permutations=9, published_scales=True)
    values, references = measured(diagnostic, digits(), samples), referenced(diagnostic, digits())
    assert values["mmd_unit_rbf"].item() == pytest.approx(0, abs=1e-9)  # the reference itself
    assert values["scaled_wasserstein"].item() == pytest.approx(3 * 32 * values["sliced_wasserstein"].item())
    assert references["mmd_unit_rbf"] > 0 < references["scaled_wasserstein"]


def test_directions_are_uniform() -> None:
    bases = directions(3, 6, source())
    for basis in (bases[:3], bases[3:]):
        torch.testing.assert_close(basis @ basis.T, torch.eye(3).double())
    many = directions(2, 8000, source())
    angle = torch.atan2(many[:, 1], many[:, 0])
    for turns in (1, 2, 3):
        assert torch.cos(turns * angle).mean().abs().item() < 4 / math.sqrt(8000)
    cut = directions(784, 128, source())
    assert cut.shape == (128, 784)
    torch.testing.assert_close(cut @ cut.T, torch.eye(128).double())


# Classifier test --------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "dim"), [(60, 2), (61, 20)])
def test_accuracy_is_scikit_learns(count: int, dim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = normal(count, dim), normal(count, dim, seed=1) + 0.5
    half = count // 2
    theirs = KNeighborsClassifier(neighbours_asked(count)).fit(
        torch.cat([real[:half], fake[:half]]), np.repeat([0, 1], half)
    )
    rest = torch.cat([real[half:], fake[half:]])
    accuracy = theirs.score(rest, np.repeat([0, 1], count - half))
    assert len(rest) == heldout_points(count)
    assert heldout_accuracy(real, fake) == pytest.approx(accuracy)
    assert accuracy != 0.5
    monkeypatch.setattr(statistics, "NUMBERS_PER_PASS", 100)
    assert heldout_accuracy(real, fake) == pytest.approx(accuracy)
    assert statistics.rows_per_pass(1000) == 1


def test_votes_are_never_even() -> None:
    assert [neighbours_asked(n) for n in (2, 4, 5, 50, 500, 1000)] == [1, 1, 1, 7, 21, 31]


def test_accuracy_under_the_null_is_as_published() -> None:
    repeats, count = 1000, 60
    found = false_alarms(heldout_accuracy, count, repeats)
    variance = 1 / (4 * heldout_points(count))
    assert found.mean() == pytest.approx(0.5, abs=4 * math.sqrt(variance / repeats))
    # A variance has relative error √(2/repeats); unequal halves of the space take a little off.
    assert found.var() == pytest.approx(variance, rel=0.18)


def test_classifier_test_alarms_as_often_as_it_says() -> None:
    repeats, count = 1500, 60
    found = false_alarms(
        lambda x, y: accuracy_p_value(heldout_accuracy(x, y), heldout_points(count)), count, repeats
    )
    outcomes = binom.sf(np.arange(-1, heldout_points(count)), heldout_points(count), 0.5)
    for level in (0.05, 0.25, 0.5):
        exact = outcomes[outcomes <= level].max()  # a count's p-values are steps
        error = math.sqrt(exact * (1 - exact) / repeats)
        assert abs((found <= level).mean() - exact) < 4 * error, level


def test_p_value_of_an_accuracy() -> None:
    assert accuracy_p_value(0.5, 2) == pytest.approx(0.75)
    assert accuracy_p_value(1.0, 10) == pytest.approx(2**-10)
    assert accuracy_p_value(0.0, 10) == 1
    assert accuracy_p_value(0.52, 10_000) == pytest.approx(norm.sf(0.02 * 2 * 100), rel=0.05)


def test_classifier_test_sees_what_differs_and_nothing_else() -> None:
    real, fake = normal(200, 2), normal(200, 2, seed=1)
    assert heldout_accuracy(real, fake + 10) == 1
    assert heldout_accuracy(real, 0.2 * fake) > 0.7
    # Copies and constants give no hint: each vote is the same for both.
    assert heldout_accuracy(real, real.clone()) == 0.5
    assert heldout_accuracy(torch.ones(50, 2), torch.ones(50, 2)) == 0.5
    assert heldout_accuracy(torch.ones(50, 2), torch.zeros(50, 2)) == 1


# The diagnostic ---------------------------------------------------------------------------------


def drawn(seeds: int = 2, count: int = 1000) -> Tensor:
    return ring8().sampler(range(seeds), CPU, torch.float32).draw(count)["real"]


def reference(split: str, count: int) -> Tensor:
    return ring8().examples(split, count, CPU, torch.float32).double()  # type: ignore[arg-type]


def test_values_of_vectors_and_of_real_data() -> None:
    samples = drawn(count=400)
    found = measured(two_sample(ring8(), samples=400, permutations=49), ring8(), samples)
    fixed = against(reference("heldout", 400), 49, 128)
    for seed in range(2):
        values = fixed.all_values(samples[seed].double())
        assert {name: found[name][seed].item() for name in values} == values
        assert values["kid"] == discrepancy(polynomial, fixed.reference, samples[seed].double())
    references = referenced(two_sample(ring8(), samples=400, permutations=49), ring8())
    assert references == fixed.distances(reference("train", 400))
    assert all(found[name].min() > 0 and found[name].max() <= 1 for name in P_VALUES)
    again = measured(two_sample(ring8(), samples=400, permutations=49), ring8(), samples)
    assert all(torch.equal(found[name], again[name]) for name in found)


def test_arguments_stand_in_their_places() -> None:
    first, second = reference("heldout", 200), 0.5 * reference("train", 200)
    one, other = (against(a, 19, 64).distances(b) for a, b in ((first, second), (second, first)))
    assert one.pop("mmd_rbf") != pytest.approx(other.pop("mmd_rbf"))  # the bandwidth is the reference's
    assert one == pytest.approx(other)


def test_missing_modes_are_noticed_by_all() -> None:
    samples = drawn(1, 2000)
    kept = samples[:, samples[0, :, 0] < 1][:, :1000]  # five modes of eight
    found = measured(two_sample(ring8()), ring8(), kept)
    references = referenced(two_sample(ring8()), ring8())
    assert all(found[name].item() <= 0.005 + 1e-9 for name in P_VALUES)
    for name in ("kid", "mmd_rbf", "energy_distance", "sliced_wasserstein"):
        assert found[name].item() > 1.5 * references[name]
    assert found["c2st_accuracy"].item() > 0.54


def test_images_are_compared_in_their_classifiers_features() -> None:
    images = digits().examples("train", 1437, CPU, torch.float32)
    diagnostic = two_sample(digits(), samples=100)
    found = measured(diagnostic, digits(), torch.stack([images[100:200], -images[:100]]))
    references = referenced(diagnostic, digits())
    declared = {quantity.name: quantity for quantity in diagnostic.quantities}
    assert declared["kid"].protocol["layer"] == "features"
    assert (declared["kid"].protocol["split"], declared["kid"].protocol["reference"]) == ("train", 100)
    for name in ("kid", "mmd_rbf", "energy_distance", "sliced_wasserstein", "c2st_accuracy"):
        assert found[name][0] == references[name]  # the stand-in is the next hundred
        assert found[name][1] > found[name][0]
    assert (found["mmd_p_value"][1], found["energy_p_value"][1]) == (0.005, 0.005)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_diverged_seed_is_nan_and_leaves_the_others(bad: float) -> None:
    samples = drawn(3, 100)
    diagnostic = two_sample(ring8(), samples=100, permutations=19)
    clean = measured(diagnostic, ring8(), samples)
    samples[1, 99, 0] = bad
    for name, value in measured(diagnostic, ring8(), samples).items():
        wanted = clean[name].clone()
        wanted[1] = math.nan
        torch.testing.assert_close(value, wanted, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("samples", [drawn(1, 100) * 1e37, torch.zeros(1, 100, 2)], ids=["huge", "constant"])
def test_odd_samples_are_no_error(samples: Tensor) -> None:
    found = measured(two_sample(ring8(), samples=100, permutations=19), ring8(), samples)
    assert all(value.isfinite().all() for value in found.values())
    assert found["mmd_p_value"].item() == found["energy_p_value"].item() == 0.05
    assert found["c2st_accuracy"].item() > 0.9


def test_the_fewest_samples() -> None:
    found = measured(two_sample(ring8(), samples=4, permutations=1), ring8(), drawn(2, 4))
    assert all(value.isfinite().all() for value in found.values())


def test_what_cannot_be_done_is_refused() -> None:
    with pytest.raises(GanbenchError, match=r"`samples: 718` or fewer"):
        two_sample(digits(), samples=719)


def test_its_page_says_what_good_looks_like_and_what_it_misses() -> None:
    page = registry.get("diagnostic", "two_sample").documentation
    assert "What good looks like" in page
    assert "What it is blind to" in page
