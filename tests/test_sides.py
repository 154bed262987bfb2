"""A run folder as a side: final values only, every planned seed, and what it was made under."""

from __future__ import annotations

import json
import math
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fake_run import Fake, build, write_json
from made_sides import cell, side

from ganbench.analysis.run import load_run
from ganbench.comparison.baseline import save_baseline
from ganbench.comparison.comparability import differences
from ganbench.comparison.model import Side
from ganbench.comparison.run_side import rounded, side_of_run
from ganbench.comparison.settings import MIXED
from ganbench.comparison.sides import (
    NoBaseline,
    load_base,
    load_side,
    load_sides,
    only_deciding,
    with_seeds,
)
from ganbench.errors import GanbenchError

PRIMARY = "mode_total_variation"


def lean(**changes: object) -> Fake:
    """A run without samples: only its records matter."""
    values = {"variants": ("a", "b"), "failed": (), "diverged": {}, "points": 3, "arrays": False}
    return Fake(**{"datasets": ("ring8",), **values, **changes})  # type: ignore[arg-type]


def edited(run: Path, pattern: str, change: dict[str, Any]) -> None:
    """Change members of the JSON files that a pattern names; a nested mapping is merged."""
    files = list(run.glob(pattern))
    assert files
    for file in files:
        told = json.loads(file.read_text()) if file.is_file() else {}
        for name, value in change.items():
            told[name] = {**told[name], **value} if isinstance(told.get(name), dict) else value
        write_json(file, told)


def drop(run: Path, wanted: str, seeds: tuple[int, ...]) -> None:
    """Remove a quantity's rows of some seeds from the run's records."""
    records = pd.read_parquet(run / "records.parquet")
    gone = (records["quantity"] == wanted) & records["seed"].isin(seeds)
    records[~gone].to_parquet(run / "records.parquet")


def test_only_final_values_of_fakes_are_taken(tmp_path: Path) -> None:
    build(tmp_path, lean())
    records = pd.read_parquet(tmp_path / "records.parquet")
    made = side_of_run(tmp_path)
    assert set(made.cells) == {("a", "ring8"), ("b", "ring8")}
    here = records[(records["variant"] == "b") & records["final"] & (records["quantity"] == PRIMARY)]
    found = made.cells["b", "ring8"].values[PRIMARY].by_seed
    assert dict(found) == {s: rounded(v) for s, v in zip(here["seed"], here["value"], strict=True)}
    reference = rounded(here["reference"].median())
    assert made.cells["b", "ring8"].values[PRIMARY].reference == reference
    assert made.cells["b", "ring8"].values["training_seconds"].reference is None
    assert made.cells["a", "ring8"].outcomes == dict.fromkeys(range(5), "finished")
    assert made.name == "quickstart"
    assert made.cells["a", "ring8"].primary == PRIMARY


def test_values_keep_nine_digits_and_only_finite_ones_are_numbers(tmp_path: Path) -> None:
    build(tmp_path, lean())
    records = pd.read_parquet(tmp_path / "records.parquet")
    rows = (records["quantity"] == PRIMARY) & records["final"] & (records["variant"] == "a")
    records.loc[rows, "value"] = [1 / 3, 2.0000000001, np.inf, -np.inf, 1e-300 / 7]
    records.to_parquet(tmp_path / "records.parquet")
    values = side_of_run(tmp_path).cells["a", "ring8"].values[PRIMARY].by_seed
    assert [values[0], values[1], values[4]] == [0.333333333, 2.0, 1.42857143e-301]
    assert math.isnan(values[2])
    assert math.isnan(values[3])


def test_diverged_seeds_are_there_as_nan_with_and_without_a_record(tmp_path: Path) -> None:
    build(tmp_path, lean(diverged={("a", 1): 1, ("a", 3): 2}))
    drop(tmp_path, PRIMARY, (3, 4))
    made = side_of_run(tmp_path).cells["a", "ring8"]
    assert [made.outcomes[s] for s in range(5)] == [
        "finished",
        "diverged",
        "finished",
        "diverged",
        "finished",
    ]
    values = made.values[PRIMARY].by_seed
    assert list(values) == [0, 1, 2, 3, 4]
    assert [math.isnan(values[s]) for s in range(5)] == [False, True, False, True, True]
    assert list(made.values["modes_recovered"].by_seed) == [0, 1, 2, 3, 4]


