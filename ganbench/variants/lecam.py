"""The GAN with the LeCam penalty."""

from __future__ import annotations

from typing import Annotated, Any

from annotated_types import Ge, Interval

from ganbench.objectives import hinge
from ganbench.penalties import lecam_penalty
from ganbench.variants.two_player import register_variant, two_player
from ganbench.variants.variant import Variant


@register_variant("lecam")
def lecam(
    weight: Annotated[float, Ge(0), "λ of the penalty"] = 0.3,
    decay: Annotated[float, Interval(ge=0, lt=1), "of the anchors, moving averages of D's means"] = 0.9,
    start: Annotated[int, Ge(0), "updates of D after which the penalty counts"] = 0,
    **options: Any,
) -> Variant:
    """Hinge GAN whose logits are kept near the anchors of the other kind of examples; for little data.

    Source: Tseng et al. 2021, "Regularizing Generative Adversarial Networks under Limited Data", eq. (4); λ
    and decay of the authors' code for BigGAN on CIFAR (theirs for StyleGAN2: 1e-6 or 3e-7, and 0.99).
    Deviations: the squares of the paper, which the authors' code takes on one side only; no spectral
    normalization of its own; the penalty counts from the first update on, as in their StyleGAN2, for short
    budgets; their BigGAN has `start: 1000`, in rounds, and anchors that are no averages before.
    """
    return two_player(hinge(), [lecam_penalty(weight, decay, start)], **options)
