"""Suites: what is read from them, and one located message for every kind of mistake."""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from suite_fakes import Data, Measured, only_fakes

from ganbench import registry
from ganbench.datasets import Primary
from ganbench.diagnostics.diagnostic import register_diagnostic
from ganbench.errors import GanbenchError, SuiteError
from ganbench.game import DataSpec
from ganbench.quantities import Quantity
from ganbench.suite import Suite, bundled, json_schema, load_suite
from ganbench.training.description import Budget, Engine


@pytest.fixture(autouse=True, scope="module")
def _fakes() -> Iterator[None]:
    with only_fakes():
        yield


def load(tmp_path: Path, text: str, **options: Any) -> Suite:
    file = tmp_path / "some-suite.yaml"
    file.write_text(text, encoding="utf-8")
    return load_suite(file, **options)


def suite(
    datasets: str = "[ring]", variants: str = "[simple]", seeds: str = "3", budget: str = "{images: 6400}"
) -> str:
    return f"datasets: {datasets}\nvariants: {variants}\nseeds: {seeds}\nbudget: {budget}\n"


def test_the_least_suite_has_every_default_filled_in(tmp_path: Path) -> None:
    read = load(tmp_path, suite())
    assert (read.name, read.file) == ("some-suite", str(tmp_path / "some-suite.yaml"))
    (cohort,) = read.cohorts()
    assert cohort.dataset.options == {
        "radius": 2.0,
        "modes": 8,
        "centre": [0.0, 0.0],
        "rotated": False,
        "title": "ring",
    }
    assert cohort.variant.options == {
        "network": {"name": "mlp", "options": {"width": 128, "act": "relu"}},
        "batch": 64,
        "rate": 1e-3,
        "betas": [0.5, 0.9],
        "ema": None,
        "order": "first",
        "weight": 0.0,
    }
    assert cohort.seeds == (0, 1, 2)
    assert cohort.budget == Budget("images", 6400)
    assert cohort.measure == tuple(k / 8 for k in range(9))
    assert [d.label for d in cohort.diagnostics] == ["cost", "modes"]
    assert cohort.engine == Engine()
    assert json.loads(json.dumps(read.as_json(), allow_nan=False))["variants"][0]["options"]["rate"] == 1e-3
    assert pickle.loads(pickle.dumps(read)) == read


def test_default_diagnostics_are_those_that_apply(tmp_path: Path) -> None:
    read = load(tmp_path, suite(datasets="[ring, pictures]"))
    ring, pictures = read.cohorts()
    assert [d.name for d in ring.diagnostics] == ["cost", "modes"]
    assert [d.name for d in pictures.diagnostics] == ["cost", "fidelity"]
    assert [d.name for d in read.diagnostics] == ["cost", "fidelity", "modes"]


def test_named_diagnostics_keep_their_options(tmp_path: Path) -> None:
    read = load(tmp_path, suite() + "diagnostics:\n  - modes: {threshold: 4}\n")
    (choice,) = read.diagnostics
    assert choice.options == {"threshold": 4.0}


@pytest.mark.parametrize(
    ("variants", "labels"),
    [
        ("[simple, penal]", ["simple", "penal"]),
        ("[penal: {weight: 1}]", ["penal"]),
        ("[simple, simple: {rate: 0.1}]", ["simple", "simple[rate=0.1]"]),
        (
            "[simple: {rate: [1e-3, 1], ema: [null, 0.9]}]",
            [
                "simple[rate=0.001,ema=null]",
                "simple[rate=0.001,ema=0.9]",
                "simple[rate=1,ema=null]",
                "simple[rate=1,ema=0.9]",
            ],
        ),
        ("[simple: {betas: [0, 0.9]}]", ["simple"]),
        ("[simple: {betas: [[0, 0.9], [0.5, 0.9]]}]", ["simple[betas=(0,0.9)]", "simple[betas=(0.5,0.9)]"]),
        ("[simple: {network: [mlp, wide]}]", ["simple[network=mlp]", "simple[network=wide]"]),
        (
            "[simple: {network: {mlp: {width: [8, 16]}}}]",
            ["simple[network=mlp(width=8)]", "simple[network=mlp(width=16)]"],
        ),
        ("[{simple: {rate: 0.1}, label: quick}, simple]", ["quick", "simple"]),
        ("[{simple: {rate: [1, 2], batch: 8}, label: q}]", ["q[rate=1]", "q[rate=2]"]),
        ("[{simple: , label: plain}]", ["plain"]),
    ],
)
def test_labels_and_sweeps(tmp_path: Path, variants: str, labels: list[str]) -> None:
    assert [choice.label for choice in load(tmp_path, suite(variants=variants)).variants] == labels


