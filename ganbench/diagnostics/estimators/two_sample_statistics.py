"""Statistics of two samples: MMD, KID and energy distance, sliced Wasserstein, and tests with p-values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from scipy.stats import binom
from torch import Tensor
from torch.nn.functional import normalize

Kernel = Callable[[Tensor, Tensor], Tensor]
"""Points [n, F] and [m, F] to the kernel's values [n, m]."""
Radial = Callable[[Tensor], Tensor]
"""Distances to a kernel's values, of any shape."""
NUMBERS_PER_PASS = 4_000_000
"""Kernel values held at a time: 32 MB in float64, a few times that while they are computed."""
_BANDWIDTH_FROM = 1000
_FAR = 1e15  # beyond it squares would overflow in float32
_DIRECT_UP_TO = 8


def polynomial(first: Tensor, second: Tensor) -> Tensor:
    """(xᵀy/F + 1)³, KID's kernel.  Source: Bińkowski et al. 2018, section 4."""
    root = first @ second.mT / first.shape[1] + 1
    return root * root * root


def gaussian(bandwidth: float) -> Radial:
    """exp(−r²/2σ²) with σ the bandwidth."""
    return lambda distance: (distance.square() / (-2 * bandwidth**2)).exp_()


def of_distance(radial: Radial) -> Kernel:
    """The kernel of points that a function of their distance is."""
    return lambda first, second: radial(distances(first, second))


def distances(first: Tensor, second: Tensor) -> Tensor:
    """‖x − y‖ [n, m]: from differences in few dimensions, else from inner products, good to 1e-8 of ‖x‖.

    These are of differences to one of the points, so that points which are all equal have distance 0.
    """
    direct = first.shape[1] <= _DIRECT_UP_TO
    mode = "donot_use_mm_for_euclid_dist" if direct else "use_mm_for_euclid_dist"
    return torch.cdist(first - second[0], second - second[0], compute_mode=mode)


def median_distance(points: Tensor) -> float:
    """The median distance of all pairs of the first 1,000 points [n, F]: the usual bandwidth.

    Where that is 0 (most pairs are duplicates) their mean distance, and 1 where all points are one.
    Source: Gretton et al. 2012, section 8, who take the median over both samples together.
    """
    some = points[:_BANDWIDTH_FROM]
    rows, columns = torch.triu_indices(len(some), len(some), 1, device=points.device)
    between = distances(some, some)[rows, columns]
    return float(between.quantile(0.5)) or float(between.mean()) or 1.0


def pair_mean(kernel: Kernel, points: Tensor) -> float:
    """Mean of the kernel over the pairs of different points [n, F], n ≥ 2; duplicates count as different."""
    total, count = 0.0, len(points)
    for start in range(0, count, step := rows_per_pass(count)):
        values = kernel(points[start : start + step], points)
        total += float(values.sum() - values.diagonal(start).sum())
    return total / (count * (count - 1))


def cross_mean(kernel: Kernel, first: Tensor, second: Tensor) -> float:
    """Mean of the kernel over all pairs of a point of `first` [n, F] and one of `second` [m, F]."""
    parts = first.split(rows_per_pass(len(second)))
    return sum(float(kernel(part, second).sum()) for part in parts) / (len(first) * len(second))


def discrepancy(kernel: Kernel, first: Tensor, second: Tensor, within_first: float | None = None) -> float:
    """E k(x, x′) + E k(y, y′) − 2 E k(x, y), unbiased, so it may be negative.

    For a positive definite kernel the squared MMD; for minus the distance the energy distance
    2 E‖x − y‖ − E‖x − x′‖ − E‖y − y′‖.  `within_first` is `pair_mean` of the first, where it is known.
    Source: Gretton et al. 2012, eq. (3); Székely & Rizzo 2013, with n(n−1) for their n².
    """
    within = pair_mean(kernel, first) if within_first is None else within_first
    return within + pair_mean(kernel, second) - 2 * cross_mean(kernel, first, second)


def unit_discrepancy(first: Tensor, second: Tensor) -> float:
    """1,000 times the biased MMD² of the points' directions, with a Gaussian kernel of σ = 10: CMMD's.

    Of CLIP's embeddings it is CMMD.  Biased: a point's pair with itself counts.
    Source: Jayasumana et al. 2024 (arXiv 2401.09603), section 4, with the authors' code for the scale.
    """
    one, two = (normalize(points, dim=1) for points in (first, second))
    kernel = of_distance(gaussian(10.0))
    within = sum((len(p) - 1) / len(p) * pair_mean(kernel, p) + 1 / len(p) for p in (one, two))
    return 1000 * (within - 2 * cross_mean(kernel, one, two))


