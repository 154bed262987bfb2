"""ci/regression.sh with a stand-in for ganbench: what is called, with which words, and how it ends."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "ci" / "regression.sh"
STAND_IN = """#!/usr/bin/env bash
printf '%s\\n' "$*" >>"$CALLS"
for word in "$@"; do [ "$word" = "a b.yaml" ] && echo "in one piece" >>"$CALLS"; done
if [ "$1" = refusal ]; then mkdir -p "$4" && echo "refused $2: $3" >"$4/gate.md"; exit 0; fi
if [ "$1" = gate ]; then mkdir -p "$5" && echo "verdict" >"$5/gate.md"; exit "$GATE"; fi
exit "$RUN"
"""


class Called:
    """A finished call of the script: its exit code, what ganbench was asked, and the job's summary."""

    def __init__(self, place: Path, words: list[str], run: int = 0, gate: int = 0, options: str = "") -> None:
        tools = place / "bin"
        tools.mkdir(exist_ok=True)
        (tools / "ganbench").write_text(STAND_IN)
        (tools / "ganbench").chmod(0o755)
        summary, calls = place / "summary", place / "calls"
        calls.unlink(missing_ok=True)
        environment = {
            **os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "CALLS": str(calls), "RUN": str(run),
            "GATE": str(gate), "GITHUB_STEP_SUMMARY": str(summary), "GANBENCH_RUN_OPTIONS": options,
        }  # fmt: skip
        done = subprocess.run(
            ["bash", SCRIPT, *words], cwd=place, env=environment, capture_output=True, text=True, check=False
        )
        self.code, self.error = done.returncode, done.stderr
        self.calls = calls.read_text().splitlines() if calls.exists() else []
        self.summary = summary.read_text() if summary.exists() else ""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "base.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize("code", [0, 1, 3, 4, 5, 2, 130, 70])
@pytest.mark.parametrize("run", [0, 3])
def test_the_gates_code_is_the_scripts(place: Path, run: int, code: int) -> None:
    called = Called(place, ["suite.yaml", "base.json"], run, code)
    assert called.code == code
    folder = "results/regression"
    assert called.calls == [
        f"run suite.yaml --out {folder}/run",
        f"gate base.json {folder}/run --out {folder}/gate",
    ]
    assert called.summary == "verdict\n"


@pytest.mark.parametrize(("run", "code"), [(2, 2), (130, 130), (1, 70), (70, 70), (137, 70)])
def test_a_run_that_could_not_be_made_is_never_a_regression(place: Path, run: int, code: int) -> None:
    stale = place / "out" / "gate"
    stale.mkdir(parents=True)
    (stale / "gate.xml").write_text("an earlier pass")
    called = Called(place, ["suite.yaml", "base.json", "out"], run)
    assert called.code == code
    assert [call.split()[0] for call in called.calls] == ["run", "refusal"]
    assert not (stale / "gate.xml").exists(), "an earlier verdict would be taken for this one"
    assert f"refused {code}: `ganbench run suite.yaml`" in called.summary


def test_no_baseline_is_said_before_anything_is_trained(place: Path) -> None:
    called = Called(place, ["suite.yaml", "gone.json"])
    assert called.code == 4
    assert [call.split()[0] for call in called.calls] == ["refusal"]
    assert "gone.json: there is no baseline" in called.error
    assert "gone.json" in called.summary


def test_options_go_where_they_belong(place: Path) -> None:
    words = ["a b.yaml", "base.json", "--insufficient", "pass"]
    called = Called(place, words, options="--include mine.py --workers 1")
    assert called.calls[0] == "run a b.yaml --out results/regression/run --include mine.py --workers 1"
    assert called.calls[1] == "in one piece"
    assert called.calls[2].endswith("--out results/regression/gate --insufficient pass")
    assert (
        Called(place, ["s.yaml", "base.json", "my out", "--confirm", "5"])
        .calls[1]
        .endswith("gate base.json my out/run --out my out/gate --confirm 5")
    )


def test_without_arguments_it_says_how_it_is_used(place: Path) -> None:
    called = Called(place, [])
    assert called.code == 2
    assert "SUITE BASELINE [FOLDER]" in called.error
