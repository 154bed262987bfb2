"""What every diagnostic is: declared quantities, and a pure function of a snapshot.

The `VERSION` of a diagnostic's file is part of its quantities' protocol: it counts up
when the numbers change meaning.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from numpy.typing import NDArray
from torch import Tensor

from ganbench import registry
from ganbench.datasets import Dataset
from ganbench.errors import GanbenchError
from ganbench.quantities import Quantity
from ganbench.training.sample_snapshot import SampleSnapshot
from ganbench.training.snapshot import Snapshot
from ganbench.training.state import CohortState

_BY_DEFAULT: dict[str, bool] = {}


def register_diagnostic(name: str, by_default: bool = True) -> Callable[[registry.F], registry.F]:
    """Register a function of (dataset, plus options) that returns a `Diagnostic`.

    The function raises `NotApplicable` where the data set has nothing for it to measure.  With
    `by_default` false a suite must name it: what costs as much as a training is not done unasked.
    """
    register = registry.register("diagnostic", name)

    def decorate(factory: registry.F) -> registry.F:
        registered = register(factory)
        _BY_DEFAULT[name] = by_default
        return registered

    return decorate


def by_default(name: str) -> bool:
    """Whether a suite that names no diagnostics gets this one; raises UnknownName where there is none."""
    registry.get("diagnostic", name)
    return _BY_DEFAULT.get(name, True)


class NotApplicable(Exception):
    """This diagnostic has nothing to say about this data set: the message says why."""


class Diagnostic(ABC):
    """Reads snapshots and returns numbers; nothing that it keeps can be seen by the training."""

    quantities: tuple[Quantity, ...]
    """What `measure` returns, declared; complete after the first snapshot, which knows the players."""
    notes: tuple[str, ...] = ()
    """What a reader must know of the values; complete after the first snapshot, as the quantities."""
    describes_training: ClassVar[bool] = False
    """Whether its values are of the training itself: then those of a diverged seed count too."""
    samples_only: ClassVar[bool] = False
    """Whether it reads no more of a snapshot than a `SampleSnapshot` has: then samples from elsewhere can be

    measured, without networks."""
    seeds_by_round: float = math.inf
    """Of the seeds below this number the values of `on_round` are recorded: by their numbers, not by their

    places, so records do not depend on how seeds are shared among workers."""

    kept: ClassVar[tuple[str, ...]] = ()
    """The attributes that it keeps from one moment to the next: tensors, numbers and texts, in trees.

    They are set anew, not changed in place: what `state` returned stays as it was."""

    @abstractmethod
    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """Each declared quantity's values, [S] on any device; NaN where undefined."""

    def references(self, snapshot: Snapshot) -> Mapping[str, float]:
        """What real data get under the same protocol, of the measured quantities that have such a value."""
        return {}

    def on_round(self, state: CohortState) -> Mapping[str, Tensor]:
        """{quantity: [S]} before training and after every round, for a row each; see the store's columns.

        The state is the live one: it is left alone, and nothing waits for the device.  What is returned is
        kept uncopied, so it is no parameter itself.  These values replace those of `measure`, and are NaN
        from the step on at which a seed diverged.
        """
        return {}

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """After the last snapshot: what a figure needs, kept in the cohort's arrays."""
        return {}

    def state(self) -> dict[str, Any]:
        """All that it keeps from one moment to the next, as tensors, numbers and texts."""
        return {name: getattr(self, name) for name in self.kept}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        for name in self.kept:
            setattr(self, name, state[name])


def build(name: str, dataset: Dataset, options: Mapping[str, Any]) -> Diagnostic:
    """A registered diagnostic for a data set.

    Raises NotApplicable where it has nothing to say there, GanbenchError where what is made is no Diagnostic.
    """
    entry = registry.get("diagnostic", name)
    diagnostic = entry.factory(dataset.target_dataset, **options)
    if not isinstance(diagnostic, Diagnostic):
        raise GanbenchError(
            f"{entry.file}: diagnostic {name!r} makes a {type(diagnostic).__name__}, whose class must "
            f"inherit from {Diagnostic.__module__}.Diagnostic"
        )
    return diagnostic


def primary_quantity(dataset: Dataset) -> Quantity:
    """The quantity that ranks on a data set, as its diagnostic declares it there.

    Raises GanbenchError where the diagnostic that the data set names does not measure it.
    """
    primary, name = dataset.info.primary, dataset.info.name
    try:
        quantities = build(primary.diagnostic, dataset, primary.options).quantities
    except NotApplicable as error:
        raise GanbenchError(f"{name}: its primary diagnostic {primary.diagnostic!r}: {error}") from error
    declared = {quantity.name: quantity for quantity in quantities}
    if primary.quantity not in declared:
        raise GanbenchError(
            f"{name}: its primary quantity {primary.quantity!r} is not one of {primary.diagnostic!r}, which "
            f"measures {', '.join(declared)}"
        )
    return declared[primary.quantity]


def arrays_of(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    """Tensors as arrays: of those that a diagnostic keeps for a figure."""
    return {name: value.cpu().numpy() for name, value in tensors.items()}


def image_bytes(images: Tensor) -> Tensor:
    """Images in [−1, 1] as uint8, for a figure; what is not finite is black."""
    scaled = ((images.float() + 1) * 127.5).round().clamp(0, 255)
    return torch.where(images.isfinite(), scaled, 0.0).byte()


__all__ = [
    "CohortState",
    "Dataset",
    "Diagnostic",
    "NotApplicable",
    "Quantity",
    "SampleSnapshot",
    "Snapshot",
    "arrays_of",
    "build",
    "by_default",
    "image_bytes",
    "primary_quantity",
    "register_diagnostic",
]
