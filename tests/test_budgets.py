"""Several budgets in one run: ranked apart, shown apart, and labelled wherever a variant is named."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fake_run import Fake, build
from small_runs import LSGAN, NSGAN, ganbench, without_report, write_suite

from ganbench import store
from ganbench.analysis.cohorts import Budget
from ganbench.analysis.names import parts, short_names
from ganbench.analysis.ranking import budgets, ranking
from ganbench.analysis.run import Run, load_run
from ganbench.analysis.summaries import MOST_MOMENTS, curves
from ganbench.analysis.text import ranking_text
from ganbench.errors import GanbenchError
from ganbench.pages import status_page
from ganbench.report.page import Section, facts, page
from ganbench.report.sections import sections
from ganbench.report.style import Figure, looks, styled
from ganbench.report.tables import Table, outcomes_table

FULL, TENTH = Budget("images", 1_024_000.0), Budget("images", 102_400.0)
SHORT = ("b (102,400 images)", "a (102,400 images)")
PRIMARY = "mode_total_variation"


def fake(**changes: object) -> Fake:
    values = {
        "variants": ("a", *SHORT, "c"),
        "datasets": ("ring8",),
        "failed": (),
        "diverged": {},
        "points": 3,
        "samples": 16,
        "budgets": dict.fromkeys(SHORT, TENTH.amount),
        "split": False,
    }
    return Fake(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return load_run(build(tmp_path_factory.mktemp("budgets"), fake()))


@pytest.fixture(scope="module")
def shown(run: Run) -> list[Section]:
    with styled():
        return sections(run, "ring8", looks(run.variants))


def test_under_one_budget_nothing_of_another_is_left(run: Run) -> None:
    assert budgets(run, "ring8") == [FULL, TENTH]
    for budget, variants in ((FULL, {"a", "c"}), (TENTH, set(SHORT))):
        alone = run.under("ring8", budget)
        assert {c.variant for c in alone.cohorts} == set(alone.records["variant"]) == variants
        assert set(alone.variants) == variants
        assert alone.records["images"].max() == budget.amount
        assert budgets(alone, "ring8") == [budget]
        assert set(ranking(alone, "ring8")["variant"]) == variants
    with pytest.raises(GanbenchError, match="unequal budgets"):
        ranking(run, "ring8")


def test_each_budget_has_a_section_of_its_own(shown: list[Section]) -> None:
    assert [each.label for each in shown] == [f"ring8 after {b}" for b in (FULL, TENTH)]
    anchors = [each.anchor for each in shown] + [part.anchor for each in shown for part in each.parts]
    assert len(anchors) == len(set(anchors))
    for section, budget, other in zip(shown, (FULL, TENTH), (TENTH, FULL), strict=True):
        assert f"trained for {budget} a seed; those trained for {other} are ranked apart" in section.about
        items = [item for part in section.parts for item in part.items]
        assert all(isinstance(item, Table | Figure) for item in items)
        assert all(str(budget) in item.caption for item in items if not isinstance(item, str))
        assert not any(str(other) in item.caption for item in items if not isinstance(item, str))
        named = {
            name for table in section.tables for name in (*table.header, *(row[1] for row in table.rows))
        }
        mine = {"a", "c"} if budget == FULL else set(SHORT)
        assert mine <= named
        assert not ({"a", "c", *SHORT} - mine) & named
    for kind in ("figures", "tables"):
        names = [item.name for each in shown for item in getattr(each, kind)]
        assert len(names) == len(set(names)) > 1
        assert all(re.match(r"ring8-(1024000|102400)-images-[a-z]", name) for name in names)


def test_one_budget_is_shown_as_ever(tmp_path: Path) -> None:
    loaded = load_run(build(tmp_path, fake(budgets={}, points=1, diagnostics=False)))
    with styled():
        (only,) = sections(loaded, "ring8", looks(loaded.variants))
    assert only.label == "ring8"
    assert {table.name for table in only.tables} == {"ring8-ranking", "ring8-quantities"}
    assert dict(facts(loaded))["budget"] == "1,024,000 real examples a seed"


def test_the_page_says_all_budgets(run: Run, shown: list[Section]) -> None:
    text = page(run, shown, looks(run.variants)).decode()
    assert dict(facts(run))["budget"] == (
        "1,024,000 real examples (2 variants) and 102,400 real examples (2 variants) a seed; ranked apart"
    )
    for budget in (FULL, TENTH):
        assert text.count(f">ring8 after {budget}<") == 3, "contents, what to read first, heading"
    assert text.index(f">ring8 after {FULL}<") < text.index(f">ring8 after {TENTH}<")
    assert "102,<wbr>400" not in text
    rows = {row[1]: row[2] for row in outcomes_table(run).rows}
    assert rows == {"a": str(FULL), "c": str(FULL), **dict.fromkeys(SHORT, str(TENTH))}


def test_the_terminals_rankings_are_apart(run: Run) -> None:
    full, tenth = ranking_text(run).split("\n\n")
    assert f"after {FULL}" in full.splitlines()[0]
    assert f"after {TENTH}" in tenth.splitlines()[0]
    assert {line.split()[1] for line in full.splitlines()[3:]} == {"a", "c"}
    assert {line.split()[1] for line in tenth.splitlines()[3:]} == {"a", "b"}
    assert "images)" not in tenth, "the heading says the budget"


def test_one_label_for_two_budgets_is_refused(tmp_path: Path) -> None:
    """A folder put together by hand: records know labels alone."""
    build(tmp_path, fake())
    for folder in store.cohort_folders(tmp_path):
        described = store.read_json(folder / store.DESCRIPTION_FILE)
        if described["variant"]["label"] == SHORT[1]:
            described["variant"]["label"] = "a"
            store.write_json(folder / store.DESCRIPTION_FILE, described)
    with pytest.raises(GanbenchError, match="'a' stands for more than one budget"):
        ranking(load_run(tmp_path), "ring8", FULL)


def test_short_names_keep_the_budget() -> None:
    labels = ["a[x=1,y=2]", "a[x=1,y=3]", "a[x=1,y=2] (9 steps)", "b (9 steps)", "b", "c[x=1] (9 steps)"]
    assert list(short_names(labels).values()) == [
        *("a[y=2]", "a[y=3]", "a[y=2] (9 steps)", "b (9 steps)", "b", "c[x=1] (9 steps)")
    ]
    assert short_names(["a[x=1]", "a[x=1] (9 steps)"]) == {"a[x=1]": "a", "a[x=1] (9 steps)": "a (9 steps)"}
    assert parts("a[n=mlp(width=8)] (2,500 steps)") == ("a", "n=mlp(width=8)", "(2,500 steps)")
    assert parts("a[n=mlp(width=8)]") == ("a", "n=mlp(width=8)", "")
    assert parts("odd [x] y") == ("odd [x] y", "", "")
    assert short_names(["odd [x] y", "a"])["odd [x] y"] == "odd [x] y"


def followed(run: Path, rounds: int, seeds: int) -> None:
    """Replace the primary quantity of the first seeds of `a` by a value after every round, 100 + its seed."""
    records = pd.read_parquet(run / store.RECORDS_FILE)
    mine = (records["variant"] == "a") & (records["quantity"] == PRIMARY)
    records.loc[mine, "value"] = 1000.0
    kept = records[~(mine & (records["seed"] < seeds))]
    last = records[mine].iloc[-1]
    points = np.arange(rounds + 1)
    each = pd.DataFrame(
        {**last, "point": points, "final": points == rounds, "value": 100.0}
        | {name: (points * last[name] // rounds).astype(int) for name in ("images", "step")}
    )
    added = [each.assign(seed=seed, value=100.0 + seed) for seed in range(seeds)]
    pd.concat([kept, *added], ignore_index=True).to_parquet(run / store.RECORDS_FILE)


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_curve_has_a_point_where_all_seeds_were_measured(tmp_path: Path, seeds: int) -> None:
    """A followed seed's points count rounds: round 1 must not meet the others' first measuring point."""
    build(tmp_path, fake(variants=("a",), budgets={}))
    followed(tmp_path, 4000, seeds)
    found = curves(load_run(tmp_path), "ring8", PRIMARY)["a"]
    assert found["images"].tolist() == [0, 512_000, 1_024_000]
    assert (found["count"] == 5).all()
    assert (found["median"] == (1000.0 if seeds == 1 else 102.0)).all()


def test_a_curve_of_followed_seeds_alone_is_thinned(tmp_path: Path) -> None:
    build(tmp_path, fake(variants=("a",), budgets={}))
    followed(tmp_path, 4000, 5)
    found = curves(load_run(tmp_path), "ring8", PRIMARY)["a"]
    assert len(found) == MOST_MOMENTS
    assert found["images"].iloc[[0, -1]].tolist() == [0, 1_024_000]
    assert (found["count"] == 5).all()


def test_a_suite_of_two_budgets_from_the_file_to_the_ranking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = f"{{{LSGAN}, budget: {{steps: 4}}, seeds: 3}}"
    suite = write_suite(tmp_path, [NSGAN, short, f"{{{NSGAN}, budget: {{steps: 4}}}}"])
    out = tmp_path / "run"
    without_report(monkeypatch)
    assert "3 cohorts of 2 to 3 seeds" in ganbench("check", suite).stdout
    result = ganbench("run", suite, "--out", out, "--workers", 1)
    assert result.exit_code == 0, result.output
    assert re.findall(r"after (\d+) discriminator updates", result.stdout) == ["20", "4"]
    records = pd.read_parquet(out / store.RECORDS_FILE)
    last = records[records["final"]].groupby("variant")
    assert last["step"].max().to_dict() == {"nsgan": 20, "lsgan (4 steps)": 4, "nsgan (4 steps)": 4}
    assert last["seed"].nunique().to_dict() == {"nsgan": 2, "lsgan (4 steps)": 3, "nsgan (4 steps)": 2}
    assert "7 of 7 trials have ended" in ganbench("status", out).stdout
    (gone,) = (folder for folder in store.cohort_folders(out) if "lsgan" in folder.name)
    (gone / store.OUTCOME_FILE).unlink()
    assert "lsgan (4 steps): 3 to come\n4 of 7 trials" in ganbench("status", out).stdout
    planned = ganbench("plan", suite, "--out", out, "--workers", 1).stdout
    assert "7 trials, 4 of them finished; 1 cohort to train" in planned
    assert re.search(r"lsgan \(4 steps\) +4 steps +3 +4 +\d", planned)


def test_status_counts_what_each_variant_is_to_train(tmp_path: Path) -> None:
    """Its own seeds, on its own data sets; a run of before had neither."""
    choices = {kind: [{"name": n, "label": n} for n in "ab"] for kind in ("variants", "datasets")}
    own = {
        "a": {"budget": None, "seeds": [1, 2, 3], "on": None},
        "b": {"budget": None, "seeds": None, "on": ["b"]},
    }
    about = {"format": store.FORMAT, "name": "s", "key": "k", "created": "then"}
    suite = {**choices, "seeds": [0], "overrides": own}
    store.write_json(tmp_path / store.RUN_FILE, {**about, "suite": suite})
    assert status_page(tmp_path).splitlines()[1:] == [
        *("  a · a: 3 to come", "  b · a: 3 to come", "  b · b: 1 to come", "0 of 7 trials have ended")
    ]
    store.write_json(tmp_path / store.RUN_FILE, {**about, "suite": {**choices, "seeds": [0]}})
    assert status_page(tmp_path).endswith("0 of 4 trials have ended")
