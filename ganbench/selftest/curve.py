"""The gate's power over the size of a break, from made-up numbers: what the defects' dots lie beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ganbench.comparison.gate import gate
from ganbench.selftest.false_alarms import FAST, red
from ganbench.selftest.rate_interval import Rate, independent_rate
from ganbench.selftest.synthetic import WORLDS, World, synthetic_side

SHIFTS = (0.5, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)


@dataclass(frozen=True)
class CurvePoint:
    """How often the gate is red where one variant is worse by `shift` standard deviations."""

    datasets: int
    """On how many of its data sets."""
    shift: float
    rate: Rate


def power_curve(
    repeats: int,
    baseline: int,
    new: int,
    generator: np.random.Generator,
    shifts: Sequence[float] = SHIFTS,
    world: World = WORLDS[0],
) -> list[CurvePoint]:
    """Two curves: a break on one data set of one variant, and the same break on all of them."""
    return [
        CurvePoint(broken, shift, _rate(_broken(world, broken, shift), repeats, baseline, new, generator))
        for broken in (1, world.datasets)
        for shift in shifts
    ]


def _broken(world: World, datasets: int, shift: float) -> World:
    cells = world.keys()
    variant = cells[0][0]
    keys = [key for key in cells if key[0] == variant][:datasets]
    return replace(world, shifts=dict.fromkeys(keys, shift))


def _rate(world: World, repeats: int, baseline: int, new: int, generator: np.random.Generator) -> Rate:
    reds = []
    for _ in range(repeats):
        base = synthetic_side(world, range(baseline), generator)
        other = synthetic_side(world, range(baseline, baseline + new), generator, shifted=True)
        reds.append(red(gate(base, other, FAST, generator)))
    return independent_rate(np.array(reds))
