"""Layers whose state is threaded and whose random numbers come from the seed's own streams.

torch's own batch norm mutates buffers in place, its dropout draws from the global generator and
its spectral norm does not map over seeds; these do the same arithmetic and can be vectorized.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize
from torch.nn.utils import parametrize

from ganbench.game import RANDOM_KEY

_LOW_32 = 0xFFFFFFFF


class BatchNorm(nn.Module):
    """Batch normalization over all axes but the second, with torch.nn.BatchNorm's conventions.

    The running variance is the unbiased one; a pass replaces the buffers rather than mutating them.
    """

    def __init__(self, channels: int, epsilon: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.epsilon, self.momentum = epsilon, momentum
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def initialize(self, _generator: torch.Generator) -> None:
        """Ones and zeros; draws nothing."""
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            getattr(self, name).data.fill_(value)

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalized inputs, in the inputs' shape [n, channels, ...]."""
        axes = [axis for axis in range(inputs.ndim) if axis != 1]
        shape = [1, -1, *[1] * (inputs.ndim - 2)]
        if self.training:
            variance, mean = torch.var_mean(inputs, dim=axes, correction=0)
            self._track(mean.detach(), variance.detach(), inputs.numel() // inputs.shape[1])
        else:
            mean, variance = self.running_mean, self.running_var
        scale = self.weight * torch.rsqrt(variance + self.epsilon)
        return (inputs - mean.reshape(shape)) * scale.reshape(shape) + self.bias.reshape(shape)

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


def hash_uniform(key: Tensor, index: Tensor) -> Tensor:
    """Uniform numbers on [0, 1) from an int64 key [] and int64 indices, in the indices' shape.

    A 32-bit mixer (odd multipliers below 2³¹, so that int64 never overflows), entered with the key
    twice: with one entry, two keys would give permutations of the same numbers.
    """
    low, high = key & _LOW_32, (key >> 32) & _LOW_32
    first = _mix(low ^ _mix(high))
    second = _mix(high ^ first)
    bits = _mix((_mix((index & _LOW_32) ^ first) + second) & _LOW_32)
    return bits.to(torch.float64) / 2.0**32


def _mix(bits: Tensor) -> Tensor:
    for shift, multiplier in ((16, 0x21F0AAAD), (15, 0x735A2D97)):
        bits = ((bits ^ (bits >> shift)) * multiplier) & _LOW_32
    return bits ^ (bits >> 15)


class SpectralNorm(nn.Module):
    """Divides a weight by its largest singular value.  Miyato et al. 2018, algorithm 1.

    One power iteration in each training pass, as in torch's own; u and v are threaded buffers.
    """

    def __init__(self, weight: Tensor, dim: int = 0, epsilon: float = 1e-12) -> None:
        super().__init__()
        self.dim, self.epsilon = dim, epsilon
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
            u, v = self._iterate(matrix.detach(), self.u)
            self.u, self.v = u.to(self.u.dtype), v.to(self.v.dtype)  # autocast lowers the products
        sigma = self.u @ (matrix @ self.v)
        return weight / sigma

    def _matrix(self, weight: Tensor) -> Tensor:
        return weight.movedim(self.dim, 0).flatten(1)

    def _iterate(self, matrix: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        v = normalize(matrix.mT @ u, dim=0, eps=self.epsilon)
        return normalize(matrix @ v, dim=0, eps=self.epsilon), v


def spectrally_normalized(module: nn.Module) -> nn.Module:
    """Put spectral normalization on every linear and convolution weight, in place."""
    for layer in module.modules():
        if isinstance(layer, (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)):
            parametrize.register_parametrization(layer, "weight", SpectralNorm(layer.weight), unsafe=True)
    return module
