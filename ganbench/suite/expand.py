"""A suite's lists of data sets, variants and diagnostics to settings."""

from __future__ import annotations

from dataclasses import replace

from ganbench import registry
from ganbench.registry import Kind
from ganbench.suite.locations import ErrorCollector, Items, Mapping, Node, Pair, Scalar
from ganbench.suite.overrides import misplaced_key, override_keys, read_overrides
from ganbench.suite.settings import TITLES, Setting, options_of, settings
from ganbench.suite.wording import found, hint_for


def expand_list(
    kind: Kind, node: Node, key: str, collector: ErrorCollector, silent: bool = False
) -> list[Setting]:
    """All settings of a list of entries; `silent` leaves names unmentioned that resemble no known one."""
    if not isinstance(node, Items):
        text = f"{key} must be a list of {TITLES[kind]} names, not {found(node)}; begin each entry with '- '"
        collector.add(node.location, text)
        return []
    if not node.nodes:
        collector.add(node.location, f"{key} is an empty list; name at least one {TITLES[kind]}")
    return [s for item in node.nodes for s in _expand_entry(kind, item, collector, silent)]


def _expand_entry(kind: Kind, node: Node, collector: ErrorCollector, silent: bool) -> list[Setting]:
    """The settings of `name`, `name: {options}`, or the latter with a label and the like beside the name."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return settings(
            kind, Pair(node.value, node.location, Scalar(node.location, None, "")), collector, silent
        )
    if not isinstance(node, Mapping):
        tail = hint_for(node, str)
        text = (
            f"an entry must be a {TITLES[kind]}'s name, or name: {{option: value}}, not {found(node)}{tail}"
        )
        collector.add(node.location, text)
        return []
    named = [pair for pair in node.pairs if pair.key not in override_keys(kind)]
    made = settings(kind, named[0], collector, silent) if len(named) == 1 else []
    if len(named) != 1:
        _note_shape(kind, node, named, collector)
    said = read_overrides(kind, node, collector)
    own, where, on = said.overrides, said.budget_location, said.on_locations
    return [
        replace(each, label=said.label, overrides=own, budget_location=where, on_locations=on)
        for each in made
    ]


def _note_shape(kind: Kind, node: Mapping, named: list[Pair], collector: ErrorCollector) -> None:
    title = TITLES[kind]
    if not named:
        collector.add(node.location, f"this entry names no {title}; write name: {{option: value}}")
        return
    names = registry.names(kind)
    name = next((pair for pair in named if pair.key in names), named[0])
    fitting = {*names, *(options_of(kind, name.key) if name.key in names else ())}
    for pair in named:
        if pair is not name:
            collector.add(pair.location, misplaced_key(kind, title, name.key, pair, pair.key in fitting))
