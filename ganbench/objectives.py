"""Objectives: what the discriminator and the generator each minimize, given logits.

The discriminator is high on real examples.  Each function takes logits [n] of real and
generated examples and the batch that states how expectations are formed; it returns a scalar.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn.functional import relu, softplus

from ganbench.game import Batch

LogitLoss = Callable[[Tensor, Tensor, Batch], Tensor]
Probability = Literal["log_odds", "itself"]


@dataclass(frozen=True)
class Objective:
    """A pair of losses on logits.

    `threshold` is the logit above which the objective means "real"; None where it means
    nothing (a critic).  `paired` says that the generator's loss reads the real logits too.  `probability`
    says what the best discriminator's output is, penalties apart: D* = p/(p+q) itself, its log-odds, or
    neither (None).
    """

    discriminator: LogitLoss
    generator: LogitLoss
    threshold: float | None = 0.0
    paired: bool = False
    probability: Probability | None = None


def _cross_entropy(real: Tensor, fake: Tensor, batch: Batch) -> Tensor:
    return batch.mean_real(softplus(-real)) + batch.mean_noise(softplus(fake))


def minimax() -> Objective:
    """The original minimax loss: G minimizes E log(1 − D(G(z))).  Goodfellow et al. 2014, eq. (1)."""
    return Objective(
        discriminator=_cross_entropy,
        generator=lambda _real, fake, batch: -batch.mean_noise(softplus(fake)),
        probability="log_odds",
    )


def non_saturating() -> Objective:
    """G maximizes E log D(G(z)) instead.  Goodfellow et al. 2014, section 3."""
    return Objective(
        discriminator=_cross_entropy,
        generator=lambda _real, fake, batch: batch.mean_noise(softplus(-fake)),
        probability="log_odds",
    )


def least_squares() -> Objective:
    """Half squared distances to 1 (real) and 0 (generated).  Mao et al. 2017, eq. (9)."""
    return Objective(
        discriminator=lambda real, fake, batch: (
            0.5 * batch.mean_real((real - 1).square()) + 0.5 * batch.mean_noise(fake.square())
        ),
        generator=lambda _real, fake, batch: 0.5 * batch.mean_noise((fake - 1).square()),
        threshold=0.5,
        probability="itself",
    )


def wasserstein() -> Objective:
    """The dual of the earth mover's distance, negated for descent.  Arjovsky et al. 2017, eq. (3)."""
    return Objective(
        discriminator=lambda real, fake, batch: batch.mean_noise(fake) - batch.mean_real(real),
        generator=lambda _real, fake, batch: -batch.mean_noise(fake),
        threshold=None,
    )


def hinge() -> Objective:
    """Hinge losses with margin 1.  Miyato et al. 2018, eqs. (16) and (17)."""
    return Objective(
        discriminator=lambda real, fake, batch: (
            batch.mean_real(relu(1 - real)) + batch.mean_noise(relu(1 + fake))
        ),
        generator=lambda _real, fake, batch: -batch.mean_noise(fake),
    )


def relativistic() -> Objective:
    """Relativistic pairing with the logistic loss.  Jolicoeur-Martineau 2019; Huang et al. 2024, eq. (2).

    Real and generated examples are paired as they stand in the batch.
    """
    return Objective(
        discriminator=lambda real, fake, batch: batch.mean_noise(softplus(fake - real)),
        generator=lambda real, fake, batch: batch.mean_noise(softplus(real - fake)),
        threshold=None,
        paired=True,
    )
