"""A read-only view of a cohort at one moment, for the diagnostics."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.utils import _pytree as pytree

from ganbench.datasets import Dataset, Sampler, Split
from ganbench.game import (
    Batch,
    Networks,
    PlayerGradient,
    Progress,
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
)
from ganbench.training.evaluation import CHUNK, Use, evaluate
from ganbench.training.field import CohortField
from ganbench.training.gradients import Gradient, Inputs
from ganbench.training.program import Program
from ganbench.training.stacked import first_repeated
from ganbench.training.state import CohortState
from ganbench.variants.variant import Variant

BLOCK = 512
"""Samples drawn and generated at a time; part of the measuring stream."""


@dataclass(frozen=True)
class Moment:
    """Where in the training a measurement was taken."""

    point: int
    """Number of the measuring point, from 0 (before training)."""
    images: int
    """Real images shown to the discriminator so far, per seed."""
    step: int
    """Discriminator updates so far."""
    seconds: float
    """Training seconds so far, measuring excluded."""
    final: bool


class RealExamples:
    """A data set's fixed examples on a device, kept: every field of the first `count` of a split."""

    def __init__(self, dataset: Dataset, device: torch.device, dtype: torch.dtype) -> None:
        self._dataset, self._device, self._dtype = dataset, device, dtype
        self._kept: dict[Split, Tree] = {}

    def fields(self, split: Split, count: int) -> Tree:
        """{name: [count, ...]}."""
        kept = self._kept.get(split)
        if kept is None or len(next(iter(kept.values()))) < count:
            kept = self._kept[split] = dict(self._dataset.fields(split, count, self._device, self._dtype))
        return {name: value[:count] for name, value in kept.items()}


