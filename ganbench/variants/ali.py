"""Adversarially learned inference."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from torch import Tensor
from torch.nn.functional import softplus

from ganbench.game import Batch, Networks
from ganbench.variants.two_player import register_variant
from ganbench.variants.variant import Variant
from ganbench.variants.with_encoder import generated_pair, with_encoder


@register_variant("ali")
def ali(
    encoding: Annotated[
        Literal["stochastic", "deterministic"], "z ~ N(μ(x), σ(x)²), or z = E(x) as in BiGAN"
    ] = "stochastic",
    **options: Any,
) -> Variant:
    """An encoder learns with the generator: the discriminator tells (x, E(x)) from (G(z), z).  Three players.

    Generator and encoder each descend the loss with the labels swapped, which does not saturate.

    Source: Dumoulin et al. 2017, "Adversarially Learned Inference", eq. (1) and algorithm 1; without noise
    in the encoder Donahue et al. 2017, "Adversarial Feature Learning" (BiGAN).
    Deviation: the decoder is deterministic.
    """
    random = encoding == "stochastic"

    def encode(networks: Networks, x: Tensor) -> Tensor:
        code = networks.encoder(x)
        return code.chunk(2, 1)[0] if random else code

    def encoded(networks: Networks, batch: Batch) -> Tensor:
        code = networks.encoder(batch.real)
        if not random:
            return code
        mean, log_std = code.chunk(2, 1)
        return mean + log_std.exp() * batch["encoder_noise"]

    def on_data(networks: Networks, batch: Batch) -> Tensor:
        return networks.discriminator(batch.real, encoded(networks, batch))

    def on_generated(networks: Networks, batch: Batch) -> Tensor:
        return networks.discriminator(*generated_pair(networks, batch))

    losses = {
        "generator": lambda networks, batch: batch.mean_noise(softplus(-on_generated(networks, batch))),
        "encoder": lambda networks, batch: batch.mean_real(softplus(on_data(networks, batch))),
        "discriminator": lambda networks, batch: (
            batch.mean_real(softplus(-on_data(networks, batch)))
            + batch.mean_noise(softplus(on_generated(networks, batch)))
        ),
    }
    return with_encoder(losses, encode, 2 if random else 1, **options)
