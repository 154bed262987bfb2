"""A snapshot that holds given samples: what the sample-based diagnostics read, and nothing more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from ganbench.datasets import Dataset, Split
from ganbench.diagnostics.diagnostic import Diagnostic
from ganbench.game import DataSpec, Game, Progress, Tree
from ganbench.training.batches import BatchSizes, example_batch
from ganbench.training.description import Engine
from ganbench.training.program import Program
from ganbench.training.sample_snapshot import Moment
from ganbench.training.sampling import RealExamples
from ganbench.training.snapshot import Snapshot
from ganbench.training.state import CohortState

CPU = torch.device("cpu")


class FakeSnapshot:
    def __init__(self, dataset: Dataset, samples: Tensor, asked: Tree | None = None) -> None:
        self.dataset, self._samples, self.seeds = dataset, samples, tuple(range(len(samples)))
        self._asked: Tree = asked or {}
        self.sample_reads = ("noise", *self._asked)
        self.device, self.dtype = samples.device, samples.dtype
        self.shared: dict[Any, Any] = {}
        self.moment = Moment(point=1, images=0, step=0, seconds=0.0, final=True)

    def samples(self, count: int | None = None) -> Tensor:
        assert count is None or count <= self._samples.shape[1]
        return self._samples[:, :count]

    def sampled_fields(self, count: int) -> Tree:
        return {name: value[:, :count] for name, value in self._asked.items()}

    def real(self, split: Split, count: int) -> Tensor:
        return self.dataset.examples(split, count, self.device, self.dtype)


def measured(
    diagnostic: Diagnostic, dataset: Dataset, samples: Tensor, asked: Tree | None = None
) -> dict[str, Tensor]:
    """The diagnostic's values of samples [S, n, *shape], checked to be just those declared."""
    values = dict(diagnostic.measure(FakeSnapshot(dataset, samples, asked)))  # type: ignore[arg-type]
    assert set(values) == {quantity.name for quantity in diagnostic.quantities}
    assert all(value.shape == samples.shape[:1] for value in values.values())
    return values


def referenced(diagnostic: Diagnostic, dataset: Dataset, asked: Tree | None = None) -> dict[str, float]:
    """What real data get, checked to be of declared quantities."""
    references = dict(diagnostic.references(FakeSnapshot(dataset, torch.empty(1, 0), asked)))  # type: ignore[arg-type]
    assert references.keys() <= {quantity.name for quantity in diagnostic.quantities}
    return references


def snapshot_of_game(game: Game, params: dict[str, Tree], shape: tuple[int, ...]) -> Snapshot:
    """A snapshot of a game at given parameters {player: {name: [S, ...]}}, as of vectors or images."""
    spec, sizes, leaf = DataSpec.real(shape), BatchSizes(2, 2), next(iter(params["generator"].values()))
    nothing: dict[str, Tree] = {player: {} for player in game.players}
    state = CohortState(params, nothing, {}, {}, {}, {}, dict.fromkeys(game.players, 0))
    example = example_batch(game, spec, sizes, CPU, leaf.dtype)
    dataset: Any = SimpleNamespace(info=SimpleNamespace(spec=spec, split_sizes={}))
    return Snapshot(
        dataset=dataset,
        seeds=tuple(range(len(leaf))),
        variant=SimpleNamespace(threshold=0.0, averages={}),  # type: ignore[arg-type]
        program=Program(game, state, example, spec.target, Engine(compile="off"), CPU, "plain"),
        sizes=sizes,
        state=state,
        progress=Progress(0, 0, 0.0, 0.0),
        real=RealExamples(dataset, CPU, leaf.dtype),
        moment=Moment(0, 0, 0, 0.0, False),
        throughput={},
    )
