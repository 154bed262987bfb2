"""History: order, what may stand side by side, what is new evidence, and changes over all cells together."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_run import Fake, build

from ganbench.analysis.cohorts import Budget
from ganbench.comparison.baseline import save_baseline
from ganbench.comparison.history import history, in_order, load_history
from ganbench.comparison.history_labels import labels
from ganbench.comparison.history_model import LEVEL, History, Series
from ganbench.comparison.history_text import history_text
from ganbench.comparison.model import Cell, Key, Side, Values
from ganbench.errors import GanbenchError
from ganbench.quantities import Quantity
from ganbench.report.comparison.history import write_history

NAN = float("nan")
RING = ("wgan", "ring")
DISTANCE = Quantity("distance", "Distance", direction="lower", smallest_difference=0.02)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def made_cell(key: Key, values: Sequence[float], quantity: Quantity = DISTANCE, samples: int = 1000) -> Cell:
    """A cell with one quantity, its seeds from 0."""
    by_seed = dict(enumerate(map(float, values)))
    return Cell(
        variant=key[0],
        dataset=key[1],
        budget=Budget("steps", 100.0),
        conditions={"device type": "cpu", "precision": "float32", "budget": "100 steps"},
        circumstances={},
        outcomes={s: "diverged" if math.isnan(v) else "finished" for s, v in by_seed.items()},
        values={quantity.name: Values(by_seed, json.dumps({"samples": samples}))},
        declared={quantity.name: replace(quantity, protocol={"samples": samples})},
        primary=quantity.name,
    )


def made_side(day: int, cells: Mapping[Key, Cell], dirty: bool = False) -> Side:
    """A result of one day of November 2026; its commit says the day."""
    git = {"commit": f"{day:02d}c0ffee1234", "dirty": dirty}
    return Side(f"night {day}", f"runs/{day}", f"2026-11-{day:02d}T03:00:00+00:00", {"git": git}, dict(cells))


def sides(groups: Sequence[Sequence[float]], quantity: Quantity = DISTANCE, key: Key = RING) -> list[Side]:
    """One result a day with one cell."""
    return [made_side(day, {key: made_cell(key, g, quantity)}) for day, g in enumerate(groups, start=1)]


def drawn(seed: int, levels: Sequence[float], count: int = 8) -> list[np.ndarray]:
    """Normal values around levels, 0.01 apart by chance."""
    draws = rng(500 + seed)
    return [level + 0.01 * draws.normal(size=count) for level in levels]


def only(found: History) -> Series:
    (series,) = found.series
    return series


def test_a_change_is_dated_and_said_in_words() -> None:
    series = only(history(sides(drawn(11, [0.11] * 5 + [0.19] * 4)), rng()))
    (change,) = series.changes
    assert (change.index, change.worse) == (5, True)
    assert (change.last.name, change.first.name) == ("night 5", "night 6")
    assert change.before == pytest.approx(0.11, abs=0.01)
    assert change.after == pytest.approx(0.19, abs=0.01)
    assert change.effect.estimate == pytest.approx(0.08, abs=0.01)
    assert change.effect.lower < 0.08 < change.effect.upper
    assert series.words == change.words
    assert change.words.startswith("worse since 2026-11-06 (06c0ffe): median 0.1")
    assert re.search(r"→ 0\.1\d+ \(p 0\.000\d+\)$", change.words)
    assert [point.summary.count for point in series.points] == [8] * 9


def test_higher_is_better_turns_the_word() -> None:
    share = Quantity("share", "Share", direction="higher")
    series = only(history(sides(drawn(1, [0.5] * 4 + [0.8] * 4), share), rng()))
    assert series.words.startswith("better since 2026-11-05")
    assert series.changes[0].effect.estimate == pytest.approx(0.3, abs=0.02)
    assert series.changes[0].matters


def test_a_target_is_spoken_of_as_a_distance() -> None:
    slope = Quantity("slope", "Slope", direction="target", target=1.0)
    series = only(history(sides(drawn(11, [0.9] * 4 + [1.4] * 4), slope), rng()))
    assert "median distance to 1 0." in series.words
    assert series.changes[0].before == pytest.approx(0.1, abs=0.02)
    assert series.changes[0].worse


def test_two_changes_are_told_latest_first() -> None:
    series = only(history(sides(drawn(1, [0.1] * 4 + [0.3] * 4 + [0.1] * 4)), rng()))
    assert [change.index for change in series.changes] == [4, 8]
    assert series.words.index("better since 2026-11-09") < series.words.index(
        "before that worse since 2026-11-05"
    )


def test_a_change_below_the_margin_is_said_to_be_too_small() -> None:
    (change,) = only(history(sides(drawn(11, [0.1] * 6 + [0.113] * 6)), rng())).changes
    assert not change.matters
    assert change.words.endswith(", too small to matter (0.0200 would matter)")
    distance = replace(DISTANCE, scale="log", smallest_difference=0.2)
    found = [only(history(sides(drawn(11, [1.0] * 6 + [to] * 6), distance), rng())) for to in (1.15, 1.25)]
    assert [[change.matters for change in series.changes] for series in found] == [[False], [True]]


def test_diverged_seeds_are_worst() -> None:
    calm = drawn(2, [0.1] * 8)
    broken = [*calm[:4], *(np.where(np.arange(8) < 6, NAN, g) for g in calm[4:])]
    (change,) = only(history(sides(broken), rng())).changes
    assert change.worse
    assert math.isnan(change.after)
    assert change.effect.estimate == math.inf
    assert "→ diverged" in change.words


def test_nothing_changed() -> None:
    series = only(history(sides(drawn(3, [0.1] * 6)), rng()))
    assert series.changes == ()
    assert series.words.startswith("no change seen in 6 results (p 0.")


def test_one_result_and_too_few_seeds() -> None:
    assert only(history(sides(drawn(11, [0.1])), rng())).words == "one comparable result"
    series = only(history(sides(drawn(11, [0.1, 0.9], count=2)), rng()))
    assert series.smallest == pytest.approx(2 / 6)
    assert series.words.startswith("insufficient evidence")
    assert history([], rng()).series == ()


def test_what_is_not_comparable_with_the_latest_is_left_out_and_named() -> None:
    groups = drawn(12, [0.5, 0.5, 0.5, 0.1, 0.1, 0.1])
    given = sides(groups)
    half = made_cell(RING, groups[0])
    half = replace(half, conditions={**half.conditions, "precision": "bfloat16"})
    other = made_cell(RING, groups[1], samples=10)
    lost = replace(other, values={}, declared={}, outcomes=dict.fromkeys(range(8), "timed out"))
    given[:3] = [made_side(d, {RING: c}) for d, c in enumerate((half, other, lost), start=1)]
    series = only(history(given, rng()))
    assert [point.name for point in series.points] == ["night 4", "night 5", "night 6"]
    assert series.changes == ()
    assert series.left_out == (
        "2026-11-01 (01c0ffe): precision: bfloat16 here, float32 in the latest",
        "2026-11-02 (02c0ffe): distance: measured by another protocol (samples: 10 here, 1000 in the latest)",
        "2026-11-03 (03c0ffe): distance was not measured (timed out)",
    )


def test_a_cell_that_is_gone_is_said_to_be() -> None:
    given = sides(drawn(5, [0.1, 0.1, 0.1]))
    given[2] = made_side(3, {("new", "ring"): made_cell(("new", "ring"), [0.1, 0.2])})
    found = history(given, rng())
    assert [(s.variant, s.words) for s in found.series] == [
        ("new", "one comparable result"),
        ("wgan", found.series[1].words),
    ]
    assert found.series[1].words.endswith("; not in results after 2026-11-02 (02c0ffe)")


def test_results_that_cannot_stand_beside_the_only_one_are_counted() -> None:
    given = sides(drawn(12, [0.5, 0.1]))
    given[0] = made_side(1, {RING: made_cell(RING, [0.5] * 8, samples=10)})
    assert only(history(given, rng())).words == "one comparable result (1 left out, the report says why)"


# What is new evidence


def repeating(seed: int, stretches: Sequence[int], levels: Sequence[float]) -> list[Side]:
    """Results that are the same to the last digit within each stretch."""
    values = drawn(seed, levels)
    return sides([values[i] for i, count in enumerate(stretches) for _ in range(count)])


def test_repeated_results_are_no_new_evidence() -> None:
    """A harmless change draws all seeds anew, once: as often as one in twenty that looks like a change."""
    alarms = sum(bool(only(history(repeating(s, (8, 8), (0.1, 0.1)), rng(s))).changes) for s in range(200))
    assert 2 <= alarms <= 20
    series = only(history(repeating(0, (5, 5), (0.1, 0.2)), rng()))
    assert [len(point.fresh) for point in series.points] == [8, 0, 0, 0, 0] * 2
    assert [change.index for change in series.changes] == [5]
    assert series.smallest == pytest.approx(2 / math.comb(16, 8))


def test_results_all_the_same_are_said_to_be() -> None:
    series = only(history(repeating(0, (4,), (0.1,)), rng()))
    assert series.words == "4 results, all the same to the last digit"


def test_a_change_that_was_taken_back_counts() -> None:
    series = only(history(repeating(1, (3, 3, 3), (0.1, 0.9, 0.1)), rng()))
    assert [len(point.fresh) for point in series.points] == [8, 0, 0] * 3


def test_more_seeds_of_the_same_are_new_evidence_and_equal_counts_no_repetition() -> None:
    values = drawn(6, [0.1])[0]
    grown = only(history(sides([values[:4], values, values[:2], values]), rng()))
    assert [len(point.fresh) for point in grown.points] == [4, 4, 0, 0]
    given = sides([[8.0] * 6] * 3)
    other = Quantity("other", "Other", direction="lower")
    for day, side in enumerate(given):
        cell = side.cells[RING]
        extra = Values({seed: seed + 0.1 * day for seed in range(6)}, "{}")
        cells = {
            RING: replace(
                cell, values={**cell.values, "other": extra}, declared={**cell.declared, "other": other}
            )
        }
        given[day] = replace(side, cells=cells)
    counted = only(history(given, rng()))
    assert [len(point.fresh) for point in counted.points] == [6, 6, 6]


def test_a_seed_that_diverged_again_among_new_ones_is_counted() -> None:
    one, other = drawn(7, [0.1, 0.1])
    one[0] = other[0] = NAN
    points = only(history(sides([one, one, other]), rng())).points
    assert [len(point.fresh) for point in points] == [8, 0, 8]


# All cells together


def many(seed: int, cells: int, days: int, change: Mapping[int, float]) -> list[Side]:
    """Results with many cells; those named change by so much halfway."""
    draws = rng(900 + seed)
    keys = [(f"v{i}", "ring") for i in range(cells)]
    found = []
    for day in range(1, days + 1):
        shift = {i: by if day > days // 2 else 0.0 for i, by in change.items()}
        values = {key: shift.get(i, 0.0) + draws.normal(size=5) for i, key in enumerate(keys)}
        found.append(made_side(day, {key: made_cell(key, v) for key, v in values.items()}))
    return found


def test_false_alarms_over_all_cells_are_rare() -> None:
    alarms = [any(s.changes for s in history(many(seed, 6, 6, {}), rng(seed)).series) for seed in range(120)]
    assert 0.005 < sum(alarms) / len(alarms) < 0.11


def test_the_changed_cells_are_found_among_many() -> None:
    found = history(many(1, 12, 8, {3: 3.0, 7: -3.0}), rng())
    changed = {s.variant: s.changes for s in found.series if s.changes}
    assert {v: [(c.index, c.worse) for c in cs] for v, cs in changed.items()} == {
        "v3": [(4, True)],
        "v7": [(4, False)],
    }
    for series in found.series:
        assert series.adjusted >= series.p
        assert all(change.adjusted <= LEVEL for change in series.changes)


def test_neither_order_nor_other_cells_matter_and_the_generator_does() -> None:
    given = many(2, 3, 6, {0: 2.0})
    turned = [replace(side, cells=dict(reversed(side.cells.items()))) for side in reversed(given)]
    shuffled = [
        replace(side, cells={k: _reversed_seeds(c) for k, c in side.cells.items()}) for side in turned
    ]
    p = [{s.variant: s.p for s in history(each, rng(1)).series} for each in (given, turned, shuffled)]
    assert p[0] == p[1] == p[2]
    fewer = [replace(side, cells={("v1", "ring"): side.cells["v1", "ring"]}) for side in given]
    assert only(history(fewer, rng(1))).p == p[0]["v1"]
    assert {s.variant: s.p for s in history(given, rng(2)).series} != p[0]


def _reversed_seeds(cell: Cell) -> Cell:
    (name,) = cell.values
    turned = dict(reversed(cell.values[name].by_seed.items()))
    return replace(cell, values={name: Values(turned, cell.values[name].protocol)})


# Loading


def test_order_is_by_time_then_name() -> None:
    one, two, three = (replace(made_side(1, {}), name=name) for name in ("c", "a", "b"))
    early = replace(three, created="2026-11-01T05:30:00+05:00")  # half past midnight in London
    plain = replace(three, name="d", created="2026-11-01T02:00:00")
    assert [s.name for s in in_order([one, two, plain, early])] == ["b", "d", "a", "c"]
    with pytest.raises(GanbenchError, match="does not say when"):
        in_order([replace(one, created="")])


def dated(folder: Path, day: int) -> Path:
    """A run folder of one day."""
    build(folder, Fake(variants=("a",), datasets=("ring8",), failed=(), diverged={}, points=2, arrays=False))
    file = folder / "run.json"
    about = json.loads(file.read_text()) | {
        "created": f"2026-11-{day:02d}T00:00:00+00:00",
        "name": f"night {day}",
    }
    file.write_text(json.dumps(about))
    return folder


def test_folders_runs_and_baselines_are_loaded(tmp_path: Path) -> None:
    late, early = dated(tmp_path / "all" / "late", 9), dated(tmp_path / "all" / "early", 3)
    save_baseline(dated(tmp_path / "other", 5), tmp_path / "all" / "middle.json")
    (tmp_path / "all" / "settings.json").write_text('{"what": "something else"}')
    (tmp_path / "all" / "empty").mkdir()
    names = [side.name for side in load_history([tmp_path / "all"])]
    assert names == ["night 3", "night 5", "night 9"]
    assert [s.name for s in load_history([late, early, tmp_path / "all" / ".." / "all" / "late"])] == [
        "night 3",
        "night 9",
    ]
    found = history(load_history([tmp_path / "all"]), rng())
    assert [(s.variant, s.dataset, len(s.points)) for s in found.series] == [("a", "ring8", 3)]
    assert [result[:10] for result in found.results] == ["2026-11-03", "2026-11-05", "2026-11-09"]
    assert found.same == ()


def test_what_is_no_history_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GanbenchError, match="no run folder and no baseline"):
        load_history([tmp_path])
    with pytest.raises(GanbenchError, match="does not exist"):
        load_history([tmp_path / "nothing"])
    with pytest.raises(GanbenchError, match="at least one"):
        load_history([])
    (tmp_path / "cut.json").write_text('{"what": "ganbench ba')
    with pytest.raises(GanbenchError, match=r"cut\.json"):
        load_history([tmp_path])


# What results are called


def called(
    *environments: Mapping[str, Any], names: Sequence[str] = (), times: Sequence[str] = ()
) -> list[str]:
    """The labels of results of one day, or of the given times."""
    given = [
        replace(
            made_side(1, {}),
            name=names[i] if names else "ci",
            source=f"runs/{i}",
            created=times[i] if times else "2026-11-01T03:00:00+00:00",
            environment=environment,
        )
        for i, environment in enumerate(environments)
    ]
    return [str(label) for label in labels(given)]


def code(own: str = "", folder: str = "", version: str = "0.1.0", dirty: str = "") -> dict[str, Any]:
    """What a run records of ganbench's checkout and the folder it was called in; `dirty` names commits."""
    checkouts = {"git": own, "git_of_working_folder": folder}
    return {"ganbench": version} | {
        place: {"commit": letter * 40, "dirty": letter in dirty} if letter else None
        for place, letter in checkouts.items()
    }


