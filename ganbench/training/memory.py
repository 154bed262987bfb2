"""Peak memory of a cohort: of the device where there is one, else of this process."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """Counts from its making on.

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
