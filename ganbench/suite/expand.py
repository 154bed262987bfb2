"""A suite's lists of data sets, variants and diagnostics to settings."""

from __future__ import annotations

from dataclasses import replace

from ganbench import registry
from ganbench.registry import Kind
from ganbench.suite.located import Items, Mapping, Mistakes, Node, Pair, Scalar
from ganbench.suite.own import beside, read_beside, stray
from ganbench.suite.settings import TITLES, Setting, options_of, settings
from ganbench.suite.words import found, hint_for


def expand_list(kind: Kind, node: Node, key: str, mistakes: Mistakes, silent: bool = False) -> list[Setting]:
    """All settings of a list of entries; `silent` leaves names unmentioned that resemble no known one."""
    if not isinstance(node, Items):
        text = f"{key} must be a list of {TITLES[kind]} names, not {found(node)}; begin each entry with '- '"
        mistakes.add(node.place, text)
        return []
    if not node.nodes:
        mistakes.add(node.place, f"{key} is an empty list; name at least one {TITLES[kind]}")
    return [s for item in node.nodes for s in _expand_entry(kind, item, mistakes, silent)]


def _expand_entry(kind: Kind, node: Node, mistakes: Mistakes, silent: bool) -> list[Setting]:
    """The settings of `name`, `name: {options}`, or the latter with a label and the like beside the name."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return settings(kind, Pair(node.value, node.place, Scalar(node.place, None, "")), mistakes, silent)
    if not isinstance(node, Mapping):
        tail = hint_for(node, str)
        text = (
            f"an entry must be a {TITLES[kind]}'s name, or name: {{option: value}}, not {found(node)}{tail}"
        )
        mistakes.add(node.place, text)
        return []
    named = [pair for pair in node.pairs if pair.key not in beside(kind)]
    made = settings(kind, named[0], mistakes, silent) if len(named) == 1 else []
    if len(named) != 1:
        _note_shape(kind, node, named, mistakes)
    said = read_beside(kind, node, mistakes)
    own, where, on = said.own, said.budget_place, said.on_places
    return [replace(each, label=said.label, own=own, budget_place=where, on_places=on) for each in made]


def _note_shape(kind: Kind, node: Mapping, named: list[Pair], mistakes: Mistakes) -> None:
    title = TITLES[kind]
    if not named:
        mistakes.add(node.place, f"this entry names no {title}; write name: {{option: value}}")
        return
    names = registry.names(kind)
    name = next((pair for pair in named if pair.key in names), named[0])
    fitting = {*names, *(options_of(kind, name.key) if name.key in names else ())}
    for pair in named:
        if pair is not name:
            mistakes.add(pair.place, stray(kind, title, name.key, pair, pair.key in fitting))
