"""A name with options to settings: every option checked and resolved, every sweep written out."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ganbench import registry
from ganbench.errors import UnknownName
from ganbench.registry import Kind, Option
from ganbench.suite.located import Mapping, Mistakes, Node, Pair, Place, Scalar, from_plain
from ganbench.suite.naming import bracketed, word
from ganbench.suite.options import WRONG, check_keys, read_value, swept
from ganbench.suite.own import AS_THE_SUITE, Own, beside
from ganbench.suite.words import found, hint_for

TITLES: dict[Kind, str] = {kind: kind for kind in registry.KINDS} | {
    "dataset": "data set",
    "update": "update rule",
    "extractor": "feature extractor",
}
_MOST_SETTINGS = 10_000


@dataclass(frozen=True)
class Setting:
    """A name with all its options resolved, and where and how it was written."""

    name: str
    place: Place
    options: dict[str, Any]
    given: dict[str, str]
    """The options that were written, as they appear in a label."""
    label: str | None = None
    swept: tuple[str, ...] = ()
    """The options that were written as a sweep."""
    network_place: Place | None = None
    own: Own = AS_THE_SUITE
    """The budget and the seeds that were written beside the name."""
    budget_place: Place | None = None
    on_places: tuple[Place, ...] = ()


@dataclass(frozen=True)
class _Value:
    """One value of an option: resolved, as it appears in a label, and where it stands."""

    value: Any
    word: str
    place: Place


def settings(kind: Kind, pair: Pair, mistakes: Mistakes, silent: bool = False) -> list[Setting]:
    """The settings of one name with its options: the product of its sweeps, in file order."""
    try:
        known = options_of(kind, pair.key)
    except UnknownName as error:
        tail = hint_for(Scalar(pair.place, pair.key, pair.key), None)
        if not silent or "did you mean" in str(error):
            mistakes.add(pair.place, str(error).replace(kind, TITLES[kind], 1) + tail)
        return []
    axes = _axes(kind, pair, known, mistakes)
    if axes is None:
        return []
    many = tuple(name for name, values in axes.items() if len(values) > 1)
    count = math.prod(map(len, axes.values()))
    if count > _MOST_SETTINGS:
        mistakes.add(
            pair.place, f"{pair.key!r} is swept over {count} settings; {_MOST_SETTINGS} are the most"
        )
        return []
    defaults = {
        name: _default(option, pair.place, mistakes) for name, option in known.items() if name not in axes
    }
    return [
        _setting(pair, known, defaults, dict(zip(axes, values, strict=True)), many)
        for values in itertools.product(*axes.values())
    ]


def _setting(
    pair: Pair,
    known: dict[str, Option],
    defaults: dict[str, Any],
    chosen: dict[str, _Value],
    many: tuple[str, ...],
) -> Setting:
    options = {name: chosen[name].value if name in chosen else defaults[name] for name in known}
    given = {name: value.word for name, value in chosen.items()}
    network = chosen["network"].place if "network" in chosen else None
    return Setting(pair.key, pair.place, options, given, None, many, network)


def options_of(kind: Kind, name: str) -> dict[str, Option]:
    """The options that a suite may give to a name; raises UnknownName."""
    options = registry.get(kind, name).options
    return {key: option for key, option in options.items() if (kind, key) != ("diagnostic", "dataset")}


def _axes(
    kind: Kind, pair: Pair, known: dict[str, Option], mistakes: Mistakes
) -> dict[str, tuple[_Value, ...]] | None:
    """The values of every option that is written, or None after noting a mistake among them."""
    before, of = len(mistakes.found), f"{TITLES[kind]} {pair.key!r}"
    node = pair.node
    if isinstance(node, Scalar) and node.value is None:
        node = Mapping(pair.place, ())
    if not isinstance(node, Mapping):
        mistakes.add(
            node.place, f"the options of {of} must be a mapping {{option: value}}, not {found(node)}"
        )
        return None
    inside = [each for each in node.pairs if each.key in beside(kind) and each.key not in known]
    for each in inside:
        text = f"the key {each.key!r} of {of} stands among its options"
        mistakes.add(each.place, f"{text}; write it beside the name, one level up")
    if inside:
        return None
    nodes = check_keys(Mapping(pair.place, node.pairs), known, "option", of, mistakes)
    axes = {name: _values(known[name], value, of, mistakes) for name, value in nodes.items()}
    return axes if len(mistakes.found) == before else None


def _values(option: Option, node: Node, of: str, mistakes: Mistakes) -> tuple[_Value, ...]:
    what = f"{option.name!r} of {of}"
    read: list[_Value] = []
    for item in swept(node, option.type, what, mistakes):
        if option.names is not None:
            read += _entries(option.names, item, mistakes)
        else:
            value = read_value(item, option.type, what, mistakes)
            full = str(mistakes.folder / value) if option.is_path and value is not WRONG else value
            read += [] if value is WRONG else [_Value(full, word(value), item.place)]
    seen = set()
    for value in read:
        key = json.dumps(value.value, sort_keys=True)
        if key in seen:
            mistakes.add(value.place, f"{what}: the value {value.word} stands twice in the sweep; remove one")
        seen.add(key)
    return tuple(read)


def _entries(kind: Kind, node: Node, mistakes: Mistakes) -> list[_Value]:
    """`mlp`, {mlp: {options}} or {name: mlp, options: {…}}, resolved to the last form."""
    pair = None
    if isinstance(node, Scalar) and isinstance(node.value, str):
        pair = Pair(node.value, node.place, Scalar(node.place, None, ""))
    elif isinstance(node, Mapping) and {p.key for p in node.pairs} in ({"name"}, {"name", "options"}):
        pair = _named(node)
    elif isinstance(node, Mapping) and len(node.pairs) == 1:
        pair = node.pairs[0]
    if pair is None:
        text = f"the {TITLES[kind]} must be a name, or {{name: {{option: value}}}}, not {found(node)}"
        mistakes.add(node.place, text + hint_for(node, str))
        return []
    return [
        _Value({"name": s.name, "options": s.options}, bracketed(s.name, s.given, "()"), s.place)
        for s in settings(kind, pair, mistakes)
    ]


def _named(node: Mapping) -> Pair | None:
    name, options = node.get("name"), node.get("options")
    if name is None or not isinstance(name.node, Scalar) or not isinstance(name.node.value, str):
        return None
    nothing = Scalar(name.node.place, None, "")
    return Pair(name.node.value, name.node.place, nothing if options is None else options.node)


def _default(option: Option, place: Place, mistakes: Mistakes) -> Any:
    """An option's default as plain JSON values, an entry's own options filled in."""
    if option.names is not None:
        made = _entries(option.names, from_plain(option.default, place), mistakes)
        return made[0].value if made else WRONG
    adapter = TypeAdapter(option.type)
    try:
        return adapter.dump_python(adapter.validate_python(option.default), mode="json")
    except ValidationError:  # a plug-in's default outside its own constraints means what it says
        return json.loads(json.dumps(option.default))
