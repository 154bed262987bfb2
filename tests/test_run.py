"""What a run trains, keeps, sets aside and reports as failed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file
from small_runs import LSGAN, NSGAN, SMALL, STEPS, outcomes, planned, read, trained, write_plugin, write_suite

from ganbench import store
from ganbench.errors import GanbenchError
from ganbench.execution.runner import collect


def _labels(suite: Path, run: Path, workers: int = 1) -> list[tuple[str, tuple[int, ...]]]:
    return [(t.description.variant.label, t.description.seeds) for t in planned(suite, run, workers).tasks]


def test_records_are_long_complete_and_typed(finished: tuple[Path, Path]) -> None:
    records = pd.read_parquet(finished[1] / store.RECORDS_FILE)
    assert list(records.columns)[: len(store.RECORD_COLUMNS)] == list(store.RECORD_COLUMNS)
    assert set(records["variant"]) == {"nsgan", "lsgan"}
    assert set(records["dataset"]) == {"ring8"}
    assert set(records["seed"]) == {0, 1}
    assert not records.duplicated(["variant", "dataset", "seed", "point", "quantity"]).any()
    last = records[records["final"]]
    assert set(last["step"]) == {STEPS}
    assert set(last["images"]) == {16 * STEPS}
    assert records[records["quantity"] == "mode_total_variation"]["value"].between(0, 1).all()
    declared = read(finished[1] / store.QUANTITIES_FILE)
    assert set(declared) >= set(records["quantity"]) >= {"mode_total_variation"}
    sizes = records.groupby(["variant", "seed", "quantity"]).size()
    assert sizes.nunique() == 1


def test_every_cohort_keeps_its_description_networks_samples_and_environment(
    finished: tuple[Path, Path],
) -> None:
    (folder, _) = store.cohort_folders(finished[1])
    described, outcome = store.read_description(folder), store.read_outcome(folder)
    assert (described["id"], described["seeds"]) == (folder.name, [0, 1])
    assert outcome["seeds"] == {"0": {"outcome": "finished"}, "1": {"outcome": "finished"}}
    assert outcome["execution"]["mode"] == "traced"
    assert outcome["execution"]["reason"] is None
    networks = load_file(folder / store.NETWORKS_FILE)
    assert {name.rsplit("/", 1)[0] for name in networks} == {"params/generator", "params/discriminator"}
    assert {value.shape[0] for value in networks.values()} == {2}
    arrays = np.load(folder / store.ARRAYS_FILE)
    assert arrays["samples"].shape[1] == 2
    assert arrays["samples"].shape[3:] == (2,)
    assert len(arrays["points"]) == len(arrays["samples"]) == len(arrays["images"])
    assert {"packages", "device", "cpu", "git", "platform"} <= set(read(folder / store.ENVIRONMENT_FILE))
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o644}


def test_a_second_run_trains_nothing_and_changes_no_number(finished: tuple[Path, Path], copied: Path) -> None:
    before = {file: file.read_bytes() for file in sorted(copied.rglob("*")) if file.is_file()}
    summary, events = trained(finished[0], copied)
    assert (summary.trained, events) == (0, [])
    assert {file: file.read_bytes() for file in sorted(copied.rglob("*")) if file.is_file()} == before


def test_the_same_suite_gives_the_same_bits_elsewhere(finished: tuple[Path, Path], tmp_path: Path) -> None:
    again = write_suite(tmp_path, [LSGAN])
    trained(again, tmp_path / "run")
    (folder,) = store.cohort_folders(tmp_path / "run")
    old = next(each for each in store.cohort_folders(finished[1]) if "lsgan" in each.name)
    assert folder.name == old.name, "the key depends on the cohort alone"
    for file in (store.NETWORKS_FILE, store.ARRAYS_FILE):
        ours = load_file(folder / file) if file == store.NETWORKS_FILE else np.load(folder / file)
        theirs = load_file(old / file) if file == store.NETWORKS_FILE else np.load(old / file)
        assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


def test_a_new_seed_alone_is_trained(finished: tuple[Path, Path], copied: Path, tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [NSGAN, LSGAN], seeds=3)
    assert _labels(suite, copied) == [("nsgan", (2,)), ("lsgan", (2,))]
    trained(suite, copied)
    records = pd.read_parquet(copied / store.RECORDS_FILE)
    assert {(v, s) for v, s in zip(records["variant"], records["seed"], strict=True)} == {
        (variant, seed) for variant in ("nsgan", "lsgan") for seed in range(3)
    }
    old = pd.read_parquet(finished[1] / store.RECORDS_FILE)
    keys = ["variant", "seed", "point", "quantity"]
    both = old.merge(records, on=keys, suffixes=("", "_new"))
    assert len(both) == len(old)
    assert both["value"].equals(both["value_new"])


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_results_count_whatever_the_number_of_workers(finished: tuple[Path, Path], workers: int) -> None:
    assert _labels(*finished, workers=workers) == []


def test_engine_settings_without_influence_on_numbers_do_not_count(
    finished: tuple[Path, Path], tmp_path: Path
) -> None:
    def with_engine(text: str) -> list[tuple[str, tuple[int, ...]]]:
        return _labels(write_suite(tmp_path, [NSGAN, LSGAN], more=f"engine: {{{text}}}"), finished[1])

    assert with_engine("threads: 2, processes: 3") == []
    assert len(with_engine("precision: float64")) == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("steps: 20", "steps: 21"),
        lambda text: text.replace("measure: 2", "measure: 3"),
        lambda text: text.replace("[ring8]", "[{ring8: {sigma: 0.03}}]"),
        lambda text: text.replace("[modes]", "[modes, cost]"),
        lambda text: text.replace("batch_size: 16", "batch_size: 17"),
    ],
)
def test_what_changes_numbers_trains_again(
    finished: tuple[Path, Path], tmp_path: Path, change: Callable[[str], str]
) -> None:
    text = finished[0].read_text(encoding="utf-8")
    assert change(text) != text
    suite = tmp_path / "changed.yaml"
    suite.write_text(change(text), encoding="utf-8")
    assert len(_labels(suite, finished[1])) == 2


def test_another_torch_trains_again(finished: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganbench.execution.key._version", lambda package: "0.1")
    assert len(_labels(*finished)) == 2
    assert "torch" in planned(*finished).reuse.set_aside[0].reason


def test_an_edited_plug_in_trains_again_and_the_old_results_are_set_aside(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, "edited")
    suite = write_suite(tmp_path, [f"edited-loops: {{{SMALL}}}"], more=f"include: [{plugin}]")
    run = tmp_path / "run"
    trained(suite, run)
    assert _labels(suite, run) == []
    (old,) = store.cohort_folders(run)
    plugin.write_text(plugin.read_text(encoding="utf-8") + "\nEDITED = True\n", encoding="utf-8")
    assert _labels(suite, run) == [("edited-loops", (0, 1))]
    trained(suite, run)
    (new,) = store.cohort_folders(run)
    assert new.name != old.name
    (kept,) = (run / store.SUPERSEDED).iterdir()
    assert kept.name.startswith(old.name)
    assert (kept / store.RECORDS_FILE).is_file()
    records = pd.read_parquet(run / store.RECORDS_FILE)
    assert len(records) == len(pd.read_parquet(new / store.RECORDS_FILE))


def test_trouble_of_one_variant_leaves_the_others_alone(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, "trouble")
    odd = [f"trouble-{word}: {{{SMALL}}}" for word in ("raises", "explodes", "loops")]
    suite = write_suite(tmp_path, [*odd, NSGAN], more=f"include: [{plugin}]")
    summary, events = trained(suite, tmp_path / "run")
    found = outcomes(tmp_path / "run")

    failed = found["trouble-raises"]
    lines = plugin.read_text(encoding="utf-8").splitlines()
    line = 1 + next(number for number, text in enumerate(lines) if "no such luck" in text)
    assert failed["status"] == "failed"
    assert failed["reason"] == f"ValueError: no such luck (trouble.py:{line})"
    assert 'raise ValueError("no such luck")' in failed["traceback"]
    assert {seed["outcome"] for seed in failed["seeds"].values()} == {"failed"}
    assert [text.split(";")[0] for text in summary.failed] == [failed["reason"]]

    diverged = found["trouble-explodes"]
    assert diverged["status"] == "finished"
    assert [seed["outcome"] for seed in diverged["seeds"].values()] == ["diverged", "diverged"]
    assert all(seed["step"] <= 1 for seed in diverged["seeds"].values())
    assert summary.diverged == 2

    looped = found["trouble-loops"]["execution"]
    assert looped["mode"] == "looped"
    notes = [event for event in events if event.kind == "note"]
    (note,) = notes
    assert "trouble-loops" in note.identity
    assert note.detail == f"{looped['reason']}; it goes on one seed after another"
    assert "cannot be vectorized over seeds" in note.detail

    assert found["nsgan"]["status"] == "finished"
    records = pd.read_parquet(tmp_path / "run" / store.RECORDS_FILE)
    assert set(records["variant"]) == {"trouble-explodes", "trouble-loops", "nsgan"}
    gone = records[(records["variant"] == "trouble-explodes") & records["final"]]
    assert len(gone) > 0
    assert gone["value"].isna().all()
    sound = records[(records["variant"] == "nsgan") & (records["quantity"] == "mode_total_variation")]
    assert sound["value"].between(0, 1).all()

    again = _labels(suite, tmp_path / "run")
    assert again == [("trouble-raises", (0, 1))], "a failure is never done, a divergence is a result"
    trained(suite, tmp_path / "run")
    assert [path.name.split("--")[1] for path in (tmp_path / "run" / store.SUPERSEDED).iterdir()] == [
        "trouble-raises"
    ]


def test_looping_gives_the_numbers_of_the_vectorized_variant(
    finished: tuple[Path, Path], tmp_path: Path
) -> None:
    plugin = write_plugin(tmp_path, "same")
    suite = write_suite(tmp_path, [f"same-loops: {{{SMALL}}}"], more=f"include: [{plugin}]")
    trained(suite, tmp_path / "run")
    (ours,) = store.cohort_folders(tmp_path / "run")
    theirs = next(each for each in store.cohort_folders(finished[1]) if "nsgan" in each.name)
    looped, vectorized = load_file(ours / store.NETWORKS_FILE), load_file(theirs / store.NETWORKS_FILE)
    assert all(np.allclose(looped[name], vectorized[name], atol=1e-5) for name in vectorized)


def test_records_can_be_rebuilt_from_the_cohorts(copied: Path) -> None:
    before = (copied / store.RECORDS_FILE).read_bytes(), (copied / store.QUANTITIES_FILE).read_bytes()
    for file in (store.RECORDS_FILE, store.QUANTITIES_FILE):
        (copied / file).unlink()
    collect(copied)
    assert (
        (copied / store.RECORDS_FILE).read_bytes(),
        (copied / store.QUANTITIES_FILE).read_bytes(),
    ) == before


def test_planning_writes_nothing(tmp_path: Path) -> None:
    suite = write_suite(tmp_path)
    planned(suite, tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == [suite.name]


def test_what_cannot_be_a_run_folder_is_refused(finished: tuple[Path, Path], copied: Path) -> None:
    file = copied.parent / "file"
    file.write_text("", encoding="utf-8")
    with pytest.raises(GanbenchError, match="--out must name a folder"):
        planned(finished[0], file)
    described = read(copied / store.RUN_FILE)
    store.write_json(copied / store.RUN_FILE, {**described, "format": store.FORMAT + 1})
    with pytest.raises(GanbenchError, match="use a newer ganbench"):
        planned(finished[0], copied)


def test_a_broken_cohort_is_named_and_made_again_once_removed(
    finished: tuple[Path, Path], copied: Path
) -> None:
    folder = next(store.cohort_folders(copied))
    (folder / store.RECORDS_FILE).write_bytes(b"PAR1 cut off")
    with pytest.raises(GanbenchError, match="not readable as Parquet") as caught:
        collect(copied)
    assert str(folder) in str(caught.value)
    (folder / store.OUTCOME_FILE).write_text("{", encoding="utf-8")
    with pytest.raises(GanbenchError, match="Remove") as caught:
        planned(finished[0], copied)
    assert str(folder) in str(caught.value)
    shutil.rmtree(folder)
    assert len(_labels(finished[0], copied)) == 1


def test_a_run_that_goes_on_keeps_when_it_was_begun(finished: tuple[Path, Path], copied: Path) -> None:
    described = read(copied / store.RUN_FILE)
    store.write_json(copied / store.RUN_FILE, {**described, "created": "long ago"})
    trained(finished[0], copied)
    assert read(copied / store.RUN_FILE)["created"] == "long ago"
