"""R3GAN's residual networks without normalization."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, pad

from ganbench.game import DataSpec
from ganbench.networks.conditional import label_vectors
from ganbench.networks.image import halvings, image_shape
from ganbench.networks.layers import Conv2d, Linear
from ganbench.networks.network import Architecture, logits, output_activation, register_network

_SLOPE = 0.2
_EXPANSION = 2
_RECTIFIER_GAIN = math.sqrt(2 / (1 + _SLOPE**2))


def _scaled(layer: Conv2d | Linear, gain: float = 1.0) -> nn.Module:
    layer.initial_std = gain / math.sqrt(layer.weight[0].numel())
    return layer


def doubled(images: Tensor) -> Tensor:
    """[n, c, h, w] → [n, c, 2h, 2w] by bilinear interpolation; beyond the border is 0."""
    for axis in (2, 3):
        before, inner, after = _neighbours(images, axis)
        pairs = torch.stack([(before + 3 * inner) / 4, (3 * inner + after) / 4], axis + 1)
        images = pairs.flatten(axis, axis + 1)
    return images


def halved(images: Tensor) -> Tensor:
    """[n, c, h, w] → [n, c, h/2, w/2]: weights (1, 3, 3, 1)/8 along each axis; beyond the border is 0."""
    for axis in (2, 3):
        even, odd = images.unflatten(axis, (-1, 2)).unbind(axis + 1)
        before, _, _ = _neighbours(odd, axis)
        _, _, after = _neighbours(even, axis)
        images = (before + 3 * even + 3 * odd + after) / 8
    return images


def _neighbours(images: Tensor, axis: int) -> tuple[Tensor, Tensor, Tensor]:
    """What is one place before, at, and one place after each along an axis of four."""
    length = images.shape[axis]
    padded = pad(images, (0, 0, 1, 1) if axis == 2 else (1, 1))
    return padded.narrow(axis, 0, length), images, padded.narrow(axis, 2, length)


class ResidualBlock(nn.Module):
    """x plus three convolutions: 1×1 to twice the channels, 3×3 in groups, and 1×1, which starts at 0."""

    def __init__(self, channels: int, groups: int, blocks: int) -> None:
        super().__init__()
        inner = _EXPANSION * channels
        gain = _RECTIFIER_GAIN * blocks**-0.25
        self.conv1 = _scaled(Conv2d(channels, inner, 1, bias=False), gain)
        self.conv2 = _scaled(Conv2d(inner, inner, 3, padding=1, groups=groups, bias=False), gain)
        self.conv3 = _scaled(Conv2d(inner, channels, 1, bias=False), 0.0)
        self.bias1 = nn.Parameter(torch.zeros(inner, 1, 1))
        self.bias2 = nn.Parameter(torch.zeros(inner, 1, 1))

    def forward(self, inputs: Tensor) -> Tensor:
        """[n, channels, h, w], the same shape."""
        residual = self.conv2(leaky_relu(self.conv1(inputs) + self.bias1, _SLOPE))
        residual = self.conv3(leaky_relu(residual + self.bias2, _SLOPE))
        return inputs + residual


class GenerativeBasis(nn.Module):
    """A small image [n, *shape] for vectors [n, size]: learnt pictures, each weighted by a linear map."""

    def __init__(self, size: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.empty(shape))
        self.linear = _scaled(Linear(size, shape[0], bias=False))

    def initialize(self, generator: torch.Generator) -> None:
        """Standard normal pictures."""
        self.basis.data.normal_(generator=generator)

    def forward(self, vectors: Tensor) -> Tensor:
        weights: Tensor = self.linear(vectors)
        return self.basis * weights[:, :, None, None]


class Generator(nn.Module):
    """A small image from a learnt basis, then residual blocks with bilinear doubling between them."""

    def __init__(
        self, latent_dim: int, spec: DataSpec, width: int, groups: int, blocks: int, classes: int | None
    ) -> None:
        super().__init__()
        colors, height, rows = image_shape("r3gan", spec)
        doublings = halvings(height, rows)
        total = blocks * (doublings + 1)
        self.classes = classes
        self.embedding = _scaled(Linear(classes, latent_dim, bias=False)) if classes else None
        size = latent_dim * (1 if classes is None else 2)
        self.basis = GenerativeBasis(size, (width, height >> doublings, rows >> doublings))
        self.stages = nn.ModuleList(_blocks(width, groups, blocks, total) for _ in range(doublings + 1))
        self.colors = nn.Sequential(_scaled(Conv2d(width, colors, 1, bias=False)), *output_activation(spec))

    def forward(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [n, *shape] of latents [n, latent_dim] and, with classes, labels int64 [n]."""
        if self.embedding is not None and self.classes is not None and labels is not None:
            noise = torch.cat([noise, self.embedding(label_vectors(labels, self.classes, noise))], 1)
        images: Tensor = self.basis(noise)
        for number, stage in enumerate(self.stages):
            images = stage(doubled(images) if number else images)
        colors: Tensor = self.colors(images)
        return colors


class _Halving(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return halved(inputs)


def _blocks(width: int, groups: int, count: int, total: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width, groups, total) for _ in range(count)))


@dataclass(frozen=True)
class _R3gan:
    width: int
    blocks: int

    @property
    def groups(self) -> int:
        """Groups of 16 channels where that divides the 3×3 convolutions' channels, as published."""
        inner = _EXPANSION * self.width
        return inner // math.gcd(16, inner)

    def generator(self, latent_dim: int, spec: DataSpec, classes: int | None = None) -> nn.Module:
        return Generator(latent_dim, spec, self.width, self.groups, self.blocks, classes)

    def discriminator(self, spec: DataSpec, outputs: int = 1) -> nn.Module:
        colors, height, rows = image_shape("r3gan", spec)
        count = halvings(height, rows)
        stages = [
            _blocks(self.width, self.groups, self.blocks, self.blocks * (count + 1)) for _ in range(count + 1)
        ]
        between = [part for stage in stages[:-1] for part in (stage, _Halving())]
        basis = Conv2d(
            self.width, self.width, (height >> count, rows >> count), groups=self.width, bias=False
        )
        return nn.Sequential(
            _scaled(Conv2d(colors, self.width, 1, bias=False)),
            *between,
            stages[-1],
            _scaled(basis),
            nn.Flatten(1),
            _scaled(Linear(self.width, outputs, bias=False)),
            *logits(outputs),
        )


@register_network("r3gan")
def r3gan(
    width: Annotated[int, Ge(1), "channels between blocks, at every size; published: 768"] = 64,
    blocks: Annotated[int, Ge(1), "residual blocks at every size; published: 2"] = 1,
) -> Architecture:
    """The networks of R3GAN, small: residual blocks of grouped convolutions without normalization.

    For images: bilinear resampling, weights scaled so that blocks start as the identity.  Made for variant
    rpgan-r1r2.

    Source: Huang et al. 2024, "The GAN is dead; long live the GAN! A Modern GAN Baseline", section 3, and
    the authors' code; theirs for 32×32 is `width: 768, blocks: 2`.
    Deviation: images end in tanh, as in ganbench's other generators.
    """
    return _R3gan(width, blocks)
