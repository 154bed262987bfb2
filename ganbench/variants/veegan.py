"""VEEGAN."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge
from torch import Tensor
from torch.nn.functional import softplus

from ganbench.game import Batch, Networks
from ganbench.variants.two_player import register_variant
from ganbench.variants.variant import Variant
from ganbench.variants.with_encoder import generated_pair, with_encoder


@register_variant("veegan")
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

    def encode(networks: Networks, x: Tensor) -> Tensor:
        return networks.encoder(x)

    def reconstruction(networks: Networks, batch: Batch) -> Tensor:
        error = batch.noise - networks.encoder(networks.generator(batch.noise))
        return reconstruction_weight * batch.mean_noise(error.square().sum(1))

    losses = {
        "generator": lambda networks, batch: (
            reconstruction(networks, batch)
            - batch.mean_noise(networks.discriminator(*generated_pair(networks, batch)))
        ),
        "encoder": reconstruction,
        "discriminator": lambda networks, batch: (
            batch.mean_real(softplus(-networks.discriminator(batch.real, encode(networks, batch.real))))
            + batch.mean_noise(softplus(networks.discriminator(*generated_pair(networks, batch))))
        ),
    }
    return with_encoder(losses, encode, **options)
