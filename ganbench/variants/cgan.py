"""The conditional GAN."""

from __future__ import annotations

from typing import Any

from torch import nn

from ganbench.game import DataSpec
from ganbench.networks.conditional import LabelChannels
from ganbench.networks.network import Architecture
from ganbench.objectives import non_saturating
from ganbench.variants.conditional import conditional
from ganbench.variants.two_player import register_variant
from ganbench.variants.variant import Variant


@register_variant("cgan")
def cgan(**options: Any) -> Variant:
    """Conditional GAN: both players are told the class, D as constant channels or coordinates.

    The generator joins the one-hot label with its latent, or as the network has it (resnet: in its norms).

    Source: Mirza & Osindero 2014, "Conditional Generative Adversarial Nets", section 3.2.
    Deviations: the non-saturating loss and Adam with the DCGAN settings by default; more than 32 classes are
    embedded in 32 channels, which D learns.
    """
    return conditional(non_saturating(), _discriminator, **options)


def _discriminator(pair: Architecture, spec: DataSpec, classes: int) -> nn.Module:
    return LabelChannels(pair.discriminator, spec, classes)
