"""What every diagnostic is: declared quantities, and a pure function of a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from torch import Tensor

from ganbench import registry
from ganbench.datasets import Dataset
from ganbench.quantities import Quantity
from ganbench.training.snapshot import Snapshot


def register_diagnostic(name: str, by_default: bool = True) -> Callable[[registry.F], registry.F]:
    """Register a function of (dataset, plus options) that returns a `Diagnostic`.

    The function raises `NotApplicable` where the data set has nothing for it to measure.  With
    `by_default` false a suite must name it: what costs as much as a training is not done unasked.
    """
    register = registry.register("diagnostic", name)

    def decorate(factory: registry.F) -> registry.F:
        factory.by_default = by_default  # type: ignore[attr-defined]
        return register(factory)

    return decorate


class NotApplicable(Exception):
    """This diagnostic has nothing to say about this data set: the message says why."""


class Diagnostic(Protocol):
    """Reads a snapshot, returns numbers; it owns no state that training could see.

    It may have more methods, which are called where they exist:
    `follow(params) -> {quantity: [S]}`, before training and after every round, with the live parameters
    [S, ...] (to be left alone, without waiting for the device).  It returns tensors of its own, not the
    parameters themselves: they are kept uncopied.  They replace `measure`'s values.  In their rows `point` is
    the number of the round, `step` the discriminator updates done, `seconds` that share of the training's
    (nothing is timed in between), and values from the step on at which a seed diverged are NaN.  With an
    attribute `followed` only the seeds below that number are recorded, by their numbers and not by their
    places: so records do not depend on how seeds are shared among workers;
    `arrays() -> {name: array}`, after the last snapshot: what a figure needs, kept in the cohort's arrays.
    """

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """What `measure` returns, declared; complete after the first snapshot, which knows the players."""
        ...

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """Each declared quantity's values, [S] on any device; NaN where undefined."""
        ...


__all__ = ["Dataset", "Diagnostic", "NotApplicable", "Quantity", "Snapshot", "register_diagnostic"]