@pytest.mark.parametrize(
    ("environments", "told"),
    [
        ([code(folder="a"), code(folder="b", dirty="b")], ["aaaaaaa", "bbbbbbb+"]),
        ([code("a", "a"), code("b", "b")], ["aaaaaaa", "bbbbbbb"]),
        ([code("a"), code("b")], ["aaaaaaa", "bbbbbbb"]),
        ([code("e", "a"), code("e", "b")], ["aaaaaaa", "bbbbbbb"]),
        ([code("d", "a"), code("e", "a")], ["aaaaaaa, ganbench ddddddd", "aaaaaaa, ganbench eeeeeee"]),
        ([code("d", "a"), code("e", "b")], ["aaaaaaa, ganbench ddddddd", "bbbbbbb, ganbench eeeeeee"]),
        ([code("e", "a"), code("e")], ["aaaaaaa", "ganbench eeeeeee"]),
        (
            [code(folder="a"), code(folder="a", version="2")],
            ["aaaaaaa, ganbench 0.1.0", "aaaaaaa, ganbench 2"],
        ),
        ([code(), code(version="2")], ["ci, ganbench 0.1.0", "ci, ganbench 2"]),
    ],
)
def test_a_result_is_called_by_the_code_that_changes(
    environments: Sequence[Mapping[str, Any]], told: Sequence[str]
) -> None:
    """The user's own where ganbench is installed or another checkout; ganbench's too where it changes."""
    assert called(*environments) == [f"2026-11-01 ({each})" for each in told]


