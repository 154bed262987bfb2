"""Classifier two-sample test with a nearest-neighbour classifier, which needs no training."""

from __future__ import annotations

import math

import torch
from scipy.stats import binom
from torch import Tensor

from ganbench.diagnostics.estimators.kernels import distances, rows_at_once


def neighbours_asked(count: int) -> int:
    """The odd number at or just below √(training points), so that no vote is even; `count` on each side."""
    root = math.isqrt(2 * (count // 2))
    return root - 1 + root % 2


def heldout_points(count: int) -> int:
    """How many points are held out of `count` on each side."""
    return 2 * (count - count // 2)


def heldout_accuracy(real: Tensor, fake: Tensor) -> float:
    """The share of the second halves of [n, F] and [n, F] that neighbours in the first halves tell right.

    The points are in random order.  Training points are laid in turns, so that among equally distant ones
    neither side comes first.  Source: Lopez-Paz & Oquab 2017, section 3: their nearest-neighbour C2ST.
    """
    assert len(real) == len(fake), "the null's one half needs samples of one size"
    half, asked = len(real) // 2, neighbours_asked(len(real))
    train = torch.stack([real[:half], fake[:half]], 1).flatten(0, 1)
    right = 0
    for label, points in enumerate((real[half:], fake[half:])):
        for part in points.split(rows_at_once(len(train))):
            nearest = distances(part, train).topk(asked, dim=1, largest=False).indices
            right += int((((nearest % 2).sum(1) * 2 > asked) == label).sum())
    return right / heldout_points(len(real))


def accuracy_p_value(accuracy: float, tested: int) -> float:
    """P(B ≥ right answers) for B binomial (tested, 1/2), whose accuracy is nearly N(1/2, 1/(4·tested)).

    Exact under the null if the classifier calls one half of the space real, else a little conservative.
    """
    return float(binom.sf(round(accuracy * tested) - 1, tested, 0.5))
