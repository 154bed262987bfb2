"""The two sides of a comparison, read: a run folder, or a baseline that was saved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ganbench.comparison.baseline import read_baseline
from ganbench.comparison.model import Cell, Side, Values
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
            values[name] = Values(by_seed, each.protocol)
    outcomes = {seed: cell.outcomes[seed] for seed in seeds if seed in cell.outcomes}
    return replace(cell, values=values, outcomes=outcomes)
