"""Residual networks for images, with options for normalization, modulation and attention."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, pairwise, repeat
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, relu

from ganbench.errors import GanbenchError
from ganbench.game import DataSpec
from ganbench.networks.attention import SelfAttention
from ganbench.networks.conditional import label_vectors
from ganbench.networks.image import halvings, image_shape
from ganbench.networks.layers import Conv2d, Linear
from ganbench.networks.network import Architecture, logits, output_activation, register_network
from ganbench.networks.normalization import (
    ConditionalNorm,
    Norm,
    cancels_bias,
    class_conditional,
    normalization,
    self_modulated,
    vector_conditional,
)

Modulation = Literal["none", "self", "skip_z"]
_RESIDUAL_GAIN = math.sqrt(2)
_EMBEDDING = 128
"""Numbers of an embedded class: Brock et al. 2019, section 3.1."""
_LARGEST_CONSTANT = 32
"""Up to this side all blocks have equally many channels; above it they double with every halving."""


def _glorot(layer: Conv2d | Linear, gain: float = 1.0) -> nn.Module:
    area = layer.weight[0, 0].numel()
    fans = area * (layer.weight.shape[0] + layer.weight.shape[1])
    layer.initial_std = gain * math.sqrt(2 / fans)
    return layer


def _convolution(inputs: int, outputs: int, bias: bool = True) -> nn.Module:
    return _glorot(Conv2d(inputs, outputs, 3, padding=1, bias=bias), _RESIDUAL_GAIN)


def _doubled(images: Tensor) -> Tensor:
    return interpolate(images, scale_factor=2, mode="nearest")


def _normalized(norm: nn.Module, images: Tensor, condition: Tensor | None) -> Tensor:
    normalized: Tensor = norm(images, condition) if isinstance(norm, ConditionalNorm) else norm(images)
    return normalized


class GeneratorBlock(nn.Module):
    """x ↦ two normalized, rectified convolutions of x at twice the size, plus a 1×1 convolution of x."""

    def __init__(self, inputs: int, outputs: int, norm: Callable[[int], nn.Module], bias: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = norm(inputs), norm(outputs)
        self.conv1 = _convolution(inputs, outputs, bias)
        self.conv2 = _convolution(outputs, outputs, bias)
        self.shortcut = _glorot(Conv2d(inputs, outputs, 1, bias=bias))

    def forward(self, inputs: Tensor, condition: Tensor | None) -> Tensor:
        """[n, inputs, h, w] → [n, outputs, 2h, 2w]; a condition is [n, size]."""
        residual = self.conv1(_doubled(relu(_normalized(self.norm1, inputs, condition))))
        residual = self.conv2(relu(_normalized(self.norm2, residual, condition)))
        return residual + _doubled(self.shortcut(inputs))


class DiscriminatorBlock(nn.Module):
    """x ↦ two convolutions of rectified numbers, plus x; halved where `down`.

    `first`: of the image itself, which is not rectified, and is halved before its 1×1 convolution.
    """

    def __init__(self, inputs: int, outputs: int, down: bool, first: bool = False) -> None:
        super().__init__()
        hidden = outputs if first else inputs
        self.down, self.first = down, first
        self.conv1, self.conv2 = _convolution(inputs, hidden), _convolution(hidden, outputs)
        learnt = down or inputs != outputs
        self.shortcut = _glorot(Conv2d(inputs, outputs, 1)) if learnt else nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        """[n, inputs, h, w] → [n, outputs, h, w], or of half the size."""
        residual = self.conv1(inputs if self.first else relu(inputs))
        residual = self.conv2(relu(residual))
        if not self.down:
            shortcut: Tensor = self.shortcut(inputs)
            return residual + shortcut
        # A 1×1 convolution and a mean over 2×2 commute: the mean comes first, which costs a quarter.
        return avg_pool2d(residual, 2) + self.shortcut(avg_pool2d(inputs, 2))


class ResnetGenerator(nn.Module):
    """A linear map of the latent to a small image, blocks that double it, and a convolution to colors."""

    def __init__(
        self, latent_dim: int, spec: DataSpec, channels: Sequence[int], design: _Design, classes: int | None
    ) -> None:
        super().__init__()
        colors, height, width = image_shape("resnet", spec)
        count = len(channels) - 1
        skip = design.modulation == "skip_z"
        self.modulation, self.classes = design.modulation, classes
        self.part = _part_of_latent(latent_dim, count) if skip else latent_dim
        self.embedding = _glorot(Linear(classes, _EMBEDDING, bias=False)) if skip and classes else None
        norm = design.norms(self.part, classes)
        small = (channels[0], height >> count, width >> count)
        self.start = nn.Sequential(_glorot(Linear(self.part, math.prod(small))), nn.Unflatten(1, small))
        self.blocks = nn.ModuleList()
        for number, (inputs, outputs) in enumerate(pairwise(channels), start=1):
            self.blocks.append(GeneratorBlock(inputs, outputs, norm, not cancels_bias(design.norm)))
            if height >> (count - number) == design.attention:
                self.blocks.append(SelfAttention(outputs))
        last = norm if design.modulation == "self" else partial(normalization, design.norm)
        self.norm = last(channels[-1])
        to_colors = _glorot(Conv2d(channels[-1], colors, 3, padding=1))
        self.colors = nn.Sequential(nn.ReLU(), to_colors, *output_activation(spec))

    def forward(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """Images [n, *shape] of latents [n, latent_dim] and, with classes, labels int64 [n]."""
        first, conditions = self._conditions(noise, labels)
        images: Tensor = self.start(first)
        for layer in self.blocks:
            attends = isinstance(layer, SelfAttention)
            images = layer(images) if attends else layer(images, next(conditions))
        colors: Tensor = self.colors(_normalized(self.norm, images, next(conditions)))
        return colors

    def _conditions(self, noise: Tensor, labels: Tensor | None) -> tuple[Tensor, Iterator[Tensor | None]]:
        """What the first layer is given, and what each block's norms and the last norm are."""
        vectors = (
            [] if labels is None or self.classes is None else [label_vectors(labels, self.classes, noise)]
        )
        if self.modulation == "self":
            return noise, repeat(torch.cat([noise, *vectors], 1))
        if self.modulation == "none":
            return noise, repeat(vectors[0] if vectors else None)
        embedded = vectors if self.embedding is None else [self.embedding(vectors[0])]
        first, *rest = noise.split(self.part, 1)
        return first, chain((torch.cat([part, *embedded], 1) for part in rest), repeat(None))