@pytest.mark.parametrize(
    ("written", "resolved"),
    [
        ("wide", {"name": "wide", "options": {"width": 512}}),
        ("{wide: {width: 4}}", {"name": "wide", "options": {"width": 4}}),
        ("{wide: }", {"name": "wide", "options": {"width": 512}}),
        ("{name: wide}", {"name": "wide", "options": {"width": 512}}),
        ("{name: wide, options: {width: 4}}", {"name": "wide", "options": {"width": 4}}),
    ],
)
def test_networks_are_resolved(tmp_path: Path, written: str, resolved: dict[str, Any]) -> None:
    (choice,) = load(tmp_path, suite(variants=f"[simple: {{network: {written}}}]")).variants
    assert choice.options["network"] == resolved


def test_a_variants_own_default_network_wins_and_is_resolved(tmp_path: Path) -> None:
    (choice,) = load(tmp_path, suite(variants="[penal]")).variants
    assert choice.options["network"] == {"name": "wide", "options": {"width": 512}}
    assert choice.options["weight"] == 10.0


@pytest.mark.parametrize(
    ("written", "seeds"),
    [
        ("1", (0,)),
        ("1e1", tuple(range(10))),
        ("[3, 1, 2]", (3, 1, 2)),
        ("{first: 100, count: 3}", (100, 101, 102)),
        ("{count: 2}", (0, 1)),
    ],
)
def test_seeds(tmp_path: Path, written: str, seeds: tuple[int, ...]) -> None:
    assert load(tmp_path, suite(seeds=written)).seeds == seeds


@pytest.mark.parametrize(
    ("written", "budget"),
    [
        ("{images: 50_000}", Budget("images", 50_000)),
        ("{steps: 1e3}", Budget("steps", 1000)),
        ("{seconds: 2.5}", Budget("seconds", 2.5)),
        ("{flops: 1e12}", Budget("flops", 1e12)),
    ],
)
def test_budgets(tmp_path: Path, written: str, budget: Budget) -> None:
    assert load(tmp_path, suite(budget=written)).budget == budget


@pytest.mark.parametrize(
    ("written", "points"),
    [
        ("2", (0.0, 0.5, 1.0)),
        ("1", (0.0, 1.0)),
        ("[0.25]", (0.0, 0.25, 1.0)),
        ("[0.25, 1]", (0.0, 0.25, 1.0)),
        ("{points: 2, initial: false}", (0.5, 1.0)),
        ("{points: [0.5], initial: false}", (0.5, 1.0)),
        ("{points: 4, spacing: log}", (0.0, 1e-3, 1e-2, 1e-1, 1.0)),
        ("{points: 1, spacing: log, initial: false}", (1.0,)),
    ],
)
def test_measuring_points(tmp_path: Path, written: str, points: tuple[float, ...]) -> None:
    read = load(tmp_path, suite() + f"measure: {written}\n").measure
    assert read == pytest.approx(points, rel=1e-12)
    assert read[-1] == 1.0


def test_the_engines_words_on_and_off_need_no_quotes(tmp_path: Path) -> None:
    read = load(tmp_path, suite() + "engine: {compile: off, vectorize: on, precision: medium, threads: 2}\n")
    assert read.engine == Engine(precision="medium", compile="off", vectorize="on", threads=2)


