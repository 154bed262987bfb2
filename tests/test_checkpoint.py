"""A checkpoint holds all that going on needs: resumed, all bits are the same, and no part is idle."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine_cohorts import CPU, SMALL, cohort, equal_bits, numbers, register_for_test
from test_games import style_game, variant_of
from torch import Tensor, nn

from ganbench import registry
from ganbench.datasets import Dataset
from ganbench.diagnostics.diagnostic import Diagnostic
from ganbench.errors import GanbenchError
from ganbench.execution.checkpoint import checkpoint, read_checkpoint, restore, write_checkpoint
from ganbench.execution.measurements import Measurements
from ganbench.game import Batch, DataSpec, Game, Networks, ScheduledInput
from ganbench.networks.layers import BatchNorm, Dropout
from ganbench.quantities import Quantity
from ganbench.training.description import Choice
from ganbench.training.snapshot import Snapshot
from ganbench.training.state import CohortState
from ganbench.training.trainer import Trainer
from ganbench.updates import Turns
from ganbench.variants.variant import Stage, StagedVariant

ROUNDS, FIRST, MIDDLE = 14, 6, 9
"""The middle lies in the second stage, between two measuring points, one round after a lazy update."""


class Count(Diagnostic):
    """How many snapshots it has seen, and a number after every round."""

    def __init__(self, _dataset: Dataset) -> None:
        self._seen = 0
        self.quantities = (Quantity("seen", "Snapshots seen"), Quantity("size", "Size of the generator"))

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        self._seen += 1
        return {name: torch.full((len(snapshot.seeds),), float(self._seen)) for name in ("seen", "size")}

    def references(self, snapshot: Snapshot) -> Mapping[str, float]:
        return {"seen": 1.0} if self._seen == 1 else {}

    def on_round(self, state: CohortState) -> Mapping[str, Tensor]:
        return {"size": sum(value.flatten(1).norm(dim=1) for value in state.params["generator"].values())}

    def state(self) -> dict[str, Any]:
        return {"seen": self._seen}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._seen = state["seen"]


def rich_game(spec: DataSpec) -> Game:
    """The style-like game, with batch norm, dropout, and a weight that depends on all kinds of progress."""
    game = style_game(spec)
    (dim,) = spec.shape
    discriminator = nn.Sequential(nn.Linear(dim, 8), BatchNorm(8), nn.Tanh(), Dropout(0.3), nn.Linear(8, 1))
    weight = ScheduledInput(lambda at: 1 + at.examples / 100 + at.stage_examples / 10 + at.stage_share)

    def loss(networks: Networks, batch: Batch) -> Any:
        value, memories = game.losses["discriminator"](networks, batch)
        return batch["weight"] * value, memories

    return replace(
        game,
        players={**game.players, "discriminator": nn.Sequential(*discriminator, nn.Flatten(0))},
        losses={**game.losses, "discriminator": loss},
        inputs={**game.inputs, "weight": weight},
    )


@pytest.fixture
def begin(monkeypatch: pytest.MonkeyPatch) -> Callable[[], tuple[Trainer, Measurements]]:
    stage = variant_of(rich_game, Turns(), 6, "generator")
    variant = StagedVariant((Stage(stage, FIRST), Stage(stage, ROUNDS - FIRST)))
    register_for_test(monkeypatch, "game", lambda: variant)
    entry = registry.Entry("diagnostic", "count", Path(__file__), Count)
    monkeypatch.setitem(registry._entries, ("diagnostic", "count"), entry)

    def begun() -> tuple[Trainer, Measurements]:
        made = cohort(
            "game",
            {},
            dataset="grid25",
            seeds=(0, 4, 1),
            mode="plain",
            budget=("steps", ROUNDS),
            measure=(0.0, 0.5, 0.75, 1.0),
            diagnostics=(Choice("count", "count"), Choice("modes", "modes")),
        )
        return made, Measurements(made)

    return begun


def go(made: Trainer, measurements: Measurements, until: int = ROUNDS) -> None:
    """Train and measure to the end, or stop after a round as if the process died there."""

    class Died(Exception):
        pass

    def on_round(state: CohortState) -> None:
        measurements.on_round(state)
        if state.rounds == 3 and state.stage == 0:  # a seed that diverges, long before the middle
            state.params["generator"]["out.bias"][1] = math.nan
        if state.rounds == until < ROUNDS:
            raise Died

    try:
        for snapshot in made.train(None, on_round):
            measurements.take(snapshot)
            if snapshot.moment.final:
                measurements.add_rounds(snapshot)
    except Died:
        return


def end_of(made: Trainer, measurements: Measurements) -> dict[str, Any]:
    """All that is stored of a cohort, but what a clock says."""
    clocks = {"seconds", "training_seconds"}
    rows = [{n: v for n, v in row.items() if n not in clocks} for row in measurements.rows]
    return {
        "numbers": numbers(made),
        "memories": made.state.memories,
        "rows": sorted(map(repr, rows)),
        "arrays": measurements.arrays(),
        "diverged": made.diverged(),
        "rounds": (made.state.rounds, made.state.steps, made.state.examples, made.state.real_batches),
        "counts": (made.state.stage_rounds, made.state.stage_examples, made.state.updates),
        "references": dict(measurements._references),
        "quantities": sorted(measurements.quantities),
    }


def same(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    if not equal_bits(left["numbers"], right["numbers"]) or not equal_bits(
        left["memories"], right["memories"]
    ):
        return False
    if left["arrays"].keys() != right["arrays"].keys():
        return False
    if not all(
        np.array_equal(value, right["arrays"][name], equal_nan=value.dtype.kind == "f")
        for name, value in left["arrays"].items()
    ):
        return False
    return all(left[name] == right[name] for name in left if name not in ("numbers", "memories", "arrays"))


@pytest.mark.parametrize("middle", [0, 1, FIRST, FIRST + 1, MIDDLE, ROUNDS - 1])
def test_a_resumed_cohort_ends_as_one_that_was_never_stopped(
    begin: Callable[[], tuple[Trainer, Measurements]], middle: int, tmp_path: Path
) -> None:
    whole = begin()
    go(*whole)
    stopped = begin()
    go(*stopped, until=middle)
    kept = checkpoint(*stopped)
    write_checkpoint(tmp_path / "checkpoint.pt", kept)
    resumed = begin()
    restore(read_checkpoint(tmp_path / "checkpoint.pt", CPU), *resumed)
    assert resumed[0].clock.seconds == kept["trainer"]["seconds"]
    go(*resumed)
    assert same(end_of(*resumed), end_of(*whole))
    assert [at is None for at in whole[0].diverged()] == [True, False, True]


def parts(tree: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The paths of all that a checkpoint is made of."""
    state = [("trainer", "state", name) for name in tree["trainer"]["state"]]
    measured = [("measurements", name) for name in tree["measurements"]]
    streams = [("trainer", "batches", "streams", name) for name in tree["trainer"]["batches"]["streams"]]
    return [*state, *streams, ("trainer", "batches", "sampler"), ("trainer", "seconds"), *measured]


