"""Memory that runs out is said in one message with code 3, wherever it does."""

from __future__ import annotations

import errno
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pytest
import torch
from small_runs import fails_with, read, write_suite

from ganbench.errors import OutOfMemory, out_of_memory

COMMAND = [sys.executable, "-c", "from ganbench.cli import main; main()"]
ERRORS: tuple[Exception, ...] = (
    MemoryError(),
    pa.ArrowMemoryError("malloc of size 64 failed"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("can't start new thread"),
    ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
)


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_memory_that_ran_out_is_known_by_type_number_or_words(error: Exception) -> None:
    lack = out_of_memory(error)
    assert isinstance(lack, OutOfMemory)
    assert str(lack).startswith(f"out of memory ({type(error).__name__}")
    later = KeyError("cleaning up")
    later.__context__ = error
    assert str(out_of_memory(later)) == str(lack)


@pytest.mark.parametrize(
    "error",
    [ValueError("out of memory"), RuntimeError("shape"), OSError(errno.ENOENT, "no"), ImportError("no name")],
    ids=repr,
)
def test_other_faults_are_no_lack_of_memory(error: Exception) -> None:
    assert out_of_memory(error) is None


def raises(*_: Any, **__: Any) -> NoReturn:
    raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")


def test_memory_that_runs_out_in_a_report_or_a_gate_is_one_message(
    finished: tuple[Path, Path], copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganbench.report.write.write_report", raises)
    monkeypatch.setattr("ganbench.comparison.sides.load_sides", raises)
    assert fails_with("out of memory (RuntimeError: Def", "report", copied, code=3).stderr.count("\n") == 1
    fails_with("out of memory", "gate", finished[1], copied, "--out", tmp_path, code=3)
    kept = read(tmp_path / "gate.json")
    assert kept["exit_code"] == 3
    assert kept["reasons"][0].startswith("out of memory (RuntimeError: Def")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the limit is not kept")
@pytest.mark.parametrize("command", ["check", "plan", "run"])
def test_too_little_memory_to_import_is_one_message(tmp_path: Path, command: str) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))

    words = [*COMMAND, command, str(write_suite(tmp_path))]
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, preexec_fn=limited, cwd=tmp_path
    )
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("out of memory (ImportError: ")
    assert done.stderr.count("\n") == 1
    assert [each.name for each in tmp_path.iterdir()] == ["small.yaml"]
