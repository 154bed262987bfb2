"""The generator's gradient under two costs, on a scale of its own so that nothing underflows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import vjp, vmap
from torch.nn.functional import logsigmoid

from ganbench.game import Game, Networks, Tree
from ganbench.training.evaluation import evaluate

SIGNS = {"minimax": 1.0, "nonsaturating": -1.0}
"""d/dl of log(1 − σ(l)) is −σ(l), and that of −log σ(l) is −σ(−l): both negative, so norms need no sign."""


@dataclass(frozen=True)
class GeneratorGradient:
    """log₁₀ of norms per cost, float64 [S]: of the mean gradient, and of a minibatch's deviation from it."""

    norm: dict[str, Tensor]
    noise: dict[str, Tensor]


def generator_gradient(
    game: Game, params: dict[str, Tree], buffers: dict[str, Tree], noise: Tensor, looped: bool
) -> GeneratorGradient:
    """‖∇_G‖ of E log(1 − D(G(z))) and of −E log D(G(z)), over noise [S, minibatches, n, ...].

    Evaluation mode.  Every minibatch's gradient is divided by its largest weight σ(±l), whose
    logarithm is kept beside it: a perfect discriminator's gradients lie far below the smallest float.
    """
    use = _one_by_one if looped else _at_once
    rows = evaluate(
        game,
        params,
        buffers,
        lambda networks, batch: use(networks, batch.noise),
        {"noise": noise},
        looped=looped,
    ).double()
    norm, deviation = {}, {}
    for index, cost in enumerate(SIGNS):
        scales, gradients = rows[:, :, index, 0], rows[:, :, index, 1:]
        largest = scales.max(1, keepdim=True).values
        shares = gradients * (scales - largest).exp().unsqueeze(2)
        decades = largest.squeeze(1) / math.log(10)
        norm[cost] = decades + shares.mean(1).norm(dim=1).log10()
        deviation[cost] = decades + shares.var(1).sum(1).sqrt().log10()
    return GeneratorGradient(norm, deviation)


def _one_by_one(networks: Networks, minibatches: Tensor) -> Tensor:
    return torch.stack([_of_minibatch(networks, noise) for noise in minibatches])


def _at_once(networks: Networks, minibatches: Tensor) -> Tensor:
    found: Tensor = vmap(lambda noise: _of_minibatch(networks, noise))(minibatches)
    return found


def _of_minibatch(networks: Networks, noise: Tensor) -> Tensor:
    """For each cost the scale's logarithm, then the scaled gradient: [2, 1 + P] of noise [n, ...]."""

    def logits(own: Tree) -> Tensor:
        moved = networks.with_parameters("generator", own)
        return moved.discriminator(moved.generator(noise))

    values, pull = vjp(logits, networks.parameters("generator"))[:2]
    rows = []
    for sign in SIGNS.values():
        weights = logsigmoid(sign * values)
        scale = weights.max()
        (gradient,) = pull((weights - scale).exp() / len(values))
        rows.append(torch.cat([scale.reshape(1), *(part.flatten() for part in gradient.values())]))
    return torch.stack(rows)
