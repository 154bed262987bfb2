"""Planted defects: each is one line that stands in today's sources once, and touches cohorts of the suite."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import ganbench
from ganbench.errors import GanbenchError, UnknownName
from ganbench.selftest.defect import Defect
from ganbench.selftest.defects import DEFECTS, chosen
from ganbench.selftest.options import Options, plan, plan_text
from ganbench.selftest.restricted import restricted
from ganbench.suite import load_suite
from ganbench.training.description import Budget

PACKAGE = Path(ganbench.__file__).parent
EACH = pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
OF_THE_ISSUE = {
    "penalty-sign", "penalty-at-real-points", "swapped-labels", "discriminator-rate", "wrong-beta1",
    "one-critic-step", "ema-never-updated", "half-the-noise", "fixed-noise", "mode-dropped", "data-scaled",
    "wrong-players-gradient", "stale-samples", "clip-too-tight", "unseeded-initialization",
    "metric-on-training-samples", "budget-off-by-one",
}  # fmt: skip


def test_there_are_enough_of_many_kinds() -> None:
    names = [defect.name for defect in DEFECTS]
    assert len(set(names)) == len(names) >= 24
    assert set(names) >= OF_THE_ISSUE
    assert len({defect.kind for defect in DEFECTS}) >= 7
    assert [len(defect.cells) for defect in DEFECTS] == sorted(len(defect.cells) for defect in DEFECTS)


@EACH
def test_a_defect_changes_one_line_of_todays_sources(defect: Defect) -> None:
    source = (PACKAGE / defect.file).read_text(encoding="utf-8")
    planted = defect.planted(source)
    lines, patched = source.splitlines(), planted.splitlines()
    assert len(lines) == len(patched)
    assert sum(one != other for one, other in zip(lines, patched, strict=True)) == 1
    assert ast.dump(ast.parse(planted)) != ast.dump(ast.parse(source)), "a comment or a docstring"
    compile(planted, defect.file, "exec")


@EACH
def test_a_defect_touches_cohorts_of_the_suite(defect: Defect) -> None:
    suite = load_suite("ci")
    cohorts = restricted(suite, defect.variants, defect.datasets, (1000, 1001)).cohorts()
    assert {(c.variant.label, c.dataset.label) for c in cohorts} == set(defect.cells)
    assert all(c.seeds == (1000, 1001) and c.budget == suite.budget for c in cohorts)
    if defect.file.startswith("variants/"):
        assert [defect.file] == [f"variants/{name.replace('-', '_')}.py" for name in defect.variants]


def test_a_line_that_is_gone_or_doubled_is_refused() -> None:
    defect = DEFECTS[0]
    for source in ("", defect.before * 2):
        with pytest.raises(GanbenchError, match=defect.name):
            defect.planted(source)


def test_defects_are_chosen_by_name() -> None:
    assert [each.name for each in chosen(["clip-forgotten", "penalty-sign"])] == [
        "clip-forgotten",
        "penalty-sign",
    ]
    assert chosen(None) == DEFECTS
    with pytest.raises(UnknownName, match="did you mean 'penalty-sign'"):
        chosen(["penalty-sing"])


def test_a_suite_is_cut_down() -> None:
    suite = load_suite("ci")
    small = restricted(suite, ["wgan"], ["ring8"], (5,), steps=40)
    (cohort,) = small.cohorts()
    assert (cohort.seeds, cohort.budget) == ((5,), Budget("steps", 40))
    assert restricted(suite) == suite
    with pytest.raises(UnknownName, match="variant of the suite"):
        restricted(suite, ["wgann"])


def test_the_whole_plan_stays_below_the_hours_that_there_are() -> None:
    costs = plan(Options(workers=2))
    assert sum(cost.core_seconds for cost in costs) / 2 < 2.5 * 3600
    named = {cost.stage for cost in costs}
    assert {"pool", "false alarms", *(f"defect {defect.name}" for defect in DEFECTS)} <= named
    assert sum(cost.core_seconds for cost in plan(Options(quick=True))) < 60
    *_, last = plan_text(Options(workers=2))
    assert "2 processes" in last
