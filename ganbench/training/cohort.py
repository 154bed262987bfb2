"""A cohort: one description made ready, trained under its budget, seen at its measuring points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ganbench import registry
from ganbench.datasets import Dataset, Split
from ganbench.game import Game
from ganbench.training import state as states
from ganbench.training.batches import BatchSource, names_read, shape_of
from ganbench.training.budget import Clock, measuring_rounds, round_cost, rounds_within
from ganbench.training.description import Choice, CohortDescription
from ganbench.training.device import autocast_of, dtype_of, faster_seed_by_seed, has_compiler, synchronize
from ganbench.training.field import CohortField
from ganbench.training.gradients import Gradient, Mode, build_gradient
from ganbench.training.memory import PeakMemory
from ganbench.training.snapshot import Moment
from ganbench.training.state import CohortState
from ganbench.training.view import CohortSnapshot
from ganbench.variants.variant import Variant

_SLOWEST_LAST: tuple[Mode, ...] = ("compiled", "traced", "looped", "plain")
SECONDS_PER_OPERATION = 6e-6
COMPILE_ABOVE_SECONDS = 120.0
"""`compile: auto` compiles where the kernels' launches alone would take longer than this: a rule
of counts, not of timings, so that two runs on one machine choose alike and agree in every bit."""


class Cohort:
    """One variant on one data set for several seeds, on a device, at its present state."""

    def __init__(self, description: CohortDescription, device: torch.device) -> None:
        for file in description.include:
            registry.include(file)
        self.description, self.device = description, device
        self.dtype = dtype_of(description.engine.precision)
        self.dataset: Dataset = make("dataset", description.dataset)
        self.dataset.require()
        self.game: Game
        self.variant: Variant
        self.game, self.variant = make("variant", description.variant).prepared(self.dataset.info.spec)
        self.state = states.initial(self.game, self.variant, description.seeds, device, self.dtype)
        self.batches = self._batch_source()
        self.reads = names_read(self.game, self._batch_shapes())
        self._real: dict[Split, Tensor] = {}
        self._memory = PeakMemory(device)
        self.clock = Clock()
        self._prepare()

    @property
    def looped(self) -> bool:
        """Whether seeds are run one after another."""
        return any(gradient.mode in ("looped", "plain") for gradient in self.gradients.values())

    @property
    def share_spent(self) -> float:
        """The share of the budget spent so far."""
        if self.rounds is None:
            return min(self.clock.seconds / self.seconds_of_all, 1.0)
        return self.state.rounds / self.rounds

    @property
    def seconds_of_all(self) -> float:
        """A budget in seconds is a seed's: seeds trained at once have as many times as much together."""
        return self.description.budget.amount * len(self.description.seeds)

    @property
    def execution(self) -> dict[str, Any]:
        """What was chosen, and why where it was not as asked."""
        engine = self.description.engine
        reasons = sorted({g.reason for g in self.gradients.values() if g.reason})
        if not reasons and self.looped and engine.vectorize == "auto":
            reasons = ["its convolutions are faster seed by seed on a CPU"]
        if engine.compile == "on" and not reasons and self._why_not_compiled:
            reasons = [self._why_not_compiled]
        return {
            "mode": max((g.mode for g in self.gradients.values()), key=_SLOWEST_LAST.index),
            "reason": "; ".join(reasons) or None,
            "preparation_seconds": round(self.preparation_seconds, 3),
            "operations": {player: g.operations for player, g in self.gradients.items()},
            "precision": engine.precision,
            "device": str(self.device),
            "threads": torch.get_num_threads(),
            "seeds_at_once": len(self.description.seeds),
        }

    def train(
        self,
        progress: Callable[[float], None] | None = None,
        follow: Callable[[CohortState], None] | None = None,
    ) -> Iterator[CohortSnapshot]:
        """Train to the end of the budget, pausing at each measuring point with a snapshot.

        `progress` is told the share of the budget spent, now and then; `follow` sees the live state before
        training and after every round: it must change nothing, and not wait for the device.
        """
        self._follow = follow or (lambda _state: None)
        if self.state.rounds == 0:
            self._follow(self.state)
        if self.rounds is None:
            yield from self._train_seconds(progress)
        else:
            yield from self._train_rounds(self.rounds, progress)

    def _advance(self) -> None:
        self.field.advance()
        self._follow(self.state)

    def diverged(self) -> list[tuple[int, str] | None]:
        """For each seed None, or the steps done and the player not finite any more."""
        first = {player: at.tolist() for player, at in self.state.diverged_at.items()}
        now = self.state.steps
        for player, tree in self.state.params.items():
            if not tree:
                continue
            sums = sum(v.reshape(len(v), -1).sum(1, dtype=torch.float64) for v in tree.values())
            finite = torch.isfinite(torch.as_tensor(sums)).tolist()
            first[player] = [at if ok else min(at, now) for at, ok in zip(first[player], finite, strict=True)]
        found: list[tuple[int, str] | None] = []
        for seed in range(len(self.description.seeds)):
            at, player = min((steps[seed], player) for player, steps in first.items())
            found.append(None if at == states.NEVER else (at, player))
        return found

    def real(self, split: Split, count: int) -> Tensor:
        """Fixed real examples of a split, kept on the device."""
        held = self._real.get(split)
        if held is None or held.shape[0] < count:
            held = self._real[split] = self.dataset.examples(split, count, self.device, self.dtype)
        return held[:count]

    def checkpoint(self) -> dict[str, Any]:
        """All that going on bitwise needs, as nested tensors and numbers."""
        return {
            "state": states.as_tree(self.state),
            "batches": self.batches.state(),
            "seconds": self.clock.seconds,
        }

    def restore(self, checkpoint: Mapping[str, Any]) -> None:
        """Go back to a checkpoint."""
        self.state = self.field.state = states.from_tree(checkpoint["state"])
        self.batches.restore(checkpoint["batches"])
        self.clock = Clock(checkpoint["seconds"])

    # Preparation

    def _prepare(self) -> None:
        clock = Clock()
        clock.start()
        self.gradients = self._build("traced" if self._vectorized() else "looped")
        self.field = CohortField(
            self.game, self.variant, self.state, self.batches, self.gradients, self.reads
        )
        cost = round_cost(self.description.budget, self.variant, self._flops_of_a_round)
        self.rounds = None if cost is None else rounds_within(self.description.budget, cost)
        if self._compiles():
            self.gradients.update(self._build("compiled"))
        self.preparation_seconds = clock.seconds

    @torch.no_grad()  # as in training: a compiled program is compiled again where this differs
    def _build(self, mode: Mode) -> dict[str, Gradient]:
        shapes = self._batch_shapes()
        seeds = len(self.description.seeds)
        built = {}
        for player in self.game.players:
            batch = {
                name: torch.zeros(seeds, *shapes[name], device=self.device, dtype=self.dtype)
                for name in self.reads[player]
            }
            inputs = (self.state.params, self.state.buffers, batch)
            autocast = autocast_of(self.description.engine.precision)
            built[player] = build_gradient(self.game, player, inputs, mode, autocast)
        return built

    def _vectorized(self) -> bool:
        wanted = self.description.engine.vectorize
        if wanted != "auto":
            return wanted == "on"
        return not faster_seed_by_seed(self.game.players.values(), self.device)

    @property
    def _why_not_compiled(self) -> str | None:
        if self.looped:
            return "not compiled: the seeds are run one after another"
        return None if has_compiler(self.device) else "not compiled: no compiler was found"

    def _compiles(self) -> bool:
        wanted = self.description.engine.compile
        if wanted == "off" or self._why_not_compiled:
            return False
        if wanted == "on" or self.rounds is None:
            return wanted == "on"
        operations = sum(gradient.operations for gradient in self.gradients.values())
        return self.rounds * operations * SECONDS_PER_OPERATION > COMPILE_ABOVE_SECONDS

    def _flops_of_a_round(self) -> float:
        """Counted on the loop over seeds: a budget must not depend on how seeds are run."""
        before, chosen = self.checkpoint(), dict(self.gradients)
        if not self.looped:
            self.gradients.update(self._build("looped"))
        with FlopCounterMode(display=False) as counter:
            self.field.advance()
        self.gradients.update(chosen)
        self.restore(before)
        return counter.get_total_flops() / len(self.description.seeds)

    def _batch_source(self) -> BatchSource:
        seeds, variant = self.description.seeds, self.variant
        sampler = self.dataset.sampler(seeds, self.device, self.dtype)
        return BatchSource(
            self.game, sampler, seeds, variant.batch_size, variant.reals_per_batch, self.device, self.dtype
        )

    def _batch_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes = {name: shape_of(draw, self.variant.batch_size) for name, draw in self.game.inputs.items()}
        return {"real": (self.variant.reals_per_batch, *self.dataset.info.spec.shape), **shapes}

    # Training

    def _train_rounds(
        self, rounds: int, progress: Callable[[float], None] | None
    ) -> Iterator[CohortSnapshot]:
        points = measuring_rounds(self.description.measure, rounds)
        told = max(rounds // 200, 1)
        for number, until in enumerate(points):
            if until < self.state.rounds:  # measured before the checkpoint that was restored
                continue
            self.clock.start()
            while self.state.rounds < until:
                self._advance()
                if progress is not None and self.state.rounds % told == 0:
                    progress(self.share_spent)
            yield self._pause(number, until == rounds)
            if until < rounds and all(self.diverged()):
                yield self.snapshot(number + 1, True)
                return

    def _train_seconds(self, progress: Callable[[float], None] | None) -> Iterator[CohortSnapshot]:
        amount = self.seconds_of_all
        for number, fraction in enumerate(self.description.measure):
            self.clock.start()
            while self._round_fits(fraction * amount):
                self._advance()
                if self.state.rounds % 16 == 0:
                    synchronize(self.device)
                if progress is not None and self.state.rounds % 64 == 0:
                    progress(self.share_spent)
            yield self._pause(number, fraction == 1.0)

    def _round_fits(self, seconds: float) -> bool:
        mean = self.clock.seconds / max(self.state.rounds, 1)
        return self.clock.seconds + mean <= seconds

    def _pause(self, point: int, final: bool) -> CohortSnapshot:
        synchronize(self.device)
        self.clock.pause()
        return self.snapshot(point, final)

    def snapshot(self, point: int, final: bool) -> CohortSnapshot:
        """The cohort as it stands, as measuring point number `point`."""
        steps, rule = self.state.steps, self.variant.update
        images = self.state.rounds * sum(rule.real_batches.values()) * self.variant.reals_per_batch
        seconds = self.clock.seconds
        rate = images * len(self.description.seeds) / seconds if seconds else float("nan")
        throughput = {"seconds": seconds, "images_per_second": rate, "peak_memory": self._memory.peak()}
        return CohortSnapshot(self, Moment(point, images, steps, seconds, final), throughput)


def make(kind: registry.Kind, choice: Choice) -> Any:
    """What a choice names, built with its options."""
    return registry.get(kind, choice.name).factory(**choice.options)