def test_a_change_on_top_counts_in_either_view_of_one_checkout() -> None:
    seen = code("a", "a")
    seen["git_of_working_folder"] = {**seen["git_of_working_folder"], "dirty": True}
    assert called(seen, code("b", "b")) == ["2026-11-01 (aaaaaaa+)", "2026-11-01 (bbbbbbb)"]


def test_what_the_code_does_not_tell_apart_gets_name_time_and_file() -> None:
    one = code("a", "a")
    assert called(one, one, names=("before", "after")) == [
        "2026-11-01 (aaaaaaa, before)",
        "2026-11-01 (aaaaaaa, after)",
    ]
    moments = [f"2026-11-01T{time}+00:00" for time in ("03:00:01", "03:00:09", "04:10:00")]
    assert called(one, one, one, times=moments) == [
        "2026-11-01 03:00:01 (aaaaaaa)",
        "2026-11-01 03:00:09 (aaaaaaa)",
        "2026-11-01 04:10 (aaaaaaa)",
    ]
    assert called(one, one) == ["2026-11-01 (aaaaaaa, 0)", "2026-11-01 (aaaaaaa, 1)"]


def test_no_two_results_are_called_alike() -> None:
    """Whatever is known of them, as long as they lie in different places."""
    draws = rng(3)
    for _ in range(200):
        count = int(draws.integers(2, 9))
        pick = lambda choices: [str(c) for c in draws.choice(choices, count)]  # noqa: B023, E731
        checkouts = zip(pick(["", "a", "b"]), pick(["", "a", "c"]), pick(["1", "2"]), strict=True)
        names, times = pick(["x", "y"]), pick(["2026-11-01", "2026-11-01T03:00:01", "2026-11-01T03:00:02"])
        found = called(*(code(*each) for each in checkouts), names=names, times=times)
        assert len(set(found)) == count


