"""The GAN with adaptive discriminator augmentation."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge, Gt, Interval

from ganbench.augmentations import TEXT, Augmentations
from ganbench.objectives import non_saturating
from ganbench.penalties import adaptive_probability, r1
from ganbench.variants.discriminator_input import AugmentedInput
from ganbench.variants.two_player import register_variant, two_player
from ganbench.variants.variant import Variant

_PIPELINE = ("flip", "rotation", "translation", "color")
_MEMORY = "augmentation_probability"


@register_variant("ada")
def ada(
    augmentations: Annotated[
        str | None, f"{TEXT}; null: flip, rotation, translation and color on images, noise on vectors"
    ] = None,
    target: Annotated[float, Interval(ge=-1, le=1), "the wanted mean sign of D on real examples"] = 0.6,
    interval: Annotated[int, Ge(1), "discriminator updates from one change of p to the next"] = 4,
    ramp: Annotated[float, Gt(0), "real examples in which p can go from 0 to 1; published: 500,000"] = 5e5,
    initial: Annotated[float, Interval(ge=0, le=1), "p before training"] = 0.0,
    gamma: Annotated[float, Ge(0), "γ of R1, at augmented real examples (with γ/2 in front)"] = 0.1,
    every: Annotated[int, Ge(1), "apply R1 at every k-th update, k times as heavy"] = 1,
    **options: Any,
) -> Variant:
    """Non-saturating GAN with R1 whose discriminator sees each augmentation with probability p.

    p rises while D overfits, and is what the game remembers as `augmentation_probability`.

    Source: Karras et al. 2020, "Training Generative Adversarial Networks with Limited Data", section 3.1.
    Deviation: transformations of DiffAugment's sizes; of the pipeline blitting and color alone.
    """
    adaptive = adaptive_probability(_MEMORY, target, interval, ramp, initial)
    shown = AugmentedInput(augmentations=Augmentations(augmentations, _PIPELINE, chance=_MEMORY))
    return two_player(non_saturating(), [r1(gamma, every), adaptive], shown=shown, **options)
