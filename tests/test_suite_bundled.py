"""The suites that come with ganbench are valid, and the schema for editors agrees."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from ganbench.errors import SuiteError
from ganbench.suite import bundled_suites, json_schema, load_suite
from ganbench.suite.locations import ErrorCollector, plain
from ganbench.suite.reader import read_file


def test_there_is_a_quickstart() -> None:
    assert "quickstart" in bundled_suites()


@pytest.mark.parametrize("name", sorted(bundled_suites()))
def test_a_bundled_suite_is_valid_and_fits_the_schema(name: str) -> None:
    path = bundled_suites()[name]
    jsonschema.validate(plain(read_file(path, ErrorCollector(name))), json_schema())
    try:
        suite = load_suite(name)
    except SuiteError as error:
        missing = [m for m in error.mistakes if "ganbench data fetch" in m.text or "--data names" in m.text]
        assert len(missing) == len(error.mistakes), str(error)  # noqa: PT017
        pytest.skip("its data are not on this machine")
    assert suite.name == name
    cohorts = suite.cohorts()
    assert {cohort.dataset.label for cohort in cohorts} == {choice.label for choice in suite.datasets}
    assert {cohort.variant.label for cohort in cohorts} == {choice.label for choice in suite.variants}
    assert json.dumps(suite.as_json(), allow_nan=False)


def test_a_network_for_images_is_refused_on_points_at_its_own_place(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    text = "datasets: [ring8]\nvariants:\n  - nsgan: {network: dcgan}\nseeds: 1\nbudget: {images: 1e4}\n"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SuiteError) as caught:
        load_suite(file)
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.column) == (3, 22)
    assert "cannot be used on data set 'ring8'" in mistake.text


def suite_of(tmp_path: Path, update: str) -> Path:
    file = tmp_path / "s.yaml"
    text = (
        f"datasets: [ring8]\nvariants:\n  - nsgan: {{update: {update}}}\nseeds: 1\nbudget: {{images: 1e4}}\n"
    )
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("update", "column", "words"),
    [
        ("extragradiant", 21, "unknown update rule 'extragradiant'; did you mean 'extragradient'?"),
        (
            "{unrolled: {step: 3}}",
            33,
            "unknown option 'step' of update rule 'unrolled'; did you mean 'steps'?",
        ),
        ("{unrolled: {steps: 0}}", 40, "must be a whole number of at least 1, not the number 0"),
        ("{lookahead: {of: {consensus: {weight: -1}}}}", 59, "'weight' of update rule 'consensus' must be"),
        ("3", 21, "the update rule must be a name, or {name: {option: value}}, not the number 3"),
    ],
)
def test_an_update_rule_is_refused_at_its_own_place(
    tmp_path: Path, update: str, column: int, words: str
) -> None:
    with pytest.raises(SuiteError) as caught:
        load_suite(suite_of(tmp_path, update))
    (mistake,) = caught.value.mistakes
    assert (mistake.line, mistake.column) == (3, column)
    assert words in mistake.text


def test_update_rules_are_swept_and_fit_the_schema(tmp_path: Path) -> None:
    file = suite_of(tmp_path, "[alternating, {unrolled: {steps: [1, 2]}}, {lookahead: {of: optimistic}}]")
    jsonschema.validate(plain(read_file(file, ErrorCollector("s"))), json_schema())
    variants = load_suite(file).variants
    assert [choice.label for choice in variants] == [
        "nsgan[update=alternating]",
        "nsgan[update=unrolled(steps=1)]",
        "nsgan[update=unrolled(steps=2)]",
        "nsgan[update=lookahead(of=optimistic)]",
    ]
    of = {"name": "optimistic", "options": {}}
    assert variants[3].options["update"] == {
        "name": "lookahead",
        "options": {"steps": 5, "rate": 0.5, "of": of},
    }
