"""The f-divergences D_f(P ‖ Q) = E_Q f(p/q) that have a variational bound to train by.

For convex f with conjugate f*(t) = sup_u (u·t − f(u)), Fenchel's inequality f(u) + f*(t) ≥ u·t gives
D_f(P ‖ Q) ≥ E_P T(x) − E_Q f*(T(x)) for every T, with equality at T = f′(p/q).  T = g_f(V) maps a
network's output V into the domain of f*, increasingly.  Nowozin et al. 2016, eqs. (4) and (6), tables 1, 2
and 6.  Every activation increases, as the paper asks: −exp(−v), not −exp(v).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbench.errors import UnknownName

_LOG_2 = math.log(2)
_NEWTON_STEPS = 8
Elementwise = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Divergence:
    """One f with all that training by its bound needs; every function is elementwise.

    `bounded` is f*(g_f(v)) in a form that does not overflow before it must; `integrand` is q·f(p/q) from
    log p and log q, so that neither density need be representable; −∞ is one that is 0.
    """

    name: str
    title: str
    f: Elementwise
    """f(u) for u > 0."""
    derivative: Elementwise
    """f′(u): the best T as a function of u = p/q."""
    conjugate: Elementwise
    """f*(t) on `domain`."""
    domain: tuple[float, float]
    """The t at which f* is finite, as the activation reaches them."""
    output: Elementwise
    """The activation g_f(v)."""
    bounded: Elementwise
    """f*(g_f(v))."""
    integrand: Callable[[Tensor, Tensor], Tensor]
    """q·f(p/q) of (log p, log q)."""
    threshold: float = 0.0
    """The v at which g_f(v) = f′(1): above it the network means p > q."""


def f_divergence(name: str) -> Divergence:
    """The divergence of a name; raises UnknownName with the nearest known one."""
    if name not in DIVERGENCES:
        raise UnknownName("divergence", name, DIVERGENCES)
    return DIVERGENCES[name]


def jeffrey_log_ratio(t: Tensor) -> Tensor:
    """The ℓ = log u with f′(u) = 1 + ℓ − e^(−ℓ) = t for Jeffrey's f, any t; differentiable to any order.

    ℓ = −log W(e^(1−t)) with Lambert's W.  Newton's method on the increasing, convex s ↦ s + e^s − (1 − t),
    s = −ℓ, from a start to the right of the root: it falls monotonically, and e^(1−t) is never formed.
    Derivatives are those of the iteration, which converge with it, to dℓ/dt = u/(1 + u).
    """
    y = 1 - t
    s = torch.minimum(y, torch.log1p(y.clamp(min=0)))
    for _ in range(_NEWTON_STEPS):
        power = s.exp()
        s = s - (s + power - y) / (1 + power)
    return -s


def _jeffrey_conjugate(t: Tensor) -> Tensor:
    """f*(t) = u·t − f(u) at f′(u) = t, which is u − 1 + log u: the table's W + 1/W + t − 2, W = 1/u."""
    log_u = jeffrey_log_ratio(t)
    return torch.expm1(log_u) + log_u


def _where_positive(log_density: Tensor, values: Tensor) -> Tensor:
    """The values, 0 where the density is exactly 0 (its logarithm −∞): they would be ∞ − ∞ or 0·∞ there."""
    return torch.where(log_density == -math.inf, 0.0, values)


def _js_integrand(p: Tensor, q: Tensor) -> Tensor:
    middle = torch.logaddexp(p, q) - _LOG_2
    return _where_positive(p, p.exp() * (p - middle)) + _where_positive(q, q.exp() * (q - middle))


