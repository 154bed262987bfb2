"""Copies with a defect: nothing of the user's is touched, the copy is what runs, and answers are kept."""

from __future__ import annotations

import filecmp
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ganbench import store
from ganbench.comparison.sides import load_side
from ganbench.selftest import planting
from ganbench.selftest.defects import chosen
from ganbench.selftest.inside import Job
from ganbench.selftest.options import SECONDS_OF_TEN, seconds_of_ten
from ganbench.selftest.planting import OWN_PACKAGE, ask, digest_of_looks, kept_answer, plant, stamp
from ganbench.suite.bundled import find_suite

(ROUNDED,) = chosen(["samples-rounded"])
SEEDS = (1000, 1001)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    }


def job(folder: Path, package: Path) -> Job:
    return Job(
        task="train",
        package=str(package),
        suite=str(find_suite("ci").resolve()),
        answer=str(folder / "train.json"),
        variants=("wgan",),
        datasets=("ring8",),
        seeds=SEEDS,
        steps=10,
        run=str(folder / "run"),
    )


def test_a_copy_differs_in_one_file_and_the_own_tree_not_at_all(tmp_path: Path) -> None:
    before = files(OWN_PACKAGE)
    copy = plant(tmp_path, ROUNDED)
    planted = files(copy)
    assert planted.keys() == before.keys()
    assert [name for name in before if before[name] != planted[name]] == [ROUNDED.file]
    assert files(OWN_PACKAGE) == before
    (copy / "left.py").touch()
    assert plant(tmp_path) == copy
    assert not filecmp.dircmp(OWN_PACKAGE, copy, ignore=["__pycache__"]).right_only


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Job, planting.Answer]:
    """One short training inside a copy whose samples are rounded before modes are counted."""
    folder = tmp_path_factory.mktemp("planted")
    asked = job(folder, plant(folder / "package", ROUNDED))
    return folder, asked, ask(asked, "the stamp")


def test_what_runs_is_the_copy(trained: tuple[Path, Job, planting.Answer]) -> None:
    """Ten steps leave a blob around zero, of which rounding leaves not one sample near a mode of the ring."""
    folder, _, answer = trained
    assert answer.problem is None
    assert answer.values["failed"] == []
    cell = load_side(folder / "run").cells["wgan", "ring8"]
    assert cell.values["mode_total_variation"].by_seed == dict.fromkeys(SEEDS, 1.0)
    assert tuple(cell.outcomes) == SEEDS
    left = {file.name for file in (folder / "run").rglob("*")}
    assert not left & {store.NETWORKS_FILE, store.ARRAYS_FILE}
    assert 0 < seconds_of_ten(folder / "run") != SECONDS_OF_TEN


def test_an_answer_is_kept_under_its_stamp_alone(trained: tuple[Path, Job, planting.Answer]) -> None:
    _, asked, answer = trained
    assert kept_answer(asked, "the stamp") == answer
    assert kept_answer(asked, "another stamp") is None


@pytest.mark.parametrize("file", ["contract/variants.py", "selftest/tracing.py", "selftest/golden.py"])
def test_a_golden_trace_or_contract_that_asks_more_is_another_look(tmp_path: Path, file: str) -> None:
    """Else answers that were kept are held against questions that were not asked."""
    package = plant(tmp_path)
    looks = digest_of_looks(package)
    (package / "cli" / "main.py").write_text("", encoding="utf-8")
    assert digest_of_looks(package) == looks
    (package / file).write_text("", encoding="utf-8")
    assert digest_of_looks(package) != looks


def test_a_stamp_holds_all_that_decides_and_no_place() -> None:
    asked = job(Path("a"), Path("b"))
    mark = stamp(ROUNDED, asked, "sources")
    elsewhere = replace(asked, package="c", answer="d", run="e", suite="f", workers=2)
    assert stamp(ROUNDED, elsewhere, "sources") == mark
    others = [
        stamp(None, asked, "sources"),
        stamp(replace(ROUNDED, after="x"), asked, "sources"),
        stamp(ROUNDED, replace(asked, seeds=(1,)), "sources"),
        stamp(ROUNDED, replace(asked, steps=None), "sources"),
        stamp(ROUNDED, asked, "other sources"),
    ]
    assert mark not in others
    assert len(set(others)) == len(others)


def test_a_failure_is_told_and_not_kept(tmp_path: Path) -> None:
    copy = plant(tmp_path / "package")
    (copy / "store.py").write_text("raise RuntimeError('broken on purpose')")
    asked = job(tmp_path, copy)
    answer = ask(asked, "stamp")
    assert "broken on purpose" in (answer.problem or "")
    assert kept_answer(asked, "stamp") is None


def test_another_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the copy not first on the path, the sound package would be measured in its place."""
    asked = job(tmp_path, plant(tmp_path / "package", ROUNDED))
    run = subprocess.run

    def elsewhere(*words: Any, **options: Any) -> Any:
        return run(*words, **{**options, "env": {**options["env"], "PYTHONPATH": str(OWN_PACKAGE.parent)}})

    monkeypatch.setattr(planting.subprocess, "run", elsewhere)
    assert "imported" in (ask(asked, "stamp").problem or "")
