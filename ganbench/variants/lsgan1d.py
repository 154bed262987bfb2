"""The one-dimensional least-squares game with two numbers a player, whose loss is known exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from ganbench.datasets.real_line import Exponential, Normal
from ganbench.errors import GanbenchError
from ganbench.game import DOUBLED, Batch, ConstantInput, DataSpec, Game, Input, Networks, RandomInput
from ganbench.objectives import Objective, least_squares
from ganbench.optimizers import optimizer
from ganbench.updates import update_rule
from ganbench.variants.two_player import register_variant
from ganbench.variants.variant import Variant

Name = Literal["a", "b", "g", "h"]
Expectation = Literal["quadrature", "samples"]
Latent = Literal["rayleigh", "normal"]
_PLAYERS: Mapping[str, tuple[Name, Name]] = {"discriminator": ("a", "b"), "generator": ("g", "h")}


@register_variant("lsgan1d", extends=None)
def lsgan1d(
    a: Annotated[float, "start of the discriminator's slope"] = 2.2,
    b: Annotated[float, "start of the discriminator's intercept"] = -3.0,
    g: Annotated[float, "start of the generator's scale"] = 1.5,
    h: Annotated[float, "start of the generator's shift"] = -2.0,
    free: Annotated[tuple[Name, ...], "the parameters that move; the others stay where they start"] = (
        "b",
        "h",
    ),
    step_size: Annotated[float, Gt(0), "of both players, who move at once"] = 0.4,
    objective: Annotated[
        Literal["pulford", "mao"], "the published loss, or that of Mao et al.'s least-squares GAN"
    ] = "pulford",
    expectation: Annotated[
        Expectation, "exact, by quadrature, or a mean over fresh samples at each update"
    ] = "quadrature",
    batch_size: Annotated[int, Ge(1), "real and generated examples in each update, where sampled"] = 1000,
    panels: Annotated[int, Ge(1), "panels of the quadrature, of 16 nodes each"] = 64,
    latent: Annotated[
        Latent, "z² of z with density 2z·exp(−z²), or the normal variable of its mean and variance"
    ] = "rayleigh",
) -> Variant:
    """Pulford and Kondrashov's game: D(x) = (1 + erf(ax + b))/2, G(z) = gz² + h, exact expectations.

    J = E D(x)² + E (1 − D(G(z)))² is climbed in (a, b) and descended in (g, h), both at once.  As J is convex
    in D, D runs to its bounds: this is not the least-squares GAN of Mao et al., which `objective: mao`
    plays with the same players (½E(D(x) − 1)² + ½E D(G)², and ½E(D(G) − 1)² for the generator).
    How many updates are made is the suite's `budget: {steps: 249}`.  The data set's own rate or mean counts.

    Source: Pulford & Kondrashov 2021, IEEE Access; Mao et al. 2017, eq. (9), for `objective: mao`.
    Deviation: `latent: normal` is not theirs; with the data set `normal` the loss has a closed form too.
    """
    if not free:
        raise GanbenchError("lsgan1d: `free` names the parameters that move; name at least one of a, b, g, h")
    # Float64, so that the starts are the same in every precision but for rounding.
    start = {n: torch.tensor(v, dtype=torch.float64) for n, v in {"a": a, "b": b, "g": g, "h": h}.items()}
    rule = optimizer("sgd", step_size)
    return Variant(
        build=lambda spec: _game(
            spec, free, _OBJECTIVES[objective](), expectation == "quadrature", panels, latent
        ),
        update=update_rule("simultaneous"),
        optimizers={"generator": rule, "discriminator": rule},
        batch_size=batch_size,
        reals_per_batch=batch_size,
        threshold=0.5,
        probability=_OBJECTIVES[objective]().probability,
        starts=lambda _seed: {player: {n: start[n] for n in names} for player, names in _PLAYERS.items()},
    )


def pulford() -> Objective:
    """E D(x)² + E (1 − D(G(z)))², climbed by the discriminator and descended by the generator."""
    return Objective(
        discriminator=lambda real, fake, batch: (
            -batch.mean_real(real.square()) - batch.mean_noise((1 - fake).square())
        ),
        generator=lambda _real, fake, batch: batch.mean_noise((1 - fake).square()),
        threshold=0.5,
    )


_OBJECTIVES = {"pulford": pulford, "mao": least_squares}


class Line(nn.Module):
    """Two numbers, of which those that are not free have no gradient."""

    def __init__(self, names: Sequence[str], free: Sequence[str]) -> None:
        super().__init__()
        self.names, self.free = names, frozenset(free)
        for name in names:
            self.register_parameter(name, nn.Parameter(torch.zeros(())))

    def initialize(self, _generator: torch.Generator) -> None:
        """Zeros; the variant's start replaces them."""
        for name in self.names:
            getattr(self, name).data.zero_()

    def number(self, name: str) -> Tensor:
        """A parameter [], detached where it is not free."""
        value: Tensor = getattr(self, name)
        return value if name in self.free else value.detach()


