"""The vector field of a cohort at its present state, as update rules see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ganbench.game import Game, Tree
from ganbench.optimisers import average_
from ganbench.training.draws import BatchSource
from ganbench.training.gradients import Gradient
from ganbench.training.state import CohortState
from ganbench.variants.variant import Variant


class CohortField:
    """Draws batches, evaluates gradients, moves players; nothing here waits for the device."""

    def __init__(
        self,
        game: Game,
        variant: Variant,
        state: CohortState,
        batches: BatchSource,
        gradients: Mapping[str, Gradient],
        reads: Mapping[str, Sequence[str]],
    ) -> None:
        self._game, self._variant, self.state = game, variant, state
        self._batches, self._gradients, self._reads = batches, gradients, reads
        self._updates_of_round = 0

    def draw(self, *players: str, reals_of: Mapping[str, Tensor] | None = None) -> Mapping[str, Tensor]:
        """A fresh batch of what these players' losses read; see `updates.Field`."""
        return self._batches.draw({name for player in players for name in self._reads[player]}, reals_of)

    def gradient(self, player: str, batch: Mapping[str, Tensor]) -> Tree:
        """One player's gradient at the present state [S, ...]; threads the buffers."""
        state = self.state
        read = {name: batch[name] for name in self._reads[player]}
        gradient, loss, state.buffers = self._gradients[player].function((state.params, state.buffers, read))
        self._note_divergence(player, loss)
        return gradient

    def step(self, player: str, gradient: Tree) -> None:
        """Move one player by its optimiser, then project it and average it."""
        state, variant = self.state, self._variant
        params = state.params[player]
        if params:
            variant.optimisers[player].step_(params, gradient, state.slots[player])
        project = variant.projections.get(player)
        if project is not None:
            for name, value in params.items():
                params[name] = project(value)
        if player in variant.averages:
            average_(state.averages[player], params, variant.averages[player])
        self._updates_of_round += player == "discriminator"

    @torch.no_grad()
    def advance(self) -> None:
        """One round of the variant's update rule."""
        self._updates_of_round = 0
        self._variant.update.advance(self)
        self.state.rounds += 1
        self.state.discriminator_updates += self._variant.update.discriminator_updates

    def _note_divergence(self, player: str, loss: Tensor) -> None:
        # A gradient that is not finite makes the next loss so: losses alone locate it to one update.
        seen = self.state.diverged_at[player]
        done = self.state.discriminator_updates + self._updates_of_round
        self.state.diverged_at[player] = torch.minimum(seen, torch.where(torch.isfinite(loss), seen, done))
