"""GANs with consistency regularization."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from annotated_types import Ge
from torch import Tensor

from ganbench.augmentations import TEXT, Augmentations
from ganbench.game import Batch, DataSpec, Game, Networks, RandomInput
from ganbench.networks.network import Architecture
from ganbench.objectives import hinge
from ganbench.variants.two_player import register_variant, two_player_variant
from ganbench.variants.variant import Variant

_PUBLISHED = ("flip", "translation")


@register_variant("consistency")
def consistency(
    kind: Annotated[Literal["cr", "bcr", "zcr", "icr"], "icr: bcr and zcr at once"] = "cr",
    weight: Annotated[float, Ge(0), "λ of (D(x) − D(T(x)))², of real and with bcr of generated x"] = 10.0,
    augmentations: Annotated[
        str | None, f"T: {TEXT}; null: flip and translation on images, noise on vectors"
    ] = None,
    latent_std: Annotated[float, Ge(0), "zcr: standard deviation of the latent's perturbation"] = 0.03,
    latent_weight: Annotated[float, Ge(0), "zcr: λ_dis of (D(G(z)) − D(G(z + Δz)))²"] = 5.0,
    latent_reward: Annotated[float, Ge(0), "zcr: λ_gen of −(G(z) − G(z + Δz))², for the generator"] = 0.5,
    **options: Any,
) -> Variant:
    """Hinge GAN whose discriminator's logit is to stay under augmentations, of the latent too with zcr.

    Source: Zhang et al. 2020, "Consistency Regularization for Generative Adversarial Networks", algorithm 1;
    Zhao et al. 2021, "Improved Consistency Regularization for GANs", algorithms 1 (bcr), 2 (zcr) and 3 (icr).
    They published no code; weights as in independent ones, of which StudioGAN's for BigGAN on CIFAR-10 has
    `latent_std: 0.05` and `latent_weight: 20`.
    Deviations: one weight of real and of generated examples; no spectral normalization.
    """
    objective, augmented = hinge(), Augmentations(augmentations, _PUBLISHED)
    real_groups = () if kind == "zcr" else ("real",)
    fake_groups = ("fake",) if kind in ("bcr", "icr") else ()
    of_latent = kind in ("zcr", "icr")

    def near(networks: Networks, batch: Batch) -> Tensor:
        return networks.generator(batch.noise + latent_std * batch["latent_perturbation"])

    def d_loss(networks: Networks, batch: Batch) -> Tensor:
        examples = {"real": batch.real, "fake": networks.generator(batch.noise)}
        logits = {group: networks.discriminator(x) for group, x in examples.items()}
        loss = objective.discriminator(logits["real"], logits["fake"], batch)
        for group in real_groups + fake_groups:
            other = networks.discriminator(augmented(batch, group, examples[group]))
            loss = loss + weight * (logits[group] - other).square().mean()
        if of_latent:
            other = networks.discriminator(near(networks, batch))
            loss = loss + latent_weight * (logits["fake"] - other).square().mean()
        return loss

    def g_loss(networks: Networks, batch: Batch) -> Tensor:
        fake = networks.generator(batch.noise)
        logits = networks.discriminator(fake)
        loss = objective.generator(logits, logits, batch)
        return loss - latent_reward * (fake - near(networks, batch)).square().mean() if of_latent else loss

    def build(pair: Architecture, noise: RandomInput, spec: DataSpec) -> Game:
        inputs = {"noise": noise, **({"latent_perturbation": RandomInput(noise.shape)} if of_latent else {})}
        for group in real_groups + fake_groups:
            inputs |= augmented.inputs(spec, group)
        players = {
            "generator": pair.generator(noise.shape[0], spec),
            "discriminator": pair.discriminator(spec),
        }
        return Game(players, {"generator": g_loss, "discriminator": d_loss}, inputs)

    return replace(two_player_variant(build, **options), threshold=objective.threshold)
