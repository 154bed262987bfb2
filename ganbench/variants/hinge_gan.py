"""The hinge GAN."""

from __future__ import annotations

from typing import Any

from ganbench.objectives import hinge
from ganbench.variants.two_player import register_variant, two_player
from ganbench.variants.variant import Variant


@register_variant("hinge-gan")
def hinge_gan(**options: Any) -> Variant:
    """The GAN with the hinge loss, without normalization.

    Source: Lim & Ye 2017, "Geometric GAN", eqs. (10) and (11) with a margin of 1.
    """
    return two_player(hinge(), **options)
