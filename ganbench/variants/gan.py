"""The original GAN."""

from __future__ import annotations

from typing import Any

from ganbench.objectives import minimax
from ganbench.variants.two_player import register_variant, two_player
from ganbench.variants.variant import Variant


@register_variant("gan")
def gan(**options: Any) -> Variant:
    """The minimax GAN: the generator minimizes E log(1 − D(G(z))).

    Source: Goodfellow et al. 2014, "Generative Adversarial Networks", eq. (1).
    Deviation: Adam with the DCGAN settings by default, where the paper has momentum.
    """
    return two_player(minimax(), **options)
