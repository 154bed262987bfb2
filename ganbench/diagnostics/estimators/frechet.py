"""Fréchet distance and Inception-style score of features, in float64, many sets at once."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """Mean [..., F] and covariance [..., F, F] (divisor n − 1) of sets of features, float64."""

    mean: Tensor
    covariance: Tensor

    @property
    def trace(self) -> Tensor:
        """The covariance's, [...]."""
        return self.covariance.diagonal(dim1=-2, dim2=-1).sum(-1)

    @functools.cached_property
    def root(self) -> Tensor:
        """The covariance's symmetric square root, made once: half of the work of a distance."""
        return square_root(self.covariance)


@dataclass(frozen=True)
class Deviations:
    """The same of fewer points than features: `rows` [..., n, F] whose rowsᵀ·rows is the covariance."""

    mean: Tensor
    rows: Tensor

    @property
    def trace(self) -> Tensor:
        """The covariance's, [...]."""
        return self.rows.square().sum((-2, -1))


Fit = Moments | Deviations


def fit(features: Tensor) -> Fit:
    """Mean and covariance of feature sets [..., n, F], n ≥ 2, in the form that takes fewer numbers."""
    count, dim = features.shape[-2:]
    if count >= dim:
        return moments(features)
    features = features.to(torch.float64)
    mean = features.mean(-2)
    return Deviations(mean, (features - mean.unsqueeze(-2)) / math.sqrt(count - 1))


def moments(features: Tensor) -> Moments:
    """The moments of feature sets [..., n, F], n ≥ 2."""
    features = features.to(torch.float64)
    mean = features.mean(-2)
    centred = features - mean.unsqueeze(-2)
    return Moments(mean, centred.mT @ centred / (features.shape[-2] - 1))


def frechet_distance(first: Fit, second: Fit) -> Tensor:
    """‖Δμ‖² + Tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½) between broadcast sets, [...]; NaN where a moment is not finite.

    Source: Dowson & Landau 1982; Heusel et al. 2017, eq. (6).
    """
    one, two = _zero_where_unknown(first), _zero_where_unknown(second)
    shift = (first.mean - second.mean).square().sum(-1)
    distance = shift + one.trace + two.trace - 2 * overlap(one, two)
    return torch.where(_finite(first) & _finite(second), distance.clamp_min(0), torch.nan)  # < 0 is rounding


def overlap(first: Fit, second: Fit) -> Tensor:
    """Tr (Σ₁Σ₂)^½ of finite sets, [...].

    The sum of the square roots of the eigenvalues of Σ₂^½ Σ₁ Σ₂^½, which is symmetric and positive
    semi-definite, so nothing turns imaginary and rank-deficient covariances are as good as any.  Where
    Σ = XᵀX with fewer rows than columns, X Σ₂ Xᵀ has the same eigenvalues but for zeros, and with both of
    that kind the sum is that of the singular values of X₁X₂ᵀ.
    """
    if isinstance(first, Deviations) and isinstance(second, Deviations):
        return torch.linalg.svdvals(first.rows @ second.rows.mT).sum(-1)
    if isinstance(second, Deviations):
        first, second = second, first
    assert isinstance(second, Moments)
    if isinstance(first, Deviations):
        product = first.rows @ second.covariance @ first.rows.mT
    else:
        product = second.root @ first.covariance @ second.root
    eigenvalues = torch.linalg.eigvalsh((product + product.mT) / 2)  # symmetric but for rounding
    return eigenvalues.clamp_min(0).sqrt().sum(-1)


def square_root(matrix: Tensor) -> Tensor:
    """The symmetric square root of positive semi-definite matrices [..., F, F]."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0).sqrt().unsqueeze(-2)) @ vectors.mT


def bias_curve(features: Tensor, reference: Fit, counts: Sequence[int], source: torch.Generator) -> Tensor:
    """The distances of random subsets of sets [S, n, F], without replacement, of each of K sizes: [S, K].

    The subsets are the same in every set.
    """
    total = features.shape[-2]
    drawn = [torch.randperm(total, generator=source)[:count].to(features.device) for count in counts]
    return torch.stack([frechet_distance(fit(features[:, rows]), reference) for rows in drawn], 1)


def extrapolation(distances: Tensor, counts: Sequence[int]) -> Tensor:
    """What distances [..., K] of K sample sizes tend to: the intercept of a straight line in 1/n, [...].

    A distance is biased upwards by nearly c/n, with c another for every generator.
    Source: Chong & Forsyth 2020, section 3.
    """
    inverse = 1 / torch.tensor(counts, dtype=torch.float64, device=distances.device)
    centred = inverse - inverse.mean()
    slope = (distances @ centred) / (centred @ centred)
    return distances.mean(-1) - slope * inverse.mean()


def inception_score(logits: Tensor, splits: int = 1) -> Tensor:
    """exp of the mean KL(p(y|x) ‖ p(y)), mean over `splits` successive parts; logits [..., n, C] → [...].

    Source: Salimans et al. 2016, section 4, with ten splits; with one it is over all samples at once.
    """
    count = logits.shape[-2]
    ends = [place * count // splits for place in range(splits + 1)]
    return torch.stack([_score(logits[..., a:b, :]) for a, b in itertools.pairwise(ends)]).mean(0)


def _score(logits: Tensor) -> Tensor:
    log_p = logits.to(torch.float64).log_softmax(-1)
    p = log_p.exp()
    marginal = p.mean(-2)
    conditional = (p * log_p).sum(-1).mean(-1)
    return (conditional - torch.xlogy(marginal, marginal).sum(-1)).exp()


def _spread(fit: Fit) -> Tensor:
    return fit.covariance if isinstance(fit, Moments) else fit.rows


def _finite(fit: Fit) -> Tensor:
    return fit.mean.isfinite().all(-1) & _spread(fit).isfinite().all(-1).all(-1)


def _zero_where_unknown(fit: Fit) -> Fit:
    """The same with zeros in place of sets that are not finite, which the algebra would refuse."""
    known = _finite(fit)
    if known.all():
        return fit
    return type(fit)(fit.mean, torch.where(known[..., None, None], _spread(fit), 0.0))
