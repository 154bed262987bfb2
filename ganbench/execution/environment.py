"""On what a run was made: versions, commit, processor."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import ganbench

_PACKAGES = ("torch", "torchvision", "torch-fidelity", "numpy", "scipy", "scikit-learn")


def environment(device: torch.device) -> dict[str, Any]:
    """Versions, git commit and whether the tree was dirty, device, processor; plain JSON values."""
    return {
        "ganbench": ganbench.__version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "git": _git(Path(ganbench.__file__).parent, "__init__.py"),
        "git_of_working_folder": _git(Path.cwd()),
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "device_type": device.type,
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git(folder: Path, *tracked: str) -> dict[str, Any] | None:
    """The commit of the checkout that a folder is in; None without one, or where it lacks `tracked`.

    That is ganbench's own where it runs from a checkout, else that of the folder it was called in.
    """
    try:
        _git_output(folder, "ls-files", "--error-unmatch", *tracked)
        commit = _git_output(folder, "rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git_output(folder, "status", "--porcelain", "."))}
    except (OSError, subprocess.SubprocessError):
        return None


def _git_output(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8", errors="replace") if info.exists() else ""
    model = re.search(r"(?m)^model name[^:]*:(.*)", text)
    return model[1].strip() if model else platform.processor() or platform.machine()
