"""`ganbench evaluate`: every kind of source, every mistake, and the numbers of a run found again."""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from onnx_files import onnx_generator
from safetensors.torch import save_file
from small_runs import fails_with, ganbench, read, trained, without_report
from torch import nn

from ganbench import store
from ganbench.analysis.run import load_run
from ganbench.datasets import Dataset
from ganbench.execution.sample_sources import OnnxSource, Reading
from ganbench.execution.sample_values import Target
from ganbench.execution.sampling import samples, stored_trials
from ganbench.game import DataSpec
from ganbench.networks.network import architecture
from ganbench.registry import build
from ganbench.streams import generator
from ganbench.suite.notation import choice_of_text
from ganbench.training.sample_snapshot import GivenSamples

SIZE = 6
QUICK = ("--diagnostics", "sample_checks", "--diagnostics", "support")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written outside the test's folder, and figures take no seconds."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path / "data"))
    without_report(monkeypatch)


def pixels(count: int, seed: int = 0, channels: int = 3) -> np.ndarray:
    """Images [n, H, W, C] of bytes."""
    return np.random.default_rng(seed).integers(0, 256, (count, SIZE, SIZE, channels), dtype=np.uint8)


def write_png(file: Path, image: np.ndarray) -> None:
    """A PNG by the format's own rules, so that not only files of Pillow's are read."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    height, width, channels = image.shape
    colour = {1: 0, 3: 2}[channels]
    rows = b"".join(b"\0" + row.tobytes() for row in image)
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


def folder(path: Path, images: np.ndarray) -> Path:
    path.mkdir()
    for i, image in enumerate(images):
        write_png(path / f"{i:03}.png", image)
    return path


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """Sixty real images, 54 of them to train on."""
    return folder(tmp_path / "photos", pixels(60))


def values(run: Path, variant: str | None = None) -> dict[str, float]:
    """Quantity to value, of the only or the named fake's first set."""
    rows = pd.read_parquet(run / store.RECORDS_FILE)
    assert rows["final"].all()
    assert set(rows["images"]) == {0}
    rows = rows[(rows["variant"] == (variant or rows["variant"].iloc[0])) & (rows["seed"] == 0)]
    return dict(zip(rows["quantity"], rows["value"], strict=True))


def evaluated(tmp_path: Path, *words: object, name: str = "out") -> Path:
    result = ganbench("evaluate", *words, "--out", tmp_path / name)
    assert result.exit_code == 0, result.output
    return tmp_path / name


# The same samples, whatever they come from


def test_a_folder_an_array_of_either_layout_a_function_and_floats_give_the_same_numbers(
    real: Path, tmp_path: Path
) -> None:
    images = pixels(40, seed=1)
    folder(tmp_path / "png", images)
    np.save(tmp_path / "last.npy", images)
    np.savez(tmp_path / "first.npz", samples=images.transpose(0, 3, 1, 2))
    np.save(tmp_path / "floats.npy", images.astype(np.float64) / 127.5 - 1)
    np.save(tmp_path / "unit.npy", images.astype(np.float32) / 255)
    fakes = [f"--fake={name}" for name in ("png", "last.npy", "first.npz", "floats.npy")]
    together = evaluated(tmp_path, "--real", real, *fakes, *QUICK)
    found = [values(together, name) for name in ("png", "last.npy", "first.npz", "floats.npy")]
    unit = evaluated(tmp_path, "--real", real, "--fake=unit.npy", "--range", 0, 1, *QUICK, name="unit")
    for other in (*found[1:], values(unit)):
        assert other == pytest.approx(found[0], abs=1e-6)
    assert found[0]["density"] not in (0, 1)


FUNCTION = """
import numpy as np
import torch

def make(count):
    assert count == 30
    return torch.from_numpy(np.load("fakes.npy")[:count])
"""


