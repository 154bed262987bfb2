"""The command line as its user meets it: what is printed, where, and how it exits."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file
from small_runs import (
    LSGAN,
    NSGAN,
    SMALL,
    fails_with,
    ganbench,
    outcomes,
    read,
    trained,
    without_report,
    write_plugin,
    write_suite,
)

from ganbench import __version__, store
from ganbench.contract import CHECKS
from ganbench.execution.backends import run_tasks
from ganbench.execution.cohort_run import CohortTask, Listener
from ganbench.execution.templates import TEMPLATES
from ganbench.suite import load_suite

COMMAND = [sys.executable, "-c", "from ganbench.cli import main; main()"]
PLUGIN_MODULE = """
from ganbench.variants import register_variant, two_player
from ganbench.objectives import non_saturating

@register_variant("from-elsewhere")
def from_elsewhere(**options):
    '''A variant of an installed package.'''
    return two_player(non_saturating(), **options)
"""


def test_run_ends_with_a_ranking_and_the_reports_path(finished: tuple[Path, Path], copied: Path) -> None:
    """From a finished run, so that the seconds are those of the report."""
    result = ganbench("run", finished[0], "--out", copied, "--workers", 1)
    assert result.exit_code == 0
    assert "nothing to train: all 4 trials are finished under this key" in result.stderr
    assert "started" not in result.stderr
    lines = result.stdout.strip().splitlines()
    assert lines[-1] == f"report: {copied / 'report.html'}"
    assert {"nsgan", "lsgan"} <= {word for line in lines for word in line.split()}
    assert (copied / "report.html").stat().st_size > 10_000
    assert list((copied / "figures").glob("*.png"))
    assert list((copied / "tables").glob("*.md"))
    assert list((copied / "tables").glob("*.csv"))
    assert ganbench("report", copied).stdout.strip() == str(copied / "report.html")


def test_run_tells_its_progress_in_plain_lines_and_exits_3_where_a_cohort_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_report(monkeypatch)
    plugin = write_plugin(tmp_path, "told")
    odd = [f"told-{word}: {{{SMALL}}}" for word in ("raises", "explodes", "loops")]
    suite = write_suite(tmp_path, odd)
    run = tmp_path / "run"
    result = ganbench("run", suite, "--out", run, "--workers", 1, "--include", plugin)
    assert result.exit_code == 3
    said = result.stderr
    assert "6 trials into" in said
    assert "ring8 · told-raises: started, 2 seeds" in said
    assert "(ValueError: no such luck (told.py:" in said
    assert said.count("cannot be vectorized over seeds") == 1
    assert "(diverged: seed 0 at step" in said
    assert "3 of 3 cohorts" in said
    (failure,) = [line for line in said.splitlines() if line.startswith("failed: ")]
    place = Path(failure.rsplit("; see ", 1)[1])
    assert "no such luck" in read(place)["traceback"]
    assert "Traceback" not in result.output
    assert f"report: {run / 'report.html'}" in result.stdout
    page = ganbench("status", run).stdout
    assert "ring8 · told-raises: 2 failed; ValueError: no such luck" in page
    assert "ring8 · told-explodes: 2 diverged; seed 0 at step" in page
    assert page.strip().endswith("6 of 6 trials have ended: 2 diverged, 2 failed, 2 finished")


def test_divergence_alone_is_a_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_report(monkeypatch)
    plugin = write_plugin(tmp_path, "alone")
    suite = write_suite(tmp_path, [f"alone-explodes: {{{SMALL}}}"], more=f"include: [{plugin.name}]")
    result = ganbench("run", suite, "--out", tmp_path / "run", "--workers", 1)
    assert result.exit_code == 0
    assert [each["status"] for each in outcomes(tmp_path / "run").values()] == ["finished"]


def test_status_tells_what_is_still_to_come(finished: tuple[Path, Path], copied: Path) -> None:
    shutil.rmtree(next(folder for folder in store.cohort_folders(copied) if "lsgan" in folder.name))
    lines = ganbench("status", copied).stdout.splitlines()
    assert lines[0].startswith("small (key ")
    assert lines[1:] == [
        "  ring8 · nsgan: 2 finished",
        "  ring8 · lsgan: 2 to come",
        "2 of 4 trials have ended: 2 finished",
    ]


def test_a_run_interrupted_exits_130_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    monkeypatch.setattr("ganbench.execution.runner.run_tasks", interrupted)
    suite = write_suite(tmp_path)
    fails_with("the same command goes on", "run", suite, "--out", tmp_path / "run", code=130)
    assert ganbench("status", tmp_path / "run").stdout.strip().endswith("0 of 2 trials have ended")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["run"], "Missing argument 'SUITE'"),
        (["run", "quickstart", "--wrkers", "2"], "Did you mean '--workers'"),
        (["run", "quickstart", "--workers", "0"], "0 is not in the range"),
        (["run", "quickstart", "--device", "tpu"], "'tpu' is not one of"),
        (["lst"], "No such command 'lst'"),
        (["list", "variant"], "'variant' is not one of"),
    ],
)
def test_a_wrong_use_exits_2(words: list[str], text: str) -> None:
    fails_with(text, *words)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["run", "quickstrt"], "did you mean 'quickstart'?"),
        (["check", "nowhere.yaml"], "no such file"),
        (["status", "nowhere"], "nowhere: not a run folder"),
        (["report", "nowhere"], "nowhere: not a run folder"),
        (["sample", "nowhere"], "nowhere: not a run folder"),
        (["show", "variant", "wgn"], "unknown variant 'wgn'; did you mean 'wgan'?"),
        (["list", "variants", "--include", "nowhere.py"], "nowhere.py: no such file to include"),
        (["data", "fetch", "mnst"], "did you mean 'mnist'?"),
        (["new", "variant", "wgan"], "there is a variant of that name"),
        (["new", "variant", "9 lives"], "a letter first"),
    ],
)
def test_a_mistake_is_one_message(words: list[str], text: str) -> None:
    result = fails_with(text, *words)
    assert len(result.stderr.strip().splitlines()) == 1
    assert result.stdout == ""


def test_options_that_do_not_exist_are_refused_with_their_place(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, ["nsgan: {gamma: 3, batch_sise: 16}"])
    result = fails_with("small.yaml:4:", "run", suite, "--out", tmp_path / "run")
    assert "'gamma'" in result.stderr
    assert "'batch_size'" in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_layer_whose_random_numbers_cannot_repeat_is_refused_with_its_line(tmp_path: Path) -> None:
    plugin = tmp_path / "normed.py"
    plugin.write_text(
        "import torch\n"
        "from torch import nn\n"
        "from ganbench.objectives import non_saturating\n"
        "from ganbench.variants import register_variant, two_player\n"
        "class Noisy(nn.Module):\n"
        "    def forward(self, x):\n"
        "        return x + torch.poisson(torch.ones_like(x))\n"
        "@register_variant('normed')\n"
        "def normed(**options):\n"
        "    '''Normed.'''\n"
        "    prepare = lambda net: nn.Sequential(Noisy(), net)\n"
        "    return two_player(non_saturating(), prepare_discriminator=prepare, **options)\n",
        encoding="utf-8",
    )
    suite = write_suite(tmp_path, ["normed"])
    words = ("run", suite, "--out", tmp_path / "run", "--include", plugin)
    result = ganbench(*words)
    assert result.exit_code == 3
    assert "poisson (normed.py:7) would draw from torch's global generator" in result.output
    fails_with("normed.py:7", "check", suite, "--include", plugin)


def test_plan_prints_cohorts_trials_and_time_and_writes_nothing(
    finished: tuple[Path, Path], tmp_path: Path
) -> None:
    result = ganbench("plan", write_suite(tmp_path, [NSGAN, LSGAN], seeds=3), "--out", finished[1])
    assert result.exit_code == 0
    assert "6 trials, 4 of them finished; 2 cohorts to train" in result.stdout
    rows = [line.split() for line in result.stdout.splitlines() if line.startswith("ring8")]
    assert [row[1:6] for row in rows] == [[name, "20", "steps", "1", "20"] for name in ("nsgan", "lsgan")]
    assert "minutes with" in result.stdout
    (measuring,) = (line for line in result.stdout.splitlines() if line.startswith("of it measuring"))
    assert re.fullmatch(r"of it measuring, in all cohorts together: modes \d+\.\d s", measuring)
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]


def test_plan_of_a_cohort_that_would_fail_is_one_message(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, "planned")
    suite = write_suite(tmp_path, [f"planned-raises: {{{SMALL}}}"])
    fails_with("would fail: ValueError: no such luck", "plan", suite, "--include", plugin)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("quits", "would fail: SystemExit: 0; a plug-in must not end the process"),
        ("interrupts", "would fail: KeyboardInterrupt"),
        ("vanishes", "os._exit(0) ends the whole process"),
    ],
)
def test_a_plan_does_not_end_with_0_because_a_plug_in_does(tmp_path: Path, word: str, message: str) -> None:
    plugin = write_plugin(tmp_path, f"timed-{word}")
    suite = write_suite(tmp_path, [f"timed-{word}-{word}: {{{SMALL}}}"])
    fails_with(message, "plan", suite, "--include", plugin)


def test_what_cannot_be_written_is_named(
    finished: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    fails_with(f"{file}: a file", "run", finished[0], "--out", file)
    fails_with(f"{file / 'x'}: cannot be read or written", "run", finished[0], "--out", file / "x")

    def refuse(*_: object, **__: object) -> NoReturn:
        raise PermissionError(errno.EACCES, "Permission denied", "/there")

    monkeypatch.setattr(Path, "mkdir", refuse)
    fails_with(
        "/there: cannot be read or written: Permission denied", "run", finished[0], "--out", tmp_path / "new"
    )


def test_an_error_of_our_own_keeps_its_traceback_and_has_a_code_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> NoReturn:
        raise FileNotFoundError(errno.ENOENT, "No such file", "ours")

    monkeypatch.setattr("ganbench.pages.list_page", broken)
    result = ganbench("list", "variants")
    assert result.exit_code == 70
    assert "Traceback" in result.stderr
    assert "FileNotFoundError" in result.stderr
    assert "please report it" in result.stderr


def test_a_device_that_is_not_there_is_said(
    finished: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    fails_with("no CUDA device is available", "run", finished[0], "--device", "cuda")


def test_a_download_without_a_network_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise RuntimeError("Error downloading train-images:\nTried https://there, got:\nno route")

    monkeypatch.setattr("torchvision.datasets.MNIST.download", refuse)
    monkeypatch.setenv("GANBENCH_DATA", "elsewhere")
    result = fails_with("mnist could not be downloaded", "data", "fetch", "mnist", "--data", tmp_path)
    assert str(tmp_path) in result.stderr
    assert "no route" in result.stderr


def test_samples_are_the_same_bits_each_time(finished: tuple[Path, Path], tmp_path: Path) -> None:
    def sampled(name: str, *words: object) -> np.ndarray:
        file = tmp_path / name
        result = ganbench("sample", finished[1], "--variant", "nsgan", "--out", file, *words)
        assert result.exit_code == 0, result.output
        made: np.ndarray = np.load(file)
        return made

    first = sampled("a.npy", "--seed", 1, "--count", 30)
    assert first.shape == (30, 2)
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    sampled("b.npy", "--seed", 1, "--count", 30)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    assert not np.array_equal(first, sampled("c.npy", "--seed", 0, "--count", 30))
    assert sampled("d.npy").shape == (64, 2)


def test_samples_are_of_the_seeds_own_network(copied: Path, tmp_path: Path) -> None:
    folder = next(each for each in store.cohort_folders(copied) if "nsgan" in each.name)
    networks = load_file(folder / store.NETWORKS_FILE)
    for name, value in networks.items():
        if name.startswith("params/generator/"):
            value[1] = 0.0
    save_file(networks, folder / store.NETWORKS_FILE)
    for seed, nothing in ((0, False), (1, True)):
        ganbench("sample", copied, "--variant", "nsgan", "--seed", seed, "--out", tmp_path / "s.npy")
        assert (not np.load(tmp_path / "s.npy").any()) == nothing


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "2 cohorts match; choose one, for example --dataset ring8 --variant"),
        (["--variant", "nsgn"], "no finished variant 'nsgn'; did you mean 'nsgan'?"),
        (["--dataset", "ring9"], "no finished data set 'ring9'; did you mean 'ring8'?"),
        (["--variant", "nsgan", "--seed", "7"], "no seed 7; there are 0, 1"),
    ],
)
def test_samples_of_what_is_not_there(finished: tuple[Path, Path], words: list[str], text: str) -> None:
    fails_with(text, "sample", finished[1], *words)


def test_samples_of_images_are_images(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [NSGAN], seeds=1)
    text = suite.read_text(encoding="utf-8").replace("ring8", "digits").replace("[modes]", "[fidelity, cost]")
    suite.write_text(text, encoding="utf-8")
    trained(suite, tmp_path / "run")
    result = ganbench("sample", tmp_path / "run", "--count", 5, "--out", tmp_path / "s.npy")
    assert result.exit_code == 0, result.output
    samples = np.load(tmp_path / "s.npy")
    assert samples.shape == (5, 1, 8, 8)
    assert -1 <= samples.min() < samples.max() <= 1


def test_a_new_variant_can_be_checked_listed_and_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_report(monkeypatch)
    monkeypatch.chdir(tmp_path)
    made = ganbench("new", "variant", "my-own")
    assert made.exit_code == 0
    assert "ganbench check my_own.py" in made.stdout
    fails_with("exists; nothing was written", "new", "variant", "my-own")
    assert "my-own" in ganbench("list", "variants", "--include", "my_own.py").stdout
    assert "margin = 0.0" in ganbench("show", "variant", "my-own", "--include", "my_own.py").stdout
    suite = write_suite(tmp_path, [f"my-own: {{{SMALL}, margin: 0.5}}"])
    result = ganbench("run", suite, "--include", "my_own.py", "--workers", 1, "--out", "run")
    assert result.exit_code == 0, result.output
    assert [each["status"] for each in outcomes(tmp_path / "run").values()] == ["finished"]


@pytest.mark.parametrize("kind", [kind for kind in TEMPLATES if kind != "suite"])
@pytest.mark.usefixtures("forgotten_names")
def test_what_is_new_passes_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.chdir(tmp_path)
    made = ganbench("new", kind, "contracted")
    assert "ganbench check contracted.py" in made.stdout
    result = ganbench("check", "contracted.py")
    assert result.exit_code == 0, result.output
    *kept, last = result.stdout.splitlines()
    assert all(line.startswith("ok  ") for line in kept)
    assert sum(f"{kind} contracted: " in line for line in kept) >= len(CHECKS[kind])  # type: ignore[index]
    assert last == f"contracted.py: fine; {len(kept)} promises of the contract hold"
    assert len((tmp_path / "contracted.py").read_text(encoding="utf-8").splitlines()) < 40


def test_a_new_suite_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "ganbench run my-suite.yaml" in ganbench("new", "suite", "my-suite").stdout
    assert ganbench("check", "my-suite.yaml").stdout.startswith("my-suite.yaml: fine; 3 cohorts of 5 seeds")
    fails_with("exists; nothing was written", "new", "suite", "my-suite")
    fails_with("there is a suite of that name", "new", "suite", "quickstart")


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("dataset", "register_array_dataset"),
        ("dataset", "np"),
        ("network", "Nn"),
        ("network", "math"),
        ("diagnostic", "diagnostic"),
        ("diagnostic", "samples"),
        ("diagnostic", "quantity"),
    ],
)
@pytest.mark.usefixtures("forgotten_names")
def test_what_is_new_hides_nothing_that_it_uses(
    kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ganbench("new", kind, name).exit_code == 0
    (file,) = tmp_path.iterdir()
    result = ganbench("check", file)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("name", ["two-player", "softplus", "lambda", "Objective"])
def test_a_new_variants_function_hides_nothing_that_it_uses(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ganbench("new", "variant", name).exit_code == 0
    (file,) = tmp_path.iterdir()
    suite = write_suite(tmp_path, [name])
    assert ganbench("check", suite, "--include", file).exit_code == 0


def test_check_counts_what_a_suite_holds(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [NSGAN], seeds=1)
    assert (
        ganbench("check", suite).stdout
        == f"{suite}: fine; 1 cohort of 1 seed; one round of 1 game trained and measured\n"
    )
    assert "cohorts of 5 seeds" in ganbench("check", "quickstart").stdout


def test_show_tells_options_with_their_defaults_types_and_source() -> None:
    page = ganbench("show", "variant", "wgan-gp").stdout
    assert "Source: Gulrajani et al. 2017" in page
    assert "  gp_weight = 10.0\n      λ of the penalty (no half in front); a number of at least 0\n" in page
    assert "who moves when; alternating, consensus, extragradient, lookahead, optimistic, " in page
    assert "one of discriminator, generator" in page
    for kind, name in (
        ("dataset", "ring8"),
        ("network", "mlp"),
        ("diagnostic", "gradients"),
        ("update", "unrolled"),
    ):
        assert ganbench("show", kind, name).stdout.startswith(f"{kind} {name}\n\n")
    assert "\n  dataset" not in ganbench("show", "diagnostic", "modes").stdout


def test_show_prints_claims_with_their_place_and_source() -> None:
    page = ganbench("show", "claim", "dirac").stdout
    assert (
        "eigenvalue_imag_1 = 0.5 ± 1e-08 (exact)\n      dirac[update=plain, method=gan], dirac; Mescheder"
        in page
    )
    assert "distance = 3.097 ± 0.0005 (derived)" in page
    assert "dirac  " in ganbench("list", "claims").stdout


@pytest.mark.parametrize("kind", ["variants", "datasets", "diagnostics", "networks"])
def test_everything_listed_has_a_summary(kind: str) -> None:
    lines = ganbench("list", kind).stdout.splitlines()
    assert len(lines) >= 3
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines)


def _in_a_process(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, env=environment, check=False)


def test_an_installed_plug_in_is_found_and_a_broken_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.py").write_text(PLUGIN_MODULE, encoding="utf-8")
    folder = tmp_path / "elsewhere-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n", encoding="utf-8"
    )
    points = folder / "entry_points.txt"
    points.write_text("[ganbench.plugins]\nelsewhere = elsewhere\n", encoding="utf-8")
    listed = _in_a_process("list", "variants", PYTHONPATH=str(tmp_path))
    assert "from-elsewhere  A variant of an installed package." in listed.stdout
    assert "nsgan" in listed.stdout
    points.write_text("[ganbench.plugins]\nelsewhere = nowhere\n", encoding="utf-8")
    broken = _in_a_process("list", "variants", PYTHONPATH=str(tmp_path))
    assert broken.returncode == 2
    assert "plug-in elsewhere" in broken.stderr
    assert "Traceback" not in broken.stderr


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["list", "variants"], ["list", "diagnostics"]])
def test_torch_is_not_imported_to_list_or_help(words: list[str]) -> None:
    code = (
        "import sys\nfrom ganbench.cli import main\n"
        f"main({words!r}, standalone_mode=False)\n"
        "heavy = {'torch', 'numpy', 'pandas', 'pydantic', 'rich', 'sklearn', 'matplotlib'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if words == ["--version"]:
        assert __version__ in done.stdout


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = subprocess.Popen([*COMMAND, "list", "variants"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait()) == (b"", 0)


@pytest.mark.parametrize(
    ("asked", "seeds"), [("3", [0, 1, 2]), ("1000-1002", [1000, 1001, 1002]), ("7-7", [7])]
)
def test_seeds_stand_in_place_of_the_suites(tmp_path: Path, asked: str, seeds: list[int]) -> None:
    suite = write_suite(tmp_path, [NSGAN, f"lsgan: {{{SMALL}}}\n    seeds: 4"], seeds=2)
    result = ganbench("plan", suite, "--seeds", asked, "--out", tmp_path / "run")
    assert f"{2 * len(seeds)} trials; 2 cohorts to train" in result.stdout
    loaded = load_suite(suite).with_seeds(tuple(seeds))
    assert [list(cohort.seeds) for cohort in loaded.cohorts()] == [seeds, seeds]


@pytest.mark.parametrize("asked", ["0", "5-3", "-1", "a", "1-2-3", "1.5", "0-1000000000"])
def test_what_are_no_seeds_is_refused(tmp_path: Path, asked: str) -> None:
    result = ganbench("plan", write_suite(tmp_path), f"--seeds={asked}")
    assert result.exit_code == 2
    assert "such as 1000-1019" in result.stderr


def test_cohorts_of_any_label_are_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels that file systems take for something else: hidden, too long, alike, reserved."""
    without_report(monkeypatch)
    labels = [".hidden", "Twin", "twin", "a b", "a_b", "con", "🎉" * 80, "e\u0301", "é"]
    lines = [f"  - ring8: {{sigma: 0.{i + 1}}}\n    label: '{label}'" for i, label in enumerate(labels)]
    suite = write_suite(tmp_path, steps=1, seeds=1)
    text = suite.read_text(encoding="utf-8").replace("datasets: [ring8]", "\n".join(["datasets:", *lines]))
    suite.write_text(text, encoding="utf-8")
    run = tmp_path / "run"
    result = ganbench("run", suite, "--out", run, "--workers", 1)
    assert result.exit_code == 0, result.output
    cohorts = [store.read_description(folder)["dataset"]["label"] for folder in store.cohort_folders(run)]
    assert sorted(cohorts) == sorted(labels)
    assert len({each.name.casefold() for each in (run / store.DATASETS).glob("*.json")}) == len(labels)
    for label in labels:
        assert read(store.dataset_file(run, label, ".json"))["label"] == label
    assert "9 of 9 trials have ended: 9 finished" in ganbench("status", run).stdout
    assert "nothing to train" in ganbench("run", suite, "--out", run, "--workers", 1).stderr


