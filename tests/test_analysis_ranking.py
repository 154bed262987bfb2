"""Rankings of a run folder: final not best, one budget, one protocol, nothing dropped."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_run import Fake, build

from ganbench.analysis.names import short_names, with_short_names, wrapped
from ganbench.analysis.ranking import best_settings, budgets, ranking, unranked
from ganbench.analysis.run import Run, load_run
from ganbench.analysis.summaries import final_summaries, median_seed, reference_value
from ganbench.analysis.text import ranking_text
from ganbench.errors import GanbenchError

PRIMARY = "mode_total_variation"


def lean(**changes: object) -> Fake:
    """A run without samples: only its records matter."""
    values = {"variants": ("a", "b", "c"), "failed": (), "diverged": {}, "points": 3, "arrays": False}
    return Fake(**{"datasets": ("ring8",), **values, **changes})  # type: ignore[arg-type]


def rewrite(run: Path, final: dict[str, list[float]], earlier: float | None = None) -> None:
    """Set the primary quantity's final values, and all earlier ones to one number."""
    records = pd.read_parquet(run / "records.parquet")
    primary = records["quantity"] == PRIMARY
    for variant, values in final.items():
        for seed, value in enumerate(values):
            here = primary & (records["variant"] == variant) & (records["seed"] == seed)
            records.loc[here & records["final"], "value"] = value
            if earlier is not None:
                records.loc[here & ~records["final"], "value"] = earlier
    records.to_parquet(run / "records.parquet")


def test_order_ranges_and_intervals(tmp_path: Path) -> None:
    build(tmp_path, lean())
    rewrite(tmp_path, {"a": [5, 6, 7, 8, 9], "b": [1, 2, 3, 4, 5], "c": [10, 11, 12, 13, 14]})
    table = ranking(load_run(tmp_path), "ring8").set_index("variant")
    assert list(table.index) == ["b", "a", "c"]
    assert table["median"].tolist() == [3, 7, 12]
    assert table[["lower", "upper"]].to_numpy().tolist() == [[1, 5], [5, 9], [10, 14]]
    assert (table["coverage"] == 0.9375).all()
    assert table["first_rank"].tolist() == [1, 1, 3]
    assert table["last_rank"].tolist() == [2, 2, 3]


def test_the_final_value_counts_and_not_the_best(tmp_path: Path) -> None:
    build(tmp_path, lean(variants=("a", "b")))
    rewrite(tmp_path, {"a": [0.9] * 5}, earlier=0.0)
    rewrite(tmp_path, {"b": [0.5] * 5}, earlier=1.0)
    assert ranking(load_run(tmp_path), "ring8")["variant"].tolist() == ["b", "a"]


def test_higher_is_better_turns_everything_round(tmp_path: Path) -> None:
    build(tmp_path, lean(variants=("a", "b")))
    rewrite(tmp_path, {"a": [1, 2, 3, 4, np.nan], "b": [5, 6, 7, 8, 9]})
    file = tmp_path / "quantities.json"
    declared = json.loads(file.read_text())
    declared[PRIMARY]["direction"] = "higher"
    file.write_text(json.dumps(declared))
    table = ranking(load_run(tmp_path), "ring8")
    assert table["variant"].tolist() == ["b", "a"]
    assert table["first_rank"].tolist() == [1, 2]
    assert table["median"].tolist() == [7, 2]
    assert np.isnan(table["lower"][1])
    assert table["upper"][1] == 4


def test_diverged_seeds_count_as_worst(tmp_path: Path) -> None:
    build(tmp_path, lean(diverged={("a", s): 1 for s in range(3)} | {("b", 0): 1}))
    table = ranking(load_run(tmp_path), "ring8").set_index("variant")
    assert np.isnan(table.loc["a", "median"])
    assert table.loc["a", "rank"] == 3
    assert table.loc["a", "diverged"] == 3
    assert table.loc["b", "seeds"] == 5
    assert np.isnan(table.loc["b", "upper"])
    assert np.isfinite(table.loc["b", "median"])


def test_one_seed_allows_every_rank(tmp_path: Path) -> None:
    build(tmp_path, lean(seeds=1))
    table = ranking(load_run(tmp_path), "ring8")
    assert table["first_rank"].tolist() == [1, 1, 1]
    assert table["last_rank"].tolist() == [3, 3, 3]
    assert (table["coverage"] == 0).all()


