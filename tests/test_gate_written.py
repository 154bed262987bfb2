"""What a gate and a comparison leave on disk and on the terminal."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from made_sides import cell, changed, normal, side

from ganbench.analysis.numbers import number
from ganbench.comparison.compare import compare
from ganbench.comparison.gate import gate
from ganbench.comparison.markdown import LIMIT, Section, page, printable, safe
from ganbench.comparison.model import CellDecision, Comparison, Decision, Rules, Side, Suspect, Verdict
from ganbench.comparison.summary import summary
from ganbench.comparison.tables import comparison_page, frame
from ganbench.comparison.text import WIDTH, comparison_text, decision_text
from ganbench.comparison.written import plain, write_decision, write_refusal, write_tables

MIB = 1_048_576
NASTY = "a|b <i>&\"']]>\x00\x1b[31m\nnew\ud800line `c`"


def compared(base: Side, new: Side, rules: Rules | None = None) -> Comparison:
    return compare(base, new, np.random.default_rng(0), rules or Rules(detectable=False))


@pytest.fixture(scope="module")
def mixed() -> Comparison:
    """One cell of every status: v0 regressed, v1 not comparable, v2 incomplete, v3 few seeds, v5 new."""
    generator = np.random.default_rng(0)
    base = normal(generator, 20, variants=5, datasets=("d",))
    new = normal(generator, 10, {("v0", "d"): 9.0}, variants=6, datasets=("d",))
    new = changed(new, ("v1", "d"), conditions={**new.cells["v1", "d"].conditions, "precision": "bfloat16"})
    new = changed(new, ("v2", "d"), outcomes={**new.cells["v2", "d"].outcomes, 10: "failed"})
    few = cell("v3", "d", {"tv": [0.0]})
    new = replace(new, cells={**new.cells, ("v3", "d"): few})
    return compared(base, new)


def decision_of(count: int, words: str = "no difference seen", status: str = "pass") -> Decision:
    """A decision of many cells."""
    cells = tuple(
        CellDecision(f"variant-{i:05d}", "ring8", "tv", status, Verdict("no difference", words))  # type: ignore[arg-type]
        for i in range(count)
    )
    made = gate(side([]), side([]), Rules(), np.random.default_rng(0))
    return replace(made, exit_code=0, word="pass", cells=cells)


# JUnit


def test_junit_has_a_case_for_every_cell(mixed: Comparison, tmp_path: Path) -> None:
    _, xml, _ = write_decision(mixed.decision, tmp_path, mixed)
    root = ElementTree.parse(xml).getroot()
    (suite,) = root.findall("testsuite")
    cases = {case.get("name"): case for case in suite.findall("testcase")}
    assert set(cases) == {f"v{i} on d" for i in range(6)}
    kinds = {name: [each.tag for each in case if each.tag != "system-out"] for name, case in cases.items()}
    assert kinds == {
        "v0 on d": ["failure"], "v1 on d": ["error"], "v2 on d": ["error"],
        "v3 on d": ["skipped"], "v4 on d": [], "v5 on d": ["skipped"],
    }  # fmt: skip
    for told in (root, suite):
        counts = {name: int(str(told.get(name))) for name in ("tests", "failures", "errors", "skipped")}
        assert counts == {"tests": 6, "failures": 1, "errors": 2, "skipped": 2}
    failure = cases["v0 on d"].find("failure")
    assert failure is not None
    assert "worse: " in str(failure.get("message"))
    assert all("p " in str(cases[f"v{i} on d"].findtext("system-out")) for i in (0, 2, 3, 4))
    assert "no difference" in str(cases["v4 on d"].findtext("system-out"))


def test_junit_survives_any_label(tmp_path: Path) -> None:
    made = compared(
        side([cell(NASTY, NASTY, {"tv": np.arange(9.0)})]), side([cell(NASTY, NASTY, {"tv": [99.0] * 9})])
    )
    _, xml, stored = write_decision(made.decision, tmp_path, made)
    root = ElementTree.parse(xml).getroot()
    case = next(root.iter("testcase"))
    assert "a|b <i>&\"']]>\\x00\\x1b[31m new\\ud800line `c`" in str(case.get("name"))
    assert case.find("failure") is not None
    assert json.loads(stored.read_text())["exit_code"] == 1


def test_a_decision_without_a_shared_cell_is_an_error_and_not_green(tmp_path: Path) -> None:
    made = compared(side([]), side([cell("v", "d", {"tv": np.arange(9.0)})]))
    page_file, xml, _ = write_decision(made.decision, tmp_path, made)
    root = ElementTree.parse(xml).getroot()
    assert (root.get("tests"), root.get("errors"), root.get("skipped")) == ("2", "1", "1")
    assert "in common" in page_file.read_text()


# Markdown


def test_the_page_tells_the_most_important_first(mixed: Comparison) -> None:
    text = summary(mixed.decision, mixed)
    assert text.startswith("# ganbench gate: not comparable\n\nExit code **4**.")
    headings = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    places = [headings.index(h) for h in ("Not comparable", "Incomplete", "Regressions")]
    assert places == [0, 1, 2]
    assert headings[3].startswith("Insufficient evidence")
    assert "No baseline yet" in headings
    assert "precision: float32 in BASE, bfloat16 in NEW" in text
    assert "| v0 | d | tv | regression | 20 : 10 |" in text


@pytest.mark.parametrize("status", ["pass", "regression"])
@pytest.mark.parametrize("words", ["no difference seen", "ä|" * 2000])
def test_the_page_of_five_thousand_cells_stays_below_a_mebibyte(
    status: str, words: str, tmp_path: Path
) -> None:
    decision = decision_of(5000, words, status)
    notes = tuple(f"note {i} {'x' * 500}" for i in range(2000))
    path, xml, _ = write_decision(replace(decision, notes=notes), tmp_path)
    assert path.stat().st_size < MIB
    text = path.read_text()
    assert path.stat().st_size > 0.7 * MIB
    last = text.rstrip().splitlines()[-1]
    assert last.startswith("Left out, to stay below 1 MiB: ")
    assert "of 2,000 under “What else differs”" in last
    assert "All of it is in gate.json." in last
    assert int(str(ElementTree.parse(xml).getroot().get("tests"))) == 5000


def test_what_was_left_out_is_counted() -> None:
    rows = [f"- {'x' * 96}" for _ in range(20_000)]
    text = page("t", [], [Section("first", rows), Section("second", rows[:5])], "all.json")
    kept = sum(line.startswith("- x") for line in text.splitlines())
    assert f"{20_000 - kept:,} of 20,000 under “first”; 5 of 5 under “second”" in text
    assert LIMIT - 2000 < len(text.encode()) < LIMIT
    assert "## first" in text
    assert "## second" not in text
    small = page("t", [], [Section("first", rows[:5]), Section("none", [])], "all.json")
    assert "Left out" not in small
    assert "none" not in small


def test_texts_are_one_safe_line() -> None:
    assert safe("a|b\n*c* `d` <b> [x](y)") == "a\\|b \\*c\\* \\`d\\` \\<b\\> [x\\](y)"
    assert len(safe("x" * 5000)) == 600
    assert printable("ok\x00ü\ud800") == "ok\\x00ü\\ud800"


# JSON


def test_json_has_no_nan_and_says_everything(mixed: Comparison, tmp_path: Path) -> None:
    _, _, path = write_decision(mixed.decision, tmp_path, mixed)
    refuse = lambda name: pytest.fail(f"{name} in JSON")  # noqa: E731
    told = json.loads(path.read_text(), parse_constant=refuse)
    assert (told["format"], told["exit_code"], told["word"]) == (1, 4, "not comparable")
    assert told["base"]["name"] == "made"
    assert len(told["cells"]) == 6
    assert told["judgements"][0]["tests"][0]["p"] == mixed.decision.judgements[0].tests[0].p
    assert {"reasons", "rates", "suspects", "insufficient", "incomplete", "incomparable", "rules"} <= set(
        told
    )
    assert plain({"a": (float("nan"), float("inf"), -float("inf"), 1.5, None, True)}) == {
        "a": [None, "inf", "-inf", 1.5, None, True]
    }


# A gate that could not run


def test_a_refusal_leaves_the_same_three_files(mixed: Comparison, tmp_path: Path) -> None:
    usual = [p.name for p in write_decision(mixed.decision, tmp_path / "a", mixed)]
    paths = write_refusal(f"base.json: no baseline {NASTY}", 4, tmp_path / "b")
    assert [p.name for p in paths] == usual
    assert "Exit code **4**" in paths[0].read_text()
    assert "base.json: no baseline" in paths[0].read_text()
    root = ElementTree.parse(paths[1]).getroot()
    assert (root.get("tests"), root.get("errors"), root.get("failures")) == ("1", "1", "0")
    told = json.loads(paths[2].read_text())
    assert (told["exit_code"], told["word"]) == (4, "could not run")
    assert "no baseline" in told["reasons"][0]


def test_files_appear_whole_or_not_at_all(
    mixed: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_decision(mixed.decision, tmp_path, mixed)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def refuse(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no space"):
        write_refusal("x", 2, tmp_path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


# Tables of a comparison


def test_tables_hold_every_row(mixed: Comparison, tmp_path: Path) -> None:
    paths = write_tables(mixed, tmp_path)
    assert [p.name for p in paths] == ["comparison.parquet", "comparison.csv", "comparison.md"]
    table = pd.read_parquet(paths[0])
    assert len(table) == 6
    red = table.set_index("variant").loc["v0"]
    row = next(r for r in mixed.rows if r.variant == "v0")
    assert row.effect is not None
    assert (red["verdict"], red["base_count"], red["effect"]) == ("worse", 20, row.effect.estimate)
    assert red["words"] == row.verdict.words
    with paths[1].open() as file:
        told = list(csv.DictReader(file))
    assert [t["verdict"] for t in told] == list(table["verdict"])
    assert float(told[0]["p_worse"]) == row.p_worse
    assert "| v0 | d | tv | 20 : 10 |" in paths[2].read_text()
    assert table["detectable"].dtype.kind == "f"


def test_tables_of_nothing_can_be_written(tmp_path: Path) -> None:
    made = compared(side([]), side([]))
    for path in write_tables(made, tmp_path):
        assert path.is_file()
    assert len(frame(made)) == 0
    assert "primary" in pd.read_parquet(tmp_path / "comparison.parquet").columns


def test_the_page_of_a_large_comparison_stays_below_a_mebibyte(mixed: Comparison) -> None:
    row = mixed.rows[0]
    many = replace(mixed, rows=tuple(replace(row, variant=f"v{i}", primary=i < 50) for i in range(9000)))
    text = comparison_page(many)
    assert len(text.encode()) < MIB
    assert "All of it is in comparison.csv." in text
    assert text.count("| v49 |") == 1


# Text


def test_text_is_at_most_a_hundred_characters_wide() -> None:
    generator = np.random.default_rng(1)
    label = "gan-r1[latent_dim={},gamma=0.1,learning_rate=0.002,network=mlp(width=64,depth=2),batch_size=64]"
    cells = [
        [
            cell(label.format(i), "a data set with a rather long label, see above", {
                "tv": np.exp(20 * generator.normal(size=n)) * (1e9 if i == 1 and n == 10 else 1),
                "score": generator.normal(size=n) - 9 * (i == 2 and n == 10),
            })
            for i in range(5)
        ]
        for n in (20, 10)
    ]  # fmt: skip
    made = compared(side(cells[0]), side(cells[1]), Rules())
    for text in (decision_text(made.decision, made), comparison_text(made)):
        assert max(map(len, text.splitlines())) <= WIDTH
        assert "gan-r1[latent_dim=2]" in text
        assert "learning_rate" not in text
    table = [line for line in decision_text(made.decision, made).splitlines() if " 20:10 " in line]
    assert len(table) == 5
    assert all(line.endswith("  pass") for line in table)


def test_text_says_code_reasons_and_what_could_have_been_seen(mixed: Comparison) -> None:
    text = decision_text(mixed.decision, mixed)
    assert text.startswith("gate: not comparable (exit code 4)")
    for said in (
        "v1 on d: not comparable (precision: float32 in BASE,",
        "v2 on d: NEW: of 11 seeds 1 failed",
    ):
        assert said in text
    assert "could see" in text
    assert "regression" in text
    generator = np.random.default_rng(2)
    sides = normal(generator, 20, variants=2), normal(generator, 10, variants=2)
    passed = compared(*sides, Rules())
    text = decision_text(passed.decision, passed)
    assert text.startswith("gate: pass (exit code 0)")
    assert "no regression seen in 4 cells of 2 variants" in text
    lines = [line for line in text.splitlines() if line.startswith("  v")]
    assert len(lines) == 5
    assert all(" +" in line for line in lines[1:])
    told = next(line for line in comparison_text(passed).splitlines() if line.startswith("  v0  "))
    assert told.endswith("  none seen")
    seen = next(row.detectable for row in passed.rows if (row.variant, row.dataset) == ("v0", "digits"))
    assert f"  +{seen:#.3g}  " in told


def test_confirmed_suspects_do_not_stand_among_those_that_decide_nothing(mixed: Comparison) -> None:
    effect = next(row.effect for row in mixed.rows if row.effect is not None)
    suspects = tuple(
        Suspect("v4", "d", name, 0.001, 0.01, effect, confirmed, words=f"the words on {name}")
        for name, confirmed in (("kept", None), ("sure", True), ("dropped", False))
    )
    decision = replace(mixed.decision, suspects=suspects)
    text, page_text = decision_text(decision, mixed), summary(decision, mixed)
    for whole, sure, others in (
        (text, "suspects that fresh seeds confirmed", "suspects, which decide nothing:"),
        (page_text, "## Suspects that fresh seeds confirmed", "## Suspects: quantities that decide nothing"),
    ):
        places = [whole.index(said) for said in (sure, "the words on sure", others, "the words on kept")]
        assert places == sorted(places)
        assert whole.index(others) < whole.index("the words on dropped")
    alone = replace(decision, suspects=suspects[1:2])
    assert "decide nothing" not in decision_text(alone, mixed)


def test_interquartile_means_and_chances_are_on_the_page_and_in_the_words_of_what_differs() -> None:
    generator = np.random.default_rng(3)
    cells = [cell("v", "d", {"tv": generator.normal(size=n), "share": generator.random(n)}) for n in (20, 10)]
    made = compared(side(cells[:1]), side(cells[1:]), Rules())
    row = made.rows[0]
    assert row.base is not None
    assert row.new is not None
    assert row.improvement is not None
    assert row.adjusted is not None
    means = [number(row.base.interquartile_mean), number(row.new.interquartile_mean)]
    chance = f"{100 * row.improvement[0]:.0f} % ["
    text, page_text = comparison_text(made), comparison_page(made)
    assert "are on the page and in comparison.md" in text
    assert "interquartile mean " not in text
    worse = compared(side(cells[:1]), side([cell("v", "d", {"tv": 9.0 + np.arange(10)})]), Rules())
    told = " ".join(comparison_text(worse).split())
    assert "of these: v on d, tv: worse: " in told
    assert "; interquartile mean −0.271 → 13.5; P(better) 0 % [" in told
    (line,) = [line for line in page_text.splitlines() if line.startswith("| v | d | tv |")]
    assert f"| {means[0]} | {means[1]} | " in line
    assert f"| {chance}" in line
    assert f"| {row.adjusted:.2g} | no difference seen" in line


def test_a_distance_to_a_target_is_called_one() -> None:
    made = compared(*(side([cell("v", "d", {"share": np.zeros(n)})]) for n in (20, 10)))
    assert "| 0.500 away from 0.500 | 0.500 away from 0.500 |" in summary(made.decision, made)
    assert "| 0.500 away from 0.500 | 0.500 away from 0.500 |" in comparison_page(made)
    assert "  0.500 away  0.500 away  " in decision_text(made.decision, made)
    assert "  0.500 away  0.500 away  " in comparison_text(made)


def test_text_of_nothing_shared() -> None:
    made = compared(side([]), side([cell("v", "d", {"tv": np.arange(9.0)})]))
    text = decision_text(made.decision, made)
    assert "exit code 4" in text
    assert "in common" in text
    assert "no baseline yet" in comparison_text(made)