def test_a_function_is_called_with_the_count_and_found_in_the_working_folder(
    real: Path, tmp_path: Path
) -> None:
    images = pixels(40, seed=1)
    np.save(tmp_path / "fakes.npy", images)
    (tmp_path / "my_model.py").write_text(FUNCTION, encoding="utf-8")
    np.save(tmp_path / "prefix.npy", images[:30])
    words = ("--real", real, "--samples", 30, "--diagnostics", "fidelity:extractor=identity")
    called = evaluated(tmp_path, *words, "--fake", "mine=my_model:make")
    stored = evaluated(tmp_path, *words, "--fake", "mine=prefix.npy", name="stored")
    whole = "frechet_identity_train_30"
    assert values(called)[whole] == pytest.approx(values(stored)[whole], rel=1e-6)
    assert "my_model" not in sys.modules, "a user's code runs in a process of its own"


class Picture(nn.Module):
    """Noise [n, 4] or [n, 4, 1, 1] to images."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3 * SIZE * SIZE)

    def forward(self, noise: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.linear(noise.flatten(1))).view(-1, 3, SIZE, SIZE)


@pytest.fixture
def scripted(tmp_path: Path) -> Path:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.jit.trace(Picture().eval(), torch.zeros(2, 4)).save(str(tmp_path / "g.pt"))
    return tmp_path / "g.pt"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_torchscript_generates_from_a_stream_of_its_own_another_for_each_set(
    real: Path, scripted: Path, tmp_path: Path
) -> None:
    words = ("--real", real, "--fake", f"g={scripted}", "--fake", f"g={scripted}", "--latent-dim", 4, *QUICK)
    run, again = evaluated(tmp_path, *words), evaluated(tmp_path, *words, name="again")
    rows = pd.read_parquet(run / store.RECORDS_FILE)
    assert set(rows["seed"]) == {0, 1}
    hashes = rows.groupby("seed")["samples_hash"].first()
    assert hashes[0] != hashes[1], "another noise for each set"
    assert rows["value"].equals(pd.read_parquet(again / store.RECORDS_FILE)["value"])
    fails_with("give the noise's size, as --latent-dim 128", "evaluate", "--real", real, "--fake", scripted)
    fails_with("is --latent-dim right?", "evaluate", "--real", real, "--fake", scripted, "--latent-dim", 5)
    fails_with(
        "write a number, such as 128", "evaluate", "--real", real, "--fake", scripted, "--latent-dim=x"
    )


def test_an_exported_program_states_its_noise_and_its_batch(real: Path, tmp_path: Path) -> None:
    for batch in (None, 7):
        shapes = {"noise": {0: torch.export.Dim("n")}} if batch is None else None
        torch.export.save(
            torch.export.export(Picture().eval(), (torch.zeros(batch or 5, 4),), dynamic_shapes=shapes),
            tmp_path / f"{batch}.pt2",
        )
    for batch in (None, 7):
        run = evaluated(tmp_path, "--real", real, "--fake", f"{batch}.pt2", *QUICK, name=f"run-{batch}")
        assert values(run)["distinct_samples"] == 1
    (tmp_path / "text.pt2").write_text("no archive", encoding="utf-8")
    fails_with("not a file of torch.export", "evaluate", "--real", real, "--fake=text.pt2")


def test_safetensors_are_weights_of_a_named_network(real: Path, tmp_path: Path) -> None:
    spec = DataSpec.real((3, SIZE, SIZE), (-1.0, 1.0))
    network = architecture({"mlp": {"width": 8}}).generator(4, spec)
    weights = {name: torch.full_like(value, 0.1) for name, value in network.state_dict().items()}
    save_file(weights, tmp_path / "g.safetensors")
    words = ("--real", real, "--fake", "g.safetensors", "--latent-dim", 4)
    run = evaluated(tmp_path, *words, "--network", "mlp:width=8", *QUICK)
    assert values(run)["samples_in_range"] == 1
    fails_with("name their network, as --network", "evaluate", *words)
    fails_with("not the weights of mlp's generator", "evaluate", *words, "--network", "mlp:width=9")
    (tmp_path / "g.safetensors").write_bytes(b"nothing of the kind")
    fails_with("not a safetensors file", "evaluate", *words, "--network", "mlp:width=8")


def notes(run: Path) -> str:
    return "\n".join(store.read_run(run)["notes"])


def test_a_stated_range_is_not_of_folders_and_samples_that_leave_it_are_noted(
    real: Path, tmp_path: Path
) -> None:
    folder(tmp_path / "fake", pixels(30, 1))
    np.save("wide.npy", np.linspace(-3, 2, 30 * 3 * SIZE**2).reshape(30, SIZE, SIZE, 3))
    words = ("--real", real, "--fake", "fake", "--fake", "wide.npy", "--range", -1, 1, *QUICK)
    run = evaluated(tmp_path, *words)
    assert values(run, "fake")["samples_in_range"] == 1
    assert values(run, "wide.npy")["samples_in_range"] < 1
    assert "leave the data's range of -1 to 1; their values are from -3 to 2" in notes(run)
    assert "fake: " not in notes(run)
    few = evaluated(tmp_path, "--real", real, "--fake=fake", "--diagnostics=fidelity:extractor=identity")
    assert "frechet_identity_train_30: 30 points in 108 dimensions, so mostly bias" in notes(few)
    fails_with("--range -3 2, say", "evaluate", "--real", real, "--fake", "wide.npy")


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (np.full(30, 2), "labels from 0 to 2; the data have 2 classes, 0 to 1"),
        (np.full(30, -1), "labels from -1 to 0; the data have 2 classes"),
        (np.full(30, 0.5), r"`label` is float64 of shape (30,), not whole numbers"),
        (np.zeros((30, 2), int), r"`label` is int64 of shape (30, 2), not whole numbers"),
        (np.zeros(29, int), "30 samples and 29 labels"),
    ],
)
def test_labels_that_are_no_classes_of_the_data_are_refused(
    tmp_path: Path, label: np.ndarray, message: str
) -> None:
    (tmp_path / "classes").mkdir()
    for name in "ab":
        folder(tmp_path / "classes" / name, pixels(30, ord(name)))
    np.savez("fake.npz", samples=pixels(30, 1), label=label)
    fails_with(f"fake.npz: {message}", "evaluate", "--real", "classes", "--fake", "fake.npz")
    np.savez("fake.npz", samples=pixels(30, 1), label=np.arange(30) % 2.0)
    assert evaluated(tmp_path, "--real", "classes", "--fake", "fake.npz", *QUICK).is_dir()


@pytest.mark.parametrize("batch", [None, 4])
def test_onnx_takes_the_noise_that_the_file_states_in_its_own_batches(
    real: Path, tmp_path: Path, batch: int | None
) -> None:
    weights = np.random.default_rng(0).normal(size=(5, 3 * SIZE * SIZE))
    onnx_generator(tmp_path / "g.onnx", weights, (3, SIZE, SIZE), batch)
    run = evaluated(tmp_path, "--real", real, "--fake", "g.onnx", "--samples", 30, *QUICK)
    assert values(run)["distinct_samples"] == 1
    assert values(run)["samples_in_range"] == 1
    fails_with("is --latent-dim right?", "evaluate", "--real", real, "--fake", "g.onnx", "--latent-dim", 6)


def test_an_onnx_generator_is_the_function_that_the_file_holds(tmp_path: Path) -> None:
    weights = np.random.default_rng(0).normal(size=(5, 12))
    file = Path(onnx_generator(tmp_path / "g.onnx", weights, (3, 2, 2)))
    target = Target(DataSpec.real((3, 2, 2), (-1.0, 1.0)))
    noise = torch.randn(7, 5, generator=generator(0, "evaluate/noise"))
    expected = np.tanh(noise.numpy() @ weights).reshape(7, 3, 2, 2)
    np.testing.assert_allclose(OnnxSource(file, Reading(target)).raw(7), expected, atol=1e-6)


def test_what_is_no_onnx_file_is_told_of(real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "g.onnx").write_bytes(b"broken")
    fails_with("g.onnx: not an ONNX file (", "evaluate", "--real", real, "--fake", "g.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    fails_with("pip install 'ganbench[onnx]'", "evaluate", "--real", real, "--fake", "g.onnx")


SUITE = """
datasets: [digits]
variants:
  - nsgan: {batch_size: 16, network: {mlp: {width: 8}}}
