"""Precision, recall, density, coverage and their clipped forms: brute force, closed forms, traps."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from fake_snapshot import CPU, measured, referenced
from scipy.stats import betabinom
from torch import Tensor
from torch_fidelity.metric_prc import prc_features_to_metric

from ganbench import registry
from ganbench.datasets.images import digits
from ganbench.datasets.mixtures import ring8
from ganbench.diagnostics.estimators import neighbours
from ganbench.diagnostics.estimators.neighbours import (
    distances,
    expected_clipped_coverage,
    neighbour_radii,
    neighbourhoods,
    overlap,
    support_values,
)
from ganbench.diagnostics.support import support
from ganbench.errors import GanbenchError
from ganbench.extractors import extract
from ganbench.extractors.classifiers import Classifier

NAMES = ("precision", "recall", "density", "coverage", "clipped_density", "clipped_coverage")


def expected_coverage(k: int, real: int, fake: int) -> float:
    """E[coverage] of equal continuous distributions: 1 − ∏ᵢ₌₁..ₖ (N−i)/(N+M−i) for N real and M fakes.

    Of a real point's N−1 fellows and M fakes in order of distance, the k first must all be fellows for the
    point to stay uncovered.  Source: Naeem et al. 2020, lemma 2.
    """
    i = np.arange(1, k + 1)
    return float(1 - np.prod((real - i) / (real + fake - i)))


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def lattice(count: int, seed: int) -> Tensor:
    """Points of a small grid: full of duplicates and of equal distances."""
    source = torch.Generator().manual_seed(seed)
    return torch.randint(0, 6, (count, 2), generator=source).double()


def values_of(real: Tensor, fake: Tensor, precision_k: int = 3, density_k: int = 5) -> dict[str, float]:
    return support_values(neighbourhoods(real, precision_k, density_k), fake, precision_k)


def by_hand(real: Tensor, fake: Tensor, precision_k: int = 3, density_k: int = 5) -> dict[str, float]:
    """All values of points with whole coordinates, from exact squared distances, pair by pair."""
    x, y = ([tuple(map(int, point)) for point in points.tolist()] for points in (real, fake))

    def apart(a: tuple[int, ...], b: tuple[int, ...]) -> int:
        return sum((i - j) ** 2 for i, j in zip(a, b, strict=True))

    def radii(points: list[tuple[int, ...]], k: int) -> list[int]:
        return [
            sorted(apart(a, b) for j, b in enumerate(points) if i != j)[k - 1] for i, a in enumerate(points)
        ]

    near, own, wide = radii(x, precision_k), radii(y, precision_k), radii(x, density_k)
    middle = np.median(np.sqrt(wide)) ** 2 + 1e-9
    clipped = [min(r, middle) for r in wide]
    good = [min(1, sum(apart(b, a) <= r for a, r in zip(x, clipped, strict=True)) / density_k) for b in y]
    ideal = [
        min(1, sum(apart(b, a) <= clipped[i] for i, a in enumerate(x) if i != j) / density_k)
        for j, b in enumerate(x)
    ]
    held = [sum(apart(a, b) < r for b in y) for a, r in zip(x, wide, strict=True)]
    filled = np.mean([min(h, density_k) for h in held]) / density_k
    expected = [
        sum(betabinom(m, density_k, len(x) - density_k).sf(range(density_k))) / density_k
        for m in range(len(y) + 1)
    ]
    return {
        "precision": np.mean([any(apart(b, a) <= r for a, r in zip(x, near, strict=True)) for b in y]),
        "recall": np.mean([any(apart(a, b) <= r for b, r in zip(y, own, strict=True)) for a in x]),
        "density": sum(held) / density_k / len(y),
        "coverage": np.mean([h > 0 for h in held]),
        "clipped_density": min(1, np.mean(good) / np.mean(ideal)),
        "clipped_coverage": np.interp(filled, expected, np.linspace(0, 1, len(y) + 1)),
    }


# Exactness --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "n", "m"), [(0, 40, 30), (1, 25, 60), (2, 60, 60)])
@pytest.mark.parametrize(("precision_k", "density_k"), [(3, 5), (1, 1), (5, 2)])
def test_ties_and_duplicates_as_counted_by_hand(
    seed: int, n: int, m: int, precision_k: int, density_k: int
) -> None:
    real, fake = lattice(n, seed), lattice(m, seed + 10) + torch.tensor([2.0, 0.0]).double()
    ours = values_of(real, fake, precision_k, density_k)
    theirs = by_hand(real, fake, precision_k, density_k)
    assert ours == pytest.approx(theirs, abs=1e-12)
    assert all(ours[name] > 0 for name in NAMES)


def test_precision_and_recall_are_torch_fidelitys() -> None:
    real, fake = normal(400, 7), normal(350, 7, seed=1) * 0.8 + 0.2
    # Its convention: the generated set comes first.
    theirs = prc_features_to_metric(
        fake, real, prc_neighborhood=3, prc_batch_size=100, save_cpu_ram=False, verbose=False
    )
    ours = values_of(real, fake)
    assert ours["precision"] == pytest.approx(theirs["precision"], abs=1e-6)
    assert ours["recall"] == pytest.approx(theirs["recall"], abs=1e-6)


def test_features_far_from_zero_are_compared_by_differences() -> None:
    """Where torch-fidelity's inner products in single precision give other values: docs/references.md."""
    source = torch.Generator().manual_seed(0)
    real, fake = (4096 + torch.randint(0, 6, (count, 32), generator=source).double() for count in (90, 80))
    exact = by_hand(real, fake)
    assert values_of(real, fake) == pytest.approx(exact, abs=1e-12)
    theirs = prc_features_to_metric(
        fake.float(), real.float(), prc_neighborhood=3, prc_batch_size=100, save_cpu_ram=False, verbose=False
    )
    assert abs(theirs["recall"] - exact["recall"]) > 0.02


