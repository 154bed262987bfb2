"""The error of a game's quadrature, by doubling its nodes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.func import vmap

from ganbench.diagnostics.diagnostic import Dataset, Diagnostic, Quantity, Snapshot, register_diagnostic
from ganbench.game import DOUBLED, Tree, player_gradient


@register_diagnostic("quadrature")
def quadrature(dataset: Dataset) -> Diagnostic:
    """How much a player's gradient changes when the panels of the game's quadrature are doubled.

    The largest difference among the player's parameters, at the present parameters.  Measured where the game
    gives an input of its batch a second time under its name and `_doubled`; of other games nothing is.

    What good looks like: rounding, 1e-12 or less in float64, at every moment; times step size and updates it
    bounds what the quadrature does to the trajectory, unless the game amplifies differences.

    Blind to: an error that both rules share, as a tail that both leave out.
    """
    return Doubling()


class Doubling(Diagnostic):
    """The doubling diagnostic of one cohort."""

    def __init__(self) -> None:
        self.quantities = ()

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """The largest difference of each player's gradient, [S]."""
        batch = snapshot.batch()
        finer = {name.removesuffix(DOUBLED): value for name, value in batch.items() if name.endswith(DOUBLED)}
        if not finer:
            return {}
        game, state = snapshot.game, (snapshot.parameters(), snapshot.buffers())
        titles = {p: f"Quadrature's error in the {p}'s gradient" for p in game.players}
        self.quantities = tuple(Quantity(f"quadrature_error_{p}", t, scale="log") for p, t in titles.items())

        def gradients(
            params: Mapping[str, Tree], buffers: Mapping[str, Tree], inputs: Mapping[str, Tensor]
        ) -> dict[str, Tree]:
            return {p: player_gradient(game, p, params, buffers, inputs)[0] for p in game.players}

        with torch.no_grad():
            coarse, fine = (vmap(gradients)(*state, inputs) for inputs in (dict(batch), {**batch, **finer}))
        return {f"quadrature_error_{p}": _largest(coarse[p], fine[p]) for p in game.players}


def _largest(one: Tree, two: Tree) -> Tensor:
    """The largest absolute difference in each replica, float64 [S]."""
    gaps = [(two[name] - value).double().abs() for name, value in one.items()]
    return torch.cat([gap.reshape(len(gap), -1) for gap in gaps], 1).amax(1)
