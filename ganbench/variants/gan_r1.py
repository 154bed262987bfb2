"""The non-saturating GAN with the R1 penalty."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge

from ganbench.objectives import non_saturating
from ganbench.penalties import r1
from ganbench.variants.two_player import register_variant, two_player
from ganbench.variants.variant import Variant


@register_variant("gan-r1")
def gan_r1(
    gamma: Annotated[float, Ge(0), "the loss gains γ/2·E‖∇D(x)‖² at real points"] = 10.0,
    every: Annotated[int, Ge(1), "apply the penalty at every k-th update, k times as heavy"] = 1,
    **options: Any,
) -> Variant:
    """Non-saturating GAN with a zero-centred gradient penalty at real points.

    Source: Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?", eq. (9).
    Deviation: Adam with the DCGAN settings by default, where the paper has RMSProp.
    """
    return two_player(non_saturating(), [r1(gamma, every)], **options)