def test_chunks_change_no_value_and_hold_no_more_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = lattice(97, 0), normal(131, 2, seed=1) * 2
    whole = values_of(real, fake)
    held = []

    def recorded(first: Tensor, second: Tensor) -> Tensor:
        held.append(len(first) * len(second))
        return distances(first, second)

    monkeypatch.setattr(neighbours, "distances", recorded)
    monkeypatch.setattr(neighbours, "NUMBERS_PER_PASS", 1000)
    assert values_of(real, fake) == whole
    # Real against real twice (radii, clipped), fake against fake, real against fake: every pair once.
    assert sum(held) == 2 * 97 * 97 + 131 * 131 + 97 * 131
    assert max(held) <= 1000
    assert len(held) == 2 * 10 + 19 + 14


def traps(dim: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Pairs of sets on which inner products alone go wrong."""
    base, few = normal(120, dim), normal(60, dim, seed=1)
    up, down = (base.nextafter(torch.tensor(sign * 9.0).double()) for sign in (1, -1))
    source = torch.Generator().manual_seed(2)
    thirds = torch.randint(0, 3, (200, dim), generator=source).double() / 7
    scales = torch.logspace(-8, 8, dim).double()
    return {
        "duplicates": (base[:60].repeat(3, 1), torch.cat([base[30:90], few])),
        "all equal": (torch.full((90, dim), 0.1).double(), torch.full((70, dim), 0.1).double()),
        "ties": (thirds[:120], thirds[100:]),
        "far from the origin": (base.repeat(2, 1) + 1e8, base + 1e8),
        "one place": (base[:1] + 1e-12 * base, base[:1] + 1e-12 * few),
        "nearly duplicates": (torch.cat([base, up]), torch.cat([base, down])),
        "outliers": (torch.cat([base, 1e12 * few[:2]]), torch.cat([base, 1e9 * few[:1]])),
        "huge": (base * 1e37, base[:60] * 1e37),
        "overflowing": (base * 1e200, base[:60] * 1e200),
        "two scales": (torch.cat([base * 1e-9, base * 1e9]), torch.cat([base * 1e-9, few])),
        "a scale each coordinate": (base * scales, base[30:] * scales),
    }


@pytest.mark.parametrize("dim", [2, 17, 64, 300])
@pytest.mark.parametrize("trap", sorted(traps(2)))
def test_products_decide_as_differences_do(trap: str, dim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    real, fake = traps(dim)[trap]
    apart = distances(real, real).fill_diagonal_(math.inf).sort(1).values
    assert torch.equal(neighbour_radii(real, (1, 3, 5)), apart[:, [0, 2, 4]].T)
    ours = values_of(real, fake)
    monkeypatch.setattr(neighbours, "_DIRECT_UP_TO", dim)
    assert values_of(real, fake) == pytest.approx(ours, abs=0, rel=0, nan_ok=True)


def test_most_pairs_are_decided_by_products(monkeypatch: pytest.MonkeyPatch) -> None:
    decided = []

    def recorded(first: Tensor, second: Tensor) -> Tensor:
        decided.append(first.shape[:-1].numel() * second.shape[-2])
        return distances(first, second)

    monkeypatch.setattr(neighbours, "distances", recorded)
    values_of(normal(400, 64), torch.cat([normal(400, 64)[:100], normal(300, 64, seed=1)]))
    # Of 400 points five neighbours of both sets, and few ties with a radius: of 640,000 pairs.
    assert 400 * (5 + 3) <= sum(decided) < 12_000


def test_a_chunk_of_fifty_thousand_is_small() -> None:
    assert neighbours.rows_per_pass(50_000) * 50_000 * 8 <= 32e6
    assert neighbours.rows_per_pass(10**9) == 1


def test_distances_keep_their_digits_far_from_the_origin() -> None:
    near = torch.arange(20.0).double().unsqueeze(1) ** 2 * 2**-20
    far = near + 2.0**20
    assert torch.equal(neighbour_radii(near, (1, 3)), neighbour_radii(far, (1, 3)))
    assert values_of(far, far.clone()) == values_of(near, near.clone())
    many = torch.rand(50, 64, generator=torch.Generator().manual_seed(0)).double()
    twins = torch.cat([many, many]) + 1e4
    assert (neighbour_radii(twins, (1,)) == 0).all()


def test_a_point_is_left_out_by_its_place() -> None:
    points = torch.tensor([[0.0], [0.0], [0.0], [1.0], [5.0]]).double()
    assert neighbour_radii(points, (1, 2, 3, 4)).tolist() == [
        [0, 0, 0, 1, 4],
        [0, 0, 0, 1, 5],
        [1, 1, 1, 1, 5],
        [5, 5, 5, 4, 5],
    ]


# What the values mean ---------------------------------------------------------------------------


def test_copies_of_the_data() -> None:
    real = normal(300, 4)
    # Each open ball holds its centre and k − 1 nearer points: density is 1.
    assert values_of(real, real.clone()) == pytest.approx(dict.fromkeys(NAMES, 1.0))


def test_balls_of_radius_zero() -> None:
    real, there, elsewhere = torch.zeros(20, 3), torch.zeros(10, 3), torch.ones(10, 3)
    found = values_of(real.double(), there.double())
    # A closed ball of radius 0 holds its duplicates, an open one nothing.
    assert found == {
        "precision": 1,
        "recall": 1,
        "density": 0,
        "coverage": 0,
        "clipped_density": 1,
        "clipped_coverage": 0,
    }
    assert values_of(real.double(), elsewhere.double()) == dict.fromkeys(NAMES, 0)


def test_argument_order() -> None:
    wide, narrow = normal(500, 2), normal(500, 2, seed=1) * 0.2
    one, other = values_of(wide, narrow), values_of(narrow, wide)
    assert one["precision"] > 0.95
    assert one["recall"] < 0.3
    assert (other["precision"], other["recall"]) == (one["recall"], one["precision"])
    # Samples in the middle only: each lies in its k balls, and few real points are covered.
    assert one["density"] == pytest.approx(1, abs=0.2)
    assert one["coverage"] < 0.5
    assert other["density"] < 0.5
    assert one["clipped_density"] == 1
    assert one["clipped_coverage"] < 0.2
    assert other["clipped_density"] < 0.3


def test_half_of_the_modes() -> None:
    left, right, more = normal(400, 2), normal(400, 2, seed=1) + 50, normal(800, 2, seed=2)
    found = values_of(torch.cat([left, right]), more)
    assert found["precision"] > 0.95
    assert found["recall"] == pytest.approx(0.5, abs=0.02)
    assert found["coverage"] == pytest.approx(0.5, abs=0.02)
    assert found["density"] == pytest.approx(1, abs=0.08)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_clipped_values_are_the_share_of_good_samples(share: float) -> None:
    count = 1500
    fake = normal(count, 8, seed=1)
    fake[: round((1 - share) * count)] += 100
    found = values_of(normal(count, 8), fake)
    assert found["clipped_density"] == pytest.approx(share, abs=0.03)
    assert found["clipped_coverage"] == pytest.approx(share, abs=0.05)
    assert found["coverage"] > share + 0.07  # what the calibration is for


def test_one_outlier_fools_recall_but_not_coverage() -> None:
    real, fake = normal(300, 2) + 40, normal(300, 2, seed=1)
    assert values_of(real, fake)["recall"] == 0
    fake[:1] = 80.0
    found = values_of(real, fake)
    assert found["recall"] == 1
    assert found["precision"] == found["coverage"] == found["clipped_coverage"] == 0


def test_order_place_and_scale_of_the_points_do_not_matter() -> None:
    real, fake = normal(200, 3), normal(150, 3, seed=1) * 0.7
    rotation, _ = torch.linalg.qr(normal(3, 3, seed=2))
    expected = values_of(real, fake)
    source = torch.Generator().manual_seed(3)
    shuffled = (x[torch.randperm(len(x), generator=source)] for x in (real, fake))
    assert values_of(*shuffled) == pytest.approx(expected, abs=1e-12)
    moved = (1e-3 * x @ rotation + 7 for x in (real, fake))
    assert values_of(*moved) == pytest.approx(expected, abs=1e-12)


# Closed forms -----------------------------------------------------------------------------------


def test_expected_coverage_as_published() -> None:
    assert expected_coverage(5, 10_000, 10_000) == pytest.approx(0.96877, abs=5e-6)
    assert expected_coverage(1, 10, 10) == pytest.approx(1 - 9 / 19)
    assert expected_coverage(3, 50, 1_000_000) == pytest.approx(1, abs=1e-9)


def orders(n: int, m: int) -> list[tuple[int, ...]]:
    """All equally likely orders of n − 1 fellows (0) and m fakes (1) around a real point."""
    return [
        tuple(int(i in fakes) for i in range(n - 1 + m))
        for fakes in itertools.combinations(range(n - 1 + m), m)
    ]


@pytest.mark.parametrize(("k", "n", "m"), [(1, 4, 3), (2, 6, 5), (3, 5, 6), (5, 8, 4)])
def test_expectations_are_those_of_all_orders(k: int, n: int, m: int) -> None:
    counts = []
    for order in orders(n, m):
        fellows = np.cumsum(np.array(order) == 0)
        counts.append(sum(order[: int(np.argmax(fellows == k))]))  # fakes before the k-th fellow
    assert expected_coverage(k, n, m) == pytest.approx(np.mean(np.array(counts) > 0))
    assert expected_clipped_coverage(k, n, m)[m] == pytest.approx(np.minimum(counts, k).mean() / k)
    assert np.mean(counts) == pytest.approx(k * m / n)  # so that the expected density is 1


def test_expectations_are_those_of_simulated_sets() -> None:
    k, n, m, repeats = 2, 6, 5, 1500
    sets = normal(repeats, n + m, 3)
    fakes = [overlap(neighbourhoods(x[:n], 1, k), x[n:], neighbour_radii(x[n:], (1,))[0]).fakes for x in sets]
    counts = torch.stack(fakes).double()
    expected = {
        "coverage": ((counts > 0).double(), expected_coverage(k, n, m)),
        "clipped": (counts.clamp_max(k) / k, float(expected_clipped_coverage(k, n, m)[m])),
        "density": (counts * n / (k * m), 1.0),
    }
    for name, (values, value) in expected.items():
        per_set = values.mean(1)
        assert per_set.mean().item() == pytest.approx(value, abs=4 * per_set.std().item() / repeats**0.5), (
            name
        )
    # Products one place further on or back would be told apart.
    assert abs(expected_coverage(k, n, m) - (1 - math.prod((n - i) / (n + m - i) for i in range(k)))) > 0.05


@pytest.mark.parametrize(("k", "n", "m"), [(5, 40, 60), (3, 2000, 2500), (1, 10, 10)])
def test_expected_clipped_coverage_is_beta_binomial(k: int, n: int, m: int) -> None:
    found = expected_clipped_coverage(k, n, m)
    some = np.unique(np.linspace(0, m, 12).astype(int))
    expected = [betabinom(s, k, n - k).sf(np.arange(k)).mean() for s in some]
    np.testing.assert_allclose(found[some], expected, atol=1e-10)
    assert found[0] == pytest.approx(0, abs=1e-12)
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize(("dim", "published"), [(2, 0.998), (64, 0.713)])
def test_precision_of_equal_gaussians_falls_with_dimension(dim: int, published: float) -> None:
    real, fake = normal(2, 2000, dim)
    found = values_of(real, fake, precision_k=5)
    assert found["precision"] == pytest.approx(published, abs=0.003 if dim == 2 else 0.05)
    assert found["recall"] == pytest.approx(published, abs=0.003 if dim == 2 else 0.05)
    # Density and coverage stay where they are: that is what they were made for.
    assert found["coverage"] == pytest.approx(expected_coverage(5, 2000, 2000), abs=0.02)
    assert found["density"] == pytest.approx(1, abs=0.1)


# The diagnostic ---------------------------------------------------------------------------------


def drawn(seeds: int = 2, count: int = 2500, **options: Any) -> Tensor:
    return ring8(**options).sampler(range(seeds), CPU, torch.float32).draw(count)["real"]


def test_values_of_vectors_and_of_real_data() -> None:
    samples = drawn()
    found = measured(support(ring8()), ring8(), samples)
    reference, stand_in = (
        ring8().examples(split, 2500, CPU, torch.float32).double()  # type: ignore[arg-type]
        for split in ("heldout", "train")
    )
    for seed in range(2):
        expected = values_of(reference, samples[seed].double())
        assert {name: found[name][seed].item() for name in NAMES} == expected
    references = referenced(support(ring8()), ring8())
    assert references == values_of(reference, stand_in)
    assert references["coverage"] == pytest.approx(expected_coverage(5, 2500, 2500), abs=0.02)


def test_images_are_compared_in_their_classifiers_features() -> None:
    images = digits().examples("train", 1437, CPU, torch.float32)
    fours = images[digits().rows("train", CPU).columns["label"] == 4].repeat(6, 1, 1, 1)[:718]
    diagnostic = support(digits())
    found = measured(diagnostic, digits(), fours.unsqueeze(0))
    features = extract(Classifier("digits"), images.unsqueeze(0))["features"][0].double()
    own = extract(Classifier("digits"), fours.unsqueeze(0))["features"][0].double()
    expected = values_of(features[:718], own)
    assert {name: found[name].item() for name in NAMES} == pytest.approx(expected, abs=1e-9)
    references = referenced(diagnostic, digits())
    assert references == pytest.approx(values_of(features[:718], features[718:1436]), abs=1e-9)
    assert found["coverage"].item() < 0.15 < 0.9 < references["coverage"]
    declared = {quantity.name: quantity for quantity in diagnostic.quantities}
    assert declared["coverage"].protocol["layer"] == "features"
    assert declared["coverage"].protocol["k"] == 5
    assert declared["recall"].protocol["k"] == 3


def test_pixels_on_request_and_where_there_is_no_classifier() -> None:
    images = digits().examples("train", 200, CPU, torch.float32)
    found = measured(support(digits(), samples=100, extractor="identity"), digits(), images[None, 100:])
    expected = values_of(images[:100].flatten(1).double(), images[100:].flatten(1).double())
    assert {name: found[name].item() for name in NAMES} == expected
    assert referenced(support(digits(), samples=100, extractor="identity"), digits()) == expected


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_diverged_seed_is_nan_and_leaves_the_others(bad: float) -> None:
    samples = drawn(seeds=3, count=200)
    diagnostic = support(ring8(), samples=200)
    clean = measured(diagnostic, ring8(), samples)
    samples[1, 199, 0] = bad
    for name, value in measured(diagnostic, ring8(), samples).items():
        expected = clean[name].clone()
        expected[1] = math.nan
        torch.testing.assert_close(value, expected, rtol=0, atol=0, equal_nan=True)


def test_huge_samples_are_no_error() -> None:
    samples = drawn(seeds=1, count=200) * 1e37
    found = measured(support(ring8(), samples=200), ring8(), samples)
    assert all(value.isfinite().all() for value in found.values())
    assert found["precision"].item() == found["coverage"].item() == 0


def test_what_cannot_be_done_is_refused() -> None:
    with pytest.raises(GanbenchError, match=r"`samples: 718` or fewer"):
        support(digits(), samples=719)
    with pytest.raises(GanbenchError, match=r"more than 5 samples"):
        support(ring8(), samples=5)


def test_its_page_says_what_good_looks_like_and_what_it_misses() -> None:
    page = registry.get("diagnostic", "support").documentation
    assert "What good looks like" in page
    assert "What it is blind to" in page
