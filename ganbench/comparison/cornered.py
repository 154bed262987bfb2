"""Results that cannot get worse by what matters: those of a baseline there can be no regression from."""

from __future__ import annotations

from collections.abc import Iterator

from numpy.typing import ArrayLike

from ganbench.comparison.detectable import margin_on_scale, on_scale, room
from ganbench.comparison.matching import in_order
from ganbench.comparison.model import Side
from ganbench.quantities import Quantity

_ROUNDING = 1e-9


def cornered(base: ArrayLike, quantity: Quantity) -> bool:
    """Whether the worst value that there is would be worse than these by less than the margin."""
    return room(on_scale(base, quantity), quantity) < margin_on_scale(quantity) * (1 - _ROUNDING)


def cornered_cells(side: Side) -> Iterator[str]:
    """The cells in which that holds of the primary quantity, in words."""
    for (variant, dataset), cell in side.cells.items():
        if cell.primary in cell.values and cornered(
            in_order(cell, cell.primary), cell.declared[cell.primary]
        ):
            yield f"{variant} on {dataset}"
