"""How well the discriminator separates held-out real examples from fresh samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from ganbench.diagnostics.diagnostic import Dataset, Diagnostic, Quantity, Snapshot, register_diagnostic
from ganbench.diagnostics.estimators.discrimination import auroc, balanced_accuracy
from ganbench.quantities import share


@register_diagnostic("discriminator")
def discriminator(
    dataset: Dataset,
    points: Annotated[int, Ge(1), "held-out real examples, and as many samples, at most"] = 2500,
) -> Diagnostic:
    """AUROC and logit gap of D on held-out real examples against fresh samples; accuracy where defined.

    What good looks like: an AUROC that falls towards 0.5 because the samples improve.  Near 1 the
    discriminator is perfect and may starve the generator (read `gradients` beside it); below 0.5 it
    is out of date, as when training cycles.

    Blind to: sample quality as such.  A weak discriminator gives 0.5 for poor samples too, and its
    verdict says nothing about dropped modes.

    Protocol: evaluation mode; AUROC and accuracy count ties as one half; accuracy weighs both classes equally
    and is given only where the objective declares the logit that means "real".  `convergence` is there for
    variants alone whose source has such a measure (`began`); it is of the same examples and samples.
    """
    return _Discriminator(points)


class _Discriminator(Diagnostic):
    def __init__(self, points: int) -> None:
        self._points = points
        protocol = {"points": points, "split": "heldout"}
        ranking = "AUROC of D, held-out real against samples"
        accuracy = "Balanced accuracy of D at its threshold"
        self.quantities = (
            share("discriminator_auroc", ranking, protocol=protocol),
            Quantity("logit_gap", "Mean logit of real minus samples", protocol=protocol),
            share("discriminator_accuracy", accuracy, protocol=protocol),
        )
        self._convergence = Quantity("convergence", "The variant's measure of convergence", protocol=protocol)

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """Each quantity [S]; accuracy is NaN for critics, whose logits have no threshold."""
        available = snapshot.dataset.info.split_sizes.get("heldout", self._points)
        count = min(self._points, available, snapshot.dataset.info.evaluation_samples)
        fields = snapshot.real_fields("heldout", count)
        real = snapshot.discriminator(snapshot.real("heldout", count), fields).double()
        fake = snapshot.discriminator(snapshot.samples()[:, :count], snapshot.sampled_fields(count)).double()
        values = {
            "discriminator_auroc": auroc(real, fake),
            "logit_gap": real.mean(1) - fake.mean(1),
            "discriminator_accuracy": balanced_accuracy(real, fake, snapshot.threshold),
        }
        if (convergence := snapshot.variant.convergence) is not None:
            self.quantities = (*self.quantities[: len(values)], self._convergence)
            values["convergence"] = convergence(real.mean(1), fake.mean(1))
        return values
