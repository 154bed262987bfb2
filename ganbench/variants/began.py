"""The boundary equilibrium GAN."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from ganbench.game import Batch, DataSpec, Game, MemoryInput, Networks, RandomInput, Tree
from ganbench.networks.autoencoder import autoencoder
from ganbench.networks.network import Architecture
from ganbench.variants.two_player import register_variant, two_player_variant
from ganbench.variants.variant import Variant


@register_variant("began")
def began(
    code_dim: Annotated[int, Ge(1), "numbers in the discriminator's code"] = 64,
    gamma: Annotated[float, Ge(0), "γ: the wanted ratio of E L(G(z)) to E L(x); lower is less diverse"] = 0.5,
    balance_rate: Annotated[float, Ge(0), "λ_k: how fast k follows the balance"] = 1e-3,
    **options: Any,
) -> Variant:
    """Boundary equilibrium GAN: D is an autoencoder, L its mean absolute error; k_t keeps the balance.

    D descends L(x) − k·L(G(z)), G descends L(G(z)); a logit is −L(x), and the convergence measure that
    diagnostic `discriminator` gives is L(x) + |γ·L(x) − L(G(z))|.  What it remembers is `k`.

    Source: Berthelot et al. 2017, "BEGAN: Boundary Equilibrium Generative Adversarial Networks", sections 3.4
    and 3.4.1.
    Deviation: k follows the losses of the discriminator's batch.
    """

    def error(networks: Networks, examples: Tensor) -> Tensor:
        reconstructed, _code = networks.discriminator(examples)
        return (examples - reconstructed).abs().flatten(1).mean(1)

    def on_fake(networks: Networks, batch: Batch) -> Tensor:
        return error(networks, networks.generator(batch.noise)).mean()

    def d_loss(networks: Networks, batch: Batch) -> tuple[Tensor, Tree]:
        real, fake, k = error(networks, batch.real).mean(), on_fake(networks, batch), batch["k"]
        balance = (gamma * real - fake).detach()
        return real - k * fake, {"k": (k + balance_rate * balance).clamp(0, 1)}

    def build(pair: Architecture, noise: RandomInput, spec: DataSpec) -> Game:
        return Game(
            {
                "generator": pair.generator(noise.shape[0], spec),
                "discriminator": autoencoder(pair, code_dim, spec),
            },
            {"generator": on_fake, "discriminator": d_loss},
            {"noise": noise, "k": MemoryInput(torch.zeros(()))},
            logits=lambda networks, _batch, x: -error(networks, x),
        )

    def convergence(real: Tensor, fake: Tensor) -> Tensor:
        return -real + (fake - gamma * real).abs()

    return replace(two_player_variant(build, **options), threshold=None, convergence=convergence)
