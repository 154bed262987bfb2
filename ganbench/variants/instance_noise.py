"""The GAN with instance noise."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge

from ganbench.objectives import non_saturating
from ganbench.variants.discriminator_input import DiscriminatorInput
from ganbench.variants.two_player import register_variant, two_player
from ganbench.variants.variant import Variant


@register_variant("instance-noise")
def instance_noise(
    noise_std: Annotated[float, Ge(0), "standard deviation of the noise, in the data's own unit"] = 0.1,
    **options: Any,
) -> Variant:
    """Non-saturating GAN whose discriminator sees real and generated examples in Gaussian noise.

    Source: Sønderby et al. 2017, "Amortised MAP inference for image super-resolution", section 3.3;
    Arjovsky and Bottou 2017, section 3.
    Deviation: the noise is not annealed.
    """
    return two_player(non_saturating(), shown=DiscriminatorInput(noise_std=noise_std), **options)
