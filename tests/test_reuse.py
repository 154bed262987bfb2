"""What a run finds, brings back, sets aside and says; and that an interrupted one ends with the same bits."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from small_runs import (
    CPU,
    LSGAN,
    NSGAN,
    SMALL,
    fails_with,
    ganbench,
    planned,
    read,
    trained,
    without_report,
    write_plugin,
    write_suite,
)  # fmt: skip

from ganbench import store
from ganbench.analysis.run import load_run
from ganbench.errors import GanbenchError, label_typed
from ganbench.execution.cohort_run import Event
from ganbench.execution.runner import alone_in, execute, make_plan
from ganbench.suite import load_suite


def _cells(run: Path) -> list[tuple[str, list[int]]]:
    described = map(store.read_description, store.cohort_folders(run))
    return [(each["variant"]["label"], each["seeds"]) for each in described]


def test_a_variant_that_comes_back_is_not_trained_again(
    finished: tuple[Path, Path], copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_report(monkeypatch)
    before = {file: file.read_bytes() for file in copied.glob(f"{store.COHORTS}/*/*")}
    alone = write_suite(tmp_path, [NSGAN])
    said = ganbench("run", alone, "--out", copied).stderr.splitlines()
    assert said[:2] == [
        f"nothing to train: all 2 trials are finished under this key in {copied}",
        "set aside: ring8 · lsgan, 2 trials; the suite does not name it",
    ]
    assert _cells(copied) == [("nsgan", [0, 1])]
    assert set(load_run(copied).records["variant"]) == {"nsgan"}
    said = ganbench("run", finished[0], "--out", copied).stderr.splitlines()
    assert said[:2] == [
        f"nothing to train: all 4 trials are finished under this key in {copied}",
        "brought back: ring8 · lsgan, 2 trials",
    ]
    assert {file: file.read_bytes() for file in copied.glob(f"{store.COHORTS}/*/*")} == before
    assert set(load_run(copied).records["variant"]) == {"nsgan", "lsgan"}


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("batch_size: 16", "batch_size: 17", "changed: another variant.options.batch_size"),
        ("steps: 20", "steps: 21", "changed: another budget.amount"),
        ("[ring8]", "[{ring8: {sigma: 0.03}}]", "changed: another dataset.options.sigma"),
        ("seeds: 2", "seeds: [1]", "it has seeds that are not wanted, as 0"),
        ("measure: 2", "measure: 3", "changed: another measure"),
    ],
)
def test_why_a_cohort_is_set_aside_is_said(
    finished: tuple[Path, Path], tmp_path: Path, old: str, new: str, reason: str
) -> None:
    text = finished[0].read_text(encoding="utf-8")
    assert old in text
    suite = tmp_path / "edited.yaml"
    suite.write_text(text.replace(old, new), encoding="utf-8")
    plan = planned(suite, finished[1])
    assert [stored.reason for stored in plan.reuse.set_aside] == [reason, reason]
    assert plan.trials_done == 0


def test_an_edited_plug_in_is_named_as_the_reason(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, "reason")
    suite = write_suite(tmp_path, [f"reason-loops: {{{SMALL}}}", NSGAN], more=f"include: [{plugin}]")
    trained(suite, tmp_path / "run")
    plugin.write_text(
        plugin.read_text(encoding="utf-8").replace("return x * 2", "return x + x"), encoding="utf-8"
    )
    (stored,) = planned(suite, tmp_path / "run").reuse.set_aside
    assert stored.cell == ("ring8", "reason-loops")
    assert stored.reason == "changed: the code of reason.py"


@pytest.mark.parametrize("name", [store.RECORDS_FILE, store.QUANTITIES_FILE])
def test_a_cohort_without_a_file_is_not_done(finished: tuple[Path, Path], copied: Path, name: str) -> None:
    folder = next(store.cohort_folders(copied))
    (folder / name).unlink()
    plan = planned(finished[0], copied)
    assert len(plan.tasks) == 1
    assert [stored.reason for stored in plan.reuse.set_aside] == [f"it lacks {name}"]


def test_damaged_records_are_trained_again(finished: tuple[Path, Path], copied: Path) -> None:
    file = next(store.cohort_folders(copied)) / store.RECORDS_FILE
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(bytes(content))
    assert [stored.reason for stored in planned(finished[0], copied).reuse.set_aside] == [
        f"its {store.RECORDS_FILE} is damaged"
    ]


def test_seeds_that_are_there_twice_count_once(
    finished: tuple[Path, Path], copied: Path, tmp_path: Path
) -> None:
    """Two runs at once, or with other splits, leave parts that overlap: four seeds of a suite of two."""
    one = write_suite(tmp_path, [NSGAN], seeds=1)
    trained(one, tmp_path / "other")
    (folder,) = store.cohort_folders(tmp_path / "other")
    shutil.copytree(folder, copied / store.COHORTS / folder.name)
    assert len(_cells(copied)) == 3
    plan = planned(finished[0], copied)
    assert (plan.trials, plan.trials_done, plan.tasks) == (4, 4, ())
    trained(finished[0], copied)
    assert len(load_run(copied).records.drop_duplicates(["variant", "seed"])) == 4
    assert not load_run(copied).records.duplicated(["variant", "seed", "point", "quantity"]).any()


def test_a_new_folder_names_the_one_that_could_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_report(monkeypatch)
    monkeypatch.chdir(tmp_path)
    first = ganbench("run", write_suite(tmp_path, [NSGAN]))
    assert first.exit_code == 0
    assert "--out" not in first.stderr
    (folder,) = (tmp_path / "results").iterdir()
    edited = write_suite(tmp_path, [NSGAN, LSGAN])
    told = f"{folder} holds 2 of them: --out {folder} goes on there"
    assert told in ganbench("plan", edited).stdout
    assert told not in ganbench("plan", edited, "--out", folder).stdout
    assert "2 of them finished" in ganbench("plan", edited, "--out", folder).stdout


def _bits(run: Path) -> dict[tuple[str, int], list[bytes]]:
    """The networks of every trial, whichever part it was trained in."""
    bits = {}
    for folder in store.cohort_folders(run):
        described, tensors = store.read_description(folder), load_file(folder / store.NETWORKS_FILE)
        for place, seed in enumerate(described["seeds"]):
            cell = described["variant"]["label"], seed
            bits[cell] = [np.ascontiguousarray(tensors[name][place]).tobytes() for name in sorted(tensors)]
    return bits


@pytest.mark.parametrize("workers", [1, 3])
def test_a_run_that_was_interrupted_ends_with_the_same_bits(tmp_path: Path, workers: int) -> None:
    """Split by what was wanted, not by what is left, whatever `--workers` says the second time."""
    suite = write_suite(tmp_path, [NSGAN, LSGAN], seeds=5, more="engine: {threads: 1}")
    loaded = load_suite(suite)
    whole = make_plan(loaded, tmp_path / "whole", CPU, 3)
    assert sorted(len(task.description.seeds) for task in whole.tasks) == [2, 2, 3, 3]
    execute(loaded, whole, lambda event: None)
    ended = 0

    def interrupt(event: Event) -> None:
        nonlocal ended
        ended += event.kind == "finished"
        if ended:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(loaded, make_plan(loaded, tmp_path / "run", CPU, 3), interrupt)
    resumed = make_plan(loaded, tmp_path / "run", CPU, workers)
    assert 0 < resumed.trials_done < 10
    assert {task.identity for task in resumed.tasks} < {task.identity for task in whole.tasks}
    assert execute(loaded, resumed, lambda event: None).missing == ()
    assert _bits(tmp_path / "run") == _bits(tmp_path / "whole")


def test_two_runs_do_not_work_in_one_folder(finished: tuple[Path, Path], copied: Path) -> None:
    hold = "import sys, pathlib\nfrom ganbench.execution.runner import alone_in\n"
    hold += "with alone_in(pathlib.Path(sys.argv[1])): print('in', flush=True); sys.stdin.read()"
    words = [sys.executable, "-c", hold, str(copied)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "in\n"
        with pytest.raises(GanbenchError, match="another run is at work here"):
            trained(finished[0], copied)
        other.kill()
    trained(finished[0], copied)


def test_what_a_killed_run_left_half_written_goes(copied: Path) -> None:
    before = set(copied.rglob("*"))
    for place in (copied, copied / store.COHORTS, copied / store.DATASETS):
        (place / ".run.json.ab12_9xy").write_text("half", encoding="utf-8")
        (place / ".ring8--nsgan.ab12_9xz").mkdir()
    (copied / ".keep.me").write_text("", encoding="utf-8")
    with alone_in(copied):
        pass
    assert set(copied.rglob("*")) == before | {copied / ".keep.me"}


def test_derived_records_are_told_by_content_not_by_time(finished: tuple[Path, Path], copied: Path) -> None:
    """After `git clone` all files are as old as each other."""
    about = read(copied / store.RUN_FILE)
    assert set(about["records_of"]) == {folder.name for folder in store.cohort_folders(copied)}
    for file in copied.rglob("*"):
        os.utime(file, (1, 1))
    whole = load_run(copied).records
    (copied / store.RECORDS_FILE).unlink()
    assert load_run(copied).records.equals(whole), "a cohort's own records say the same"
    other = shutil.copytree(finished[1], copied.parent / "other")
    shutil.rmtree(next(store.cohort_folders(other)))
    assert len(load_run(other).records) == len(whole) // 2, "what was derived of two cohorts is stale"


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("my-gan[margin=0.1]", "my-gan[margin=0.1]"),
        (" 'My-GAN[ margin = 0.1 ]' ", "my-gan[margin=0.1]"),
        ("wgan", None),
        ("WGAN", None),
        ("Wgan ", None),
        ("nsgan", "nsgan"),
        ("my-gan", None),
    ],
)
def test_a_label_is_typed_as_it_is_ranked(typed: str, label: str | None) -> None:
    assert label_typed(typed, ["my-gan[margin=0.1]", "nsgan", "w gan", "wGan"]) == label


def test_samples_of_a_swept_variant_by_its_name_in_the_ranking(
    tmp_path: Path,
) -> None:
    swept = "nsgan: {batch_size: [8, 16], network: {mlp: {width: 8}}}"
    trained(write_suite(tmp_path, [swept], seeds=1), tmp_path / "run")
    words = ("sample", tmp_path / "run", "--out", tmp_path / "s.npy", "--count", 2, "--variant")
    (first, _) = (label for label, _ in _cells(tmp_path / "run"))
    assert "[" in first
    assert ganbench(*words, first.upper().replace("=", " = ")).exit_code == 0
    fails_with("did you mean", *words, first.replace("batch", "bath"))


def test_a_run_folders_code_is_executed_only_where_it_is_trusted(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, "foreign")
    suite = write_suite(
        tmp_path, [f"foreign-loops: {{{SMALL}}}", NSGAN], seeds=1, more=f"include: [{plugin}]"
    )
    trained(suite, tmp_path / "run")
    words = [tmp_path / "run", "--out", tmp_path / "s.npy", "--count", 2, "--variant"]
    mark = tmp_path / "executed"
    text = plugin.read_text(encoding="utf-8")
    script = "import sys; from ganbench.cli import main; main(sys.argv[1:])"

    def sample(*more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", script, "sample", *map(str, words), *more]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    refused = sample("foreign-loops")
    assert refused.returncode == 2
    assert f"names {plugin}, whose code would be executed" in refused.stderr
    assert sample("nsgan").returncode == 0, "needs none of it"
    assert sample("foreign-loops", "--trust").returncode == 0
    plugin.write_text(f"open({str(mark)!r}, 'w')\n" + text, encoding="utf-8")
    edited = sample("foreign-loops", "--trust")
    assert edited.returncode == 2
    assert f"{plugin} was edited since" in edited.stderr
    assert sample("nsgan").returncode == 0
    assert not mark.exists()


def test_a_label_is_asked_of_games_that_have_labels_alone(
    finished: tuple[Path, Path], tmp_path: Path
) -> None:
    words = ("sample", finished[1], "--variant", "nsgan", "--label", 3, "--out", tmp_path / "s.npy")
    fails_with("made without a label; leave --label out", *words)
    assert not (tmp_path / "s.npy").exists()
