"""What theory or a publication says of a number: where it is measured, how exactly, and who says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ganbench import registry


@dataclass(frozen=True)
class Where:
    """The results that a claim speaks of.

    A variant and a data set by name and by those of their options that count; options of the measurement;
    and the step (None: the end of the training).
    """

    variant: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    dataset: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    protocol: Mapping[str, Any] = field(default_factory=dict)
    step: int | None = None

    def __str__(self) -> str:
        parts = [_with_options(self.variant, self.options), _with_options(self.dataset, self.data)]
        parts += [f"{name} {value}" for name, value in self.protocol.items()]
        parts += [] if self.step is None else [f"step {self.step:,}"]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Claim:
    """One number: its name within the suite, where it is measured, and what it should be.

    `measured` is a quantity, over seeds its median; or mean(quantity) or standard_deviation(quantity).
    `kind`: a closed form (exact), a number in the source or its code (published), or one that was derived
    and checked in double precision.  `tolerance` is the deviation that still agrees, in the number's unit;
    None where the source states none.
    """

    name: str
    where: Where
    measured: str
    expected: float
    kind: Literal["exact", "published", "derived"]
    tolerance: float | None
    source: str

    def __str__(self) -> str:
        within = "" if self.tolerance is None else f" ± {self.tolerance:g}"
        number = f"{self.measured} = {self.expected:.10g}{within} ({self.kind})"
        return f"  {self.name}\n      {number}\n      {self.where}; {self.source}"


def register_claim(name: str) -> Callable[[registry.F], registry.F]:
    """Register a function without options that returns the tuple of a suite's claims."""
    return registry.register("claim", name)


def _with_options(name: str | None, options: Mapping[str, Any]) -> str:
    words = ", ".join(f"{key}={value}" for key, value in options.items())
    return f"{name or ''}[{words}]" if words else name or ""
