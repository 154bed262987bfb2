"""What a gate and a comparison tell in words: once, with what to do, and collapse too."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from made_sides import QUANTITIES, cell, changed, normal, side

from ganbench.analysis.effects import Effect
from ganbench.comparison.cell_decisions import sentences
from ganbench.comparison.compare import compare
from ganbench.comparison.junit import junit
from ganbench.comparison.model import CellDecision, Comparison, Rules, Side, Verdict
from ganbench.comparison.summary import summary
from ganbench.comparison.tables import comparison_page
from ganbench.comparison.text import comparison_text, decision_text
from ganbench.comparison.verdicts import could_have_seen, effect_cell, effect_words, interval_words
from ganbench.report.comparison.words import sentence as headline
from ganbench.report.comparison.write import page_title


def compared(base: Side, new: Side, rules: Rules | None = None) -> Comparison:
    return compare(base, new, np.random.default_rng(0), rules or Rules(detectable=False))


def apart(variant: str, dataset: str, why: str) -> CellDecision:
    return CellDecision(
        variant, dataset, "tv", "not comparable", Verdict("not comparable", f"not comparable ({why})")
    )


def test_what_holds_for_many_cells_is_said_once() -> None:
    told = sentences(
        [apart("a", "digits", "x"), apart("a", "ring8", "x"), apart("b", "ring8", "y"), apart("c", "d", "y")]
    )
    assert list(told) == [
        "a on digits and ring8: not comparable (x)",
        "b on ring8; c on d: not comparable (y)",
    ]
    everywhere = [apart(v, d, "x") for v in "abc" for d in ("d", "e")]
    assert list(sentences(everywhere)) == ["a, b and c on d and e: not comparable (x)"]


def test_each_hindrance_comes_with_what_to_do() -> None:
    generator = np.random.default_rng(0)
    base, new = normal(generator, 20, variants=3), normal(generator, 10, variants=4)
    key = ("v0", "digits")
    conditions = {**new.cells[key].conditions, "precision": "bfloat16"}
    for name, made, said in (
        ("conditions", changed(new, key, conditions=conditions), "run NEW under BASE's conditions"),
        ("incomplete", changed(new, key, outcomes={**new.cells[key].outcomes, 3: "failed", 4: "missing"}),
         "what is missing of NEW (2 seeds): `ganbench status runs/made` says why"),
        ("few", changed(new, key, values=cell(*key, {"tv": [0.0]}).values, outcomes={0: "finished"}),
         "for enough evidence: more seeds"),
        ("gone", replace(new, cells={k: c for k, c in new.cells.items() if k != key}),
         "or train the variants that are gone"),
    ):  # fmt: skip
        found = compared(base, made)
        text = " ".join(decision_text(found.decision, found).split())
        assert said in text, name
        assert said.replace("`", "\\`") in summary(found.decision, found), name
        assert "what has no baseline yet: a new baseline" in text
    clean = compared(base, replace(new, cells={k: c for k, c in new.cells.items() if k[0] != "v3"}))
    assert "what to do" not in decision_text(clean.decision, clean)
    assert "What to do" not in summary(clean.decision, clean)


def test_evidence_that_may_lack_asks_for_nothing() -> None:
    few = normal(np.random.default_rng(0), 2, variants=2)
    let = compared(few, few, Rules(detectable=False, insufficient_passes=True))
    assert let.decision.exit_code == 0
    assert "more seeds" not in decision_text(let.decision, let)


@pytest.mark.parametrize(("lost", "red"), [(9, "red"), (3, "not red")])
def test_a_comparison_tells_collapse(lost: int, red: str) -> None:
    values = np.linspace(0.0, 1.0, 20)
    base = side([cell("v", "d", {"tv": values, "modes_recovered": [8.0] * 20})])
    modes = [2.0] * lost + [8.0] * (10 - lost)
    new = side([cell("v", "d", {"tv": values[::2], "modes_recovered": modes})])
    made = compared(base, new)
    told = f"v on d, collapsed: {lost} of 10 seeds, 0 of 20 before (p "
    for text in (comparison_text(made), comparison_page(made), summary(made.decision, made)):
        (line,) = [line for line in text.splitlines() if told in line]
        assert line.endswith(f" adjusted): {red}")
        assert "diverged:" not in text
    same = compared(base, side([cell("v", "d", {"tv": values[::2], "modes_recovered": [8.0] * 10})]))
    assert "collapsed" not in comparison_text(same)


@pytest.mark.parametrize(("scale", "interval"), [(1.0, True), (1e-7, False)])
def test_numbers_of_the_table_are_never_cut(scale: float, interval: bool) -> None:
    generator = np.random.default_rng(1)
    sides = (
        side([cell("a-long-label", "a-data-set", {"tv": scale * generator.normal(size=n)})]) for n in (20, 10)
    )
    made = compared(*sides, Rules())
    lines = comparison_text(made).splitlines()
    header, line = (next(t for t in lines if t.startswith(f"  {word}")) for word in ("variant", "a-"))
    assert ("95 % interval" in header) is interval
    assert len(line) <= 100
    assert "…" not in line.split("  ", 3)[-1]
    effect = made.rows[0].effect
    assert effect is not None
    if interval:
        assert f"  {interval_words(effect, QUANTITIES['tv'])}  " in line


def test_xml_says_a_reason_once() -> None:
    generator = np.random.default_rng(0)
    made = compared(normal(generator, 20, variants=2), normal(generator, 10, {("v0", "ring8"): 9.0}, 2))
    text = junit(made.decision).decode()
    (case,) = [c for c in ElementTree.fromstring(text).iter("testcase") if c.find("failure") is not None]
    failure = case.find("failure")
    assert failure is not None
    assert str(failure.get("message")).count("worse: ") == 1
    assert text.count("worse: ") == 1
    assert "needed; adjusted" in str(case.findtext("system-out"))


def test_intervals_are_told_with_what_was_asked_of_them() -> None:
    found = Effect(1.5, 1.1, 2.0, 0.9509)
    assert effect_words(found, QUANTITIES["tv"]) == "+1.50, 95 % interval [+1.10, +2]"
    assert effect_cell(found, QUANTITIES["fid"]) == "×1.50 [×1.10, ×2]"
    few = replace(found, coverage=0.0)
    assert "too few seeds" in effect_words(few, QUANTITIES["tv"])
    assert effect_cell(few, QUANTITIES["tv"]) == "+1.50 (too few seeds)"
    assert effect_cell(None, QUANTITIES["tv"]) == "undefined"


def test_the_page_counts_cells_that_have_no_baseline_and_tells_the_sides_apart() -> None:
    generator = np.random.default_rng(0)
    base, new = normal(generator, 20, variants=2), normal(generator, 10, variants=3)
    found = compared(base, new)
    names = {f"v{i}": f"v{i}" for i in range(3)}
    assert headline(found, names).endswith(". 2 cells have no baseline yet and were not judged.")
    assert "baseline" not in headline(compared(base, normal(generator, 10, variants=2)), names)
    alone = compared(side([]), new)
    assert headline(alone, names).count("baseline") == 0
    assert page_title(replace(new, name="b"), replace(base, name="a")) == "b against a"
    sources = [replace(new, source="x/after"), replace(base, source="y/ci.json")]
    assert page_title(*sources) == "after against ci"


def test_where_nothing_could_be_worse_the_words_say_why() -> None:
    bounded = replace(QUANTITIES["tv"], lowest=0.0, highest=1.0)
    told = could_have_seen(float("nan"), bounded, np.array([1.0, 1.0, 0.5]))
    assert told.endswith("sure to be seen: 2 of 3 seeds of BASE are undefined or as bad as can be)")
    assert could_have_seen(float("nan"), bounded, np.array([np.nan, 0.5])).endswith(
        ": 1 of 2 seeds of BASE are undefined)"
    )
    free = could_have_seen(float("nan"), QUANTITIES["tv"], np.array([1.0, 1.0, 0.5]))
    assert free == " (no worsening, however large, was sure to be seen)"
