"""How long one gate takes: a selftest asks thousands of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from made_sides import decided, normal


def test_a_gate_of_nine_variants_on_two_data_sets(benchmark: Any) -> None:
    generator = np.random.default_rng(11)
    base, new = normal(generator, 20), normal(generator, 10)
    assert benchmark(decided, base, new).exit_code in (0, 1)
