"""The snapshot of a cohort that diagnostics are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ganbench.datasets import Split
from ganbench.game import Nets, Tree, count_parameters
from ganbench.streams import SeedStreams
from ganbench.training.draws import draw_from
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
        return self._evaluate(lambda nets, x: nets.discriminator(x), self._for_each_seed(inputs))

    def input_gradient(self, inputs: Tensor) -> Tensor:
        """∇ₓD in the inputs' shape [S, n, ...]; see `Snapshot`."""
        inputs = self._for_each_seed(inputs)
        return self._evaluate(lambda nets, x: nets.input_gradient("discriminator", x), inputs)

    def field(self) -> Mapping[str, Tree]:
        """Every player's gradient on a measuring batch; see `Snapshot`."""
        return self._cohort.measured_field()

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
        source, draw = self.streams("noise"), self._cohort.game.draws["noise"]
        noise = [draw_from(source, draw, BLOCK, self.dtype) for _ in range(-(-count // BLOCK))]
        return torch.cat(
            [self._evaluate(lambda nets, z: nets.generator(z), block, averaged=True) for block in noise], 1
        )

    def _for_each_seed(self, inputs: Tensor) -> Tensor:
        shared = inputs.ndim == len(self.dataset.info.spec.shape) + 1
        return inputs.expand(len(self.seeds), *inputs.shape) if shared else inputs

    def _evaluate(
        self, use: Callable[[Nets, Tensor], Tensor], inputs: Tensor, averaged: bool = False
    ) -> Tensor:
        cohort = self._cohort
        params = {**cohort.state.params, **(cohort.state.averages if averaged else {})}
        with torch.no_grad():
            return evaluate(
                cohort.game, params, cohort.state.buffers, use, inputs.to(self.dtype), looped=cohort.looped
            )
