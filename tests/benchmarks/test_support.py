"""Peak memory and time of the nearest-neighbour estimates at the size they are promised for.

    pytest tests/benchmarks/test_support.py -n0 -s

Fifty thousand samples against as many real examples in 64 dimensions: some six minutes of one quiet core.
GANBENCH_POINTS sets another number; try it small first.  The process may have 8 GB of addresses at most.
"""

from __future__ import annotations

import os
import subprocess
import sys

POINTS = int(os.environ.get("GANBENCH_POINTS", "50000"))
MEASURE = f"""
import resource, time, torch
from ganbench.diagnostics.estimators.neighbours import neighbourhoods, support_values
torch.set_num_threads(1)
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # a mistake here must not take the machine down
source = torch.Generator().manual_seed(0)
real, fake = torch.randn(2, {POINTS}, 64, generator=source, dtype=torch.float64)
begun = time.process_time()
print(support_values(neighbourhoods(real, 3, 5), fake, 3))
print(f"{{time.process_time() - begun:.0f}} s of CPU")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_support_of_fifty_thousand_stays_below_two_gigabytes() -> None:
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    peak = int(done.stdout.split()[-1]) / (1 if sys.platform == "darwin" else 1 / 1024)
    print(f"\n{POINTS:,} points: {done.stdout}{peak / 1e9:.2f} GB at the peak, torch and all")
    assert peak < 2e9
