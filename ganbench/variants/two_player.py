"""The generator and discriminator game, from an objective, penalties and a pair of networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Literal

from annotated_types import Ge, Interval
from torch import Tensor, nn

from ganbench import registry
from ganbench.errors import GanbenchError
from ganbench.game import Batch, DataSpec, Game, Loss, Networks, RandomInput
from ganbench.networks.network import architecture
from ganbench.objectives import Objective
from ganbench.optimizers import optimizer as make_optimizer
from ganbench.penalties import Penalty
from ganbench.registry import EntryOf
from ganbench.schedules import LearningRate
from ganbench.updates import FirstPlayer, Turns, update_rule
from ganbench.variants.discriminator_input import SINGLE_EXAMPLES, DiscriminatorInput
from ganbench.variants.variant import Variant

DCGAN_ADAM = {"adam": {"beta1": 0.5}}
"""Radford et al. 2016, section 4; with a learning rate of 2e-4."""
Network = Annotated[str | dict[str, Any], EntryOf("network"), "the players' architecture"]
LatentDim = Annotated[int, Ge(1), "numbers in the generator's input"]
BatchSize = Annotated[int, Ge(1), "real and generated examples in each update"]
OptimizerChoice = Annotated[str | dict[str, Any], "sgd, adam or rmsprop, with options"]
DiscriminatorRate = Annotated[LearningRate | None, "of the discriminator; null: learning_rate"]
Update = Annotated[str | dict[str, Any], EntryOf("update"), "who moves when"]
First = Annotated[FirstPlayer, "who moves first in a round of alternating updates"]


def two_player(
    objective: Objective,
    penalties: Sequence[Penalty] = (),
    prepare_discriminator: Callable[[nn.Module], nn.Module] | None = None,
    shown: DiscriminatorInput = SINGLE_EXAMPLES,
    *,
    network: Network = "mlp",
    latent_dim: LatentDim = 64,
    latent: Annotated[Literal["normal", "uniform"], "N(0, I), or uniform on [-1, 1)"] = "normal",
    batch_size: BatchSize = 64,
    optimizer: OptimizerChoice = DCGAN_ADAM,
    learning_rate: Annotated[LearningRate, "of both players; constant, or by the share of the budget"] = 2e-4,
    discriminator_learning_rate: DiscriminatorRate = None,
    update: Update = "alternating",
    n_critic: Annotated[int, Ge(1), "discriminator updates before each generator update"] = 1,
    first: First = "discriminator",
    ema: Annotated[
        float | None,
        Interval(gt=0, lt=1),
        "decay of the generator's moving average (of parameters; buffers stay live); null: none",
    ] = None,
) -> Variant:
    """A two-player variant; every keyword setting can be given in a suite.

    `batch_size` counts what the discriminator is shown at once: packs, where examples are `shown` in packs.
    """
    discriminator_rate = learning_rate if discriminator_learning_rate is None else discriminator_learning_rate
    return Variant(
        build=lambda spec: _game(
            objective, tuple(penalties), prepare_discriminator, shown, network, latent_dim, latent, spec
        ),
        update=update_rule(update, Turns(n_critic, first)),
        optimizers={
            "generator": make_optimizer(optimizer, learning_rate),
            "discriminator": make_optimizer(optimizer, discriminator_rate),
        },
        batch_size=batch_size * shown.packing,
        reals_per_batch=batch_size * shown.packing,
        projections=_projections(penalties),
        averages={} if ema is None else {"generator": ema},
        threshold=objective.threshold,
        probability=objective.probability if shown == SINGLE_EXAMPLES else None,
    )


def register_variant(
    name: str, extends: Callable[..., Any] | None = two_player
) -> Callable[[registry.F], registry.F]:
    """Register a function of options that returns a `Variant`.

    Where the function takes **options, they are those of `extends`; its own defaults win.
    """
    return registry.register("variant", name, extends)


def _projections(penalties: Sequence[Penalty]) -> dict[str, Callable[[Tensor], Tensor]]:
    projections = [penalty.project for penalty in penalties if penalty.project is not None]
    if len(projections) > 1:
        raise GanbenchError("at most one penalty of a variant can project the discriminator's parameters")
    return {"discriminator": projections[0]} if projections else {}


def _game(
    objective: Objective,
    penalties: tuple[Penalty, ...],
    prepare_discriminator: Callable[[nn.Module], nn.Module] | None,
    shown: DiscriminatorInput,
    network: str | dict[str, Any],
    latent_dim: int,
    latent: str,
    spec: DataSpec,
) -> Game:
    pair = architecture(network)
    generator, discriminator = pair.generator(latent_dim, spec), shown.discriminator(pair, spec)
    if prepare_discriminator is not None:
        discriminator = prepare_discriminator(discriminator)
    inputs = {"noise": RandomInput((latent_dim,), "normal" if latent == "normal" else "symmetric")}
    inputs |= shown.inputs(spec)
    for penalty in penalties:
        inputs |= penalty.inputs(spec)
    return Game(
        {"generator": generator, "discriminator": discriminator},
        adversarial_losses(objective, penalties, shown.real, shown.fake),
        inputs,
        logits=shown.logits,
    )


def adversarial_losses(
    objective: Objective,
    penalties: Sequence[Penalty],
    real_shown: Callable[[Batch], Tensor],
    fake_shown: Callable[[Networks, Batch], Tensor],
) -> dict[str, Loss]:
    """Both players' losses, given what the discriminator is shown of the real and the generated examples."""

    def discriminator_loss(networks: Networks, batch: Batch) -> Tensor:
        real, fake = real_shown(batch), fake_shown(networks, batch)
        loss = objective.discriminator(networks.discriminator(real), networks.discriminator(fake), batch)
        for penalty in penalties:
            if penalty.term is not None:
                term = partial(penalty.term, networks, batch, real, fake)
                loss = loss + batch.every(penalty.every, term)
        return loss

    def generator_loss(networks: Networks, batch: Batch) -> Tensor:
        fake_logits = networks.discriminator(fake_shown(networks, batch))
        real_logits = networks.discriminator(real_shown(batch)) if objective.paired else fake_logits
        return objective.generator(real_logits, fake_logits, batch)

    return {"generator": generator_loss, "discriminator": discriminator_loss}
