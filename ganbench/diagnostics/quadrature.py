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
        self.quantities = tuple(
            Quantity(
                f"quadrature_error_{player}", f"Quadrature's error in the {player}'s gradient", scale="log"
            )
            for player in game.players
        )

        def gradients(
            params: Mapping[str, Tree], buffers: Mapping[str, Tree], inputs: Mapping[str, Tensor]
        ) -> dict[str, Tree]:
            return {
                player: player_gradient(game, player, params, buffers, inputs)[0] for player in game.players
            }

        with torch.no_grad():
            coarse, fine = (vmap(gradients)(*state, inputs) for inputs in (dict(batch), {**batch, **finer}))
        return {
            f"quadrature_error_{player}": _largest(coarse[player], fine[player]) for player in game.players
        }


def _largest(one: Tree, two: Tree) -> Tensor:
    """The largest absolute difference in each replica, float64 [S]."""
    apart = [(two[name] - value).double().abs() for name, value in one.items()]
    return torch.cat([each.reshape(len(each), -1) for each in apart], 1).amax(1)
