"""`on` beside a variant's name: which data sets it is for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from suite_fakes import only_fakes

from ganbench.errors import SuiteError
from ganbench.suite import Suite, json_schema, load_suite


@pytest.fixture(autouse=True, scope="module")
def _fakes() -> Iterator[None]:
    with only_fakes():
        yield


def load(tmp_path: Path, variants: str, datasets: str = "[ring: {radius: [1, 2]}, pictures]") -> Suite:
    file = tmp_path / "a.yaml"
    file.write_text(
        f"datasets: {datasets}\nvariants: {variants}\nseeds: 2\nbudget: {{images: 6400}}\n", encoding="utf-8"
    )
    return load_suite(file)


def pairs(suite: Suite) -> list[tuple[str, str]]:
    return [(cohort.dataset.label, cohort.variant.label) for cohort in suite.cohorts()]


def test_a_variant_is_trained_where_it_says_by_label_or_by_name(tmp_path: Path) -> None:
    by_name = load(
        tmp_path, "[{simple: {}, on: [ring]}, {simple: {}, label: b, on: [pictures, 'ring[radius=2]']}]"
    )
    assert pairs(by_name) == [
        ("ring[radius=1]", "simple"),
        ("ring[radius=2]", "simple"),
        ("ring[radius=2]", "b"),
        ("pictures", "b"),
    ]
    assert by_name.as_json()["overrides"]["b"]["on"] == ("pictures", "ring[radius=2]")
    everywhere = load(tmp_path, "[simple]")
    assert len(pairs(everywhere)) == 3
    assert everywhere.overrides == {}


def test_it_is_checked_only_where_it_is_trained(tmp_path: Path) -> None:
    convolutional = "{simple: {network: conv}, label: c"
    with pytest.raises(SuiteError, match="conv needs images"):
        load(tmp_path, f"[simple, {convolutional}}}]")
    assert ("pictures", "c") in pairs(load(tmp_path, f"[simple, {convolutional}, on: [pictures]}}]"))


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ("[{simple: {}, on: [rings]}]", "on: 'rings' is no data set of this suite; did you mean 'ring'"),
        ("[{simple: {}, on: []}]", "on must be a list of texts, not an empty list"),
        ("[{simple: {}, on: ring}]", "on must be a list"),
        ("[{simple: {}, on: [ring]}]", "no variant is for data set 'pictures'"),
        ("[{simple: {on: [ring]}}]", "on.* stands among its options; write it beside the name"),
        ("[simple, {simple: {}, on: [ring]}]", "the label 'simple' is taken"),
    ],
)
def test_mistakes(tmp_path: Path, variants: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        load(tmp_path, variants)


def test_a_data_set_has_no_on(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="a data set has no on of its own"):
        load(tmp_path, "[simple]", "[{ring: {}, on: [pictures]}]")


def test_the_schema_knows_it() -> None:
    validator = Draft202012Validator(json.loads(json.dumps(json_schema())))
    written = {"datasets": ["ring"], "variants": [{"simple": {}, "on": ["ring"]}], "seeds": 1}
    written["budget"] = {"images": 100}
    assert validator.is_valid(written)
    written["variants"] = [{"simple": {}, "on": "ring"}]
    assert not validator.is_valid(written)
