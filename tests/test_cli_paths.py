"""Paths that a user gives: empty ones, ones of the wrong kind, no home, and a working folder that changes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_runs import NSGAN, SMALL, fails_with, ganbench, outcomes, without_report, write_suite

from ganbench import store

CHANGES_FOLDER = """
import os
from ganbench.objectives import Objective, non_saturating
from ganbench.variants import register_variant, two_player

ELSEWHERE = {elsewhere!r}
os.chdir(ELSEWHERE)
usual = non_saturating()

@register_variant("wanders-off-{prefix}")
def wanders_off(**options):
    '''Changes the working folder when it is imported, made and trained.'''
    os.chdir(ELSEWHERE)

    def loss(real, fake, batch):
        os.chdir(ELSEWHERE)
        return usual.discriminator(real, fake, batch)

    return two_player(Objective(loss, usual.generator), **options)
"""


@pytest.mark.parametrize(
    "command",
    [
        "run quickstart --out", "run", "run quickstart --include", "plan quickstart --data", "check",
        "data fetch mnist --data", "gate a b --out", "gate a", "compare", "baseline save a", "status",
        "report", "history", "history a --out", "power --effect 2sd", "sample", "sample a --out",
        "selftest --plan --out",
    ],
)  # fmt: skip
def test_an_empty_path_is_refused_by_its_options_name(command: str) -> None:
    words = command.split()
    said = fails_with("empty", *words, "").stderr
    assert (words[-1] if words[-1].startswith("--out") else "Invalid value for ") in said


def test_what_cannot_be_a_run_folder_is_refused_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trains(*_: object) -> None:
        raise AssertionError("trained")

    monkeypatch.setattr("ganbench.execution.runner.run_tasks", trains)
    suite, file = write_suite(tmp_path), tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    fails_with(f"{file}: a file; --out must name a folder", "run", suite, "--out", file)
    fails_with(f"{file / 'in'}: cannot be read or written", "run", suite, "--out", file / "in")
    long = tmp_path / ("x" * 300)
    fails_with("cannot be read or written: File name too long", "run", suite, "--out", long)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "else")
    fails_with("dangling: cannot be read or written", "run", suite, "--out", tmp_path / "dangling")
    assert file.read_text(encoding="utf-8") == "mine"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["dangling", "file", "small.yaml"]


@pytest.mark.parametrize("command", ["compare", "gate"])
def test_a_comparison_into_a_file_is_refused(
    finished: tuple[Path, Path], copied: Path, tmp_path: Path, command: str
) -> None:
    run = store.read_run(copied)
    store.write_json(copied / store.RUN_FILE, {**run, "created": "2031-01-01T00:00:00+00:00"})
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    said = fails_with("file", command, finished[1], copied, "--out", tmp_path / "file").stderr
    assert "cannot be read or written" in said
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("out", ["run", None])
def test_a_plugin_that_changes_the_working_folder_does_not_move_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten_names: None, out: str | None
) -> None:
    without_report(monkeypatch)
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    prefixes = [f"{name}-{out or 'default'}".lower() for name in ("suite", "option")]
    for prefix in prefixes:
        text = CHANGES_FOLDER.format(elsewhere=str(elsewhere), prefix=prefix)
        (here / f"{prefix}.py").write_text(text, encoding="utf-8")
    variants = [f"wanders-off-{prefix}: {{{SMALL}}}" for prefix in prefixes]
    write_suite(here, variants, more=f"include: [{prefixes[0]}.py]")
    (here / "data").mkdir()
    monkeypatch.setenv("GANBENCH_DATA", "data")
    monkeypatch.chdir(here)
    words = ["small.yaml", "--include", f"{prefixes[1]}.py", *(["--out", out] if out else []), "--workers", 1]
    result = ganbench("run", *words)
    assert result.exit_code == 0, result.output
    assert Path.cwd() == elsewhere
    assert not list(elsewhere.iterdir())
    (run,) = [here / out] if out else (here / "results").iterdir()
    assert {each["status"] for each in outcomes(run).values()} == {"finished"}
    assert len(outcomes(run)) == 2
    assert os.environ["GANBENCH_DATA"] == str(here / "data")


def test_a_plugin_that_changes_the_working_folder_is_checked_and_sampled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forgotten_names: None
) -> None:
    without_report(monkeypatch)
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    here.mkdir()
    elsewhere.mkdir()
    text = CHANGES_FOLDER.format(elsewhere=str(elsewhere), prefix="checked")
    (here / "mine.py").write_text(text, encoding="utf-8")
    write_suite(here, [f"wanders-off-checked: {{{SMALL}}}"], more="include: [mine.py]")
    monkeypatch.chdir(here)
    assert "registers nothing" not in ganbench("check", "mine.py").output
    monkeypatch.chdir(here)
    assert ganbench("run", "small.yaml", "--out", "run", "--workers", 1).exit_code == 0
    monkeypatch.chdir(here)
    assert ganbench("sample", "run", "--count", 2, "--out", "s.npy", "--trust").exit_code == 0
    assert (here / "s.npy").is_file()
    assert not list(elsewhere.iterdir())


def test_a_working_folder_that_was_removed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for words in (["run", "quickstart"], ["run", "quickstart", "--out", "run"], ["status", "run"]):
        fails_with("the current folder no longer exists", *words)


NOBODY = """
import pwd

def nobody(_):
    raise KeyError("no such user")

pwd.getpwuid = pwd.getpwnam = nobody
"""


@pytest.fixture
def homeless(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The surroundings of a user without an entry in the password file and no HOME."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(NOBODY, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name not in ("HOME", "GANBENCH_DATA")}
    return {**kept, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}


def said(environment: dict[str, str], *words: Any) -> str:
    """What a command that ends with 2 prints to stderr, in a process of its own."""
    command = [sys.executable, "-m", "ganbench", *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    return done.stderr


def test_without_a_home_a_folder_for_data_is_asked_for(tmp_path: Path, homeless: dict[str, str]) -> None:
    suite = write_suite(tmp_path)
    text = suite.read_text(encoding="utf-8").replace("ring8", "mnist").replace("[modes]", "[fidelity]")
    suite.write_text(text, encoding="utf-8")
    for words in (["check", suite], ["run", suite], ["plan", suite], ["data", "fetch", "mnist"]):
        message = said(homeless, *words)
        assert "--data DIR or GANBENCH_DATA names one" in message
        assert message.count("\n") == 1
    assert "~someone/data names no folder" in said(homeless, "check", suite, "--data", "~someone/data")
    assert f"not found in {tmp_path}" in said({**homeless, "GANBENCH_DATA": str(tmp_path)}, "check", suite)


def test_without_a_home_what_needs_no_files_is_checked(tmp_path: Path, homeless: dict[str, str]) -> None:
    command = [sys.executable, "-m", "ganbench", "check", str(write_suite(tmp_path, [NSGAN]))]
    assert subprocess.run(command, env=homeless, capture_output=True, check=False).returncode == 0
