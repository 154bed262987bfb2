"""Diversity: published values, closed forms, brute force in float64, and samples that repeat."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from fake_snapshot import CPU, measured, referenced
from PIL import Image
from scipy.ndimage import correlate1d
from torch import Tensor

from ganbench.datasets.images import digits, mnist
from ganbench.datasets.mixtures import ring8
from ganbench.diagnostics.diversity import diversity
from ganbench.diagnostics.estimators.diversity_scores import (
    collision_share,
    collisions,
    ms_ssim,
    scales_of,
    vendi_score,
)
from ganbench.errors import MissingData

TRAIN = digits().examples("train", 1436, CPU, torch.float32)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# Vendi score ------------------------------------------------------------------------------------


def test_vendi_score_of_the_published_kernel() -> None:
    kernel = torch.tensor([[1, 0.9, 0], [0.9, 1, 0], [0, 0, 1]], dtype=torch.float64)
    features = torch.linalg.cholesky(kernel)  # rows of length 1 whose cosines are the kernel
    assert vendi_score(features) == pytest.approx(2.1573, abs=5e-5)
    assert vendi_score(features * torch.tensor([[3.0], [0.1], [7.0]])) == pytest.approx(2.1573, abs=5e-5)
    wide = torch.cat([features, torch.zeros(3, 50)], 1)  # the other Gram matrix
    assert vendi_score(wide) == pytest.approx(vendi_score(features), rel=1e-12)
    repeated = features.repeat(40, 1)  # of more points than features, as often
    assert vendi_score(repeated) == pytest.approx(vendi_score(features), rel=1e-12)


def test_vendi_scores_of_mnist_digits_are_the_published_ones() -> None:
    """By pixels of the test images, resized by Pillow to 32×32, in the README of the authors' code."""
    dataset = mnist()
    try:
        dataset.require()
    except MissingData:
        pytest.skip("no files of mnist here")
    columns = dataset.rows("heldout", CPU).columns
    pictures = [Image.fromarray(picture) for picture in columns["real"].squeeze(1).numpy()]
    pixels = torch.from_numpy(
        np.stack([picture.resize((32, 32), Image.Resampling.BICUBIC) for picture in pictures])
    )
    scores = [vendi_score(pixels[columns["label"] == digit].flatten(1)) for digit in range(10)]
    published = [7.68, 5.31, 12.18, 9.97, 11.10, 13.51, 9.06, 9.58, 9.69, 8.56]
    assert scores == pytest.approx(published, abs=5.1e-3)


@pytest.mark.parametrize("shape", [(30, 7), (7, 30)])
def test_vendi_score_is_that_of_all_cosines(shape: tuple[int, int]) -> None:
    features = random(*shape).numpy() - 0.3
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    eigenvalues = np.linalg.eigvalsh(unit @ unit.T / len(unit))
    eigenvalues = eigenvalues[eigenvalues > 1e-14]
    expected = math.exp(-(eigenvalues * np.log(eigenvalues)).sum())
    assert vendi_score(torch.from_numpy(features)) == pytest.approx(expected, rel=1e-10)


def test_vendi_score_counts_orthogonal_points_and_zeros() -> None:
    assert vendi_score(torch.eye(9)) == pytest.approx(9)
    assert vendi_score(torch.ones(9, 4)) == pytest.approx(1)
    assert vendi_score(torch.zeros(9, 4)) == pytest.approx(1)
    assert vendi_score(torch.cat([torch.eye(3), torch.zeros(1, 3)])) == pytest.approx(4)


# MS-SSIM ----------------------------------------------------------------------------------------


