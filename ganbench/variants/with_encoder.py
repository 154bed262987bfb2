"""Three-player games with inference: generator, encoder, and a discriminator of pairs (x, z)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ganbench.errors import GanbenchError
from ganbench.game import Batch, DataSpec, Game, Loss, Networks, RandomInput
from ganbench.networks.network import Architecture
from ganbench.variants.two_player import two_player_variant
from ganbench.variants.variant import Variant

Encode = Callable[[Networks, Tensor], Tensor]


def with_encoder(
    losses: Mapping[str, Loss], encode: Encode, numbers_encoded: int = 1, **options: Any
) -> Variant:
    """A variant of a generator, an encoder and a discriminator of pairs; generator and encoder move together.

    `encode` maps examples to latents without random numbers, for judging examples by themselves;
    `numbers_encoded` is how many numbers per latent the encoder returns.  Examples judged by themselves are
    paired with their encoding, as D sees real ones only in training: so no logit means "real" (no threshold).
    The options are those of `two_player_variant`.
    """

    def build(pair: Architecture, noise: RandomInput, spec: DataSpec) -> Game:
        (latent_dim,) = noise.shape
        players = {
            "generator": pair.generator(latent_dim, spec),
            **_of_vectors(pair, latent_dim, numbers_encoded, spec),
        }
        return Game(
            players,
            losses,
            {"noise": noise, "encoder_noise": RandomInput((latent_dim,))},
            logits=lambda networks, _batch, x: networks.discriminator(x, encode(networks, x)),
        )

    return replace(two_player_variant(build, ("generator", "encoder"), **options), threshold=None)


class JointDiscriminator(nn.Module):
    """A discriminator of pairs: (x [n, *shape], z [n, latent_dim]) → logits [n]."""

    def __init__(self, of_vectors: nn.Module) -> None:
        super().__init__()
        self.of_vectors = of_vectors

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        logits: Tensor = self.of_vectors(torch.cat([x.flatten(1), z], 1))
        return logits


def _of_vectors(
    pair: Architecture, latent_dim: int, numbers_encoded: int, spec: DataSpec
) -> dict[str, nn.Module]:
    numbers, outputs = math.prod(spec.shape), numbers_encoded * latent_dim
    try:
        return {
            "encoder": nn.Sequential(nn.Flatten(1), pair.generator(numbers, DataSpec.real((outputs,)))),
            "discriminator": JointDiscriminator(pair.discriminator(DataSpec.real((numbers + latent_dim,)))),
        }
    except GanbenchError as error:
        raise GanbenchError(
            f"its encoder and its discriminator of pairs read vectors; use a network such as mlp ({error})"
        ) from error


def generated_pair(networks: Networks, batch: Batch) -> tuple[Tensor, Tensor]:
    """(G(z), z)."""
    return networks.generator(batch.noise), batch.noise
