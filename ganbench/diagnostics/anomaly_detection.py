"""Whether the trained networks tell examples of a class that they were not trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from ganbench.datasets import KnownAnomalies
from ganbench.diagnostics.diagnostic import (
    Dataset,
    Diagnostic,
    NotApplicable,
    Snapshot,
    register_diagnostic,
)
from ganbench.diagnostics.estimators.discrimination import auroc
from ganbench.diagnostics.estimators.latent_inversion import reconstruction_errors
from ganbench.errors import GanbenchError
from ganbench.quantities import share

ANOMALY_DETECTION_VERSION = 1


@register_diagnostic("anomaly_detection", by_default=False)
def anomaly_detection(
    dataset: Dataset,
    examples: Annotated[int, Ge(1), "held-out examples at most, of either kind"] = 200,
    steps: Annotated[int, Ge(0), "of Adam, to reproduce an example"] = 50,
    starts: Annotated[int, Ge(1), "latents to begin with"] = 3,
    samples: Annotated[int, Ge(1), "samples of which those nearest to an example are begun with"] = 1000,
    learning_rate: Annotated[float, Gt(0), "of that Adam"] = 0.1,
) -> Diagnostic:
    """AUROC of telling held-out examples of a class that was left out of training from those of the others.

    Made for data sets that lack a class, as `without_class: {of: digits, label: 3}` is.

    What good looks like: 1; 0.5 is chance.  Its standard error at 0.5 is √((n + m + 1)/(12·n·m)) for n
    examples and m anomalies (0.05 for 200 and 36).
      anomaly_auroc_discriminator  what has a low logit is an anomaly.  Where logits read the label, the
                                   greatest over all labels that were trained on.
      anomaly_auroc_inversion      what the generator cannot reproduce is an anomaly: the least mean square
                                   error over a few starts and steps of Adam on the latents.  Undefined (NaN)
                                   where no latent is real-valued.

    Blind to: whether samples are any good.  Classes differ in difficulty: a class of simple shapes (the digit
    1) is easily reproduced without having been seen, and may have an AUROC below 0.5 in good models; compare
    methods on one class.  At a perfect equilibrium the discriminator knows nothing.  For a diverged seed all
    is NaN.

    Cost: `steps` passes through the generator of `starts` latents for each example: about a second a seed on
    digits.

    Source: Schlegl et al. 2017, "Unsupervised Anomaly Detection with Generative Adversarial Networks"
    (AnoGAN).  Deviations: squared error without the term of discriminator features; begun at the latents of
    the nearest of `samples` samples, with the labels of these; fewer steps.
    """
    if not isinstance(dataset, KnownAnomalies):
        raise NotApplicable(
            f"{dataset.info.name}: lacks no class; the data set `without_class` leaves one out"
        )
    if starts > samples:
        raise GanbenchError(f"anomaly_detection: {starts} starts need as many samples, not {samples}")
    counts = [min(examples, n) for n in (dataset.info.split_sizes["heldout"], dataset.anomalies)]
    if not all(counts):
        raise NotApplicable(f"{dataset.info.name}: its held-out examples do not have both kinds")
    search = _Search(samples, starts, steps, learning_rate)
    return _AnomalyDetection(dataset, counts[0], counts[1], search)


@dataclass(frozen=True)
class _Search:
    """How latents are searched for."""

    samples: int
    starts: int
    steps: int
    learning_rate: float


class _AnomalyDetection(Diagnostic):
    def __init__(self, dataset: Dataset, normal: int, anomalies: int, search: _Search) -> None:
        assert isinstance(dataset, KnownAnomalies)
        self._anomalies: KnownAnomalies = dataset
        self._normal_count, self._anomaly_count, self._search = normal, anomalies, search
        counts = {"normal": normal, "anomalies": anomalies, "version": ANOMALY_DETECTION_VERSION}
        described = partial(share, direction="higher", smallest_difference=0.02)
        self.quantities = (
            described("anomaly_auroc_discriminator", "AUROC of anomalies by the logit", protocol=counts),
            described(
                "anomaly_auroc_inversion",
                "AUROC of anomalies by the error of reproduction",
                protocol={**counts, **vars(search)},
            ),
        )

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """Both quantities, float64 [S]."""
        count, target = self._anomaly_count, snapshot.dataset.info.spec.target
        anomalies = self._anomalies.anomaly_fields(count, snapshot.device, snapshot.dtype)[target]
        examples = torch.cat([anomalies, snapshot.real("heldout", self._normal_count)])
        scores = {
            "anomaly_auroc_discriminator": -greatest_logits(snapshot, examples),
            "anomaly_auroc_inversion": reconstruction_errors(snapshot, examples, **vars(self._search)),
        }
        return {name: auroc(score[:, :count], score[:, count:]) for name, score in scores.items()}


def greatest_logits(snapshot: Snapshot, examples: Tensor) -> Tensor:
    """Logits [S, n] of examples [n, *shape]: where they read the label, the greatest over trained labels."""
    spec = snapshot.dataset.info.spec
    label, shares = spec.label, spec.class_shares
    if label is None or shares is None or label not in snapshot.logits_reads:
        return snapshot.discriminator(examples)
    every = torch.zeros(len(examples), dtype=torch.int64, device=examples.device)
    fields: list[dict[str, Any]] = [{label: every + number} for number in torch.where(shares > 0)[0].tolist()]
    return torch.stack([snapshot.discriminator(examples, given) for given in fields]).amax(0)
