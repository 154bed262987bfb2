"""What diagnostics follow from round to round: kept on the device, read once at the end."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from ganbench.training.state import CohortState


class RoundRecorder:
    """Values after every round, of all diagnostics that have a method `follow`; see `Diagnostic`."""

    def __init__(self, diagnostics: Iterable[Any], seeds: Sequence[int]) -> None:
        self.followers = [_Follower(each, seeds) for each in diagnostics if hasattr(each, "follow")]
        self._steps: list[int] = []

    def note(self, state: CohortState) -> None:
        """Note the present values; nothing waits for the device."""
        self._steps.append(state.discriminator_updates)
        for follower in self.followers:
            follower.note(state)

    @property
    def names(self) -> set[str]:
        """The followed quantities."""
        return {name for follower in self.followers for name in follower.values}

    def rows(self, diverged: Sequence[int | None]) -> list[dict[str, Any]]:
        """One row per quantity, seed and round: `point` is the round's number, `step` the updates done.

        `diverged` [S] is at which step each seed did, if at all: from there on its values are NaN, but of
        diagnostics that describe the training itself.
        """
        found: list[dict[str, Any]] = []
        for follower in self.followers:
            ends = [None] * len(diverged) if follower.of_training else diverged
            for name, seed, place, series in follower.series():
                found.extend(self._rows_of(name, seed, series, ends[place]))
        return found

    def _rows_of(
        self, name: str, seed: int, series: Sequence[float], diverged: int | None
    ) -> Iterable[dict[str, Any]]:
        last = len(self._steps) - 1
        for round_, (step, value) in enumerate(zip(self._steps, series, strict=True)):
            gone = diverged is not None and step >= diverged
            yield {
                "seed": seed,
                "point": round_,
                "final": round_ == last,
                "step": step,
                "quantity": name,
                "value": math.nan if gone else value,
            }


class _Follower:
    """What one diagnostic follows, of the seeds whose numbers are below its `followed`."""

    def __init__(self, diagnostic: Any, seeds: Sequence[int]) -> None:
        self._follow = diagnostic.follow
        self.of_training = bool(getattr(diagnostic, "describes_training", False))
        below = getattr(diagnostic, "followed", math.inf)
        self._seeds = [(place, seed) for place, seed in enumerate(seeds) if seed < below]
        self._all = len(self._seeds) == len(seeds)
        self._places: Tensor | None = None
        self.values: dict[str, list[Tensor]] = {}

    def note(self, state: CohortState) -> None:
        values = self._follow(state.params)
        if not self._seeds:
            return
        for name, value in values.items():
            own = value if self._all else value.index_select(0, self._on(value.device))
            self.values.setdefault(name, []).append(own.detach().double())

    def series(self) -> Iterable[tuple[str, int, int, list[float]]]:
        """(quantity, seed, the seed's place in the cohort, its values round by round)."""
        for name, values in self.values.items():
            columns = torch.stack(values).cpu().T.tolist()
            for (place, seed), column in zip(self._seeds, columns, strict=True):
                yield name, seed, place, column

    def _on(self, device: torch.device) -> Tensor:
        if self._places is None or self._places.device != device:  # copied once, not after every round
            self._places = torch.tensor([place for place, _ in self._seeds], device=device)
        return self._places
