"""Checking located values against declared types and options."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Iterable
from typing import Any, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from ganbench.errors import nearest
from ganbench.registry import Option
from ganbench.suite.locations import ErrorCollector, Items, Mapping, Node, Scalar, plain
from ganbench.suite.wording import describe, found, hint_for, split


class _Wrong:
    """The value of what could not be read; its mistake has been noted."""


WRONG: Any = _Wrong()


def read_value(node: Node, hint: Any, what: str, collector: ErrorCollector) -> Any:
    """The node as plain JSON values of a type, or WRONG after noting what is wrong with it."""
    empty = _first_empty(node)
    culprit = empty if empty is not None else _first_not_finite(node)
    if culprit is None:
        culprit, value = _validate(node, hint)
        if culprit is None:
            return value
    collector.add(culprit.location, _message(node, culprit, hint, what))
    return WRONG


def _validate(node: Node, hint: Any) -> tuple[Node | None, Any]:
    """(None, value), or the node that does not fit its type."""
    adapter = TypeAdapter(hint)
    try:
        # JSON mode: strict about numbers, texts and booleans, while a list may become a tuple
        made = adapter.validate_json(json.dumps(plain(node)), strict=True)
    except ValidationError as error:
        paths = [_follow(node, part["loc"]) for part in error.errors()]
        return max(paths, key=len)[-1], WRONG
    if isinstance(node, Scalar) and isinstance(node.value, bool) is not isinstance(made, bool):
        return node, WRONG  # a literal 1 equals true
    return None, adapter.dump_python(made, mode="json")


def _follow(node: Node, location: Iterable[int | str]) -> list[Node]:
    """The nodes on pydantic's path as far as it exists; it also names the members of unions."""
    path = [node]
    for part in location:
        here = path[-1]
        if isinstance(here, Items) and isinstance(part, int) and part < len(here.nodes):
            path.append(here.nodes[part])
        elif isinstance(here, Mapping) and (pair := here.get(str(part))) is not None:
            path.append(pair.node)
    return path


def _message(node: Node, culprit: Node, hint: Any, what: str) -> str:
    wanted = describe(hint)
    if culprit is node:
        return f"{what} must be {wanted}, not {found(node)}{hint_for(node, hint)}"
    return f"{what} must be {wanted}; {found(culprit)} does not fit{hint_for(culprit, hint)}"


def _first_empty(node: Node) -> Node | None:
    if isinstance(node, Items):
        return next((e for item in node.nodes if (e := _first_empty(item))), None) if node.nodes else node
    return None


def _first_not_finite(node: Node) -> Node | None:
    if isinstance(node, Items):
        return next((bad for item in node.nodes if (bad := _first_not_finite(item))), None)
    if isinstance(node, Mapping):
        return next((bad for pair in node.pairs if (bad := _first_not_finite(pair.node))), None)
    value = node.value
    return node if isinstance(value, float) and not math.isfinite(value) else None


def depth_of_type(hint: Any) -> int:
    """How many lists deep a value of this type is at most (0: a list of them is a sweep)."""
    hint, _ = split(hint)
    origin, args = get_origin(hint), [arg for arg in get_args(hint) if arg is not Ellipsis]
    if origin in (tuple, list):
        return 1 + max(map(depth_of_type, args), default=0)
    if origin in (Union, types.UnionType):
        return max(map(depth_of_type, args))
    return 0


def depth_of(node: Node) -> int:
    """How many lists deep a node is."""
    if isinstance(node, Items):
        return 1 + max(map(depth_of, node.nodes), default=0)
    return 0


def swept(node: Node, hint: Any, what: str, collector: ErrorCollector) -> tuple[Node, ...]:
    """The values of a setting: the items of a list, where a list is not itself one value."""
    if not isinstance(node, Items) or depth_of(node) <= depth_of_type(hint):
        return (node,)
    if not node.nodes:
        collector.add(node.location, f"{what} is swept over an empty list; give at least one value")
    return node.nodes


def check_keys(
    node: Mapping, known: dict[str, Option], what: str, of: str, collector: ErrorCollector
) -> dict[str, Node]:
    """The nodes of the known keys; notes unknown keys, and required ones that are missing."""
    good = {}
    for pair in node.pairs:
        if pair.key in known:
            good[pair.key] = pair.node
        else:
            tail = "; put a space after the colon" if ":" in pair.key else nearest(pair.key, known)
            collector.add(pair.location, f"unknown {what} {pair.key!r} of {of}{tail}")
    for name, option in known.items():
        if option.required and name not in good:
            meaning = f" ({option.text})" if option.text else ""
            collector.add(node.location, f"{of} lacks the {what} {name!r}{meaning}; it has no default")
    return good


def read_section(node: Node, known: dict[str, Option], of: str, collector: ErrorCollector) -> dict[str, Any]:
    """A mapping's values by key, defaults filled in; WRONG where a value cannot be read."""
    if not isinstance(node, Mapping):
        collector.add(
            node.location, f"{of} must be a mapping with the keys {', '.join(known)}, not {found(node)}"
        )
        return dict.fromkeys(known, WRONG)
    nodes = check_keys(node, known, "key", of, collector)
    return {
        name: read_value(nodes[name], option.type, f"{of}: {name}", collector)
        if name in nodes
        else option.default
        for name, option in known.items()
    }