# One result given twice, and one alone


def test_a_run_and_its_baseline_are_one_result_however_often_it_is_saved(tmp_path: Path) -> None:
    early, late = dated(tmp_path / "early", 3), dated(tmp_path / "late", 9)
    again = shutil.copytree(late, tmp_path / "copied")
    for name in ("one.json", "two.json"):
        save_baseline(late, tmp_path / name)
    for order in ([late, tmp_path / "one.json"], [tmp_path / "one.json", late]):
        found = history(load_history([early, *order, tmp_path / "two.json", again]), rng())
        assert len(found.results) == 2
        assert [[p.source for p in s.points] for s in found.series] == [[str(early), str(again)]]
        (said,) = found.same
        assert said.startswith("the same result, counted once: ")
        assert all(str(tmp_path / n) in said for n in ("late", "copied", "one.json", "two.json"))
        assert str(early) not in said
        lines = list(history_text(found))
        assert "".join(lines).replace(" ", "").startswith(said.replace(" ", ""))
        assert max(map(len, lines)) <= 100


def test_results_of_the_same_second_that_differ_are_two() -> None:
    values = drawn(6, [0.1])[0]
    one, more, other = (
        made_side(1, {RING: made_cell(RING, v)}) for v in (values, [*values, 0.2], values + 1)
    )
    for second in (more, other, replace(one, created="2026-11-01T03:00:01+00:00")):
        found = history([one, replace(second, source="runs/second")], rng())
        assert (len(found.results), len(set(found.results)), found.same) == (2, 2, ())
    cell = one.cells[RING]
    fewer = replace(cell, outcomes={**cell.outcomes, 99: "missing"})
    assert len(history([one, replace(one, cells={RING: fewer})], rng()).results) == 2
    lost = replace(cell, values={}, declared={})
    assert len(history([one, replace(one, cells={RING: lost})], rng()).results) == 2
    diverged = made_side(1, {RING: made_cell(RING, [NAN, *values])})
    assert len(history([diverged, replace(diverged, name="kept")], rng()).results) == 1


