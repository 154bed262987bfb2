"""Optimizers as plain data over stacked trees; the arithmetic is torch.optim's, seed by seed.

State is a tree of tensors plus a step count, so a checkpoint is one dictionary.  The
elementwise foreach kernels make a seed's bits independent of its place in the stack.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

import torch
from torch import Tensor

from ganbench.errors import GanbenchError, UnknownName, nearest
from ganbench.game import Tree

OptimizerState = dict[str, Any]
"""An optimizer's state: {"updates": int, slot name: {parameter name: tensor}}."""


class Optimizer(Protocol):
    """Moves one player's parameters against a gradient."""

    @property
    def learning_rate(self) -> float:
        """The step's scale."""
        ...

    def initial(self, params: Tree) -> OptimizerState:
        """The state before the first update."""
        ...

    def step_(self, params: Tree, gradient: Tree, optimizer_state: OptimizerState) -> None:
        """One update in place of `params` and `optimizer_state`."""
        ...


def _zeros(params: Tree) -> Tree:
    return {name: torch.zeros_like(value) for name, value in params.items()}


def _lists(params: Tree, *trees: Mapping[str, Tensor]) -> list[list[Tensor]]:
    return [list(params.values()), *([tree[name] for name in params] for tree in trees)]


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with optional heavy-ball momentum (torch.optim.SGD's form)."""

    learning_rate: float
    momentum: float = 0.0

    def initial(self, params: Tree) -> OptimizerState:
        """The state before the first update."""
        return {"updates": 0} | ({"velocity": _zeros(params)} if self.momentum else {})

    def step_(self, params: Tree, gradient: Tree, optimizer_state: OptimizerState) -> None:
        """One update in place."""
        optimizer_state["updates"] += 1
        values, moves = _lists(params, gradient)
        if self.momentum:
            (velocity,) = _lists(optimizer_state["velocity"])
            torch._foreach_mul_(velocity, self.momentum)
            torch._foreach_add_(velocity, moves)
            moves = velocity
        torch._foreach_add_(values, moves, alpha=-self.learning_rate)

    def functional_step(
        self, params: Tree, gradient: Tree, optimizer_state: Mapping[str, Any]
    ) -> tuple[Tree, dict[str, Any]]:
        """One update as a function of one replica, differentiable."""
        left: dict[str, Any] = {"updates": optimizer_state["updates"] + 1}
        if self.momentum:
            gradient = {n: self.momentum * optimizer_state["velocity"][n] + g for n, g in gradient.items()}
            left["velocity"] = gradient
        return {n: value - self.learning_rate * gradient[n] for n, value in params.items()}, left


@dataclass(frozen=True)
class Adam:
    """Adam.  Kingma and Ba 2015, algorithm 1."""

    learning_rate: float
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def initial(self, params: Tree) -> OptimizerState:
        """The state before the first update."""
        return {"updates": 0, "mean": _zeros(params), "square": _zeros(params)}

    def step_(self, params: Tree, gradient: Tree, optimizer_state: OptimizerState) -> None:
        """One update in place."""
        optimizer_state["updates"] += 1
        values, moves, mean, square = _lists(
            params, gradient, optimizer_state["mean"], optimizer_state["square"]
        )
        torch._foreach_lerp_(mean, moves, 1 - self.beta1)
        torch._foreach_mul_(square, self.beta2)
        torch._foreach_addcmul_(square, moves, moves, 1 - self.beta2)
        _divide_by_root_(values, mean, square, *self._corrections(optimizer_state["updates"]), self.epsilon)

    def functional_step(
        self, params: Tree, gradient: Tree, optimizer_state: Mapping[str, Any]
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
        rate, correction = self.learning_rate / (1 - self.beta1**updates), (1 - self.beta2**updates) ** 0.5
        moved = {
            n: value - rate * mean[n] / (_safe_root(square[n]) / correction + self.epsilon)
            for n, value in params.items()
        }
        return moved, {"updates": updates, "mean": mean, "square": square}

    def _corrections(self, updates: int) -> tuple[float, float]:
        rate = self.learning_rate / (1 - self.beta1**updates)
        return rate, math.sqrt(1 - self.beta2**updates)


@dataclass(frozen=True)
class RMSProp:
    """RMSProp without centring (torch.optim.RMSprop's form).  Tieleman and Hinton 2012."""

    learning_rate: float
    decay: float = 0.99
    epsilon: float = 1e-8

    def initial(self, params: Tree) -> OptimizerState:
        """The state before the first update."""
        return {"updates": 0, "square": _zeros(params)}

    def step_(self, params: Tree, gradient: Tree, optimizer_state: OptimizerState) -> None:
        """One update in place."""
        optimizer_state["updates"] += 1
        values, moves, square = _lists(params, gradient, optimizer_state["square"])
        torch._foreach_mul_(square, self.decay)
        torch._foreach_addcmul_(square, moves, moves, 1 - self.decay)
        _divide_by_root_(values, moves, square, self.learning_rate, 1.0, self.epsilon)

    def functional_step(
        self, params: Tree, gradient: Tree, optimizer_state: Mapping[str, Any]
    ) -> tuple[Tree, dict[str, Any]]:
        """One update as a function of one replica, differentiable also where a gradient is zero."""
        square = {
            n: self.decay * optimizer_state["square"][n] + (1 - self.decay) * g * g
            for n, g in gradient.items()
        }
        moved = {
            n: value - self.learning_rate * gradient[n] / (_safe_root(square[n]) + self.epsilon)
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


def optimizer(choice: str | Mapping[str, Mapping[str, float]], learning_rate: float) -> Optimizer:
    """The optimizer of a name or of {name: {option: value}}, at a learning rate."""
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
    return _OPTIMIZERS[name](learning_rate, **(options or {}))


def average_(average: Tree, params: Tree, decay: float) -> None:
    """An exponential moving average, in place: average ← decay·average + (1 − decay)·params."""
    old, new = _lists(average, params)
    torch._foreach_lerp_(old, new, 1 - decay)
