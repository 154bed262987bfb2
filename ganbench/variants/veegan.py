"""VEEGAN."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge
from torch import Tensor
from torch.nn.functional import softplus

from ganbench.game import Batch, Nets
from ganbench.variants.inference import generated_pair, with_encoder
from ganbench.variants.recipe import register_variant
from ganbench.variants.variant import Variant


@register_variant("veegan", with_encoder)
def veegan(
    reconstruction_weight: Annotated[float, Ge(0), "of ‖z − F(G(z))‖², summed over z (1 in the paper)"] = 1.0,
    **options: Any,
) -> Variant:
    """A reconstructor F maps data back to noise, and G is to be reconstructed by it.  Three players.

    F (here the player `encoder`) descends ‖z − F(G(z))‖² alone, as in algorithm 1; the authors' MNIST code
    adds the discriminator's term to it.

    Source: Srivastava et al. 2017, "VEEGAN: Reducing Mode Collapse in GANs using Implicit Variational
    Learning", algorithm 1, with D = −D_ω: high on (x, F(x)).
    """

    def encode(nets: Nets, x: Tensor) -> Tensor:
        code: Tensor = nets.encoder(x)
        return code

    def reconstruction(nets: Nets, batch: Batch) -> Tensor:
        error = batch.noise - nets.encoder(nets.generator(batch.noise))
        return reconstruction_weight * batch.mean_noise(error.square().sum(1))

    losses = {
        "generator": lambda nets, batch: (
            reconstruction(nets, batch) - batch.mean_noise(nets.discriminator(*generated_pair(nets, batch)))
        ),
        "encoder": reconstruction,
        "discriminator": lambda nets, batch: (
            batch.mean_real(softplus(-nets.discriminator(batch.real, encode(nets, batch.real))))
            + batch.mean_noise(softplus(nets.discriminator(*generated_pair(nets, batch))))
        ),
    }
    return with_encoder(losses, encode, **options)