def test_one_result_is_told_what_a_history_lacks(tmp_path: Path) -> None:
    found = history(sides(drawn(11, [0.1])), rng())
    lines = list(history_text(found))
    assert lines[0] == "one result, 2026-11-01 (01c0ffe), has no history: there is nothing to set it beside"
    assert "another run folder" in lines[1]
    assert "ganbench baseline save RUN FILE" in lines[1]
    assert len(lines) == 2
    page = write_history(found, tmp_path).read_text()
    assert "No history yet" in page
    assert lines[0][1:] in page
    assert "another run folder" in page
    assert "No change" not in page
    both = list(history_text(history(sides(drawn(11, [0.1, 0.1])), rng())))
    assert both[0].startswith("wgan on ring: no change seen in 2 results")


def test_long_lines_are_wrapped() -> None:
    name = "wgan-gp[" + ",".join(f"option{i}=1" for i in range(20)) + "]"
    series = sides(drawn(1, [0.1] * 4 + [0.3] * 4 + [0.1] * 4), key=(name, "ring"))
    lines = list(history_text(history(series, rng())))
    assert len(lines) > 2
    assert max(map(len, lines)) <= 100


def test_ticks_and_tables_have_the_labels(tmp_path: Path) -> None:
    given = [
        replace(s, created=f"2026-11-01T0{i}:00:00+00:00") for i, s in enumerate(sides(drawn(3, [0.1] * 3)))
    ]
    same = [replace(s, environment=given[0].environment, name="ci") for s in given]
    found = history(same, rng())
    write_history(found, tmp_path)
    table = (tmp_path / "tables" / "ring-history.csv").read_text()
    for time, said in zip(("00:00", "01:00", "02:00"), found.results, strict=True):
        assert said == f"2026-11-01 {time} (01c0ffe)"
        assert said in table
