"""The trace of the Fréchet distance in 2,048 features, beside torch-fidelity's and a matrix square root's.

    pytest tests/benchmarks/test_frechet.py -n0 -s

Seconds of CPU on one thread, the least of a few runs; only their ratios within one run mean anything.  The
reference's root is kept from one distance to the next, so its own time stands apart.  Some minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

FEATURES = int(os.environ.get("GANBENCH_FEATURES", "2048"))
MEASURE = f"""
import json, time, torch
from scipy.linalg import sqrtm
from torch_fidelity.metric_fid import fid_statistics_to_metric
from ganbench.diagnostics.estimators.frechet import fit, frechet_distance, moments
torch.set_num_threads(1)
source = torch.Generator().manual_seed(0)
scales = torch.logspace(0, -3, {FEATURES}, dtype=torch.float64)  # as uneven as features of networks are
def points(count):
    return torch.randn(count, {FEATURES}, generator=source, dtype=torch.float64) * scales
one, two = moments(points({2 * FEATURES})), moments(points({2 * FEATURES}) * 1.1)
few, others = points(500), points(500) * 1.1
seconds, values = {{}}, {{}}
def timed(name, work, runs):
    spent = []
    for _ in range(runs):
        begun = time.process_time()
        values[name] = float(work())
        spent.append(time.process_time() - begun)
    seconds[name] = min(spent)
arrays = [dict(mu=m.mean.numpy(), sigma=m.covariance.numpy()) for m in (one, two)]
timed("root of the reference", lambda: two.root.trace(), 1)
timed("distance", lambda: frechet_distance(one, two), 3)
theirs = lambda: fid_statistics_to_metric(*arrays, False)["frechet_inception_distance"]
timed("torch-fidelity", theirs, 1)
timed("square root", lambda: sqrtm(arrays[0]["sigma"] @ arrays[1]["sigma"]).real.trace(), 1)
timed("500 points", lambda: frechet_distance(fit(few), fit(others)), 3)
timed("500 points, moments", lambda: frechet_distance(moments(few), moments(others)), 1)
reference = moments(others)
reference.root
timed("500 points, moments, root kept", lambda: frechet_distance(moments(few), reference), 2)
print(json.dumps([seconds, values]))
"""


def test_trace_of_the_frechet_distance() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    seconds, values = json.loads(done.stdout)
    print("\n" + "\n".join(f"{name:32} {value:9.3f} s" for name, value in seconds.items()))
    assert abs(values["distance"] / values["torch-fidelity"] - 1) < 1e-6
    assert abs(values["500 points"] / values["500 points, moments"] - 1) < 1e-6
    assert seconds["torch-fidelity"] >= 3 * seconds["distance"]
    assert seconds["square root"] >= 10 * seconds["distance"]
    assert seconds["500 points, moments"] >= 20 * seconds["500 points"]
