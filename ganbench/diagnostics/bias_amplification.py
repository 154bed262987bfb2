"""Whether samples are of the data's frequent classes more often still."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from ganbench.diagnostics.diagnostic import (
    Dataset,
    Diagnostic,
    Quantity,
    SampleSnapshot,
    register_diagnostic,
)
from ganbench.diagnostics.estimators.features import (
    AUTO,
    ExtractorChoice,
    classifier_of,
    finite_samples,
    sample_features,
)
from ganbench.diagnostics.fidelity import class_shares, real_features, resampled, sample_count
from ganbench.extractors import LOGITS, Extractor

BIAS_AMPLIFICATION_VERSION = 1
_ROUNDING = 1e-12


@register_diagnostic("bias_amplification", by_default=False)
def bias_amplification(
    dataset: Dataset,
    extractor: Annotated[
        ExtractorChoice, "auto: the data set's classifier; or the name of an extractor that classifies it"
    ] = AUTO,
    samples: Annotated[int | None, Gt(1), "generated samples; the data set's own number by default"] = None,
) -> Diagnostic:
    """Shares of the classes among samples, by the data set's classifier, against the training data's.

    What good looks like
      bias_amplification  0: the mean, over the classes that are more frequent in the data than 1/classes, of
                          the share among samples minus that in the data.  Above 0: what is frequent became
                          more frequent; at most 1 − the greatest share.  Below: samples are evener than the
                          data.  Undefined (NaN) where all classes of the data are equally frequent.
      class_ratio_max     near its reference: the greatest ratio of a class's share among samples to that in
                          the data; 10 where one class of ten is all there is.
      class_ratio_min     the same of the class that lost most; 0: it is dropped.

    Blind to: all but classes; the first to which of the frequent classes gained.  On data that are almost
    even (digits: 0.097 to 0.102 a class) its sign is that of whichever class is in favour, and is no bias.
    How far the histogram is off as a whole is `class_total_variation` of `fidelity`.  Where samples are made
    from labels, these follow the data's shares.  The classifier's mistakes count, as in the reference:
    held-out examples, drawn with replacement.  For a diverged seed everything is NaN.

    Source: Zhao et al. 2017, "Men Also Like Shopping", section 3, mean bias amplification, for one variable.
    """
    classifier = classifier_of(dataset, extractor)
    return _BiasAmplification(dataset, classifier, sample_count("bias_amplification", dataset, samples))


class _BiasAmplification(Diagnostic):
    samples_only = True

    def __init__(self, dataset: Dataset, classifier: Extractor, count: int) -> None:
        self._dataset, self._classifier, self._count = dataset, classifier, count
        protocol = {"generated": count, **classifier.protocol(LOGITS), "version": BIAS_AMPLIFICATION_VERSION}
        described = partial(Quantity, protocol=protocol)
        self.quantities = (
            described(
                "bias_amplification",
                "Bias amplification: share gained by a frequent class, mean",
                direction="target",
                target=0.0,
                smallest_difference=0.01,
                lowest=-1,
                highest=1,
            ),
            described("class_ratio_max", "Greatest ratio of a class's share to the data's", lowest=0),
            described(
                "class_ratio_min",
                "Least ratio of a class's share to the data's",
                direction="higher",
                lowest=0,
                highest=1,
            ),
        )

    def measure(self, snapshot: SampleSnapshot) -> Mapping[str, Tensor]:
        """Every declared quantity, float64 [S]."""
        logits = sample_features(snapshot, self._classifier, self._count)[LOGITS]
        finite = finite_samples(snapshot, self._count)
        values = self._values(logits.argmax(-1))
        return {name: torch.where(finite, value, torch.nan) for name, value in values.items()}

    def references(self, snapshot: SampleSnapshot) -> Mapping[str, float]:
        """The values of held-out examples, drawn with replacement."""
        count = min(self._count, self._dataset.info.split_sizes.get("heldout", self._count))
        logits = real_features(self._dataset, self._classifier, "heldout", count, snapshot.device).logits
        assert logits is not None
        values = self._values(resampled(logits.argmax(-1), self._count))
        return {name: float(value) for name, value in values.items() if not value.isnan()}

    def _values(self, predicted: Tensor) -> dict[str, Tensor]:
        truth = self._dataset.info.spec.class_shares
        assert truth is not None
        return amplification(class_shares(predicted, len(truth)), truth.to(predicted.device))


def amplification(shares: Tensor, truth: Tensor) -> dict[str, Tensor]:
    """The quantities of samples' shares [S, C], against true ones [C] where these are not 0."""
    there = truth > 0
    frequent = truth > 1 / int(there.sum()) + _ROUNDING
    ratios = shares[:, there] / truth[there]
    return {
        "bias_amplification": (shares - truth)[:, frequent].mean(1),  # of nothing NaN
        "class_ratio_max": ratios.amax(1),
        "class_ratio_min": ratios.amin(1),
    }
