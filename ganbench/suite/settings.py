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
from ganbench.suite.locations import ErrorCollector, Location, Mapping, Node, Pair, Scalar, from_plain
from ganbench.suite.naming import bracketed, word
from ganbench.suite.options import WRONG, check_keys, read_value, swept
from ganbench.suite.overrides import NO_OVERRIDES, VariantOverrides, override_keys
from ganbench.suite.wording import found, hint_for

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
    location: Location
    options: dict[str, Any]
    given: dict[str, str]
    """The options that were written, as they appear in a label."""
    label: str | None = None
    swept: tuple[str, ...] = ()
    """The options that were written as a sweep."""
    network_location: Location | None = None
    overrides: VariantOverrides = NO_OVERRIDES
    """The budget and the seeds that were written beside the name."""
    budget_location: Location | None = None
    on_locations: tuple[Location, ...] = ()


@dataclass(frozen=True)
class _Value:
    """One value of an option: resolved, as it appears in a label, and where it stands."""

    value: Any
    word: str
    location: Location


def settings(kind: Kind, pair: Pair, collector: ErrorCollector, silent: bool = False) -> list[Setting]:
    """The settings of one name with its options: the product of its sweeps, in file order."""
    try:
        known = options_of(kind, pair.key)
    except UnknownName as error:
        tail = hint_for(Scalar(pair.location, pair.key, pair.key), None)
        if not silent or "did you mean" in str(error):
            collector.add(pair.location, str(error).replace(kind, TITLES[kind], 1) + tail)
        return []
    axes = _axes(kind, pair, known, collector)
    if axes is None:
        return []
    many = tuple(name for name, values in axes.items() if len(values) > 1)
    count = math.prod(map(len, axes.values()))
    if count > _MOST_SETTINGS:
        collector.add(
            pair.location, f"{pair.key!r} is swept over {count} settings; {_MOST_SETTINGS} are the most"
        )
        return []
    defaults = {
        name: _default(option, pair.location, collector) for name, option in known.items() if name not in axes
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
    network = chosen["network"].location if "network" in chosen else None
    return Setting(pair.key, pair.location, options, given, None, many, network)


def options_of(kind: Kind, name: str) -> dict[str, Option]:
    """The options that a suite may give to a name; raises UnknownName."""
    options = registry.get(kind, name).options
    return {key: option for key, option in options.items() if (kind, key) != ("diagnostic", "dataset")}


def _axes(
    kind: Kind, pair: Pair, known: dict[str, Option], collector: ErrorCollector
) -> dict[str, tuple[_Value, ...]] | None:
    """The values of every option that is written, or None after noting a mistake among them."""
    before, of = len(collector.mistakes), f"{TITLES[kind]} {pair.key!r}"
    node = pair.node
    if isinstance(node, Scalar) and node.value is None:
        node = Mapping(pair.location, ())
    if not isinstance(node, Mapping):
        collector.add(
            node.location, f"the options of {of} must be a mapping {{option: value}}, not {found(node)}"
        )
        return None
    inside = [each for each in node.pairs if each.key in override_keys(kind) and each.key not in known]
    for each in inside:
        text = f"the key {each.key!r} of {of} stands among its options"
        collector.add(each.location, f"{text}; write it beside the name, one level up")
    if inside:
        return None
    nodes = check_keys(Mapping(pair.location, node.pairs), known, "option", of, collector)
    axes = {name: _values(known[name], value, of, collector) for name, value in nodes.items()}
    return axes if len(collector.mistakes) == before else None


def _values(option: Option, node: Node, of: str, collector: ErrorCollector) -> tuple[_Value, ...]:
    what = f"{option.name!r} of {of}"
    read: list[_Value] = []
    for item in swept(node, option.type, what, collector):
        if option.names is not None and not (isinstance(item, Scalar) and item.value in option.words):
            read += _entries(option.names, item, collector)
        else:
            value = read_value(item, option.type, what, collector)
            full = str(collector.folder / value) if option.is_path and value not in (None, WRONG) else value
            read += [] if value is WRONG else [_Value(full, word(value), item.location)]
    seen = set()
    for value in read:
        key = json.dumps(value.value, sort_keys=True)
        if key in seen:
            collector.add(
                value.location, f"{what}: the value {value.word} stands twice in the sweep; remove one"
            )
        seen.add(key)
    return tuple(read)


def _entries(kind: Kind, node: Node, collector: ErrorCollector) -> list[_Value]:
    """`mlp`, {mlp: {options}} or {name: mlp, options: {…}}, resolved to the last form."""
    pair = None
    if isinstance(node, Scalar) and isinstance(node.value, str):
        pair = Pair(node.value, node.location, Scalar(node.location, None, ""))
    elif isinstance(node, Mapping) and {p.key for p in node.pairs} in ({"name"}, {"name", "options"}):
        pair = _named(node)
    elif isinstance(node, Mapping) and len(node.pairs) == 1:
        pair = node.pairs[0]
    if pair is None:
        text = f"the {TITLES[kind]} must be a name, or {{name: {{option: value}}}}, not {found(node)}"
        collector.add(node.location, text + hint_for(node, str))
        return []
    return [
        _Value({"name": s.name, "options": s.options}, bracketed(s.name, s.given, "()"), s.location)
        for s in settings(kind, pair, collector)
    ]


def _named(node: Mapping) -> Pair | None:
    name, options = node.get("name"), node.get("options")
    if name is None or not isinstance(name.node, Scalar) or not isinstance(name.node.value, str):
        return None
    nothing = Scalar(name.node.location, None, "")
    return Pair(name.node.value, name.node.location, nothing if options is None else options.node)


def _default(option: Option, location: Location, collector: ErrorCollector) -> Any:
    """An option's default as plain JSON values, an entry's own options filled in."""
    if option.names is not None and option.default not in option.words:
        made = _entries(option.names, from_plain(option.default, location), collector)
        return made[0].value if made else WRONG
    adapter = TypeAdapter(option.type)
    try:
        return adapter.dump_python(adapter.validate_python(option.default), mode="json")
    except ValidationError:  # a plug-in's default outside its own constraints means what it says
        return json.loads(json.dumps(option.default))
