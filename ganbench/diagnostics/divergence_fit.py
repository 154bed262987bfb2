"""A Gaussian fitted by a divergence's variational bound, beside the exact optimum."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from ganbench.datasets import KnownDensity
from ganbench.diagnostics.diagnostic import (
    Dataset,
    Diagnostic,
    NotApplicable,
    Quantity,
    Snapshot,
    arrays_of,
    register_diagnostic,
)
from ganbench.divergences import Divergence
from ganbench.networks.location_scale import LocationScale

FIT_VERSION = 1
NODES, FINE, REACH = 8001, 32001, 1000.0
"""Nodes of the quadrature, and of the exact optimum's, and the largest |x|: so far out that an infinite

divergence overflows.  The finer one is for total variation, whose integrand has kinks."""
_DRAWN = (-5.0, 8.0, 521)
_TITLES = {
    "mu": "Fitted μ",
    "sigma": "Fitted σ",
    "bound": "Variational bound at the trained discriminator",
    "divergence_at_fit": "Exact divergence at the fit",
    "exact_mu": "Exact μ",
    "exact_sigma": "Exact σ",
    "exact_divergence": "Exact least divergence",
}
_UNDEFINED = (math.nan, math.nan, math.nan)


@register_diagnostic("divergence_fit")
def divergence_fit(dataset: Dataset) -> Diagnostic:
    """μ and σ of a Gaussian generator, the trained bound, and the exact optimum of the same divergence.

    For `fgan` with the network `location_scale` on one-dimensional data of known density; NaN for other
    variants.  All integrals by quadrature: 8,001 nodes x = sinh τ (32,001 for the optimum), |x| ≤ 1,000,
    trapezoidal in τ, which converges faster than any power for smooth integrands.  Where the density
    jumps, as at the end of a bounded support, good to 1e-3 of the jump (2e-4 for the optimum).

    What good looks like
      mu, sigma           near exact_mu, exact_sigma: the optimum of D_f(P ‖ N(μ, σ²)), by Nelder and Mead's
                          method in (μ, log σ) from the generator's own start, since some have two optima.
      bound               E_P T − E_Q f*(T) at the trained T and the fitted Gaussian, exact given T: just
                          below divergence_at_fit; the gap is what the discriminator misses.
      divergence_at_fit   the exact D_f of the data from the fitted Gaussian; at best exact_divergence.
      fit_error           max(|μ − exact_mu|, |σ − exact_sigma|).

    Blind to: whether the optimum it is compared with is global; it is the one downhill from the start.
    With a moving average, μ and σ are the averages, and the bound is taken at them.
    """
    if dataset.info.spec.shape != (1,) or not isinstance(dataset, KnownDensity):
        raise NotApplicable(f"{dataset.info.name}: not on the line, or its density is not known")
    return DivergenceFit(dataset)


class DivergenceFit(Diagnostic):
    """The diagnostic of one data set on the line."""

    kept = ("_drawn",)

    def __init__(self, dataset: KnownDensity) -> None:
        self._dataset = dataset
        self._x, self._weights = line()
        self._log_p = dataset.log_density(self._x.unsqueeze(1))
        self._optima: dict[tuple[str, tuple[float, float]], tuple[float, float, float]] = {}
        self._drawn: dict[str, Tensor] = {}
        protocol = {"nodes": NODES, "nodes_of_optimum": FINE, "reach": REACH, "version": FIT_VERSION}
        described = (Quantity(name, title, protocol=protocol) for name, title in _TITLES.items())
        error = Quantity(
            "fit_error",
            "Larger distance of μ and σ from the exact optimum",
            direction="lower",
            smallest_difference=0.05,
            protocol={"version": FIT_VERSION},
            lowest=0,
        )
        self.quantities = (*described, error)

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """Every declared quantity, float64 [S]."""
        gaussian, divergence = _generator(snapshot), snapshot.variant.divergence
        if gaussian is None or divergence is None:
            undefined = torch.full((len(snapshot.seeds),), torch.nan, dtype=torch.float64)
            return {quantity.name: undefined for quantity in self.quantities}
        mu, sigma, start = gaussian
        exact_mu, exact_sigma, least = (mu.new_tensor(v) for v in self._optimum(divergence, start))
        log_q = gaussian_log_density(self._x, mu[:, None], sigma[:, None])
        values = {
            "mu": mu,
            "sigma": sigma,
            "bound": self._bound(snapshot, divergence, log_q),
            "divergence_at_fit": (self._weights * divergence.integrand(self._log_p, log_q)).sum(-1),
            "exact_mu": exact_mu.expand_as(mu),
            "exact_sigma": exact_sigma.expand_as(mu),
            "exact_divergence": least.expand_as(mu),
            "fit_error": torch.maximum((mu - exact_mu).abs(), (sigma - exact_sigma).abs()),
        }
        if snapshot.moment.final:
            self._draw(snapshot, divergence, mu, sigma)
        return values

    def arrays(self) -> dict[str, np.ndarray]:
        """At the end: x [n], the data's density [n], and T beside the best T for the fit, [S, n] each."""
        return arrays_of(self._drawn)

    def _optimum(self, divergence: Divergence, start: tuple[float, float]) -> tuple[float, float, float]:
        key = divergence.name, start
        if key not in self._optima:
            self._optima[key] = exact_optimum(divergence, self._dataset.log_density, start)
        return self._optima[key]

    def _bound(self, snapshot: Snapshot, divergence: Divergence, log_q: Tensor) -> Tensor:
        """E_P g_f(V) − E_Q f*(g_f(V)) of each seed, [S]; where there is no mass the values do not count."""
        logits = _logits(snapshot, self._x)
        of_data = weighted(self._log_p.exp(), divergence.output(logits))
        of_model = weighted(log_q.exp(), divergence.bounded(logits))
        return (self._weights * (of_data - of_model)).sum(-1)

    def _draw(self, snapshot: Snapshot, divergence: Divergence, mu: Tensor, sigma: Tensor) -> None:
        x = torch.linspace(*_DRAWN, dtype=torch.float64)
        log_p = self._dataset.log_density(x.unsqueeze(1))
        ratio = (log_p - gaussian_log_density(x, mu[:, None], sigma[:, None])).exp()
        arrays = {
            "x": x,
            "density": log_p.exp(),
            "discriminator": divergence.output(_logits(snapshot, x)),
            "best_discriminator": divergence.derivative(ratio),
        }
        self._drawn = {name: value.float() for name, value in arrays.items()}


