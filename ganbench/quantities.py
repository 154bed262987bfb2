"""What a measured number is: its unit, direction, scale and the difference that matters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Literal

Direction = Literal["higher", "lower", "target", "none"]
Scale = Literal["linear", "log"]


@dataclass(frozen=True)
class Quantity:
    """A declared quantity.

    `direction` says which way is better: "higher", "lower", "target" (closest to `target`) or
    "none" (descriptive).  `smallest_difference` is the smallest change that matters, in the
    quantity's own unit (on a log scale: as a ratio minus one).  `protocol` holds all that two
    values must share to be compared: sample count, split, extractor and its hash, version.
    A `timing` says as much of the machine as of the method: it is compared on equal hardware only.
    What is `shared` is measured once for a whole cohort and repeated for each seed: one measurement,
    however many seeds.  `lowest` and `highest` are bounds that no value can leave, by what is measured;
    None where there is none or it is not certain.  A value at the worse one cannot become worse.
    """

    name: str
    title: str
    unit: str = ""
    direction: Direction = "none"
    scale: Scale = "linear"
    smallest_difference: float | None = None
    target: float | None = None
    protocol: dict[str, Any] = field(default_factory=dict)
    timing: bool = False
    shared: bool = False
    lowest: float | None = None
    highest: float | None = None

    @property
    def worst(self) -> float | None:
        """The worst value that the bounds allow; None where a value can always become worse."""
        if self.direction == "higher":
            return self.lowest
        if self.direction == "lower":
            return self.highest
        if self.direction == "none" or self.lowest is None or self.highest is None:
            return None
        target = self.target or 0.0
        return self.lowest if target - self.lowest > self.highest - target else self.highest

    def as_json(self) -> dict[str, Any]:
        """The declaration as plain JSON values."""
        return asdict(self)


share = partial(Quantity, lowest=0, highest=1)
"""A quantity that is a share of something: from 0 to 1."""


def fingerprint(protocol: Mapping[str, Any], data_hash: str) -> str:
    """What two values must share to be compared, protocol and real data, as 8 hexadecimal digits."""
    text = json.dumps([protocol, data_hash], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
