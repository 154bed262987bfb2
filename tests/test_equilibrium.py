"""What is read after every round: how it is kept, whose rows it makes, and what the verdict needs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from engine_cohorts import cohort
from torch.utils._python_dispatch import TorchDispatchMode

from ganbench import registry
from ganbench.diagnostics.diagnostic import image_bytes
from ganbench.diagnostics.estimators.trajectory import Trajectory, growth_per_turn
from ganbench.execution.measurements import Measurements
from ganbench.training.description import Choice
from ganbench.training.state import CohortState
from ganbench.training.trainer import Trainer


def game(options: dict[str, Any], steps: int, seeds: tuple[int, ...] = (0, 1), **variant: Any) -> Trainer:
    choice = Choice("equilibrium", "equilibrium", options)
    budget = ("steps", steps)
    return cohort(
        "dirac", variant, dataset="dirac", seeds=seeds, budget=budget, diagnostics=[choice], mode="plain"
    )


def measured(made: Trainer, on_round: Any = Measurements.on_round) -> Measurements:
    found = Measurements(made)
    for snapshot in made.train(None, lambda state: on_round(found, state)):
        found.take(snapshot)
    found.add_rounds(snapshot)
    return found


def test_a_long_trajectory_is_thinned() -> None:
    kept = Trajectory(2, 2048)
    for number in range(6000):
        kept.add(torch.tensor([[number, 0.0]], dtype=torch.float64))
    assert len(kept.places()) <= 2048
    np.testing.assert_array_equal(kept.places()[:, 0, 0], kept.rounds)
    assert kept.rounds[-1] > 5990


@pytest.mark.parametrize("stretch", [1.0, 3.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_turns_are_counted_before_a_trajectory_is_thinned(stretch: float, sign: float) -> None:
    """After 60,000 rounds the places that are kept lie about a turn apart."""
    kept, rounds, growth = Trajectory(2, 2048), 60_000, 0.002
    angle = 0.2 * torch.arange(rounds, dtype=torch.float64)
    radius = (growth * angle / (2 * math.pi)).exp()
    places = torch.stack([radius * angle.cos(), sign * stretch * radius * angle.sin()], 1)
    for place in places:
        kept.add(place.unsqueeze(0))
    angles = kept.angles()
    assert angles is not None
    assert abs(angles[-1, 0]) == pytest.approx(0.2 * kept.rounds[-1], abs=2.0)
    path = kept.places()[:, 0]
    assert growth_per_turn(path, 1e-3, angles[:, 0]) == pytest.approx(
        growth, abs=1e-4 if stretch == 1 else 2e-3
    )
    assert stretch > 1 or abs(growth_per_turn(path, 1e-3) - growth) > 0.1  # by the places alone it is lost


class Operations(TorchDispatchMode):
    """Notes every operation of torch by its name."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(func.name())
        return func(*args, **(kwargs or {}))


def test_reading_a_round_neither_waits_for_the_device_nor_copies_to_it() -> None:
    diagnostic = registry.get("diagnostic", "equilibrium").factory(registry.get("dataset", "dirac").factory())
    place = torch.zeros(3, dtype=torch.float64, device="meta")  # a number read from it is an error
    params = {"generator": {"theta": place}, "discriminator": {"psi": place}}
    state = CohortState(params, {}, {}, averages={}, memories={}, diverged_at={}, updates={})
    counts = []
    for _ in range(3):
        with Operations() as seen:
            diagnostic.on_round(state)
        assert "aten::_local_scalar_dense" not in seen.names
        counts.append(seen.names.count("aten::_to_copy"))
    assert counts == [1, 0, 0]


@pytest.mark.parametrize("parts", [[(0, 1, 2, 13)], [(0, 1), (2, 13)], [(2, 13), (1, 0)]])
def test_what_is_recorded_goes_by_the_seeds_numbers(parts: list[tuple[int, ...]]) -> None:
    """Not by their places: sharing seeds among workers changes no row and no figure."""
    recorded: dict[tuple[int, int], float] = {}
    paths: dict[int, np.ndarray] = {}
    for seeds in parts:
        found = measured(game({"followed": 2, "drawn": 3}, 5, seeds))
        rows = [row for row in found.rows if row["quantity"] == "distance"]
        recorded |= {(row["seed"], row["point"]): row["value"] for row in rows}
        held, drawn = found.arrays().get("equilibrium/path"), [seed for seed in seeds if seed < 3]
        assert (held is None) == (not drawn)
        if held is not None:
            assert held.shape == (6, len(drawn), 2)
            paths |= {seed: held[:, place] for place, seed in enumerate(drawn)}
    followed = {seed: [point for other, point in recorded if other == seed] for seed in (0, 1, 2, 13)}
    assert followed == {0: list(range(6)), 1: list(range(6)), 2: [0, 1], 13: [0, 1]}
    assert sorted(paths) == [0, 1, 2]
    for seed in (0, 1):
        distances = np.linalg.norm(paths[seed], axis=1)
        assert [recorded[seed, point] for point in range(6)] == pytest.approx(distances.tolist(), rel=1e-12)


def test_rows_by_round_are_undefined_once_their_seed_has_diverged() -> None:
    def on_round(found: Measurements, state: CohortState) -> None:
        found.on_round(state)
        if state.rounds == 3:  # seed 1 is not finite for one round, and then finite again
            state.params["generator"]["theta"][1] = math.inf
        if state.rounds == 4:
            state.params["generator"]["theta"][1], state.params["discriminator"]["psi"][1] = 1.0, 1.0

    made = game({"followed": 2}, 6)
    rows = [row for row in measured(made, on_round).rows if row["quantity"] == "distance"]
    (_, at) = made.diverged()
    assert at is not None
    assert at[0] == 3
    gone = {(row["seed"], row["step"]) for row in rows if math.isnan(row["value"])}
    assert gone == {(1, step) for step in (3, 4, 5, 6)}
    assert all(math.isfinite(row["value"]) for row in rows if row["seed"] == 0)


def test_growth_is_in_double_precision() -> None:
    rows = measured(game({}, 150, method="nsgan", order="alternating")).rows
    growth = [row["value"] for row in rows if row["quantity"] == "growth_per_turn" and row["final"]]
    assert all(math.isfinite(value) and value != float(np.float32(value)) for value in growth)


def test_what_is_not_finite_in_an_image_is_black() -> None:
    image = torch.tensor([-math.inf, math.inf, math.nan, -1.0, 0.0, 1.0, 9.0])
    assert image_bytes(image).tolist() == [0, 0, 0, 0, 128, 255, 255]
