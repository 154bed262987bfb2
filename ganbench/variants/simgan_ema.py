"""Simultaneous gradient descent with an averaged generator."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Interval

from ganbench.objectives import non_saturating
from ganbench.registry import EntryOf
from ganbench.variants.two_player import register_variant, two_player
from ganbench.variants.variant import Variant


@register_variant("simgan-ema")
def simgan_ema(
    update: Annotated[str | dict[str, Any], EntryOf("update"), "who moves when"] = "simultaneous",
    ema: Annotated[float | None, Interval(gt=0, lt=1), "decay of the generator's moving average"] = 0.999,
    **options: Any,
) -> Variant:
    """Non-saturating GAN: both players move at once, and samples come from the generator's moving average.

    Source: Yazıcı et al. 2019, "The Unusual Effectiveness of Averaging in GAN Training", section 3;
    simultaneous gradient descent as in Mescheder et al. 2017, "The Numerics of GANs", section 2.
    """
    return two_player(non_saturating(), update=update, ema=ema, **options)
