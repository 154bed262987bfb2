"""Nearest-neighbour estimates of where two sets overlap, in bounded memory.

Everywhere `real` [n, F] comes before `fake` [m, F].  Distances are Euclidean and computed from differences,
never from inner products: these lose the digits that tell a duplicate or a tie from a near miss.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import betaln, gammaln
from torch import Tensor

NUMBERS_AT_ONCE = 1_000_000
"""Distances held at a time: 8 MB in float64, a few times that with what is derived of them.

Results are written into tensors made beforehand: small ones kept between large ones that come and go
split the heap, and the process then grows by some megabytes a chunk.
"""


def distances(first: Tensor, second: Tensor) -> Tensor:
    """Euclidean distances [n, m] of points [n, F] and [m, F], each from its own differences."""
    return torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist")


def rows_at_once(columns: int) -> int:
    """How many rows of a distance matrix with so many columns are computed together."""
    return max(1, NUMBERS_AT_ONCE // max(1, columns))


def neighbour_radii(points: Tensor, neighbours: tuple[int, ...]) -> Tensor:
    """Distance of each point [n, F] to its k-th nearest *other* point, for every k: [len(neighbours), n].

    A point itself is left out by its place, not by distance zero, so k duplicates of it give radius 0.
    """
    assert max(neighbours) < len(points), "more neighbours asked for than there are other points"
    found = points.new_empty(len(neighbours), len(points))
    for start in range(0, len(points), step := rows_at_once(len(points))):
        apart = distances(points[start : start + step], points)
        apart.diagonal(start).fill_(torch.inf)
        nearest = apart.topk(max(neighbours), dim=1, largest=False).values
        found[:, start : start + step] = nearest[:, [k - 1 for k in neighbours]].T
    return found


@dataclass(frozen=True)
class Neighbourhoods:
    """Real points [n, F] with their balls: radii [n] for precision, for density, and for clipped density.

    `ideal` is the clipped density of the points themselves, each without its own ball, before scaling.
    """

    points: Tensor
    precision: Tensor
    density: Tensor
    clipped: Tensor
    density_k: int
    ideal: float


@dataclass(frozen=True)
class Overlap:
    """Who lies in whose ball, for `real` [n] and `fake` [m]."""

    precise: Tensor
    """Whether a fake lies in some real point's closed ball for precision, bool [m]."""
    recalled: Tensor
    """Whether a real point lies in some fake's closed ball for precision, bool [n]."""
    balls: Tensor
    """Real points' open balls for density that hold a fake, [m]."""
    held: Tensor
    """Fakes in a real point's open ball for density, [n]."""
    clipped_balls: Tensor
    """Real points' closed clipped balls that hold a fake, [m]."""


def neighbourhoods(points: Tensor, precision_k: int, density_k: int) -> Neighbourhoods:
    """The balls of real points [n, F], n > k."""
    precision, density = neighbour_radii(points, (precision_k, density_k))
    clipped = density.clamp_max(float(np.median(density.cpu())))
    holding = torch.zeros(len(points), dtype=torch.int64, device=points.device)
    for start in range(0, len(points), step := rows_at_once(len(points))):
        apart = distances(points[start : start + step], points)
        apart.diagonal(start).fill_(torch.inf)
        holding += _count(apart <= clipped[start : start + step, None], 0)
    return Neighbourhoods(points, precision, density, clipped, density_k, _filled(holding, density_k))


def overlap(real: Neighbourhoods, fake: Tensor, fake_radii: Tensor) -> Overlap:
    """One pass over all pairs of real points and fakes [m, F] with their radii for precision [m]."""
    precise, balls, clipped_balls = torch.zeros(3, len(fake), dtype=torch.int64, device=fake.device)
    recalled, held = torch.zeros(2, len(real.points), dtype=torch.int64, device=fake.device)
    for start in range(0, len(real.points), step := rows_at_once(len(fake))):
        part = slice(start, start + step)
        apart = distances(real.points[part], fake)
        precise += _count(apart <= real.precision[part, None], 0)
        recalled[part] = _count(apart <= fake_radii, 1)
        inside = apart < real.density[part, None]
        balls += _count(inside, 0)
        held[part] = _count(inside, 1)
        clipped_balls += _count(apart <= real.clipped[part, None], 0)
    return Overlap(precise > 0, recalled > 0, balls, held, clipped_balls)


def support_values(real: Neighbourhoods, fake: Tensor, precision_k: int) -> dict[str, float]:
    """Precision and recall, density and coverage, and both of these clipped, of fakes [m, F], m > k.

    Source: Kynkäänniemi et al. 2019, section 2; Naeem et al. 2020, section 3; Salvy, Talbot & Thirion 2025
    (arXiv 2507.01761) with their code for what is open and closed.  Deviations: they look the inverse of the
    expected coverage up in a table that starts at k fakes, here it is interpolated from 0; of a real point's
    fellows at just the radius they count k at most, here all.
    """
    (fake_radii,) = neighbour_radii(fake, (precision_k,))
    found, k = overlap(real, fake, fake_radii), real.density_k
    expected = expected_clipped_coverage(k, len(real.points), len(fake))
    good = np.linspace(0, 1, len(expected))
    return {
        "precision": float(found.precise.double().mean()),
        "recall": float(found.recalled.double().mean()),
        "density": float(found.balls.double().mean()) / k,
        "coverage": float((found.held > 0).double().mean()),
        "clipped_density": min(1.0, _filled(found.clipped_balls, k) / real.ideal),
        "clipped_coverage": float(np.interp(_filled(found.held, k), expected, good)),
    }


def expected_coverage(k: int, real: int, fake: int) -> float:
    """E[coverage] of equal continuous distributions: 1 − ∏ᵢ₌₁..ₖ (N−i)/(N+M−i) for N real and M fakes.

    Of a real point's N−1 fellows and M fakes in order of distance, the k first must all be fellows for the
    point to stay uncovered.  Source: Naeem et al. 2020, lemma 2.
    """
    i = np.arange(1, k + 1)
    return float(1 - np.prod((real - i) / (real + fake - i)))


@functools.cache
def expected_clipped_coverage(k: int, real: int, fake: int) -> np.ndarray:
    """E[min(J, k)]/k if just m = 0 … M fakes are drawn as the N real points are; float64 [M + 1], rising.

    J, the fakes in a real point's ball, is beta-binomial (m; k, N−k), for the ball's mass is Beta(k, N−k).
    """
    m, j = np.arange(fake + 1)[:, None], np.arange(k)
    choose = gammaln(m + 1) - gammaln(j + 1) - gammaln(np.maximum(m - j, 0) + 1)
    log_p = choose + betaln(k + j, real - k + np.maximum(m - j, 0)) - betaln(k, real - k)
    short = np.where(m >= j, (k - j) * np.exp(log_p), 0.0)
    return 1 - short.sum(1) / k


def _count(where: Tensor, dim: int) -> Tensor:
    return where.sum(dim, dtype=torch.int32)


def _filled(counts: Tensor, k: int) -> float:
    """Mean of min(count, k)/k."""
    return float(counts.clamp_max(k).double().mean()) / k