def test_failed_cohorts_and_missing_seeds_are_outcomes(tmp_path: Path) -> None:
    build(tmp_path, lean(variants=("a", "b", "c"), failed=("b",)))
    edited(tmp_path, "run.json", {"suite": {"seeds": list(range(7))}})
    cells = side_of_run(tmp_path).cells
    assert [cells["a", "ring8"].outcomes[s] for s in (4, 5, 6)] == ["finished", "missing", "missing"]
    assert list(cells["b", "ring8"].outcomes.values()) == ["failed"] * 5 + ["missing"] * 2
    assert cells["b", "ring8"].values == {}
    assert list(cells["a", "ring8"].values[PRIMARY].by_seed) == [0, 1, 2, 3, 4]


def test_cells_that_were_never_begun_are_missing_and_those_never_meant_are_not(tmp_path: Path) -> None:
    build(tmp_path, lean(datasets=("ring8", "digits")))
    for folder in tmp_path.glob("cohorts/digits-*"):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    cells = side_of_run(tmp_path).cells
    assert set(cells["b", "digits"].outcomes.values()) == {"missing"}
    assert cells["b", "digits"].primary == "fid_classifier_train_1437"
    own = {"a": {"on": ["ring8"], "seeds": None, "budget": None}, "b": {"on": None, "seeds": [0, 9]}}
    edited(tmp_path, "run.json", {"suite": {"overrides": own}})
    cells = side_of_run(tmp_path).cells
    assert set(cells) == {("a", "ring8"), ("b", "ring8"), ("b", "digits")}
    assert list(cells["b", "digits"].outcomes) == [0, 9]


def test_conditions_and_circumstances_are_read(tmp_path: Path) -> None:
    build(tmp_path, lean())
    environment = {
        "device_type": "cpu", "device": "cpu", "cpu": "AMD", "python": "3.11.7", "ganbench": "0.1.0",
        "packages": {"torch": "2.14.1"}, "git": {"commit": "b928bab5f516a7d2", "dirty": True},
        "git_of_working_folder": None,
    }  # fmt: skip
    options = {"gamma": 0.1, "network": {"name": "mlp", "options": {"width": 8}}, "ema": None}
    edited(tmp_path, "cohorts/*/description.json", {"variant": {"options": options}})
    edited(tmp_path, "cohorts/*/description.json", {"dataset": {"options": {"modes": 8}}})
    for folder in tmp_path.glob("cohorts/*"):
        write_json(folder / "environment.json", environment)
    made = side_of_run(tmp_path).cells["a", "ring8"]
    assert made.conditions == {
        "budget": "1,024,000 real examples", "data": "ring8", "data option modes": "8",
        "device type": "cpu", "precision": "float32",
    }  # fmt: skip
    assert made.circumstances == {
        "processor": "AMD", "threads": "1", "device": "cpu", "python": "3.11.7", "torch": "2.14.1",
        "ganbench": "0.1.0", "ganbench's commit": "b928bab5f516 with changes", "execution": "compiled",
        "variant": "a", "option gamma": "0.1", "option ema": "null", "option network.name": '"mlp"',
        "option network.options.width": "8",
    }  # fmt: skip
    digits = tmp_path / "digits"
    build(digits, lean(datasets=("digits",)))
    assert side_of_run(digits).cells["a", "digits"].conditions["data split heldout"] == "360"


def test_parts_of_a_cell_that_disagree_say_so(tmp_path: Path) -> None:
    build(tmp_path, lean())
    edited(tmp_path, "cohorts/ring8-00-1/outcome.json", {"execution": {"precision": "bfloat16"}})
    cells = side_of_run(tmp_path).cells
    assert cells["a", "ring8"].conditions["precision"] == f"{MIXED}bfloat16 and float32"
    assert cells["b", "ring8"].conditions["precision"] == "float32"
    protocol = pd.read_parquet(tmp_path / "records.parquet")
    protocol.loc[(protocol["seed"] == 4) & (protocol["variant"] == "a"), "protocol"] = '{"samples": 9}'
    protocol.to_parquet(tmp_path / "records.parquet")
    cells = side_of_run(tmp_path).cells
    assert cells["a", "ring8"].values[PRIMARY].protocol.startswith(MIXED)
    assert cells["b", "ring8"].values[PRIMARY].protocol == '{"samples":512,"version":1}'
    assert cells["b", "ring8"].declared[PRIMARY].protocol == {"samples": 512, "version": 1}


