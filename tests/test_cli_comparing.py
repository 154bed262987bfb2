"""compare, gate, baseline, history and power as their users meet them: codes, files, words."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_runs import LSGAN, NSGAN, fails_with, ganbench, read, trained, write_plugin, write_suite

from ganbench import store

FILES = (
    "gate.md",
    "gate.xml",
    "gate.json",
    "comparison.html",
    "comparison.parquet",
    "comparison.csv",
    "comparison.md",
)
PRIMARY, SECONDARY = "mode_total_variation", "frechet_identity_heldout_2500"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs of two variants, ten seeds each and none in common; the first saved as a baseline."""
    place = tmp_path_factory.mktemp("comparing")
    for name, first in (("before", 100), ("after", 0)):
        suite = write_suite(place, [NSGAN, LSGAN], seeds=f"{{first: {first}, count: 10}}", steps=40)
        suite.write_text(
            suite.read_text().replace("diagnostics: [modes]", "diagnostics: [modes, cost, fidelity]")
        )
        trained(suite, place / name)
        spread(place / name, first)
    assert ganbench("baseline", "save", place / "before", place / "base.json").exit_code == 0
    return place


def spread(run: Path, seed: int) -> None:
    """Forty updates leave no differences among seeds: made-up ones stand for them."""
    generator = np.random.default_rng(seed)
    edited(run, PRIMARY, lambda values: generator.normal(0.5, 0.05, len(values)))


def edited(run: Path, quantity: str, change: Any, variant: str | None = None) -> None:
    """Change a quantity's final values in a run's records."""
    file = run / store.RECORDS_FILE
    records = pd.read_parquet(file)
    chosen = records["final"] & (records["quantity"] == quantity)
    if variant is not None:
        chosen &= records["variant"] == variant
    assert chosen.any(), quantity
    records.loc[chosen, "value"] = change(records.loc[chosen, "value"].to_numpy())
    records.to_parquet(file)


@pytest.fixture
def worse(folder: Path, tmp_path: Path) -> Path:
    """A copy of the second run in which lsgan is worse by six standard deviations."""
    copy = tmp_path / "worse"
    shutil.copytree(folder / "after", copy)
    edited(copy, PRIMARY, lambda values: values + 0.3, "lsgan")
    return copy


def test_a_pass_is_0_and_leaves_every_file(folder: Path, tmp_path: Path) -> None:
    result = ganbench("gate", folder / "base.json", folder / "after", "--out", tmp_path / "gate")
    assert result.exit_code == 0, result.output
    assert "gate: pass (exit code 0)" in result.stdout
    assert all((tmp_path / "gate" / name).stat().st_size > 100 for name in FILES)
    assert result.stdout.rstrip().endswith(str(tmp_path / "gate" / "comparison.html"))
    assert read(tmp_path / "gate" / "gate.json")["exit_code"] == 0
    assert max(map(len, result.stdout.splitlines())) <= max(100, len(str(tmp_path)) + 40)


def test_a_regression_is_1_and_named_in_every_file(folder: Path, worse: Path) -> None:
    result = ganbench("gate", folder / "base.json", worse)
    assert result.exit_code == 1
    out = worse / "against-base"
    said = read(out / "gate.json")
    assert said["word"] == "regression"
    (red,) = [each for each in said["judgements"] if each["regressed"]]
    assert (red["variant"], red["regressed"]) == ("lsgan", ["ring8"])
    suite = ElementTree.parse(out / "gate.xml").getroot()
    failed = [case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None]
    assert len(failed) == 1
    assert "lsgan" in ElementTree.tostring(suite, encoding="unicode")
    for text in (result.stdout, (out / "gate.md").read_text(), (out / "comparison.html").read_text()):
        assert "regression" in text
        assert "lsgan" in text


def test_the_baseline_file_and_its_run_give_the_same(folder: Path, worse: Path, tmp_path: Path) -> None:
    decisions = []
    for name, base in (("file", folder / "base.json"), ("run", folder / "before")):
        assert ganbench("gate", base, worse, "--out", tmp_path / name).exit_code == 1
        decisions.append(read(tmp_path / name / "gate.json")["judgements"])
    assert decisions[0] == decisions[1]


def test_no_baseline_is_4_before_anything_else(folder: Path, tmp_path: Path) -> None:
    missing, out = tmp_path / "none.json", tmp_path / "gate"
    result = fails_with("ganbench baseline save", "gate", missing, folder / "after", "--out", out, code=4)
    assert str(missing) in result.stderr
    assert read(out / "gate.json")["exit_code"] == 4
    assert str(missing) in (out / "gate.md").read_text().replace("\\", "")
    assert ElementTree.parse(out / "gate.xml").getroot().find(".//error") is not None
    fails_with("none.json", "compare", missing, folder / "after", code=4)


