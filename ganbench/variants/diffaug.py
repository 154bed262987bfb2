"""The GAN with differentiable augmentation."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge

from ganbench.augmentations import TEXT, Augmentations
from ganbench.objectives import hinge
from ganbench.variants.discriminator_input import AugmentedInput
from ganbench.variants.two_player import register_variant, two_player
from ganbench.variants.variant import Variant

_PUBLISHED = ("color", "translation", "cutout")


@register_variant("diffaug")
def diffaug(
    augmentations: Annotated[
        str | None, f"{TEXT}; null: color, translation and cutout on images, noise on vectors"
    ] = None,
    strength: Annotated[float, Ge(0), "of all of them; published: 1"] = 1.0,
    **options: Any,
) -> Variant:
    """Hinge GAN whose discriminator sees real and generated examples through the same kind of augmentation.

    Source: Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training", section 3.2, and
    the authors' code.
    """
    shown = AugmentedInput(augmentations=Augmentations(augmentations, _PUBLISHED, strength))
    return two_player(hinge(), shown=shown, **options)
