"""The packed GAN."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge

from ganbench.objectives import non_saturating
from ganbench.variants.discriminator_input import DiscriminatorInput
from ganbench.variants.two_player import register_variant, two_player
from ganbench.variants.variant import Variant


@register_variant("pacgan")
def pacgan(
    packing: Annotated[int, Ge(1), "m: examples that the discriminator judges together"] = 2,
    batch_size: Annotated[int, Ge(1), "packs in each update: m times as many examples"] = 64,
    **options: Any,
) -> Variant:
    """Non-saturating GAN whose discriminator judges packs of m examples, all real or all generated.

    Source: Lin et al. 2018, "PacGAN: The power of two samples in generative adversarial networks",
    section 2.  Where a diagnostic asks for the logit of one example, it gets that of its pack.
    """
    return two_player(
        non_saturating(), shown=DiscriminatorInput(packing=packing), batch_size=batch_size, **options
    )
