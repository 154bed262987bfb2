"""The results of one cell that a history may set side by side, and what in them is new evidence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ganbench.analysis.statistics import Values, badness, summarize
from ganbench.comparison.comparability import TRAINED, differences
from ganbench.comparison.history_labels import Label, commit
from ganbench.comparison.history_model import Point
from ganbench.comparison.model import Cell, Key, Side
from ganbench.quantities import Quantity


@dataclass(frozen=True)
class Comparable:
    """One cell's points, oldest first, and what had to stay out."""

    quantity: Quantity
    points: tuple[Point, ...]
    left_out: tuple[str, ...]
    ended: str
    """The label of the last result where it is not the history's last; else empty."""

    @property
    def groups(self) -> list[Values]:
        """The badness of each point's fresh values."""
        return [badness(p.fresh, self.quantity.direction, self.quantity.target) for p in self.points]


def comparable(key: Key, ordered: Sequence[Side], labels: Sequence[Label]) -> Comparable:
    """The results of one cell that are comparable with the latest that measured its primary quantity.

    `ordered` is oldest first, and at least one of them has the cell; `labels` say what they are called.
    """
    called = zip(ordered, labels, strict=True)
    having = [(side, label, side.cells[key]) for side, label in called if key in side.cells]
    latest = next((cell for *_, cell in reversed(having) if cell.primary in cell.values), having[-1][2])
    reasons = [_reasons(cell, latest) for *_, cell in having]
    kept = [each for each, why in zip(having, reasons, strict=True) if not why]
    left_out = [
        f"{label}: {'; '.join(why)}" for (_, label, _), why in zip(having, reasons, strict=True) if why
    ]
    repeated = _repeated([cell for *_, cell in kept])
    points = [_point(*each, seeds) for each, seeds in zip(kept, repeated, strict=True)]
    quantity = latest.declared.get(latest.primary) or Quantity(latest.primary, latest.primary)
    ended = "" if having[-1][1] == labels[-1] else str(having[-1][1])
    return Comparable(quantity, tuple(points), tuple(left_out), ended)


def _reasons(cell: Cell, latest: Cell) -> list[str]:
    """Why a result stays out; nothing where it is comparable."""
    if cell.primary not in cell.values:
        lost = ", ".join(sorted(set(cell.outcomes.values()) - set(TRAINED)))
        return [f"{cell.primary} was not measured{f' ({lost})' if lost else ''}"]
    said = differences(cell, latest)  # speaks of two sides, which a history has not
    return [words.replace(" in BASE", " here").replace(" in NEW", " in the latest") for words in said]


def _point(side: Side, label: Label, cell: Cell, repeated: frozenset[int]) -> Point:
    quantity, values = cell.declared[cell.primary], cell.values[cell.primary].by_seed
    return Point(
        name=side.name,
        source=side.source,
        created=side.created,
        commit=commit(side),
        label=label,
        values=values,
        repeated=repeated,
        summary=summarize(list(values.values()), quantity.direction, quantity.target),
        planned=len(cell.outcomes),
    )


def _repeated(cells: Sequence[Cell]) -> Iterator[frozenset[int]]:
    """For each result the seeds that only say again what they said before.

    Training is deterministic by seed, so results between which nothing changed repeat each other, and
    counting them all would make chance look certain as soon as a harmless change redraws every seed.
    A stretch of results repeats itself as long as all that any two of them share agrees, in every
    quantity (an equal count of modes alone is no repetition); timings aside.
    """
    known: dict[tuple[str, int], float] = {}
    for cell in cells:
        measured = {
            (name, seed): value
            for name, values in cell.values.items()
            if not cell.declared[name].timing
            for seed, value in values.by_seed.items()
        }
        if not all(_same(value, known.get(place, value)) for place, value in measured.items()):
            known = {}
        yield frozenset(s for s in cell.values[cell.primary].by_seed if (cell.primary, s) in known)
        known |= measured


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))
