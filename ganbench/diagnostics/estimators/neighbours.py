"""Nearest-neighbour estimates of where two sets overlap, in bounded memory.

Everywhere `real` [n, F] comes before `fake` [m, F].  Distances are Euclidean, and every decision is that of
distances from differences.  Inner products, which are many times faster, lose the digits that tell a
duplicate or a tie from a near miss: what they leave open is decided by differences.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import betaln, gammaln
from torch import Tensor

NUMBERS_PER_PASS = 1_000_000
"""Distances held at a time: 8 MB in float64, a few times that with what is derived of them.

Results are written into tensors made beforehand: small ones kept between large ones that come and go
split the heap, and the process then grows by some megabytes a chunk.
"""


_OPEN_AT_MOST = 1 / 16
"""The share of pairs left open beyond which all of them are decided by differences."""
_DIRECT_UP_TO = 16
"""Coordinates up to which differences are as fast as products."""


def distances(first: Tensor, second: Tensor) -> Tensor:
    """Euclidean distances [..., n, m] of points [..., n, F] and [..., m, F], from differences."""
    return torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist")


class Pairs:
    """All pairs of points [n, F] and [m, F], float64: which are how near, as `distances` has it in every bit.

    Squared distances are ‖x‖² + ‖y‖² − 2x·y, of points less a common centre [F]; their error is below
    `_error`, [n, 1] for rows and [1, m] for columns.
    """

    def __init__(self, first: Tensor, second: Tensor, centre: Tensor) -> None:
        self._first, self._second = first, second
        self._direct = distances(first, second) if first.shape[1] <= _DIRECT_UP_TO else None
        if self._direct is not None:
            return
        x, y = first - centre, second - centre
        x_squares, y_squares = x.square().sum(1, keepdim=True), y.square().sum(1, keepdim=True)
        rows = torch.cat([x, x_squares, torch.ones_like(x_squares)], 1)
        columns = torch.cat([-2 * y, torch.ones_like(y_squares), y_squares], 1)
        self._squares = rows @ columns.mT
        self._rounding = 4 * (first.shape[1] + 8) * torch.finfo(first.dtype).eps
        self._error = (
            self._rounding * (x_squares + y_squares.max()),
            self._rounding * (x_squares.max() + y_squares.mT),
        )

    def within(self, radii: Tensor, closed: bool = True) -> Tensor:
        """Whether each pair is as near as the radius of its row [n, 1] or column [1, m]; bool [n, m]."""
        compare = torch.le if closed else torch.lt
        if self._direct is None:
            square = radii.square()
            error = self._error[int(radii.shape[0] == 1)] + self._rounding * square
            sure = self._squares < square - error
            places = self._places((self._squares > square + error).logical_or_(sure).logical_not_())
            if places is not None:
                sure[places] = compare(self._distances(*places), radii.expand_as(sure)[places])
                return sure
        return compare(self._all_direct(), radii)

    def nearest(self, count: int, start: int) -> Tensor:
        """Distances [n, count] of the nearest others, ascending; row i is the point of column start + i."""
        near = None
        if self._direct is None:
            self._squares.diagonal(start).fill_(torch.inf)
            kth = self._squares.topk(count, dim=1, largest=False).values[:, -1:]
            places = self._places((self._squares > kth + 2 * self._error[0]).logical_not_())
            if places is not None:
                near = torch.full_like(self._squares, torch.inf)
                near[places] = self._distances(*places)
        near = self._all_direct() if near is None else near
        near.diagonal(start).fill_(torch.inf)
        return near.topk(count, dim=1, largest=False).values

    def _places(self, undecided: Tensor) -> tuple[Tensor, Tensor] | None:
        """Rows and columns of the pairs [n, m] that are left open; None where these are too many."""
        rows, columns = undecided.nonzero(as_tuple=True)
        return None if len(rows) > _OPEN_AT_MOST * undecided.numel() else (rows, columns)

    def _distances(self, rows: Tensor, columns: Tensor) -> Tensor:
        """The distances of some pairs, [P]."""
        step = rows_per_pass(self._first.shape[1])
        parts = zip(rows.split(step), columns.split(step), strict=True)
        pairs = [distances(self._first[i].unsqueeze(1), self._second[j].unsqueeze(1)) for i, j in parts]
        return torch.cat(pairs).flatten()

    def _all_direct(self) -> Tensor:
        """The distances of all pairs, [n, m]; made once."""
        if self._direct is None:
            self._direct = distances(self._first, self._second)
        return self._direct


def rows_per_pass(columns: int) -> int:
    """How many rows of a distance matrix with so many columns are computed together."""
    return max(1, NUMBERS_PER_PASS // max(1, columns))


def neighbour_radii(points: Tensor, neighbours: tuple[int, ...]) -> Tensor:
    """Distance of each point [n, F] to its k-th nearest *other* point, for every k: [len(neighbours), n].

    A point itself is left out by its place, not by distance zero, so k duplicates of it give radius 0.
    """
    assert max(neighbours) < len(points), "more neighbours asked for than there are other points"
    radii, centre = points.new_empty(len(neighbours), len(points)), points.mean(0)
    for start in range(0, len(points), step := rows_per_pass(len(points))):
        nearest = Pairs(points[start : start + step], points, centre).nearest(max(neighbours), start)
        radii[:, start : start + step] = nearest[:, [k - 1 for k in neighbours]].T
    return radii


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
    fakes: Tensor
    """Fakes in a real point's open ball for density, [n]."""
    clipped_balls: Tensor
    """Real points' closed clipped balls that hold a fake, [m]."""


