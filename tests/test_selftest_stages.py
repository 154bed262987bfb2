"""The selftest from end to end on made-up sides, and its report, which needs the numbers alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ganbench.comparison.model import Side
from ganbench.errors import GanbenchError
from ganbench.selftest import pool, stages
from ganbench.selftest.defect import ALL_VARIANTS, EVERYWHERE, Defect
from ganbench.selftest.defects import DEFECTS
from ganbench.selftest.inside import Job
from ganbench.selftest.options import Options
from ganbench.selftest.planting import Answer
from ganbench.selftest.pool import Trained, Workplace, train_defects
from ganbench.selftest.power import Sizes
from ganbench.selftest.reading import Results, read_results
from ganbench.selftest.report import write_selftest_report
from ganbench.selftest.report_head import alarm_rate, share_caught
from ganbench.selftest.synthetic import World, synthetic_side

NAMES = ("penalty-sign", "clip-too-tight", "data-scaled", "half-the-noise")
SHIFTS = {"penalty-sign": 5.0, "clip-too-tight": -4.0, "half-the-noise": 2.6}
"""Standard deviations by which the touched cells are worse; a defect without any does not even run."""
OPTIONS = Options(
    defects=NAMES,
    sizes=Sizes(resamples=8, suspecting=2),
    splits=40,
    repeats=20,
    workers=1,
)
GOLDEN = {"cohorts": {"a on b": {"1": {"loss": [1.0, 2.0]}}}}


def like_the_suite(seeds: range, shift: float = 0.0, seed: int = 0) -> Side:
    """Made-up numbers under the labels of the suite `ci`."""
    generator = np.random.default_rng(seed)
    world = World("", len(ALL_VARIANTS), len(EVERYWHERE))
    made = synthetic_side(replace(world, shifts=dict.fromkeys(world.keys(), shift)), seeds, generator, True)
    keys = [(variant, dataset) for variant in ALL_VARIANTS for dataset in EVERYWHERE]
    cells = (
        replace(cell, variant=v, dataset=d) for (v, d), cell in zip(keys, made.cells.values(), strict=True)
    )
    return replace(made, cells=dict(zip(keys, cells, strict=True)))


class _Planted(Trained):
    """A defect whose side is made up."""

    def side(self) -> Side | None:
        shift = SHIFTS.get(self.defect.name)
        if shift is None:
            return None
        whole = like_the_suite(range(1000, 1050), shift, seed=len(self.defect.name))
        return replace(whole, cells={key: whole.cells[key] for key in self.defect.cells})


def planted(defect: Defect) -> Trained:
    broken = None if defect.name in SHIFTS else "ImportError: no such thing"
    alone = [{"digests": ["x"], "norms": [[1.0]]}]
    probe = {"golden": GOLDEN, "contract": [], "repeated": alone}
    repeat = {"repeated": alone, "beside": [{"digests": ["y", "x"], "norms": [[3.0], [1.0]]}]}
    return _Planted(defect, Answer({}, broken), Answer(probe), Answer(repeat), Path())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A whole selftest in which nothing is trained."""
    out, told = tmp_path_factory.mktemp("selftest"), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "train_pool", lambda place, tell: like_the_suite(range(60)))
        patch.setattr(stages, "train_defects", lambda place, tell: map(planted, place.options.planted()))
        patch.setattr(stages, "golden_trace", lambda suite: GOLDEN)
        patch.setattr(stages, "read_golden", lambda: GOLDEN)
        assert stages.run_selftest(out, OPTIONS, told.append) == out / "report.html"
    return out, told


@pytest.fixture(scope="module")
def results(finished: tuple[Path, list[str]]) -> Results:
    return read_results(finished[0])


def with_numbers_of(finished: Path, folder: Path) -> Path:
    """A folder with a copy of a selftest's numbers, and nothing else."""
    shutil.copytree(finished / "data", folder / "data")
    return folder


def test_what_was_found_is_what_was_planted(results: Results) -> None:
    lines = {line.name: line for line in results.defects or ()}
    assert set(lines) == set(NAMES)
    assert lines["penalty-sign"].red == 1.0
    assert lines["penalty-sign"].size == pytest.approx(5, abs=2)
    assert set(lines["penalty-sign"].by) == {f"gan-r1 on {dataset}" for dataset in EVERYWHERE}
    assert lines["clip-too-tight"].elsewhere == ["unexplained better"]
    assert not lines["clip-too-tight"].large
    assert lines["data-scaled"].failed == ["ImportError: no such thing"]
    assert lines["data-scaled"].caught
    assert lines["data-scaled"].size == float("inf")
    assert share_caught(results) == 1.0
    assert 0 <= alarm_rate(results) <= 0.2
    assert results.false_alarms is not None
    assert results.false_alarms["rate"]["gates"] == 40
    assert len(results.synthetic["false_alarms"]) == 4


def test_the_user_is_told_the_plan_and_each_defect(finished: tuple[Path, list[str]]) -> None:
    told = "\n".join(finished[1])
    assert "core hours" in told
    assert "penalty-sign: +" in told
    assert "data-scaled: does not run" in told


