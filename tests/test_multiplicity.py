"""Adjusted p values: published examples, scipy, and the stepwise procedures themselves."""

from __future__ import annotations

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from ganbench.analysis.multiplicity import benjamini_hochberg, bonferroni, holm

P = st.lists(st.floats(0, 1) | st.sampled_from([0.01, 0.02, 0.5, 1.0]), min_size=1, max_size=12)
THROMBOLYSIS = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
THROMBOLYSIS += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]
"""Benjamini and Hochberg 1995, section 3.2: fifteen tests of thrombolysis after myocardial infarction."""


def test_benjamini_hochberg_1995() -> None:
    """The paper: four are rejected at 0.05, for p_(4) = 0.0095 <= 4/15 x 0.05; Bonferroni's way three."""
    adjusted = benjamini_hochberg(THROMBOLYSIS)
    assert (adjusted <= 0.05).sum() == 4
    assert adjusted[:4] == pytest.approx([0.0015, 0.0030, 0.0095, 0.035625])
    assert adjusted == pytest.approx(false_discovery_control(THROMBOLYSIS))
    assert sum(bonferroni(p, 15) <= 0.05 for p in THROMBOLYSIS) == 3
    assert (holm(THROMBOLYSIS) <= 0.05).sum() == 3


def test_holm_by_a_textbook_example() -> None:
    """The example of the encyclopedias (Wikipedia, "Holm-Bonferroni method"): the first and fourth stand."""
    adjusted = holm([0.01, 0.04, 0.03, 0.005])
    assert adjusted == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert (adjusted <= 0.05).tolist() == [True, False, False, True]


def test_holm_as_r_prints_it() -> None:
    """p.adjust(c(0.01, 0.04, 0.20, 0.03, 0.005, 0.07), "holm") of R."""
    adjusted = holm([0.01, 0.04, 0.20, 0.03, 0.005, 0.07])
    assert adjusted == pytest.approx([0.05, 0.12, 0.20, 0.12, 0.03, 0.14])


def rejected_by_holm(p: list[float], level: float) -> set[int]:
    """Holm 1979 word for word: from the smallest on, until one exceeds level / (tests left)."""
    rejected: set[int] = set()
    for i in sorted(range(len(p)), key=p.__getitem__):
        if p[i] * (len(p) - len(rejected)) > level:
            break
        rejected.add(i)
    return rejected


def rejected_by_benjamini_hochberg(p: list[float], level: float) -> set[int]:
    """The 1995 paper word for word: the largest k with p_(k) <= k/N x level, and all up to it."""
    order = sorted(range(len(p)), key=p.__getitem__)
    last = max((k for k in range(1, len(p) + 1) if p[order[k - 1]] * len(p) / k <= level), default=0)
    return set(order[:last])


@given(P, st.floats(0.001, 0.999))
def test_adjusted_values_decide_as_the_procedures_do(p: list[float], level: float) -> None:
    assert set(np.flatnonzero(holm(p) <= level)) == rejected_by_holm(p, level)
    assert set(np.flatnonzero(benjamini_hochberg(p) <= level)) == rejected_by_benjamini_hochberg(p, level)


@given(P, st.randoms(use_true_random=False))
def test_shape_bounds_and_order(p: list[float], random: Random) -> None:
    strict, lenient = holm(p), benjamini_hochberg(p)
    assert strict.shape == lenient.shape == (len(p),)
    assert np.all(lenient <= strict + 1e-15)
    assert np.all(lenient >= np.array(p) * (1 - 1e-15))
    assert strict.max() <= 1
    assert strict.min() == pytest.approx(bonferroni(min(p), len(p)))
    assert lenient == pytest.approx(false_discovery_control(p))
    order = list(range(len(p)))
    random.shuffle(order)
    shuffled = [p[i] for i in order]
    assert np.array_equal(holm(shuffled), strict[order])
    assert np.array_equal(benjamini_hochberg(shuffled), lenient[order])


def test_family_wise_error_of_holm_by_simulation() -> None:
    """Nine true nulls of which three go together: some false alarm at 0.04 in at most 4 % of families."""
    generator = np.random.default_rng(0)
    families = generator.random((4000, 9))
    families[:, 1:3] = families[:, :1]
    rate = np.mean([(holm(p) <= 0.04).any() for p in families])
    assert rate <= 0.04 + 3 * math.sqrt(0.04 * 0.96 / 4000)


def test_false_discovery_rate_by_simulation() -> None:
    """Independent tests, six of ten nulls true: the expected share of false alarms is 6/10 of the level."""
    generator = np.random.default_rng(1)
    shares = []
    for _ in range(4000):
        p = np.concatenate([generator.random(6), generator.random(4) ** 12])
        alarms = benjamini_hochberg(p) <= 0.1
        shares.append(alarms[:6].sum() / max(1, alarms.sum()))
    assert np.mean(shares) == pytest.approx(0.06, abs=3 * np.std(shares) / math.sqrt(4000))


def test_edges() -> None:
    assert holm([]).shape == benjamini_hochberg([]).shape == (0,)
    assert holm([0.3]).tolist() == benjamini_hochberg([0.3]).tolist() == [0.3]
    assert bonferroni(0.2, 3) == pytest.approx(0.6)
    assert bonferroni(0.5, 3) == 1
    for wrong in ([float("nan")], [1.5], [-0.1, 0.2]):
        with pytest.raises(ValueError, match="between 0 and 1"):
            holm(wrong)
        with pytest.raises(ValueError, match="between 0 and 1"):
            benjamini_hochberg(wrong)
