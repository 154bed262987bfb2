"""Where and how precisely a cohort is computed, and the memory that it takes there."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

from ganbench.errors import GanbenchError
from ganbench.training.description import Precision

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def choose_device(wanted: str) -> torch.device:
    """The device of `auto`, `cpu` or `cuda`; raises GanbenchError where it is not there."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise GanbenchError("--device cuda: no CUDA device is available; use --device cpu or auto")
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(wanted)


def dtype_of(precision: Precision) -> torch.dtype:
    """The type parameters are kept in."""
    return torch.float64 if precision == "float64" else torch.float32


def autocast_of(precision: Precision) -> torch.dtype | None:
    """The type that autocast lowers losses to, if any."""
    return torch.bfloat16 if precision == "bfloat16" else None


@contextmanager
def matmul_precision(precision: Precision) -> Iterator[None]:
    """Reduced-precision float32 products for `medium`, exact ones otherwise; restored afterwards.

    On a GPU convolutions follow, and are computed by algorithms that repeat bitwise.
    """
    before, reduced = torch.get_float32_matmul_precision(), precision == "medium"
    torch.set_float32_matmul_precision("medium" if reduced else "highest")
    try:
        with torch.backends.cudnn.flags(
            enabled=True, benchmark=False, deterministic=True, allow_tf32=reduced
        ):
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def has_compiler(device: torch.device) -> bool:
    """Whether torch's compiler can make code for this device here."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (7, 0)
    try:
        from torch._inductor.cpp_builder import get_cpp_compiler

        return shutil.which(get_cpp_compiler()) is not None
    except Exception:  # the compiler's own probe raises many kinds of errors where there is none
        return False


def synchronize(device: torch.device) -> None:
    """Wait for the device; only before a clock is read or numbers are."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def faster_seed_by_seed(modules: Iterable[nn.Module], device: torch.device) -> bool:
    """Whether networks convolve on a CPU, where seeds one after another are faster than seeds at once."""
    layers = (layer for module in modules for layer in module.modules())
    return device.type == "cpu" and any(isinstance(layer, _CONVOLUTIONS) for layer in layers)


class PeakMemory:
    """Peak memory of the device, or on a CPU of this process, from its construction on.

    On Linux the process's high-water mark is reset; elsewhere it is the process's since its
    start, an upper bound.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        elif _CLEAR.exists():
            try:
                _CLEAR.write_text("5")
            except OSError:
                return

    def peak(self) -> float:
        """Bytes."""
        if self._device.type == "cuda":
            return float(torch.cuda.max_memory_allocated(self._device))
        if _STATUS.exists():
            line = next(row for row in _STATUS.read_text().splitlines() if row.startswith("VmHWM"))
            return float(line.split()[1]) * 1024
        if sys.platform == "win32":
            return float("nan")
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return float(used if sys.platform == "darwin" else used * 1024)
