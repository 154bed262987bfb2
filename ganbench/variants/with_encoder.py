"""Three-player games with inference: generator, encoder, and a discriminator of pairs (x, z)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Annotated

import torch
from annotated_types import Ge, Interval
from torch import Tensor, nn

from ganbench.errors import GanbenchError
from ganbench.game import Batch, DataSpec, Game, Loss, Networks, RandomInput
from ganbench.networks.network import Architecture, architecture
from ganbench.optimizers import optimizer as make_optimizer
from ganbench.schedules import LearningRate
from ganbench.updates import Turns, update_rule
from ganbench.variants.two_player import (
    DCGAN_ADAM,
    BatchSize,
    DiscriminatorRate,
    First,
    LatentDim,
    Network,
    OptimizerChoice,
    Update,
)
from ganbench.variants.variant import Variant

Encode = Callable[[Networks, Tensor], Tensor]


def with_encoder(
    losses: Mapping[str, Loss],
    encode: Encode,
    numbers_encoded: int = 1,
    /,
    *,
    network: Network = "mlp",
    latent_dim: LatentDim = 64,
    batch_size: BatchSize = 64,
    optimizer: OptimizerChoice = DCGAN_ADAM,
    learning_rate: Annotated[LearningRate, "of all players; constant, or by the share of the budget"] = 2e-4,
    discriminator_learning_rate: DiscriminatorRate = None,
    update: Update = "alternating",
    n_critic: Annotated[int, Ge(1), "discriminator updates before each update of the others"] = 1,
    first: First = "discriminator",
    ema: Annotated[float | None, Interval(gt=0, lt=1), "decay of the generator's moving average"] = None,
) -> Variant:
    """A variant of a generator, an encoder and a discriminator of pairs; generator and encoder move together.

    `encode` maps examples to latents without random numbers, for judging examples by themselves;
    `numbers_encoded` is how many numbers per latent the encoder returns.  Examples judged by themselves are
    paired with their encoding, as D sees real ones only in training: so no logit means "real" (no threshold).
    """
    turns = Turns(n_critic, first, generating=("generator", "encoder"))
    rates = {"generator": learning_rate, "encoder": learning_rate}
    rates["discriminator"] = discriminator_learning_rate or learning_rate

    def build(spec: DataSpec) -> Game:
        pair = architecture(network)
        players = {"generator": pair.generator(latent_dim, spec)}
        players |= _of_vectors(pair, latent_dim, numbers_encoded, spec)
        inputs = {"noise": RandomInput((latent_dim,)), "encoder_noise": RandomInput((latent_dim,))}
        return Game(players, losses, inputs, logits=lambda n, _, x: n.discriminator(x, encode(n, x)))

    return Variant(
        build=build,
        update=update_rule(update, turns),
        optimizers={p: make_optimizer(optimizer, rate) for p, rate in rates.items()},
        batch_size=batch_size,
        reals_per_batch=batch_size,
        averages={} if ema is None else {"generator": ema},
        threshold=None,
    )


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
