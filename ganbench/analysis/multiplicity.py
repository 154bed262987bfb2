"""Many tests at once: p values adjusted so that each may be held against the level itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ganbench.analysis.statistics import Values


def holm(p: ArrayLike) -> Values:
    """Adjusted p [N] of N tests, controlling the chance of any false alarm, however they depend.

    The i-th smallest becomes the largest of (N - j + 1) p_(j) over j <= i, at most 1.  Source: Holm
    1979, "A simple sequentially rejective multiple test procedure".
    """
    values = _checked(p)
    order = np.argsort(values, kind="stable")
    scaled = values[order] * np.arange(values.size, 0, -1)
    return _back(np.maximum.accumulate(scaled), order)


def benjamini_hochberg(p: ArrayLike) -> Values:
    """Adjusted p [N] of N tests, controlling the expected share of false alarms among the alarms.

    The i-th smallest becomes the smallest of p_(j) N / j over j >= i.  It holds for independent tests
    and for positively dependent ones.  Source: Benjamini and Hochberg 1995, "Controlling the false
    discovery rate".
    """
    values = _checked(p)
    order = np.argsort(values, kind="stable")
    scaled = values[order] * values.size / np.arange(1, values.size + 1)
    return _back(np.minimum.accumulate(scaled[::-1])[::-1], order)


def bonferroni(p: float, count: int) -> float:
    """The smallest of `count` p values, adjusted for having been chosen: count x p, at most 1."""
    return min(1.0, float(_checked([p])[0]) * count)


def _checked(p: ArrayLike) -> Values:
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not np.all((values >= 0) & (values <= 1)):
        raise ValueError(f"p values lie between 0 and 1, in one row: {p!r}")
    return values


def _back(adjusted: Values, order: NDArray[np.intp]) -> Values:
    """Sorted adjusted values, at most 1, put back where they came from."""
    placed = np.empty_like(adjusted)
    placed[order] = np.minimum(adjusted, 1.0)
    return placed
