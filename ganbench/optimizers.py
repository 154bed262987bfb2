"""Optimizers as plain data over stacked trees; the arithmetic is torch.optim's, seed by seed.

State is a tree of tensors plus a step count, so a checkpoint is one dictionary.  The
elementwise foreach kernels make a seed's bits independent of its place in the stack.
A learning rate is a number, or a schedule by the share of the budget that is spent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

import torch
from torch import Tensor

from ganbench.errors import GanbenchError, UnknownName, nearest
from ganbench.game import Tree
from ganbench.schedules import Rate, rate_at, schedule

OptimizerState = dict[str, Any]
"""An optimizer's state: {"updates": int, slot name: {parameter name: tensor}}.

Where parameters joined later, "born" has the updates that were done before each of them: {name: int}.
"""


class Optimizer(Protocol):
    """Moves one player's parameters against a gradient."""

    @property
    def learning_rate(self) -> Rate:
        """The step's scale."""
        ...

    def initial(self, params: Tree) -> OptimizerState:
        """The state before the first update."""
        ...

    def step_(
        self, params: Tree, gradient: Tree, optimizer_state: OptimizerState, share: float = 0.0
    ) -> None:
        """One update in place of `params` and `optimizer_state`, after a share of the budget."""
        ...


def _zeros(params: Tree) -> Tree:
    return {name: torch.zeros_like(value) for name, value in params.items()}


def _lists(params: Tree, *trees: Mapping[str, Tensor]) -> list[list[Tensor]]:
    return [list(params.values()), *([tree[name] for name in params] for tree in trees)]


