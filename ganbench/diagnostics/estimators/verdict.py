"""Does a trajectory converge, cycle or diverge?  Judged by its distance from the equilibrium, by turns."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

CONVERGES, CYCLES, DIVERGES = 1.0, 0.0, -1.0
Array = NDArray[np.float64]
_ARRIVED = 1e-9
"""Nearer than this share of the start, rounding decides how a trajectory moves."""
_TINY = float(np.finfo(float).tiny)
_OVERLAP = 0.1
"""The part of a turn that must have been gone twice for two turns to be compared."""


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
        turns = _turns_before_the_end(_unwrapped(path) if angle is None else angle)
    else:
        turns = np.zeros(len(path))
    if turns[-1] < 1 + _OVERLAP:
        growth = math.log(max(distance[last:].max(), _TINY) / distance[half : last + 1].max())
        return growth if abs(growth) > tolerance else math.nan
    return _between_turns(turns, np.log(np.maximum(distance[::-1], _TINY)))


def _unwrapped(path: Array) -> Array:
    angle: Array = np.unwrap(np.arctan2(path[:, 1], path[:, 0]))
    return angle


def _turns_before_the_end(angle: Array) -> Array:
    """How many turns lie between each point and the last one, last point first; never falling."""
    turned: Array = np.maximum.accumulate(np.abs(angle - angle[-1])[::-1]) / (2 * np.pi)
    return turned


def _between_turns(turns: Array, logarithm: Array) -> float:
    """The change of the mean logarithm per turn; both arrays from the last point backwards."""
    area = np.concatenate([[0.0], np.cumsum(np.diff(turns) * (logarithm[1:] + logarithm[:-1]) / 2)])
    apart = max(1, min(int(turns[len(turns) // 2]), int(turns[-1]) - 1))
    width = min(1.0, turns[-1] - apart)
    edges = np.interp([width, apart, apart + width], turns, area)
    return float((edges[0] - (edges[2] - edges[1])) / width / apart)
