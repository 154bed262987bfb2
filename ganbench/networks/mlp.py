"""Multilayer perceptrons: a freely sized pair, and the pair of many MNIST scripts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Literal

from annotated_types import Ge
from torch import nn

from ganbench.errors import GanbenchError
from ganbench.game import DataSpec
from ganbench.networks.conditional import with_label_input
from ganbench.networks.layers import BatchNorm, Dropout, Linear
from ganbench.networks.network import Architecture, logits, output_activation, register_network

Activation = Literal["relu", "leaky_relu", "tanh", "elu", "silu"]
Norm = Literal["none", "batch", "layer"]
_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "silu": nn.SiLU,
}
_NORMS: dict[str, Callable[[int], nn.Module]] = {"batch": BatchNorm, "layer": nn.LayerNorm}


def _stack(sizes: Sequence[int], activation: Activation, norm: Norm, dropout: float = 0.0) -> list[nn.Module]:
    """Hidden layers sizes[0] → … → sizes[-1]; no bias before a normalization, which would cancel it."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers.append(Linear(inputs, outputs, bias=norm == "none"))
        if norm != "none":
            layers.append(_NORMS[norm](outputs))
        layers.append(_ACTIVATIONS[activation]())
        if dropout:
            layers.append(Dropout(dropout))
    return layers


@dataclass(frozen=True)
class _Perceptrons:
    generator_widths: tuple[int, ...]
    discriminator_widths: tuple[int, ...]
    activation: Activation
    generator_norm: Norm
    discriminator_norm: Norm
    dropout: float

    def generator(self, latent_dim: int, spec: DataSpec, classes: int | None = None) -> nn.Module:
        return with_label_input(lambda size: self._generator(size, spec), latent_dim, classes)

    def _generator(self, latent_dim: int, spec: DataSpec) -> nn.Module:
        hidden = _stack((latent_dim, *self.generator_widths), self.activation, self.generator_norm)
        last = Linear(self.generator_widths[-1], math.prod(spec.shape))
        return nn.Sequential(*hidden, last, *output_activation(spec), nn.Unflatten(1, spec.shape))

    def discriminator(self, spec: DataSpec, outputs: int = 1) -> nn.Module:
        sizes = (math.prod(spec.shape), *self.discriminator_widths)
        hidden = _stack(sizes, self.activation, self.discriminator_norm, self.dropout)
        return nn.Sequential(nn.Flatten(1), *hidden, Linear(sizes[-1], outputs), *logits(outputs))


@register_network("mlp")
def mlp(
    width: Annotated[int, Ge(1), "units of each hidden layer"] = 128,
    depth: Annotated[int, Ge(1), "hidden layers"] = 2,
    activation: Annotated[Activation, "after each hidden layer"] = "relu",
    generator_norm: Annotated[Norm, "normalization in the generator"] = "none",
    discriminator_norm: Annotated[Norm, "normalization in the discriminator"] = "none",
    dropout: Annotated[float, Ge(0), "dropout probability in the discriminator"] = 0.0,
) -> Architecture:
    """Two perceptrons with equal hidden layers; fits data of any shape.

    Generators of images end in tanh.
    """
    if dropout >= 1:
        raise GanbenchError(f"mlp: dropout is a probability below 1, not {dropout}")
    widths = (width,) * depth
    return _Perceptrons(widths, widths, activation, generator_norm, discriminator_norm, dropout)


@dataclass(frozen=True)
class _Pair28:
    pair: _Perceptrons

    def generator(self, latent_dim: int, spec: DataSpec, classes: int | None = None) -> nn.Module:
        _require_28(spec, spec.shape[:1] == (1,))
        return self.pair.generator(latent_dim, spec, classes)

    def discriminator(self, spec: DataSpec, outputs: int = 1) -> nn.Module:
        _require_28(spec, True)  # packs and labels come as further channels
        return self.pair.discriminator(spec, outputs)


def _require_28(spec: DataSpec, channels_fit: bool) -> None:
    if spec.shape[1:] != (28, 28) or not channels_fit:
        raise GanbenchError(f"network mlp28 is for images of shape (1, 28, 28), not {spec.shape}; use mlp")


@register_network("mlp28")
def mlp28(
    dropout: Annotated[float, Ge(0), "dropout probability in the discriminator"] = 0.3,
) -> Architecture:
    """The common 28×28 pair: G noise-256-512-1024-784 (tanh), D 784-1024-512-256-1 (dropout).

    Leaky ReLU of slope 0.2 throughout; the seed deck of many MNIST scripts.
    """
    return _Pair28(_Perceptrons((256, 512, 1024), (1024, 512, 256), "leaky_relu", "none", "none", dropout))