class _SumOfPositions(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return inputs.sum((2, 3))


@dataclass(frozen=True)
class _Design:
    norm: Norm
    modulation: Modulation
    attention: int | None

    def norms(self, latent_dim: int, classes: int | None) -> Callable[[int], nn.Module]:
        """A normalization for a number of channels."""
        if self.modulation == "self":
            return lambda channels: self_modulated(self.norm, channels, latent_dim + (classes or 0))
        if self.modulation == "skip_z":
            size = latent_dim + (_EMBEDDING if classes else 0)
            return lambda channels: vector_conditional(self.norm, channels, size)
        if classes is not None:
            return lambda channels: class_conditional(self.norm, channels, classes)
        return partial(normalization, self.norm)


@dataclass(frozen=True)
class _Resnets:
    width: int | None
    design: _Design

    def generator(self, latent_dim: int, spec: DataSpec, classes: int | None = None) -> nn.Module:
        channels, _ = self._channels(spec)
        return ResnetGenerator(latent_dim, spec, channels, self.design, classes)

    def discriminator(self, spec: DataSpec, outputs: int = 1) -> nn.Module:
        colors, side, _ = image_shape("resnet", spec)
        _, channels = self._channels(spec)
        constant = _is_constant(spec)
        layers: list[nn.Module] = []
        for number, (inputs, width) in enumerate(pairwise([colors, *channels])):
            down = not constant or number < 2
            layers.append(DiscriminatorBlock(inputs, width, down, first=number == 0))
            if down and (side := side // 2) == self.design.attention:
                layers.append(SelfAttention(width))
        last = _glorot(Linear(channels[-1], outputs))
        return nn.Sequential(*layers, nn.ReLU(), _SumOfPositions(), last, *logits(outputs))

    def _channels(self, spec: DataSpec) -> tuple[list[int], list[int]]:
        """The generator's, from its first image on, and those of the discriminator's blocks."""
        _, height, width = image_shape("resnet", spec)
        doublings = halvings(height, width)
        self._check_attention(height, doublings)
        if _is_constant(spec):
            base = self.width or 256
            return [base] * (doublings + 1), [max(1, base // 2)] * 4
        rising = [(self.width or 64) * min(2**k, 16) for k in range(doublings + 1)]
        return rising[::-1], rising

    def _check_attention(self, height: int, doublings: int) -> None:
        halved = doublings if height > _LARGEST_CONSTANT else min(3, doublings)
        common = [height >> k for k in range(1, halved)]
        if self.design.attention not in (None, *common):
            where = f"is at {' or '.join(map(str, common))}" if common else "has no place"
            raise GanbenchError(
                f"network resnet: attention = {self.design.attention}: attention {where} in networks of "
                f"images {height} high, where both players have a block's output of that height"
            )


def _is_constant(spec: DataSpec) -> bool:
    return min(spec.shape[1:]) <= _LARGEST_CONSTANT


def _part_of_latent(latent_dim: int, blocks: int) -> int:
    """The size of one of the equal parts of the latent: one for the first layer, one for each block."""
    parts = blocks + 1
    if latent_dim % parts:
        fitting = max(1, round(latent_dim / parts)) * parts
        raise GanbenchError(
            f"network resnet: skip_z divides the latent into {parts} equal parts here, but latent_dim is "
            f"{latent_dim}; {fitting} would do"
        )
    return latent_dim // parts


@register_network("resnet")
def resnet(
    width: Annotated[
        int | None,
        Ge(1),
        "channels of the generator's blocks, twice the discriminator's, or above 32×32 of the blocks nearest "
        "the image; null: 256, or 64 above 32×32",
    ] = None,
    generator_norm: Annotated[Norm, "normalization in the generator"] = "batch",
    modulation: Annotated[
        Modulation,
        "what gives the generator's norms their gains: nothing but the class, the whole latent, or for each "
        "block a part of the latent",
    ] = "none",
    attention: Annotated[
        int | None, Ge(1), "the height at which both have self-attention; null: none"
    ] = None,
) -> Architecture:
    """The residual networks of SNGAN for images, with self-attention and modulated norms as options.

    At 32×32 and 64×64 as published, other sides by the same rule: the generator starts at 4×4 (7×7 for
    28×28) and doubles it; given classes, its norms have a gain and a bias for each.  The discriminator has
    no normalization; variant sngan puts its own there.

    Source: Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks", tables 4 to 6;
    64×64: Miyato & Koyama 2018, the authors' code.  `modulation: self`: Chen et al. 2019; `skip_z`: Brock et
    al. 2019 (BigGAN), appendix B; `attention`: Zhang et al. 2019 (SAGAN).
    Deviations: initial weights are normal with Glorot's variance, not uniform; the generator's blocks have no
    biases where its last norm takes them away (batch, instance).
    """
    return _Resnets(width, _Design(generator_norm, modulation, attention))
