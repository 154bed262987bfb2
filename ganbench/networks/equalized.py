"""Equalized learning rate: weights from N(0, 1) that are scaled in every pass rather than at the start."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn.utils import parametrize

from ganbench.networks.layers import Conv2d, Linear


class Scale(nn.Module):
    """A weight times a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.factor


def equalized(module: nn.Module, gain: float = math.sqrt(2)) -> nn.Module:
    """Make the weights of all linear layers and convolutions gain/√fan_in · N(0, 1), in place.

    Only of layers in `ganbench.networks.layers`.  Biases start at 0.  The gain is He's, for layers before a
    rectifier.
    Source: Karras et al. 2018, "Progressive Growing of GANs", section 4.1.
    """
    for layer in module.modules():
        if isinstance(layer, (Linear, Conv2d)):
            layer.initial_std = 1.0
            factor = gain / math.sqrt(layer.weight[0].numel())
            parametrize.register_parametrization(layer, "weight", Scale(factor), unsafe=True)
    return module
