"""Fresh seeds of a finished run: which are trained, under which key, and what stays when code changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
from small_runs import CPU, LSGAN, NSGAN, trained, write_suite

from ganbench import store
from ganbench.errors import GanbenchError
from ganbench.execution.cohort_run import Event
from ganbench.execution.confirmation_runs import FOLDER, fresh_work, train_fresh

CELL = ("lsgan", "ring8")


def quiet(event: Event) -> None:
    """Says nothing."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fresh")
    trained(write_suite(folder, [NSGAN, LSGAN]), folder / "run")
    return folder / "run"


def test_the_first_seeds_that_nobody_has_are_trained(run: Path) -> None:
    work = fresh_work(run, {CELL: {0, 1, 3}}, 3, CPU, workers=1)
    (task,) = work.tasks
    assert task.description.seeds == (2, 4, 5)
    assert (task.description.variant.label, task.description.dataset.label) == CELL
    folder = train_fresh(work, quiet)
    split = [fresh_work(run, {CELL: {0, 1, 3}}, 3, CPU, workers=n).identities for n in (1, 2, 3)]
    assert split == [work.identities] * 3, "shared out as it was begun, whatever is asked when it goes on"
    records = pd.read_parquet(folder / store.RECORDS_FILE)
    assert set(records["seed"]) == {2, 4, 5}
    assert set(records["variant"]) == {"lsgan"}
    assert folder == run / FOLDER
    assert {each.name.split("--")[1] for each in store.cohort_folders(run)} == {"nsgan", "lsgan"}
    again = fresh_work(run, {CELL: {0, 1, 3}}, 3, CPU, workers=1)
    assert again.tasks == (), "the same seeds under the same key are there"


def test_fresh_seeds_of_an_earlier_question_are_set_aside(run: Path, tmp_path: Path) -> None:
    copied = tmp_path / "run"
    shutil.copytree(run, copied)
    train_fresh(fresh_work(copied, {CELL: {0, 1}}, 2, CPU, workers=1), quiet)
    train_fresh(fresh_work(copied, {CELL: {0, 1, 2}}, 2, CPU, workers=1), quiet)
    records = pd.read_parquet(copied / FOLDER / store.RECORDS_FILE)
    assert set(records["seed"]) == {3, 4}
    assert list((copied / FOLDER / store.SUPERSEDED).iterdir())


def test_seeds_are_shared_among_processes(run: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns(FOLDER))
    work = fresh_work(copied, {CELL: {7}}, 5, CPU, workers=2)
    assert sorted(seed for task in work.tasks for seed in task.description.seeds) == [0, 1, 2, 3, 4]
    assert len(work.tasks) == 2


def test_other_code_is_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganbench.execution.key._version", lambda package: "0.1")
    with pytest.raises(GanbenchError, match=r"lsgan on ring8 was trained by other code.*run the suite again"):
        fresh_work(run, {CELL: {0}}, 2, CPU)


def test_nothing_asked_is_nothing_to_do(run: Path) -> None:
    assert fresh_work(run, {("gone", "ring8"): {0}}, 2, CPU).tasks == ()
