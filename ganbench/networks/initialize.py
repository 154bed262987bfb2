"""Initial weights of one seed, from that seed's own stream: the same on every device and dtype."""

from __future__ import annotations

import copy
import math
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from ganbench.errors import GanbenchError
from ganbench.game import Tree
from ganbench.networks.layers import SpectralNorm

_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d)
_WITHOUT_DRAWS = (nn.LayerNorm, nn.GroupNorm)
_REPLACED = {
    nn.modules.dropout._DropoutNd: "ganbench.networks.layers.Dropout",
    nn.modules.batchnorm._BatchNorm: "ganbench.networks.layers.BatchNorm",
    nn.modules.batchnorm._NormBase: "GroupNorm or ganbench.networks.layers.BatchNorm",
}


def initial_state(template: nn.Module, generator: torch.Generator) -> tuple[Tree, Tree]:
    """Float32 parameters and buffers of a meta template, drawn on the CPU in the order of its layers.

    Linear and convolution layers get torch's default (uniform, ±1/√fan_in), or N(0, `initial_std`²)
    with zero bias where that attribute is set.  Any other layer with numbers of its own must
    have a method `initialize(generator)`.
    """
    module = copy.deepcopy(template).to_empty(device="cpu").float()
    with torch.no_grad():
        for name, layer in module.named_modules():
            _initialize_layer(name, layer, generator)
        for layer in module.modules():
            _initialize_spectral(layer, generator)
    params = {name: value.detach() for name, value in module.named_parameters()}
    return params, dict(module.named_buffers())


def refuse_unusable(template: nn.Module) -> None:
    """Raise GanbenchError for layers that cannot be vectorized over seeds, naming the replacement."""
    for name, layer in template.named_modules():
        for refused, ours in _REPLACED.items():
            if isinstance(layer, refused):
                raise GanbenchError(
                    f"layer {name!r} is torch's {type(layer).__name__}, whose hidden state or global "
                    f"random numbers cannot be run over many seeds at once; use {ours}"
                )
        if any(type(p).__name__ == "_SpectralNorm" for p in layer.children()):
            raise GanbenchError(
                f"layer {name!r} has torch's spectral norm, which cannot be run over many seeds at once; "
                "use ganbench.networks.layers.spectrally_normalized"
            )


def _initialize_layer(name: str, layer: Any, generator: torch.Generator) -> None:
    if isinstance(layer, _WEIGHTED):
        _initialize_weighted(layer, generator)
    elif hasattr(layer, "initialize"):
        layer.initialize(generator)
    elif isinstance(layer, _WITHOUT_DRAWS):
        layer.reset_parameters()
    elif not isinstance(layer, (parametrize.ParametrizationList, SpectralNorm)) and _owns_numbers(layer):
        raise GanbenchError(
            f"layer {name or type(layer).__name__!r} has parameters of its own; give "
            f"{type(layer).__name__} a method initialize(self, generator) that fills them in place"
        )


def _owns_numbers(layer: nn.Module) -> bool:
    own = [*layer.parameters(recurse=False), *layer.buffers(recurse=False)]
    return bool(own)


def _initialize_weighted(layer: Any, generator: torch.Generator) -> None:
    raw = (
        layer.parametrizations.weight.original
        if parametrize.is_parametrized(layer, "weight")
        else layer.weight
    )
    std = getattr(layer, "initial_std", None)
    if std is not None:
        raw.normal_(0.0, std, generator=generator)
        bound = 0.0
    else:
        bound = 1 / math.sqrt(raw[0].numel())
        raw.uniform_(-bound, bound, generator=generator)
    if layer.bias is not None:
        layer.bias.uniform_(-bound, bound, generator=generator) if bound else layer.bias.zero_()


def _initialize_spectral(layer: Any, generator: torch.Generator) -> None:
    for weights in getattr(layer, "parametrizations", {}).values():
        for step in weights:
            if isinstance(step, SpectralNorm):
                step.initialize_for(weights.original, generator)