MISTAKES = [
    # name
    ("name: a b\n" + suite(), 1, 7, "folder's name; use letters"),
    ("name: 3\n" + suite(), 1, 7, "name must be text, not the number 3; put it in quotes"),
    # top level
    (suite() + "budgets: 1\n", 5, 1, "unknown key 'budgets' of the suite; did you mean 'budget'?"),
    (suite().replace("seeds: 3\n", ""), 1, 1, "the suite lacks the key 'seeds'"),
    ("- ring\n", 1, 1, "a suite must be a mapping with the keys name, include, datasets"),
    # names
    (suite(variants="[simpel]"), 2, 12, "unknown variant 'simpel'; did you mean 'simple'?"),
    (suite(datasets="[rng]"), 1, 12, "unknown data set 'rng'; did you mean 'ring'?"),
    (suite(variants="[simple: {network: cnv}]"), 2, 30, "unknown network 'cnv'; did you mean 'conv'?"),
    (suite() + "diagnostics: [mode]\n", 5, 15, "unknown diagnostic 'mode'; did you mean 'modes'?"),
    (suite(variants="[no]"), 2, 12, "'no' is text in YAML 1.2, not false"),
    (suite(variants="[true]"), 2, 12, 'not true; put it in quotes ("true")'),
    # shapes
    (suite(variants="simple"), 2, 11, "must be a list of variant names, not the text 'simple'; begin each"),
    (suite(variants="{simple: {rate: 1}}"), 2, 11, "must be a list of variant names, not a mapping (simple)"),
    (suite(variants="[]"), 2, 11, "variants is an empty list; name at least one variant"),
    (suite(variants=""), 2, 1, "must be a list of variant names, not nothing"),
    (suite(variants="[simple: [1]]"), 2, 20, "the options of variant 'simple' must be a mapping"),
    (suite(variants="[{label: x}]"), 2, 12, "names no variant"),
    (
        suite(variants="\n  - penal:\n    weight: 3"),
        4,
        5,
        "'weight' stands beside 'penal'; indent it further",
    ),
    (suite(variants="[simple: {label: x}]"), 2, 21, "stands among its options; write it beside the name"),
    (suite(variants="[{simple: {}, label: a/b}]"), 2, 32, "without / and"),
    (suite(variants="[{simple: {}, label: 3}]"), 2, 32, "label must be text, not the number 3"),
    # options
    (
        suite(variants="[simple: {rat: 1}]"),
        2,
        21,
        "unknown option 'rat' of variant 'simple'; did you mean 'rate'?",
    ),
    (suite(variants="[needy]"), 2, 12, "variant 'needy' lacks the option 'power' (its power)"),
    (
        suite(variants="[simple: {rate: 0}]"),
        2,
        27,
        "'rate' of variant 'simple' must be a number above 0, not the n",
    ),
    (suite(variants="[simple: {rate: 10:30}]"), 2, 27, "10:30 is text in YAML 1.2, not 630"),
    (suite(variants="[simple: {rate: '1e-3'}]"), 2, 27, "not the text '1e-3'; write it without quotes"),
    (suite(variants='[simple: {rate: "1,000"}]'), 2, 27, "; write 1000"),
    (suite(variants="[simple: {rate: true}]"), 2, 27, "true is never a number in a suite"),
    (suite(variants="[simple: {rate: .inf}]"), 2, 27, "it must be finite"),
    (suite(variants="[simple: {rate: 1e999}]"), 2, 27, "it must be finite"),
    (suite(variants="[simple: {rate: }]"), 2, 21, "must be a number above 0, not nothing"),
    (suite(variants="[simple: {rate: []}]"), 2, 27, "is swept over an empty list"),
    (suite(variants="[simple: {rate: [1, x]}]"), 2, 31, "must be a number above 0, not the text 'x'"),
    (suite(variants="[simple: {rate: [1, 1.0]}]"), 2, 31, "the value 1 stands twice in the sweep"),
    (suite(variants="[simple: {rate: [[1]]}]"), 2, 28, "must be a number above 0, not a list of 1"),
    (suite(variants="[simple: {batch: 2.5}]"), 2, 28, "a whole number of at least 1, not the number 2.5"),
    (suite(variants="[simple: {batch: true}]"), 2, 28, "never a number"),
    (suite(variants="[simple: {betas: 0.5}]"), 2, 28, "must be a list of 2 numbers, not the number 0.5"),
    (suite(variants="[simple: {betas: [1, x]}]"), 2, 32, "a list of 2 numbers; the text 'x' does not fit"),
    (suite(variants="[simple: {betas: [1]}]"), 2, 28, "a list of 2 numbers, not a list of 1"),
    (
        suite(variants="[simple: {ema: no}]"),
        2,
        26,
        "a number, or null, not the text 'no'; 'no' is text in YAML 1",
    ),
    (
        suite(variants="[simple: {order: frist}]"),
        2,
        28,
        "one of first, second, not the text 'frist'; did you mean",
    ),
    (suite(datasets="[ring: {rotated: no}]"), 1, 28, "'no' is text in YAML 1.2, write false"),
    (suite(datasets="[ring: {rotated: 'true'}]"), 1, 28, "write true without quotes"),
    (suite(datasets="[ring: {rotated: 1}]"), 1, 28, "must be true or false, not the number 1"),
    (suite(datasets="[ring: {title: 3}]"), 1, 26, "put it in quotes to make it text"),
    (
        suite(variants="[simple: {network: 3}]"),
        2,
        30,
        "the network must be a name, or {name: {option: value}}",
    ),
    (
        suite(variants="[simple: {network: {mlp: {widht: 3}}}]"),
        2,
        37,
        "unknown option 'widht' of network 'mlp'",
    ),
    (suite(variants="[simple: {network: {mlp: {width: 0}}}]"), 2, 44, "whole number of at least 1"),
    # twice
    (suite(variants="[simple, simple]"), 2, 20, "'simple' is the same as in line 2"),
    (suite(variants="[simple, simple: {rate: 1e-3}]"), 2, 20, "with every option equal"),
    (suite(variants="[{simple: , label: penal}, penal]"), 2, 38, "the label 'penal' is taken in line 2"),
    # seeds
    (suite(seeds="0"), 3, 8, "seeds must be a whole number from 1 to 100000, not the number 0"),
    (suite(seeds="-3"), 3, 8, "seeds must be a whole number"),
    (suite(seeds="99999999999"), 3, 8, "from 1 to 100000"),
    (suite(seeds="[1, 2, 1]"), 3, 15, "1 stands twice"),
    (suite(seeds="[1, -2]"), 3, 12, "the number -2 does not fit"),
    (suite(seeds="[]"), 3, 8, "an empty list"),
    (suite(seeds="{first: 3}"), 3, 8, "seeds lacks the key 'count' (how many seeds)"),
    (suite(seeds="true"), 3, 8, "never a number"),
    # budget
    (suite(budget="5000"), 4, 9, "write {images: 5000}"),
    (suite(budget="{}"), 4, 9, "budget is empty"),
    (suite(budget="{images: 640, steps: 3}"), 4, 23, "budget gives 'steps' beside 'images'"),
    (suite(budget="{steps: 0}"), 4, 17, "a whole number above 0"),
    (suite(budget="{seconds: 10:30}"), 4, 19, "10:30 is text in YAML 1.2, not 630"),
    (suite(budget="{images:3}"), 4, 10, "unknown key 'images:3' of budget; put a space after the colon"),
    (suite(budget="{image: 3}"), 4, 10, "did you mean 'images'?"),
    (
        suite(budget="{images: 63}"),
        4,
        9,
        "63 images are less than one round of variant 'simple'; give at least 64",
    ),
    # measure
    (suite() + "measure: 0\n", 5, 10, "a whole number from 1 to 1000"),
    (suite() + "measure: [0.5, 0.2]\n", 5, 16, "0.2 follows 0.5"),
    (suite() + "measure: [0, 1]\n", 5, 11, "the number 0 does not fit"),
    (suite() + "measure: [0.5, 1.5]\n", 5, 16, "the number 1.5 does not fit"),
    (suite() + "measure: {points: [0.5], spacing: log}\n", 5, 26, "listed points have no spacing"),
    (suite() + "measure: {point: 3}\n", 5, 11, "did you mean 'points'?"),
    # engine
    (suite() + "engine: {compile: true}\n", 5, 19, "one of auto, on, off, not true; write on"),
    (suite() + "engine: {precision: flot32}\n", 5, 21, "did you mean 'float32'?"),
    (suite() + "engine: {processes: 0}\n", 5, 21, "a whole number from 1 to 4096, or null, not the number 0"),
    (suite() + "engine: fast\n", 5, 9, "engine must be a mapping with the keys precision"),
    # include
    (suite() + "include: [mine.py]\n", 5, 11, "no such file"),
    (suite() + "include: mine.py\n", 5, 10, "include must be a list of texts, not the text 'mine.py'"),
    # what does not go together
    (
        suite(datasets="[pictures, lost]"),
        1,
        22,
        "data set 'lost': files are missing; run ganbench data fetch",
    ),
    (suite(datasets="[ring: {radius: 1e7}]"), 1, 12, "cannot be made: ValueError: too wide"),
    (suite(variants="[penal: {weight: -1}]"), 2, 12, "variant 'penal': weight must not be negative"),
    (
        suite(datasets="[pictures, ring]", variants="[penal: {network: conv}]"),
        2,
        29,
        "network 'conv' of variant 'penal' cannot be used on data set 'ring': conv needs images; use mlp",
    ),
    (
        suite(variants="[penal: {weight: 13, network: mlp}]"),
        2,
        12,
        "variant 'penal' cannot be used on data set 'ring': weight 13 is unlucky",
    ),
    (suite() + "diagnostics: [modos]\n", 5, 15, "unknown diagnostic 'modos'; did you mean 'modes'?"),
    (suite() + "diagnostics: {modes: {threshold: 3}}\n", 5, 14, "diagnostics must be a list of"),
    (suite() + "diagnostics: {}\n", 5, 14, "diagnostics must be a list of"),
    (suite() + "diagnostics: {add: cost}\n", 5, 20, "diagnostics: add must be a list of diagnostic names"),
    (suite() + "diagnostics: {add: []}\n", 5, 20, "diagnostics: add is an empty list"),
    (suite() + "diagnostics: {ad: [cost], remove: [cost]}\n", 5, 15, "unknown key 'ad' of diagnostics"),
    (
        suite() + "diagnostics: {add: [fidelity]}\n",
        5,
        21,
        "diagnostic 'fidelity' applies to no data set here",
    ),
    (suite() + "diagnostics: {add: [cots]}\n", 5, 21, "unknown diagnostic 'cots'; did you mean 'cost'?"),
    (suite() + "diagnostics:\n  add: [cost: {detal: true}]\n", 6, 16, "did you mean 'detail'?"),
    (
        suite() + "diagnostics: {remove: [modes, cots]}\n",
        5,
        31,
        "diagnostics: remove: 'cots' is no default diagnostic; did you mean 'cost'?",
    ),
    (suite() + "diagnostics: {remove: cost}\n", 5, 23, "diagnostics: remove must be a list of texts"),
    (
        suite() + "diagnostics: [modes, fidelity]\n",
        5,
        22,
        "diagnostic 'fidelity' applies to no data set here (ring: it has no classifier)",
    ),
]


