"""A small deep convolutional pair.  After Radford et al. 2016, figure 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge
from torch import nn

from ganbench.errors import GanbenchError
from ganbench.game import DataSpec
from ganbench.networks.layers import BatchNorm, Conv2d, ConvTranspose2d, Linear
from ganbench.networks.network import Architecture, output_activation, register_network

_INITIAL_STD = 0.02


@dataclass(frozen=True)
class _Convolutions:
    width: int
    generator_norm: bool
    discriminator_norm: bool

    def generator(self, latent_dim: int, spec: DataSpec) -> nn.Module:
        channels, height, width = _image(spec)
        w, rows, columns = self.width, height // 4, width // 4
        return _with_initial_std(
            nn.Sequential(
                Linear(latent_dim, 2 * w * rows * columns, bias=not self.generator_norm),
                nn.Unflatten(1, (2 * w, rows, columns)),
                *self._norm(self.generator_norm, 2 * w),
                nn.ReLU(),
                ConvTranspose2d(2 * w, w, 4, 2, 1, bias=not self.generator_norm),
                *self._norm(self.generator_norm, w),
                nn.ReLU(),
                ConvTranspose2d(w, channels, 4, 2, 1),
                *output_activation(spec),
            )
        )

    def discriminator(self, spec: DataSpec) -> nn.Module:
        channels, height, width = _image(spec)
        w = self.width
        return _with_initial_std(
            nn.Sequential(
                Conv2d(channels, w, 4, 2, 1),
                nn.LeakyReLU(0.2),
                Conv2d(w, 2 * w, 4, 2, 1, bias=not self.discriminator_norm),
                *self._norm(self.discriminator_norm, 2 * w),
                nn.LeakyReLU(0.2),
                nn.Flatten(1),
                Linear(2 * w * (height // 4) * (width // 4), 1),
                nn.Flatten(0),
            )
        )

    def _norm(self, wanted: bool, channels: int) -> list[nn.Module]:
        return [BatchNorm(channels)] if wanted else []


def _image(spec: DataSpec) -> tuple[int, int, int]:
    if len(spec.shape) != 3 or spec.shape[1] % 4 or spec.shape[2] % 4:
        raise GanbenchError(
            f"network dcgan needs images whose sides divide by 4, not examples of shape {spec.shape}; use mlp"
        )
    channels, height, width = spec.shape
    return channels, height, width


def _with_initial_std(module: nn.Sequential) -> nn.Module:
    for layer in module:
        if isinstance(layer, (Linear, Conv2d, ConvTranspose2d)):
            layer.initial_std = _INITIAL_STD
    return module


@register_network("dcgan")
def dcgan(
    width: Annotated[int, Ge(1), "channels of the widest-resolution layer"] = 32,
    generator_norm: Annotated[Literal["batch", "none"], "normalization in the generator"] = "batch",
    discriminator_norm: Annotated[Literal["batch", "none"], "normalization in the discriminator"] = "none",
) -> Architecture:
    """Two strided convolutions each way, weights from N(0, 0.02²); for images.

    Smaller than the published one, and the discriminator is not normalized unless asked: batch
    statistics make the gradient penalties of several variants ill-defined.
    """
    return _Convolutions(width, generator_norm == "batch", discriminator_norm == "batch")
