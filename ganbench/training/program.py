"""The program of a game at the shapes of a cohort: every player's gradient, made once and called often."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from ganbench.game import Batch, Game, Networks, Tree
from ganbench.training.batches import Reads, reads_of
from ganbench.training.description import Engine
from ganbench.training.device import autocast_of, faster_seed_by_seed, has_compiler
from ganbench.training.gradients import Gradient, Mode, build_gradient
from ganbench.training.replicas import replica
from ganbench.training.state import CohortState

SECONDS_PER_OPERATION = 6e-6
COMPILE_ABOVE_SECONDS = 120.0
"""`compile: auto` compiles where the kernels' launches alone would take longer than this: a rule
of counts, not of timings, so that two runs on one machine choose alike and agree in every bit."""
_SLOWEST_LAST: tuple[Mode, ...] = ("compiled", "traced", "looped", "plain")
Key = tuple[str, frozenset[int] | None]
"""A player, and the periods of its lazy terms that fall on the update (None: the game's own field)."""


class Program:
    """The gradient functions of one game for S seeds, and what each of its functions reads of a batch.

    Made from a state [S, ...] and an example batch of one replica, whose shapes and
    types are those of every later call; `target` names the field of the data that is generated.
    """

    def __init__(
        self,
        game: Game,
        state: CohortState,
        example: Tree,
        target: str,
        engine: Engine,
        device: torch.device,
        mode: Mode | None = None,
    ) -> None:
        self.game, self._engine, self._device = game, engine, device
        self._example, self._trees = example, (state.params, state.buffers)
        params, buffers = (replica(tree, 0) for tree in self._trees)
        judged = example[target]

        def reads(function: Callable[[Networks, Batch], object]) -> Reads:
            return reads_of(function, game, params, buffers, example)

        self.reads = {player: reads(loss) for player, loss in game.losses.items()}
        self.sample_reads = reads(game.sample)
        self.logits_reads = reads(lambda networks, batch: game.logits(networks, batch, judged))
        self._mode: Mode = mode or ("traced" if self._vectorized() else "looped")
        self._gradients: dict[Key, Gradient] = {}
        for player in game.players:
            for due in self._due_sets(player):
                self._gradients[player, due] = self._build(player, due)

    def gradient(self, player: str, due: frozenset[int] | None = None) -> Gradient:
        """A player's gradient of its loss with the lazy terms that are due; None: of its own loss."""
        if due is None and not self.reads[player].periods:
            due = frozenset()
        if (player, due) not in self._gradients:
            self._gradients[player, due] = self._build(player, due)
        return self._gradients[player, due]

    @property
    def looped(self) -> bool:
        """Whether seeds are run one after another."""
        return any(gradient.mode in ("looped", "plain") for gradient in self._gradients.values())

    def _operations(self) -> dict[str, int]:
        """Kernels launched by one gradient of each player, all lazy terms included."""
        return {p: self._gradients[p, self._due_sets(p)[-1]].operations for p in self.game.players}

    def compile_for(self, rounds: int | None) -> None:
        """Compile, where the engine's settings and so many rounds ask for it."""
        wanted = self._engine.compile
        if wanted == "off" or self._why_not_compiled:
            return
        seconds = (rounds or 0) * sum(self._operations().values()) * SECONDS_PER_OPERATION
        long = seconds > COMPILE_ABOVE_SECONDS
        if wanted == "on" or long:
            self._mode = "compiled"
            self._gradients = {key: self._build(*key) for key in self._gradients}

    def execution(self) -> dict[str, Any]:
        """How it is computed, and why where that is not as asked."""
        reasons = sorted({g.reason for g in self._gradients.values() if g.reason})
        if not reasons and self.looped and self._engine.vectorize == "auto":
            reasons = ["its convolutions are faster seed by seed on a CPU"]
        if self._engine.compile == "on" and not reasons and self._why_not_compiled:
            reasons = [self._why_not_compiled]
        return {
            "mode": max((g.mode for g in self._gradients.values()), key=_SLOWEST_LAST.index),
            "reason": "; ".join(reasons) or None,
            "operations": self._operations(),
        }

    def _due_sets(self, player: str) -> Sequence[frozenset[int]]:
        """Every combination of lazy terms that may fall on one update, the emptiest first."""
        periods = self.reads[player].periods
        cycle = range(math.lcm(*periods))
        due_sets = {frozenset(k for k in periods if number % k == 0) for number in cycle}
        return sorted(due_sets, key=lambda due: (len(due), sorted(due)))

    @torch.no_grad()  # as in training: a compiled program is compiled again where this differs
    def _build(self, player: str, due: frozenset[int] | None) -> Gradient:
        params, buffers = self._trees
        seeds = len(next(value for tree in params.values() for value in tree.values()))
        names = self.reads[player].names
        batch = {n: self._example[n].new_zeros(seeds, *self._example[n].shape) for n in names}
        autocast = autocast_of(self._engine.precision)
        return build_gradient(self.game, player, (params, buffers, batch), self._mode, autocast, due)

    def _vectorized(self) -> bool:
        if self._engine.vectorize != "auto":
            return self._engine.vectorize == "on"
        return not faster_seed_by_seed(self.game.players.values(), self._device)

    @property
    def _why_not_compiled(self) -> str | None:
        if self.looped:
            return "not compiled: the seeds are run one after another"
        return None if has_compiler(self._device) else "not compiled: no compiler was found"
