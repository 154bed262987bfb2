"""Dirac-GAN: a GAN of two numbers, whose field and update map are known in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt
from torch import Tensor

from ganbench import streams
from ganbench.claims.dirac import NUMBERS
from ganbench.errors import GanbenchError
from ganbench.game import Batch, ConstantInput, DataSpec, Game, Input, Networks, RandomInput, Tree
from ganbench.networks.network import architecture
from ganbench.objectives import Objective, minimax, non_saturating, wasserstein
from ganbench.penalties import Penalty, clip_weights, gradient_penalty, r1, r2
from ganbench.updates import FirstPlayer
from ganbench.variants.two_player import adversarial_losses, register_variant, two_player
from ganbench.variants.variant import Variant

Method = Literal["gan", "nsgan", "wgan", "wgan-gp", "instance-noise", "r1", "r2"]
_OBJECTIVES = {"gan": minimax, "nsgan": non_saturating, "wgan": wasserstein}
_NODES = 64


@register_variant("dirac", extends=None)
def dirac(
    method: Annotated[Method, "whose field; instance noise, R1 and R2 are added to `objective`"] = "gan",
    objective: Annotated[
        Literal["gan", "nsgan", "wgan"] | None, "of instance-noise, r1 and r2; null: gan, as published"
    ] = None,
    start: Annotated[tuple[float, float], "where seed 0 starts: (θ, ψ), with D(x) = −ψx"] = (1.0, 1.0),
    spread: Annotated[float, Gt(0), "other seeds start anywhere in the square [-spread, spread]²"] = 2.0,
    step_size: Annotated[float, Gt(0), "of both players"] = 0.2,
    order: Annotated[Literal["simultaneous", "alternating"], "of the players' steps"] = "simultaneous",
    update: Annotated[
        Literal["plain", "consensus", "extragradient", "optimistic"], "rule; all but plain are simultaneous"
    ] = "plain",
    first: Annotated[FirstPlayer | None, "of alternating steps; null: generator, as published"] = None,
    n_critic: Annotated[int, Ge(1), "discriminator steps to one of the generator, alternating"] = 1,
    gamma: Annotated[
        float | None, Ge(0), "weight γ/2 of r1, r2, wgan-gp (null: 0.3), γ of consensus (null: 1)"
    ] = None,
    gp_target: Annotated[float | None, Ge(0), "slope that wgan-gp wants; null: 1"] = None,
    clip: Annotated[float | None, Gt(0), "wgan's bound on |ψ|; null: 1"] = None,
    noise_std: Annotated[
        float | None, Gt(0), "of instance noise on real and generated points; null: 0.7"
    ] = None,
) -> Variant:
    """Dirac-GAN: data at 0, a generator at θ and a discriminator D(x) = −ψx, moved by plain SGD.

    The sign of ψ is that of the published fields, in which −D is written ψx; so the published starts and
    radii hold as they are.  Instance noise is averaged by Gauss-Hermite quadrature of 64 nodes, so that every
    field is exact.  `wgan-gp` adds γ/2·(|ψ| − gp_target)²; consensus descends γ·½‖v‖² as well.
    Wants `engine: {precision: float64}` where numbers are to be compared with theory.

    Source: Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?", sections 2 and 3.
    """
    numbers = _numbers(method, update, gamma=gamma, gp_target=gp_target, clip=clip, noise_std=noise_std)
    if objective is not None and method not in ("instance-noise", "r1", "r2"):
        raise GanbenchError(f"dirac: method {method} has an objective of its own; leave `objective` out")
    base = wasserstein if method == "wgan-gp" else _OBJECTIVES[objective or "gan"]
    wanted, penalties = _OBJECTIVES.get(method, base)(), _penalties(method, numbers)
    settings: dict[str, Any] = {"network": "dirac", "latent_dim": 1, "batch_size": 1, "optimizer": "sgd"}
    rule = _rule(order, update, first, n_critic, numbers)
    variant = two_player(wanted, penalties, **settings, learning_rate=step_size, **rule)
    return replace(
        variant,
        build=lambda spec: _game(spec, wanted, penalties, numbers.get("noise_std", 0.0)),
        starts=lambda seed: _start(seed, start, spread),
    )


def _numbers(method: str, update: str, **given: float | None) -> dict[str, float]:
    """The numbers that the method and the rule have; refuses others, which would do nothing."""
    known = dict(NUMBERS.get(method, {}))
    if update == "consensus":
        if "gamma" in known:
            raise GanbenchError(f"dirac: gamma would be the weight of {method} and of consensus; choose one")
        known |= NUMBERS[update]
    for name, value in given.items():
        if value is not None and name not in known:
            whose = f"method {method}" + ("" if update == "plain" else f" with {update} updates")
            raise GanbenchError(f"dirac: {whose} has no {name}; leave it out")
    return known | {name: value for name, value in given.items() if value is not None}


def _rule(
    order: str, update: str, first: FirstPlayer | None, n_critic: int, numbers: Mapping[str, float]
) -> dict[str, Any]:
    """The update rule, as `two_player` is told it."""
    if order == "alternating":
        if update != "plain":
            raise GanbenchError(f"dirac: {update} updates are simultaneous; leave `order` out")
        return {"update": "alternating", "n_critic": n_critic, "first": first or "generator"}
    if first is not None:
        raise GanbenchError("dirac: with simultaneous updates nobody moves first; leave `first` out")
    rules = {"plain": "simultaneous", "consensus": {"consensus": {"weight": numbers.get("gamma")}}}
    return {"update": rules.get(update, update), "n_critic": n_critic}


def _penalties(method: str, numbers: Mapping[str, float]) -> list[Penalty]:
    penalties = {
        "wgan": lambda: clip_weights(numbers["clip"]),
        "wgan-gp": lambda: gradient_penalty(numbers["gamma"] / 2, numbers["gp_target"]),
        "r1": lambda: r1(numbers["gamma"]),
        "r2": lambda: r2(numbers["gamma"]),
    }
    return [penalties[method]()] if method in penalties else []


def _game(spec: DataSpec, objective: Objective, penalties: list[Penalty], noise_std: float) -> Game:
    """The usual losses, but that both expectations are a weighted sum over the instance noise's nodes."""
    if noise_std and spec.shape != (1,):
        raise GanbenchError(f"dirac: instance noise is exact on the line only, not for data of {spec.shape}")
    pair = architecture("dirac")
    players = {"generator": pair.generator(1, spec), "discriminator": pair.discriminator(spec)}

    def generated(networks: Networks, batch: Batch) -> Tensor:
        nodes = batch["instance_noise"]
        return networks.generator(nodes) + nodes

    def moved(batch: Batch) -> Tensor:
        return batch.real + batch["instance_noise"]

    inputs: dict[str, Input] = {"noise": RandomInput((1,)), **_instance_noise(spec, noise_std)}
    for penalty in penalties:  # between two points any share will do: the slope of D is the same everywhere
        inputs |= {
            name: ConstantInput(torch.full((1, *draw.shape), 0.5))
            for name, draw in penalty.inputs(spec).items()
            if isinstance(draw, RandomInput)
        }
    return Game(players, adversarial_losses(objective, penalties, moved, generated), inputs)


def _instance_noise(spec: DataSpec, std: float) -> dict[str, Input]:
    """Nodes [n, *shape] of N(0, std²) and their weights [n]; without noise one node, 0."""
    if not std:
        nodes, weights = torch.zeros(1, *spec.shape, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    else:
        node, weight = np.polynomial.hermite_e.hermegauss(_NODES)
        nodes = std * torch.from_numpy(node).unsqueeze(1)
        weights = torch.from_numpy(weight / weight.sum())
    return {
        "instance_noise": ConstantInput(nodes),
        "real_weights": ConstantInput(weights),
        "noise_weights": ConstantInput(weights),
    }


def _start(seed: int, start: tuple[float, float], spread: float) -> dict[str, Tree]:
    """Seed 0 starts where it is told, the others anywhere in the square."""
    drawn = torch.rand(2, dtype=torch.float64, generator=streams.generator(seed, "initial/dirac"))
    theta, psi = start if seed == 0 else (spread * (2 * drawn - 1)).tolist()
    g, d = (torch.tensor(value, dtype=torch.float64) for value in (theta, psi))
    return {"generator": {"theta": g}, "discriminator": {"psi": d}}