seeds: 2
budget: {steps: 5}
measure: 1
diagnostics: [fidelity, two_sample]
engine: {threads: 1}
"""


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of five steps on digits, two seeds."""
    place = tmp_path_factory.mktemp("run")
    (place / "small.yaml").write_text(SUITE, encoding="utf-8")
    trained(place / "small.yaml", place / "run")
    return place / "run"


def test_a_runs_own_numbers_are_found_again(trials: Path, tmp_path: Path) -> None:
    """Of the run folder, and of its samples in a file: the same code on the same samples."""
    records = pd.read_parquet(trials / store.RECORDS_FILE)
    records = records[records["final"]].set_index(["seed", "quantity"])["value"]
    named = ("--diagnostics", "fidelity", "--diagnostics", "two_sample")
    run = evaluated(tmp_path, "--real", "digits", "--fake", trials, *named)
    found = pd.read_parquet(run / store.RECORDS_FILE).set_index(["seed", "quantity"])["value"]
    assert set(found.index) == set(records.index)
    for place, value in records.items():
        assert found[place] == pytest.approx(value, rel=1e-6, abs=1e-6), place

    count = build("dataset", "digits").info.evaluation_samples
    (cohort,) = {trial: path for trial, path in stored_trials(trials).items() if trial[2] == 1}.values()
    np.save(tmp_path / "digits.npy", samples(cohort, 1, count, measured=True))
    stored = values(evaluated(tmp_path, "--real", "digits", "--fake", "digits.npy", *named, name="stored"))
    whole = [f"fid_classifier_train_{count}", f"is_classifier_{count}", "class_total_variation"]
    for name in whole:
        assert stored[name] == pytest.approx(records[1, name], rel=1e-6, abs=1e-6), name


