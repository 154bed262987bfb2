"""How nearly a generator reproduces given examples: the best over its latents, by a few steps of Adam."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import grad

from ganbench.diagnostics.diagnostic import Snapshot
from ganbench.diagnostics.estimators.fresh_networks import rows_of_seeds
from ganbench.game import Batch, Networks, Tree
from ganbench.optimizers import Adam

_RANGES = {"uniform": (0.0, 1.0), "symmetric": (-1.0, 1.0)}
_TARGET = "reproduced example"


def reconstruction_errors(
    snapshot: Snapshot, examples: Tensor, samples: int, starts: int, steps: int, learning_rate: float
) -> Tensor:
    """The least mean square error of examples [n, *shape] over latents and steps, [S, n].

    The generator is that of the samples, in evaluation mode.  Of `samples` random samples the `starts`
    nearest to an example give it their latents to begin with, and their labels and other whole numbers, which
    stay.
    Uniform latents stay in their range.  NaN where no input is real-valued.
    """
    latents, seeds = snapshot.latents, len(snapshot.seeds)
    if not latents:
        return torch.full((seeds, len(examples)), torch.nan, dtype=snapshot.dtype, device=snapshot.device)
    given = _nearest_inputs(snapshot, examples, samples, starts)
    repeated = examples.repeat_interleave(starts, 0)
    given[_TARGET] = repeated.expand(seeds, *repeated.shape)
    position = {name: given.pop(name) for name in latents}
    optimizer = Adam(learning_rate)
    state, best = optimizer.initial(position), torch.tensor(torch.inf, device=snapshot.device)
    for step in range(steps + 1):
        gradient, error = _gradient_and_error(snapshot, position, given)
        best = torch.minimum(best, error)
        if step < steps:
            optimizer.step_(position, gradient, state)
            for name, value in position.items():
                if latents[name].kind in _RANGES:
                    value.clamp_(*_RANGES[latents[name].kind])
    return best.unflatten(1, (len(examples), starts)).amin(2)


def _nearest_inputs(snapshot: Snapshot, examples: Tensor, samples: int, starts: int) -> Tree:
    """Of the samples nearest to each example all that they are made from, {name: [S, n · starts, ...]}."""
    inputs = snapshot.sampling_inputs("inversion").draw(samples, snapshot.dtype)
    generated = snapshot.evaluate(snapshot.game.sample, inputs, averaged=True).flatten(2)
    targets = examples.flatten(1).expand(len(snapshot.seeds), -1, -1)
    nearest = torch.cdist(targets, generated).topk(starts, largest=False).indices.flatten(1)
    return {name: rows_of_seeds(value, nearest) for name, value in inputs.items()}


def _gradient_and_error(snapshot: Snapshot, position: Tree, given: Tree) -> tuple[Tree, Tensor]:
    """The gradient of each example's own error by its latents, in their shapes, and the errors [S, m]."""
    names, sample = list(position), snapshot.game.sample

    def use(networks: Networks, batch: Batch) -> Tensor:
        def total(latents: Tree) -> tuple[Tensor, Tensor]:
            samples = sample(networks, Batch({**batch.tensors, **latents}))
            errors = (samples - batch[_TARGET]).square().flatten(1).mean(1)
            return errors.sum(), errors

        gradient, errors = grad(total, has_aux=True)({name: batch[name] for name in names})
        return torch.cat([*(gradient[name].flatten(1) for name in names), errors.unsqueeze(1)], 1)

    *parts, errors = snapshot.evaluate(use, {**position, **given}, averaged=True).split(
        [*(position[name][0, 0].numel() for name in names), 1], 2
    )
    gradient = {n: part.reshape(position[n].shape) for n, part in zip(names, parts, strict=True)}
    return gradient, errors.squeeze(2)