def brute_force(x: np.ndarray, y: np.ndarray) -> float:
    """MS-SSIM of two channels [H, W]: windows by SciPy's correlation, cut to where they lie inside."""
    scales = scales_of(min(x.shape))
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:scales]
    weights, value = weights / weights.sum(), 1.0
    for scale in range(scales):
        if scale:
            h, w = (side // 2 for side in x.shape)
            x, y = (i[: 2 * h, : 2 * w].reshape(h, 2, w, 2).mean((1, 3)) for i in (x, y))
        size = min(11, min(x.shape) - 1 + min(x.shape) % 2)
        kernel = np.exp(-((np.arange(size) - size // 2) ** 2) / (2 * 1.5**2))
        kernel, inner = kernel / kernel.sum(), tuple(slice(size // 2, s - size // 2) for s in x.shape)

        def blurred(i: np.ndarray, kernel: np.ndarray = kernel, inner: tuple = inner) -> np.ndarray:
            return correlate1d(correlate1d(i, kernel, 0), kernel, 1)[inner]

        mx, my = blurred(x), blurred(y)
        vx, vy = blurred((x) ** 2) - mx**2, blurred(y**2) - my**2
        cs = (2 * (blurred(x * y) - mx * my) + 0.03**2) / (vx + vy + 0.03**2)
        luminance = (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2)
        factor = (cs * luminance if scale == scales - 1 else cs).mean()
        value *= max(factor, 0.0) ** weights[scale]
    return value


@pytest.mark.parametrize(("size", "scales"), [(8, 1), (21, 1), (28, 2), (32, 2), (45, 3), (64, 3), (176, 5)])
def test_ms_ssim_is_the_definitions(size: int, scales: int) -> None:
    assert scales_of(size) == scales
    base = random(2, 3, size, size + 2)
    other = 0.7 * base + 0.3 * random(2, 3, size, size + 2, seed=1)
    expected = [
        np.mean([brute_force(base[i, c].numpy(), other[i, c].numpy()) for c in range(3)]) for i in range(2)
    ]
    np.testing.assert_allclose(ms_ssim(base, other), expected, rtol=1e-9)
    np.testing.assert_allclose(ms_ssim(other, base), expected, rtol=1e-9)
    torch.testing.assert_close(ms_ssim(base, base), torch.ones(2).double())


def test_opposite_images_are_not_alike() -> None:
    images = random(5, 1, 32, 32)
    assert ms_ssim(images, 1 - images).tolist() == [0] * 5


# Birthday ---------------------------------------------------------------------------------------


def test_collisions_are_those_of_all_pairs() -> None:
    points = random(60, 20)
    points[7] = points[3]
    found = collisions(points, torch.tensor(1.5).double())
    expected = torch.tensor([[bool((x - y).norm() <= 1.5) for y in points] for x in points])
    assert torch.equal(found, expected & ~torch.eye(60, dtype=torch.bool))
    assert collisions(points, torch.tensor(0.0).double()).nonzero().tolist() == [[3, 7], [7, 3]]
    groups = torch.tensor([list(g) for g in itertools.combinations(range(8), 3)])
    assert collision_share(collisions(points, torch.tensor(0.0).double()), groups) == pytest.approx(6 / 56)


def test_forty_draws_of_a_thousand_modes_collide_as_published() -> None:
    source, shares = torch.Generator().manual_seed(0), []
    groups = torch.arange(4_000).view(100, 40)
    for _ in range(20):
        modes = torch.randint(1_000, (4_000, 1), generator=source).double()
        shares.append(collision_share(collisions(modes, torch.tensor(0.5).double()), groups))
    exact = 1 - math.prod(1 - i / 1000 for i in range(40))
    assert exact == pytest.approx(0.546, abs=5e-4)
    assert np.mean(shares) == pytest.approx(exact, abs=4 * math.sqrt(0.25 / 2000))


# The diagnostic ---------------------------------------------------------------------------------


def test_collapse_is_seen_and_real_data_are_as_their_reference() -> None:
    diagnostic = diversity(digits())
    references = referenced(diagnostic, digits())
    samples = torch.stack([TRAIN[:718], TRAIN[:718], TRAIN[:4].repeat(180, 1, 1, 1)[:718], TRAIN[:718]])
    samples[1] = samples[1, :1]
    samples[3, 5, 0, 0, 0] = math.nan
    values = measured(diagnostic, digits(), samples)
    vendi, alike, birthday = (values[n] for n in ("vendi_score", "ms_ssim", "birthday_collision"))
    assert vendi[0].item() == pytest.approx(references["vendi_score"], rel=0.05)
    assert alike[0].item() == pytest.approx(references["ms_ssim"], abs=0.05)
    assert birthday[0].item() < 0.2
    assert references["birthday_collision"] < 0.3
    assert [vendi[1].item(), alike[1].item(), birthday[1].item()] == pytest.approx([1, 1, 1], rel=1e-5)
    assert vendi[2].item() <= 4
    assert alike[2].item() > alike[0].item() + 0.05
    assert birthday[2].item() == 1
    assert all(value[3].isnan() for value in values.values())


def test_images_outside_their_range_are_clipped() -> None:
    outside = 5 * TRAIN[:718].unsqueeze(0)
    values = [measured(diversity(digits()), digits(), x)["ms_ssim"] for x in (outside, outside.clamp(-1, 1))]
    assert torch.equal(*values)


def test_points_have_no_pictures() -> None:
    samples = ring8().sampler([0, 1], CPU, torch.float32).draw(2500)["real"]
    values = measured(diversity(ring8()), ring8(), samples)
    assert values.keys() == {"vendi_score", "birthday_collision"}
    assert values["vendi_score"].tolist() == pytest.approx([2, 2], abs=0.01)  # the plane's two directions
