"""A read-only view of a cohort at one moment, for the diagnostics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, vmap

from ganbench.datasets import Dataset, Sampler
from ganbench.game import (
    Batch,
    Networks,
    PlayerGradient,
    Progress,
    RandomInput,
    Tree,
    count_parameters,
    player_gradient,
)
from ganbench.optimizers import OptimizerState
from ganbench.streams import SeedStreams
from ganbench.training.batches import (
    BatchSizes,
    constant_inputs,
    draw_random_input,
    random_inputs,
    state_inputs,
    with_real,
)
from ganbench.training.field import CohortField
from ganbench.training.gradients import Gradient, Inputs
from ganbench.training.program import Program
from ganbench.training.replicas import CHUNK, Use, cast, copied, evaluate, first_repeated, in_double
from ganbench.training.sample_snapshot import Moment, SampleSnapshot
from ganbench.training.sampling import RealExamples, SamplingInputs, latents
from ganbench.training.state import CohortState
from ganbench.variants.variant import Variant

BLOCK = 512
"""Samples drawn and generated at a time; part of the measuring stream."""


class Snapshot(SampleSnapshot):
    """What a diagnostic may see of a cohort at one moment.  Nothing it does can change the training."""

    def __init__(
        self,
        dataset: Dataset,
        seeds: tuple[int, ...],
        variant: Variant,
        program: Program,
        sizes: BatchSizes,
        state: CohortState,
        progress: Progress,
        real: RealExamples,
        moment: Moment,
        throughput: Mapping[str, float],
    ) -> None:
        self.dataset, self.seeds, self.moment = dataset, seeds, moment
        self.variant, self.game, self.looped = variant, program.game, program.looped
        self._program, self._state, self._progress = program, state, progress
        self._sizes, self._real, self._throughput = sizes, real, throughput
        self._leaf = next(value for tree in state.params.values() for value in tree.values())
        self.device, self.dtype = self._leaf.device, self._leaf.dtype
        self._kept_constants: Tree | None = None
        self._samples: Tensor | None = None
        self._sampled: Tree = {}
        self.shared = {}

    @property
    def threshold(self) -> float | None:
        """The logit above which the objective means "real", where it declares one."""
        return self.variant.threshold

    @property
    def batch_size(self) -> int:
        """Examples in the variant's own batch."""
        return self._sizes.draws

    # Samples and real examples

    def samples(self, count: int | None = None) -> Tensor:
        """Generated samples [S, count, *shape], evaluation mode, averaged weights where kept.

        Drawn once and shared; `count` defaults to the data set's `evaluation_samples`, and a
        smaller count is a prefix of the same draws.
        """
        wanted = self.dataset.info.evaluation_samples if count is None else count
        if self._samples is None or self._samples.shape[1] < wanted:
            self._sampled = self.sampling_inputs("noise").in_blocks(wanted, BLOCK, self.dtype)
            self._samples = self.evaluate(self.game.sample, self._sampled, averaged=True, chunk=BLOCK)
        return self._samples[:, :wanted]

    def sampled_fields(self, count: int) -> Tree:
        """What goes with the samples: their labels and other fields of the data, {name: [S, count, ...]}."""
        self.samples(count)
        fields = self.dataset.info.spec.fields
        return {name: value[:, :count] for name, value in self._sampled.items() if name in fields}

    def sampling_inputs(self, purpose: str) -> SamplingInputs:
        """Draws of all that samples and their logits read, from the streams (seed, "measure/<purpose>")."""
        return self._inputs((*self.sample_reads, *self.logits_reads), purpose)

    @property
    def latents(self) -> Mapping[str, RandomInput]:
        """The real-valued random inputs that a sample is a function of."""
        return latents(self.game, self.sample_reads)

    @property
    def sample_reads(self) -> tuple[str, ...]:
        """The names of the batch that a sample is made from."""
        return self._program.sample_reads.names

    @property
    def logits_reads(self) -> tuple[str, ...]:
        """The names of the batch that logits read beside the examples."""
        return self._program.logits_reads.names

    @property
    def generating(self) -> tuple[str, ...]:
        """The players that make a sample."""
        return self._program.sample_reads.players

    def sampler(self) -> Sampler:
        """Training draws of its own, from the beginning of the seeds' streams."""
        return self.dataset.sampler(self.seeds, self.device, self.dtype)

    def streams(self, purpose: str) -> SeedStreams:
        """Fresh streams (seed, "measure/<purpose>"), the same at every moment."""
        return SeedStreams(self.seeds, f"measure/{purpose}", self.device)

    # The networks

    def discriminator(self, inputs: Tensor, fields: Mapping[str, Tensor] | None = None) -> Tensor:
        """Logits [S, n] of inputs [S, n, *shape] or, shared by all seeds, [n, *shape].

        `fields` are the data's other fields that go with them, [S, n, ...] or [n, ...], where logits read
        any; None: such as samples have.
        """
        return self._judge(self.game.logits, inputs, fields)

    def input_gradient(self, inputs: Tensor, fields: Mapping[str, Tensor] | None = None) -> Tensor:
        """∇ₓD at inputs [S, n, *shape] (or shared), evaluation mode, in the inputs' shape."""

        def gradient(networks: Networks, batch: Batch, examples: Tensor) -> Tensor:
            return grad(lambda x: self.game.logits(networks, batch, x).sum())(examples)

        return self._judge(gradient, inputs, fields)

    def apply(
        self, use: Callable[[Networks, Tensor], Tensor], inputs: Tensor, averaged: bool = False
    ) -> Tensor:
        """`use(networks, inputs)` of each seed in evaluation mode, for inputs [S, n, ...], in chunks of n."""
        return self.evaluate(
            lambda networks, batch: use(networks, batch["examples"]), {"examples": inputs}, averaged
        )

    def evaluate(
        self,
        use: Use,
        examples: Mapping[str, Tensor],
        averaged: bool = False,
        double: bool = False,
        chunk: int = CHUNK,
    ) -> Tensor:
        """`use(networks, batch)` of each seed in evaluation mode; the batch has constants and state too.

        `double`: on float64 copies of everything.
        """
        params = self._weights(averaged)
        dtype = torch.float64 if double else self.dtype
        given = {name: cast(value, value.device, dtype) for name, value in examples.items()}
        trees = (params, self._state.buffers, given, self.constants())
        params, buffers, given, constants = in_double(trees) if double else trees
        with torch.no_grad():
            return evaluate(
                self.game, params, buffers, use, given, constants, looped=self.looped, chunk=chunk
            )

    def parameters(self, averaged: bool = False) -> dict[str, Tree]:
        """Copies of all parameters {player: {name: [S, ...]}}; `averaged`: moving averages where kept."""
        weights: dict[str, Tree] = copied(self._weights(averaged))
        return weights

    def buffers(self) -> dict[str, Tree]:
        """Copies of all buffers {player: {name: [S, ...]}}."""
        return copied(self._state.buffers)

    def parameter_counts(self) -> Mapping[str, int]:
        """Trained numbers of one replica, by player."""
        return {player: count_parameters(module) for player, module in self.game.players.items()}

    def throughput(self) -> Mapping[str, float]:
        """`seconds` of training, `images_per_second` (all seeds together), `peak_memory` bytes."""
        return self._throughput

    # The game

    def batch(self) -> Mapping[str, Tensor]:
        """The batch of `field`, {name: [S, n, ...]}: the same at every moment, but for the state's inputs."""
        count, reals = self._sizes.draws, self._sizes.reals
        batch = {
            name: draw_random_input(self.streams(f"field/{name}"), item, count, self.dtype)
            for name, item in random_inputs(self.game).items()
        }
        available = self.dataset.info.split_sizes.get("train", reals)
        fields = with_real(self.real_fields("train", min(reals, available)), self.dataset.info.spec)
        for name, value in fields.items():
            repeats = -(-reals // len(value))
            repeated = value.repeat(repeats, *[1] * (value.ndim - 1))[:reals]
            batch[name] = repeated.expand(len(self.seeds), *repeated.shape).contiguous()
        return batch | self.constants()

    def field(self) -> Mapping[str, Tree]:
        """Every player's gradient of its own loss, {player: {name: [S, ...]}}, training mode.

        On a batch of the variant's own size from measuring streams.
        """
        return self.field_at(self._state.params)

    @torch.no_grad()
    def field_at(self, params: Mapping[str, Tree]) -> Mapping[str, Tree]:
        """`field` at other parameters of the same shapes [S, ...].

        All else is the present one: the buffers, and the state's inputs where a loss reads them.
        """
        batch = self.batch()
        return {
            player: self._program.gradient(player)
            .function((params, self._state.buffers, {name: batch[name] for name in reads.names}))
            .gradient
            for player, reads in self._program.reads.items()
        }

    @torch.no_grad()
    def round_from(
        self, params: Mapping[str, Tree], optimizer_state: Mapping[str, OptimizerState] | None = None
    ) -> tuple[dict[str, Tree], dict[str, OptimizerState]]:
        """One round of the update rule from R given replicas [R, ...], and optimizer state after it.

        On the first seed's measuring batch and buffers; without `optimizer_state` optimizers begin anew.
        """
        optimizers, present = self.variant.optimizers, self._state
        begun = {p: optimizers[p].initial(tree) for p, tree in params.items()}
        count = len(next(value for tree in params.values() for value in tree.values()))
        state = replace(
            present,
            params=copied(params),
            optimizer_state=copied(begun if optimizer_state is None else optimizer_state),
            buffers=first_repeated(present.buffers, count),
            averages={player: copied(params[player]) for player in self.variant.averages},
            memories=first_repeated(present.memories, count),
            diverged_at=first_repeated(present.diverged_at, count),
            updates=dict(present.updates),
        )
        batches = _OneBatch(first_repeated(dict(self.batch()), count))
        program = _Untraced(self._program)
        CohortField(program, self.variant, state, batches, lambda: self._progress).advance()
        return state.params, state.optimizer_state

    def _weights(self, averaged: bool) -> dict[str, Tree]:
        return {**self._state.params, **(self._state.averages if averaged else {})}

    def _judge(
        self,
        use: Callable[[Networks, Batch, Tensor], Tensor],
        inputs: Tensor,
        fields: Mapping[str, Tensor] | None,
    ) -> Tensor:
        spec = self.dataset.info.spec
        examples = self._for_each_seed(inputs, spec.shape)
        known = {} if fields is None else fields
        reads, count = self.logits_reads, examples.shape[1]
        others = {n: self._for_each_seed(known[n], spec.fields[n].shape) for n in reads if n in known}
        unknown = [name for name in reads if name not in known]
        if unknown:
            drawn = self._inputs(unknown, "noise").in_blocks(count, BLOCK, self.dtype)
            others |= {name: value[:, :count] for name, value in drawn.items()}
        return self.evaluate(
            lambda networks, batch: use(networks, batch, batch[_JUDGED]), {_JUDGED: examples, **others}
        )

    def _inputs(self, names: Iterable[str], purpose: str) -> SamplingInputs:
        return SamplingInputs(self.game, names, self.streams, self._real, len(self.seeds), purpose)

    def _for_each_seed(self, value: Tensor, shape: tuple[int, ...]) -> Tensor:
        shared = value.ndim == len(shape) + 1
        return value.expand(len(self.seeds), *value.shape) if shared else value

    def constants(self) -> Tree:
        """Inputs that are not drawn: constants and those of the state, [S, ...]."""
        if self._kept_constants is None:
            game, state = self.game, self._state
            constant = constant_inputs(game, len(self.seeds), self.device, self.dtype)
            self._kept_constants = constant | state_inputs(
                game, state.optimizer_state, state.memories, self._progress, self._leaf
            )
        return self._kept_constants


_JUDGED = "judged examples"


class _OneBatch:
    """The same batch at every draw."""

    def __init__(self, batch: Mapping[str, Tensor]) -> None:
        self._batch = batch

    def draw(self, names: Iterable[str], reals_of: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        return {name: self._batch[name] for name in names}


class _Untraced(Program):
    """The same program for any number of replicas: vectorized in every call."""

    def __init__(self, program: Program) -> None:
        self.game, self.reads = program.game, program.reads

    def gradient(self, player: str, due: frozenset[int] | None = None) -> Gradient:
        """The gradient, not traced."""

        def single(params: Any, buffers: Any, batch: Any) -> PlayerGradient:
            return player_gradient(self.game, player, params, buffers, batch, due)

        def function(inputs: Inputs) -> PlayerGradient:
            gradient: PlayerGradient = vmap(single)(*inputs)
            return gradient

        return Gradient(function, "plain")