def test_unequal_budgets_are_never_mixed(tmp_path: Path) -> None:
    run = load_run(build(tmp_path, lean(budgets={"b": 5e5})))
    with pytest.raises(GanbenchError, match="unequal budgets"):
        ranking(run, "ring8")
    each = [set(ranking(run, "ring8", budget)["variant"]) for budget in budgets(run, "ring8")]
    assert each == [{"a", "c"}, {"b"}]


def test_two_protocols_are_never_mixed(tmp_path: Path) -> None:
    build(tmp_path, lean())
    records = pd.read_parquet(tmp_path / "records.parquet")
    records.loc[records["variant"] == "a", "protocol"] = '{"samples":100}'
    records.to_parquet(tmp_path / "records.parquet")
    with pytest.raises(GanbenchError, match="more than one protocol"):
        ranking(load_run(tmp_path), "ring8")
    assert "no ranking" in ranking_text(load_run(tmp_path))


def test_failed_cohorts_are_named(tmp_path: Path) -> None:
    run = load_run(build(tmp_path, lean(failed=("b",))))
    assert set(ranking(run, "ring8")["variant"]) == {"a", "c"}
    missing = unranked(run, "ring8")
    assert [u.variant for u in missing] == ["b"]
    assert "RuntimeError: <planted>" in missing[0].reason
    assert "b (failed" in ranking_text(run)


def test_parts_of_a_cohort_are_one(tmp_path: Path) -> None:
    run = load_run(build(tmp_path, lean()))
    cohort = next(c for c in run.cohorts if c.variant == "a")
    assert len(cohort.parts) == 2
    assert [s.seed for s in cohort.seeds] == [0, 1, 2, 3, 4]
    assert cohort.seconds_per_seed == pytest.approx(10.0)


def test_records_are_rebuilt_from_the_cohorts(tmp_path: Path) -> None:
    before = ranking(load_run(build(tmp_path, lean())), "ring8")
    (tmp_path / "records.parquet").unlink()
    pd.testing.assert_frame_equal(ranking(load_run(tmp_path), "ring8"), before)


def test_a_quantity_is_declared_by_its_own_data_set(tmp_path: Path) -> None:
    """Two data sets may word one quantity differently: `modes recovered, of 8` and `of 25`."""
    build(tmp_path, lean(datasets=("ring8", "ring16")))
    for folder in (tmp_path / "cohorts").iterdir():
        modes = "16" if folder.name.startswith("ring16") else "8"
        declared = {"modes_recovered": {"name": "modes_recovered", "title": f"of {modes}"}}
        (folder / "quantities.json").write_text(json.dumps(declared))
    run = load_run(tmp_path)
    assert [run.quantity("modes_recovered", d).title for d in ("ring8", "ring16")] == ["of 8", "of 16"]
    assert run.primary("ring16").direction == "lower"


def test_summaries_and_median_seed(tmp_path: Path) -> None:
    build(tmp_path, lean())
    rewrite(tmp_path, {"a": [0.5, np.nan, 0.1, 0.4, 0.2]})
    run = load_run(tmp_path)
    assert median_seed(run, "ring8", "a") == 3
    assert final_summaries(run, "ring8")["a", PRIMARY].median == 0.4
    assert reference_value(run, "ring8", PRIMARY) == pytest.approx(0.04, abs=0.02)
    assert reference_value(run, "ring8", "gradient_norm_generator") is None


def test_a_target_is_shown_as_measured(tmp_path: Path) -> None:
    """A share of 0.08 where 0.989 is right must not be shown as its distance 0.909."""
    build(tmp_path, lean())
    file = tmp_path / "quantities.json"
    declared = json.loads(file.read_text())
    declared["high_quality_fraction"] |= {"direction": "target", "target": 0.989}
    file.write_text(json.dumps(declared))
    run = load_run(tmp_path)
    rows = run.records[(run.records["quantity"] == "high_quality_fraction") & run.records["final"]]
    found = final_summaries(run, "ring8")["a", "high_quality_fraction"]
    assert found.median == rows.loc[rows["variant"] == "a", "value"].median()


