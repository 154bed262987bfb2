"""The unrolled GAN."""

from __future__ import annotations

from typing import Annotated, Any

from ganbench.errors import GanbenchError
from ganbench.objectives import minimax, non_saturating
from ganbench.registry import EntryOf, parse_choice
from ganbench.variants.two_player import register_variant, two_player
from ganbench.variants.variant import Variant

_FIVE = {"unrolled": {"steps": 5}}


@register_variant("unrolled-gan")
def unrolled_gan(
    update: Annotated[
        str | dict[str, Any], EntryOf("update"), "unrolled, with how many discriminator updates G looks ahead"
    ] = _FIVE,
    saturating: Annotated[bool, "the minimax generator loss, as in the authors' demo"] = True,
    **options: Any,
) -> Variant:
    """GAN whose generator is judged by the discriminator as it will be some updates later.

    The discriminator's updates are differentiated through, by its own optimizer in its present state.

    Source: Metz et al. 2017, "Unrolled Generative Adversarial Networks", eqs. (7) to (10).
    """
    objective = minimax() if saturating else non_saturating()
    if parse_choice("update", update)[0] != "unrolled":
        raise GanbenchError(
            f"unrolled-gan: update must be {{unrolled: {{steps: …}}}}, not {update!r}; else use gan or nsgan"
        )
    return two_player(objective, update=update, **options)
