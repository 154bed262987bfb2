"""The energy-based GAN."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from annotated_types import Ge, Gt
from torch import Tensor
from torch.nn.functional import normalize, relu

from ganbench.game import Batch, DataSpec, Game, Networks, RandomInput, norm_per_example
from ganbench.networks.autoencoder import autoencoder
from ganbench.networks.network import Architecture
from ganbench.variants.two_player import register_variant, two_player_variant
from ganbench.variants.variant import Variant


@register_variant("ebgan")
def ebgan(
    margin: Annotated[float, Gt(0), "m: D pushes the energy of generated examples up to it"] = 10.0,
    pulling_away: Annotated[float, Ge(0), "weight of the pulling-away term; published: 0.1; 0: none"] = 0.0,
    code_dim: Annotated[int, Ge(1), "numbers in the discriminator's code"] = 64,
    **options: Any,
) -> Variant:
    """Energy-based GAN: D is an autoencoder, and an example's energy its distance from its reconstruction.

    D descends energy(x) + [m − energy(G(z))]⁺, G descends energy(G(z)); a logit is −energy.

    Source: Zhao et al. 2017, "Energy-based Generative Adversarial Network", eqs. (1), (2) and (4).
    """

    def energy(networks: Networks, examples: Tensor) -> tuple[Tensor, Tensor]:
        reconstructed, code = networks.discriminator(examples)
        return norm_per_example(examples - reconstructed), code

    def g_loss(networks: Networks, batch: Batch) -> Tensor:
        energies, code = energy(networks, networks.generator(batch.noise))
        loss = energies.mean()
        return loss + pulling_away * _mean_squared_cosine(code) if pulling_away else loss

    def d_loss(networks: Networks, batch: Batch) -> Tensor:
        fake, _code = energy(networks, networks.generator(batch.noise))
        return energy(networks, batch.real)[0].mean() + relu(margin - fake).mean()

    def build(pair: Architecture, noise: RandomInput, spec: DataSpec) -> Game:
        return Game(
            {
                "generator": pair.generator(noise.shape[0], spec),
                "discriminator": autoencoder(pair, code_dim, spec),
            },
            {"generator": g_loss, "discriminator": d_loss},
            {"noise": noise},
            logits=lambda networks, _batch, x: -energy(networks, x)[0],
        )

    return replace(two_player_variant(build, **options), threshold=None)


def _mean_squared_cosine(codes: Tensor) -> Tensor:
    """Over all pairs of different codes [n, code_dim]."""
    count, directions = len(codes), normalize(codes)
    return ((directions @ directions.mT).square().sum() - count) / (count * (count - 1))
