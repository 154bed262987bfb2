"""How sure the discriminator is, right or wrong: where it saturates, its gradient ends."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ganbench.diagnostics.diagnostic import Dataset, Diagnostic, Quantity, Snapshot, register_diagnostic
from ganbench.game import Nets

_PLACES = {"real": "real examples", "fake": "generated examples"}


@register_diagnostic("saturation")
def saturation(dataset: Dataset) -> Diagnostic:
    """1 − E 4p(1 − p) of the discriminator's probability p, over the data and over generated examples.

    0 where p = ½ everywhere, 1 where p is 0 or 1.  Beside it E p itself, which says to which side.  The
    probability is the logistic function of the logit where the objective's threshold is 0, the output itself
    where it is ½ and all outputs lie in [0, 1]; a critic has none (NaN).

    What good looks like: well below 1 on both.  Both near 1 with E p near 0 on generated examples is the
    perfect discriminator; both near 1 with E p near 1 on both is one that calls everything real.

    Blind to: where the samples are.  Evaluated on the measuring batch, so exactly where the game's
    expectations are a quadrature, and on the variant's own batch size elsewhere.
    """
    return Saturation()


class Saturation:
    """The saturation diagnostic; the same for every game with a discriminator."""

    quantities = tuple(
        quantity
        for place, words in _PLACES.items()
        for quantity in (
            Quantity(f"saturation_{place}", f"Saturation of the discriminator on {words}", "fraction"),
            Quantity(f"probability_{place}", f"Mean probability of being real of {words}", "fraction"),
        )
    )

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """Each quantity [S], float64."""
        batch, game = snapshot.batch(), snapshot.game

        def of_noise(nets: Nets, noise: Tensor) -> Tensor:
            return game.logits(nets, nets.generator(noise))

        outputs = {
            "real": snapshot.apply(game.logits, batch.get("real_nodes", batch["real"])),
            "fake": snapshot.apply(of_noise, batch.get("noise_nodes", batch["noise"])),
        }
        weights = {"real": batch.get("real_weights"), "fake": batch.get("noise_weights")}
        found = {}
        for place, output in outputs.items():
            p = probability(output.double(), snapshot.threshold)
            found[f"saturation_{place}"] = 1 - _expectation(4 * p * (1 - p), weights[place])
            found[f"probability_{place}"] = _expectation(p, weights[place])
        return found


def probability(outputs: Tensor, threshold: float | None) -> Tensor:
    """The outputs [S, n] as probabilities of being real; NaN where they are none."""
    if threshold == 0:
        return torch.sigmoid(outputs)
    inside = threshold == 0.5 and bool(((outputs >= 0) & (outputs <= 1)).all())
    return outputs if inside else torch.full_like(outputs, torch.nan)


def _expectation(values: Tensor, weights: Tensor | None) -> Tensor:
    return values.mean(1) if weights is None else (values * weights).sum(1)
