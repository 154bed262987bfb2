"""Learning rates that change with the share of the budget that is spent, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NotRequired

from annotated_types import Ge, Gt, Le
from typing_extensions import TypedDict

from ganbench.errors import GanbenchError
from ganbench.registry import check_value

_Share = Annotated[float, Ge(0), Le(1)]
_Change = TypedDict(
    "_Change",
    {
        "from": Annotated[float, Ge(0)],
        "to": Annotated[float, Ge(0)],
        "begin": NotRequired[_Share],
        "end": NotRequired[_Share],
    },
)


class LinearRate(TypedDict):
    """Along a line, between two shares of the budget (0 and 1); constant before and after."""

    linear: _Change


class CosineRate(TypedDict):
    """Along half a cosine.  Loshchilov and Hutter 2017, eq. (5), without restarts."""

    cosine: _Change


class _WarmUp(TypedDict):
    share: Annotated[float, Gt(0), Le(1)]
    then: Annotated[float, Gt(0)] | LinearRate | CosineRate


class WarmUpRate(TypedDict):
    """Another rate times a factor that grows from 0 to 1 over the first share of the budget."""

    warm_up: _WarmUp


for _mapping in (_Change, LinearRate, CosineRate, _WarmUp, WarmUpRate):
    setattr(_mapping, "__pydantic_config__", {"extra": "forbid"})  # noqa: B010

LearningRate = Annotated[float, Gt(0)] | LinearRate | CosineRate | WarmUpRate
"""A learning rate as a suite writes it."""


@dataclass(frozen=True)
class Change:
    """From `first` to `last` between two shares of the budget; constant before and after."""

    first: float
    last: float
    begin: float = 0.0
    end: float = 1.0
    shape: Literal["linear", "cosine"] = "linear"

    def __post_init__(self) -> None:
        if not 0 <= self.begin < self.end <= 1:
            raise GanbenchError(
                f"a rate changes from `begin` to a later `end`, not {self.begin} to {self.end}"
            )

    def at(self, share: float) -> float:
        """The rate when a share of the budget is spent."""
        passed = min(max((share - self.begin) / (self.end - self.begin), 0.0), 1.0)
        weight = passed if self.shape == "linear" else (1 - math.cos(math.pi * passed)) / 2
        return self.first + (self.last - self.first) * weight


@dataclass(frozen=True)
class WarmUp:
    """Another rate times a factor that grows from 0 to 1 over the first share of the budget."""

    share: float
    then: float | Change

    def at(self, share: float) -> float:
        """The rate when a share of the budget is spent."""
        return min(share / self.share, 1.0) * rate_at(self.then, share)


Rate = float | Change | WarmUp


def schedule(written: float | Mapping[str, Any]) -> Rate:
    """The learning rate that a suite writes."""
    if not isinstance(written, Mapping):
        return written
    check_value(LearningRate, written, "learning rate")
    ((shape, given),) = written.items()
    if shape == "warm_up":
        then = schedule(given["then"])
        assert not isinstance(then, WarmUp)
        return WarmUp(given["share"], then)
    return Change(given["from"], given["to"], given.get("begin", 0.0), given.get("end", 1.0), shape)  # type: ignore[arg-type]


def rate_at(rate: Rate, share: float) -> float:
    """A learning rate when a share of the budget is spent."""
    return rate if isinstance(rate, int | float) else rate.at(share)


def is_constant(rate: Any) -> bool:
    """Whether a learning rate is a number."""
    return isinstance(rate, int | float)