@pytest.mark.parametrize("width", [80, 100, 140])
def test_text_is_as_narrow_as_asked_aligned_and_keeps_whole_labels(tmp_path: Path, width: int) -> None:
    labels = tuple(f"wgan-gp[a_rather_long_option_name={i},and_another_one={i}]" for i in range(3))
    run = load_run(build(tmp_path, lean(variants=labels, diverged={(labels[0], 1): 1})))
    text = ranking_text(run, width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert ("examples/s" in text) == (width >= 100)
    assert "93.75 %" in lines[2]
    rows = [line for line in lines[3:] if line.startswith(("  1", "  2"))]
    assert len({len(line) for line in [lines[2], *rows]}) == 1
    first, end = lines[2].index("variant"), lines[2].index("  seeds")
    names = "".join(line[first:end].strip() for line in lines[3:])
    assert all(label in names for label in labels)


def swept(tmp_path: Path) -> Run:
    """Three settings of one method far apart, two of another that overlap, and a third method alone."""
    labels = ("a[x=1,y=2]", "a[x=2,y=2]", "mine", "b[z=1]", "b[z=2]", "c")
    folder = build(tmp_path, lean(variants=labels, seeds=5, diverged={}))
    shifts = {"a[x=1,y=2]": 0.5, "a[x=2,y=2]": 0.1, "mine": 0.9, "b[z=1]": 0.3, "b[z=2]": 0.30001, "c": 0.7}
    for file in (folder / "cohorts").glob("*/description.json"):
        description = json.loads(file.read_text())
        if description["variant"]["label"] == "mine":
            description["variant"]["name"] = "a"
            file.write_text(json.dumps(description))
    run = load_run(folder)
    records = run.records.copy()
    rows = records["quantity"] == "mode_total_variation"
    values = records.loc[rows, "variant"].map(shifts) + 0.001 * records.loc[rows, "seed"]
    records.loc[rows, "value"] = values.astype(float)
    return with_short_names(replace(run, records=records))


def test_the_best_setting_of_every_swept_method_is_told(tmp_path: Path) -> None:
    run = swept(tmp_path)
    table = ranking(run, "ring8")
    one, other = best_settings(run, "ring8", table)
    assert (one.method, one.settings, one.variant, one.rivals) == ("a", 3, "a[x=2]", ())
    assert one.median == pytest.approx(0.102, abs=1e-12)
    assert (other.method, other.settings, other.variant, other.rivals) == ("b", 2, "b[z=1]", ("b[z=2]",))
    text = ranking_text(run)
    assert "best of the 3 settings of a: a[x=2] (median 0.102)" in text
    assert "best of the 2 settings of b: b[z=1] (median 0.302; not told apart from 1 of the others)" in text
    assert "of c:" not in text


def test_short_names_drop_what_is_shared() -> None:
    names = short_names(["a[x=1,y={p: 1, q: 2}]", "a[x=1,y={p: 1, q: 3}]", "b[z=1]", "c"])
    assert list(names.values()) == ["a[y={p: 1, q: 2}]", "a[y={p: 1, q: 3}]", "b[z=1]", "c"]
    assert short_names(["a[x=1]", "a[x=1,y=2]"]) == {"a[x=1]": "a", "a[x=1,y=2]": "a[y=2]"}
    clash = ["a", "a[x=1,x=1]"]
    assert len(set(short_names(clash).values())) == 2


@pytest.mark.parametrize("width", [5, 12, 26, 40, 80])
def test_a_wrapped_label_is_whole_and_breaks_between_options(width: int) -> None:
    label = "nsgan[learning_rate=0.0005,optimizer=adam(beta1=0.5)] (2,500 steps)"
    lines = wrapped(label, width)
    assert max(map(len, lines)) <= width
    assert "".join(lines).replace(" ", "") == label.replace(" ", "")
    if width >= 26:
        assert any("learning_rate=0.0005," in line for line in lines)
        assert any("optimizer=adam(beta1=0.5)]" in line for line in lines)
        assert "2,500" in " ".join(lines)
    assert (len(lines) == 1) == (width >= len(label))


def test_what_is_no_run_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(GanbenchError, match="not a run folder"):
        load_run(tmp_path)
    (tmp_path / "run.json").write_text('{"format": 99}')
    with pytest.raises(GanbenchError, match="newer ganbench"):
        load_run(tmp_path)


def test_neither_room_imports_torch() -> None:
    """A laptop without torch redraws every figure from a run folder."""
    code = (
        "import sys, ganbench.report.write, ganbench.analysis.text;"
        "print([m for m in sys.modules if m.split('.')[0] in ('torch', 'torchvision')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