def relabellings(first: int, second: int, count: int, source: torch.Generator) -> Tensor:
    """`count` random ways to call `first` of all pooled points the first sample: 1 or 0, [count, N]."""
    labels = torch.zeros(first + second)
    labels[:first] = 1
    return torch.stack([labels[torch.randperm(len(labels), generator=source)] for _ in range(count)])


def permutation_p_values(
    radials: Sequence[Radial], first: Tensor, second: Tensor, relabelled: Tensor
) -> list[float]:
    """The share of labellings, the true one counted in, whose discrepancy is at least the true one's.

    One p-value for each kernel of the distance; samples [n, F] and [m, F], `relabelled` [P, n + m].  Under
    the null P(p ≤ α) is at most α, and just α for α = 1/(P+1), 2/(P+1), … but for ties: at any sample size
    and in any arithmetic, so float32 does.  The kernel's values are computed once, by rows; all labellings
    are one product with them.  Source: Gretton et al. 2012, section 4; Phipson & Smyth 2010 for the one.
    """
    n, m, pool = len(first), len(second), torch.cat([first, second])
    true = (torch.arange(n + m) < n).to(relabelled.dtype)
    labels = torch.cat([true.unsqueeze(0), relabelled]).to(pool.device, torch.float32).mT
    pool = (pool - pool[0]).clamp(-_FAR, _FAR).float()
    within, to_first = torch.zeros(2, len(radials), labels.shape[1], dtype=torch.float64, device=pool.device)
    total = torch.zeros(len(radials), 1, dtype=torch.float64, device=pool.device)
    for start in range(0, n + m, step := rows_per_pass(n + m)):
        part = slice(start, start + step)
        between = torch.cdist(pool[part], pool, compute_mode="use_mm_for_euclid_dist")
        for i, radial in enumerate(radials):
            origin = radial(between.new_zeros(()))  # a shift leaves discrepancies as they are
            values = radial(between) - origin
            values.diagonal(start).zero_()
            sums = values @ labels
            within[i] += (sums * labels[part]).sum(0)
            to_first[i] += sums.sum(0)
            total[i] += values.sum(dtype=torch.float64)
    across, within_second = to_first - within, total - 2 * to_first + within
    values = within / (n * (n - 1)) + within_second / (m * (m - 1)) - 2 * across / (n * m)
    return (values >= values[:, :1]).double().mean(1).tolist()


def rows_per_pass(columns: int) -> int:
    """How many rows of a matrix with so many columns are computed together."""
    return max(1, NUMBERS_PER_PASS // columns)


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


def neighbours_asked(count: int) -> int:
    """The odd number at or just below √(training points), so that no vote is even; `count` on each side."""
    root = math.isqrt(2 * (count // 2))
    return root - 1 + root % 2


def heldout_points(count: int) -> int:
    """How many points are held out of `count` on each side."""
    return 2 * (count - count // 2)


def heldout_accuracy(real: Tensor, fake: Tensor) -> float:
    """The share of the second halves of [n, F] and [n, F] that neighbours in the first halves tell right.

    The points are in random order.  Training points are laid in turns, so that among equally distant ones
    neither side comes first.  Source: Lopez-Paz & Oquab 2017, section 3: their nearest-neighbour C2ST.
    """
    assert len(real) == len(fake), "the null's one half needs samples of one size"
    half, asked = len(real) // 2, neighbours_asked(len(real))
    train = torch.stack([real[:half], fake[:half]], 1).flatten(0, 1)
    right = 0
    for label, points in enumerate((real[half:], fake[half:])):
        for part in points.split(rows_per_pass(len(train))):
            nearest = distances(part, train).topk(asked, dim=1, largest=False).indices
            right += int((((nearest % 2).sum(1) * 2 > asked) == label).sum())
    return right / heldout_points(len(real))


def accuracy_p_value(accuracy: float, tested: int) -> float:
    """P(B ≥ right answers) for B binomial (tested, 1/2), whose accuracy is nearly N(1/2, 1/(4·tested)).

    Exact under the null if the classifier calls one half of the space real, else a little conservative.
    """
    return float(binom.sf(round(accuracy * tested) - 1, tested, 0.5))
