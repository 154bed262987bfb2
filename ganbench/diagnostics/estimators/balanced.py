"""How often a score tells real from generated, both classes weighed equally."""

from __future__ import annotations

import torch
from torch import Tensor


def balanced_accuracy(real: Tensor, fake: Tensor, threshold: float | None) -> Tensor:
    """The share of right decisions for "real above the threshold", float64 [S] from [S, n] and [S, m].

    A score at the threshold counts as one half; an infinite one is a decision like any other.  NaN where a
    score is not a number, and without a threshold.
    """
    if threshold is None:
        return torch.full(real.shape[:1], torch.nan, dtype=torch.float64, device=real.device)
    right = (_above(real - threshold) + _above(threshold - fake)) / 2
    undefined = real.isnan().any(1) | fake.isnan().any(1)
    return torch.where(undefined, torch.nan, right)


def _above(values: Tensor) -> Tensor:
    return ((values > 0).double() + (values == 0).double() / 2).mean(1)