_ALL = (
    Divergence(
        "kl",
        "Kullback-Leibler",
        f=lambda u: u * u.log(),
        derivative=lambda u: 1 + u.log(),
        conjugate=lambda t: (t - 1).exp(),
        domain=(-math.inf, math.inf),
        output=lambda v: v,
        bounded=lambda v: (v - 1).exp(),
        integrand=lambda p, q: _where_positive(p, p.exp() * (p - q)),
        threshold=1.0,
    ),
    Divergence(
        "reverse_kl",
        "reverse KL",
        f=lambda u: -u.log(),
        derivative=lambda u: -1 / u,
        conjugate=lambda t: -1 - (-t).log(),
        domain=(-math.inf, 0.0),
        output=lambda v: -(-v).exp(),
        bounded=lambda v: v - 1,
        integrand=lambda p, q: _where_positive(q, q.exp() * (q - p)),
    ),
    Divergence(
        "pearson",
        "Pearson χ²",
        f=lambda u: (u - 1).square(),
        derivative=lambda u: 2 * (u - 1),
        conjugate=lambda t: t.square() / 4 + t,  # of f on all of ℝ: below t = −2 the bound is looser
        domain=(-math.inf, math.inf),
        output=lambda v: v,
        bounded=lambda v: v.square() / 4 + v,
        integrand=lambda p, q: _where_positive(p, (2 * p - q).exp()) - 2 * p.exp() + q.exp(),
    ),
    Divergence(
        "neyman",
        "Neyman χ²",
        f=lambda u: (1 - u).square() / u,
        derivative=lambda u: 1 - u**-2,
        conjugate=lambda t: 2 - 2 * (1 - t).sqrt(),
        domain=(-math.inf, 1.0),
        output=lambda v: 1 - (-v).exp(),
        bounded=lambda v: 2 - 2 * (-v / 2).exp(),
        integrand=lambda p, q: _where_positive(q, (2 * q - p).exp()) - 2 * q.exp() + p.exp(),
    ),
    Divergence(
        "hellinger",
        "squared Hellinger",
        f=lambda u: (u.sqrt() - 1).square(),
        derivative=lambda u: 1 - u**-0.5,
        conjugate=lambda t: t / (1 - t),
        domain=(-math.inf, 1.0),
        output=lambda v: 1 - (-v).exp(),
        bounded=torch.expm1,
        integrand=lambda p, q: p.exp() - 2 * ((p + q) / 2).exp() + q.exp(),
    ),
    Divergence(
        "js",
        "Jensen-Shannon",
        f=lambda u: u * u.log() - (u + 1) * ((1 + u) / 2).log(),
        derivative=lambda u: _LOG_2 + u.log() - (1 + u).log(),
        conjugate=lambda t: -(2 - t.exp()).log(),
        domain=(-math.inf, _LOG_2),
        output=lambda v: _LOG_2 - softplus(-v),
        bounded=lambda v: softplus(v) - _LOG_2,
        integrand=_js_integrand,
    ),
    Divergence(
        "jeffrey",
        "Jeffrey",
        f=lambda u: (u - 1) * u.log(),
        derivative=lambda u: 1 + u.log() - 1 / u,
        conjugate=_jeffrey_conjugate,
        domain=(-math.inf, math.inf),
        output=lambda v: v,
        bounded=_jeffrey_conjugate,
        integrand=lambda p, q: _where_positive(torch.maximum(p, q), (p.exp() - q.exp()) * (p - q)),
    ),
    Divergence(
        "gan",
        "GAN",
        f=lambda u: u * u.log() - (u + 1) * (u + 1).log(),
        derivative=lambda u: u.log() - (u + 1).log(),
        conjugate=lambda t: -torch.log(-torch.expm1(t)),
        domain=(-math.inf, 0.0),
        output=lambda v: -softplus(-v),
        bounded=softplus,
        integrand=lambda p, q: _js_integrand(p, q) - _LOG_2 * (p.exp() + q.exp()),
    ),
    Divergence(
        "total_variation",
        "total variation",
        f=lambda u: (u - 1).abs() / 2,
        derivative=lambda u: (u - 1).sign() / 2,
        conjugate=lambda t: t,
        domain=(-0.5, 0.5),
        output=lambda v: v.tanh() / 2,
        bounded=lambda v: v.tanh() / 2,
        integrand=lambda p, q: (p.exp() - q.exp()).abs() / 2,
    ),
)
DIVERGENCES = {each.name: each for each in _ALL}
"""Every divergence by name."""
