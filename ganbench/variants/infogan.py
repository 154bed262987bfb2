"""InfoGAN."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from ganbench.game import Batch, DataSpec, Game, Networks, RandomInput
from ganbench.networks.conditional import label_vectors
from ganbench.networks.network import Architecture
from ganbench.variants.two_player import register_variant, two_player_variant
from ganbench.variants.variant import Variant


@register_variant("infogan")
def infogan(
    categories: Annotated[int, Ge(2), "values of the categorical code"] = 10,
    codes: Annotated[int, Ge(0), "continuous codes, uniform on [-1, 1)"] = 2,
    category_weight: Annotated[float, Ge(0), "λ of the categorical code"] = 1.0,
    code_weight: Annotated[float, Ge(0), "λ of the continuous codes"] = 0.1,
    **options: Any,
) -> Variant:
    """InfoGAN: part of the generator's input is a code, which D's second head Q reads from the examples.

    Both players descend −λ·L_I, the bound of the mutual information; Q is normal with standard deviation 1.

    Source: Chen et al. 2016, "InfoGAN: Interpretable Representation Learning by Information Maximizing
    Generative Adversarial Nets", eq. (6), and the authors' code.
    """

    def fake(networks: Networks, batch: Batch) -> Tensor:
        category = label_vectors(batch["category"], categories, batch.noise)
        return networks.generator(torch.cat([batch.noise, category, batch["codes"]], 1))

    def judged(networks: Networks, batch: Batch) -> tuple[Tensor, Tensor]:
        logits, category, means = networks.discriminator(fake(networks, batch)).split(
            [1, categories, codes], 1
        )
        errors = (means - batch["codes"]).square().sum(1) / 2
        missed = category_weight * cross_entropy(category, batch["category"]) + code_weight * errors.mean()
        return logits, missed

    def g_loss(networks: Networks, batch: Batch) -> Tensor:
        logits, missed = judged(networks, batch)
        return softplus(-logits).mean() + missed

    def d_loss(networks: Networks, batch: Batch) -> Tensor:
        logits, missed = judged(networks, batch)
        return softplus(-networks.discriminator(batch.real)[:, 0]).mean() + softplus(logits).mean() + missed

    def build(pair: Architecture, noise: RandomInput, spec: DataSpec) -> Game:
        return Game(
            {
                "generator": pair.generator(noise.shape[0] + categories + codes, spec),
                "discriminator": pair.discriminator(spec, 1 + categories + codes),
            },
            {"generator": g_loss, "discriminator": d_loss},
            {
                "noise": noise,
                "category": RandomInput((), "categorical", torch.ones(categories)),
                "codes": RandomInput((codes,), "symmetric"),
            },
            sample=fake,
            logits=lambda networks, _batch, x: networks.discriminator(x)[:, 0],
        )

    return two_player_variant(build, **options)
