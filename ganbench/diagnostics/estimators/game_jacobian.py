"""The Jacobian of a game's field of motion: whole for small games, by products for networks.

Sign convention: the field is that of *motion*, F(ω) = −(∇ of each player's loss in its own parameters),
ω all players' parameters as one vector [P], J = ∂F/∂ω.  Eigenvalues with a negative real part attract
(Mescheder et al. 2017, 2018); J of the gradients themselves (Balduzzi et al. 2018; Berard et al. 2020) is −J.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import jacrev, jvp, vjp, vmap

from ganbench.game import Game, Tree, player_gradient
from ganbench.training.replicas import in_double, replica, rows_of

_ROWS_PER_PASS = 64
_NUMBERS_PER_PASS = 4_000_000
"""Of whole Jacobians that are built at once: 32 MB."""
Product = Callable[[Tensor], Tensor]
"""Vectors [S, P] to products [S, P] of each replica's matrix."""


class Undefined(Exception):
    """A derivative of the field that torch cannot take: the message says why."""


@dataclass(frozen=True)
class Layout:
    """Where every tensor of all players' parameters lies in one vector [P]."""

    shapes: Mapping[str, Mapping[str, torch.Size]]

    @classmethod
    def of(cls, params: Mapping[str, Tree]) -> Layout:
        """The layout of stacked trees {player: {name: [S, ...]}}."""
        return cls({player: {n: v.shape[1:] for n, v in tree.items()} for player, tree in params.items()})

    @property
    def size(self) -> int:
        """P, the number of all parameters."""
        return sum(shape.numel() for tree in self.shapes.values() for shape in tree.values())

    def vectors(self, trees: Mapping[str, Tree]) -> Tensor:
        """Stacked trees as float64 vectors [S, P]."""
        leaves = [trees[player][name] for player, tree in self.shapes.items() for name in tree]
        return torch.cat([leaf.reshape(len(leaf), -1).double() for leaf in leaves], 1)

    def trees(self, vector: Tensor) -> dict[str, Tree]:
        """One vector [P] as {player: {name: [...]}}."""
        sizes = [shape.numel() for tree in self.shapes.values() for shape in tree.values()]
        parts = iter(vector.split(sizes))
        return {p: {n: next(parts).view(s) for n, s in tree.items()} for p, tree in self.shapes.items()}


