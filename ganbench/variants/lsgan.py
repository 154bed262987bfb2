"""The least-squares GAN."""

from __future__ import annotations

from typing import Any

from ganbench.objectives import least_squares
from ganbench.variants.two_player import register_variant, two_player
from ganbench.variants.variant import Variant


@register_variant("lsgan")
def lsgan(**options: Any) -> Variant:
    """Least-squares GAN: squared distances to 0 (generated) and 1 (real).

    Source: Mao et al. 2017, "Least Squares Generative Adversarial Networks", eq. (9), a=0, b=c=1.
    """
    return two_player(least_squares(), **options)
