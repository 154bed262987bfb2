"""DRAGAN: a gradient penalty near the data."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge, Gt

from ganbench.objectives import non_saturating
from ganbench.penalties import dragan_penalty
from ganbench.variants.two_player import register_variant, two_player
from ganbench.variants.variant import Variant


@register_variant("dragan")
def dragan(
    gp_weight: Annotated[float, Ge(0), "λ of the penalty (no half in front)"] = 10.0,
    spread: Annotated[float, Gt(0), "size of the perturbation in standard deviations of the data"] = 0.5,
    every: Annotated[int, Ge(1), "apply the penalty at every k-th update, k times as heavy"] = 1,
    **options: Any,
) -> Variant:
    """DRAGAN: the non-saturating GAN with ‖∇D‖ pulled to 1 near real points.

    Source: Kodali et al. 2017, "On Convergence and Stability of GANs", section 2.3.
    Deviation: the perturbation of the authors' code (uniform, one-sided), not the paper's N(0, cI).
    """
    return two_player(non_saturating(), [dragan_penalty(gp_weight, spread, every)], **options)
