"""Histograms of factors that were read of samples, against the true shares of their combinations."""

from __future__ import annotations

import math
from itertools import combinations

import torch
from torch import Tensor

from ganbench.datasets.factors import cells, marginal


def histogram(cell: Tensor, count: int, counted: Tensor | None = None) -> Tensor:
    """How many of [S, n] numbers are each of 0 … count − 1, float64 [S, count]; of the `counted` alone."""
    weights = torch.ones_like(cell, dtype=torch.float64) if counted is None else counted.double()
    return weights.new_zeros(len(cell), count).scatter_add_(1, cell, weights)


def total_variation(classes: Tensor, shares: Tensor, factors: tuple[int, ...]) -> Tensor:
    """Half the summed differences of some factors' joint histogram from the truth, float64 [S].

    `classes` [S, n, F], `shares` [*classes].
    """
    truth = marginal(shares, factors)
    counts = histogram(cells(classes, shares.shape, factors), len(truth))
    return (counts / classes.shape[1] - truth).abs().sum(1) / 2


def pair_total_variations(classes: Tensor, shares: Tensor) -> Tensor:
    """The total variation of every pair of factors, float64 [S, pairs]."""
    pairs = combinations(range(shares.ndim), 2)
    return torch.stack([total_variation(classes, shares, pair) for pair in pairs], 1)


def coverage(classes: Tensor, valid: Tensor, shares: Tensor, factor: int) -> Tensor:
    """What part of a factor's classes a valid sample shows, float64 [S]; classes of share 0 do not count."""
    truth = marginal(shares, (factor,))
    counts = histogram(classes[..., factor], len(truth), valid)
    return (counts[:, truth > 0] > 0).double().mean(1)


def novel_valid_rate(classes: Tensor, valid: Tensor, heldout: Tensor) -> Tensor:
    """What share of samples is valid and of a combination that was held out, float64 [S]."""
    return (valid & heldout.flatten()[cells(classes, heldout.shape)]).double().mean(1)


def modes_and_kl(classes: Tensor, shares: Tensor) -> tuple[Tensor, Tensor]:
    """Combinations that appear, and KL of their histogram from the uniform one in nats; float64 [S] each."""
    counts = histogram(cells(classes, shares.shape), shares.numel())
    share = counts / classes.shape[1]
    possible = int((shares > 0).sum())
    return (counts > 0).sum(1).double(), torch.xlogy(share, share).sum(1) + math.log(possible)
