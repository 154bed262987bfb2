"""Types and values in plain words, for messages."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import annotated_types
from pydantic.fields import FieldInfo
from typing_extensions import is_typeddict

from ganbench.errors import nearest
from ganbench.suite.locations import Items, Mapping, Node, Scalar
from ganbench.suite.scalars import number_in

_YES_NO = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_BOUNDS = {"gt": "above", "ge": "of at least", "lt": "below", "le": "of at most"}
_PLAIN = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "true or false each"),
    str: ("text", "texts"),
    type(None): ("null", "nulls"),
    Any: ("a value", "values"),
}


def split(hint: Any) -> tuple[Any, list[Any]]:
    """A type without its annotations, and those, flat."""
    notes: list[Any] = []
    while get_origin(hint) is Annotated:
        hint, *here = get_args(hint)
        notes += here
    return hint, [flat for note in notes for flat in _flat(note)]


def _flat(note: Any) -> Iterator[Any]:
    if isinstance(note, annotated_types.GroupedMetadata):
        yield from note
    elif isinstance(note, FieldInfo):
        yield from note.metadata
    else:
        yield note


def describe(hint: Any, plural: bool = False) -> str:
    """What a value of this type is: "a number above 0", "one of 'a', 'b'"."""
    hint, notes = split(hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        kinds = [describe(Annotated[a, *notes] if notes and a in (int, float) else a, plural) for a in args]
        return ", or ".join(kinds)
    if origin is Literal:
        return ("one of " if len(args) > 1 else "") + ", ".join(_literal(arg) for arg in args)
    if origin is tuple and args[-1:] != (Ellipsis,):
        return _fixed_list(args, plural) + _limits(notes)
    if origin in (tuple, list):
        return ("lists of " if plural else "a list of ") + describe(args[0], True) + _limits(notes)
    if is_typeddict(hint):
        return _keys(hint)
    if origin is dict:
        return "mappings" if plural else "a mapping"
    return _PLAIN.get(hint, (str(hint), str(hint)))[plural] + _limits(notes)


def _keys(hint: Any) -> str:
    """A mapping's keys, as YAML has them: {linear: {from, to}}."""
    parts = get_type_hints(hint).items()
    return f"{{{', '.join(f'{k}: {_keys(part)}' if is_typeddict(part) else k for k, part in parts)}}}"


def _literal(value: Any) -> str:
    words = {"None": "null", "True": "true", "False": "false"}
    return value if isinstance(value, str) else words.get(str(value), str(value))


def _fixed_list(args: tuple[Any, ...], plural: bool) -> str:
    start = "lists" if plural else "a list"
    if len(set(map(repr, args))) == 1:
        return f"{start} of {len(args)} {describe(args[0], True)}"
    return f"{start} [{', '.join(describe(arg) for arg in args)}]"


def _limits(notes: list[Any]) -> str:
    limits = {name: getattr(note, name) for note in notes for name in _BOUNDS if hasattr(note, name)}
    words = []
    if {"ge", "le"} <= set(limits):
        words.append(f"from {limits.pop('ge')} to {limits.pop('le')}")
    words += [f"{text} {limits[name]}" for name, text in _BOUNDS.items() if name in limits]
    for note in notes:
        if isinstance(note, annotated_types.MultipleOf):
            words.append(f"divisible by {note.multiple_of}")
        if isinstance(note, annotated_types.MinLen):
            words.append(f"with at least {note.min_length} items")
        if isinstance(note, annotated_types.MaxLen):
            words.append(f"with at most {note.max_length} items")
    return " " + " and ".join(words) if words else ""


def found(node: Node) -> str:
    """What stands there: "the text 'fast'", "the number 0", "an empty list"."""
    if isinstance(node, Mapping):
        keys = ", ".join(pair.key for pair in node.pairs)
        return f"a mapping ({_short(keys)})" if keys else "an empty mapping"
    if isinstance(node, Items):
        return f"a list of {len(node.nodes)}" if node.nodes else "an empty list"
    if node.value is None:
        return "null" if node.text else "nothing"
    if isinstance(node.value, bool):
        return str(node.value).lower()
    return f"the text {_short(node.text)!r}" if isinstance(node.value, str) else f"the number {node.text}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def hint_for(node: Node, hint: Any) -> str:
    """The tail of a message: what to write instead, where a usual trap explains the mistake."""
    if not isinstance(node, Scalar):
        return ""
    wanted = set(_leaves(hint))
    if isinstance(node.value, str):
        return _hint_for_text(node, wanted)
    if isinstance(node.value, bool):
        return _hint_for_boolean(node.value, wanted)
    if isinstance(node.value, float) and not float("-inf") < node.value < float("inf"):
        return "; it must be finite"
    if isinstance(node.value, int | float) and str in wanted:
        return "; put it in quotes to make it text"
    return ""


def _hint_for_text(node: Scalar, wanted: set[Any]) -> str:
    text = node.text.strip()
    if not node.quoted and text.lower() in _YES_NO:
        meant = _YES_NO[text.lower()]
        instead = f"write {meant}" if bool in wanted else f"not {meant}"
        return f"; {text!r} is text in YAML 1.2, {instead}"
    if wanted & {int, float}:
        return _hint_for_number(text, node.quoted)
    if bool in wanted and text.lower() in ("true", "false"):
        return f"; write {text.lower()} without quotes"
    words = [leaf for leaf in wanted if isinstance(leaf, str)]
    close = nearest(text, words) if words else ""
    return close if "did you mean" in close else ""


def _hint_for_number(text: str, quoted: bool) -> str:
    if number_in(text) is not None and quoted:
        return "; write it without quotes"
    if match := re.fullmatch(r"(\d+):([0-5]?\d)", text):
        return f"; {text} is text in YAML 1.2, not {int(match[1]) * 60 + int(match[2])}"
    bare = text.replace(",", "").replace("_", "").replace(" ", "")
    return f"; write {bare}" if number_in(bare) is not None else ""


def _hint_for_boolean(value: bool, wanted: set[Any]) -> str:
    written = str(value).lower()
    word = "on" if value else "off"
    if word in wanted:
        return f"; write {word}"
    if wanted & {int, float}:
        return f"; {written} is never a number in a suite"
    return f'; put it in quotes ("{written}") to make it text' if str in wanted else ""


def _leaves(hint: Any) -> Iterator[Any]:
    """The plain types and the literal texts that a type allows anywhere in it."""
    hint, _ = split(hint)
    if get_origin(hint) is Literal:
        yield from (arg for arg in get_args(hint))
    elif get_args(hint):
        for arg in get_args(hint):
            if arg is not Ellipsis:
                yield from _leaves(arg)
    else:
        yield hint