class Probit(Line):
    """D(x) = (1 + erf(ax + b))/2 in [0, 1]; examples [n, 1] to [n]."""

    def forward(self, x: Tensor) -> Tensor:
        """The discriminator's output [n]: a probability, not a logit."""
        return (1 + torch.erf(self.number("a") * x[:, 0] + self.number("b"))) / 2


class Affine(Line):
    """G = g·e + h of a latent e that is made from standard normal noise [n, d]; to [n, 1]."""

    def __init__(self, names: Sequence[str], free: Sequence[str], latent: Latent) -> None:
        super().__init__(names, free)
        self.latent = latent

    def forward(self, noise: Tensor) -> Tensor:
        """Samples [n, 1]."""
        return self.number("g") * latent_of(noise, self.latent) + self.number("h")


def latent_of(noise: Tensor, latent: Latent) -> Tensor:
    """z² = |noise|²/2 [n, 1] of planar noise [n, 2], where z has density 2z·exp(−z²); or 1 + noise [n, 1]."""
    return noise.square().sum(1, keepdim=True) / 2 if latent == "rayleigh" else 1 + noise


def noise_rule(latent: Latent, panels: int) -> tuple[Tensor, Tensor]:
    """Nodes [n, d] of the noise and weights [n], float64."""
    if latent == "normal":
        return Normal(0.0, 1.0).quadrature(panels)
    squares, weights = Exponential(1.0).quadrature(panels)
    return torch.cat([(2 * squares).sqrt(), torch.zeros_like(squares)], 1), weights


def _game(
    spec: DataSpec, free: Sequence[Name], objective: Objective, exact: bool, panels: int, latent: Latent
) -> Game:
    if spec.shape != (1,):
        raise GanbenchError(f"lsgan1d plays on the real line; the data's shape is {spec.shape}, not (1,)")
    discriminator = Probit(_PLAYERS["discriminator"], free)
    generator = Affine(_PLAYERS["generator"], free, latent)

    def played(batch: Batch) -> tuple[Tensor, Tensor]:
        return (batch["real_nodes"], batch["noise_nodes"]) if exact else (batch.real, batch.noise)

    def discriminator_loss(networks: Networks, batch: Batch) -> Tensor:
        real, noise = played(batch)
        fake = networks.discriminator(networks.generator(noise))
        return objective.discriminator(networks.discriminator(real), fake, batch)

    def generator_loss(networks: Networks, batch: Batch) -> Tensor:
        fake = networks.discriminator(networks.generator(played(batch)[1]))
        return objective.generator(fake, fake, batch)

    players = {"generator": generator, "discriminator": discriminator}
    losses = {"generator": generator_loss, "discriminator": discriminator_loss}
    inputs: dict[str, Input] = {"noise": RandomInput((2 if latent == "rayleigh" else 1,))}
    if exact:
        inputs |= _rules(spec, panels, latent, "") | _rules(spec, 2 * panels, latent, DOUBLED)
    return Game(players, losses, inputs)


def _rules(spec: DataSpec, panels: int, latent: Latent, ending: str) -> dict[str, Any]:
    """The nodes and weights of both expectations, as inputs of the batch."""
    if spec.quadrature is None:
        raise GanbenchError(
            "lsgan1d: the data set gives no quadrature for an exact expectation; use exponential or normal, "
            "or `expectation: samples`"
        )
    rules = {"real": spec.quadrature(panels), "noise": noise_rule(latent, panels)}
    return {
        f"{name}_{part}{ending}": ConstantInput(values)
        for name, rule in rules.items()
        for part, values in zip(("nodes", "weights"), rule, strict=True)
    }
