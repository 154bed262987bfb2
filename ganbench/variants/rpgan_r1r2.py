"""The relativistic pairing GAN with both zero-centred penalties."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge

from ganbench.objectives import relativistic
from ganbench.penalties import r1, r2
from ganbench.variants.two_player import OptimizerChoice, register_variant, two_player
from ganbench.variants.variant import Variant

_ADAM = {"adam": {"beta1": 0.0, "beta2": 0.99}}


@register_variant("rpgan-r1r2")
def rpgan_r1r2(
    gamma: Annotated[float, Ge(0), "γ of both penalties (with γ/2 in front)"] = 1.0,
    every: Annotated[int, Ge(1), "apply the penalties at every k-th update, k times as heavy"] = 1,
    optimizer: OptimizerChoice = _ADAM,
    **options: Any,
) -> Variant:
    """Relativistic pairing GAN with R1 and R2: the objective of R3GAN.

    Source: Huang et al. 2024, "The GAN is dead; long live the GAN!", section 2: eq. (2), with
    R1 and R2.
    Deviation: the objective only; no schedules of γ, learning rate or β₂.
    """
    return two_player(relativistic(), [r1(gamma, every), r2(gamma, every)], optimizer=optimizer, **options)
