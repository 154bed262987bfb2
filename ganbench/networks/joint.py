"""Networks of games with inference: from examples to latents, and on pairs of both."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ganbench.game import DataSpec
from ganbench.networks.network import Architecture


class JointDiscriminator(nn.Module):
    """A discriminator of pairs: (x [n, *shape], z [n, latent_dim]) → logits [n]."""

    def __init__(self, of_vectors: nn.Module) -> None:
        super().__init__()
        self.of_vectors = of_vectors

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        logits: Tensor = self.of_vectors(torch.cat([x.flatten(1), z], 1))
        return logits


def encoder(pair: Architecture, outputs: int, spec: DataSpec) -> nn.Module:
    """The architecture's generator turned round: [n, *shape] → [n, outputs]."""
    return nn.Sequential(nn.Flatten(1), pair.generator(math.prod(spec.shape), DataSpec.real((outputs,))))


def joint_discriminator(pair: Architecture, latent_dim: int, spec: DataSpec) -> nn.Module:
    """The architecture's discriminator of examples joined with latents."""
    return JointDiscriminator(pair.discriminator(DataSpec.real((math.prod(spec.shape) + latent_dim,))))
