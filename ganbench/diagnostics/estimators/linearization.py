"""A small game linearized where it comes to rest: the field's Jacobian, and the update map's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.func import vmap
from torch.utils import _pytree as pytree

from ganbench.diagnostics.diagnostic import Snapshot
from ganbench.diagnostics.estimators.game_jacobian import Motion
from ganbench.game import Tree
from ganbench.training.replicas import first_repeated, lone

_STEP = 1e-4
_SMALLER = 10
_AGREE = 1e-2
_AT_REST = 1e-9
Map = Callable[[Tensor], Tensor]
"""Vectors [R, P] to vectors [R, P], row by row."""


def eigenvalues(snapshot: Snapshot, rest: Mapping[str, Tree]) -> Tensor:
    """Of the field of motion's Jacobian at `rest`, complex [P], largest real part first; NaN: it has none.

    The Jacobian is exact (automatic differentiation); whether there is one is seen by differences.
    """
    motion = motion_at(snapshot, lone(rest, snapshot.device))
    layout, origin = motion.layout, motion.at[0]

    def field(points: Tensor) -> Tensor:
        return motion_at(snapshot, vmap(layout.trees)(points)).value()

    if differences(field, origin, moves_to=torch.zeros_like(origin)) is None:
        return torch.full((layout.size,), complex("nan+nanj"), dtype=torch.complex128)
    return _in_order(torch.linalg.eigvals(motion.jacobian()[0].cpu()), lambda v: v.real)


def multipliers(snapshot: Snapshot, rest: Mapping[str, Tree]) -> Tensor:
    """Of one round of the update rule at `rest`, complex [Q], largest modulus first; NaN: no Jacobian.

    The round is the real one, of parameters and of what the optimizers keep (so Q may exceed P), from
    the state that a first round at `rest` leaves; its Jacobian by central differences.
    """
    params = lone(rest, snapshot.device)
    _, optimizer_state = snapshot.round_from(params)
    leaves, structure = pytree.tree_flatten((params, optimizer_state))
    moving = [i for i, leaf in enumerate(leaves) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
    shapes = [leaves[i].shape[1:] for i in moving]
    origin = torch.cat([leaves[i][0].reshape(-1).double() for i in moving])

    def round_(points: Tensor) -> Tensor:
        parts = points.split([shape.numel() for shape in shapes], 1)
        given = list(leaves)
        for i, part, shape in zip(moving, parts, shapes, strict=True):
            given[i] = part.reshape(-1, *shape).to(leaves[i].dtype)
        after, _ = pytree.tree_flatten(snapshot.round_from(*pytree.tree_unflatten(given, structure)))
        return torch.cat([after[i].reshape(len(points), -1).double() for i in moving], 1)

    jacobian = differences(round_, origin, moves_to=origin)
    if jacobian is None:
        return torch.full((len(origin),), complex("nan+nanj"), dtype=torch.complex128)
    return _in_order(torch.linalg.eigvals(jacobian.cpu()), lambda v: v.abs())


def differences(function: Map, origin: Tensor, moves_to: Tensor) -> Tensor | None:
    """The Jacobian [P, P] at `origin` [P] by central differences, where there is one.

    None where the function is not `moves_to` there, or where one-sided differences disagree with each other
    or with those of a smaller step: a corner, or a jump.
    """
    unit = torch.eye(len(origin), dtype=origin.dtype, device=origin.device)
    steps = [0 * unit[:1], *(sign * step * unit for step in (_STEP, _STEP / _SMALLER) for sign in (1, -1))]
    values = function(origin + torch.cat(steps)) - moves_to
    centre, *sides = values.split([1, *[len(origin)] * 4])
    one_sided = [(sides[0] - centre) / _STEP, (centre - sides[1]) / _STEP]
    one_sided += [(sides[2] - centre) / _STEP * _SMALLER, (centre - sides[3]) / _STEP * _SMALLER]
    stacked = torch.stack(one_sided)
    agree = (stacked - stacked[0]).abs().max() <= _AGREE * (1 + stacked[0].abs().max())
    at_rest = centre.abs().max() <= _AT_REST
    return ((sides[0] - sides[1]) / (2 * _STEP)).T if bool(agree & at_rest) else None


def motion_at(snapshot: Snapshot, params: Mapping[str, Tree]) -> Motion:
    """The field of motion at R given replicas [R, ...], on the first seed's measuring batch and buffers."""
    count = len(next(value for tree in params.values() for value in tree.values()))
    buffers, batch = (first_repeated(tree, count) for tree in (snapshot.buffers(), snapshot.batch()))
    return Motion(snapshot.game, params, buffers, batch)


def _in_order(values: Tensor, by: Callable[[Tensor], Tensor]) -> Tensor:
    """Largest first, and of a conjugate pair the upper one first: rounding does not change places."""
    keys = [(-round(float(by(v)), 9), -float(v.imag)) for v in values]
    return values[sorted(range(len(values)), key=keys.__getitem__)]
