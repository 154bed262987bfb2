"""Trajectories around a point, kept while they grow: thinned, but with every turn counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


class Trajectory:
    """Places [S, P] around 0 round after round, on their device; at most `most` of them are kept.

    Beyond `most` every second one is dropped.  In a plane the angle is summed up before that, over every
    round: two places that are kept may lie turns apart.  A round that turns by more than half a turn
    cannot be told from one that turns the other way.  Nothing here waits for the device.
    """

    def __init__(self, size: int, most: int) -> None:
        self._size, self._most = size, most
        self._stride, self._rounds = 1, 0
        self._places: list[Tensor] = []
        self._angles: list[Tensor] = []
        self._last: tuple[Tensor, Tensor] | None = None

    def add(self, place: Tensor) -> None:
        """The next round's places [S, P], float64; kept as they are."""
        angle = self._turned_to(place)
        if self._rounds % self._stride == 0:
            self._places.append(place)
            self._angles.append(angle)
            if len(self._places) > self._most:
                self._places, self._angles = self._places[::2], self._angles[::2]
                self._stride *= 2
        self._rounds += 1

    @property
    def rounds(self) -> NDArray[np.int64]:
        """The numbers [T] of the rounds that are kept, from 0."""
        return self._stride * np.arange(len(self._places))

    def places(self) -> Array:
        """The kept places [T, S, P]."""
        return _read(self._places, (0, 0, self._size))

    def angles(self) -> Array | None:
        """The angle [T, S] in radians that was turned by until each kept place; None but in a plane."""
        return _read(self._angles, (0, 0)) if self._size == 2 else None

    def state(self) -> dict[str, Any]:
        """All that going on needs."""
        kept = {"places": self._places, "angles": self._angles}
        stacked = {name: torch.stack(values) for name, values in kept.items() if values}
        return {"stride": self._stride, "rounds": self._rounds, "last": self._last, **stacked}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self._stride, self._rounds, self._last = state["stride"], state["rounds"], state["last"]
        self._places, self._angles = (list(state.get(name, ())) for name in ("places", "angles"))

    def _turned_to(self, place: Tensor) -> Tensor:
        if self._size != 2 or self._last is None:
            angle = torch.zeros_like(place[:, 0])
        else:
            (x, y), (u, v) = self._last[0].unbind(1), place.unbind(1)
            angle = self._last[1] + torch.atan2(x * v - y * u, x * u + y * v)
        self._last = (place, angle)
        return angle


def _read(kept: list[Tensor], empty: tuple[int, ...]) -> Array:
    found: Array = torch.stack(kept).cpu().numpy() if kept else np.empty(empty)
    return found
