"""The density q of generated examples where it can be computed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from ganbench.diagnostics.diagnostic import Snapshot

_TRIED = 64
_ROUNDING = 100.0
"""How many units of rounding an affine map may be off."""
_SINGULAR = 1e-7
"""A Cholesky factor's smallest pivot below this share of the largest is one of rounding alone."""


@runtime_checkable
class KnownLogDensity(Protocol):
    """A generator's module (on the meta device) that knows the density of what it generates."""

    def log_density(self, params: Mapping[str, Tensor], examples: Tensor) -> Tensor:
        """log q [n] of examples [n, *shape] under one replica's parameters, written in torch."""
        ...


def generator_log_density(snapshot: Snapshot, points: Tensor, averaged: bool = False) -> Tensor | None:
    """log q at points [S, n, *shape], float64 [S, n]; None where it cannot be computed.

    It can where the generator's module has `log_density`, and where the generator turns out to be affine in
    normal noise: q is then the Gaussian N(b, AAᵀ), whatever the network is called.
    """
    module = snapshot.game.players.get("generator")
    if isinstance(module, KnownLogDensity):
        return snapshot.apply(
            lambda networks, x: module.log_density(networks.parameters("generator"), x), points, averaged
        ).double()
    affine = _affine(snapshot, averaged)
    return None if affine is None else gaussian_log_density(points.flatten(2).double(), *affine)


def gaussian_log_density(points: Tensor, mean: Tensor, factor: Tensor) -> Tensor | None:
    """log N(mean [S, d], A Aᵀ) at points [S, n, d] for A [S, d, l].

    NaN for seeds whose covariance is singular or not finite; None where those are all.
    """
    covariance = factor @ factor.mT
    root, failed = torch.linalg.cholesky_ex(covariance)
    pivots = root.diagonal(dim1=1, dim2=2)
    regular = covariance.isfinite().all((1, 2)) & ~failed.bool()
    regular &= pivots.amin(1) > _SINGULAR * pivots.amax(1)
    if not bool(regular.any()):
        return None
    root = torch.where(regular[:, None, None], root, torch.nan)
    standard = torch.linalg.solve_triangular(root, (points - mean.unsqueeze(1)).mT, upper=False)
    log_root = root.diagonal(dim1=1, dim2=2).log().sum(1)
    log_peak = log_root.unsqueeze(1) + points.shape[2] / 2 * math.log(2 * math.pi)
    return -standard.square().sum(1) / 2 - log_peak


def _affine(snapshot: Snapshot, averaged: bool) -> tuple[Tensor, Tensor] | None:
    """b [S, d] and A [S, d, l] with G(z) = Az + b on trial points, to rounding; None where G is not affine.

    A diverged seed has NaN in both: it proves nothing, so one seed at least must be finite.
    """
    latents = snapshot.latents
    name, draw = next(iter(latents.items()), ("", None))
    if draw is None or draw.kind != "normal" or len(draw.shape) != 1 or snapshot.sample_reads != (name,):
        return None
    dim, (latent,) = math.prod(snapshot.dataset.info.spec.shape), draw.shape
    if latent < dim:
        return None
    axes = torch.cat([torch.zeros(1, latent), torch.eye(latent)]).to(snapshot.device, snapshot.dtype)
    trial = snapshot.streams("affine").normal((_TRIED, latent), snapshot.dtype)
    inputs = torch.cat([axes.expand(len(trial), *axes.shape), trial], 1)
    outputs = snapshot.evaluate(snapshot.game.sample, {name: inputs}, averaged).flatten(2).double()
    base, columns = outputs[:, 0], outputs[:, 1 : latent + 1] - outputs[:, :1]
    expected = base.unsqueeze(1) + trial.double() @ columns
    allowed = _ROUNDING * torch.finfo(snapshot.dtype).eps * outputs.abs().amax((1, 2))
    off = (outputs[:, latent + 1 :] - expected).abs().amax((1, 2))
    finite = outputs.isfinite().all(2).all(1)
    if not bool(((off <= allowed) | ~finite).all() & finite.any()):
        return None
    return torch.where(finite[:, None], base, torch.nan), torch.where(
        finite[:, None, None], columns.mT, torch.nan
    )
