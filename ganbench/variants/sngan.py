"""The spectrally normalized GAN."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge

from ganbench.networks.layers import spectrally_normalized
from ganbench.objectives import hinge
from ganbench.variants.two_player import OptimizerChoice, register_variant, two_player
from ganbench.variants.variant import Variant

_ADAM = {"adam": {"beta1": 0.0, "beta2": 0.9}}


@register_variant("sngan")
def sngan(
    n_critic: Annotated[int, Ge(1), "discriminator updates before each generator update"] = 5,
    optimizer: OptimizerChoice = _ADAM,
    **options: Any,
) -> Variant:
    """Spectrally normalized GAN with the hinge loss.

    Source: Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks",
    eqs. (16) and (17), algorithm 1; one power iteration in each training pass.
    """
    return two_player(hinge(), (), spectrally_normalized, n_critic=n_critic, optimizer=optimizer, **options)