def test_the_page_says_it_all_and_is_small(finished: tuple[Path, list[str]]) -> None:
    out = finished[0]
    page = (out / "report.html").read_text(encoding="utf-8")
    for words in (
        "large defects caught",
        "false alarms",
        *NAMES,
        "Survivors",
        "Seeds needed",
        "Golden trace",
    ):
        assert words in page
    for load in ('src="http', "src='http", "@import", "url(http"):
        assert load not in page
    assert "Rank correlation over the pool" in page
    committed = [
        f for part in ("", "tables", "figures", "data") for f in (out / part).iterdir() if f.is_file()
    ]
    assert sum(file.stat().st_size for file in committed) < 1_000_000
    assert {"selftest-defects.md", "selftest-defects.csv", "selftest-survivors.md"} <= {
        f.name for f in committed
    }
    assert "clip-too-tight" in (out / "tables" / "selftest-survivors.md").read_text()


def test_the_report_is_drawn_again_without_torch(finished: tuple[Path, list[str]], tmp_path: Path) -> None:
    out = with_numbers_of(finished[0], tmp_path / "copy")
    script = (
        "import sys; from pathlib import Path\n"
        "from ganbench.selftest.report import write_selftest_report\n"
        f"write_selftest_report(Path({str(out)!r})); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (out / "report.html").read_bytes() == (finished[0] / "report.html").read_bytes()


def test_an_explanation_that_is_written_later_is_shown(
    finished: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    explained = tuple(replace(defect, explanation=f"because of {defect.name}") for defect in DEFECTS)
    monkeypatch.setattr("ganbench.selftest.reading.DEFECTS", explained)
    lines = read_results(finished[0]).defects or ()
    assert [line.explanation for line in lines] == [f"because of {line.name}" for line in lines]


def test_a_missed_defect_makes_the_head_say_so(finished: tuple[Path, list[str]], tmp_path: Path) -> None:
    with_numbers_of(finished[0], tmp_path)
    rows = json.loads((tmp_path / "data" / "defects.json").read_text())
    for row in rows:
        row["large"], row["caught"] = True, False
    (tmp_path / "data" / "defects.json").write_text(json.dumps(rows))
    page = write_selftest_report(tmp_path).read_text(encoding="utf-8")
    assert "0 of 4 large defects caught" in page
    assert 'class="decision worse"' in page
    assert "of defects drawn at random 0% to 60%" in page


def test_cells_whose_margin_hides_a_large_break_are_named(
    finished: tuple[Path, list[str]], tmp_path: Path
) -> None:
    assert read_results(finished[0]).behind_margins == []
    with_numbers_of(finished[0], tmp_path)
    rows = json.loads((tmp_path / "data" / "seeds.json").read_text())
    for row in rows:
        if (row["variant"], row["dataset"]) == ("wgan", "ring8"):
            row["needed"] = [None] * len(row["needed"])
    (tmp_path / "data" / "seeds.json").write_text(json.dumps(rows))
    assert read_results(tmp_path).behind_margins == ["wgan on ring8"]
    page = write_selftest_report(tmp_path).read_text(encoding="utf-8")
    assert "Cells that see no break of 2 standard deviations" in page
    assert "In wgan on ring8 the declared margin is more than 2 standard deviations" in page


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GanbenchError, match="no results of a selftest"):
        read_results(tmp_path)


def test_a_quick_selftest_trains_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "golden_trace", lambda suite: GOLDEN)
    monkeypatch.setattr(stages, "read_golden", lambda: GOLDEN)
    monkeypatch.setattr(pool, "ask", None)
    page = stages.run_selftest(tmp_path, Options(quick=True, repeats=50, workers=1))
    found = read_results(tmp_path)
    assert found.defects is found.false_alarms is found.seeds is None
    assert "nothing was trained" in page.read_text(encoding="utf-8")


def test_defects_are_asked_for_in_copies_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which jobs are given, with which seeds; copies are gone afterwards, and kept answers come first."""
    asked: list[Job] = []
    marks: dict[str, set[str]] = {}

    def answering(job: Job, mark: str) -> Answer:
        marks.setdefault(job.task, set()).add(mark)
        source = (Path(job.package) / "variants" / "wgan.py").read_text()
        assert "clip / 10" in source
        asked.append(job)
        return Answer({"failed": []})

    monkeypatch.setattr(pool, "ask", answering)
    package = tmp_path / "own" / "ganbench"
    (package / "variants").mkdir(parents=True)
    (package / "variants" / "wgan.py").write_text("two_player([clip_weights(clip)])")
    options = Options(defects=("clip-too-tight",), defect_seeds=3, workers=2, steps=7)
    place = Workplace(tmp_path / "work", package, Path("ci.yaml"), "sources", "looks", options)
    (done,) = train_defects(place, lambda text: None)
    assert [job.task for job in asked] == ["train", "probe", "repeat"]
    assert asked[0].seeds == (1000, 1001, 1002)
    assert (asked[0].variants, asked[0].datasets, asked[0].steps) == (("wgan",), EVERYWHERE, 7)
    assert asked[1].steps is None
    assert not list((tmp_path / "work").rglob("wgan.py"))
    assert done.failed == []
    assert len(list(train_defects(replace(place, looks="other looks"), lambda text: None))) == 1
    assert {task: len(each) for task, each in marks.items()} == {"train": 1, "probe": 2, "repeat": 2}
    answers: Any = {"values": {"failed": []}}
    monkeypatch.setattr(pool, "kept_answer", lambda job, mark: Answer(answers["values"]))
    monkeypatch.setattr(pool, "ask", None)
    assert len(list(train_defects(place, lambda text: None))) == 1
