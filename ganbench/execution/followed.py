"""What diagnostics follow from round to round: kept on the device, read once at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from ganbench.training.state import CohortState


class Followed:
    """Values of the first seeds after every round, of all diagnostics that have a method `follow`."""

    def __init__(self, diagnostics: Iterable[Any]) -> None:
        self.followers = [each.follow for each in diagnostics if hasattr(each, "follow")]
        self._steps: list[int] = []
        self._values: dict[str, list[Tensor]] = {}

    def note(self, state: CohortState) -> None:
        """Note the present values; nothing waits for the device."""
        self._steps.append(state.discriminator_updates)
        for follow in self.followers:
            for name, values in follow(state.params).items():
                self._values.setdefault(name, []).append(values.detach().double().clone())

    @property
    def names(self) -> set[str]:
        """The followed quantities."""
        return set(self._values)

    def rows(self, seeds: Sequence[int]) -> list[dict[str, Any]]:
        """One row per quantity, seed and round: `point` is the round's number, `step` the updates done."""
        found: list[dict[str, Any]] = []
        last = len(self._steps) - 1
        for name, values in self._values.items():
            for seed, series in zip(seeds, torch.stack(values).cpu().T.tolist(), strict=False):
                found.extend(
                    {
                        "seed": seed,
                        "point": round_,
                        "final": round_ == last,
                        "step": self._steps[round_],
                        "quantity": name,
                        "value": value,
                    }
                    for round_, value in enumerate(series)
                )
        return found
