"""Divergences between a known density p and samples of an unknown q, from nearest-neighbour distances.

Everything is a function of one number a point: x = p·u, where u = e^ψ(N+1) · c_d · ρᵈ and ρ is the distance
to the k-th of N samples.  In words: how many data points are expected in the ball that holds k samples.
Where q is flat over it, q·u follows the Gamma(k) law, and a functional f(q/p) has an estimator without bias,
φ(x), found by inverting a Laplace transform (Ryu, Ganguly, Kim, Noh and Lee 2022, "Nearest neighbor density
functional estimation from inverse Laplace transform").  Derived here, with h and g below:
log p/q by log x − ψ(k) (Kozachenko and Leonenko 1987; Wang, Kulkarni and Verdú 2009), log(1 + q/p) by h(x),
log(1 + p/q) by g(x), p/(p+q) by x·I_k(x).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import digamma, exp1, gammaln

Values = NDArray[np.float64]
_FLAT = 1e-8
_TERMS = 100


@dataclass(frozen=True)
class Counts:
    """log x at real points [m] and, each sample's own point left out, at the samples [n]; and k."""

    at_real: Values
    at_samples: Values
    k: int


def expected_counts(
    real: Values, samples: Values, log_p_real: Values, log_p_samples: Values, k: int
) -> Counts:
    """`Counts` of real points [m, d] and samples [n, d], given log p at both; n > k."""
    tree = cKDTree(samples)
    to_real = np.atleast_2d(tree.query(real, k=[k])[0])[:, 0]
    among = np.atleast_2d(tree.query(samples, k=[k + 1])[0])[:, 0]  # the nearest is the sample itself
    size, dim = samples.shape
    return Counts(
        log_p_real + _log_inverse_density(to_real, size, dim),
        log_p_samples + _log_inverse_density(among, size - 1, dim),
        k,
    )


def kl(counts: Counts) -> float:
    """KL(p ‖ q), nats.  Low by far where real points lie outside the samples' reach: see `divergence`."""
    return float(np.mean(counts.at_real) - digamma(counts.k))


def reverse_kl(counts: Counts) -> float:
    """KL(q ‖ p), nats; infinite where more than k samples coincide, or where p is zero."""
    return float(digamma(counts.k) - np.mean(counts.at_samples))


def jensen_shannon(counts: Counts) -> float:
    """½KL(p ‖ m) + ½KL(q ‖ m) with m = (p + q)/2, nats, at most log 2 but for noise."""
    below = np.mean(log_one_plus_ratio(counts.at_real, counts.k))
    return float(np.log(2) - below / 2 - np.mean(log_one_plus_inverse(counts.at_samples, counts.k)) / 2)


def mean_optimal(counts: Counts) -> float:
    """E_p of the optimal discriminator D* = p/(p + q)."""
    return float(np.mean(optimal_share(counts.at_real, counts.k)))


def plug_in_accuracy(counts: Counts) -> float:
    """Balanced accuracy of the rule "real where p > q̂": in the mean a lower bound, as no rule beats the best.

    q̂ never saw the point that it judges, so the rule scores ½ in the mean where p = q.
    """
    level = digamma(counts.k)
    return float(np.mean(counts.at_real > level) + np.mean(counts.at_samples <= level)) / 2


def log_one_plus_ratio(log_x: Values, k: int) -> Values:
    """h(x) = ψ(k) − log x + g(x): its mean under x = (p/q)·Gamma(k) is log(1 + q/p)."""
    return np.maximum(digamma(k) - log_x + log_one_plus_inverse(log_x, k), 0.0)


def log_one_plus_inverse(log_x: Values, k: int) -> Values:
    """g(x) = ∫₀¹ (1−s)^(k−1) (1 − e^(−xs))/s ds: its mean under x = (p/q)·Gamma(k) is log(1 + p/q)."""
    x = np.exp(np.minimum(log_x, 700.0))
    with np.errstate(divide="ignore"):
        entire = exp1(np.maximum(x, _FLAT)) + np.euler_gamma + np.maximum(log_x, np.log(_FLAT))
    integral = np.where(x < _FLAT, x, entire)
    for j, moment in enumerate(_moments(x, k)[:-1], 1):
        integral = integral - (1 / j - moment)
    return integral


def optimal_share(log_x: Values, k: int) -> Values:
    """x · I_k(x): its mean under x = (p/q)·Gamma(k) is p/(p + q)."""
    x = np.exp(np.minimum(log_x, 700.0))
    return x * _moments(x, k)[-1]


def _moments(x: Values, k: int) -> list[Values]:
    """I_j(x) = ∫₀¹ (1−s)^(j−1) e^(−xs) ds for j = 1 … k; x·I_{j+1} = 1 − j·I_j as is stable."""
    small, large = np.minimum(x, k), np.maximum(x, k)
    upwards = [-np.expm1(-large) / large]
    downwards = [np.full_like(x, 1.0 / (k + _TERMS))]
    for j in range(1, k):
        upwards.append((1 - j * upwards[-1]) / large)
    for j in range(k + _TERMS - 1, 0, -1):
        downwards.append((1 - small * downwards[-1]) / j)
    return [np.where(x < k, down, up) for down, up in zip(downwards[: -k - 1 : -1], upwards, strict=True)]


def _log_inverse_density(distance: Values, size: int, dim: int) -> Values:
    """log u: ψ(N + 1) + log c_d + d log ρ."""
    log_ball = dim / 2 * np.log(np.pi) - gammaln(dim / 2 + 1)
    with np.errstate(divide="ignore"):
        return digamma(size + 1) + log_ball + dim * np.log(distance)
