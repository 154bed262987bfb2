"""A variant's entry with its own budget and seeds: what it trains, what it is called, what is refused."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from suite_fakes import only_fakes

from ganbench.analysis.cohorts import Budget as ShownBudget
from ganbench.errors import SuiteError
from ganbench.suite import Suite, json_schema, load_suite
from ganbench.suite.locations import ErrorCollector, plain
from ganbench.suite.naming import budget_words
from ganbench.suite.reader import read_text
from ganbench.training.description import Budget


@pytest.fixture(autouse=True, scope="module")
def _fakes() -> Iterator[None]:
    with only_fakes():
        yield


def text(variants: str, datasets: str = "[ring]") -> str:
    return f"datasets: {datasets}\nvariants: {variants}\nseeds: 3\nbudget: {{steps: 25000}}\n"


def load(tmp_path: Path, variants: str, datasets: str = "[ring]") -> Suite:
    file = tmp_path / "own.yaml"
    file.write_text(text(variants, datasets), encoding="utf-8")
    return load_suite(file)


def mistakes_of(tmp_path: Path, variants: str, datasets: str = "[ring]") -> list[tuple[int, int, str]]:
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, variants, datasets)
    return [(each.line, each.column, each.text) for each in caught.value.mistakes]


OWN = """
  - simple
  - penal: {rate: 0.1}
    budget: {steps: 2500}
    seeds: 5