def test_the_number_of_modes_is_the_cards_or_what_real_data_show(tmp_path: Path) -> None:
    build(tmp_path, lean())
    made = side_of_run(tmp_path).cells["a", "ring8"]
    assert (made.modes, made.counts_modes) == (8, "modes_recovered")
    edited(tmp_path, "datasets/ring8.json", {"modes": None})
    records = pd.read_parquet(tmp_path / "records.parquet")
    records["quantity"] = records["quantity"].replace({"modes_recovered": "classes_recovered"})
    records.loc[records["quantity"] == "classes_recovered", "reference"] = 10.0
    records.to_parquet(tmp_path / "records.parquet")
    made = side_of_run(tmp_path).cells["a", "ring8"]
    assert (made.modes, made.counts_modes) == (10, "classes_recovered")


def test_a_report_without_its_cohorts_gets_one_clear_message(tmp_path: Path) -> None:
    with pytest.raises(GanbenchError, match="has no cohorts/, so it is the report of a run") as raised:
        load_side(Path(__file__).parent.parent / "results" / "latent-dimension")
    assert "\n" not in str(raised.value)
    assert raised.value.exit_code == 2


def test_one_label_under_two_budgets_is_refused(tmp_path: Path) -> None:
    build(tmp_path, lean())
    edited(tmp_path, "cohorts/ring8-00-1/description.json", {"budget": {"amount": 5.0}})
    with pytest.raises(GanbenchError, match="under two budgets"):
        side_of_run(tmp_path)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GanbenchError, match="does not exist"):
        load_side(tmp_path / "nowhere")
    with pytest.raises(GanbenchError, match="not a run folder"):
        load_side(tmp_path)
    with pytest.raises(NoBaseline, match="ganbench baseline save") as raised:
        load_base(tmp_path / "nowhere.json")
    assert raised.value.exit_code == 4


def test_with_seeds_is_the_run_of_those_seeds(tmp_path: Path) -> None:
    build(tmp_path, lean(diverged={("a", 3): 1}))
    whole = side_of_run(tmp_path)
    part = with_seeds(whole, [3, 1, 77])
    for key, each in part.cells.items():
        assert list(each.outcomes) == [1, 3]
        assert all(list(v.by_seed) == [1, 3] for v in each.values.values())
        assert each.conditions == whole.cells[key].conditions
    assert part.cells["a", "ring8"].outcomes[3] == "diverged"
    assert with_seeds(whole, [77]).cells == {}
    assert repr(with_seeds(whole, range(5))) == repr(whole)


def test_only_deciding_keeps_the_primary_quantity_and_the_count_of_modes() -> None:
    made = side([cell("v", "d", {"tv": [1.0, 2.0], "score": [1.0, 2.0], "modes_recovered": [8.0, 8.0]})])
    kept = only_deciding(made).cells["v", "d"]
    assert list(kept.values) == list(kept.declared) == ["modes_recovered", "tv"]


def spoilt(run: Path, name: str) -> None:
    """Change the final values in a cohort's own records, as a run that trained it anew would."""
    file = run / "cohorts" / name / "records.parquet"
    records = pd.read_parquet(file)
    records.loc[records["quantity"] == PRIMARY, "value"] = 0.123
    records.to_parquet(file)


def test_derived_records_are_believed_where_they_are_of_these_very_cohorts(tmp_path: Path) -> None:
    build(tmp_path, lean())
    spoilt(tmp_path, "ring8-01-0")
    derived = side_of_run(tmp_path).cells["b", "ring8"].values[PRIMARY].by_seed
    assert 0.123 not in derived.values()
    about = json.loads((tmp_path / "run.json").read_text())
    made_of = about["records_of"]
    for other in ({}, {**made_of, "ring8-01-0": "another digest"}, {**made_of, "more": None}):
        write_json(tmp_path / "run.json", {**about, "records_of": other})
        found = side_of_run(tmp_path).cells["b", "ring8"].values[PRIMARY].by_seed
        assert set(found.values()) == {0.123}
    del about["records_of"]
    write_json(tmp_path / "run.json", about)
    assert set(side_of_run(tmp_path).cells["b", "ring8"].values[PRIMARY].by_seed.values()) == {0.123}


