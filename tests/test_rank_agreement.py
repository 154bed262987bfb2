"""Agreement of several extractors: τ by counting pairs, and a winner only where all agree."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_run import Fake, build

from ganbench.analysis.rank_agreement import rank_agreement, under_several_extractors, winners
from ganbench.analysis.ranking import budgets, ranking
from ganbench.analysis.run import Run, load_run
from ganbench.quantities import Quantity
from ganbench.report.agreement import agreement_tables
from ganbench.report.words import paragraph

VARIANTS = ("a", "b", "c", "d")


def tau_by_pairs(x: list[float], y: list[float]) -> float:
    signs = [
        (np.sign(x[i] - x[j]), np.sign(y[i] - y[j])) for i, j in itertools.combinations(range(len(x)), 2)
    ]
    untied = [sum(s[k] != 0 for s in signs) for k in (0, 1)]
    return float(sum(a * b for a, b in signs) / math.sqrt(untied[0] * untied[1]))


def test_tau_is_that_of_counted_pairs() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        values = {name: generator.integers(0, 4, 6).astype(float).tolist() for name in "xyz"}
        agreement = rank_agreement(list("abcdef"), values)
        assert agreement.tau.keys() == {("x", "y"), ("x", "z"), ("y", "z")}
        for (one, two), tau in agreement.tau.items():
            assert tau == pytest.approx(tau_by_pairs(values[one], values[two]), rel=1e-12)


def test_a_winner_is_named_where_all_agree_and_alone_so() -> None:
    one, two = [3.0, 1.0, 2.0, 9.0], [30.0, 10.0, 90.0, 20.0]
    assert rank_agreement(VARIANTS, {"x": one, "y": two}).winner == "b"
    assert rank_agreement(VARIANTS, {"x": one, "y": two, "z": one[::-1]}).winner is None
    assert rank_agreement(VARIANTS, {"x": one, "y": [1.0, 1.0, 2.0, 3.0]}).winner is None
    assert rank_agreement(VARIANTS, {"x": [1.0] * 4, "y": one}).winner is None


def test_undefined_variants_come_last_and_win_nothing() -> None:
    agreement = rank_agreement(VARIANTS, {"x": [math.nan, 1.0, 2.0, math.nan], "y": [4.0, 1.0, 2.0, 3.0]})
    assert agreement.ranks["x"].tolist() == [3.5, 1, 2, 3.5]
    assert agreement.winner == "b"
    assert rank_agreement(("a",), {"x": [math.nan], "y": [math.nan]}).winner is None


def test_a_measure_that_ties_all_has_no_tau() -> None:
    assert math.isnan(rank_agreement(VARIANTS, {"x": [1.0] * 4, "y": [1.0, 2.0, 3.0, 4.0]}).tau["x", "y"])


def test_quantities_that_differ_in_their_extractor_alone_are_one_group() -> None:
    def fid(extractor: str, split: str = "train", count: int = 100) -> Quantity:
        protocol = {"extractor": extractor, "split": split, "generated": count, "reference": count}
        return Quantity(f"fid_{extractor}_{split}_{count}", "", direction="lower", protocol=protocol)

    three = [fid("one"), fid("two"), fid("three")]
    others = [fid("one", "heldout"), fid("two", "heldout"), fid("four", count=50), Quantity("kid", "")]
    assert under_several_extractors([*others, *three]) == [three]
    assert under_several_extractors(three[:2] + others) == []


def measured_by(tmp_path: Path, medians: dict[str, list[float]]) -> Run:
    """A run of three variants with Fréchet distances in several extractors' features."""
    build(tmp_path, Fake(datasets=("ring8",), variants=("a", "b", "c"), failed=(), diverged={}, arrays=False))
    run = load_run(tmp_path)
    declared = dict(run.declared)
    rows = run.records[run.records["quantity"] == run.primary("ring8").name]
    frames = [run.records]
    for extractor, values in medians.items():
        name, protocol = f"fid_{extractor}_train_100", {"extractor": extractor, "generated": 100}
        declared[name] = Quantity(name, "", direction="lower", protocol=protocol)
        by_variant = dict(zip("abc", values, strict=True))
        frames.append(rows.assign(quantity=name, value=rows["variant"].map(by_variant).astype(float)))
    return replace(run, declared=declared, records=pd.concat(frames, ignore_index=True))


def test_the_report_names_a_winner_where_extractors_agree(tmp_path: Path) -> None:
    run = measured_by(tmp_path, {"one": [3, 2, 9], "two": [40, 30, 35], "three": [5, 1, 7]})
    (table,) = agreement_tables(run, "ring8", ["b", "a", "c"])
    assert table.header == ["variant", "one ↓", "two ↓", "three ↓"]
    assert [row[0] for row in table.rows] == ["b", "a", "c"]
    assert [row[2].split()[1] for row in table.rows] == ["(1)", "(3)", "(2)"]
    assert "one and two 0.33; one and three 1.00; two and three 0.33" in table.notes[0]
    assert table.notes[1] == "b has the best median in all of them."


def test_the_report_names_none_where_they_disagree_or_are_few(tmp_path: Path) -> None:
    values = {"one": [3.0, 2.0, 9.0], "two": [1.0, 30.0, 35.0], "three": [5.0, 1.0, 7.0]}
    run = measured_by(tmp_path / "three", values)
    (table,) = agreement_tables(run, "ring8", ["a", "b", "c"])
    assert table.notes[1] == "They do not agree on the best variant, so none is named."
    two = measured_by(tmp_path / "two", {name: values[name] for name in ("one", "two")})
    assert agreement_tables(two, "ring8", ["a", "b", "c"]) == []


@pytest.mark.parametrize(("second", "said"), [([40, 30, 35], False), ([1, 30, 35], True)])
def test_the_first_paragraph_names_no_winner_that_other_extractors_do_not_name(
    tmp_path: Path, second: list[float], said: bool
) -> None:
    run = measured_by(tmp_path, {"one": [3, 2, 9], "two": second, "three": [5, 1, 7]})
    primary = {"primary": "fid_one_train_100"}
    run = replace(run, datasets={"ring8": {**run.datasets["ring8"], **primary}})
    (budget,) = budgets(run, "ring8")
    text = paragraph(run, "ring8", budget, ranking(run, "ring8"))
    assert text.startswith("b has the best median")
    assert ("so there is no winner" in text) == said
    assert winners(run, "ring8", "abc", "fid_three_train_100") == [None if said else "b"]
    assert winners(run, "ring8", "abc", "cost") == []
