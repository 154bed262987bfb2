"""FID∞: a known law's bias is taken off, and its curve is kept for a figure."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from fake_snapshot import CPU, FakeSnapshot, measured, referenced
from torch import Tensor

from ganbench.datasets.images import digits
from ganbench.datasets.mixtures import ring8
from ganbench.diagnostics.estimators.frechet import Moments, bias_curve, extrapolation, fit, frechet_distance
from ganbench.diagnostics.fid_infinity import fid_infinity
from ganbench.diagnostics.fidelity import fidelity
from ganbench.errors import GanbenchError
from ganbench.streams import generator


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_extrapolation_is_the_least_squares_intercept() -> None:
    counts = [100, 150, 300, 1000]
    distances = normal(5, 4)
    expected = [np.polyfit(1 / np.array(counts), row, 1)[1] for row in distances.numpy()]
    np.testing.assert_allclose(extrapolation(distances, counts), expected, rtol=1e-10)
    line = 3 + 40 / torch.tensor(counts).double()
    assert extrapolation(line, counts).item() == pytest.approx(3, rel=1e-12)


def test_curve_is_the_distance_of_subsets_without_replacement() -> None:
    points, reference = normal(2, 60, 3), fit(normal(50, 3, seed=1))
    curve = bias_curve(points, reference, [2, 20, 60], generator(0, "test"))
    assert curve.shape == (2, 3)
    torch.testing.assert_close(curve[:, 2], frechet_distance(fit(points), reference))
    source = generator(0, "test")
    rows = [torch.randperm(60, generator=source)[:n] for n in (2, 20)]
    torch.testing.assert_close(curve[:, 1], frechet_distance(fit(points[:, rows[1]]), reference))


def test_limit_of_the_true_distribution_is_zero_where_the_distance_is_not() -> None:
    # N(0, I) in 20 dimensions against its exact moments: E at n = 2,000 is about d/n + d(d+1)/4n = 0.063.
    truth = Moments(torch.zeros(20).double(), torch.eye(20).double())
    counts = np.linspace(200, 2000, 15).round().astype(int).tolist()
    curve = bias_curve(normal(40, 2000, 20), truth, counts, generator(0, "test"))
    limits = extrapolation(curve, counts)
    assert curve[:, -1].mean().item() == pytest.approx(20 / 2000 + 20 * 21 / 4 / 2000, rel=0.05)
    assert limits.mean().item() == pytest.approx(0, abs=4 * limits.std().item() / math.sqrt(40) + 1e-3)
    assert limits.abs().mean() < curve[:, -1].mean() / 3


def test_limit_and_bias_make_up_fidelitys_distance() -> None:
    samples = digits().examples("train", 1437, CPU, torch.float32).flip(-1).unsqueeze(0)
    diagnostic = fid_infinity(digits())
    values = measured(diagnostic, digits(), samples)
    plain = measured(fidelity(digits()), digits(), samples)["fid_classifier_train_1437"]
    both = values["fid_infinity_classifier_train_1437"] + values["fid_bias_classifier_train_1437"]
    torch.testing.assert_close(both, plain, rtol=1e-9, atol=0)
    assert (values["fid_bias_classifier_train_1437"] > 0).all()
    arrays = diagnostic.arrays()
    assert arrays["fid_counts"].tolist()[::14] == [143, 1437]
    assert arrays["fid_against_n"].shape == (1, 15)
    assert arrays["fid_against_n"][0, 0] > arrays["fid_against_n"][0, -1]
    references = referenced(diagnostic, digits())
    assert references.keys() == values.keys()
    assert 0 < references["fid_bias_classifier_train_1437"] < 10


def test_vectors_and_a_seed_that_is_not_finite() -> None:
    samples = ring8().sampler([0, 1], CPU, torch.float32).draw(2500)["real"]
    values = measured(fid_infinity(ring8()), ring8(), samples)
    assert values["fid_infinity_identity_heldout_2500"].abs().max().item() < 0.01
    samples[1, 7] = math.nan
    values = measured(fid_infinity(ring8()), ring8(), samples)
    assert values["fid_bias_identity_heldout_2500"].isnan().tolist() == [False, True]


@pytest.mark.parametrize(("samples", "flagged"), [(649, True), (650, False)])
def test_a_curve_that_begins_with_no_more_points_than_features_says_so(samples: int, flagged: bool) -> None:
    diagnostic = fid_infinity(digits(), extractor="identity", samples=samples)
    examples = digits().examples("train", samples, CPU, torch.float32).unsqueeze(0)
    measured(diagnostic, digits(), examples)
    words = "64 points in 64 dimensions, too few to extrapolate from"
    assert [words in quantity.title for quantity in diagnostic.quantities] == [flagged] * 2
    assert len([note for note in diagnostic.notes if words in note]) == 2 * flagged


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(GanbenchError, match="1,438 samples need as many real ones"):
        fid_infinity(digits(), samples=1438)


def test_the_curve_outlives_a_resumption() -> None:
    diagnostic, other = fid_infinity(ring8(), samples=200), fid_infinity(ring8(), samples=200)
    samples = ring8().sampler([0], CPU, torch.float32).draw(200)["real"]
    diagnostic.measure(FakeSnapshot(ring8(), samples))  # type: ignore[arg-type]
    assert other.arrays() == {}
    other.restore(diagnostic.state())
    np.testing.assert_array_equal(other.arrays()["fid_against_n"], diagnostic.arrays()["fid_against_n"])
