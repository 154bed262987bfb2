"""Baselines on file: small, reviewable, exact, and refused where they are not what they should be."""

from __future__ import annotations

import difflib
import json
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_run import Fake, build
from made_sides import cell, side
from test_sides import PRIMARY, edited, lean

from ganbench.comparison.baseline import IncompleteRun, read_baseline, save_baseline
from ganbench.comparison.baseline_text import baseline_text
from ganbench.comparison.gate import gate
from ganbench.comparison.history import load_history
from ganbench.comparison.model import Cell, Rules, Side, Values
from ganbench.comparison.run_side import side_of_run
from ganbench.comparison.sides import load_side
from ganbench.errors import GanbenchError
from ganbench.quantities import Quantity


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of two data sets with a diverged seed."""
    fake = Fake(variants=("a", "b"), failed=(), seeds=6, points=3, arrays=False, diverged={("a", 1): 1})
    return build(tmp_path / "run", fake)


def directed(made: Side) -> Side:
    """The side without its descriptive quantities."""

    def kept(each: Cell) -> Cell:
        names = [n for n in each.values if each.declared[n].direction != "none"]
        return replace(
            each, values={n: each.values[n] for n in names}, declared={n: each.declared[n] for n in names}
        )

    return replace(made, source="", cells={key: kept(each) for key, each in sorted(made.cells.items())})


def normal_form(made: Side) -> str:
    """A side as text: NaN equals NaN, and mappings do not depend on their order."""
    cells = {
        key: {
            **{name: getattr(each, name) for name in ("budget", "primary", "modes", "counts_modes")},
            **{
                name: sorted(getattr(each, name).items())
                for name in ("conditions", "circumstances", "outcomes", "values", "declared")
            },
        }
        for key, each in sorted(made.cells.items())
    }
    return repr((made.name, made.created, json.dumps(made.environment, sort_keys=True), cells))


def test_the_round_trip_is_exact(run: Path, tmp_path: Path) -> None:
    save_baseline(run, tmp_path / "base.json")
    back = read_baseline(tmp_path / "base.json")
    assert normal_form(back) == normal_form(directed(side_of_run(run)))
    assert normal_form(load_side(tmp_path / "base.json")) == normal_form(back)
    assert back.source == str(tmp_path / "base.json")
    values = back.cells["a", "ring8"].values
    assert math.isnan(values[PRIMARY].by_seed[1])
    assert "modes_recovered" in values
    assert "discriminator_auroc" not in values


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_baseline_is_read_as_editors_save_it(run: Path, tmp_path: Path, encoding: str) -> None:
    save_baseline(run, tmp_path / "base.json")
    text = (tmp_path / "base.json").read_text(encoding="utf-8")
    (tmp_path / "edited.json").write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert normal_form(read_baseline(tmp_path / "edited.json")) == normal_form(
        read_baseline(tmp_path / "base.json")
    )
    assert len(load_history([run, tmp_path])) == 3


def test_a_gate_against_the_file_equals_one_against_the_run(run: Path, tmp_path: Path) -> None:
    new = build(tmp_path / "new", Fake(
        variants=("a", "b"), failed=(), seeds=6, points=3, arrays=False, diverged={("b", 2): 1, ("b", 3): 1},
    ))  # fmt: skip
    save_baseline(run, tmp_path / "base.json")
    sides = side_of_run(run), read_baseline(tmp_path / "base.json")
    decisions = [gate(base, side_of_run(new), Rules(), np.random.default_rng(3)) for base in sides]
    assert repr(decisions[0]) == repr(decisions[1])


def test_the_same_run_gives_the_same_bytes(run: Path, tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        save_baseline(run, tmp_path / name)
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    back = read_baseline(tmp_path / "one.json")
    assert baseline_text(back) == (tmp_path / "one.json").read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.json", "run", "two.json"]


def test_a_changed_value_is_one_changed_line(run: Path) -> None:
    made = side_of_run(run)
    each = made.cells["b", "digits"]
    name = "fid_classifier_train_1437"
    values = Values({**each.values[name].by_seed, 2: 123.456}, each.values[name].protocol)
    other = replace(
        made, cells={**made.cells, ("b", "digits"): replace(each, values={**each.values, name: values})}
    )
    lines = [
        line
        for line in difflib.unified_diff(
            baseline_text(made).splitlines(), baseline_text(other).splitlines(), n=0
        )
        if line[0] in "+-" and line[:3] not in ("+++", "---")
    ]
    assert len(lines) == 2
    assert all(f'"{name}"' in line for line in lines)
    assert "123.456" in lines[1]


def test_protocols_stand_in_it_in_full_and_once(run: Path, tmp_path: Path) -> None:
    save_baseline(run, tmp_path / "base.json")
    stored = json.loads((tmp_path / "base.json").read_text())
    assert list(stored["protocols"].values()) == [{"samples": 512, "version": 1}]
    assert {"format", "what", "name", "created", "environment"} <= set(stored)
    assert "NaN" not in (tmp_path / "base.json").read_text()


def test_eighteen_cells_of_fifteen_quantities_at_twenty_seeds_stay_small(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    names = [f"quantity_of_usual_name_{i:02d}" for i in range(15)]
    options = {f"option network.option_{i}": str(i) for i in range(20)}
    versions = dict.fromkeys(("torch", "torchvision", "numpy", "scipy", "scikit-learn", "python"), "2.14.1")
    cells = []
    for variant in (f"variant-{i}" for i in range(9)):
        for dataset in ("ring8", "digits"):
            made = cell(variant, dataset, {"tv": generator.random(20)})
            values = {
                n: Values({s: float(f"{generator.random():.9g}") for s in range(20)}, '{"samples":2500}')
                for n in names
            }
            declared = {n: Quantity(n, f"The title of {n}", direction="lower") for n in names}
            circumstances = {**versions, **options, "option own": variant}
            cells.append(replace(
                made, values=values, declared=declared, primary=names[0], circumstances=circumstances,
            ))  # fmt: skip
    text = baseline_text(side(cells))
    assert len(text.encode()) < 100_000
    (tmp_path / "base.json").write_text(text)
    assert len(read_baseline(tmp_path / "base.json").cells) == 18


def test_quantities_of_fewer_seeds_keep_their_own(tmp_path: Path) -> None:
    made = cell("v", "d", {"tv": [1.0, 2.0, math.nan], "score": [1.0, 2.0, 3.0]})
    few = Values({0: 5.0, 2: 7.0}, "{}")
    made = replace(made, values={**made.values, "score": few})
    (tmp_path / "base.json").write_text(baseline_text(side([made])))
    back = read_baseline(tmp_path / "base.json").cells["v", "d"]
    assert back.values["score"] == few
    assert list(back.values["tv"].by_seed) == [0, 1, 2]
    assert back.outcomes == {0: "finished", 1: "finished", 2: "diverged"}


def test_an_incomplete_run_is_no_baseline(run: Path, tmp_path: Path) -> None:
    edited(run, "run.json", {"suite": {"seeds": list(range(8))}})
    with pytest.raises(IncompleteRun, match=r"2 of 8 seeds missing.*ganbench run") as raised:
        save_baseline(run, tmp_path / "base.json")
    assert raised.value.exit_code == 3
    assert not (tmp_path / "base.json").exists()


def test_a_failed_cohort_is_named(tmp_path: Path) -> None:
    build(tmp_path / "run", lean(failed=("b",)))
    with pytest.raises(IncompleteRun, match=r"b on ring8 \(5 of 5 seeds failed\)"):
        save_baseline(tmp_path / "run", tmp_path / "base.json")


def test_a_baseline_is_saved_from_a_run_and_not_from_a_file(run: Path, tmp_path: Path) -> None:
    save_baseline(run, tmp_path / "base.json")
    with pytest.raises(GanbenchError, match="not a run folder"):
        save_baseline(tmp_path / "base.json", tmp_path / "again.json")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 3}, "use a newer ganbench"),
        ({"format": 1}, "format 1, .* `ganbench baseline save RUN FILE` writes one"),
        ({"format": "1"}, "not a baseline"),
        ({"what": "a shopping list"}, "not a baseline"),
        ({"cells": None}, "a broken baseline"),
        ({"protocols": {}}, "a broken baseline"),
        ({"quantities": {}}, "a broken baseline"),
    ],
)
def test_what_is_no_baseline_is_refused(run: Path, tmp_path: Path, change: dict, said: str) -> None:
    file = tmp_path / "base.json"
    save_baseline(run, file)
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(GanbenchError, match=said) as raised:
        load_side(file)
    assert str(raised.value).startswith(str(file))


def test_an_edited_baseline_is_refused_where_it_no_longer_fits(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "base.json"
    save_baseline(run, file)
    whole = file.read_text()
    for before, after in (
        ('"lower"', '"downwards"'),
        ('"seeds":', '"seed":'),
        ('"variant": "b"', '"variant": "a"'),
    ):
        assert before in whole
        file.write_text(whole.replace(before, after))
        with pytest.raises(GanbenchError, match="a broken baseline"):
            load_side(file)
    file.write_text(whole.replace("]}", ",9]}", 1))
    with pytest.raises(GanbenchError, match="a broken baseline"):
        load_side(file)
    for text in ("<<<<<<< HEAD\n" + whole, whole[: len(whole) // 2], ""):
        file.write_text(text)
        with pytest.raises(GanbenchError, match="not valid JSON"):
            load_side(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GanbenchError, match="not valid JSON"):
        load_side(file)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"seeds": [0,1,2,3,4,5]', '"seeds": [0,1,2,3,4,4]', "the seed 4 stands twice"),
        ('"seeds": [0,1,2,3,4,5]', '"seeds": []', "a on digits has no seeds"),
        ('"seeds": [0,1,2,3,4,5]', '"seeds": [0,1,2,3,4,"5"]', "whole numbers"),
        ('"diverged": [1]', '"diverged": [9]', "not among its seeds"),
        (
            '"smallest_difference":0.05',
            '"smallest_difference":"0.05"',
            "smallest_difference cannot be '0.05'",
        ),
        ('"target":null', '"target":"none"', "target cannot be 'none'"),
        ('"title":"modes recovered"', '"title":["modes"]', "title cannot be"),
        ('"timing":false', '"timing":"no"', "timing cannot be 'no'"),
        ('"git":{"commit":"3b37376aa01f2d","dirty":true}', '"git":"3b37376"', "git is '3b37376'"),
        ('"precision":"float32"}', '"precision":32}', "conditions must be an object of texts"),
    ],
)
def test_edited_members_are_refused_with_one_message(
    run: Path, tmp_path: Path, before: str, after: str, said: str
) -> None:
    file = tmp_path / "base.json"
    save_baseline(run, file)
    whole = file.read_text()
    assert before in whole
    file.write_text(whole.replace(before, after))
    with pytest.raises(GanbenchError, match="a broken baseline") as raised:
        load_side(file)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_write_that_fails_leaves_the_old_file(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "base.json"
    save_baseline(run, file)
    before = file.read_bytes()
    edited(run, "run.json", {"name": "another"})

    def refuse(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no space"):
        save_baseline(run, file)
    assert file.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["base.json", "run"]


def test_a_real_run_becomes_a_baseline_that_passes_against_it(
    finished: tuple[Path, Path], tmp_path: Path
) -> None:
    save_baseline(finished[1], tmp_path / "base.json")
    rules = Rules(insufficient_passes=True)
    decision = gate(
        load_side(tmp_path / "base.json"), load_side(finished[1]), rules, np.random.default_rng(0)
    )
    assert decision.exit_code == 0
    assert any("identical" in note for note in decision.notes)
