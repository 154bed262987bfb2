"""The two sides of a comparison, read: a run folder, or a baseline that was saved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ganbench.comparison.baseline import read_baseline
from ganbench.comparison.model import Cell, Side
from ganbench.comparison.run_side import side_of_run
from ganbench.errors import GanbenchError


class NoBaseline(GanbenchError):
    """There is nothing to compare with."""

    exit_code = 4


def load_side(path: str | Path) -> Side:
    """A run folder or a saved baseline; raises GanbenchError where it is neither."""
    place = Path(path)
    if place.is_file():
        return read_baseline(place)
    if not place.exists():
        raise GanbenchError(
            f"{place}: does not exist; give a run folder, or a file of `ganbench baseline save`"
        )
    return side_of_run(place)


def load_base(path: str | Path) -> Side:
    """The same for the side that is compared with; raises NoBaseline where nothing is there."""
    if not Path(path).exists():
        raise NoBaseline(
            f"{path}: there is no baseline; `ganbench baseline save RUN {path}` makes one from a run"
        )
    return load_side(path)


def load_sides(base: str | Path, new: str | Path) -> tuple[Side, Side]:
    """Both sides; raises GanbenchError where they are the same run, which always passes."""
    sides = load_base(base), load_side(new)
    if Path(base).resolve() == Path(new).resolve() or _same_run(*sides):
        raise GanbenchError(
            f"{base} and {new} are the same run: same time, same seeds, same values; "
            "NEW must be a run that was made after the change"
        )
    return sides


def swapped(base: Side, new: Side) -> Iterator[str]:
    """Say so where the new side is the older one."""
    made = [_moment(side.created) for side in (base, new)]
    if made[0] is not None and made[1] is not None and made[1] < made[0]:
        yield f"NEW was made before BASE ({new.created}, {base.created}): are the two sides swapped?"


def _moment(created: str) -> datetime | None:
    """When a side was made, in UTC where it names no zone; None where it does not say."""
    try:
        found = datetime.fromisoformat(created)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _same_run(base: Side, new: Side) -> bool:
    """Whether both were begun at the same second and hold the same seeds and values.

    A saved baseline holds fewer quantities than its run; those that both hold are looked at.
    """
    if not base.created or (base.name, base.created) != (new.name, new.created):
        return False
    return base.cells.keys() == new.cells.keys() and all(
        same_cell(cell, new.cells[key]) for key, cell in base.cells.items()
    )


def same_cell(base: Cell, new: Cell) -> bool:
    """Whether two cells have the same outcomes, and the same values in all quantities that both measured."""
    shared = base.values.keys() & new.values.keys()
    # As text NaN equals NaN, and what is stored keeps all the digits that a side has.
    values = [[repr(sorted(cell.values[name].by_seed.items())) for name in shared] for cell in (base, new)]
    return base.outcomes == new.outcomes and values[0] == values[1]


def with_seeds(side: Side, seeds: Iterable[int]) -> Side:
    """A side as if only some of its seeds had been trained; cells without any are left out."""
    chosen = sorted(set(seeds))
    cells = {key: _cell_with(cell, chosen) for key, cell in side.cells.items()}
    return replace(side, cells={key: cell for key, cell in cells.items() if cell.outcomes})


def only_deciding(side: Side) -> Side:
    """A side with nothing but what its gate's tests read: for those who gate it thousands of times."""
    cells = {}
    for key, cell in side.cells.items():
        kept = sorted(cell.values.keys() & {cell.primary, cell.counts_modes})
        cells[key] = replace(
            cell,
            values={name: cell.values[name] for name in kept},
            declared={name: cell.declared[name] for name in kept},
        )
    return replace(side, cells=cells)


def _cell_with(cell: Cell, seeds: list[int]) -> Cell:
    values = {}
    for name, each in cell.values.items():
        by_seed = {seed: each.by_seed[seed] for seed in seeds if seed in each.by_seed}
        if by_seed:
            values[name] = replace(each, by_seed=by_seed)
    outcomes = {seed: cell.outcomes[seed] for seed in seeds if seed in cell.outcomes}
    return replace(cell, values=values, outcomes=outcomes)
