"""Intrinsic dimension of sample sets from nearest neighbours, many sets at once, in float64.

Copies of a point count once, as points and as neighbours: a distance of zero says nothing about
dimension, and its logarithm would make every estimate infinite.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_NUMBERS_PER_PASS = 4_000_000
"""Bounds the memory of distances and of neighbourhoods at 32 MB each."""


@dataclass(frozen=True)
class Neighbours:
    """The nearest distinct points of every point of S sets.

    `distances` [S, N, k] ascending, `indices` [S, N, k]; `distinct` [S, N]: the first of a point's copies.
    Rows of further copies, and of sets that hold no k + 1 distinct points (`defined` [S]), mean nothing.
    """

    points: Tensor
    distances: Tensor
    indices: Tensor
    distinct: Tensor
    defined: Tensor


def nearest_neighbours(samples: Tensor, k: int) -> Neighbours:
    """The k nearest distinct other points of each point of samples [S, N, d], Euclidean.

    Candidates by products, then distances by differences: near copies do not cancel.  A set with a number
    that is not finite is not defined.
    """
    finite = samples.isfinite().all(2).all(1)
    points = torch.where(finite[:, None, None], samples.double(), 0.0)
    distinct = torch.stack([_first_copies(sample) for sample in points])
    points = points - points.mean(1, keepdim=True)
    k = min(k, points.shape[1] - 1)
    sets, count, width = points.shape
    rows = max(1, _NUMBERS_PER_PASS // (sets * max(count, k * width)))
    parts = [_nearest_of(points, distinct, start, rows, k) for start in range(0, count, rows)]
    distances, indices = (torch.cat(column, 1) for column in zip(*parts, strict=True))
    return Neighbours(points, distances, indices, distinct, finite & (distinct.sum(1) > k))


def _first_copies(points: Tensor) -> Tensor:
    """Whether each row [N, d] is the first of its kind, [N]."""
    count = len(points)
    _, kinds = torch.unique(points, dim=0, return_inverse=True)
    order = torch.arange(count, device=points.device)
    first = torch.full((count,), count, device=points.device).scatter_reduce_(0, kinds, order, "amin")
    return first[kinds] == order


def _nearest_of(points: Tensor, distinct: Tensor, start: int, rows: int, k: int) -> tuple[Tensor, Tensor]:
    """Distances and indices [S, rows, k] of the rows from `start` on."""
    block = points[:, start : start + rows]
    squares = points.square().sum(2).unsqueeze(1) - 2 * block @ points.mT
    squares.masked_fill_(~distinct.unsqueeze(1), torch.inf)
    squares.diagonal(start, 1, 2).fill_(torch.inf)
    indices = squares.topk(k, dim=2, largest=False).indices
    distances = torch.linalg.vector_norm(gathered(points, indices) - block.unsqueeze(2), dim=3)
    distances, order = distances.sort(dim=2)
    return distances, indices.gather(2, order)


def gathered(points: Tensor, indices: Tensor) -> Tensor:
    """The points [S, N, d] that indices [S, R, k] name, [S, R, k, d]."""
    sets = torch.arange(len(points), device=points.device)[:, None, None]
    return points[sets, indices]


def two_nn(neighbours: Neighbours, dropped: float = 0.1) -> Tensor:
    """TwoNN [S]: the slope through the origin of −log(1 − i/N) on the sorted log(r₂/r₁).

    The top `dropped` share of the ratios is left out.  NaN where all ratios are one.
    Source: Facco et al. 2017, "Estimating the intrinsic dimension of datasets by a minimal neighborhood
    information", section "The TWO-NN estimator".
    """
    if neighbours.distances.shape[2] < 2:
        return torch.full_like(neighbours.distances[:, 0, 0], torch.nan)
    ratios = (neighbours.distances[..., 1] / neighbours.distances[..., 0]).log()
    ratios = torch.where(neighbours.distinct, ratios, torch.inf).sort(1).values
    count = neighbours.distinct.sum(1, keepdim=True).double()
    place = torch.arange(1, ratios.shape[1] + 1, device=ratios.device, dtype=torch.float64)
    kept = place <= (1 - dropped) * count + 1e-6  # a whole number that rounding made smaller
    x = torch.where(kept, ratios, 0.0)
    y = -torch.log1p(-torch.where(kept, place / count, 0.0))
    return _defined(neighbours, _ratio((x * y).sum(1), x.square().sum(1)))


def levina_bickel(neighbours: Neighbours) -> Tensor:
    """The maximum-likelihood dimension [S] from k neighbours: 1 / mean of log(T_k/T_j) over points and j < k.

    NaN where all k distances are equal everywhere.
    Source: Levina & Bickel 2004, eq. (8); inverses averaged, not dimensions: MacKay & Ghahramani 2005.
    """
    logs = (neighbours.distances[..., -1:] / neighbours.distances[..., :-1]).log().sum(2)
    total = torch.where(neighbours.distinct, logs, 0.0).sum(1)
    count = neighbours.distinct.sum(1) * (neighbours.distances.shape[2] - 1)
    return _defined(neighbours, _ratio(count.double(), total))


def local_pca(neighbours: Neighbours, threshold: float = 0.05) -> Tensor:
    """Mean number [S] of a neighbourhood's variances that reach `threshold` times the largest.

    A neighbourhood is a point and its k neighbours about their mean.  At most k.
    Source: Fukunaga & Olsen 1971, "An algorithm for finding intrinsic dimensionality of data".
    """
    sets, count, k = neighbours.distances.shape
    rows = max(1, _NUMBERS_PER_PASS // (sets * (k + 1) * neighbours.points.shape[2]))
    places = torch.arange(count, device=neighbours.points.device).expand(sets, count)
    whole = torch.cat([places.unsqueeze(2), neighbours.indices], 2)
    parts = [
        significant_variances(_variances(neighbours.points, part), threshold) for part in whole.split(rows, 1)
    ]
    counts = torch.cat(parts, 1).double()
    total = torch.where(neighbours.distinct, counts, 0.0).sum(1)
    return _defined(neighbours, total / neighbours.distinct.sum(1))


def significant_variances(variances: Tensor, threshold: float) -> Tensor:
    """How many of the variances [..., r] are positive and reach `threshold` times the largest, [...]."""
    return ((variances >= threshold * variances.amax(-1, keepdim=True)) & (variances > 0)).sum(-1)


def _variances(points: Tensor, indices: Tensor) -> Tensor:
    """Squared singular values of the neighbourhoods about their means, [S, R, min(k + 1, d)]."""
    centred = gathered(points, indices)
    centred = centred - centred.mean(2, keepdim=True)
    wide = centred.shape[3] > centred.shape[2]
    return torch.linalg.eigvalsh(centred @ centred.mT if wide else centred.mT @ centred)


def _ratio(above: Tensor, below: Tensor) -> Tensor:
    return torch.where(below > 0, above / below, torch.nan)


def _defined(neighbours: Neighbours, value: Tensor) -> Tensor:
    return torch.where(neighbours.defined, value, torch.nan)
