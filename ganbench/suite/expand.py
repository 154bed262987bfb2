"""A suite's lists of data sets, variants and diagnostics to settings."""

from __future__ import annotations

from dataclasses import replace

from ganbench.registry import Kind
from ganbench.suite.located import Items, Mapping, Mistakes, Node, Pair, Scalar
from ganbench.suite.options import WRONG, read_value
from ganbench.suite.settings import TITLES, Setting, settings
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
    """The settings of `name`, `name: {options}`, or the latter with a `label` beside the name."""
    if isinstance(node, Scalar) and isinstance(node.value, str):
        return settings(kind, Pair(node.value, node.place, Scalar(node.place, None, "")), mistakes, silent)
    if not isinstance(node, Mapping):
        tail = hint_for(node, str)
        text = (
            f"an entry must be a {TITLES[kind]}'s name, or name: {{option: value}}, not {found(node)}{tail}"
        )
        mistakes.add(node.place, text)
        return []
    named = [pair for pair in node.pairs if pair.key != "label"]
    if len(named) != 1:
        _note_shape(kind, node, named, mistakes)
        return []
    made = settings(kind, named[0], mistakes, silent)
    label = _read_label(node.get("label"), mistakes)
    return [replace(setting, label=label) for setting in made]


def _note_shape(kind: Kind, node: Mapping, named: list[Pair], mistakes: Mistakes) -> None:
    title = TITLES[kind]
    if not named:
        mistakes.add(node.place, f"this entry names no {title}; write name: {{option: value}}")
        return
    first, second = named[0].key, named[1].key
    text = f"{second!r} stands beside {first!r}; indent it further if it is an option, or begin it with '- '"
    mistakes.add(named[1].place, text)


def _read_label(pair: Pair | None, mistakes: Mistakes) -> str | None:
    if pair is None:
        return None
    label = read_value(pair.node, str, "label", mistakes)
    if label is WRONG:
        return None
    if not label.strip() or len(label) > 80 or not label.isprintable() or set(label) & set("/\\"):
        mistakes.add(
            pair.node.place, "a label must be 1 to 80 printable characters without / and \\; shorten it"
        )
    return str(label)
