"""The generator's gradient under two costs, on a scale of its own so that nothing underflows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import vjp, vmap
from torch.nn.functional import logsigmoid

from ganbench.game import Batch, Game, Networks, Tree
from ganbench.training.replicas import evaluate, replica

SIGNS = {"minimax": 1.0, "nonsaturating": -1.0}
"""d/dl of log(1 − σ(l)) is −σ(l), and that of −log σ(l) is −σ(−l): both negative, so norms need no sign."""


@dataclass(frozen=True)
class GeneratorGradient:
    """log₁₀ of norms per cost, float64 [S]: of the mean gradient, and of a minibatch's deviation from it."""

    norm: dict[str, Tensor]
    noise: dict[str, Tensor]


def generator_gradient(
    game: Game,
    judge: str,
    generating: Sequence[str],
    params: Mapping[str, Tree],
    buffers: Mapping[str, Tree],
    inputs: Tree,
    constants: Tree,
    looped: bool,
) -> GeneratorGradient:
    """‖∇_G‖ of E log(1 − D(G(z))) and of −E log D(G(z)), D the player `judge`.

    G are the `generating` players; samples are made from inputs {name: [S, minibatches, n, ...]}.
    Evaluation mode.  Every minibatch's gradient is divided by its largest weight σ(±l), whose
    logarithm is kept beside it: a perfect discriminator's gradients lie far below the smallest float.
    """

    def of_minibatches(networks: Networks, batch: Batch) -> Tensor:
        fixed = {name: batch[name] for name in constants}

        def of_minibatch(drawn: Tree) -> Tensor:
            def logits(trees: dict[str, Tree]) -> Tensor:
                moved = networks
                for player, tree in trees.items():
                    moved = moved.with_parameters(player, tree)
                return getattr(moved, judge)(game.sample(moved, Batch({**fixed, **drawn})))

            return _of_minibatch(logits, {player: networks.parameters(player) for player in generating})

        drawn = {name: batch[name] for name in inputs}
        if not looped:
            return vmap(of_minibatch)(drawn)
        count = len(next(iter(drawn.values())))
        return torch.stack([of_minibatch(replica(drawn, place)) for place in range(count)])

    rows = evaluate(game, params, buffers, of_minibatches, inputs, constants, looped=looped).double()
    norm, deviation = {}, {}
    for index, cost in enumerate(SIGNS):
        scales, gradients = rows[:, :, index, 0], rows[:, :, index, 1:]
        largest = scales.max(1, keepdim=True).values
        shares = gradients * (scales - largest).exp().unsqueeze(2)
        decades = largest.squeeze(1) / math.log(10)
        norm[cost] = decades + shares.mean(1).norm(dim=1).log10()
        deviation[cost] = decades + shares.var(1).sum(1).sqrt().log10()
    return GeneratorGradient(norm, deviation)


def _of_minibatch(logits: Callable[[dict[str, Tree]], Tensor], params: dict[str, Tree]) -> Tensor:
    """For each cost the scale's logarithm, then the scaled gradient: [2, 1 + P] of logits [n]."""
    values, pull = vjp(logits, params)[:2]
    rows = []
    for sign in SIGNS.values():
        weights = logsigmoid(sign * values)
        scale = weights.max()
        (gradient,) = pull((weights - scale).exp() / len(values))
        parts = [part.flatten() for tree in gradient.values() for part in tree.values()]
        rows.append(torch.cat([scale.reshape(1), *parts]))
    return torch.stack(rows)
