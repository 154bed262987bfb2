"""What differs between two sides and does not forbid to compare them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ganbench.analysis.numbers import listed
from ganbench.comparison.model import Cell, Side
from ganbench.comparison.settings import OPTION


def notes(base: Side, new: Side) -> list[str]:
    """What differs and does not forbid a comparison, each said once for all the cells that it holds for."""
    shared = sorted(set(base.cells) & set(new.cells))
    pairs = [(base.cells[key], new.cells[key]) for key in shared]
    return [*_identical(pairs), *_circumstances(pairs), *_margins(pairs)]


def _identical(pairs: Iterable[tuple[Cell, Cell]]) -> Iterator[str]:
    """Say so where seeds that both sides have gave the very same primary values."""
    same = [base for base, new in pairs if _equal_by_seed(base, new)]
    if same:
        yield (
            f"the primary values of the seeds that both sides share are identical in {_cells(len(same))}: "
            "there nothing was changed, or nothing that counts"
        )


def _equal_by_seed(base: Cell, new: Cell) -> bool:
    if base.primary not in base.values or base.primary not in new.values:
        return False
    before, after = base.values[base.primary].by_seed, new.values[base.primary].by_seed
    shared = before.keys() & after.keys()
    return bool(shared) and all(before[s] == after[s] or before[s] != before[s] != after[s] for s in shared)


def _circumstances(pairs: list[tuple[Cell, Cell]]) -> Iterator[str]:
    """What differs around the cells: of the machine and the versions first, then the variants' options."""
    changes: dict[tuple[str, str, str, str], list[str]] = {}
    for base, new in pairs:
        one, other = base.circumstances, new.circumstances
        if one == other or not one or not other:
            continue
        for name in sorted(set(one) | set(other)):
            before, after = one.get(name, "none"), other.get(name, "none")
            if before != after:
                owner = base.variant if name.startswith(OPTION) else ""
                changes.setdefault((owner, name, before, after), []).append(base.dataset)
    cells: dict[str, int] = {"": len(pairs)}
    for base, _ in pairs:
        cells[base.variant] = cells.get(base.variant, 0) + 1
    for (owner, name, before, after), datasets in sorted(changes.items()):
        some = len(datasets) < cells[owner]
        if owner:
            where = f" on {listed(sorted(datasets))}" if some else ""
            yield f"{owner}{where}: {name} {before} in BASE, {after} in NEW"
        else:
            where = f" ({len(datasets)} of {_cells(cells[owner])})" if some else ""
            yield f"{name}: {before} in BASE, {after} in NEW{where}"


def _margins(pairs: Iterable[tuple[Cell, Cell]]) -> Iterator[str]:
    changed = {
        (name, base.declared[name].smallest_difference, new.declared[name].smallest_difference)
        for base, new in pairs
        for name in base.declared.keys() & new.declared.keys()
        if base.declared[name].smallest_difference != new.declared[name].smallest_difference
    }
    for name, before, after in sorted(changed, key=str):
        yield f"smallest difference that matters of {name}: {before} in BASE, {after} in NEW; BASE's counts"


def _cells(count: int) -> str:
    return f"{count} cell{'s' if count != 1 else ''}"
