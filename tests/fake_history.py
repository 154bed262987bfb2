"""A history made by hand: medians that jump where they are told to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
from fake_comparison import Fake, primary_of

from ganbench.analysis.effects import Effect
from ganbench.analysis.statistics import summarize
from ganbench.comparison.history_labels import Label
from ganbench.comparison.history_model import Change, History, Point, Series
from ganbench.comparison.model import Key
from ganbench.quantities import Quantity


@dataclass(frozen=True)
class FakeHistory:
    """What to make: `jumps` says at which result a cell gets worse (1) or better (-1)."""

    variants: tuple[str, ...] = ("nsgan", "wgan-gp[gp_weight=10]", "lsgan")
    datasets: tuple[str, ...] = ("ring8", "digits")
    results: int = 8
    seeds: int = 5
    jumps: Mapping[Key, Mapping[int, int]] = field(default_factory=dict)
    diverged: Mapping[Key, int] = field(default_factory=dict)
    """The result in which one seed of a cell diverged."""
    too_small: tuple[Key, ...] = ()
    """Cells whose changes do not matter."""
    left_out: Mapping[Key, tuple[str, ...]] = field(default_factory=dict)


def history(fake: FakeHistory) -> History:
    """The history that a fake describes."""
    rng = np.random.default_rng(3)
    series = tuple(_series(fake, v, d, rng) for d in fake.datasets for v in fake.variants)
    return History(tuple(f"run {i}" for i in range(fake.results)), series)


def _series(fake: FakeHistory, variant: str, dataset: str, rng: np.random.Generator) -> Series:
    quantity = primary_of(Fake(datasets=fake.datasets), dataset)
    jumps = fake.jumps.get((variant, dataset), {})
    shift, points = 0.0, []
    for i in range(fake.results):
        shift += 4.0 * jumps.get(i, 0)
        points.append(
            _point(
                i, _values(fake, quantity, shift, rng, fake.diverged.get((variant, dataset)) == i), quantity
            )
        )
    changes = tuple(
        _change(points, i, sign > 0, (variant, dataset) not in fake.too_small)
        for i, sign in sorted(jumps.items())
    )
    return Series(
        variant=variant,
        dataset=dataset,
        quantity=quantity,
        points=tuple(points),
        changes=changes,
        p=0.0002 if changes else 0.41,
        adjusted=0.0012 if changes else 1.0,
        smallest=1e-6,
        left_out=fake.left_out.get((variant, dataset), ()),
        words="; before that ".join(c.words for c in reversed(changes))
        or f"no change seen in {fake.results} results",
    )


def _values(
    fake: FakeHistory, quantity: Quantity, shift: float, rng: np.random.Generator, lost: bool
) -> np.ndarray:
    x = rng.normal(size=fake.seeds) + shift
    sign = -1.0 if quantity.direction == "higher" else 1.0
    values = np.exp(0.1 * x) if quantity.scale == "log" else (quantity.target or 0.4) + sign * 0.02 * (x + 9)
    if lost:
        values[0] = np.nan
    return np.asarray(values)


def _point(place: int, values: np.ndarray, quantity: Quantity) -> Point:
    day = date(2026, 1, 5) + timedelta(days=7 * place)
    commit = f"{0xA1B2C3 + 977 * place:07x}"
    return Point(
        name=f"run {place}",
        source=f"results/{place}.json",
        created=f"{day.isoformat()}T09:00:00",
        commit=commit,
        label=Label(day.isoformat(), (commit,)),
        values=dict(enumerate(values.tolist())),
        repeated=frozenset(),
        summary=summarize(values, quantity.direction, quantity.target),
        planned=values.size,
    )


def _change(points: list[Point], place: int, worse: bool, matters: bool) -> Change:
    first, last = points[place], points[place - 1]
    word = "worse" if worse else "better"
    return Change(
        index=place,
        first=first,
        last=last,
        worse=worse,
        matters=matters,
        before=last.summary.median,
        after=first.summary.median,
        effect=Effect(0.08, 0.05, 0.11, 0.953),
        adjusted=0.0012,
        words=f"{word} since {first.when}: median {last.summary.median:.3g} → {first.summary.median:.3g} "
        f"(p 0.0012){'' if matters else ', too small to matter'}",
    )
