"""The declared margin: the smallest difference that is called worse, or better."""

from __future__ import annotations

from ganbench.quantities import Quantity


def margin(quantity: Quantity) -> float:
    """The smallest difference that matters, in the unit of `harm`; 0 where none is declared."""
    return quantity.smallest_difference or 0.0


def matters(size: float, quantity: Quantity) -> bool:
    """Whether a harm (see `effects.harm`), or a benefit, is as large as the margin."""
    return size >= margin(quantity)
