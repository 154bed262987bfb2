"""What starting the command line costs: CPU seconds of a whole process, reported and never asserted."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

resource = pytest.importorskip("resource", reason="CPU seconds of children are POSIX's")


def _cpu_seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return float(used.ru_utime + used.ru_stime)


@pytest.mark.parametrize("words", [["--help"], ["list", "variants"]], ids=" ".join)
def test_startup(benchmark: BenchmarkFixture, words: list[str]) -> None:
    """The target is 0.3 s of CPU."""
    command = [sys.executable, "-c", "from ganbench.cli import main; main()", *words]

    def start() -> None:
        subprocess.run(command, capture_output=True, check=True)

    start()
    before, runs = _cpu_seconds_of_children(), 5
    for _ in range(runs):
        start()
    benchmark.extra_info["cpu_seconds"] = round((_cpu_seconds_of_children() - before) / runs, 3)
    benchmark.pedantic(start, rounds=5, iterations=1)
