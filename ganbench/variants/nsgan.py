"""The non-saturating GAN."""

from __future__ import annotations

from typing import Any

from ganbench.objectives import non_saturating
from ganbench.variants.two_player import register_variant, two_player
from ganbench.variants.variant import Variant


@register_variant("nsgan")
def nsgan(**options: Any) -> Variant:
    """The non-saturating GAN: the generator minimizes −E log D(G(z)).

    Source: Goodfellow et al. 2014, "Generative Adversarial Networks", section 3.
    Deviation: Adam with the DCGAN settings by default, where the paper has momentum.
    """
    return two_player(non_saturating(), **options)
