"""Other valid values of an option, from its type, its bounds and what its meaning names."""

from __future__ import annotations

import math
import re
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import TypeAdapter, ValidationError

from ganbench import registry
from ganbench.registry import KINDS, Option

_LIMITS = ("gt", "ge", "lt", "le")
_NUMBERS: tuple[float, ...] = (0.5, 2, 0.1, 10, 3, 1, 0)


def other_values(option: Option, value: Any) -> list[Any]:
    """Values that the option's type allows other than `value`, the likeliest to matter first."""
    found: list[Any] = []
    adapter = TypeAdapter(option.type)
    entries = registry.names(option.names) if option.names else ()
    for candidate in (*entries, *_candidates(option.type, value, option.text)):
        if _fits(adapter, candidate) and candidate != value and candidate not in found:
            found.append(candidate)
    return found


def _fits(adapter: TypeAdapter[Any], candidate: Any) -> bool:
    try:
        adapter.validate_python(candidate, strict=True)
    except ValidationError:
        return False
    return True


def _candidates(hint: Any, value: Any, text: str) -> Iterator[Any]:
    """What may be tried; not all of it fits the type."""
    hint, bounds = _without_notes(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        for arg in args:
            yield from _candidates(Annotated[arg, *bounds] if bounds else arg, value, text)
    elif origin is Literal:
        yield from args
    elif origin in (tuple, list):
        yield from _sequences(origin, args, value, text)
    elif hint is bool:
        yield from (True, False)
    elif hint in (int, float):
        yield from map(hint, _numbers(hint, bounds, value))
    elif hint is type(None):
        yield None
    elif hint is str:
        yield from _names(value, text)
    elif origin is dict:
        yield from _mappings(value)


def _without_notes(hint: Any) -> tuple[Any, list[Any]]:
    notes: list[Any] = []
    while get_origin(hint) is Annotated:
        hint, *here = get_args(hint)
        notes += [flat for note in here if not isinstance(note, str) for flat in _flat(note)]
    return hint, notes


def _flat(note: Any) -> Iterator[Any]:
    yield from note if isinstance(note, annotated_types.GroupedMetadata) else (note,)


def _numbers(kind: type, bounds: list[Any], value: Any) -> Iterator[float]:
    """Near the value, then round numbers, then just inside the bounds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield from (value + 1, value - 1, 2 * value) if kind is int else (1.5 * value, value / 2, 10 * value)
        yield from (value + 1, -value)
    yield from _NUMBERS
    limits = [
        limit for note in bounds for name in _LIMITS if (limit := getattr(note, name, None)) is not None
    ]
    for limit in limits:
        yield from (limit, limit + 1, limit - 1) if kind is int else (0.9 * limit + 0.05, 1.1 * limit + 0.05)
    if limits and kind is float:
        yield math.fsum(limits) / len(limits)


def _sequences(origin: Any, args: tuple[Any, ...], value: Any, text: str) -> Iterator[Any]:
    """The value with one item changed, without its last item, and with one more."""
    items = tuple(value) if isinstance(value, tuple | list) else ()
    of = [arg for arg in args if arg is not Ellipsis]
    for place, item in enumerate(items):
        for other in _candidates(of[min(place, len(of) - 1)], item, text):
            yield origin((*items[:place], other, *items[place + 1 :]))
    for other in _candidates(of[-1], items[-1] if items else None, text):
        yield origin((*items, other))
    yield origin(items[:-1])


def _mappings(value: Any) -> Iterator[Any]:
    """The value with one of its numbers changed, however deep."""
    for key, item in value.items() if isinstance(value, dict) else ():
        if isinstance(item, dict):
            yield from ({**value, key: other} for other in _mappings(item))
        elif isinstance(item, int | float) and not isinstance(item, bool):
            yield from ({**value, key: other} for other in map(type(item), _numbers(type(item), [], item)))


def _names(value: Any, text: str) -> Iterator[str]:
    """The name in the value without its options, the words of the option's meaning, and registered names."""
    if isinstance(value, dict):
        yield from value
    yield from re.findall(r"[a-z][\w-]*", text)
    yield from (name for kind in KINDS for name in registry.names(kind))