def test_variant_and_seed_choose_among_a_runs_trials(trials: Path, tmp_path: Path) -> None:
    run = evaluated(tmp_path, "--real=digits", "--fake", trials, "--seed", 1, "--samples", 40, *QUICK)
    assert len(load_run(run).cohorts) == 1
    fails_with("no finished variant 'nope'", "evaluate", "--real=digits", "--fake", trials, "--variant=nope")
    fails_with("no trial of that variant and seed", "evaluate", "--real=digits", "--fake", trials, "--seed=9")
    fails_with("are of shape (1, 8, 8), not (2,)", "evaluate", "--real=ring8", "--fake", trials)


# What is stored, and what reads it


def test_an_evaluation_is_a_run_folder_that_says_that_nothing_was_trained(
    real: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path / "good", pixels(40, seed=1))
    np.save(tmp_path / "dark.npy", pixels(40, seed=2) // 4)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    result = ganbench("evaluate", "--real", real, "--fake=good", "--fake=dark.npy", "--out=out")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    (table,) = [line.split() for line in lines if "energy_distance" in line]
    assert table[2] == "*", "the quantity that ranks is marked"
    good, dark = (float(cell.replace("−", "-")) for cell in table[3:5])
    assert good < dark, "good samples are nearer"
    assert "left out, as they need a network: cost" in result.stderr
    assert "note: 40 samples of each are measured, not 54: good has no more" in result.stderr
    page = Path("out/report.html").read_text(encoding="utf-8")
    assert "Nothing was trained here" in page
    assert "none: nothing was trained, 40 samples of each" in page
    assert "Learning curves" not in page
    assert "time per seed" not in page
    assert ganbench("report", "out").exit_code == 0
    assert "2 of 2 trials have ended" in ganbench("status", "out").stdout
    assert ganbench("evaluate", "--real", real, "--fake=good=dark.npy", "--out=new").exit_code == 0
    assert "good on photos, energy_distance" in ganbench("compare", "out", "new").stdout
    fails_with("no seed 0", "sample", "out")


def test_the_folder_of_an_evaluation_is_replaced_and_no_other_one_is(
    real: Path, trials: Path, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", pixels(40, seed=1))
    np.save(tmp_path / "b.npy", pixels(40, seed=2))
    evaluated(tmp_path, "--real", real, "--fake=a.npy", *QUICK)
    run = evaluated(tmp_path, "--real", real, "--fake=b.npy", *QUICK)
    assert load_run(run).variants == ("b.npy",)
    words = ("evaluate", "--real", real, "--fake=a.npy", *QUICK, "--out")
    fails_with("holds something else than an evaluation", *words, trials)
    fails_with("holds something else than an evaluation", *words, real)
    assert len(list(real.iterdir())) == 60
    fails_with("a file; --out must name a folder", *words, tmp_path / "a.npy")
    assert ganbench(*words[:-1]).exit_code == 0
    assert len(list((tmp_path / "results").glob("evaluation-*"))) == 1


def test_one_label_holds_several_sets_and_a_set_stands_once(real: Path, tmp_path: Path) -> None:
    for i in range(3):
        np.save(tmp_path / f"{i}.npy", pixels(40, seed=i))
    run = evaluated(tmp_path, "--real", real, "--fake=g=0.npy", "--fake=g=1.npy", "--fake=h=2.npy", *QUICK)
    assert {c.variant: len(c.seeds) for c in load_run(run).cohorts} == {"g": 2, "h": 1}
    fails_with("0.npy is named twice", "evaluate", "--real", real, "--fake=g=0.npy", "--fake=g=0.npy")


# Samples that are measured all the same, and flagged


def test_samples_that_are_not_finite_are_flagged_and_undefined(real: Path, tmp_path: Path) -> None:
    floats = pixels(40, seed=1).astype(np.float32) / 127.5 - 1
    floats[3, 0, 0, 0], floats[4, 0, 0, 0] = np.nan, np.inf
    np.save(tmp_path / "nan.npy", floats)
    result = ganbench("evaluate", "--real", real, "--fake=nan.npy", "--out=out", *QUICK)
    assert "2 of 40 samples are not finite" in result.stderr
    found = values(Path("out"))
    assert found["finite_samples"] == pytest.approx(38 / 40)
    assert np.isnan(found["precision"])
    assert any("not finite" in note for note in read(Path("out/run.json"))["notes"])


def test_a_constant_generator_is_flagged(real: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.repeat(pixels(1), 40, axis=0))
    result = ganbench("evaluate", "--real", real, "--fake=one.npy", "--out=out", *QUICK)
    assert "all 40 samples are the same" in result.stderr
    assert values(Path("out"))["distinct_samples"] == pytest.approx(1 / 40)


def test_values_outside_a_stated_range_are_flagged(real: Path, tmp_path: Path) -> None:
    floats = pixels(40, seed=1).astype(np.float32) / 127.5 - 1
    floats[:10] *= 3
    np.save(tmp_path / "wide.npy", floats)
    run = evaluated(tmp_path, "--real", real, "--fake=wide.npy", "--range=-1", 1, *QUICK)
    assert values(run)["samples_in_range"] == pytest.approx(0.75)
    fails_with("say of which range they are", "evaluate", "--real", real, "--fake=wide.npy")


def test_grey_images_and_resized_ones_are_said(real: Path, tmp_path: Path) -> None:
    folder(tmp_path / "grey", pixels(40, seed=1, channels=1))
    result = ganbench("evaluate", "--real", f"{real}:size=4", "--fake=grey", "--out=out", *QUICK)
    assert "all its images are grey, where colour is expected" in result.stderr
    assert "40 of 40 images are not 4×4 (but 6×6, say), and were resized by lanczos" in result.stderr


def test_a_diagnostic_that_needs_more_samples_is_left_out_or_refused(real: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "few.npy", pixels(12, seed=1))
    result = ganbench("evaluate", "--real", real, "--fake=few.npy", "--out=out")
    assert result.exit_code == 0
    assert "left out: memorization (" in result.stderr
    words = ("evaluate", "--real", real, "--fake=few.npy", "--diagnostics")
    fails_with("memorization", *words, "memorization")
    fails_with("20 samples are asked for, and there are 12", *words, "sample_checks:samples=20")
    fails_with("reads a network, and here are samples alone", *words, "gradients")
    fails_with("its modes are not known", *words, "modes")
    fails_with("unknown diagnostic 'fidelty'; did you mean 'fidelity'?", *words, "fidelty")
    fails_with("unknown option 'sample'", *words, "support:sample=3")
    fails_with("'x' is not NAME=FILE", *words, "support", "--extractor-weights=x")


# Mistakes


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder of files that each have one thing wrong."""
    place = tmp_path / "broken"
    place.mkdir()
    np.save(tmp_path / "whole.npy", pixels(40))
    (place / "cut.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:300])
    np.savez(tmp_path / "whole.npz", pixels(40))
    (place / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:300])
    (place / "zero.npy").write_bytes(b"")
    (place / "zero.pt").write_bytes(b"")
    (place / "text.pt").write_text("no archive", encoding="utf-8")
    torch.save(nn.Linear(2, 3).state_dict(), place / "weights.pt")
    np.save(place / "none.npy", pixels(0))
    np.save(place / "alone.npy", pixels(1))
    np.save(place / "grey.npy", pixels(40, channels=1))
    np.save(place / "large.npy", np.zeros((40, 9, 9, 3), np.uint8))
    np.save(place / "whole_numbers.npy", pixels(40).astype(np.int64))
    np.save(place / "hundreds.npy", pixels(40).astype(np.float32))
    np.save(place / "unit.npy", pixels(40).astype(np.float32) / 255)
    np.save(place / "words.npy", np.array(["a", "b"]))
    np.save(place / "number.npy", np.float64(3))
    np.savez(place / "two.npz", a=pixels(40), b=pixels(40))
    np.savez(place / "short.npz", samples=pixels(40), label=np.zeros(3))
    (place / "empty").mkdir()
    (place / "notes.txt").write_text("no samples", encoding="utf-8")
    folder(place / "nine", np.zeros((40, 9, 9, 3), np.uint8))
    folder(place / "one", pixels(1))
    folder(place / "torn", pixels(40))
    torn = place / "torn" / "007.png"
    torn.write_bytes(torn.read_bytes()[:60])
    return place


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone", "no such file or folder; a function is written module:function"),
        ("cut.npy", "not a .npy or .npz file of plain arrays"),
        ("cut.npz", "not a .npy or .npz file of plain arrays"),
        ("zero.npy", "not a .npy or .npz file of plain arrays"),
        ("zero.pt", "zero.pt: empty"),
        ("text.pt", "not a TorchScript file"),
        ("weights.pt", "weights alone are read of .safetensors files, with --network"),
        ("none.npy", "0 sample"),
        ("alone.npy", "1 sample; a distribution is judged by 2 or more"),
        ("one", "1 sample; a distribution is judged by 2 or more"),
        ("grey.npy", "1 channel in place of 3"),
        ("large.npy", "its samples are 9×9×3, the real ones 3×6×6; resizing changes every number"),
        ("whole_numbers.npy", "--range 0 255, say, or save them as uint8"),
        ("hundreds.npy", "--range 0 255, say"),
        ("unit.npy", "--range 0 1, or --range -1 1: they could be of either"),
        ("words.npy", "not an array of numbers"),
        ("number.npy", "a single number"),
        ("two.npz", "its arrays are a, b; one is read that is called `samples`"),
        ("short.npz", "40 samples and 3 labels"),
        ("empty", "no images in it"),
        ("notes.txt", "neither a folder of images, a run folder"),
        ("torn", "1 file cannot be read: 007.png"),
    ],
)
def test_a_mistake_in_the_samples_is_one_message_and_nothing_is_written(
    real: Path, broken: Path, tmp_path: Path, name: str, message: str
) -> None:
    words = ("--latent-dim", 4) if name.endswith(".pt") else ()
    fails_with(message, "evaluate", "--real", real, "--fake", broken / name, "--out=out", *words)
    assert not (tmp_path / "out").exists()


def test_a_folder_is_refused_where_its_images_would_be_resized_and_real_ones_are_not(broken: Path) -> None:
    fails_with(
        "are not 8×8 (but 9×9, say), and resizing", "evaluate", "--real=digits", "--fake", broken / "nine"
    )
    fails_with("but real examples have the shape (2,)", "evaluate", "--real=ring8", "--fake", broken / "nine")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def make(count):\n    return None", "returned a NoneType, not an array"),
        ("def make(count):\n    raise ValueError('no luck')", "ValueError: no luck"),
        (
            "def make(count):\n    import numpy as np\n    return np.zeros((3, 3, 6, 6), np.uint8)",
            "gave 3 samples where 54",
        ),
        ("def other(count): ...", "has no function 'make'"),
        ("import os\n\ndef make(count):\n    os._exit(3)", "os._exit(3) ends the whole process"),
    ],
)
def test_a_mistake_in_a_function_is_one_message(real: Path, tmp_path: Path, code: str, message: str) -> None:
    (tmp_path / "bad_model.py").write_text(code, encoding="utf-8")
    fails_with(message, "evaluate", "--real", real, "--fake=bad_model:make", *QUICK)


def test_a_mistake_in_the_real_data_is_one_message(real: Path, trials: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", pixels(40, seed=1))
    (tmp_path / "notes.txt").write_text("no data", encoding="utf-8")
    for text, message in {
        str(tmp_path / "gone"): "no such file or folder",
        str(tmp_path / "notes.txt"): "neither a folder of images nor a .npy",
        str(trials): "a run folder; name the data that its samples are judged by",
        "digts": "unknown data set 'digts'; did you mean 'digits'?",
        "cats:sise=32": "unknown option 'sise'",
        "{cats: {size: 33}}": "size",
        f"{real}:size=2": "size",
        "cats:size=[16, 32]": "is a sweep; one value works here",
    }.items():
        fails_with(message, "evaluate", "--real", text, "--fake=a.npy")


# Parts


def test_options_are_written_short_or_as_yaml() -> None:
    short = choice_of_text("dataset", "ring8:sigma=0.1", "--real")
    assert short == choice_of_text("dataset", "{ring8: {sigma: 0.1}}", "--real")
    assert short.options["sigma"] == 0.1
    assert choice_of_text("dataset", "ring8", "--real").options["sigma"] != 0.1


def test_vectors_are_taken_as_they_are_and_single_numbers_as_columns() -> None:
    plane, line = Target(DataSpec.real((2,))), Target(DataSpec.real((1,)))
    rows = np.array([[5.0, -3.0], [0.0, 1.0]])
    assert plane.examples(rows, "rows").tolist() == rows.tolist()
    assert line.examples(rows[:, 0], "column").tolist() == [[5.0], [0.0]]


def test_left_out_fields_are_none_of_a_data_set(tmp_path: Path) -> None:
    made: Dataset = build("dataset", "ring8")
    np.save(tmp_path / "points.npy", made.examples("train", 300, torch.device("cpu"), torch.float32).numpy())
    run = evaluated(tmp_path, "--real=ring8", "--fake=points.npy", "--diagnostics=modes")
    assert values(run)["modes_recovered"] == 8
    assert load_run(run).primary("ring8").name == made.info.primary.quantity


def test_labels_lie_where_the_samples_do() -> None:
    """On a GPU they would be compared with what is computed there."""
    meta = torch.zeros(1, 4, 2, device="meta")
    given = GivenSamples(build("dataset", "ring8"), meta, 0, {"label": torch.zeros(1, 4)})
    assert given.sampled_fields(3)["label"].device == meta.device