@pytest.mark.parametrize(("text", "line", "column", "phrase"), MISTAKES)
def test_each_mistake_has_one_line_with_its_place(
    tmp_path: Path, text: str, line: int, column: int, phrase: str
) -> None:
    before = set(tmp_path.rglob("*"))
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, text)
    first = caught.value.mistakes[0]
    assert phrase in first.text
    assert (first.line, first.column) == (line, column)
    for message, mistake in zip(str(caught.value).split("\n"), caught.value.mistakes, strict=True):
        file = tmp_path / "some-suite.yaml"
        assert message == f"{file}:{mistake.line}:{mistake.column}: {mistake.text}"
        assert "pydantic" not in message
        assert "Input should" not in message
    assert set(tmp_path.rglob("*")) - before == {tmp_path / "some-suite.yaml"}


def test_all_mistakes_come_in_one_go_in_file_order(tmp_path: Path) -> None:
    text = suite(datasets="[rng, ring: {radius: no}]", variants="[simpel]", seeds="[]", budget="{image: 1}")
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, text)
    assert [(m.line, m.column) for m in caught.value.mistakes] == [(1, 12), (1, 32), (2, 12), (3, 8), (4, 10)]


def test_what_does_not_go_together_is_told_beside_a_bad_number_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, suite(variants="[simple: {network: conv}]", seeds="0"))
    assert [m.line for m in caught.value.mistakes] == [2, 3]


