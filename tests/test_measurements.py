"""A cohort's measurements go on from what was stored of them, as if nothing had happened."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import torch
from engine_cohorts import SMALL, cohort

from ganbench.execution.measurements import Measurements
from ganbench.training.description import Choice
from ganbench.training.device import matmul_precision
from ganbench.training.trainer import Trainer

ROUNDS = 6


class Stopped(Exception):
    """The process ends here."""


def made(dataset: str) -> Trainer:
    names = ("equilibrium", "parameters") if dataset == "dirac" else ("modes", "dynamics", "dimension")
    return cohort(
        dataset if dataset == "dirac" else "nsgan",
        {} if dataset == "dirac" else SMALL,
        dataset=dataset,
        seeds=(0, 1),
        budget=("steps", ROUNDS),
        measure=(0.0, 0.5, 1.0),
        diagnostics=[Choice(name, name, {}) for name in names],
        mode="plain",
    )


def taken(training: Trainer, measurements: Measurements, stop: int | None = None) -> dict[str, Any] | None:
    """Train and measure to the end; with `stop` to that round, and return all that is to be stored then."""

    def on_round(state: Any) -> None:
        measurements.on_round(state)
        if state.rounds == stop:
            raise Stopped

    try:
        for snapshot in training.train(None, on_round):
            measurements.take(snapshot)
    except Stopped:
        file = io.BytesIO()
        torch.save({"cohort": training.checkpoint(), "measurements": measurements.state()}, file)
        file.seek(0)
        return dict(torch.load(file, weights_only=True))
    measurements.add_rounds(snapshot)
    return None


@pytest.mark.parametrize("dataset", ["dirac", "ring8"])
@pytest.mark.parametrize("stop", [1, 4])
def test_measuring_goes_on_from_any_round(dataset: str, stop: int) -> None:
    whole = Measurements(first := made(dataset))
    taken(first, whole)
    stored = taken(stopped := made(dataset), Measurements(stopped), stop)
    assert stored is not None
    rest = Measurements(resumed := made(dataset))
    resumed.restore(stored["cohort"])
    rest.restore(stored["measurements"])
    taken(resumed, rest)

    assert [untimed(row) for row in rest.rows] == [untimed(row) for row in whole.rows]
    assert rest.quantities == whole.quantities
    assert rest.arrays().keys() == whole.arrays().keys()
    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(rest.arrays()[name], array, err_msg=name)


def test_measuring_is_exact_where_training_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    training = cohort("nsgan", SMALL, budget=("steps", 2), diagnostics=("sample_checks",), mode="plain")
    measurements = Measurements(training)
    (diagnostic,) = measurements._diagnostics.values()
    measure, precisions = diagnostic.measure, set()

    def watched(snapshot: Any) -> Any:
        precisions.add((torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32))
        return measure(snapshot)

    monkeypatch.setattr(diagnostic, "measure", watched)
    with matmul_precision("medium"):
        for snapshot in training.train():
            measurements.take(snapshot)
            assert torch.get_float32_matmul_precision() == "medium"
            assert torch.backends.cudnn.allow_tf32
    assert precisions == {("highest", False)}


def untimed(row: dict[str, Any]) -> dict[str, Any]:
    """A row without its seconds, its value as text: NaN equals NaN there."""
    return {name: repr(value) for name, value in row.items() if name != "seconds"}


@pytest.mark.parametrize("part", ["rows", "quantities", "points", "strip", "rounds", "diagnostics"])
def test_every_part_of_the_stored_measurements_counts(part: str) -> None:
    stored = taken(stopped := made("dirac"), Measurements(stopped), 4)
    assert stored is not None
    empty = Measurements(again := made("dirac"))
    kept = {**stored["measurements"], part: empty.state()[part]}
    whole, rest = Measurements(again), Measurements(again)
    whole.restore(stored["measurements"])
    rest.restore(kept)
    assert repr(rest.state()) != repr(whole.state())
    assert repr(whole.state()) == repr(stored["measurements"])


@pytest.mark.parametrize(
    ("dataset", "diagnostic", "part"),
    [
        ("dirac", "equilibrium", "path"),
        ("dirac", "parameters", "path"),
        ("ring8", "dynamics", "_present"),
        ("ring8", "dynamics", "_first"),
    ],
)
def test_a_measurement_without_a_part_of_a_diagnostics_state_differs(
    dataset: str, diagnostic: str, part: str
) -> None:
    whole = Measurements(first := made(dataset))
    taken(first, whole)
    stored = taken(stopped := made(dataset), Measurements(stopped), 4)
    assert stored is not None
    rest = Measurements(resumed := made(dataset))
    states = stored["measurements"]["diagnostics"]
    states[diagnostic][part] = rest.state()["diagnostics"][diagnostic][part]
    resumed.restore(stored["cohort"])
    rest.restore(stored["measurements"])
    with suppress(AssertionError):  # a quantity may be gone altogether
        taken(resumed, rest)
    assert numbers_of(rest) != numbers_of(whole)


def numbers_of(measurements: Measurements) -> list[object]:
    """All rows and arrays."""
    rows = [untimed(row) for row in measurements.rows]
    return [*rows, *((name, array.shape, array.tobytes()) for name, array in measurements.arrays().items())]


@pytest.mark.parametrize("dataset", ["dirac", "ring8"])
def test_what_figures_need_is_there_after_a_stop_behind_the_last_point(dataset: str) -> None:
    whole = Measurements(first := made(dataset))
    taken(first, whole)
    rest = Measurements(made(dataset))
    rest.restore(whole.state())
    assert rest.arrays().keys() == whole.arrays().keys()
    for name, array in whole.arrays().items():
        np.testing.assert_array_equal(rest.arrays()[name], array, err_msg=name)
    names = {name.split("/")[0] for name in whole.arrays() if "/" in name}
    assert names == ({"equilibrium"} if dataset == "dirac" else {"dynamics", "dimension"})
