"""The snapshot of a cohort that diagnostics are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.func import grad

from ganbench.datasets import Sampler, Split
from ganbench.game import Networks, Tree, count_parameters
from ganbench.optimizers import OptimizerState
from ganbench.streams import SeedStreams
from ganbench.training import probe
from ganbench.training.batches import draw_random_input, random_inputs
from ganbench.training.evaluation import evaluate
from ganbench.training.snapshot import Moment

if TYPE_CHECKING:
    from ganbench.training.cohort import Cohort

BLOCK = 512
"""Samples drawn and generated at a time; part of the measuring stream."""


class CohortSnapshot:
    """A cohort at one moment; implements `Snapshot`."""

    def __init__(self, cohort: Cohort, moment: Moment, throughput: Mapping[str, float]) -> None:
        self._cohort, self.moment, self._throughput = cohort, moment, throughput
        self.dataset, self.seeds = cohort.dataset, cohort.description.seeds
        self.device, self.dtype = cohort.device, cohort.dtype
        self.threshold = cohort.variant.threshold
        self.batch_size = cohort.variant.batch_size
        self.game, self.variant, self.looped = cohort.game, cohort.variant, cohort.looped
        self._samples: Tensor | None = None

    def samples(self, count: int | None = None) -> Tensor:
        """Generated samples [S, count, *shape]; see `Snapshot`."""
        wanted = self.dataset.info.evaluation_samples if count is None else count
        if self._samples is None or self._samples.shape[1] < wanted:
            self._samples = self._generate(wanted)
        return self._samples[:, :wanted]

    def real(self, split: Split, count: int) -> Tensor:
        """Fixed real examples [count, *shape]; see `Snapshot`."""
        return self._cohort.real(split, count)

    def discriminator(self, inputs: Tensor) -> Tensor:
        """Logits [S, n]; see `Snapshot`."""
        return self.apply(self.game.logits, self._for_each_seed(inputs))

    def input_gradient(self, inputs: Tensor) -> Tensor:
        """∇ₓD in the inputs' shape [S, n, ...]; see `Snapshot`."""

        def gradient(networks: Networks, x: Tensor) -> Tensor:
            return grad(lambda x: self.game.logits(networks, x).sum())(x)

        return self.apply(gradient, self._for_each_seed(inputs))

    def field(self) -> Mapping[str, Tree]:
        """Every player's gradient on the measuring batch; see `Snapshot`."""
        return self.field_at(self._cohort.state.params)

    def field_at(self, params: Mapping[str, Tree]) -> Mapping[str, Tree]:
        """The field at other parameters; see `Snapshot`."""
        return probe.field_at(self._cohort, params)

    def round_from(
        self, params: Mapping[str, Tree], optimizer_state: Mapping[str, OptimizerState] | None = None
    ) -> tuple[dict[str, Tree], dict[str, OptimizerState]]:
        """One round of the update rule from given replicas; see `Snapshot`."""
        return probe.round_from(self._cohort, params, optimizer_state)

    def batch(self) -> Mapping[str, Tensor]:
        """The measuring batch; see `Snapshot`."""
        return probe.measuring_batch(self._cohort)

    def parameters(self, averaged: bool = False) -> dict[str, Tree]:
        """Copies of all parameters; see `Snapshot`."""
        state = self._cohort.state
        params = {**state.params, **(state.averages if averaged else {})}
        return {player: {n: value.clone() for n, value in tree.items()} for player, tree in params.items()}

    def buffers(self) -> dict[str, Tree]:
        """Copies of all buffers; see `Snapshot`."""
        held = self._cohort.state.buffers
        return {player: {n: value.clone() for n, value in tree.items()} for player, tree in held.items()}

    def sampler(self) -> Sampler:
        """Training draws of its own; see `Snapshot`."""
        return self.dataset.sampler(self.seeds, self.device, self.dtype)

    def streams(self, purpose: str) -> SeedStreams:
        """Fresh measuring streams; see `Snapshot`."""
        return SeedStreams(self.seeds, f"measure/{purpose}", self.device)

    def parameter_counts(self) -> Mapping[str, int]:
        """Trained numbers of one replica, by player."""
        return {player: count_parameters(module) for player, module in self._cohort.game.players.items()}

    def throughput(self) -> Mapping[str, float]:
        """Seconds, images per second, and peak memory in bytes; see `Snapshot`."""
        return self._throughput

    def _generate(self, count: int) -> Tensor:
        """By whole blocks: fewer samples are a prefix of more in every bit, whoever asks first."""
        source, draw = self.streams("noise"), random_inputs(self.game)["noise"]
        noise = [draw_random_input(source, draw, BLOCK, self.dtype) for _ in range(-(-count // BLOCK))]
        return torch.cat(
            [self.apply(lambda networks, z: networks.generator(z), block, averaged=True) for block in noise],
            1,
        )

    def _for_each_seed(self, inputs: Tensor) -> Tensor:
        shared = inputs.ndim == len(self.dataset.info.spec.shape) + 1
        return inputs.expand(len(self.seeds), *inputs.shape) if shared else inputs

    def apply(
        self, use: Callable[[Networks, Tensor], Tensor], inputs: Tensor, averaged: bool = False
    ) -> Tensor:
        """A function of each seed's networks; see `Snapshot`."""
        cohort = self._cohort
        params = {**cohort.state.params, **(cohort.state.averages if averaged else {})}
        with torch.no_grad():
            return evaluate(
                cohort.game, params, cohort.state.buffers, use, inputs.to(self.dtype), looped=cohort.looped
            )
