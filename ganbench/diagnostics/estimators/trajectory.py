"""Trajectories around an equilibrium: kept while they grow, and judged to converge, cycle or diverge."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
CONVERGES, CYCLES, DIVERGES = 1.0, 0.0, -1.0
_ARRIVED = 1e-9
"""Nearer than this share of the start, rounding decides how a trajectory moves."""
_TINY = float(np.finfo(float).tiny)
_OVERLAP = 0.1
"""The part of a turn that must have been gone twice for two turns to be compared."""


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
    return torch.stack(kept).cpu().numpy() if kept else np.empty(empty)


def verdict(growth: float, tolerance: float) -> float:
    """1 converges, 0 cycles, −1 diverges, by the growth per turn; NaN where that is undefined."""
    if math.isnan(growth):
        return math.nan
    return CYCLES if abs(growth) <= tolerance else math.copysign(1.0, -growth)


def growth_per_turn(path: Array, tolerance: float, angle: Array | None = None) -> float:
    """By how much ln ‖w‖ grows in one turn around 0, late in a trajectory `path` [T, d] around 0.

    In a plane `angle` [T] is what it has turned by in radians; without it no step may exceed half a turn.

    In a plane: the mean of ln ‖w‖ over the last turn (by angle), less the same n turns earlier, over n: as
    many as lie in the second half.  So the shape of a closed orbit drops out.  A trajectory of less than
    1.1 turns, or out of the plane, is judged by its largest distance in the last quarter against that in the
    third one, and is undefined (NaN) where the two agree within the tolerance: it may be in the middle of a
    slow turn.  −∞: it has arrived (to 1e-9 of where it started).  +∞: it is not finite.
    """
    if not np.isfinite(path).all():
        return math.inf
    distance = np.linalg.norm(path, axis=1)
    half, last = len(path) // 2, (3 * len(path)) // 4
    if distance[half:].max() <= _ARRIVED * max(distance[0], _ARRIVED):
        return -math.inf
    if path.shape[1] == 2:
        turned = np.unwrap(np.arctan2(path[:, 1], path[:, 0])) if angle is None else angle
        turns = _turns_before_the_end(turned)
    else:
        turns = np.zeros(len(path))
    if turns[-1] < 1 + _OVERLAP:
        growth = math.log(max(distance[last:].max(), _TINY) / distance[half : last + 1].max())
        return growth if abs(growth) > tolerance else math.nan
    return _between_turns(turns, np.log(np.maximum(distance[::-1], _TINY)))


def _turns_before_the_end(angle: Array) -> Array:
    """How many turns lie between each point and the last one, last point first; never falling."""
    return np.maximum.accumulate(np.abs(angle - angle[-1])[::-1]) / (2 * np.pi)


def _between_turns(turns: Array, logarithm: Array) -> float:
    """The change of the mean logarithm per turn; both arrays from the last point backwards."""
    area = np.concatenate([[0.0], np.cumsum(np.diff(turns) * (logarithm[1:] + logarithm[:-1]) / 2)])
    gap = max(1, min(int(turns[len(turns) // 2]), int(turns[-1]) - 1))
    width = min(1.0, turns[-1] - gap)
    edges = np.interp([width, gap, gap + width], turns, area)
    return float((edges[0] - (edges[2] - edges[1])) / width / gap)
