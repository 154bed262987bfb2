"""The vector field of a cohort at its present state, as update rules see it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

import torch
from torch import Tensor

from ganbench.game import Progress, StateInput, Tree
from ganbench.optimizers import average_
from ganbench.training.batches import state_inputs
from ganbench.training.program import Program
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
        program: Program,
        variant: Variant,
        state: CohortState,
        batches: Source,
        progress: Callable[[], Progress],
    ) -> None:
        self._program, self._variant, self.state = program, variant, state
        self._batches, self._progress = batches, progress
        self._stateful = {n for n, item in program.game.inputs.items() if isinstance(item, StateInput)}
        self._memories: dict[str, Tree] = {}
        self._before: Mapping[str, int] = dict(state.updates)

    def draw(self, *players: str, reals_of: Mapping[str, Tensor] | None = None) -> Mapping[str, Tensor]:
        """A fresh batch of what these players' losses read; see `updates.Field`."""
        wanted = {name for player in players for name in self._program.reads[player].names}
        of_data = wanted - set(self._program.game.inputs)
        self.state.real_batches += bool(of_data) and not (reals_of is not None and of_data <= set(reals_of))
        return self._batches.draw(wanted - self._stateful, reals_of)

    def gradient(self, player: str, batch: Mapping[str, Tensor]) -> Tree:
        """One player's gradient at the present state [S, ...]; threads the buffers."""
        state, reads = self.state, self._program.reads[player]
        given = batch if self._stateful.isdisjoint(reads.names) else {**batch, **self._state_inputs()}
        read = {name: given[name] for name in reads.names}
        due = frozenset(k for k in reads.periods if state.updates[player] % k == 0)
        result = self._program.gradient(player, due).function((state.params, state.buffers, read))
        state.buffers, self._memories[player] = result.buffers, result.memories
        self._note_divergence(player, result.loss)
        return result.gradient

    def step(self, player: str, gradient: Tree, lasting: bool = True) -> None:
        """Move one player by its optimizer, then project it and average it; see `updates.Field`."""
        state, variant = self.state, self._variant
        params = state.params[player]
        if params:
            variant.optimizers[player].step_(
                params, gradient, state.optimizer_state[player], self._progress().share
            )
        project = variant.projections.get(player)
        if project is not None:
            for name, value in params.items():
                params[name] = project(value)
        if not lasting:
            return
        if player in variant.averages:
            average_(state.averages[player], params, variant.averages[player])
        state.memories |= self._memories.pop(player, {})
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
        state, rule = self.state, self._variant.update
        self._before = dict(state.updates)
        rule.advance(self)
        examples = sum(rule.real_batches.values()) * self._variant.reals_per_batch
        state.rounds += 1
        state.stage_rounds += 1
        state.steps += rule.steps
        state.examples += examples
        state.stage_examples += examples

    def _state_inputs(self) -> dict[str, Tensor]:
        state = self.state
        leaf = next(value for tree in state.params.values() for value in tree.values())
        return state_inputs(self._program.game, state.optimizer_state, state.memories, self._progress(), leaf)

    def _note_divergence(self, player: str, loss: Tensor) -> None:
        # A gradient that is not finite makes the next loss so: losses alone locate it to one update.
        earlier = self.state.diverged_at[player]
        counted = self._variant.update.counted
        in_round = 0 if counted is None else self.state.updates[counted] - self._before[counted]
        step = torch.where(torch.isfinite(loss), earlier, self.state.steps + in_round)
        self.state.diverged_at[player] = torch.minimum(earlier, step)