def test_bad_input_is_2_with_one_message(folder: Path, tmp_path: Path) -> None:
    base, broken = folder / "base.json", tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    fails_with("not valid JSON", "gate", base, broken, "--out", tmp_path / "gate")
    assert read(tmp_path / "gate" / "gate.json")["exit_code"] == 2
    fails_with("does not exist", "gate", base, tmp_path / "nowhere", "--out", tmp_path / "gate")
    fails_with("not an effect", "power", base, "--effect", "much")
    fails_with("no run folder and no baseline", "history", tmp_path / "gate")


def test_a_failed_cohort_is_3(folder: Path, tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, "gated")
    words = "batch_size: 16, network: {mlp: {width: 8}}"
    suite = write_suite(
        tmp_path, [f"gated-raises: {{{words}}}", NSGAN], seeds=10, more=f"include: [{plugin}]", steps=40
    )
    trained(suite, tmp_path / "run")
    result = ganbench("gate", folder / "base.json", tmp_path / "run", "--out", tmp_path / "gate")
    assert result.exit_code == 4, "lsgan is gone, which stands before what is incomplete"
    assert "lsgan" in result.stdout
    base = json.loads((folder / "base.json").read_text())
    fails_with("fail", "baseline", "save", tmp_path / "run", tmp_path / "b.json", code=3)
    assert base
    assert not (tmp_path / "b.json").exists()


def test_insufficient_evidence_is_5_and_may_pass(folder: Path, tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [NSGAN, LSGAN], seeds=1, steps=40)
    trained(suite, tmp_path / "run")
    asked = ("gate", folder / "base.json", tmp_path / "run", "--out", tmp_path / "gate")
    result = ganbench(*asked)
    assert result.exit_code == 5
    assert "insufficient evidence" in result.stdout
    assert ganbench(*asked, "--insufficient", "pass").exit_code == 0


def test_a_suspect_decides_nothing_until_fresh_seeds_confirm_it(folder: Path, tmp_path: Path) -> None:
    """Records of NEW made worse by hand are cleared by fresh seeds; a base made better is confirmed."""
    new = tmp_path / "new"
    shutil.copytree(folder / "after", new)
    edited(new, SECONDARY, lambda values: 50 * values, "nsgan")
    assert ganbench("gate", folder / "base.json", new).exit_code == 0
    (suspect,) = read(new / "against-base" / "gate.json")["suspects"]
    assert (suspect["variant"], suspect["quantity"], suspect["confirmed"]) == ("nsgan", SECONDARY, None)
    cleared = ganbench("gate", folder / "base.json", new, "--confirm", 6, "--workers", 1)
    assert cleared.exit_code == 0, cleared.output
    assert read(new / "against-base" / "gate.json")["suspects"][0]["confirmed"] is False
    strict = tmp_path / "before"
    shutil.copytree(folder / "before", strict)
    edited(strict, SECONDARY, lambda values: values / 50, "nsgan")
    assert ganbench("baseline", "save", strict, tmp_path / "strict.json").exit_code == 0
    sure = ganbench("gate", tmp_path / "strict.json", new, "--confirm", 2, "--workers", 1)
    assert sure.exit_code == 1, sure.output
    assert "red: suspect" in sure.stdout
    assert (
        "fresh seeds (with 2 not each of them could be confirmed)" in sure.stderr
        or ": 2 fresh" in sure.stderr
    )
    (suspect,) = read(new / "against-strict" / "gate.json")["suspects"]
    assert suspect["confirmed"] is True


def test_compare_tells_every_primary_and_ends_with_0(folder: Path, worse: Path) -> None:
    result = ganbench("compare", folder / "before", worse, "--out", worse / "out")
    assert result.exit_code == 0
    assert f"lsgan on ring8, {PRIMARY}: worse" in result.stdout
    (line,) = [line for line in result.stdout.splitlines() if line.split()[:2] == ["nsgan", "ring8"]]
    assert line.endswith("  none seen")
    assert not (worse / "out" / "gate.json").exists()
    table = pd.read_parquet(worse / "out" / "comparison.parquet")
    assert {"nsgan", "lsgan"} == set(table["variant"])


def test_what_is_measured_once_for_a_cohort_is_one_measurement(folder: Path, worse: Path) -> None:
    """Ten seeds share one time and one memory: ten equal numbers are no evidence."""
    ganbench("compare", folder / "before", worse, "--out", worse / "out")
    table = pd.read_parquet(worse / "out" / "comparison.parquet")
    shared = table[table["quantity"].isin(["training_seconds", "peak_memory", "parameters_generator"])]
    assert len(shared) == 6
    assert shared["p_adjusted"].isna().all()
    by_name = shared.set_index("quantity")["verdict"]
    assert set(by_name["parameters_generator"]) == {"no difference"}
    assert set(by_name["training_seconds"]) == {"changed"}
    assert shared["words"].str.contains("measured once a cohort").all()