def line(nodes: int = NODES) -> tuple[Tensor, Tensor]:
    """The quadrature's nodes and weights on the line, float64 [nodes] each."""
    tau = torch.linspace(-math.asinh(REACH), math.asinh(REACH), nodes, dtype=torch.float64)
    return tau.sinh(), tau.cosh() * (tau[1] - tau[0])


def gaussian_log_density(x: Tensor, mu: Tensor | float, sigma: Tensor | float) -> Tensor:
    """log N(x; μ, σ²), broadcast."""
    sigma = torch.as_tensor(sigma, dtype=x.dtype)
    return -0.5 * ((x - mu) / sigma).square() - sigma.log() - 0.5 * math.log(2 * math.pi)


def weighted(density: Tensor, values: Tensor) -> Tensor:
    """density · values, zero where the density is: there the values may overflow."""
    return torch.where(density > 0, density * values, 0.0)


def exact_optimum(
    divergence: Divergence, log_density: Callable[[Tensor], Tensor], start: tuple[float, float]
) -> tuple[float, float, float]:
    """(μ, σ, least D_f(P ‖ N(μ, σ²))) downhill from a start; NaN where D_f is infinite there."""
    x, weights = line(FINE)
    log_p = log_density(x.unsqueeze(1))

    def value(point: np.ndarray) -> float:
        log_q = gaussian_log_density(x, float(point[0]), math.exp(float(point[1])))
        return float((weights * divergence.integrand(log_p, log_q)).sum())

    first = np.array([start[0], math.log(start[1])])
    if not math.isfinite(value(first)):
        return _UNDEFINED
    simplex = first + 0.05 * np.array([[0, 0], [1, 0], [0, 1]])  # small: it must not leap into another valley
    options = {"xatol": 1e-8, "fatol": 1e-14, "maxiter": 2000, "initial_simplex": simplex}
    least = minimize(value, first, method="Nelder-Mead", options=options)
    return float(least.x[0]), math.exp(float(least.x[1])), float(least.fun)


def _generator(snapshot: Snapshot) -> tuple[Tensor, Tensor, tuple[float, float]] | None:
    """μ [S] and σ [S] of a Gaussian generator on the CPU, and its start; None for any other generator."""
    modules = snapshot.game.players["generator"].named_modules()
    name, module = next(((n, m) for n, m in modules if isinstance(m, LocationScale)), (None, None))
    if module is None:
        return None
    params = snapshot.parameters(averaged=True)["generator"]
    mu, scale = (params[f"{name}.{part}"].double().cpu().squeeze(1) for part in ("location", "scale"))
    return mu, scale.abs(), module.start


def _logits(snapshot: Snapshot, x: Tensor) -> Tensor:
    """V [S, n] at points [n], float64 on the CPU."""
    inputs = x.to(snapshot.device, snapshot.dtype).unsqueeze(1)
    return snapshot.discriminator(inputs).double().cpu()
