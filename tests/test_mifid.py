"""MiFID: brute force over pairs, its threshold, and copies against fresh draws."""

from __future__ import annotations

import math

import pytest
import torch
from fake_snapshot import CPU, measured, referenced

from ganbench.datasets.images import digits
from ganbench.datasets.mixtures import ring8
from ganbench.diagnostics.diagnostic import NotApplicable
from ganbench.diagnostics.estimators.copies import cosine_distance, memorization_penalty
from ganbench.diagnostics.fidelity import fidelity
from ganbench.diagnostics.mifid import mifid
from ganbench.errors import GanbenchError

TRAIN = digits().examples("train", 1437, CPU, torch.float32)
NAME = "classifier_train_300"


def test_cosine_distance_is_that_of_all_pairs() -> None:
    source = torch.Generator().manual_seed(0)
    samples, train = (torch.randn(n, 5, generator=source, dtype=torch.float64) for n in (20, 30))
    samples[3] = 0
    lowest = [
        min((1 - abs(float(x @ y) / (math.hypot(*x) * math.hypot(*y))) if any(x) else 1.0) for y in train)
        for x in samples
    ]
    assert cosine_distance(samples, train) == pytest.approx(sum(lowest) / 20, rel=1e-12)
    assert cosine_distance(-3 * train, train) == pytest.approx(0, abs=1e-12)


def test_penalty_divides_below_the_threshold_alone() -> None:
    penalty = memorization_penalty(torch.tensor([0.05, 0.0999, 0.1, 0.5]).double(), 0.1)
    torch.testing.assert_close(penalty, torch.tensor([20, 1 / 0.0999, 1, 1]).double())


def test_penalized_distance_is_fidelitys_times_the_penalty() -> None:
    samples = (TRAIN[700:1000] * 0.5).unsqueeze(0)
    plain = measured(fidelity(digits(), samples=300), digits(), samples)["fid_classifier_train_300"]
    for threshold in (1e-4, 0.9):
        values = measured(mifid(digits(), samples=300, threshold=threshold), digits(), samples)
        cosine = values[f"cosine_distance_{NAME}"]
        expected = plain * memorization_penalty(cosine, threshold)
        torch.testing.assert_close(values[f"mifid_{NAME}"], expected, rtol=1e-9, atol=0)
        assert (values[f"mifid_{NAME}"] > plain).item() == (threshold == 0.9)


def test_copies_are_penalized_and_held_out_examples_less() -> None:
    diagnostic = mifid(digits(), samples=300)
    copies = (TRAIN[:300] + 0.02).clamp(-1, 1).unsqueeze(0)
    values, references = measured(diagnostic, digits(), copies), referenced(diagnostic, digits())
    assert values[f"cosine_distance_{NAME}"].item() < 0.05 * references[f"cosine_distance_{NAME}"]
    bad = copies.clone()
    bad[0, 0, 0, 0, 0] = math.inf
    assert all(value.isnan().all() for value in measured(diagnostic, digits(), bad).values())


def test_where_it_has_nothing_to_say() -> None:
    with pytest.raises(NotApplicable, match="nothing to copy"):
        mifid(ring8())
    with pytest.raises(GanbenchError, match="1,438 samples"):
        mifid(digits(), samples=1438)
