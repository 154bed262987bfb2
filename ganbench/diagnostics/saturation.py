"""How sure the discriminator is, right or wrong: where it saturates, its gradient ends."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ganbench.diagnostics.diagnostic import Dataset, Diagnostic, Snapshot, register_diagnostic
from ganbench.diagnostics.estimators.discrimination import probability
from ganbench.game import Batch, Networks, Tree
from ganbench.quantities import share

_PLACES = {"real": "real examples", "fake": "generated examples"}
_TITLES = {
    "saturation": "Saturation of the discriminator on",
    "probability": "Mean probability of being real of",
}


@register_diagnostic("saturation")
def saturation(dataset: Dataset) -> Diagnostic:
    """1 − E 4p(1 − p) of the discriminator's probability p, over the data and over generated examples.

    0 where p = ½ everywhere, 1 where p is 0 or 1.  Beside it E p itself, which says to which side.  The
    probability is the logistic function of the logit where the objective's best output is the log-odds, and
    the output itself where it is p/(p + q), or where the objective states no best one but a threshold of ½:
    then for the seeds whose outputs all lie in [0, 1].  Critics, hinge and discriminators of packed or noised
    examples have none (NaN).

    What good looks like: well below 1 on both.  Both near 1 with E p near 0 on generated examples is the
    perfect discriminator; both near 1 with E p near 1 on both is one that calls everything real.

    Blind to: where the samples are.  Evaluated on the measuring batch, of the variant's own size; exactly
    where the batch holds quadrature nodes `real_nodes`, `noise_nodes` and their weights (`lsgan1d`).
    Instance noise is left out: the examples are as they are.
    """
    return Saturation()


class Saturation(Diagnostic):
    """The saturation diagnostic; the same for every game with a discriminator."""

    quantities = tuple(
        share(f"{name}_{place}", f"{title} {words}", "fraction")
        for place, words in _PLACES.items()
        for name, title in _TITLES.items()
    )

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """Each quantity [S], float64."""
        values, target = {}, snapshot.dataset.info.spec.target

        def logits_of_real(networks: Networks, batch: Batch) -> Tensor:
            return snapshot.game.logits(networks, batch, batch[target])

        def logits_of_samples(networks: Networks, batch: Batch) -> Tensor:
            return snapshot.game.logits(networks, batch, snapshot.game.sample(networks, batch))

        for place, name, use in (("real", target, logits_of_real), ("fake", "noise", logits_of_samples)):
            examples, weights = _points(snapshot, place, name)
            p = stated_probability(snapshot, snapshot.evaluate(use, examples).double())
            values[f"saturation_{place}"] = 1 - _expectation(4 * p * (1 - p), weights)
            values[f"probability_{place}"] = _expectation(p, weights)
        return values


def stated_probability(snapshot: Snapshot, outputs: Tensor) -> Tensor:
    """The outputs [S, n] as probabilities of being real; NaN for the seeds whose outputs are none."""
    unstated = snapshot.variant.probability is None and snapshot.threshold == 0.5
    p = outputs if unstated else probability(snapshot, outputs)
    valid = ((p >= 0) & (p <= 1)).all(1, keepdim=True)
    return torch.where(valid, p, torch.nan)


def _points(snapshot: Snapshot, place: str, name: str) -> tuple[Tree, Tensor | None]:
    """What is judged, {name: [S, n, ...]}, and the weights [S, n] where the batch has quadrature nodes."""
    batch = snapshot.batch()
    nodes = batch.get(f"{name}_nodes")
    if nodes is not None:
        return {name: nodes}, batch[f"{name}_weights"]
    reads = snapshot.sample_reads if place == "fake" else (name,)
    drawn = snapshot.sampling_inputs("saturation").names
    return {n: batch[n] for n in dict.fromkeys((*reads, *snapshot.logits_reads)) if n in (*drawn, name)}, None


def _expectation(values: Tensor, weights: Tensor | None) -> Tensor:
    return values.mean(1) if weights is None else (values * weights).sum(1)
