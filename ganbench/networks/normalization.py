"""Normalizations of images by name, and ones whose gain and bias depend on a class or a latent."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from ganbench.networks.layers import BatchNorm, Linear

Norm = Literal["batch", "layer", "group", "instance", "none"]
_GROUPS, _CHANNELS_OF_A_GROUP = 32, 4


def normalization(norm: Norm, channels: int, affine: bool = True) -> nn.Module:
    """A normalization of [n, channels, ...], with a gain and a bias a channel where `affine`.

    `layer` is over all but the first axis, `group` over 32 groups of channels (Wu & He 2018; fewer where
    they would be of less than 4), `instance` over each channel.
    """
    if norm == "none":
        return nn.Identity()
    if norm == "batch":
        return BatchNorm(channels, affine=affine)
    groups = {
        "layer": 1,
        "group": math.gcd(_GROUPS, channels, max(1, channels // _CHANNELS_OF_A_GROUP)),
        "instance": channels,
    }
    return nn.GroupNorm(groups[norm], channels, affine=affine)


def cancels_bias(norm: Norm) -> bool:
    """Whether the normalization takes away what is added to a whole channel."""
    return norm in ("batch", "instance")


class ConditionalNorm(nn.Module):
    """A normalization, then (1 + gain)·x + bias with gain and bias [n, channels] from a condition."""

    def __init__(self, norm: nn.Module, of_condition: nn.Module) -> None:
        super().__init__()
        self.norm, self.of_condition = norm, of_condition

    def forward(self, inputs: Tensor, condition: Tensor) -> Tensor:
        """Normalized inputs [n, channels, ...] under conditions [n, size]."""
        modulation = self.of_condition(condition)
        gain, bias = modulation.reshape(*modulation.shape, *[1] * (inputs.ndim - 2)).chunk(2, 1)
        normalized: Tensor = self.norm(inputs)
        return normalized * (1 + gain) + bias


def class_conditional(norm: Norm, channels: int, classes: int) -> ConditionalNorm:
    """A gain and a bias for each class, given as one-hot vectors; gains start at 1.

    Source: Dumoulin et al. 2017, "A Learned Representation For Artistic Style", section 2.2.
    """
    tables = Linear(classes, 2 * channels, bias=False)
    tables.initial_std = 0.0
    return ConditionalNorm(normalization(norm, channels, affine=False), tables)


def vector_conditional(norm: Norm, channels: int, size: int) -> ConditionalNorm:
    """Gains and biases linear in a vector [n, size], such as a part of the latent and an embedded class.

    Source: Brock et al. 2019, "Large Scale GAN Training for High Fidelity Natural Image Synthesis",
    appendix B.
    """
    linear = Linear(size, 2 * channels, bias=False)
    return ConditionalNorm(normalization(norm, channels, affine=False), linear)


def self_modulated(norm: Norm, channels: int, size: int, hidden: int = 32) -> ConditionalNorm:
    """Gains and biases by a perceptron with one hidden layer of the generator's whole input [n, size].

    Source: Chen et al. 2019, "On Self Modulation for Generative Adversarial Networks", section 2.2; weights
    from N(0, 0.02²).  Both share their hidden layer, as in the authors' code (compare_gan).
    """
    layers = Linear(size, hidden), nn.ReLU(), Linear(hidden, 2 * channels)
    layers[0].initial_std = layers[2].initial_std = 0.02
    return ConditionalNorm(normalization(norm, channels, affine=False), nn.Sequential(*layers))


class PixelNorm(nn.Module):
    """Divides the channels at each position by their root mean square.

    Source: Karras et al. 2018, "Progressive Growing of GANs", section 4.2.
    """

    def __init__(self, epsilon: float = 1e-8) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, inputs: Tensor) -> Tensor:
        """Normalized inputs [n, channels, ...]."""
        return inputs * torch.rsqrt(inputs.square().mean(1, keepdim=True) + self.epsilon)
