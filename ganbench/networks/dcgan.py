"""Deep convolutional networks of strided convolutions."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

from annotated_types import Ge
from torch import nn

from ganbench.game import DataSpec
from ganbench.networks.conditional import with_label_input
from ganbench.networks.image import halvings, image_shape
from ganbench.networks.layers import BatchNorm, Conv2d, ConvTranspose2d, Linear
from ganbench.networks.network import Architecture, logits, output_activation, register_network

_INITIAL_STD = 0.02
_PUBLISHED_FROM = 32
"""The smallest side from which on the networks are as deep and as wide as published."""


@dataclass(frozen=True)
class _Convolutions:
    width: int | None
    generator_norm: bool
    discriminator_norm: bool

    def generator(self, latent_dim: int, spec: DataSpec, classes: int | None = None) -> nn.Module:
        return with_label_input(lambda size: self._generator(size, spec), latent_dim, classes)

    def _generator(self, latent_dim: int, spec: DataSpec) -> nn.Module:
        colors, channels, (rows, columns) = self._sizes(spec)
        bias = not self.generator_norm
        layers: list[nn.Module] = [
            Linear(latent_dim, channels[-1] * rows * columns, bias=bias),
            nn.Unflatten(1, (channels[-1], rows, columns)),
        ]
        for inputs, outputs in pairwise(channels[::-1]):
            layers += [*self._norm(self.generator_norm, inputs), nn.ReLU()]
            layers += [ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)]
        layers += [*self._norm(self.generator_norm, channels[0]), nn.ReLU()]
        layers += [ConvTranspose2d(channels[0], colors, 4, 2, 1), *output_activation(spec)]
        return _with_initial_std(nn.Sequential(*layers))

    def discriminator(self, spec: DataSpec, outputs: int = 1) -> nn.Module:
        colors, channels, (rows, columns) = self._sizes(spec)
        layers: list[nn.Module] = [Conv2d(colors, channels[0], 4, 2, 1), nn.LeakyReLU(0.2)]
        for inputs, wider in pairwise(channels):
            layers += [Conv2d(inputs, wider, 4, 2, 1, bias=not self.discriminator_norm)]
            layers += [*self._norm(self.discriminator_norm, wider), nn.LeakyReLU(0.2)]
        layers += [nn.Flatten(1), Linear(channels[-1] * rows * columns, outputs), *logits(outputs)]
        return _with_initial_std(nn.Sequential(*layers))

    def _sizes(self, spec: DataSpec) -> tuple[int, list[int], tuple[int, int]]:
        """Colors, the hidden layers' channels from the image inwards, and the sides of the smallest layer."""
        colors, height, width = image_shape("dcgan", spec)
        published = min(height, width) >= _PUBLISHED_FROM
        stages = halvings(height, width) if published else 2
        base = self.width or (64 if published else 32)
        return colors, [base * 2**k for k in range(stages)], (height >> stages, width >> stages)

    def _norm(self, wanted: bool, channels: int) -> list[nn.Module]:
        return [BatchNorm(channels)] if wanted else []


def _with_initial_std(module: nn.Sequential) -> nn.Module:
    for layer in module:
        if isinstance(layer, (Linear, Conv2d, ConvTranspose2d)):
            layer.initial_std = _INITIAL_STD
    return module


@register_network("dcgan")
def dcgan(
    width: Annotated[
        int | None, Ge(1), "channels of the layers nearest the image; null: 64, or 32 below 32×32"
    ] = None,
    generator_norm: Annotated[Literal["batch", "none"], "normalization in the generator"] = "batch",
    discriminator_norm: Annotated[Literal["batch", "none"], "normalization in the discriminator"] = "none",
) -> Architecture:
    """Strided convolutions each way, weights from N(0, 0.02²); for images.

    From 32×32 on as many as lead to 4×4, with 64 to 512 channels at 64×64 as published; below that two, and
    half as wide.  The discriminator is not normalized unless asked, which is published: batch statistics make
    the gradient penalties of several variants ill-defined.

    Source: Radford et al. 2016, "Unsupervised Representation Learning with Deep Convolutional Generative
    Adversarial Networks", section 3; the generator's widths as in PyTorch's example (the paper's are double).
    """
    return _Convolutions(width, generator_norm == "batch", discriminator_norm == "batch")
