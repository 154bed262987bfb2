"""The generator's Jacobian at given inputs, and what its singular values say; in float64."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.func import jacfwd, jacrev, vmap

from ganbench.diagnostics.diagnostic import Snapshot
from ganbench.diagnostics.estimators.dimension_estimators import significant_variances
from ganbench.game import Batch, Networks, Tree

_NUMBERS_PER_PASS = 8_000_000
"""Bounds the memory of the Jacobians held at once, of all seeds, at 64 MB."""


def singular_values(snapshot: Snapshot, points: int) -> Tensor:
    """Singular values of ∂G/∂z at `points` draws of z, descending, float64 [S, points, min(dim z, dim x)].

    On float64 copies of the parameters (their averages where kept), in evaluation mode; example and input
    flattened.  NaN where the Jacobian is not finite.
    """
    latents = snapshot.latents
    inputs, outputs = dimension_of_input(snapshot), math.prod(snapshot.dataset.info.spec.shape)
    sizes, sample = [math.prod(item.shape) for item in latents.values()], snapshot.game.sample
    differentiate = jacfwd if inputs <= outputs else jacrev
    draws = snapshot.sampling_inputs("jacobian").draw(points, torch.float64)

    def jacobians(networks: Networks, batch: Batch) -> Tensor:
        fixed = {name: value for name, value in batch.tensors.items() if name not in draws}

        def generated(vector: Tensor, others: Tree) -> Tensor:
            parts = zip(latents.items(), vector.split(sizes), strict=True)
            one = {name: part.view(1, *item.shape) for (name, item), part in parts}
            one |= {name: value.unsqueeze(0) for name, value in others.items()}
            return sample(networks, Batch({**fixed, **one})).flatten()

        vectors = torch.cat([batch[name].flatten(1) for name in latents], 1)
        others = {name: batch[name] for name in draws if name not in latents}
        return vmap(differentiate(generated))(vectors, others).reshape(len(vectors), outputs, inputs)

    rows = max(1, _NUMBERS_PER_PASS // (len(snapshot.seeds) * inputs * outputs))
    parts = (
        {name: value[:, start : start + rows] for name, value in draws.items()}
        for start in range(0, points, rows)
    )
    return torch.cat(
        [_spectrum(snapshot.evaluate(jacobians, part, averaged=True, double=True)) for part in parts], 1
    )


def dimension_of_input(snapshot: Snapshot) -> int:
    """How many numbers a sample is made from: all its real-valued random inputs."""
    return sum(math.prod(item.shape) for item in snapshot.latents.values())


def _spectrum(jacobian: Tensor) -> Tensor:
    finite = jacobian.isfinite().all(-1).all(-1)
    values = torch.linalg.svdvals(torch.where(finite[..., None, None], jacobian, 0.0))
    return torch.where(finite.unsqueeze(-1), values, torch.nan)


def numeric_rank(values: Tensor, tolerance: float) -> Tensor:
    """How many singular values [..., r] exceed `tolerance` times the largest, float64 [...]; NaN stays."""
    count = (values > tolerance * values[..., :1]).sum(-1).double()
    return torch.where(values.isnan().any(-1), torch.nan, count)


def significant_rank(values: Tensor, threshold: float) -> Tensor:
    """How many eigenvalues of JᵀJ reach `threshold` times the largest, float64 [...]; NaN stays."""
    count = significant_variances(values.square(), threshold).double()
    return torch.where(values.isnan().any(-1), torch.nan, count)


def log_condition(values: Tensor, rounding: float) -> Tensor:
    """Natural logarithm of JᵀJ's largest over smallest eigenvalue [...], from singular values of J [..., r].

    The dim z − dim x eigenvalues that must vanish where dim z > dim x are left out.  A singular value below
    `rounding` times the largest counts as just that: the logarithm is then a lower bound.  NaN for a
    Jacobian of zeros.
    Source: Odena et al. 2018, "Is Generator Conditioning Causally Related to GAN Performance?".
    """
    largest, smallest = values[..., 0], values[..., -1]
    ratio = largest / torch.maximum(smallest, rounding * largest)
    return 2 * ratio.log()
