"""How different points of one set are from each other: effective number, likeness of images, collisions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, normalize

from ganbench.diagnostics.estimators.neighbours import Pairs, rows_per_pass

_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_WINDOW, _SIGMA = 11, 1.5
_STABILIZERS = (0.01**2, 0.03**2)


def vendi_score(features: Tensor) -> float:
    """The effective number of different points [n, F]: exp of the entropy of their cosines' eigenvalues.

    From 1 (all point one way) to n (all orthogonal), and at most F.  Vectors of zeros, which have no
    direction, count as one more direction.  The n×n matrix of cosines has the eigenvalues of the F×F
    one, and the smaller is taken.  Source: Friedman & Dieng 2023 (arXiv 2210.02410), definition 3.1.
    """
    features = features.double()
    zero = (features == 0).all(1, keepdim=True)
    unit = torch.cat([normalize(features, dim=1), zero.double()], 1)
    count, dim = unit.shape
    gram = unit.mT @ unit if dim < count else unit @ unit.mT
    eigenvalues = torch.linalg.eigvalsh(gram / count).clamp_min(0)
    return float((-torch.xlogy(eigenvalues, eigenvalues).sum()).exp())


def scales_of(size: int) -> int:
    """How many scales an image's shorter side admits: halved as long as the window fits, at most five."""
    return max(1, sum(size >> scale >= _WINDOW for scale in range(len(_SCALES))))


def ms_ssim(first: Tensor, second: Tensor) -> Tensor:
    """Multi-scale structural similarity of images [n, C, H, W] in [0, 1] and as many others, [n].

    Mean over channels; a negative factor counts as 0.  Images that are too small for the published five
    scales have as many as fit, their weights scaled to the sum 1, and a window of at most their size.
    Source: Wang, Simoncelli & Bovik 2003, with a Gaussian window of 11 pixels and σ = 1.5.
    """
    scales = scales_of(min(first.shape[-2:]))
    weights = first.new_tensor(_SCALES[:scales])
    factors = []
    for scale in range(scales):
        if scale:
            first, second = avg_pool2d(first, 2), avg_pool2d(second, 2)
        luminance, contrast = _similarity(first, second)
        last = scale == scales - 1
        factors.append((luminance * contrast if last else contrast).mean((-2, -1)).clamp_min(0))
    powers = torch.stack(factors, -1) ** (weights / weights.sum())
    return powers.prod(-1).mean(-1)


def _similarity(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance and contrast-structure maps [n, C, h, w]."""

    def blurred(images: Tensor) -> Tensor:
        planes = images.flatten(0, 1).unsqueeze(1)
        blurred_planes = conv2d(conv2d(planes, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))
        return blurred_planes.squeeze(1).unflatten(0, images.shape[:2])

    size = min(_WINDOW, *(side - 1 + side % 2 for side in first.shape[-2:]))
    place = torch.arange(size, device=first.device, dtype=first.dtype) - size // 2
    kernel = (place.square() / (-2 * _SIGMA**2)).exp()
    kernel = kernel / kernel.sum()
    mean, other = blurred(first), blurred(second)
    variances = blurred(first.square()) - mean.square() + blurred(second.square()) - other.square()
    covariance = blurred(first * second) - mean * other
    c1, c2 = _STABILIZERS
    luminance = (2 * mean * other + c1) / (mean.square() + other.square() + c1)
    return luminance, (2 * covariance + c2) / (variances + c2)


def collisions(points: Tensor, radius: Tensor) -> Tensor:
    """Which pairs of points [n, F] are at most the radius [] apart, bool [n, n]; none with itself."""
    centre, parts = points.mean(0), []
    for start in range(0, len(points), step := rows_per_pass(len(points))):
        part = points[start : start + step]
        within = Pairs(part, points, centre).within(radius.expand(len(part), 1))
        within.diagonal(start).fill_(False)
        parts.append(within)
    return torch.cat(parts)


def collision_share(collide: Tensor, groups: Tensor) -> float:
    """The share of groups [G, m] of points in which some pair collides, by `collisions` [n, n].

    Of K equally likely modes a group has one with probability 1 − ∏ᵢ₌₀..ₘ₋₁ (1 − i/K).
    Source: Arora, Risteski & Zhang 2018 (arXiv 1706.08224), section 3.
    """
    parts = groups.split(rows_per_pass(groups.shape[1] ** 2))
    return float(
        torch.cat([collide[g[:, :, None], g[:, None]].flatten(1).any(1) for g in parts]).double().mean()
    )
