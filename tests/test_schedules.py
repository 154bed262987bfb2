"""Learning rates by the share of the budget: their values, their spelling, and where they are refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch
from engine_cohorts import SMALL, cohort, deviation, equal_bits, finish, numbers

from ganbench.errors import GanbenchError, SuiteError
from ganbench.optimizers import SGD
from ganbench.schedules import Change, WarmUp, rate_at, schedule
from ganbench.suite import json_schema, load_suite
from ganbench.suite.locations import ErrorCollector, plain
from ganbench.suite.reader import read_file

LINEAR = {"linear": {"from": 0.4, "to": 0.0}}


@pytest.mark.parametrize(
    ("written", "values"),
    [
        (0.3, (0.3, 0.3, 0.3)),
        (LINEAR, (0.4, 0.2, 0.0)),
        ({"linear": {"from": 0.4, "to": 0.2, "begin": 0.5}}, (0.4, 0.4, 0.2)),
        ({"linear": {"from": 0.0, "to": 0.2, "end": 0.25}}, (0.0, 0.2, 0.2)),
        ({"cosine": {"from": 0.4, "to": 0.1}}, (0.4, 0.25, 0.1)),
        ({"warm_up": {"share": 0.8, "then": 0.4}}, (0.0, 0.25, 0.4)),
        ({"warm_up": {"share": 0.5, "then": LINEAR}}, (0.0, 0.2, 0.0)),
    ],
)
def test_a_rate_at_the_beginning_the_middle_and_the_end(written: Any, values: tuple[float, ...]) -> None:
    rate = schedule(written)
    assert [rate_at(rate, share) for share in (0.0, 0.5, 1.0)] == pytest.approx(values, abs=1e-15)


def test_a_cosine_is_slow_at_both_ends() -> None:
    rate = Change(1.0, 0.0, shape="cosine")
    assert rate.at(0.25) == pytest.approx((1 + math.cos(math.pi / 4)) / 2, rel=1e-14)
    assert rate.at(0.1) + rate.at(0.9) == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"linear": {"from": 1.0}}, "Field required"),
        ({"linear": {"from": 1.0, "to": 0.0, "until": 1}}, "Extra inputs"),
        ({"liner": {"from": 1.0, "to": 0.0}}, "learning rate = "),
        ({"linear": {"from": -1.0, "to": 0.0}}, "greater than or equal to 0"),
        ({"linear": {"from": 1.0, "to": 0.0, "begin": 0.5, "end": 0.5}}, "from `begin` to a later `end`"),
        ({"warm_up": {"share": 0.5, "then": {"warm_up": {"share": 0.5, "then": 1.0}}}}, "learning rate = "),
        ({}, "learning rate = {}"),
    ],
)
def test_a_wrong_schedule_is_refused_in_words(written: Any, words: str) -> None:
    with pytest.raises(GanbenchError, match=words):
        schedule(written)


def of_suite(tmp_path: Path, rate: str, budget: str = "images: 1e4") -> Path:
    file = tmp_path / "s.yaml"
    variants = f"variants:\n  - wgan: {{learning_rate: {rate}}}\n"
    file.write_text(f"datasets: [ring8]\n{variants}seeds: 1\nbudget: {{{budget}}}\n", encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("rate", "budget", "line", "column", "words"),
    [
        ("{linear: {from: 1, till: 0}}", "steps: 9", 3, 52, "{linear: {from, to, begin, end}}"),
        ("0", "steps: 9", 3, 27, "must be a number above 0, or {linear: {from, to, begin, end}}"),
        ("{linear: {from: 1, to: 0, begin: 1}}", "steps: 9", 3, 5, "from `begin` to a later `end`"),
        ("{linear: {from: 1, to: 0}}", "seconds: 9", 3, 5, "a constant rate, or a budget in images"),
    ],
)
def test_a_suite_is_told_where_a_schedule_is_wrong(
    tmp_path: Path, rate: str, budget: str, line: int, column: int, words: str
) -> None:
    with pytest.raises(SuiteError) as caught:
        load_suite(of_suite(tmp_path, rate, budget))
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.column) == (line, column)
    assert words in mistake.text


def test_schedules_are_swept_labelled_and_fit_the_schema(tmp_path: Path) -> None:
    file = of_suite(tmp_path, "[1e-3, {cosine: {from: 1e-3, to: 0}}]")
    schema = json_schema()
    jsonschema.validate(plain(read_file(file, ErrorCollector("s"))), schema)
    wrong = of_suite(tmp_path / "..", "{cosine: {form: 1e-3, to: 0}}")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain(read_file(wrong, ErrorCollector("s"))), schema)
    variants = load_suite(of_suite(tmp_path, "[1e-3, {cosine: {from: 1e-3, to: 0}}]")).variants
    assert [each.label for each in variants] == [
        "wgan[learning_rate=0.001]",
        "wgan[learning_rate=cosine(from=0.001,to=0)]",
    ]
    written = json.loads(json.dumps(variants[1].options["learning_rate"]))
    assert written == {"cosine": {"from": 0.001, "to": 0.0}}


def trained(rate: Any, **more: Any) -> Any:
    options = {**SMALL, "optimizer": "sgd", "learning_rate": rate, **more.pop("options", {})}
    return finish(cohort("nsgan", options, mode="plain", **more))


def test_training_follows_the_schedule_by_the_share_spent() -> None:
    """Each of the five rounds, with the rate of its own share, from the state that the round before left."""
    budget = ("steps", 5)
    made = cohort(
        "nsgan", {**SMALL, "optimizer": "sgd", "learning_rate": LINEAR}, mode="plain", budget=budget
    )
    constant = cohort(
        "nsgan", {**SMALL, "optimizer": "sgd", "learning_rate": 1.0}, mode="plain", budget=budget
    )
    for number in range(5):
        rate = SGD(0.4 - 0.4 * number / 5)
        constant.variant.optimizers.update({"generator": rate, "discriminator": rate})  # type: ignore[attr-defined]
        made.field.advance()
        constant.field.advance()
        assert deviation(numbers(made), numbers(constant)) < 1e-14
    assert made.share_spent == 1


@pytest.mark.parametrize("update", ["alternating", "optimistic", {"lookahead": {"steps": 2}}])
def test_a_schedule_that_does_not_change_is_a_constant_rate_to_the_last_bit(update: Any) -> None:
    same = {"linear": {"from": 0.1, "to": 0.1}}
    options = {"update": update}
    assert equal_bits(numbers(trained(same, options=options)), numbers(trained(0.1, options=options)))


def test_a_schedule_differs_from_its_start_and_its_end() -> None:
    found = [numbers(trained(rate)) for rate in ({"linear": {"from": 0.2, "to": 0.1}}, 0.2, 0.1)]
    assert deviation(found[0], found[1]) > 1e-3
    assert deviation(found[0], found[2]) > 1e-3


def test_a_budget_in_flops_has_schedules_too() -> None:
    """Their number is counted by one round, before how many there are is known."""
    made = cohort("nsgan", {**SMALL, "learning_rate": LINEAR}, mode="plain", budget=("flops", 1e6))
    assert made.rounds
    assert made.state.rounds == 0
    assert made.share_spent == 0


def test_what_cannot_follow_a_schedule_refuses_it() -> None:
    with pytest.raises(GanbenchError, match="budget in seconds"):
        cohort("nsgan", {**SMALL, "learning_rate": LINEAR}, budget=("seconds", 1.0))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_steps_ahead_have_the_present_rate(optimizer: str) -> None:
    """A rate that stays where it is, and one that falls, against unrolling at constant rates."""

    def losses(rate: Any, rounds: int) -> dict[str, torch.Tensor]:
        options = {
            **SMALL,
            "optimizer": optimizer,
            "learning_rate": rate,
            "update": {"unrolled": {"steps": 2}},
        }
        made = cohort("unrolled-gan", options, mode="plain", budget=("steps", 4))
        for _ in range(rounds):
            made.field.advance()
        return numbers(made)

    assert deviation(losses({"linear": {"from": 0.1, "to": 0.1}}, 3), losses(0.1, 3)) < 1e-13
    halved = {"linear": {"from": 0.1, "to": 0.05, "end": 0.25}}
    assert deviation(losses(halved, 1), losses(0.1, 1)) < 1e-13
    assert deviation(losses(halved, 2), losses(0.1, 2)) > 1e-3


def test_a_warm_up_begins_with_nothing() -> None:
    params = {"w": torch.ones(2, dtype=torch.float64)}
    sgd = SGD(WarmUp(0.5, 0.2))
    sgd.step_(params, {"w": torch.ones(2, dtype=torch.float64)}, sgd.initial(params), 0.0)
    assert torch.equal(params["w"], torch.ones(2, dtype=torch.float64))
    sgd.step_(params, {"w": torch.ones(2, dtype=torch.float64)}, sgd.initial(params), 0.25)
    assert params["w"].tolist() == pytest.approx([0.9, 0.9])