def test_a_bug_in_a_variant_is_left_to_the_run(tmp_path: Path) -> None:
    assert load(tmp_path, suite(variants="[penal: {weight: 14}]")).variants[0].name == "penal"


PLUGIN = """
from ganbench import registry

@registry.register("network", "mine")
def mine(width: int = 3):
    '''Mine.'''
"""


def test_included_files_register_before_names_are_checked(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN, encoding="utf-8")
    text = suite(variants="[simple: {network: mine}]") + "include: [mine.py]\n"
    assert load(tmp_path, text).variants[0].options["network"] == {"name": "mine", "options": {"width": 3}}
    assert load(tmp_path, text).include == (str(tmp_path / "mine.py"),)


def test_files_to_include_may_come_from_outside(tmp_path: Path) -> None:
    (tmp_path / "outer.py").write_text(PLUGIN.replace("mine", "outer"), encoding="utf-8")
    text = suite(variants="[simple: {network: outer}]")
    read = load(tmp_path, text, include=[str(tmp_path / "outer.py")])
    assert read.include == (str(tmp_path / "outer.py"),)


def test_a_broken_include_does_not_hide_spelling_mistakes(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("x = 1\n1 / 0\n", encoding="utf-8")
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, suite(variants="[theirs, simpel]") + "include: [broken.py]\n")
    assert [(m.line, m.column) for m in caught.value.mistakes] == [(2, 20), (5, 11)]
    assert "broken.py:2: cannot be imported: ZeroDivisionError" in str(caught.value)