class Snapshot:
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
            self._sampled = self.sampling_batch(-(-wanted // BLOCK) * BLOCK)
            self._samples = self.generate(self._sampled)
        return self._samples[:, :wanted]

    def sampled_fields(self, count: int) -> Tree:
        """What goes with the samples: their labels and other fields of the data, {name: [S, count, ...]}."""
        self.samples(count)
        fields = self.dataset.info.spec.fields
        return {name: value[:, :count] for name, value in self._sampled.items() if name in fields}

    def sampling_batch(self, count: int, purpose: str = "") -> Tree:
        """All that samples and their logits read but of the state: {name: [S, count, ...]}.

        Random inputs, and fields of the data: labels by the data's class shares, others from the held-out
        examples in order, again from the first where they end.  `purpose` gives other draws.
        """
        return self._drawn(
            (*self._program.sample_reads.names, *self._program.logits_reads.names), count, purpose
        )

    def _drawn(self, names: Iterable[str], count: int, purpose: str = "") -> Tree:
        random, fields = random_inputs(self.game), self.dataset.info.spec.fields
        batch = {}
        for name in dict.fromkeys(names):
            if name in random:
                source = self.streams(f"{purpose}/{name}" if purpose else name)
                draws = (
                    draw_random_input(source, random[name], BLOCK, self.dtype)
                    for _ in range(-(-count // BLOCK))
                )
                batch[name] = torch.cat(list(draws), 1)[:, :count]
            elif name in fields:
                batch[name] = self._field_for_sampling(name, count, purpose)
        return batch

    def generate(self, batch: Mapping[str, Tensor], averaged: bool = True) -> Tensor:
        """Samples [S, n, *shape] of a sampling batch, in whole blocks: fewer are a prefix in every bit."""
        return self.evaluate(self.game.sample, batch, averaged, BLOCK)

    def real(self, split: Split, count: int) -> Tensor:
        """Fixed real examples [count, *shape] of a split, shared by all seeds and kept."""
        return self.real_fields(split, count)[self.dataset.info.spec.target]

    def real_fields(self, split: Split, count: int) -> Tree:
        """Fixed real examples with all their fields, {name: [count, ...]}."""
        return self._real.fields(split, count)

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
        self, use: Use, examples: Mapping[str, Tensor], averaged: bool = False, chunk: int = CHUNK
    ) -> Tensor:
        """`use(networks, batch)` of each seed in evaluation mode; the batch has constants and state too."""
        params = {**self._state.params, **(self._state.averages if averaged else {})}
        given = {
            name: value.to(self.dtype) if value.is_floating_point() else value
            for name, value in examples.items()
        }
        with torch.no_grad():
            return evaluate(
                self.game,
                params,
                self._state.buffers,
                use,
                given,
                self._constant(),
                looped=self.looped,
                chunk=chunk,
            )

    def parameters(self, averaged: bool = False) -> dict[str, Tree]:
        """Copies of all parameters {player: {name: [S, ...]}}; `averaged`: moving averages where kept."""
        return _copied({**self._state.params, **(self._state.averages if averaged else {})})

    def buffers(self) -> dict[str, Tree]:
        """Copies of all buffers {player: {name: [S, ...]}}."""
        return _copied(self._state.buffers)

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
        for name, value in self.real_fields("train", min(reals, available)).items():
            repeats = -(-reals // len(value))
            repeated = value.repeat(repeats, *[1] * (value.ndim - 1))[:reals]
            batch[name] = repeated.expand(len(self.seeds), *repeated.shape).contiguous()
        return batch | self._constant()

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
            params=_copied(params),
            optimizer_state=_copied(begun if optimizer_state is None else optimizer_state),
            buffers=first_repeated(present.buffers, count),
            averages={player: _copied(params[player]) for player in self.variant.averages},
            memories=first_repeated(present.memories, count),
            diverged_at=first_repeated(present.diverged_at, count),
            updates=dict(present.updates),
        )
        batches = _OneBatch(first_repeated(dict(self.batch()), count))
        program = _Untraced(self._program)
        CohortField(program, self.variant, state, batches, lambda: self._progress).advance()
        return state.params, state.optimizer_state

    def _judge(
        self,
        use: Callable[[Networks, Batch, Tensor], Tensor],
        inputs: Tensor,
        fields: Mapping[str, Tensor] | None,
    ) -> Tensor:
        spec = self.dataset.info.spec
        examples = self._for_each_seed(inputs, spec.shape)
        known = {} if fields is None else fields
        reads = self._program.logits_reads.names
        others = self._drawn((name for name in reads if name not in known), examples.shape[1])
        others |= {n: self._for_each_seed(known[n], spec.fields[n].shape) for n in reads if n in known}
        return self.evaluate(
            lambda networks, batch: use(networks, batch, batch[_JUDGED]), {_JUDGED: examples, **others}
        )

    def _field_for_sampling(self, name: str, count: int, purpose: str) -> Tensor:
        spec = self.dataset.info.spec
        if spec.fields[name].classes is not None and spec.class_shares is not None:
            source = self.streams(f"{purpose}/{name}" if purpose else name)
            return torch.cat(
                [source.categories(spec.class_shares, (BLOCK,)) for _ in range(-(-count // BLOCK))], 1
            )[:, :count]
        available = min(count, self.dataset.info.split_sizes.get("heldout", count))
        value = self.real_fields("heldout", available)[name]
        again = value[torch.arange(count, device=value.device) % available]
        return again.expand(len(self.seeds), *again.shape)

    def _for_each_seed(self, value: Tensor, shape: tuple[int, ...]) -> Tensor:
        shared = value.ndim == len(shape) + 1
        return value.expand(len(self.seeds), *value.shape) if shared else value

    def _constant(self) -> Tree:
        """Inputs that are not drawn: constants and those of the state, [S, ...]."""
        if self._kept_constants is None:
            state = self._state
            self._kept_constants = constant_inputs(
                self.game, len(self.seeds), self.device, self.dtype
            ) | state_inputs(self.game, state.optimizer_state, state.memories, self._progress, self._leaf)
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
            found: PlayerGradient = vmap(single)(*inputs)
            return found

        return Gradient(function, "plain")


def _copied(tree: Any) -> Any:
    return pytree.tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else copy.copy(leaf), tree)
