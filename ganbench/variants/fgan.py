"""The f-GAN: a generator trained by the variational bound of any f-divergence."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from torch import Tensor

from ganbench.divergences import Divergence, f_divergence
from ganbench.game import Batch
from ganbench.objectives import Objective
from ganbench.variants.two_player import register_variant, two_player
from ganbench.variants.variant import Variant

Name = Literal[
    "kl", "reverse_kl", "pearson", "neyman", "hellinger", "js", "jeffrey", "gan", "total_variation"
]
GeneratorGoal = Literal["bound", "alternative"]


@register_variant("fgan")
def fgan(
    divergence: Annotated[Name, "the f-divergence of the data from the model whose bound is trained"] = "js",
    generator_goal: Annotated[
        GeneratorGoal, "minimize the bound, or maximize E g_f(V(G(z))) instead (section 3.2)"
    ] = "bound",
    **options: Any,
) -> Variant:
    """f-GAN: the discriminator raises, the generator lowers, a bound on an f-divergence.

    Source: Nowozin et al. 2016, "f-GAN", eqs. (4) and (6), table 6; `alternative`: section 3.2.
    Deviation: alternating updates with Adam by default; the paper's algorithm 1 moves both at once
    (`update: simultaneous`).
    """
    chosen = f_divergence(divergence)
    return replace(two_player(variational(chosen, generator_goal), **options), divergence=chosen)


def variational(divergence: Divergence, generator_goal: GeneratorGoal = "bound") -> Objective:
    """F = E_P g_f(V) − E_Q f*(g_f(V)): up for the discriminator, down for the generator."""

    def discriminator(real: Tensor, fake: Tensor, batch: Batch) -> Tensor:
        return batch.mean_noise(divergence.bounded(fake)) - batch.mean_real(divergence.output(real))

    def generator(_real: Tensor, fake: Tensor, batch: Batch) -> Tensor:
        value = divergence.bounded if generator_goal == "bound" else divergence.output
        return -batch.mean_noise(value(fake))

    logit = divergence.name in ("gan", "js")
    return Objective(
        discriminator, generator, divergence.threshold, probability="log_odds" if logit else None
    )
