"""The Wasserstein GAN with gradient penalty."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge

from ganbench.objectives import wasserstein
from ganbench.penalties import gradient_penalty
from ganbench.schedules import LearningRate
from ganbench.variants.two_player import OptimizerChoice, register_variant, two_player
from ganbench.variants.variant import Variant

_ADAM = {"adam": {"beta1": 0.0, "beta2": 0.9}}


@register_variant("wgan-gp")
def wgan_gp(
    gp_weight: Annotated[float, Ge(0), "λ of the penalty (no half in front)"] = 10.0,
    every: Annotated[int, Ge(1), "apply the penalty at every k-th update, k times as heavy"] = 1,
    n_critic: Annotated[int, Ge(1), "critic updates before each generator update"] = 5,
    learning_rate: Annotated[LearningRate, "of both players; constant, or by the share of the budget"] = 1e-4,
    optimizer: OptimizerChoice = _ADAM,
    **options: Any,
) -> Variant:
    """Wasserstein GAN with a two-sided gradient penalty between real and generated points.

    Source: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs", eq. (3), algorithm 1.
    """
    return two_player(
        wasserstein(),
        [gradient_penalty(gp_weight, every=every)],
        n_critic=n_critic,
        learning_rate=learning_rate,
        optimizer=optimizer,
        **options,
    )
