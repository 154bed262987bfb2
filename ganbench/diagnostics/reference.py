"""What real data itself scores: the value beside which a generator's is to be read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ganbench.quantities import Quantity


def of_real(quantity: Quantity, **protocol: Any) -> Quantity:
    """The quantity `<name>_of_real`: the same measurement of real data; `protocol` says of which."""
    return replace(
        quantity,
        name=f"{quantity.name}_of_real",
        title=f"{quantity.title}, of real data",
        direction="none",
        smallest_difference=None,
        target=None,
        protocol={**quantity.protocol, **protocol},
    )
