"""Layers whose state is threaded and whose random numbers come from the seed's own streams.

torch's own batch norm mutates buffers in place, its dropout draws from the global generator and
its spectral norm does not map over seeds; these do the same arithmetic and can be vectorized.
A layer with a method `initialize(generator)` draws its numbers there, from the seed's stream for its player.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrize

from ganbench.counter_random import hash_uniform
from ganbench.game import RANDOM_KEY


class _Weighted(nn.Module):
    """A layer of one weight and perhaps a bias: uniform on ±1/√fan_in, torch's default distribution.

    Where `initial_std` is set, N(0, `initial_std`²) with zero bias.
    """

    initial_std: float | None = None

    def initialize(self, generator: torch.Generator) -> None:
        """Draw the weight, then the bias, from the given stream."""
        layer: Any = self
        weight = _written(layer)
        bound = 0.0 if self.initial_std is not None else 1 / math.sqrt(weight[0].numel())
        if self.initial_std is not None:
            weight.normal_(0.0, self.initial_std, generator=generator)
        else:
            weight.uniform_(-bound, bound, generator=generator)
        if weight is not _written(layer):
            layer.weight = weight
        if layer.bias is not None:
            layer.bias.uniform_(-bound, bound, generator=generator) if bound else layer.bias.zero_()


def _written(layer: Any) -> Tensor:
    """A layer's weight, or the one tensor that it is computed from; a copy where it comes from several."""
    weights = layer.parametrizations.weight if parametrize.is_parametrized(layer, "weight") else None
    if weights is None:
        weight: Tensor = layer.weight
    else:
        weight = weights.original if hasattr(weights, "original") else layer.weight.clone()
    return weight


class Linear(_Weighted, nn.Linear):
    """A linear map; see `torch.nn.Linear`."""


class Conv2d(_Weighted, nn.Conv2d):
    """A convolution; see `torch.nn.Conv2d`."""


class ConvTranspose2d(_Weighted, nn.ConvTranspose2d):
    """A transposed convolution; see `torch.nn.ConvTranspose2d`."""


class BatchNorm(nn.Module):
    """Batch normalization over all axes but the second, with torch.nn.BatchNorm's conventions.

    The running variance is the unbiased one; a pass replaces the buffers rather than mutating them.
    Without `affine` there is neither gain nor bias.
    """

    def __init__(
        self, channels: int, epsilon: float = 1e-5, momentum: float = 0.1, affine: bool = True
    ) -> None:
        super().__init__()
        self.epsilon, self.momentum = epsilon, momentum
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def initialize(self, _generator: torch.Generator) -> None:
        """Ones and zeros; draws nothing."""
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            if (tensor := getattr(self, name)) is not None:
                tensor.data.fill_(value)

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalized inputs, in the inputs' shape [n, channels, ...]."""
        axes = [axis for axis in range(inputs.ndim) if axis != 1]
        shape = [1, -1, *[1] * (inputs.ndim - 2)]
        if self.training:
            mean = inputs.mean(axes)
            centered = inputs - mean.reshape(shape)
            variance = centered.square().mean(axes)  # twice as fast on a CPU as torch.var_mean
            self._track(mean.detach(), variance.detach(), inputs.numel() // inputs.shape[1])
        else:
            centered, variance = inputs - self.running_mean.reshape(shape), self.running_var
        scale = torch.rsqrt(variance + self.epsilon)
        if self.weight is None or self.bias is None:
            return centered * scale.reshape(shape)
        return centered * (self.weight * scale).reshape(shape) + self.bias.reshape(shape)

    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        unbiased = variance * (count / max(count - 1, 1))
        self.running_mean = torch.lerp(self.running_mean, mean.to(self.running_mean.dtype), self.momentum)
        self.running_var = torch.lerp(self.running_var, unbiased.to(self.running_var.dtype), self.momentum)


class Dropout(nn.Module):
    """Dropout whose mask is a hash of a per-seed key, the pass and the element's index."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability
        self.register_buffer(RANDOM_KEY, torch.zeros((), dtype=torch.int64))

    def initialize(self, generator: torch.Generator) -> None:
        """Draw the key at which this layer's masks begin."""
        getattr(self, RANDOM_KEY).random_(0, 2**62, generator=generator)

    def forward(self, inputs: Tensor) -> Tensor:
        """Inputs with a share of them zeroed and the rest scaled up (training only)."""
        if not self.training or self.probability == 0:
            return inputs
        index = torch.arange(inputs.numel(), device=inputs.device).reshape(inputs.shape)
        keep = hash_uniform(getattr(self, RANDOM_KEY), index) >= self.probability
        return torch.where(keep, inputs / (1 - self.probability), 0.0)


class SpectralNorm(nn.Module):
    """Divides a weight by its largest singular value.  Miyato et al. 2018, algorithm 1.

    Power iterations (published: one) in each training pass, first v then u; u and v are threaded buffers.
    `transposed`: u first, as torch's parametrization has it.
    """

    def __init__(
        self,
        weight: Tensor,
        dim: int = 0,
        epsilon: float = 1e-12,
        iterations: int = 1,
        transposed: bool = False,
    ) -> None:
        super().__init__()
        self.dim, self.epsilon = dim, epsilon
        self.iterations, self.transposed = iterations, transposed
        rows, columns = self._matrix(weight).shape
        self.u: Tensor
        self.v: Tensor
        self.register_buffer("u", torch.zeros(rows, device=weight.device))
        self.register_buffer("v", torch.zeros(columns, device=weight.device))

    def initialize_for(self, weight: Tensor, generator: torch.Generator, iterations: int = 15) -> None:
        """Random u and v, brought near the leading singular vectors of the initial weight."""
        matrix = self._matrix(weight.detach())
        self.u.normal_(generator=generator)
        self.v.normal_(generator=generator)
        for _ in range(iterations):
            u, v = self._iterate(matrix, self.u)
            self.u.copy_(u)
            self.v.copy_(v)

    def forward(self, weight: Tensor) -> Tensor:
        """weight / σ, in the weight's shape."""
        matrix = self._matrix(weight)
        if self.training:
            u, v = self.u, self.v
            for _ in range(self.iterations):
                u, v = self._iterate(matrix.detach(), u)
            self.u, self.v = u.to(self.u.dtype), v.to(self.v.dtype)  # autocast lowers the products
        sigma = self.u @ (matrix @ self.v)
        return weight / sigma

    def _matrix(self, weight: Tensor) -> Tensor:
        matrix = weight.movedim(self.dim, 0).flatten(1)
        return matrix.mT if self.transposed else matrix

    def _iterate(self, matrix: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        v = normalize(matrix.mT @ u, dim=0, eps=self.epsilon)
        return normalize(matrix @ v, dim=0, eps=self.epsilon), v


def spectrally_normalized(module: nn.Module) -> nn.Module:
    """Put spectral normalization on every linear and convolution weight, in place."""
    for layer in module.modules():
        if isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            parametrize.register_parametrization(layer, "weight", SpectralNorm(layer.weight), unsafe=True)
    return module