def neighbourhoods(points: Tensor, precision_k: int, density_k: int) -> Neighbourhoods:
    """The balls of real points [n, F], n > k."""
    precision, density = neighbour_radii(points, (precision_k, density_k))
    clipped = density.clamp_max(float(np.median(density.cpu())))
    holding = torch.zeros(len(points), dtype=torch.int64, device=points.device)
    centre = points.mean(0)
    for start in range(0, len(points), step := rows_per_pass(len(points))):
        part = slice(start, start + step)
        within = Pairs(points[part], points, centre).within(clipped[part, None])
        within.diagonal(start).fill_(False)
        holding += _count(within, 0)
    return Neighbourhoods(points, precision, density, clipped, density_k, _filled(holding, density_k))


def overlap(real: Neighbourhoods, fake: Tensor, fake_radii: Tensor) -> Overlap:
    """One pass over all pairs of real points and fakes [m, F] with their radii for precision [m]."""
    precise, balls, clipped_balls = torch.zeros(3, len(fake), dtype=torch.int64, device=fake.device)
    recalled, fakes = torch.zeros(2, len(real.points), dtype=torch.int64, device=fake.device)
    centre = real.points.mean(0)
    for start in range(0, len(real.points), step := rows_per_pass(len(fake))):
        part = slice(start, start + step)
        pairs = Pairs(real.points[part], fake, centre)
        precise += _count(pairs.within(real.precision[part, None]), 0)
        recalled[part] = _count(pairs.within(fake_radii[None]), 1)
        within = pairs.within(real.density[part, None], closed=False)
        balls += _count(within, 0)
        fakes[part] = _count(within, 1)
        clipped_balls += _count(pairs.within(real.clipped[part, None]), 0)
    return Overlap(precise > 0, recalled > 0, balls, fakes, clipped_balls)


def support_values(real: Neighbourhoods, fake: Tensor, precision_k: int) -> dict[str, float]:
    """Precision and recall, density and coverage, and both of these clipped, of fakes [m, F], m > k.

    Source: Kynkäänniemi et al. 2019, section 2; Naeem et al. 2020, section 3; Salvy, Talbot & Thirion 2025
    (arXiv 2507.01761) with their code for what is open and closed.  Deviations: they look the inverse of the
    expected coverage up in a table that starts at k fakes, here it is interpolated from 0; of a real point's
    fellows at just the radius they count k at most, here all.
    """
    (fake_radii,) = neighbour_radii(fake, (precision_k,))
    shared, k = overlap(real, fake, fake_radii), real.density_k
    expected = expected_clipped_coverage(k, len(real.points), len(fake))
    good = np.linspace(0, 1, len(expected))
    return {
        "precision": float(shared.precise.double().mean()),
        "recall": float(shared.recalled.double().mean()),
        "density": float(shared.balls.double().mean()) / k,
        "coverage": float((shared.fakes > 0).double().mean()),
        "clipped_density": min(1.0, _filled(shared.clipped_balls, k) / real.ideal),
        "clipped_coverage": float(np.interp(_filled(shared.fakes, k), expected, good)),
    }


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
