"""Games of a generator and a discriminator: their options, and the ordinary game of an objective."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

from annotated_types import Ge, Interval
from torch import Tensor, nn

from ganbench import registry
from ganbench.errors import GanbenchError
from ganbench.game import Batch, DataSpec, Game, Input, Loss, Networks, RandomInput, Tree
from ganbench.networks.network import Architecture, architecture
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
OptimizerChoice = Annotated[str | dict[str, Any], "sgd, adam or rmsprop, with options"]
Build = Callable[[Architecture, RandomInput, DataSpec], Game]
"""(architecture, the generator's input, data) → game."""


def two_player_variant(
    build: Build,
    generating: tuple[str, ...] = ("generator",),
    /,
    *,
    network: Annotated[str | dict[str, Any], EntryOf("network"), "the players' architecture"] = "mlp",
    latent_dim: Annotated[int, Ge(1), "numbers in the generator's input"] = 64,
    latent: Annotated[Literal["normal", "uniform"], "N(0, I), or uniform on [-1, 1)"] = "normal",
    batch_size: Annotated[int, Ge(1), "real and generated examples in each update"] = 64,
    optimizer: OptimizerChoice = DCGAN_ADAM,
    learning_rate: Annotated[LearningRate, "of all players; constant, or by the share of the budget"] = 2e-4,
    discriminator_learning_rate: Annotated[
        LearningRate | None,
        "of the discriminator, as in TTUR (Heusel et al. 2017, two time scales); null: learning_rate",
    ] = None,
    update: Annotated[str | dict[str, Any], EntryOf("update"), "who moves when"] = "alternating",
    n_critic: Annotated[int, Ge(1), "discriminator updates before each update of the others"] = 1,
    first: Annotated[FirstPlayer, "who moves first in a round of alternating updates"] = "discriminator",
    ema: Annotated[
        float | None,
        Interval(gt=0, lt=1),
        "decay of the generator's moving average (of parameters; buffers stay live); null: none",
    ] = None,
) -> Variant:
    """A variant of any game of a generator and a discriminator; a suite can give every keyword setting.

    Players that are trained together with the generator are named in `generating`.
    """
    rates = dict.fromkeys(generating, learning_rate)
    rates["discriminator"] = (
        learning_rate if discriminator_learning_rate is None else discriminator_learning_rate
    )
    noise = RandomInput((latent_dim,), "normal" if latent == "normal" else "symmetric")
    return Variant(
        build=lambda spec: build(architecture(network), noise, spec),
        update=update_rule(update, Turns(n_critic, first, generating)),
        optimizers={player: make_optimizer(optimizer, rate) for player, rate in rates.items()},
        batch_size=batch_size,
        reals_per_batch=batch_size,
        averages={} if ema is None else {"generator": ema},
    )


def two_player(
    objective: Objective,
    penalties: Sequence[Penalty] = (),
    prepare_discriminator: Callable[[nn.Module], nn.Module] | None = None,
    shown: DiscriminatorInput = SINGLE_EXAMPLES,
    **options: Any,
) -> Variant:
    """The ordinary game of an objective; the options are those of `two_player_variant`.

    `batch_size` counts what the discriminator is shown at once: packs, where examples are `shown` in packs.
    """
    made = two_player_variant(
        partial(_game, objective, tuple(penalties), prepare_discriminator, shown), **options
    )
    return replace(
        made,
        batch_size=made.batch_size * shown.packing,
        reals_per_batch=made.reals_per_batch * shown.packing,
        projections=_projections(penalties),
        threshold=objective.threshold,
        probability=objective.probability if shown == SINGLE_EXAMPLES else None,
    )


def register_variant(
    name: str, extends: Callable[..., Any] | None = two_player_variant
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
    pair: Architecture,
    noise: RandomInput,
    spec: DataSpec,
) -> Game:
    generator, discriminator = pair.generator(noise.shape[0], spec), shown.discriminator(pair, spec)
    if prepare_discriminator is not None:
        discriminator = prepare_discriminator(discriminator)
    inputs: dict[str, Input] = {"noise": noise, **shown.inputs(spec)}
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

    def discriminator_loss(networks: Networks, batch: Batch) -> Tensor | tuple[Tensor, Tree]:
        real, fake = real_shown(batch), fake_shown(networks, batch)
        real_logits, fake_logits = networks.discriminator(real), networks.discriminator(fake)
        loss, memories = objective.discriminator(real_logits, fake_logits, batch), Tree()
        for penalty in penalties:
            if penalty.term is not None:
                term = partial(penalty.term, networks, batch, real, fake)
                loss = loss + batch.every(penalty.every, term)
            if penalty.of_logits is not None:
                addend, written = penalty.of_logits(batch, real_logits, fake_logits)
                loss, memories = loss + addend, memories | written
        return (loss, memories) if memories else loss

    def generator_loss(networks: Networks, batch: Batch) -> Tensor:
        fake_logits = networks.discriminator(fake_shown(networks, batch))
        real_logits = networks.discriminator(real_shown(batch)) if objective.paired else fake_logits
        return objective.generator(real_logits, fake_logits, batch)

    return {"generator": generator_loss, "discriminator": discriminator_loss}
