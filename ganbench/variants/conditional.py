"""Conditional games: what they know of the data's classes, and the game whose discriminator is told them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from ganbench.errors import GanbenchError
from ganbench.game import Batch, DataSpec, Game, Logits, Loss, Networks, RandomInput
from ganbench.networks.network import Architecture
from ganbench.objectives import Objective
from ganbench.variants.two_player import two_player_variant
from ganbench.variants.variant import Variant

FAKE_LABEL = "fake_label"
"""The input that holds the classes of generated examples in training, drawn in the data's shares."""


@dataclass(frozen=True)
class Classes:
    """The classes of the data's target: the field that holds them, and their shares, float64 [classes]."""

    field: str
    shares: Tensor

    @classmethod
    def of(cls, spec: DataSpec) -> Classes:
        """Those of a data set; raises GanbenchError where it has none."""
        shares = spec.class_shares
        if spec.label is None or shares is None:
            name = "label" if spec.target == "real" else f"{spec.target}_label"
            raise GanbenchError(
                f"it needs the class of each example, and these data have no field {name!r} of classes, but "
                f"{', '.join(spec.fields)}; take data with classes, such as ring8 or digits, or a variant "
                "without, such as nsgan"
            )
        return cls(spec.label, shares)

    def __len__(self) -> int:
        return len(self.shares)

    def fake(self, networks: Networks, batch: Batch) -> Tensor:
        """Generated examples of the classes in `FAKE_LABEL`."""
        return networks.generator(batch.noise, batch[FAKE_LABEL])

    def game(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        losses: Mapping[str, Loss],
        noise: RandomInput,
        logits: Logits,
    ) -> Game:
        """The game of a generator of (noise, label), whose samples have classes in the data's shares."""
        return Game(
            {"generator": generator, "discriminator": discriminator},
            losses,
            {"noise": noise, FAKE_LABEL: RandomInput((), "categorical", self.shares)},
            sample=lambda networks, batch: networks.generator(batch.noise, batch[self.field]),
            logits=logits,
        )


def conditional(
    objective: Objective,
    discriminator: Callable[[Architecture, DataSpec, int], nn.Module],
    **options: Any,
) -> Variant:
    """A variant whose discriminator is a function of (examples, labels), made for a number of classes.

    The options are those of `two_player_variant`.
    """

    def build(pair: Architecture, noise: RandomInput, spec: DataSpec) -> Game:
        classes = Classes.of(spec)

        def on_fake(networks: Networks, batch: Batch) -> Tensor:
            return networks.discriminator(classes.fake(networks, batch), batch[FAKE_LABEL])

        def generator_loss(networks: Networks, batch: Batch) -> Tensor:
            logits = on_fake(networks, batch)
            return objective.generator(logits, logits, batch)

        def discriminator_loss(networks: Networks, batch: Batch) -> Tensor:
            real = networks.discriminator(batch.real, batch[classes.field])
            return objective.discriminator(real, on_fake(networks, batch), batch)

        return classes.game(
            pair.generator(noise.shape[0], spec, len(classes)),
            discriminator(pair, spec, len(classes)),
            {"generator": generator_loss, "discriminator": discriminator_loss},
            noise,
            lambda networks, batch, x: networks.discriminator(x, batch[classes.field]),
        )

    variant = two_player_variant(build, **options)
    return replace(variant, threshold=objective.threshold, probability=objective.probability)
