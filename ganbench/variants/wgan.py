"""The Wasserstein GAN with weight clipping."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge, Gt

from ganbench.objectives import wasserstein
from ganbench.penalties import clip_weights
from ganbench.schedules import LearningRate
from ganbench.variants.two_player import OptimizerChoice, register_variant, two_player
from ganbench.variants.variant import Variant


@register_variant("wgan")
def wgan(
    clip: Annotated[float, Gt(0), "every parameter of the critic stays in [-clip, clip]"] = 0.01,
    n_critic: Annotated[int, Ge(1), "critic updates before each generator update"] = 5,
    learning_rate: Annotated[LearningRate, "of both players; constant, or by the share of the budget"] = 5e-5,
    optimizer: OptimizerChoice = "rmsprop",
    **options: Any,
) -> Variant:
    """Wasserstein GAN: a critic kept Lipschitz by clipping its weights.

    Source: Arjovsky et al. 2017, "Wasserstein GAN", algorithm 1.
    """
    return two_player(
        wasserstein(),
        [clip_weights(clip)],
        n_critic=n_critic,
        learning_rate=learning_rate,
        optimizer=optimizer,
        **options,
    )
