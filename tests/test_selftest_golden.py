"""The golden trace: what is kept is what the sources give, and a change of one line is not."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ganbench import optimizers
from ganbench.datasets.mixtures import GaussianMixture
from ganbench.errors import GanbenchError
from ganbench.networks import mlp
from ganbench.selftest import tracing
from ganbench.selftest.golden import (
    SEEDS,
    TOLERANCE,
    compare_golden,
    count_numbers,
    golden_trace,
    read_golden,
    write_golden,
)
from ganbench.selftest.restricted import restricted
from ganbench.suite import load_suite

ROUNDING = 1e-9
"""What another order of additions may change; a thousandth of the tolerance."""


@pytest.fixture(scope="module")
def small() -> Any:
    """One variant of the suite, with a moving average, on its first data set."""
    return restricted(load_suite("ci"), ["rpgan-r1r2"], ["ring8"])


@pytest.fixture(scope="module")
def traced(small: Any) -> dict[str, Any]:
    return golden_trace(small)


def test_no_behaviour_has_changed() -> None:
    """Where this fails on purpose: `ganbench selftest --golden --rewrite`, and say why in the commit."""
    fresh = golden_trace(load_suite("ci"))
    deviations = compare_golden(read_golden(), fresh)
    assert not deviations, "\n".join(map(str, deviations[:10]))
    assert count_numbers(fresh) > 500
    suite = load_suite("ci")
    variants = [name.split(" on ")[0] for name in fresh["cohorts"]]
    assert set(variants) == {*(choice.label for choice in suite.variants), "nsgan[leaky_relu]"}
    assert any(name.endswith("on digits") for name in fresh["cohorts"])


def test_threads_and_the_way_of_computing_change_rounding_only(
    small: Any, traced: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = tracing.Engine
    monkeypatch.setattr(tracing, "Engine", lambda **options: engine(**options, vectorize="off"))
    threads = torch.get_num_threads()
    assert not compare_golden(traced, golden_trace(small), ROUNDING)
    assert torch.get_num_threads() == threads


def test_a_change_of_one_line_is_seen(
    small: Any, traced: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Adam with one correction lost: only from its first step on, and in no untrained number."""
    divide = optimizers._divide_by_root_
    lost = lambda values, moves, square, rate, _, epsilon: divide(values, moves, square, rate, 1.0, epsilon)  # noqa: E731
    monkeypatch.setattr(optimizers, "_divide_by_root_", lost)
    deviations = compare_golden(traced, golden_trace(small))
    assert {d.cohort for d in deviations} == set(traced["cohorts"])
    assert "0" not in {d.moment for d in deviations}
    assert {"1", "10", "30"} <= {d.moment for d in deviations}


def test_a_leak_between_the_splits_is_seen(
    small: Any, traced: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training draws handed out as held-out ones: no trained number tells, the references do."""
    fields = GaussianMixture.fields
    monkeypatch.setattr(GaussianMixture, "fields", lambda self, split, *more: fields(self, "train", *more))
    deviations = compare_golden(traced, golden_trace(small))
    assert {d.moment for d in deviations} == {"0"}
    names = {d.name for d in deviations}
    assert "mode_total_variation, reference" in names
    assert {f"heldout real, {what}" for what in ("mean", "spread", "order")} <= names
    assert not any(name.startswith("train") for name in names)


def test_the_slope_of_a_leaky_relu_is_seen(
    small: Any, traced: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(mlp._ACTIVATIONS, "leaky_relu", lambda: nn.LeakyReLU(0.3))
    deviations = compare_golden(traced, golden_trace(small))
    assert {d.cohort for d in deviations} == {"rpgan-r1r2[leaky_relu] on ring8"}
    assert "0" in {d.moment for d in deviations}


def test_every_cohort_tells_of_players_samples_and_its_primary_quantity(traced: dict[str, Any]) -> None:
    for cohort, moments in traced["cohorts"].items():
        assert list(moments) == ["0", "1", "10", "30"]
        for values in moments.values():
            assert {
                "generator's loss",
                "discriminator's loss",
                "samples' spread",
                "mode_total_variation",
            } <= set(values)
            assert ("generator's parameters, averaged, norm" in values) == cohort.startswith("rpgan")
            assert all(len(each) == len(SEEDS) for each in values.values())
        first, last = (moments[number]["generator's parameters, norm"] for number in ("0", "30"))
        assert first != last
        assert first[0] != first[1]


def test_no_traced_seed_is_its_own_place() -> None:
    """Else a stream that is dealt out by place gives each of them its own numbers."""
    assert all(seed not in range(len(SEEDS)) for seed in SEEDS)


def changed(trace: dict[str, Any], value: Any) -> dict[str, Any]:
    other = copy.deepcopy(trace)
    other["cohorts"]["rpgan-r1r2 on ring8"]["10"]["generator's loss"][1] = value
    return other


def test_comparison_is_relative_and_two_sided(traced: dict[str, Any]) -> None:
    value = traced["cohorts"]["rpgan-r1r2 on ring8"]["10"]["generator's loss"][1]
    assert not compare_golden(traced, traced, 0.0)
    for sign in (1, -1):
        assert not compare_golden(traced, changed(traced, value * (1 + sign * TOLERANCE / 2)))
        (deviation,) = compare_golden(traced, changed(traced, value * (1 + sign * 3 * TOLERANCE)))
        assert (deviation.name, deviation.seed, deviation.moment) == ("generator's loss", SEEDS[1], "10")
        assert deviation.relative == pytest.approx(3 * TOLERANCE, rel=1e-3)
        assert "rpgan-r1r2 on ring8, after 10 rounds" in str(deviation)


def test_what_is_missing_new_or_undefined_deviates(traced: dict[str, Any]) -> None:
    undefined = changed(traced, None)
    assert [math.isinf(d.relative) for d in compare_golden(traced, undefined)] == [True]
    assert len(compare_golden(undefined, traced)) == 1
    assert not compare_golden(undefined, undefined)
    nothing = {**traced, "cohorts": {}}
    assert (
        len(compare_golden(traced, nothing)) == len(compare_golden(nothing, traced)) == count_numbers(traced)
    )


def test_a_trace_is_written_and_read(small: Any, traced: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "golden.json"
    with pytest.raises(GanbenchError, match="--rewrite"):
        read_golden(file)
    write_golden(small, file)
    assert not compare_golden(read_golden(file), traced, 0.0)
    file.write_text('{"format": 99}')
    with pytest.raises(GanbenchError, match="format 99"):
        read_golden(file)