def at(tree: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    for name in path:
        tree = tree[name]
    return tree


def with_part(tree: Mapping[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    name, *rest = path
    return {**tree, name: with_part(tree[name], tuple(rest), value) if rest else value}


def test_every_part_of_a_checkpoint_counts(begin: Callable[[], tuple[Trainer, Measurements]]) -> None:
    """Each part set back to what it is before training, in turn: the end is another, or nothing goes on."""
    whole = begin()
    go(*whole)
    expected = end_of(*whole)
    stopped = begin()
    go(*stopped, until=MIDDLE)
    untrained = checkpoint(*begin())
    idle = set(parts(untrained))
    for kept in (
        checkpoint(*stopped),
        checkpoint(*whole),
    ):  # what is measured last counts after the last point
        for path in sorted(idle):
            resumed = begin()
            try:
                restore(with_part(kept, path, at(untrained, path)), *resumed)
                lost = resumed[0].clock.seconds < kept["trainer"]["seconds"]
                go(*resumed)
                if lost or not same(end_of(*resumed), expected):
                    idle.remove(path)
            except (KeyError, RuntimeError, IndexError, ValueError, AssertionError):
                idle.remove(path)
    of_images = {("measurements", "final"), ("measurements", "pictures")}
    assert idle == of_images  # tested on images, below


def test_the_last_images_are_part_of_a_checkpoint() -> None:
    made = cohort("nsgan", SMALL, dataset="digits", mode="plain", budget=("steps", 2), measure=(1.0,))
    measurements, again = Measurements(made), Measurements(made)
    go(made, measurements)
    again.restore(measurements.state())
    for name in ("final", "walks"):
        assert np.array_equal(again.arrays()[name], measurements.arrays()[name])
        assert again.arrays()[name].any()


def test_a_broken_checkpoint_is_refused_in_words(
    begin: Callable[[], tuple[Trainer, Measurements]], tmp_path: Path
) -> None:
    file = tmp_path / "checkpoint.pt"
    write_checkpoint(file, checkpoint(*begin()))
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(GanbenchError, match=r"checkpoint\.pt: no readable checkpoint"):
        read_checkpoint(file, CPU)
