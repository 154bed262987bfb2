"""Trains one cohort under its budget, stage by stage, pausing at its measuring points."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from ganbench import registry
from ganbench.datasets import Dataset, Sampler
from ganbench.game import Game, Progress
from ganbench.training import state as states
from ganbench.training.batches import BatchSizes, BatchSource, example_batch
from ganbench.training.budget import Clock, measuring_rounds, round_cost, rounds_by_stage
from ganbench.training.construction import construct
from ganbench.training.description import Choice, CohortDescription
from ganbench.training.device import PeakMemory, dtype_of, synchronize
from ganbench.training.field import CohortField
from ganbench.training.gradients import Mode
from ganbench.training.program import Program
from ganbench.training.sample_snapshot import Moment
from ganbench.training.sampling import RealExamples
from ganbench.training.snapshot import Snapshot
from ganbench.training.state import CohortState
from ganbench.variants.variant import Variant


class _Stage(NamedTuple):
    """A stage made ready: its game at the shapes of its batches."""

    variant: Variant
    sizes: BatchSizes
    program: Program
    batches: BatchSource
    field: CohortField


class Trainer:
    """One variant on one data set for several seeds, on a device, at its present state."""

    mode: Mode | None = None
    """How gradients are computed; None: as the engine's settings say."""

    def __init__(self, description: CohortDescription, device: torch.device) -> None:
        for file in description.include:
            registry.include(file)
        clock = Clock()
        clock.start()
        self.description, self.device = description, device
        self.dtype = dtype_of(description.engine.precision)
        self.dataset: Dataset = make("dataset", description.dataset)
        self.dataset.require()
        self.stages = make("variant", description.variant).stages
        shares = [stage.share for stage in self.stages]
        self._ends = [sum(shares[: number + 1]) / sum(shares) for number in range(len(shares))]
        self._sampler = self.dataset.sampler(description.seeds, device, self.dtype)
        self._real = RealExamples(self.dataset, device, self.dtype)
        self._memory = PeakMemory(device)
        self._on_round: Callable[[CohortState], None] = lambda _state: None
        self.clock = Clock()
        self._begin(0)
        self.rounds_of_stages = self._rounds_of_stages()
        self._compile(0)
        self.preparation_seconds = clock.seconds

    # What it is about

    @property
    def state(self) -> CohortState:
        """The present state."""
        return self.field.state

    @property
    def game(self) -> Game:
        """The game of the present stage."""
        return self.program.game

    @property
    def rounds(self) -> int | None:
        """Rounds of the whole training; None where only a clock knows."""
        return None if self.rounds_of_stages is None else sum(self.rounds_of_stages)

    @property
    def seconds_of_all(self) -> float:
        """A budget in seconds is a seed's: seeds trained at once have as many times as much together."""
        return self.description.budget.amount * len(self.description.seeds)

    @property
    def progress(self) -> Progress:
        """How far training is."""
        state = self.state
        share, begin, end = self.share_spent, *[0.0, *self._ends][state.stage : state.stage + 2]
        if self.rounds_of_stages is not None:
            of_stage = state.stage_rounds / self.rounds_of_stages[state.stage]
        else:
            of_stage = min(max((share - begin) / (end - begin), 0.0), 1.0)
        return Progress(state.examples, state.stage_examples, share, of_stage)

    @property
    def share_spent(self) -> float:
        """The share of the budget spent so far."""
        rounds = self.rounds
        if rounds is None:
            return min(self.clock.seconds / self.seconds_of_all, 1.0)
        return self.state.rounds / rounds

    @property
    def execution(self) -> dict[str, Any]:
        """What was chosen, and why where it was not as asked."""
        return {
            **self.program.execution(),
            "preparation_seconds": round(self.preparation_seconds, 3),
            "precision": self.description.engine.precision,
            "device": str(self.device),
            "threads": torch.get_num_threads(),
            "seeds_at_once": len(self.description.seeds),
        }

    # Training

    def train(
        self,
        progress: Callable[[float], None] | None = None,
        on_round: Callable[[CohortState], None] | None = None,
    ) -> Iterator[Snapshot]:
        """Train to the end of the budget, pausing at each measuring point with a snapshot.

        `progress` is told the share of the budget spent, now and then; `on_round` sees the live state before
        training and after every round: it must change nothing, and not wait for the device.
        """
        if on_round is not None:
            self._on_round = on_round
        if not self.state.begun:
            self.state.begun = True
            self._on_round(self.state)
        if self.rounds is None:
            yield from self._train_seconds(progress)
        else:
            yield from self._train_rounds(progress)

    def advance(self) -> None:
        """One round; of the next stage where the present one is over."""
        if self._stage_is_over():
            self._enter_next_stage()
        self.field.advance()
        self._on_round(self.state)

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
        divergences: list[tuple[int, str] | None] = []
        for seed in range(len(self.description.seeds)):
            at, player = min((steps[seed], player) for player, steps in first.items())
            divergences.append(None if at == states.NEVER else (at, player))
        return divergences

    def snapshot(self, point: int, final: bool) -> Snapshot:
        """The cohort as it stands, as measuring point number `point`."""
        state, seconds = self.state, self.clock.seconds
        rate = state.examples * len(self.description.seeds) / seconds if seconds else float("nan")
        return Snapshot(
            dataset=self.dataset,
            seeds=self.description.seeds,
            variant=self.variant,
            program=self.program,
            sizes=self._sizes,
            state=state,
            progress=self.progress,
            real=self._real,
            moment=Moment(point, state.examples, state.steps, seconds, final),
            throughput={"seconds": seconds, "images_per_second": rate, "peak_memory": self._memory.peak()},
        )

    def checkpoint(self) -> dict[str, Any]:
        """All that going on bitwise needs, as nested tensors and numbers."""
        return {
            "state": states.as_tree(self.state),
            "batches": self.batches.state(),
            "seconds": self.clock.seconds,
        }

    def restore(self, checkpoint: Mapping[str, Any]) -> None:
        """Go back, or on, to a checkpoint."""
        state = states.from_tree(checkpoint["state"])
        if state.stage != self.state.stage:
            self._begin(state.stage)
            self._compile(state.stage)
        self.field.state = state
        self.batches.restore(checkpoint["batches"])
        self.clock = Clock(checkpoint["seconds"])

    def _train_rounds(self, progress: Callable[[float], None] | None) -> Iterator[Snapshot]:
        assert self.rounds_of_stages is not None
        rounds, stages = sum(self.rounds_of_stages), list(zip(self._ends, self.rounds_of_stages, strict=True))
        points = measuring_rounds(self.description.measure, stages)
        interval = max(rounds // 200, 1)
        for number in range(self.state.next_point, len(points)):
            self.clock.start()
            while self.state.rounds < points[number]:
                self.advance()
                if progress is not None and self.state.rounds % interval == 0:
                    progress(self.share_spent)
            yield self._pause(number, points[number] == rounds)
            if points[number] < rounds and all(self.diverged()):
                yield self.snapshot(number + 1, True)
                return

    def _train_seconds(self, progress: Callable[[float], None] | None) -> Iterator[Snapshot]:
        amount = self.seconds_of_all
        for number in range(self.state.next_point, len(self.description.measure)):
            fraction = self.description.measure[number]
            self.clock.start()
            while self._round_fits(fraction * amount):
                self.advance()
                if self.state.rounds % 16 == 0:
                    synchronize(self.device)
                if progress is not None and self.state.rounds % 64 == 0:
                    progress(self.share_spent)
            yield self._pause(number, fraction == 1.0)

    def _round_fits(self, seconds: float) -> bool:
        mean = self.clock.seconds / max(self.state.rounds, 1)
        return self.clock.seconds + mean <= seconds

    def _pause(self, point: int, final: bool) -> Snapshot:
        """The snapshot of a measuring point; a checkpoint from here on counts it as measured."""
        synchronize(self.device)
        self.clock.pause()
        self.state.next_point = point + 1
        return self.snapshot(point, final)

    # Stages

    def _begin(self, number: int) -> None:
        """Make a stage ready, in its initial state."""
        stage = self._ready(number, self.mode, self._sampler, lambda: self.progress)
        self.variant, self._sizes, self.program, self.batches, self.field = stage

    def _compile(self, stage: int) -> None:
        rounds = self.rounds_of_stages
        self.program.compile_for(None if rounds is None else rounds[stage])

    def _ready(
        self, number: int, mode: Mode | None, sampler: Sampler, progress: Callable[[], Progress]
    ) -> _Stage:
        seeds, spec = self.description.seeds, self.dataset.info.spec
        built = construct(self.stages[number].variant, spec, seeds, self.device, self.dtype)
        game, variant = self.stages[number].variant.prepared(built.game)
        state = states.initial(game, built.params, built.buffers, variant, seeds)
        sizes = BatchSizes(variant.batch_size, variant.reals_per_batch)
        example = example_batch(game, spec, sizes, self.device, self.dtype)
        engine = self.description.engine
        program = Program(game, state, example, spec.target, engine, self.device, mode)
        batches = BatchSource(game, sampler, spec, seeds, sizes, self.device, self.dtype)
        field = CohortField(program, variant, state, batches, progress)
        return _Stage(variant, sizes, program, batches, field)

    def _enter_next_stage(self) -> None:
        self.clock.pause()
        before, positions = self.state, self.batches.state()
        self._begin(before.stage + 1)
        self.field.state = states.pass_on(before, self.state)
        self.batches.restore(positions)
        self._compile(self.state.stage)
        self.clock.start()

    def _stage_is_over(self) -> bool:
        state = self.state
        if state.stage + 1 == len(self.stages):
            return False
        if self.rounds_of_stages is not None:
            return state.stage_rounds >= self.rounds_of_stages[state.stage]
        return self.share_spent >= self._ends[state.stage]

    def _rounds_of_stages(self) -> list[int] | None:
        budget, costs = self.description.budget, []
        for number, stage in enumerate(self.stages):
            cost = round_cost(budget, stage.variant, partial(self._flops_of_a_round, number))
            if cost is None:
                return None
            costs.append((self._ends[number], cost))
        return rounds_by_stage(budget, costs)

    def _flops_of_a_round(self, number: int) -> float:
        """The mean over a period of all lazy terms.

        Counted on the loop over seeds: a budget must not depend on how seeds are run.
        """
        sampler = self.dataset.sampler(self.description.seeds, self.device, self.dtype)
        stage = self._ready(number, "looped", sampler, lambda: Progress(0, 0, 0.0, 0.0))
        rounds = math.lcm(*(period for reads in stage.program.reads.values() for period in reads.periods))
        with FlopCounterMode(display=False) as counter:
            for _ in range(rounds):
                stage.field.advance()
        return counter.get_total_flops() / (rounds * len(self.description.seeds))


def make(kind: registry.Kind, choice: Choice) -> Any:
    """What a choice names, built with its options."""
    return registry.get(kind, choice.name).factory(**choice.options)