def test_history_and_power_answer_in_lines(folder: Path, worse: Path, tmp_path: Path) -> None:
    result = ganbench("history", folder / "base.json", worse, "--out", tmp_path / "history")
    assert result.exit_code == 0
    assert "lsgan on ring8: worse since" in result.stdout
    assert "nsgan on ring8: no change seen" in result.stdout
    assert (tmp_path / "history" / "history.html").stat().st_size > 10_000
    told = ganbench("power", folder / "before", "--effect", "2sd")
    assert told.exit_code == 0
    assert "against 20" in told.stdout
    lines = told.stdout.strip().splitlines()
    assert len(lines) == 7, "a title, a header, two rows, what the columns mean and how well they are known"
    assert lines[4].startswith("measured: seeds in RUN; spread: ")
    # published quantiles of chi-square with 9 degrees of freedom: 2.700 and 19.023
    assert "the true spread is 0.688 to 1.83 times what 10 seeds show" in lines[6]


def test_a_run_and_its_baseline_have_no_history(folder: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "history")
    result = ganbench("history", folder / "base.json", folder / "before", *out)
    assert result.exit_code == 0
    said = " ".join(result.stdout.split())
    assert "the same result, counted once: " in said
    assert "has no history" in said
    assert "ganbench baseline save RUN FILE" in said
    assert "comparable" not in said
    assert (tmp_path / "history" / "history.html").stat().st_size > 10_000
    more = ganbench("history", folder, *out).stdout
    assert "the same result, counted once: " in more
    assert "in 2 results" in more
    assert "no history" not in more


def test_power_at_the_margin_says_what_is_seen_beyond_it(folder: Path) -> None:
    told = ganbench("power", folder / "before", "--effect", "margin", "--baseline", 30)
    assert told.exit_code == 0
    lines = told.stdout.splitlines()
    assert lines[1].endswith("against 30  10 see  30 see")
    for line in lines[2:4]:
        *_, margin, each, against, own, other = line.split()
        assert (each, against) == ("never", "never")
        assert float(margin) < float(other) < float(own)
    assert max(map(len, lines)) <= 100
    fails_with("not in the range", "power", folder / "before", "--effect", "margin", "--power", 0.5)


def test_a_fault_of_ours_is_70_and_never_a_regression(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("ganbench.comparison.compare.compare", broken)
    result = ganbench("gate", folder / "base.json", folder / "after", "--out", tmp_path / "gate")
    assert result.exit_code == 70
    assert "RuntimeError: planted" in result.stderr
    assert read(tmp_path / "gate" / "gate.json")["exit_code"] == 70


def test_bad_input_stands_before_a_missing_baseline(tmp_path: Path) -> None:
    fails_with("does not exist", "gate", tmp_path / "none.json", tmp_path / "none", "--out", tmp_path, code=2)


def test_confirm_needs_a_run(folder: Path, tmp_path: Path) -> None:
    base = folder / "base.json"
    fails_with("must be its folder", "gate", base, base, "--confirm", 5, "--out", tmp_path / "gate")


def test_a_regression_stays_one_where_nobody_reads_on(folder: Path, worse: Path) -> None:
    command = (
        f"{sys.executable} -m ganbench gate {folder / 'base.json'} {worse} | true; exit ${{PIPESTATUS[0]}}"
    )
    assert subprocess.run(["bash", "-c", command], check=False, capture_output=True).returncode == 1


def test_scripts_can_leave_a_refusal(tmp_path: Path) -> None:
    assert ganbench("refusal", 2, "no such suite", tmp_path).exit_code == 0
    assert read(tmp_path / "gate.json")["exit_code"] == 2
    assert "no such suite" in (tmp_path / "gate.md").read_text()
    assert "refusal" not in ganbench("--help").stdout


def test_a_changed_plug_in_is_told(tmp_path: Path) -> None:
    """Who changed a line of their own variant is told that the file is another one."""
    plugin = write_plugin(tmp_path, "told-of")
    words = "batch_size: 16, network: {mlp: {width: 8}}"
    suite = write_suite(tmp_path, [f"told-of-loops: {{{words}}}"], seeds=2, more=f"include: [{plugin}]")
    for name, first in (("before", "0-1"), ("after", "2-3")):
        result = ganbench("run", suite, "--seeds", first, "--out", tmp_path / name, "--workers", 1)
        assert result.exit_code == 0, result.output
        plugin.write_text(plugin.read_text() + "ANOTHER = 1\n")
    told = ganbench("compare", tmp_path / "before", tmp_path / "after", "--out", tmp_path / "out").stdout
    assert f"included file {plugin.name}" in told
