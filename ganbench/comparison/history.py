"""Primary quantities over time: runs and baselines in order, with intervals and change points."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ganbench import store
from ganbench.analysis.change_points import (
    PERMUTATIONS,
    ChangePoint,
    Split,
    change_points,
    likeliest_split,
    smallest_p,
)
from ganbench.analysis.effects import effect, harm
from ganbench.analysis.multiplicity import holm
from ganbench.analysis.numbers import number
from ganbench.comparison.baseline import WHAT
from ganbench.comparison.history_labels import labels
from ganbench.comparison.history_model import LEVEL, Change, History, Point, Series
from ganbench.comparison.history_points import Comparable, comparable
from ganbench.comparison.history_same import counted_once
from ganbench.comparison.margins import matters
from ganbench.comparison.model import Key, Side
from ganbench.comparison.sides import load_side
from ganbench.comparison.streams import root_of, stream
from ganbench.comparison.verdicts import margin_words, middle, p_words
from ganbench.errors import GanbenchError
from ganbench.quantities import Quantity

_PERMUTATIONS_A_CELL = 200
"""So many times the number of cells are drawn at least: Holm's smallest threshold is then ten deals wide."""


def load_history(paths: Iterable[str | Path]) -> list[Side]:
    """Run folders, baseline files, and folders that hold some, oldest first; equally old ones by name.

    Other JSON files and folders in such a folder are passed over.  What is named twice counts once.
    """
    found = {place.resolve(): place for path in paths for place in _places(Path(path))}
    if not found:
        raise GanbenchError("a history needs at least one run folder or baseline file")
    return in_order(load_side(place) for place in found.values())


def in_order(sides: Iterable[Side]) -> list[Side]:
    """Sides by when they were made, then by name; raises GanbenchError where one does not say when."""
    return sorted(sides, key=lambda side: (_moment(side), side.name, side.source))


def history(sides: Iterable[Side], generator: np.random.Generator) -> History:
    """Each primary quantity over time, with the changes that stand out of chance.

    Which cells changed at all is decided together: Holm over the cells' p at `LEVEL`.  Where else a
    changed cell changed is searched at `LEVEL` over the number of cells.  A result that is given more than
    once, as a run and as its baseline, counts once.
    """
    ordered, same = counted_once(in_order(sides))
    called = labels(ordered)
    keys = sorted({key for side in ordered for key in side.cells})
    cells = {key: comparable(key, ordered, called) for key in keys}
    permutations, root = max(PERMUTATIONS, _PERMUTATIONS_A_CELL * len(cells)), root_of(generator)
    chance = {key: stream(root, "history", *key) for key in cells}
    splits = {key: likeliest_split(cell.groups, chance[key], permutations) for key, cell in cells.items()}
    tested = {key: split for key, split in splits.items() if split is not None}
    adjusted = dict(zip(tested, holm([split.p for split in tested.values()]).tolist(), strict=True))
    changes: dict[Key, tuple[Change, ...]] = {}
    for key, split in tested.items():
        if adjusted[key] <= LEVEL:
            share = LEVEL / len(tested)
            found = change_points(cells[key].groups, chance[key], share, permutations, first=split)
            changes[key] = tuple(_changes(cells[key], found, split, adjusted[key], len(tested)))
    series = {
        key: _series(key, cell, splits[key], adjusted.get(key, 1.0), changes.get(key, ()), len(tested))
        for key, cell in cells.items()
    }
    newest_first = dict.fromkeys(key for side in reversed(ordered) for key in side.cells)
    return History(tuple(map(str, called)), tuple(series[key] for key in newest_first), same=same)


def _places(path: Path) -> Iterator[Path]:
    """The run folders and baselines that a path stands for."""
    if not path.is_dir() or (path / store.RUN_FILE).is_file():
        yield path
        return
    inside = sorted(each for each in path.iterdir() if not each.name.startswith("."))
    kept = [each for each in inside if (each / store.RUN_FILE).is_file() or _is_baseline(each)]
    if not kept:
        raise GanbenchError(
            f"{path}: holds no run folder and no baseline; `ganbench baseline save RUN FILE` makes baselines"
        )
    yield from kept


def _is_baseline(file: Path) -> bool:
    """Whether a JSON file says that it is one; a broken one counts, so that its reader names it."""
    if file.suffix != ".json" or not file.is_file():
        return False
    try:
        stored = store.read_json(file)
    except GanbenchError:
        return True
    return isinstance(stored, Mapping) and stored.get("what") == WHAT


def _moment(side: Side) -> datetime:
    try:
        moment = datetime.fromisoformat(side.created)
    except ValueError:
        raise GanbenchError(
            f"{side.source}: does not say when it was made (created: {side.created!r}), "
            "so it has no place in a history"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _changes(
    cell: Comparable, found: Sequence[ChangePoint], first: Split, adjusted: float, tested: int
) -> Iterator[Change]:
    """The changes in words; only the first one's p, which says that there is any, is Holm's."""
    ends = [0, *(each.index for each in found), len(cell.points)]
    for each, start, end in zip(found, ends[:-2], ends[2:], strict=True):
        p = adjusted if each.index == first.index else min(1.0, max(adjusted, each.p * tested))
        yield _change(cell.quantity, each, cell.points[start : each.index], cell.points[each.index : end], p)


def _change(
    quantity: Quantity, found: ChangePoint, before: Sequence[Point], after: Sequence[Point], p: float
) -> Change:
    old, new = ([value for point in points for value in point.fresh] for points in (before, after))
    size = effect(old, new, quantity)
    large = matters(abs(harm(size.estimate, quantity)), quantity)
    medians = middle(old, quantity), middle(new, quantity)
    what = "median distance to " + number(quantity.target or 0.0)
    said = (
        f"{'worse' if found.sign > 0 else 'better'} since {after[0].when}: "
        f"{what if quantity.direction == 'target' else 'median'} "
        f"{number(medians[0])} → {number(medians[1])} (p {p_words(p)})"
    )
    return Change(
        index=found.index,
        first=after[0],
        last=before[-1],
        worse=found.sign > 0,
        matters=large,
        before=medians[0],
        after=medians[1],
        effect=size,
        adjusted=p,
        words=said if large else f"{said}, too small to matter ({margin_words(quantity)})",
    )


def _series(
    key: Key, cell: Comparable, split: Split | None, adjusted: float, changes: tuple[Change, ...], tested: int
) -> Series:
    smallest = smallest_p([len(point.fresh) for point in cell.points])
    return Series(
        variant=key[0],
        dataset=key[1],
        quantity=cell.quantity,
        points=cell.points,
        changes=changes,
        p=split.p if split else 1.0,
        adjusted=adjusted,
        smallest=smallest,
        left_out=cell.left_out,
        words=_words(cell, changes, adjusted, smallest * tested),
    )


def _words(cell: Comparable, changes: Sequence[Change], adjusted: float, smallest: float) -> str:
    """The changes, latest first, or why there is none to speak of."""
    gone = f"; not in results after {cell.ended}" if cell.ended else ""
    if changes:
        return "; before that ".join(change.words for change in reversed(changes)) + gone
    count = len(cell.points)
    if count < 2:
        apart = f" ({len(cell.left_out)} left out, the report says why)" if cell.left_out else ""
        return f"{'one' if count else 'no'} comparable result{apart}{gone}"
    if not any(point.fresh for point in cell.points[1:]):
        return f"{count} results, all the same to the last digit{gone}"
    if smallest > LEVEL:
        return f"insufficient evidence: so few seeds in {count} results cannot show a change{gone}"
    return f"no change seen in {count} results (p {p_words(adjusted)}){gone}"
