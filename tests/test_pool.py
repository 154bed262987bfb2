"""Worker processes: what becomes of a run when they, or it, end early."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_runs import CPU, NSGAN, SMALL, outcomes, planned, trained, write_plugin, write_suite

from ganbench import store
from ganbench.execution.backends import run_tasks
from ganbench.execution.cohort_run import Event
from ganbench.execution.runner import execute
from ganbench.suite import load_suite

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")


@posix
def test_a_dead_worker_takes_only_its_cohort_with_it(tmp_path: Path) -> None:
    plugin = write_plugin(tmp_path, "dead")
    variants = [f"dead-ends: {{{SMALL}}}", f"dead-killed: {{{SMALL}}}", NSGAN]
    suite = write_suite(tmp_path, variants, more=f"include: [{plugin}]")
    summary, events = trained(suite, tmp_path / "run", workers=2)
    found = outcomes(tmp_path / "run")
    assert {name: each["status"] for name, each in found.items()} == {
        "dead-ends": "failed",
        "dead-killed": "failed",
        "nsgan": "finished",
    }
    assert found["dead-ends"]["reason"] == "the worker process ended with exit code 7"
    assert found["dead-killed"]["reason"] == "the worker process was killed by SIGKILL (out of memory?)"
    assert len(summary.failed) == 2
    ends = [event.identity for event in events if event.kind in ("finished", "failed")]
    assert sorted(ends) == sorted(path.name for path in (tmp_path / "run" / store.COHORTS).iterdir())
    left = planned(suite, tmp_path / "run").tasks
    assert [task.description.variant.label for task in left] == ["dead-ends", "dead-killed"]


@posix
def test_what_a_plug_in_does_to_its_process_is_its_cohorts_failure(tmp_path: Path) -> None:
    """With one worker as with many; whatever it is, the next cohort is trained and stored in its place."""
    plugin = write_plugin(tmp_path, "rude")
    words = ("quits", "interrupts", "vanishes", "closes", "surrogate", "moves")
    rude = [f"rude-{word}: {{{SMALL}}}" for word in words]
    suite = write_suite(tmp_path, [*rude, NSGAN], more=f"include: [{plugin}]")
    with contextlib.chdir(tmp_path):
        summary, _ = trained(suite, Path("run"), workers=1)
    stored = outcomes(tmp_path / "run")
    reasons = {name: outcome["reason"] for name, outcome in stored.items()}
    lines = plugin.read_text(encoding="utf-8").splitlines()

    def place(text: str) -> str:
        return f"(rude.py:{1 + next(number for number, line in enumerate(lines) if text in line)})"

    assert reasons == {
        "rude-quits": f"SystemExit: 0; a plug-in must not end the process {place('sys.exit(0)')}",
        "rude-interrupts": f"KeyboardInterrupt {place('raise KeyboardInterrupt')}",
        "rude-vanishes": f"SystemExit: 0; a plug-in must not end the process {place('os._exit(0)')}",
        "rude-closes": None,
        "rude-surrogate": f"ValueError: odd \\udc80 {place('udc80')}",
        "rude-moves": None,
        "nsgan": None,
    }
    assert len(summary.failed) == 4
    assert not list((tmp_path / "elsewhere").iterdir())


@posix
@pytest.mark.parametrize("moment", ["starting", "training"])
def test_ctrl_c_on_a_terminal_ends_all_processes_without_a_trace(tmp_path: Path, moment: str) -> None:
    """A terminal sends the signal to the whole group: workers must not answer it with tracebacks."""
    suite = write_suite(tmp_path, steps=10_000_000)
    words = ["run", str(suite), "--out", str(tmp_path / "run"), "--workers", "2"]
    # a script's background tests inherit an ignored SIGINT, which a terminal's commands do not
    heard = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = [sys.executable, "-c", f"{heard}; from ganbench.cli import main; main()", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    said = ""
    awaited = "trials into" if moment == "starting" else "started"
    try:
        while awaited not in said and (line := process.stderr.readline()):
            said += line
        if moment == "starting":
            _wait_for_worker(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        rest = process.communicate(timeout=60)[1]
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    assert process.returncode == 130, said + rest
    assert rest.splitlines()[-1].startswith("interrupted; what was finished is kept")
    assert "Traceback" not in said + rest, said + rest
    _wait_until_gone(process.pid)
    cohorts = tmp_path / "run" / store.COHORTS
    assert not cohorts.exists() or list(cohorts.iterdir()) == []


@posix
def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, steps=10_000_000)
    words = ["run", str(suite), "--out", str(tmp_path / "run"), "--workers", "2"]
    command = [sys.executable, "-c", "from ganbench.cli import main; main()", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    while "started" not in process.stderr.readline():
        assert process.poll() is None
    process.kill()
    process.wait()
    try:
        _wait_until_gone(process.pid)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def _wait_for_worker(parent: int) -> None:
    """Until the first worker imports its modules, before it can have said how to take signals."""
    if not Path("/proc").is_dir():
        pytest.skip("needs /proc")
    for _ in range(1000):
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if f") S {parent} " in (text := stat.read_text()) or f") R {parent} " in text:
                    command = (stat.parent / "cmdline").read_bytes()
                    if b"forkserver" in command or b"spawn_main" in command:
                        return time.sleep(0.7)
        time.sleep(0.01)
    raise AssertionError("no worker was started")


def _wait_until_gone(group: int) -> None:
    for _ in range(600):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("processes are left over")


def test_an_interrupted_run_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, [NSGAN, NSGAN.replace("nsgan", "lsgan"), NSGAN.replace("nsgan", "gan")])
    loaded, plan = load_suite(suite), planned(suite, tmp_path / "run")

    def tell(event: Event) -> None:
        if event.kind == "measured" and "lsgan" in event.identity:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(loaded, plan, tell)
    assert list(outcomes(tmp_path / "run")) == ["nsgan"]
    assert [path.name[:12] for path in (tmp_path / "run" / store.COHORTS).iterdir()] == ["ring8--nsgan"]
    left = planned(suite, tmp_path / "run")
    assert [task.description.variant.label for task in left.tasks] == ["lsgan", "gan"]
    assert (left.trials, left.trials_done) == (6, 2)


def test_no_work_needs_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multiprocessing.get_context", lambda kind: pytest.fail("a process was started"))
    run_tasks([], 4, lambda event: pytest.fail("something was told"))


def test_fewer_cohorts_than_processes_are_shared_by_seeds(tmp_path: Path) -> None:
    suite = write_suite(tmp_path, seeds=5)
    parts = [task.description.seeds for task in planned(suite, tmp_path / "run", workers=3).tasks]
    assert parts == [(0, 1), (2, 3), (4,)]
    assert len({task.identity for task in planned(suite, tmp_path / "run", workers=3).tasks}) == 3
    assert [task.device for task in planned(suite, tmp_path / "run", workers=1).tasks] == [str(CPU)]
