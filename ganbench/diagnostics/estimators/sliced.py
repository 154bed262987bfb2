"""Sliced Wasserstein distance of two samples of one size."""

from __future__ import annotations

import torch
from torch import Tensor


def directions(dim: int, count: int, source: torch.Generator) -> Tensor:
    """`count` unit vectors [count, dim], float64: random orthonormal bases in a row, the last cut short.

    Each vector is uniform on the sphere.  Whole bases make the mean of (θᵀv)² exactly ‖v‖²/dim.
    Source: Rowland et al. 2019 (orthogonal coupling).
    """
    bases, columns = -(-count // dim), min(count, dim)
    normal = torch.randn(bases, dim, columns, generator=source, dtype=torch.float64)
    rotations, upper = torch.linalg.qr(normal)
    signs = upper.diagonal(dim1=-2, dim2=-1).sign()  # without them the law is not uniform
    return (rotations * signs.unsqueeze(-2)).mT.reshape(-1, dim)[:count]


def sliced_wasserstein(first: Tensor, second: Tensor, along: Tensor) -> Tensor:
    """Mean over directions [P, F] of the squared one-dimensional W₂ of samples [n, F] and [n, F], float64.

    The square, in squared data units, of these samples; as an estimate of their distributions' it is biased
    upwards.  N(0, I) against N(μ1, I) is E(θᵀμ1)² = μ².  Source: Bonneel et al. 2015, eq. (6), averaged.
    """
    assert len(first) == len(second), "quantiles are paired one to one"
    ordered = [(along.to(points) @ points.mT).sort(1).values for points in (first, second)]
    return (ordered[0] - ordered[1]).square().mean()
