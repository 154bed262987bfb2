"""What diagnostics say after every round: kept on the device, read once at the end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganbench.diagnostics.diagnostic import Diagnostic
from ganbench.training.state import CohortState


class RoundRecorder:
    """Values after every round, of all diagnostics (by label) that have an `on_round` of their own."""

    def __init__(self, diagnostics: Mapping[str, Diagnostic], seeds: Sequence[int]) -> None:
        self._series = {
            label: _Series(diagnostic, seeds)
            for label, diagnostic in diagnostics.items()
            if type(diagnostic).on_round is not Diagnostic.on_round
        }
        self._steps: list[int] = []

    def __bool__(self) -> bool:
        """Whether there is any such diagnostic."""
        return bool(self._series)

    def on_round(self, state: CohortState) -> None:
        """Record the present values; nothing waits for the device."""
        self._steps.append(state.steps)
        for series in self._series.values():
            series.record(state)

    @property
    def names(self) -> set[str]:
        """The recorded quantities."""
        return {name for series in self._series.values() for name in series.values}

    def rows(self, diverged: Sequence[int | None]) -> list[dict[str, Any]]:
        """One row per quantity, seed and round: `point` is the round's number, `step` the updates done.

        `diverged` [S] is at which step each seed did, if at all: from there on its values are NaN, but of
        diagnostics that describe the training itself.
        """
        return [row for series in self._series.values() for row in series.rows(self._steps, diverged)]

    def state(self) -> dict[str, Any]:
        """All that was recorded so far."""
        series = {label: series.state() for label, series in self._series.items()}
        return {"steps": list(self._steps), "series": series}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._steps = list(state["steps"])
        for label, series in self._series.items():
            series.restore(state["series"][label])


class _Series:
    """What one diagnostic says after every round, of the seeds below its `seeds_by_round`."""

    def __init__(self, diagnostic: Diagnostic, seeds: Sequence[int]) -> None:
        self._diagnostic = diagnostic
        self._seeds = [(place, seed) for place, seed in enumerate(seeds) if seed < diagnostic.seeds_by_round]
        self._all = len(self._seeds) == len(seeds)
        self._places: Tensor | None = None
        self.values: dict[str, list[Tensor]] = {}

    def record(self, state: CohortState) -> None:
        values = self._diagnostic.on_round(state)
        if not self._seeds:
            return
        for name, value in values.items():
            chosen = value if self._all else value.index_select(0, self._places_on(value.device))
            self.values.setdefault(name, []).append(chosen.detach().double())

    def rows(self, steps: Sequence[int], diverged: Sequence[int | None]) -> Iterator[dict[str, Any]]:
        for name, values in self.values.items():
            columns = torch.stack(values).cpu().T.tolist()
            for (place, seed), column in zip(self._seeds, columns, strict=True):
                end = None if self._diagnostic.describes_training else diverged[place]
                for round_, (step, value) in enumerate(zip(steps, column, strict=True)):
                    yield {
                        "seed": seed,
                        "point": round_,
                        "final": round_ == len(steps) - 1,
                        "step": step,
                        "quantity": name,
                        "value": value if end is None or step < end else math.nan,
                    }

    def state(self) -> dict[str, Tensor]:
        """The values [rounds, recorded seeds] by quantity."""
        return {name: torch.stack(values) for name, values in self.values.items()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self.values = {name: list(values) for name, values in state.items()}

    def _places_on(self, device: torch.device) -> Tensor:
        if self._places is None or self._places.device != device:  # copied once, not after every round
            self._places = torch.tensor([place for place, _ in self._seeds], device=device)
        return self._places
