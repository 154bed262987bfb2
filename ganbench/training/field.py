"""The vector field of a cohort at its present state, as update rules see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

from ganbench.game import Game, OptimizerStateInput, Tree
from ganbench.optimizers import average_
from ganbench.training.batches import optimizer_state_inputs
from ganbench.training.gradients import Gradient
from ganbench.training.state import CohortState
from ganbench.updates.rule import Position
from ganbench.variants.variant import Variant


class Source(Protocol):
    """Where batches come from."""

    def draw(self, names: Iterable[str], reals_of: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        """A batch {name: [S, n, ...]} of the wanted names; see `BatchSource`."""
        ...


class CohortField:
    """Draws batches, evaluates gradients, moves players; nothing here waits for the device."""

    def __init__(
        self,
        game: Game,
        variant: Variant,
        state: CohortState,
        batches: Source,
        gradients: Mapping[str, Gradient],
        reads: Mapping[str, Sequence[str]],
    ) -> None:
        self._game, self._variant, self.state = game, variant, state
        self._batches, self._gradients, self._reads = batches, gradients, reads
        self._carried = {name for name, item in game.inputs.items() if isinstance(item, OptimizerStateInput)}
        self._before: Mapping[str, int] = dict(state.updates)

    def draw(self, *players: str, reals_of: Mapping[str, Tensor] | None = None) -> Mapping[str, Tensor]:
        """A fresh batch of what these players' losses read; see `updates.Field`."""
        wanted = {name for player in players for name in self._reads[player]}
        of_data = wanted - set(self._game.inputs)
        self.state.real_batches += bool(of_data) and not (reals_of is not None and of_data <= set(reals_of))
        return self._batches.draw(wanted - self._carried, reals_of)

    def gradient(self, player: str, batch: Mapping[str, Tensor]) -> Tree:
        """One player's gradient at the present state [S, ...]; threads the buffers."""
        state = self.state
        names = self._reads[player]
        given = batch if self._carried.isdisjoint(names) else {**batch, **self._optimizers_state()}
        read = {name: given[name] for name in names}
        gradient, loss, state.buffers = self._gradients[player].function((state.params, state.buffers, read))
        self._note_divergence(player, loss)
        return gradient

    def step(self, player: str, gradient: Tree, lasting: bool = True) -> None:
        """Move one player by its optimizer, then project it and average it; see `updates.Field`."""
        state, variant = self.state, self._variant
        params = state.params[player]
        if params:
            variant.optimizers[player].step_(params, gradient, state.optimizer_state[player])
        project = variant.projections.get(player)
        if project is not None:
            for name, value in params.items():
                params[name] = project(value)
        if not lasting:
            return
        if player in variant.averages:
            average_(state.averages[player], params, variant.averages[player])
        state.updates[player] += 1

    def position(self) -> Position:
        """Copies of all parameters."""
        return {p: {n: value.clone() for n, value in t.items()} for p, t in self.state.params.items()}

    def return_to(self, position: Position) -> None:
        """Give all parameters the values of a position."""
        for player, tree in self.state.params.items():
            for name, value in tree.items():
                value.copy_(position[player][name])

    @torch.no_grad()
    def advance(self) -> None:
        """One round of the variant's update rule."""
        self._before = dict(self.state.updates)
        self._variant.update.advance(self)
        self.state.rounds += 1
        self.state.steps += self._variant.update.steps

    def _optimizers_state(self) -> dict[str, Tensor]:
        leaf = next(value for tree in self.state.params.values() for value in tree.values())
        return optimizer_state_inputs(
            self._game, self.state.optimizer_state, len(leaf), leaf.device, leaf.dtype
        )

    def _note_divergence(self, player: str, loss: Tensor) -> None:
        # A gradient that is not finite makes the next loss so: losses alone locate it to one update.
        seen = self.state.diverged_at[player]
        counted = self._variant.update.counted
        made = 0 if counted is None else self.state.updates[counted] - self._before[counted]
        done = self.state.steps + made
        self.state.diverged_at[player] = torch.minimum(seen, torch.where(torch.isfinite(loss), seen, done))