def test_bundled_suites_go_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "quickstart.yaml"
    file.write_text(suite(), encoding="utf-8")
    monkeypatch.setattr(bundled, "bundled_suites", lambda: {"quickstart": file})
    assert load_suite("quickstart").name == "quickstart"
    with pytest.raises(GanbenchError, match="no bundled suite of that name; did you mean 'quickstart'"):
        load_suite("quikstart")
    with pytest.raises(GanbenchError, match="did you mean 'quickstart'"):
        load_suite("suites/quikstart.yaml")
    with pytest.raises(GanbenchError, match="a folder, not a suite"):
        load_suite(tmp_path)


VALID = [
    suite(),
    suite(variants="[simple: {rate: [1, 2], betas: [0, 0.9]}, {penal: , label: x}, needy: {power: 1e2}]"),
    suite(variants="[simple: {network: [mlp, {wide: {width: 3}}, {name: mlp, options: {width: 9}}]}]"),
    suite(seeds="[1, 2]", budget="{flops: 1e9}") + "measure: {points: [0.5], initial: false}\n",
    suite(seeds="{count: 2}")
    + "measure: [0.1]\nengine: {compile: off, threads: null}\ndiagnostics: [modes]\n",
    suite() + "diagnostics: {add: [modes: {threshold: 2}], remove: [cost]}\n",
    suite() + "diagnostics: {remove: [cost]}\n",
]


