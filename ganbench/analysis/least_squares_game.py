"""The one-dimensional least-squares game in closed form, through Gauss's and Owen's functions; no quadrature.

With D(x) = (1 + erf(ax + b))/2 = Φ(√2(ax + b)), the game's loss and its gradient are made of expectations
E[D], E[D²] and their derivatives under a law of one number.  For an exponential law integration by parts
leaves a bivariate normal probability, for a Gaussian one they are Φ(k) and Φ(k) − 2T(k, q).
Source: Owen 1956, "Tables for computing bivariate normal probabilities", eq. (2.1), for T and the bivariate
probability; Owen 1980, "A table of normal integrals", 10,010.8 and 20,010.4, for the Gaussian's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from scipy.special import log_ndtr, ndtr, owens_t

ROOT2 = math.sqrt(2.0)
_MOST_LOST = 14.0
"""Gauss's and Owen's functions are exact to 1e-16 absolutely; times e^14 that is 1e-10."""
NAMES = ("a", "b", "g", "h")


@dataclass(frozen=True)
class Slopes:
    """E[D] and E[D²] for D = Φ(√2(αe + β)), and their derivatives by α and β."""

    mean: float
    square: float
    mean_by_alpha: float
    mean_by_beta: float
    square_by_alpha: float
    square_by_beta: float


class Law(Protocol):
    """A law of one number e."""

    def slopes(self, alpha: float, beta: float) -> Slopes:
        """The expectations of D = Φ(√2(αe + β)) and D²."""
        ...


@dataclass(frozen=True)
class ExponentialLaw:
    """The exponential law of a rate."""

    rate: float

    def slopes(self, alpha: float, beta: float) -> Slopes:
        """By integration by parts, E F(e) = F(0) + E F′(e)/rate, and the derivatives by tilting φ.

        Raises ArithmeticError for slopes so flat that the tilt eats the digits.
        """
        if alpha < 0:  # D turns into 1 − D
            turned = self.slopes(-alpha, -beta)
            return Slopes(
                mean=1 - turned.mean,
                square=1 - 2 * turned.mean + turned.square,
                mean_by_alpha=turned.mean_by_alpha,
                mean_by_beta=turned.mean_by_beta,
                square_by_alpha=2 * turned.mean_by_alpha - turned.square_by_alpha,
                square_by_beta=2 * turned.mean_by_beta - turned.square_by_beta,
            )
        at_zero, peak = float(ndtr(ROOT2 * beta)), math.exp(-(beta**2)) / math.sqrt(math.pi)
        if alpha == 0:
            by = (peak / self.rate, peak, 2 * at_zero * peak / self.rate, 2 * at_zero * peak)
            return Slopes(at_zero, at_zero**2, *by)
        shift = self.rate / (ROOT2 * alpha)
        from_ = ROOT2 * beta + shift
        log_factor = math.log(self.rate / alpha) + self.rate * beta / alpha + shift**2 / 2
        if log_factor > _MOST_LOST:
            raise ArithmeticError(f"the closed form loses its digits at slope {alpha:g}, intercept {beta:g}")
        factor = math.exp(log_factor)
        tail = math.exp(log_factor + float(log_ndtr(-from_)))  # factor · P(S > from_)
        both = factor * bivariate(-shift / ROOT2, -from_)  # factor · P(Z < S − shift, S > from_)
        density, below = _phi(from_), float(ndtr(from_ - shift))
        overlap = _phi(shift / ROOT2) / ROOT2 * float(ndtr(-ROOT2 * (from_ - shift / 2)))
        first = factor * density - shift * tail  # factor · E[(S − shift); S > from_]
        first_both = factor * (density * below + overlap) - shift * both
        return Slopes(
            mean=at_zero + alpha * tail / self.rate,
            square=at_zero**2 + 2 * alpha * both / self.rate,
            mean_by_alpha=(first / ROOT2 - beta * tail) / alpha,
            mean_by_beta=tail,
            square_by_alpha=2 * (first_both / ROOT2 - beta * both) / alpha,
            square_by_beta=2 * both,
        )


@dataclass(frozen=True)
class NormalLaw:
    """The Gaussian law of a mean and a standard deviation."""

    mean: float
    std: float

    def slopes(self, alpha: float, beta: float) -> Slopes:
        """E Φ(m + τn) = Φ(k) and E Φ² = Φ(k) − 2T(k, q), k = m/√(1 + τ²), q = 1/√(1 + 2τ²)."""
        m, tau = ROOT2 * (alpha * self.mean + beta), ROOT2 * alpha * self.std
        one, two = 1 + tau**2, 1 + 2 * tau**2
        k, q = m / math.sqrt(one), 1 / math.sqrt(two)
        by_k = _phi(k)
        square_by_k = by_k * 2 * float(ndtr(q * k))  # φ(k) + 2φ(k)(Φ(qk) − ½)
        square_by_q = -math.exp(-(k**2) * (1 + q**2) / 2) / (math.pi * (1 + q**2))
        k_by_alpha = ROOT2 * self.mean / math.sqrt(one) - m * tau * ROOT2 * self.std / one**1.5
        k_by_beta = ROOT2 / math.sqrt(one)
        q_by_alpha = -2 * tau * ROOT2 * self.std / two**1.5
        return Slopes(
            mean=float(ndtr(k)),
            square=float(ndtr(k) - 2 * owens_t(k, q)),
            mean_by_alpha=by_k * k_by_alpha,
            mean_by_beta=by_k * k_by_beta,
            square_by_alpha=square_by_k * k_by_alpha + square_by_q * q_by_alpha,
            square_by_beta=square_by_k * k_by_beta,
        )


def bivariate(h: float, k: float) -> float:
    """P(X < h, Y < k) of standard normal X and Y with correlation 1/√2, h < 0; Owen 1956, eq. (2.1)."""
    assert h < 0
    first = float(owens_t(h, ROOT2 * k / h - 1))
    # T(k, ·) times sign: at k = 0 the argument is infinite, T(0, ∞) = ¼
    second = float(owens_t(k, ROOT2 * h / k - 1)) if k != 0 else 0.25
    apart = 0.5 if k > 0 else 0.0
    return max((float(ndtr(h)) + float(ndtr(k))) / 2 - first - second - apart, 0.0)


def _phi(x: float) -> float:
    return math.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


@dataclass(frozen=True)
class ClosedGame:
    """The game: laws of the data and of the latent e in G = ge + h, and whose losses are played."""

    data: Law
    latent: Law
    objective: Literal["pulford", "mao"] = "pulford"

    def loss(self, at: Mapping[str, float]) -> float:
        """J = E D(x)² + E (1 − D(G))²; for Mao's, the discriminator's ½E(D(x) − 1)² + ½E D(G)²."""
        real, fake = self._slopes(at)
        if self.objective == "pulford":
            return real.square + 1 - 2 * fake.mean + fake.square
        return (real.square - 2 * real.mean + 1 + fake.square) / 2

    def moves(self, at: Mapping[str, float]) -> dict[str, float]:
        """The direction in which each parameter moves: minus the gradient of its own player's loss."""
        real, fake = self._slopes(at)
        a, g, h = at["a"], at["g"], at["h"]
        missed_alpha = fake.square_by_alpha - 2 * fake.mean_by_alpha  # of E (1 − D(G))², α = ag, β = ah + b
        missed_beta = fake.square_by_beta - 2 * fake.mean_by_beta
        if self.objective == "pulford":
            return {
                "a": real.square_by_alpha + g * missed_alpha + h * missed_beta,
                "b": real.square_by_beta + missed_beta,
                "g": -a * missed_alpha,
                "h": -a * missed_beta,
            }
        return {
            "a": real.mean_by_alpha
            - (real.square_by_alpha + g * fake.square_by_alpha + h * fake.square_by_beta) / 2,
            "b": real.mean_by_beta - (real.square_by_beta + fake.square_by_beta) / 2,
            "g": -a * missed_alpha / 2,
            "h": -a * missed_beta / 2,
        }

    def trajectory(
        self, start: Mapping[str, float], free: str | tuple[str, ...], step_size: float, updates: int
    ) -> np.ndarray:
        """All four parameters [updates + 1, 4] in the order a, b, g, h; both players move at once."""
        at = {name: float(start[name]) for name in NAMES}
        path = [[at[name] for name in NAMES]]
        for _ in range(updates):
            moves = self.moves(at)
            at = {name: at[name] + (step_size * moves[name] if name in free else 0.0) for name in NAMES}
            path.append([at[name] for name in NAMES])
        return np.array(path)

    def _slopes(self, at: Mapping[str, float]) -> tuple[Slopes, Slopes]:
        real = self.data.slopes(at["a"], at["b"])
        return real, self.latent.slopes(at["a"] * at["g"], at["a"] * at["h"] + at["b"])


def distance_to_exponential(g: float, h: float, rate: float) -> float:
    """Wasserstein-1 distance between ge + h, e standard exponential, g ≥ 0, and the exponential of a rate."""
    assert g >= 0
    start, slope = h, g - 1 / rate  # the quantiles differ by start + slope·e
    if slope == 0 or start / slope >= 0:
        return abs(start + slope)
    turn = -start / slope
    return abs(start + slope - 2 * slope * math.exp(-turn))
