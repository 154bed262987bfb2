"""How well a discriminator tells real from generated, and how far it is from the best, D* = p/(p + q)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganbench.diagnostics.diagnostic import Snapshot


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


def against_the_best(snapshot: Snapshot, odds: list[Tensor], logits: list[Tensor]) -> dict[str, Tensor]:
    """How far outputs at real and at generated points [S, n] are from the best log-odds log p − log q."""
    gaps = [
        (probability(snapshot, output) - best.sigmoid()).square().mean(1)
        for output, best in zip(logits, odds, strict=True)
    ]
    entropies = [
        softplus(-at_real).mean(1) + softplus(at_fake).mean(1) for at_real, at_fake in (logits, odds)
    ]
    bayes = balanced_accuracy(odds[0], odds[1], 0.0)
    accuracy = balanced_accuracy(logits[0], logits[1], snapshot.threshold)
    return {
        "bayes_accuracy": bayes,
        "discriminator_accuracy_below_bayes": bayes - accuracy,
        "discriminator_squared_gap_to_optimal": (gaps[0] + gaps[1]) / 2,
        "discriminator_excess_cross_entropy": if_log_odds(snapshot, entropies[0] - entropies[1]),
    }


def live_samples(snapshot: Snapshot, samples: Tensor) -> Tensor:
    """Samples of the generator that D plays against: the given ones where no moving average is kept."""
    if set(snapshot.generating).isdisjoint(snapshot.variant.averages):
        return samples
    inputs = snapshot.sampling_inputs("divergence/noise").draw(samples.shape[1], snapshot.dtype)
    return snapshot.evaluate(snapshot.game.sample, inputs)


def probability(snapshot: Snapshot, logits: Tensor) -> Tensor:
    """What the discriminator says is the probability of "real", of outputs [S, n]; NaN where it says none."""
    meaning = snapshot.variant.probability
    if meaning is None:
        return torch.full_like(logits, torch.nan)
    return logits.sigmoid() if meaning == "log_odds" else logits


def if_log_odds(snapshot: Snapshot, values: Tensor) -> Tensor:
    """Values that mean something only where the discriminator's output is the log-odds; else NaN."""
    return values if snapshot.variant.probability == "log_odds" else torch.full_like(values, torch.nan)


def auroc(positive: Tensor, negative: Tensor) -> Tensor:
    """P(positive > negative) + ½P(equal) along the last axis, [S] from [S, n] and [S, m].

    The Mann-Whitney statistic by sorting; NaN where any score is not a number.
    """
    ranked = negative.sort(dim=1).values
    below = torch.searchsorted(ranked, positive.contiguous())
    up_to = torch.searchsorted(ranked, positive.contiguous(), right=True)
    share = (below + up_to).double().mean(1) / (2 * negative.shape[1])
    undefined = positive.isnan().any(1) | negative.isnan().any(1)
    return torch.where(undefined, torch.nan, share)