class Motion:
    """The field of motion of S replicas of a game at given parameters, and products with its Jacobian.

    In float64 copies, on one fixed batch {name: [S, n, ...]}, with frozen buffers: a layer that moves its
    buffers in a pass (batch norm in training mode, spectral norm) sees the same ones every time.
    Vectorized over the replicas unless `looped`, or where that fails.
    """

    def __init__(
        self,
        game: Game,
        params: Mapping[str, Tree],
        buffers: Mapping[str, Tree],
        batch: Mapping[str, Tensor],
        looped: bool = False,
    ) -> None:
        self._game, self.layout, self._looped = game, Layout.of(params), looped
        self.at = self.layout.vectors(params)
        self._buffers, self._batch = (in_double(tree) for tree in (buffers, batch))

    def parts(self, count: int) -> Iterator[Motion]:
        """The same of at most `count` replicas at a time, in their order."""
        for first in range(0, len(self.at), count):
            part, rows = copy.copy(self), slice(first, first + count)
            part.at, part._buffers, part._batch = rows_of((self.at, self._buffers, self._batch), rows)
            yield part

    def value(self, batch: Mapping[str, Tensor] | None = None) -> Tensor:
        """F itself [S, P], on another batch where one is given."""
        given = self._batch if batch is None else in_double(batch)
        return self._of_replicas(lambda field, at, _: field(at), self.at, given)

    def product(self, vectors: Tensor) -> Tensor:
        """J z for z [S, P]."""
        return self._of_replicas(_forward_product, vectors)

    def transposed_product(self, vectors: Tensor) -> Tensor:
        """Jᵀ z for z [S, P]."""
        return self._of_replicas(lambda field, at, z: vjp(field, at)[1](z)[0], vectors)

    def jacobian(self) -> Tensor:
        """J of every replica [S, P, P]; row i is the gradient of F's i-th number."""
        count = max(1, _NUMBERS_PER_PASS // max(self.layout.size, 1) ** 2)
        return self._of_replicas(
            lambda field, at, _: jacrev(field, chunk_size=_ROWS_PER_PASS)(at), self.at, count=count
        )

    def _of_replicas(
        self,
        function: Callable[[Product, Tensor, Tensor], Tensor],
        vectors: Tensor,
        batch: Mapping[str, Tensor] | None = None,
        count: int | None = None,
    ) -> Tensor:
        """`function(field, at, vector)` of every replica, stacked; raises Undefined where torch cannot."""

        def single(at: Tensor, vector: Tensor, buffers: Any, batch: Any) -> Tensor:
            return function(lambda w: self._field(w, buffers, batch), at, vector)

        inputs = (self.at, vectors, self._buffers, self._batch if batch is None else batch)
        if not self._looped:
            try:
                return vmap(single, chunk_size=count)(*inputs).detach()
            except torch.OutOfMemoryError:
                raise
            except RuntimeError:  # a loss that branches on a number, or an operation without a rule
                self._looped = True
        try:
            return torch.stack([single(*replica(inputs, i)).detach() for i in range(len(self.at))])
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise Undefined(f"{type(error).__name__}: {error}".split("\n", 1)[0]) from error

    def _field(self, at: Tensor, buffers: Mapping[str, Tree], batch: Mapping[str, Tensor]) -> Tensor:
        params = self.layout.trees(at)
        gradients = [
            player_gradient(self._game, player, params, buffers, batch)[0] for player in self.layout.shapes
        ]
        return -torch.cat([part.reshape(-1) for tree in gradients for part in tree.values()])


def _forward_product(field: Product, at: Tensor, vector: Tensor) -> Tensor:
    """J z in forward mode, or by two reverse passes where an operation has no forward rule."""
    try:
        return jvp(field, (at,), (vector,))[1]
    except RuntimeError as error:
        if "forward AD" not in str(error) and not isinstance(error, NotImplementedError):
            raise
    pull = vjp(field, at)[1]
    return vjp(lambda u: pull(u)[0], torch.zeros_like(at))[1](vector)[0]


def rotation_share(product: Product, transposed: Product, probes: Tensor) -> Tensor:
    """‖A‖²/(‖A‖² + ‖S‖²) [S] of J's antisymmetric and symmetric part, Frobenius norms, by probes [K, S, P].

    Hutchinson's estimator: E‖Az‖² = ‖A‖² for z with independent entries of mean 0 and variance 1; both norms
    are without bias, their ratio is not (by about 1/K).  One fixed probe gives the share along that vector.
    0: the game is a potential one (Monderer and Shapley 1996), 1: a Hamiltonian one (Balduzzi et al. 2018).
    """
    turning, straight = 0.0 * probes[0, :, 0], 0.0 * probes[0, :, 0]
    for probe in probes:
        forward, backward = product(probe), transposed(probe)
        turning = turning + (forward - backward).square().sum(1)
        straight = straight + (forward + backward).square().sum(1)
    return turning / (turning + straight)


def rotation_share_of(matrices: Tensor) -> Tensor:
    """The same [S] of whole Jacobians [S, P, P], exactly."""
    turning, straight = ((matrices + sign * matrices.mT).square().sum((1, 2)) for sign in (-1, 1))
    return turning / (turning + straight)


def cosine(one: Tensor, two: Tensor) -> Tensor:
    """The cosine [S] between vectors [S, P]; NaN where one of them is zero."""
    norms = torch.linalg.vector_norm(one, dim=1) * torch.linalg.vector_norm(two, dim=1)
    return (one * two).sum(1) / norms