def _by_age(params: Tree, optimizer_state: OptimizerState) -> Iterator[tuple[int, Tree]]:
    """The parameters in groups of those that have had equally many updates."""
    born: Mapping[str, int] = optimizer_state.get("born", {})
    for birth in sorted({born.get(name, 0) for name in params}):
        group = {name: value for name, value in params.items() if born.get(name, 0) == birth}
        yield optimizer_state["updates"] - birth, group


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with optional heavy-ball momentum (torch.optim.SGD's form)."""

    learning_rate: Rate
    momentum: float = 0.0

    def initial(self, params: Tree) -> OptimizerState:
        """The state before the first update."""
        return {"updates": 0} | ({"velocity": _zeros(params)} if self.momentum else {})

    def step_(
        self, params: Tree, gradient: Tree, optimizer_state: OptimizerState, share: float = 0.0
    ) -> None:
        """One update in place."""
        optimizer_state["updates"] += 1
        values, moves = _lists(params, gradient)
        if self.momentum:
            _, velocity = _lists(params, optimizer_state["velocity"])
            torch._foreach_mul_(velocity, self.momentum)
            torch._foreach_add_(velocity, moves)
            moves = velocity
        torch._foreach_add_(values, moves, alpha=-rate_at(self.learning_rate, share))

    def functional_step(
        self, params: Tree, gradient: Tree, optimizer_state: Mapping[str, Any], rate: float | Tensor
    ) -> tuple[Tree, dict[str, Any]]:
        """One update as a function of one replica, differentiable."""
        after: dict[str, Any] = {"updates": optimizer_state["updates"] + 1}
        if self.momentum:
            gradient = {n: self.momentum * optimizer_state["velocity"][n] + g for n, g in gradient.items()}
            after["velocity"] = gradient
        return {n: value - rate * gradient[n] for n, value in params.items()}, after


@dataclass(frozen=True)
class Adam:
    """Adam.  Kingma and Ba 2015, algorithm 1."""

    learning_rate: Rate
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def initial(self, params: Tree) -> OptimizerState:
        """The state before the first update."""
        return {"updates": 0, "mean": _zeros(params), "square": _zeros(params)}

    def step_(
        self, params: Tree, gradient: Tree, optimizer_state: OptimizerState, share: float = 0.0
    ) -> None:
        """One update in place."""
        optimizer_state["updates"] += 1
        learning_rate = rate_at(self.learning_rate, share)
        for updates, group in _by_age(params, optimizer_state):
            values, moves, mean, square = _lists(
                group, gradient, optimizer_state["mean"], optimizer_state["square"]
            )
            torch._foreach_lerp_(mean, moves, 1 - self.beta1)
            torch._foreach_mul_(square, self.beta2)
            torch._foreach_addcmul_(square, moves, moves, 1 - self.beta2)
            rate, correction = learning_rate / (1 - self.beta1**updates), math.sqrt(1 - self.beta2**updates)
            _divide_by_root_(values, mean, square, rate, correction, self.epsilon)

    def functional_step(
        self, params: Tree, gradient: Tree, optimizer_state: Mapping[str, Any], rate: float | Tensor
    ) -> tuple[Tree, dict[str, Any]]:
        """One update as a function of one replica, differentiable also where a gradient is zero."""
        updates = optimizer_state["updates"] + 1
        mean = {
            n: self.beta1 * optimizer_state["mean"][n] + (1 - self.beta1) * g for n, g in gradient.items()
        }
        square = {
            n: self.beta2 * optimizer_state["square"][n] + (1 - self.beta2) * g * g
            for n, g in gradient.items()
        }
        moved = {}
        for n, value in params.items():
            age = updates - optimizer_state.get("born", {}).get(n, 0)
            scale, correction = rate / (1 - self.beta1**age), (1 - self.beta2**age) ** 0.5
            moved[n] = value - scale * mean[n] / (_safe_root(square[n]) / correction + self.epsilon)
        return moved, {"updates": updates, "mean": mean, "square": square}


@dataclass(frozen=True)
class RMSProp:
    """RMSProp without centring (torch.optim.RMSprop's form).  Tieleman and Hinton 2012."""

    learning_rate: Rate
    decay: float = 0.99
    epsilon: float = 1e-8

    def initial(self, params: Tree) -> OptimizerState:
        """The state before the first update."""
        return {"updates": 0, "square": _zeros(params)}

    def step_(
        self, params: Tree, gradient: Tree, optimizer_state: OptimizerState, share: float = 0.0
    ) -> None:
        """One update in place."""
        optimizer_state["updates"] += 1
        values, moves, square = _lists(params, gradient, optimizer_state["square"])
        torch._foreach_mul_(square, self.decay)
        torch._foreach_addcmul_(square, moves, moves, 1 - self.decay)
        _divide_by_root_(values, moves, square, rate_at(self.learning_rate, share), 1.0, self.epsilon)

    def functional_step(
        self, params: Tree, gradient: Tree, optimizer_state: Mapping[str, Any], rate: float | Tensor
    ) -> tuple[Tree, dict[str, Any]]:
        """One update as a function of one replica, differentiable also where a gradient is zero."""
        square = {
            n: self.decay * optimizer_state["square"][n] + (1 - self.decay) * g * g
            for n, g in gradient.items()
        }
        moved = {
            n: value - rate * gradient[n] / (_safe_root(square[n]) + self.epsilon)
            for n, value in params.items()
        }
        return moved, {"updates": optimizer_state["updates"] + 1, "square": square}


_SMALLEST_SQUARE = 1e-30


def _safe_root(square: Tensor) -> Tensor:
    """√(v + 1e-30): at v = 0 the root's derivative is infinite, and infinity times zero is NaN."""
    return (square + _SMALLEST_SQUARE).sqrt()


def _divide_by_root_(
    values: list[Tensor],
    moves: list[Tensor],
    square: list[Tensor],
    rate: float,
    root_correction: float,
    epsilon: float,
) -> None:
    """values −= rate · moves / (√square / root_correction + epsilon)."""
    root = torch._foreach_sqrt(square)
    if root_correction != 1.0:
        torch._foreach_div_(root, root_correction)
    torch._foreach_add_(root, epsilon)
    torch._foreach_addcdiv_(values, moves, root, value=-rate)


_OPTIMIZERS: dict[str, type[SGD] | type[Adam] | type[RMSProp]] = {
    "sgd": SGD,
    "adam": Adam,
    "rmsprop": RMSProp,
}


def optimizer(
    choice: str | Mapping[str, Mapping[str, float]], learning_rate: float | Mapping[str, Any]
) -> Optimizer:
    """The optimizer of a name or of {name: {option: value}}, at a learning rate or a schedule of it."""
    named = {choice: {}} if isinstance(choice, str) else choice
    if len(named) != 1:
        raise GanbenchError(f"an optimizer is a name or one {{name: {{option: value}}}}, not {dict(named)!r}")
    name, options = next(iter(named.items()))
    if name not in _OPTIMIZERS:
        raise UnknownName("optimizer", name, _OPTIMIZERS)
    known = {f.name for f in fields(_OPTIMIZERS[name])} - {"learning_rate"}
    for wrong in set(options or {}) - known:
        raise GanbenchError(f"optimizer {name} has no option {wrong!r}{nearest(wrong, known)}")
    for option, value in (options or {}).items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
            raise GanbenchError(f"optimizer {name}: {option} is a number in [0, 1), not {value!r}")
    return _OPTIMIZERS[name](schedule(learning_rate), **(options or {}))


def average_(average: Tree, params: Tree, decay: float) -> None:
    """An exponential moving average, in place: average ← decay·average + (1 − decay)·params."""
    old, new = _lists(average, params)
    torch._foreach_lerp_(old, new, 1 - decay)
