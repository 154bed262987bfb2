"""The generator's Jacobian at given inputs, and what its singular values say; in float64."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.func import jacfwd, jacrev, vmap

from ganbench.diagnostics.diagnostic import Snapshot
from ganbench.diagnostics.estimators.dimension_estimators import significant_variances
from ganbench.game import Batch, Networks
from ganbench.training.batches import draw_random_input, random_inputs
from ganbench.training.evaluation import evaluate
from ganbench.training.stacked import in_double

_NUMBERS_AT_ONCE = 8_000_000
"""Bounds the memory of the Jacobians held at once, of all seeds, at 64 MB."""


def singular_values(snapshot: Snapshot, points: int) -> Tensor:
    """Singular values of ∂G/∂z at `points` draws of z, descending, float64 [S, points, min(dim z, dim x)].

    On float64 copies of the parameters (their averages where kept), in evaluation mode; example and input
    flattened.  NaN where the Jacobian is not finite.
    """
    source, draw = snapshot.streams("jacobian"), random_inputs(snapshot.game)["noise"]
    noise = draw_random_input(source, draw, points, torch.float64)
    params, buffers = in_double(snapshot.parameters(averaged=True)), in_double(snapshot.buffers())
    inputs, outputs = math.prod(draw.shape), math.prod(snapshot.dataset.info.spec.shape)
    differentiate = jacfwd if inputs <= outputs else jacrev

    def spectra(networks: Networks, batch: Batch) -> Tensor:
        def generated(z: Tensor) -> Tensor:
            return networks.generator(z.unsqueeze(0)).flatten()

        jacobians: Tensor = vmap(differentiate(generated))(batch.noise)
        return jacobians.reshape(len(batch.noise), outputs, inputs)

    at_once = max(1, _NUMBERS_AT_ONCE // (len(snapshot.seeds) * inputs * outputs))
    with torch.no_grad():
        return torch.cat(
            [
                _spectrum(
                    evaluate(snapshot.game, params, buffers, spectra, {"noise": part}, looped=snapshot.looped)
                )
                for part in noise.split(at_once, 1)
            ],
            1,
        )


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
