"""The GAN with a projection discriminator."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge
from torch import nn

from ganbench.game import DataSpec
from ganbench.networks.conditional import Projection
from ganbench.networks.layers import spectrally_normalized
from ganbench.networks.network import Architecture
from ganbench.objectives import hinge
from ganbench.variants.conditional import conditional
from ganbench.variants.two_player import OptimizerChoice, register_variant
from ganbench.variants.variant import Variant

_ADAM = {"adam": {"beta1": 0.0, "beta2": 0.9}}


@register_variant("projection")
def projection(
    spectral_norm: Annotated[bool, "spectral normalization in the discriminator"] = True,
    n_critic: Annotated[int, Ge(1), "discriminator updates before each generator update"] = 5,
    optimizer: OptimizerChoice = _ADAM,
    **options: Any,
) -> Variant:
    """Conditional GAN with the hinge loss whose logit is ψ(φ(x)) + ⟨e_y, φ(x)⟩.

    Source: Miyato & Koyama 2018, "cGANs with Projection Discriminator", eq. (3).
    Deviation: ψ and the e_y are rows of one layer: each has a bias, and they share one spectral norm.
    """

    def discriminator(pair: Architecture, spec: DataSpec, classes: int) -> nn.Module:
        judge = Projection(pair.discriminator(spec, 1 + classes))
        return spectrally_normalized(judge) if spectral_norm else judge

    return conditional(hinge(), discriminator, n_critic=n_critic, optimizer=optimizer, **options)
