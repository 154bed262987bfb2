"""Class shares against the data's: planted histograms, and the classifier's view of real examples."""

from __future__ import annotations

import math

import pytest
import torch
from fake_snapshot import CPU, measured, referenced

from ganbench.datasets.images import digits
from ganbench.datasets.manifolds import swiss_roll
from ganbench.diagnostics.bias_amplification import amplification, bias_amplification
from ganbench.diagnostics.diagnostic import NotApplicable

TRAIN = digits().fields("train", 1437, CPU, torch.float32)


def test_amplification_of_known_shares() -> None:
    truth = torch.tensor([0.5, 0.3, 0.2, 0.0], dtype=torch.float64)
    rows = [[0.5, 0.3, 0.2, 0.0], [0.8, 0.1, 0.1, 0.0], [1 / 3, 1 / 3, 1 / 3, 0.0], [0.0, 0.0, 0.6, 0.4]]
    values = amplification(torch.tensor(rows, dtype=torch.float64), truth)
    expected = {
        "bias_amplification": [0, 0.3, 1 / 3 - 0.5, -0.5],  # of three classes the first alone is frequent
        "class_ratio_max": [1, 1.6, 5 / 3, 3],
        "class_ratio_min": [1, 1 / 3, 2 / 3, 0],
    }
    for name, value in values.items():
        assert value.tolist() == pytest.approx(expected[name], abs=1e-12)


def test_amplification_is_the_mean_over_frequent_classes_and_undefined_without() -> None:
    truth = torch.tensor([0.4, 0.4, 0.1, 0.1], dtype=torch.float64)
    shares = torch.tensor([[0.6, 0.3, 0.1, 0.0]], dtype=torch.float64)
    assert amplification(shares, truth)["bias_amplification"].item() == pytest.approx(0.05)
    even = torch.full((4,), 0.25, dtype=torch.float64)
    assert amplification(shares, even)["bias_amplification"].isnan().all()
    assert amplification(shares, even)["class_ratio_max"].item() == pytest.approx(2.4)


def test_copies_of_one_class_and_real_examples() -> None:
    shares = digits().info.spec.class_shares
    assert shares is not None
    frequent = int(shares.argmax())
    images = TRAIN["real"]
    copies = images[TRAIN["label"] == frequent].repeat(10, 1, 1, 1)[:1437]
    broken = images.clone()
    broken[3] = math.nan
    values = measured(bias_amplification(digits()), digits(), torch.stack([images, copies, broken]))
    above = shares > 0.1
    of_copies = (1 - shares[above].sum()) / above.sum()
    real, copied, undefined = values["bias_amplification"].tolist()
    assert real == pytest.approx(0, abs=2e-3)
    assert copied == pytest.approx(of_copies.item(), abs=5e-3)
    assert math.isnan(undefined)
    assert values["class_ratio_max"][1].item() == pytest.approx(1 / shares.max().item(), rel=0.02)
    assert values["class_ratio_min"][1].item() == 0
    assert values["class_ratio_min"][0].item() > 0.97


def test_references_are_those_of_heldout_examples() -> None:
    references = referenced(bias_amplification(digits()), digits())
    assert abs(references["bias_amplification"]) < 0.01
    assert 0.8 < references["class_ratio_min"] < 1 < references["class_ratio_max"] < 1.2


def test_where_it_has_nothing_to_say() -> None:
    with pytest.raises(NotApplicable, match="swiss_roll: its examples have no labels"):
        bias_amplification(swiss_roll())
    with pytest.raises(NotApplicable, match="digits: no classifier"):
        bias_amplification(digits(), extractor="identity")