@pytest.mark.parametrize("text", VALID)
def test_the_schema_accepts_what_is_read(tmp_path: Path, text: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    load(tmp_path, text)
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.validate(as_plain(text), json_schema())


@pytest.mark.parametrize(
    "text",
    [
        suite() + "diagnostics: {}\n",
        suite() + "diagnostics: {add: []}\n",
        suite() + "diagnostics: {add: [modos]}\n",
        suite() + "diagnostics: {remove: cost}\n",
        suite() + "diagnostics: {modes: {}}\n",
        suite(variants="[simpel]"),
        suite(variants="[simple: {rat: 1}]"),
        suite(variants="[simple: {rate: 0}]"),
        suite(variants="[simple: {rate: []}]"),
        suite(variants="[needy]"),
        suite(variants="[simple: {network: {mlp: {width: x}}}]"),
        suite(datasets="[]"),
        suite(budget="{images: 3, steps: 3}"),
        suite(seeds="0"),
        suite() + "engine: {compile: true}\n",
        suite() + "more: 1\n",
    ],
)
def test_the_schema_refuses_what_is_not(text: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(as_plain(text), json_schema())


def as_plain(text: str) -> Any:
    from ganbench.suite.locations import ErrorCollector, plain
    from ganbench.suite.reader import read_text

    return plain(read_text(text, ErrorCollector("f")))


def test_the_schema_tells_types_defaults_and_meanings() -> None:
    (simple,) = (
        item["properties"]["simple"]
        for item in json_schema()["properties"]["variants"]["items"]["anyOf"]
        if "simple" in item.get("properties", {})
    )
    assert simple["description"] == "The simple GAN."
    rate = simple["properties"]["rate"]
    assert (rate["default"], rate["description"]) == (1e-3, "learning rate")
    assert rate["anyOf"][0] == {"type": "number", "exclusiveMinimum": 0}
    assert json.loads(json.dumps(json_schema()))["required"] == ["datasets", "variants", "seeds", "budget"]


def measured_on(read: Suite) -> dict[str, list[str]]:
    """Data set's label to the diagnostics that are measured on it."""
    return {each.dataset.label: [d.label for d in each.diagnostics] for each in read.cohorts()}


def test_what_ranks_is_measured_where_nobody_chose_it(tmp_path: Path) -> None:
    read = load(tmp_path, suite(datasets="[ring, pictures]") + "diagnostics: [cost]\n")
    assert measured_on(read) == {"ring": ["cost", "modes"], "pictures": ["cost", "fidelity"]}
    assert read.added == {"modes": ("ring",), "fidelity": ("pictures",)}
    assert read.as_json()["added"] == {"modes": ("ring",), "fidelity": ("pictures",)}
    (modes,) = [each for each in read.diagnostics if each.label == "modes"]
    assert modes.options == {"threshold": 3.0}
    named = load(tmp_path, suite(datasets="[ring, pictures]") + "diagnostics: [cost, modes, fidelity]\n")
    assert named.cohorts() == read.cohorts()
    assert named.added == {}


def test_what_ranks_is_added_once_with_the_options_that_the_data_sets_ask_for(tmp_path: Path) -> None:
    def counted(dataset: Any, samples: int = 5, name: str = "n") -> Measured:
        return Measured((Quantity(f"{name}_{samples}", "counted"),))

    def ranked(samples: int = 7, shift: int = 0) -> Data:
        return Data(DataSpec.real((2,)), Primary("counted", "n_7", {"samples": samples}))

    with only_fakes():
        registry.register("diagnostic", "counted")(counted)
        registry.register("dataset", "ranked")(ranked)
        text = suite(datasets="[{ranked: {shift: 1}, label: a}, {ranked: {shift: 2}, label: b}, ring]")
        read = load(tmp_path, text + "diagnostics: [cost]\n")
        assert measured_on(read) == {
            "a": ["cost", "counted"], "b": ["cost", "counted"], "ring": ["cost", "modes"]
        }  # fmt: skip
        assert read.added == {"counted": ("a", "b"), "modes": ("ring",)}
        beside = load(tmp_path, text + "diagnostics: [counted: {name: other}]\n")
        assert measured_on(beside)["a"] == ["counted", "counted (primary)"]
        assert [d.options["samples"] for d in beside.diagnostics if d.name == "counted"] == [5, 7]
        with pytest.raises(SuiteError, match=r":1:12: data set 'ranked' is ranked by 'n_7', which its"):
            load(tmp_path, suite(datasets="[ranked: {samples: 8}]"))


def test_a_diagnostic_that_shares_quantities_with_what_ranks_is_to_be_replaced(tmp_path: Path) -> None:
    def half(dataset: Any) -> Measured:
        return Measured((Quantity("recovered", "modes"),))

    with only_fakes():
        registry.register("diagnostic", "half")(half)
        with pytest.raises(SuiteError, match=r":5:14: .*put 'modes' in place of 'half'"):
            load(tmp_path, suite() + "diagnostics: [half]\n")


def test_default_diagnostics_are_changed_by_name(tmp_path: Path) -> None:
    def costly(dataset: Any) -> Measured:
        return Measured((Quantity("much", "effort"),))

    with only_fakes():
        register_diagnostic("costly", by_default=False)(costly)

        def labels(diagnostics: str) -> list[str]:
            return measured_on(load(tmp_path, suite() + f"diagnostics: {diagnostics}\n"))["ring"]

        assert measured_on(load(tmp_path, suite()))["ring"] == ["cost", "modes"]
        assert labels("{add: [costly]}") == ["cost", "modes", "costly"]
        assert labels("{remove: [cost]}") == ["modes"]
        assert labels("{add: [costly], remove: [cost, modes]}") == ["costly", "modes"]
        assert labels("{add: [cost: {detail: true}]}") == ["modes", "cost"]
        read = load(tmp_path, suite() + "diagnostics: {add: [{cost: {detail: true}, label: dear}]}\n")
        assert [(d.label, d.options) for d in read.diagnostics if d.name == "cost"] == [
            ("dear", {"detail": True})
        ]
        assert labels("{add: [modes: {threshold: 2}]}") == ["cost", "modes"]


def test_many_mistakes_are_found_in_time_and_the_first_are_printed(tmp_path: Path) -> None:
    began = time.process_time()
    with pytest.raises(SuiteError) as caught:
        load(tmp_path, suite(seeds=f"[{', '.join(['7'] * 20_000)}]"))
    assert time.process_time() - began < 20  # pairwise comparisons would take minutes
    assert len(caught.value.mistakes) == 19_999
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[-1]) == (101, "and 19899 more mistakes")
