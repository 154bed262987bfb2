"""A fresh classifier of real and generated: what is like the data is chance, what is shifted is told."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from fake_snapshot import CPU, measured, referenced

from ganbench.datasets.images import digits
from ganbench.datasets.mixtures import ring8
from ganbench.diagnostics.detectability import detectability

AUROC, ACCURACY = "detectability_auroc", "detectability_accuracy"


def fresh_ring(count: int) -> torch.Tensor:
    return ring8().sampler([7], CPU, torch.float32).draw(count)["real"]


def test_real_samples_are_chance_and_shifted_ones_are_told() -> None:
    samples = torch.cat([fresh_ring(2000), fresh_ring(2000) + 20, fresh_ring(2000) * 1.1, fresh_ring(2000)])
    samples[3, 1999] = math.nan
    values = measured(detectability(ring8()), ring8(), samples)
    real, far, wider, broken = values[AUROC].tolist()
    assert real == pytest.approx(0.5, abs=0.04)
    assert values[ACCURACY][0].item() == pytest.approx(0.5, abs=0.04)
    assert (far, values[ACCURACY][1].item()) == (1.0, 1.0)
    assert 0.8 < wider < 1
    assert math.isnan(broken)
    assert values[ACCURACY].isnan().tolist() == [False, False, False, True]


def test_half_of_the_samples_being_far_is_three_quarters() -> None:
    samples = fresh_ring(2000)
    samples[:, ::2] += 20
    values = measured(detectability(ring8()), ring8(), samples)
    assert values[AUROC].item() == pytest.approx(0.75, abs=0.05)


def test_reference_is_real_against_real() -> None:
    for dataset in (ring8(), digits()):
        references = referenced(detectability(dataset), dataset)
        assert references[AUROC] == pytest.approx(0.5, abs=0.06)
        assert references[AUROC] != 0.5  # of two sets, not of one with itself
        assert references[ACCURACY] == pytest.approx(0.5, abs=0.06)


def test_noise_on_digits_is_told_by_pixels_and_copies_of_training_examples_look_more_real() -> None:
    images = digits().examples("train", 1437, CPU, torch.float32)
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    samples = torch.stack([images, (images + 0.5 * noise).clamp(-1, 1)]).roll(300, 1)
    copies, noisy = measured(detectability(digits(), extractor="identity"), digits(), samples)[AUROC].tolist()
    assert copies < 0.4  # a standard error is 0.03
    assert noisy > 0.95


def test_a_seed_is_the_same_in_any_company() -> None:
    diagnostic = detectability(ring8(), samples=200, steps=30)
    alone = measured(diagnostic, ring8(), fresh_ring(200) * 1.1)[AUROC]
    both = measured(diagnostic, ring8(), (fresh_ring(200) * 1.1).expand(2, -1, -1))[AUROC]
    assert both[0].item() == pytest.approx(alone.item(), abs=1e-6)
    assert both[0] != both[1]


@pytest.mark.parametrize(
    ("dataset", "samples", "learnt", "tested"),
    [(ring8, None, 1000, 1000), (ring8, 7, 4, 3), (digits, None, 718, 180), (digits, 100, 50, 50)],
)
def test_samples_are_shared_between_learning_and_testing(
    dataset: Any, samples: int | None, learnt: int, tested: int
) -> None:
    for quantity in detectability(dataset(), samples=samples).quantities:
        assert (quantity.protocol["generated"], quantity.protocol["tested"]) == (learnt, tested)
