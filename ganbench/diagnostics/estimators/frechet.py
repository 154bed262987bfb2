"""Fréchet distance and Inception-style score of features, in float64, many sets at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """Mean [..., F] and covariance [..., F, F] (divisor n − 1) of sets of features, float64."""

    mean: Tensor
    covariance: Tensor


def moments(features: Tensor) -> Moments:
    """The moments of feature sets [..., n, F], n ≥ 2."""
    features = features.to(torch.float64)
    mean = features.mean(-2)
    centred = features - mean.unsqueeze(-2)
    return Moments(mean, centred.mT @ centred / (features.shape[-2] - 1))


def frechet_distance(first: Moments, second: Moments) -> Tensor:
    """‖Δμ‖² + Tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½) between broadcast sets, [...]; NaN where a moment is not finite.

    Tr (Σ₁Σ₂)^½ is the sum of the square roots of the eigenvalues of Σ₂^½ Σ₁ Σ₂^½, which is symmetric and
    positive semi-definite, so nothing turns imaginary and rank-deficient covariances are as good as any.
    Source: Dowson & Landau 1982; Heusel et al. 2017, eq. (6).
    """
    known = _finite(first) & _finite(second)
    one, two = (torch.where(known[..., None, None], m.covariance, 0.0) for m in (first, second))
    root = square_root(two)
    product = root @ one @ root
    eigenvalues = torch.linalg.eigvalsh((product + product.mT) / 2)  # symmetric but for rounding
    overlap = eigenvalues.clamp_min(0).sqrt().sum(-1)
    distance = (first.mean - second.mean).square().sum(-1) + _trace(one) + _trace(two) - 2 * overlap
    return torch.where(known, distance.clamp_min(0), torch.nan)  # below zero is rounding


def square_root(matrix: Tensor) -> Tensor:
    """The symmetric square root of positive semi-definite matrices [..., F, F]."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0).sqrt().unsqueeze(-2)) @ vectors.mT


def inception_score(logits: Tensor) -> Tensor:
    """exp of the mean KL(p(y|x) ‖ p(y)) over all samples of a set at once; logits [..., n, C] → [...].

    Source: Salimans et al. 2016, section 4, without their ten splits.
    """
    log_p = logits.to(torch.float64).log_softmax(-1)
    p = log_p.exp()
    marginal = p.mean(-2)
    conditional = (p * log_p).sum(-1).mean(-1)
    return (conditional - torch.xlogy(marginal, marginal).sum(-1)).exp()


def _finite(moments: Moments) -> Tensor:
    return moments.mean.isfinite().all(-1) & moments.covariance.isfinite().all(-1).all(-1)


def _trace(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1).sum(-1)
