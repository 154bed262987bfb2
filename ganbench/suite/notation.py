"""A name with options on the command line: `fidelity`, `cats:size=64`, `{cats: {size: 64}}`."""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingOf
from pathlib import Path
from typing import Any

from ganbench.errors import GanbenchError, SuiteError
from ganbench.registry import Kind
from ganbench.suite.expand import expand_list
from ganbench.suite.labels import choose
from ganbench.suite.locations import ErrorCollector, Items, Location, Mapping, Node, Pair, Scalar, from_plain
from ganbench.suite.reader import read_text
from ganbench.training.description import Choice

_HERE = Location(1, 1)
_OPTIONS = re.compile(r"(?P<name>.+?):(?P<options>[a-z_]+=.*)", re.DOTALL)
_BETWEEN = re.compile(r",(?=[a-z_]+=)")


def split_options(text: str) -> tuple[str, str]:
    """What stands before the options, `cats` of `cats:size=64`, and these; without any an empty text."""
    if text.lstrip().startswith("{"):
        return text, ""
    found = _OPTIONS.fullmatch(text)
    return (text, "") if found is None else (found["name"], found["options"])


def choice_of_text(kind: Kind, text: str, argument: str, added: MappingOf[str, Any] | None = None) -> Choice:
    """The entry that a text names, its options resolved; `added` are options that the text may override.

    Raises GanbenchError, which names the command line's `argument`.
    """
    collector = ErrorCollector(argument)
    try:
        node = _with(_node(text, collector), dict(added or {}))
        chosen = choose(expand_list(kind, Items(_HERE, (node,)), argument, collector), collector)
        collector.raise_any()
    except SuiteError as error:
        raise GanbenchError("\n".join(f"{argument} {text}: {each.text}" for each in error.mistakes)) from None
    if len(chosen) != 1:
        raise GanbenchError(f"{argument} {text}: a list of values is a sweep; one value works here")
    return chosen[0].choice


def _node(text: str, collector: ErrorCollector) -> Node:
    name, options = split_options(text)
    if name.lstrip().startswith("{"):
        return read_text(name, collector)
    pairs = (option.split("=", 1) for option in _BETWEEN.split(options) if option)
    values = (Pair(key, _HERE, _value(value, collector)) for key, value in pairs)
    return Mapping(_HERE, (Pair(name, _HERE, Mapping(_HERE, tuple(values))),))


def _value(text: str, collector: ErrorCollector) -> Node:
    return read_text(text, collector) if text.strip() else Scalar(_HERE, "", "", quoted=True)


def _with(node: Node, added: dict[str, Any]) -> Node:
    """The entry with further options, as far as it does not have them."""
    if not added or not isinstance(node, Mapping) or len(node.pairs) != 1:
        return node
    (pair,) = node.pairs
    written = pair.node.pairs if isinstance(pair.node, Mapping) else ()
    more = (Pair(k, _HERE, from_plain(v, _HERE)) for k, v in added.items())
    present = {each.key for each in written}
    options = (*written, *(each for each in more if each.key not in present))
    return Mapping(_HERE, (Pair(pair.key, _HERE, Mapping(_HERE, options)),))


def is_path(text: str) -> bool:
    """Whether a text can only be meant as a file or a folder."""
    return Path(text).exists() or "/" in text or "\\" in text or text.endswith((".npy", ".npz"))