"""


def test_an_entrys_own_budget_and_seeds_are_its_alone(tmp_path: Path) -> None:
    read = load(tmp_path, OWN)
    simple, penal = read.cohorts()
    assert (simple.variant.label, simple.budget, simple.seeds) == (
        "simple",
        Budget("steps", 25_000),
        (0, 1, 2),
    )
    assert (penal.variant.label, penal.budget) == ("penal (2,500 steps)", Budget("steps", 2500))
    assert penal.seeds == (0, 1, 2, 3, 4)
    assert set(read.overrides) == {"penal (2,500 steps)"}
    assert pickle.loads(pickle.dumps(read)) == read
    said = json.loads(json.dumps(read.as_json()))["overrides"]["penal (2,500 steps)"]
    assert (said["budget"], said["seeds"]) == ({"unit": "steps", "amount": 2500}, [0, 1, 2, 3, 4])


def test_a_suite_without_any_is_as_it_was(tmp_path: Path) -> None:
    read = load(tmp_path, "[simple, penal]")
    assert read.overrides == {}
    assert {(c.budget, c.seeds) for c in read.cohorts()} == {(read.budget, read.seeds)}


@pytest.mark.parametrize(
    ("written", "seeds"),
    [("2", (0, 1)), ("[7, 4]", (7, 4)), ("{first: 10, count: 2}", (10, 11)), ("{count: 1}", (0,))],
)
def test_seeds_take_all_forms_of_the_suites(tmp_path: Path, written: str, seeds: tuple[int, ...]) -> None:
    first, second = load(tmp_path, f"[{{simple: , seeds: {written}}}, penal]").cohorts()
    assert (first.variant.label, first.seeds) == ("simple", seeds)
    assert second.seeds == (0, 1, 2)


@pytest.mark.parametrize(
    ("variants", "labels"),
    [
        # the same options under two budgets need no options in their labels
        ("[simple, {simple: , budget: {steps: 2500}}]", ["simple", "simple (2,500 steps)"]),
        (
            "[simple, {simple: {rate: 0.1}, budget: {steps: 2500}}]",
            ["simple", "simple[rate=0.1] (2,500 steps)"],
        ),
        (
            "[{simple: {rate: [1, 2]}, budget: {images: 1_280_000}}]",
            ["simple[rate=1] (1,280,000 images)", "simple[rate=2] (1,280,000 images)"],
        ),
        ("[{simple: , budget: {seconds: 0.5}}]", ["simple (0.5 seconds)"]),
        ("[{simple: , budget: {flops: 1e12}}]", ["simple (1e+12 flops)"]),
        # the suite's budget, written out, is not an own one
        ("[{simple: , budget: {steps: 25_000}}]", ["simple"]),
        # the user's label stands as it is
        ("[simple, {simple: , budget: {steps: 2500}, label: short}]", ["simple", "short"]),
        ("[{simple: {rate: [1, 2]}, budget: {steps: 9}, label: q}]", ["q[rate=1]", "q[rate=2]"]),
    ],
)
def test_an_own_budget_shows_in_the_label(tmp_path: Path, variants: str, labels: list[str]) -> None:
    assert [choice.label for choice in load(tmp_path, variants).variants] == labels


@pytest.mark.parametrize(
    ("unit", "amount"), [("steps", 2500), ("images", 1), ("seconds", 0.5), ("flops", 1e12)]
)
def test_reports_call_a_budget_as_labels_do(unit: str, amount: float) -> None:
    """They strip it from labels where a heading says it."""
    assert ShownBudget(unit, float(amount)).short == budget_words(unit, amount)


@pytest.mark.parametrize(
    ("variants", "line", "column", "phrase"),
    [
        ("[{simple: , budget: {step: 3}}]", 2, 32, "unknown key 'step' of budget; did you mean 'steps'?"),
        ("[{simple: , budget: {steps: 0}}]", 2, 39, "budget: steps must be a whole number above 0"),
        ("[{simple: , budget: 2500}]", 2, 31, "write {images: 2500}"),
        ("[{simple: , budget: }]", 2, 23, "must name one of images, steps"),
        ("[{simple: , budget: {steps: 1, images: 2}}]", 2, 42, "keep exactly one"),
        (
            "[{simple: , budget: {images: 63}}]",
            2,
            31,
            "63 images are less than one round of variant 'simple (63",
        ),
        ("[{simple: , seeds: 0}]", 2, 30, "seeds must be a whole number from 1"),
        ("[{simple: , seeds: [1, 1]}]", 2, 34, "1 stands twice"),
        ("[{simple: , budgt: {steps: 3}}]", 2, 23, "'budgt' stands beside 'simple'; did you mean 'budget'?"),
        ("[{simple: , seed: 3}]", 2, 23, "'seed' stands beside 'simple'; did you mean 'seeds'?"),
        ("[{lable: x, simple: }]", 2, 13, "'lable' stands beside 'simple'; did you mean 'label'?"),
        ("[{simple: , rate: 3}]", 2, 23, "'rate' stands beside 'simple'; indent it further"),
        ("[{simple: , penal: }]", 2, 23, "'penal' stands beside 'simple'; indent it further"),
        ("[{budget: {steps: 3}}]", 2, 12, "names no variant"),
        (
            "[simple: {budget: {steps: 3}}]",
            2,
            21,
            "'budget' of variant 'simple' stands among its options",
        ),
        ("[simple: {seeds: 3}]", 2, 21, "'seeds' of variant 'simple' stands among its options"),
        ("[simple, {simple: , budget: {steps: 25000}}]", 2, 21, "'simple' is the same as in line 2"),
        ("[simple, {simple: , seeds: 9}]", 2, 21, "with every option equal"),
        (
            "[{simple: , budget: {steps: 9}}, {penal: , label: simple (9 steps)}]",
            2,
            45,
            "the label 'simple (9 steps)' is taken",
        ),
    ],
)
def test_mistakes_have_their_place(
    tmp_path: Path, variants: str, line: int, column: int, phrase: str
) -> None:
    (found,) = mistakes_of(tmp_path, variants)
    assert phrase in found[2]
    assert found[:2] == (line, column)


def test_only_variants_have_their_own(tmp_path: Path) -> None:
    (found,) = mistakes_of(tmp_path, "[simple]", "[{ring: , budget: {steps: 3}}]")
    assert found[:2] == (1, 21)
    assert "a data set has no budget of its own; write it at the top, or beside a variant" in found[2]


def test_a_budget_is_checked_as_the_entrys_own(tmp_path: Path) -> None:
    """63 images do not hold a round of 64; a batch of 32 fits, and the suite's budget is another matter."""
    file = tmp_path / "own.yaml"
    variants = "[{simple: {batch: 32}, budget: {images: 63}}, simple: {rate: 0.1}]"
    file.write_text(text(variants).replace("steps: 25000", "images: 64"), encoding="utf-8")
    assert len(load_suite(file).cohorts()) == 2
    file.write_text(text("[{simple: , budget: {images: 64}}]").replace("steps: 25000", "images: 1"), "utf-8")
    assert len(load_suite(file).cohorts()) == 1


@pytest.mark.parametrize(
    "variants", [OWN, "[{simple: , seeds: {count: 2}, label: x}]", "[{simple: , seeds: [1]}]"]
)
def test_the_schema_accepts_it(tmp_path: Path, variants: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    load(tmp_path, variants)
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.validate(plain(read_text(text(variants), ErrorCollector("f"))), json_schema())


@pytest.mark.parametrize(
    ("variants", "datasets"),
    [
        ("[{simple: , budgt: {steps: 3}}]", "[ring]"),
        ("[{simple: , budget: 3}]", "[ring]"),
        ("[{simple: , budget: }]", "[ring]"),
        ("[{simple: , budget: {steps: 3, images: 4}}]", "[ring]"),
        ("[{simple: , seeds: 0}]", "[ring]"),
        ("[simple]", "[{ring: , budget: {steps: 3}}]"),
    ],
)
def test_the_schema_refuses_what_is_refused(tmp_path: Path, variants: str, datasets: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    assert mistakes_of(tmp_path, variants, datasets)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(plain(read_text(text(variants, datasets), ErrorCollector("f"))), json_schema())