def test_a_run_whose_cohorts_were_all_set_aside_has_no_values(tmp_path: Path) -> None:
    build(tmp_path, lean())
    shutil.move(tmp_path / "cohorts", tmp_path / "superseded")
    (tmp_path / "cohorts").mkdir()
    assert not len(load_run(tmp_path).records)


def test_a_seed_in_two_cohorts_of_a_cell_is_refused(tmp_path: Path) -> None:
    build(tmp_path, lean())
    shutil.copytree(tmp_path / "cohorts" / "ring8-01-0", tmp_path / "cohorts" / "ring8-01-9")
    with pytest.raises(GanbenchError, match="seed 0 of 'b' on ring8 is in two cohorts, ring8-01-0 and ring8"):
        side_of_run(tmp_path)


def test_a_run_is_not_compared_with_itself(tmp_path: Path) -> None:
    run, other = build(tmp_path / "run", lean()), build(tmp_path / "other", lean(diverged={("a", 1): 1}))
    save_baseline(run, tmp_path / "base.json")
    shutil.copytree(run, tmp_path / "copy")
    (tmp_path / "link").symlink_to(run)
    for base, new in (
        (run, run),
        (run, tmp_path / "link"),
        (run, tmp_path / "copy"),
        (tmp_path / "base.json", run),
    ):
        with pytest.raises(GanbenchError, match="are the same run"):
            load_sides(base, new)
    assert [each.source for each in load_sides(run, other)] == [str(run), str(other)]
    edited(tmp_path / "copy", "run.json", {"created": "2026-11-23T00:00:00+00:00"})
    assert load_sides(run, tmp_path / "copy")[1].source.endswith("copy")
    with pytest.raises(NoBaseline):
        load_sides(tmp_path / "nowhere", run)


def test_the_hash_of_the_data_is_a_condition_where_both_sides_state_it(tmp_path: Path) -> None:
    build(tmp_path, lean())
    older = side_of_run(tmp_path).cells["a", "ring8"]
    found = []
    for text in ("ab12", "cd34"):
        edited(tmp_path, "datasets/ring8.json", {"hash": text})
        found.append(side_of_run(tmp_path).cells["a", "ring8"])
    assert differences(found[0], found[1]) == ["data hash: ab12 in BASE, cd34 in NEW"]
    assert differences(older, found[0]) == differences(found[0], older) == []
    assert differences(found[0], found[0]) == []


def test_a_real_run_is_read(finished: tuple[Path, Path]) -> None:
    made = load_side(finished[1])
    assert len(made.cells) == 2
    assert all(len(each.conditions["data hash"]) == 16 for each in made.cells.values())
    for each in made.cells.values():
        assert set(each.outcomes.values()) == {"finished"}
        assert list(each.values[each.primary].by_seed) == list(each.outcomes)
        assert {"device type", "precision", "budget", "data"} <= set(each.conditions)
        assert {"processor", "threads", "device", "torch", "ganbench"} <= set(each.circumstances)


def test_a_hundred_seeds_on_eighteen_cells_load_quickly(tmp_path: Path) -> None:
    fake = lean(variants=tuple(f"v{i}" for i in range(9)), datasets=("ring8", "ring8b"), seeds=1, points=1)
    build(tmp_path, fake)
    edited(tmp_path, "run.json", {"suite": {"seeds": list(range(100))}})
    for file in tmp_path.glob("cohorts/*/description.json"):
        write_json(file, {**json.loads(file.read_text()), "seeds": list(range(100))})
    one = pd.read_parquet(tmp_path / "records.parquet").assign(final=True)
    many = pd.concat([one.assign(seed=s, point=p, final=p == 8) for s in range(100) for p in range(9)])
    many.to_parquet(tmp_path / "records.parquet")
    began = time.perf_counter()
    made = load_side(tmp_path)
    seconds = time.perf_counter() - began
    assert isinstance(made, Side)
    assert len(made.cells) == 18
    assert len(made.cells["v3", "ring8"].values[PRIMARY].by_seed) == 100
    assert seconds < 2
