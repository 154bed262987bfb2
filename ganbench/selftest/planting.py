"""Copies of the package with a defect in each, and processes that work inside them.

The user's own tree is read and never written.  What a copy has answered is kept under a stamp of everything
that decides it, so a selftest that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ganbench
from ganbench import store
from ganbench.execution.key import digest_of
from ganbench.selftest.defect import Defect
from ganbench.selftest.inside import Job

OWN_PACKAGE = Path(ganbench.__file__).resolve().parent
_LOOKS = ("golden", "inside", "restricted", "tracing")
"""Modules of the selftest that decide, with the contract tests, how a probe and a repeat look at a copy."""
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.pyc")
_NAME = OWN_PACKAGE.name
_LAST_LINES = 12
_ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class Answer:
    """What a process in a copy said, or why it said nothing."""

    values: Mapping[str, Any]
    problem: str | None = None
    """The last lines of its error output, where it failed."""


def plant(folder: Path, defect: Defect | None = None, package: Path = OWN_PACKAGE) -> Path:
    """A fresh copy of a package in `folder`, with the defect in it; returns the copied package's folder."""
    copy = folder / _NAME
    if copy.exists():
        shutil.rmtree(copy)
    shutil.copytree(package, copy, ignore=_NOT_COPIED)
    if defect is not None:
        file = copy / defect.file
        file.write_text(defect.planted(file.read_text(encoding="utf-8")), encoding="utf-8")
    return copy


def digest_of_looks(package: Path) -> str:
    """A hash of what looks at defects in a package, and is no part of the sources that train."""
    files = [*(package / "contract").glob("*.py"), *(package / "selftest" / f"{name}.py" for name in _LOOKS)]
    return digest_of(sorted(files))


def stamp(defect: Defect | None, job: Job, sources: str) -> str:
    """A hash of all that decides a job's answer; `sources` stands for the unpatched package and torch.

    And, where the job is to look closely, for `digest_of_looks`.
    """
    asked = {name: value for name, value in asdict(job).items() if name not in _PLACES}
    patch = None if defect is None else (defect.file, defect.before, defect.after)
    text = json.dumps([asked, patch, sources], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


_PLACES = ("package", "suite", "answer", "run", "workers")
"""Of a job: where things are, not what they are."""


def kept_answer(job: Job, mark: str) -> Answer | None:
    """The answer that an earlier process left under the same stamp."""
    file = Path(job.answer)
    kept = store.read_json(file) if file.is_file() else {}
    return Answer(kept["values"]) if kept.get("stamp") == mark else None


def ask(job: Job, mark: str) -> Answer:
    """Let a process of its own do a job in its copy, and keep what it says under a stamp.

    A failure is told and never kept: it is tried again the next time.
    """
    answer = Path(job.answer)
    told = answer.with_suffix(".job.json")
    raw = Job(**{**asdict(job), "answer": str(answer.with_suffix(".raw.json"))})
    store.write_json(told, asdict(raw))
    done = subprocess.run(
        [sys.executable, "-P", "-m", "ganbench.selftest.inside", str(told)],
        cwd=Path(job.package).parent,
        env=_environment(Path(job.package).parent),
        capture_output=True,
        text=True,
        check=False,
    )
    found = Answer(store.read_json(Path(raw.answer))) if done.returncode == 0 else Answer({}, _tail(done))
    for left in (told, Path(raw.answer)):
        left.unlink(missing_ok=True)
    if found.problem is None and not found.values.get("failed"):
        store.write_json(answer, {"stamp": mark, "values": found.values})
    return found


def _tail(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines()[-_LAST_LINES:]
    return "\n".join(lines) or f"the process ended with exit code {done.returncode}"


def _environment(folder: Path) -> dict[str, str]:
    """The caller's environment, with the copy first on the path and one thread a process."""
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([str(folder), *([inherited] if inherited else [])])
    return {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONPATH": path}