def test_a_run_that_lacks_a_trial_ends_with_3(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever took the cohort away: what was planned is counted, not what was found."""
    without_report(monkeypatch)

    def one_of_them(tasks: Sequence[CohortTask], workers: int, tell: Listener) -> None:
        run_tasks(tasks[:1], workers, tell)

    monkeypatch.setattr("ganbench.execution.runner.run_tasks", one_of_them)
    result = ganbench("run", write_suite(tmp_path, [NSGAN, LSGAN]), "--out", tmp_path / "run", "--workers", 1)
    assert result.exit_code == 3
    assert result.stderr.splitlines()[-1] == "without a result: ring8 · lsgan: seeds 0, 1"


def test_an_added_diagnostic_is_said_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_report(monkeypatch)
    suite = write_suite(tmp_path, steps=1, seeds=1)
    suite.write_text(suite.read_text(encoding="utf-8").replace("[modes]", "[cost]"), encoding="utf-8")
    said = "diagnostic 'modes' is added: it ranks on ring8\n"
    assert ganbench("check", suite).stderr == said
    result = ganbench("run", suite, "--out", tmp_path / "run", "--workers", 1)
    assert (result.exit_code, result.stderr.count(said)) == (0, 1)
    assert read(tmp_path / "run" / store.RUN_FILE)["suite"]["added"] == {"modes": ["ring8"]}


HALF_A_CHARACTER = r'''
from ganbench.objectives import Objective, non_saturating
from ganbench.variants import register_variant, two_player

@register_variant("half-a-character")
def half_a_character(**options):
    """Raises a text that UTF-8 cannot hold."""

    def loss(real, fake, batch):
        raise ValueError("half \udcff of one")

    return two_player(Objective(loss, non_saturating().generator), **options)
'''


@pytest.mark.parametrize("workers", [1, 2])
def test_any_text_of_an_exception_is_written(tmp_path: Path, forgotten_names: None, workers: int) -> None:
    """To the terminal, JSON, Parquet, CSV, Markdown, XML and HTML, whatever it holds."""
    (tmp_path / "half.py").write_text(HALF_A_CHARACTER, encoding="utf-8")
    suite = write_suite(tmp_path, [NSGAN, f"half-a-character: {{{SMALL}}}"], more="include: [half.py]")
    run = tmp_path / "run"
    result = ganbench("run", suite, "--out", run, "--workers", workers)
    assert result.exit_code == 3, result.output
    assert r"ValueError: half \udcff of one" in result.stderr
    written = (run / "report.html").read_text(encoding="utf-8")
    assert written.count(r"half \udcff of one") >= 1
    (folder,) = [each for each in store.cohort_folders(run) if "half" in each.name]
    assert r"half \udcff of one" in store.read_outcome(folder)["traceback"]
    status = subprocess.run([*COMMAND, "status", str(run)], capture_output=True, check=False)
    assert status.returncode == 0
    assert rb"half \udcff of one" in status.stdout


def test_labels_of_a_foreign_run_are_compared_whatever_they_hold(copied: Path, tmp_path: Path) -> None:
    shutil.copytree(copied, tmp_path / "new")
    about = store.read_run(copied)
    store.write_json(tmp_path / "new" / store.RUN_FILE, {**about, "created": "2031-01-01T00:00:00+00:00"})
    for run in (copied, tmp_path / "new"):
        baseline = tmp_path / f"{run.name}.json"
        assert ganbench("baseline", "save", run, baseline).exit_code == 0
        baseline.write_text(
            re.sub('"variant": ?"nsgan"', r'"variant": "ns\\udcffgan"', baseline.read_text(encoding="utf-8")),
            encoding="utf-8",
        )
    result = ganbench("gate", tmp_path / "run.json", tmp_path / "new.json", "--out", tmp_path / "gate")
    assert result.exit_code in (0, 5), result.output
    for name in ("gate.json", "gate.xml", "gate.md", "comparison.html", "comparison.csv", "comparison.md"):
        assert r"\udcffgan" in (tmp_path / "gate" / name).read_text(encoding="utf-8"), name
    rows = pd.read_parquet(tmp_path / "gate" / "comparison.parquet")
    assert r"ns\udcffgan" in set(rows["variant"])


def test_a_check_that_does_not_end_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = write_suite(tmp_path)
    monkeypatch.setattr("ganbench.cli.running._LONGEST_CHECK", 0.01)
    said = f"{suite}: not done within 0.01 seconds; is one of its numbers far too large"
    assert fails_with(said, "check", suite).stderr.count("\n") == 1
