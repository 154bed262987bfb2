"""Histograms of factors that were read of samples, against the true shares of their combinations."""

from __future__ import annotations

import math
from itertools import combinations

import torch
from torch import Tensor

from ganbench.datasets.factors import cells, marginal
from ganbench.diagnostics.modes import mode_counts


def total_variation(classes: Tensor, valid: Tensor, shares: Tensor, factors: tuple[int, ...]) -> Tensor:
    """Half the summed differences of shares, float64 [S]; what is invalid is in a cell of its own.

    `classes` [S, n, F], `valid` [S, n], `shares` [*classes]; of some factors jointly.
    """
    truth = marginal(shares, factors)
    counts = mode_counts(cells(classes, shares.shape, factors), valid, len(truth))
    truth = torch.cat([truth, truth.new_zeros(1)])
    return (counts / valid.shape[1] - truth).abs().sum(1) / 2


def coverage(classes: Tensor, valid: Tensor, shares: Tensor, factor: int) -> Tensor:
    """What part of a factor's classes a valid sample shows, float64 [S]; classes of share 0 do not count."""
    truth = marginal(shares, (factor,))
    counts = mode_counts(classes[..., factor], valid, len(truth))[:, :-1]
    return (counts[:, truth > 0] > 0).double().mean(1)


def pair_total_variations(classes: Tensor, valid: Tensor, shares: Tensor) -> Tensor:
    """The total variation of every pair of factors, float64 [S, pairs]."""
    pairs = combinations(range(shares.ndim), 2)
    return torch.stack([total_variation(classes, valid, shares, pair) for pair in pairs], 1)


def novel_valid_rate(classes: Tensor, valid: Tensor, heldout: Tensor) -> Tensor:
    """What share of samples is valid and of a combination that was held out, float64 [S]."""
    cell = cells(classes, heldout.shape)
    return (valid & heldout.flatten()[cell]).double().mean(1)


def modes_and_kl(classes: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Combinations that appear, and KL of their histogram from the uniform one in nats; float64 [S] each."""
    possible = int((shares > 0).sum())
    cell = cells(classes, shares.shape)
    counts = mode_counts(cell, torch.ones_like(cell, dtype=torch.bool), shares.numel())[:, :-1]
    share = counts / classes.shape[1]
    return (counts > 0).sum(1).double(), torch.xlogy(share, share).sum(1) + math.log(possible)
