"""Passes over a traced graph that leave its results as they are: fewer kernels, the same function."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx

_aten = torch.ops.aten
_RESHAPES = {_aten.expand.default, _aten.view.default, _aten._unsafe_view.default}
_IDENTITIES = {_aten.detach.default, _aten.alias.default}
_ZERO_IN_ANY = {_aten.bmm.default, _aten.mul.Tensor}
"""Operations that are zero where any operand is."""
_ZERO_IN_FIRST = {
    *_RESHAPES,
    _aten.neg.default,
    _aten.sum.dim_IntList,
    _aten.threshold_backward.default,
    _aten.transpose.int,
}
"""Operations that are zero where their first operand is."""


def simplify(graph: fx.Graph) -> None:
    """Drop identities and repeats, fold zeros, join products with biases; the graph has no side effects."""
    _drop_identities(graph)
    _share_repeats(graph)
    _fold_zeros(graph)
    graph.eliminate_dead_code()
    _join_products_and_biases(graph)
    graph.eliminate_dead_code()


def mutates(graph: fx.Graph) -> bool:
    """Whether any operation writes to its arguments."""
    return any(
        node.op == "call_function" and getattr(getattr(node.target, "_schema", None), "is_mutable", True)
        for node in graph.nodes
    )


def _value(node: Any) -> Tensor | None:
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    return value if isinstance(value, Tensor) else None


def _shape(node: Any) -> tuple[int, ...] | None:
    value = _value(node)
    return None if value is None else tuple(value.shape)


def _alike(one: Any, other: Any) -> bool:
    """Whether two nodes have the same shape and type."""
    first, second = _value(one), _value(other)
    return (
        first is not None
        and second is not None
        and (first.shape, first.dtype) == (second.shape, second.dtype)
    )


def _drop_identities(graph: fx.Graph) -> None:
    """Reshapes to the same shape, detaching (nothing is differentiated here), double transposes, ×1, and

    copies of inputs, into which nothing is written.
    """
    for node in list(graph.nodes):
        if node.op != "call_function" or not node.args:
            continue
        source = node.args[0]
        times_one = node.target is _aten.mul.Scalar and node.args[1] == 1
        copied = node.target is _aten.clone.default and source.op == "placeholder" and not node.kwargs
        identity = copied or node.target in _IDENTITIES
        if identity or ((node.target in _RESHAPES or times_one) and _alike(source, node)):
            node.replace_all_uses_with(source)
        elif node.target is _aten.transpose.int and _undoes(node, source):
            node.replace_all_uses_with(source.args[0])


def _undoes(node: fx.Node, source: Any) -> bool:
    return (
        isinstance(source, fx.Node)
        and source.target is _aten.transpose.int
        and set(source.args[1:]) == set(node.args[1:])
    )


def _share_repeats(graph: fx.Graph) -> None:
    """Compute each operation on the same arguments once."""
    seen: dict[Any, fx.Node] = {}
    for node in list(graph.nodes):
        if node.op != "call_function" or torch.Tag.nondeterministic_seeded in node.target.tags:
            continue
        key = (node.target, _frozen(node.args), _frozen(node.kwargs))
        if key in seen:
            node.replace_all_uses_with(seen[key])
            graph.erase_node(node)
        else:
            seen[key] = node


def _frozen(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(map(_frozen, value))
    if isinstance(value, dict):
        return tuple(sorted((k, _frozen(v)) for k, v in value.items()))
    return (type(value), value)


def _fold_zeros(graph: fx.Graph) -> None:
    """Follow zeros, such as the second derivative of a rectifier, and leave out what they are added to.

    0·∞ counts as 0: a value that is not finite still shows in the loss, where it is looked for.
    """
    zeros: set[fx.Node] = set()
    for node in list(graph.nodes):
        if node.op != "call_function":
            continue
        operands = [argument for argument in node.args if isinstance(argument, fx.Node)]
        hit = [operand in zeros for operand in operands]
        if (
            node.target is _aten.zeros_like.default
            or (node.target in _ZERO_IN_ANY and any(hit))
            or (node.target in _ZERO_IN_FIRST and hit[:1] == [True])
        ):
            zeros.add(node)
        elif node.target is _aten.add.Tensor and not node.kwargs and any(hit) and len(operands) == 2:
            kept = operands[0] if hit[1] else operands[1]
            if _alike(kept, node):
                node.replace_all_uses_with(kept)


def _join_products_and_biases(graph: fx.Graph) -> None:
    """bias + x·w as one kernel, where nothing else reads the product."""
    for node in list(graph.nodes):
        if node.op == "call_function" and node.target is _aten.add.Tensor and not node.kwargs:
            bias, product = node.args
            if _is_product(product) and _is_row(bias, product):
                with graph.inserting_before(node):
                    joined = graph.call_function(_aten.baddbmm.default, (bias, *product.args))
                joined.meta = node.meta
                node.replace_all_uses_with(joined)


def _is_product(node: Any) -> bool:
    return isinstance(node, fx.Node) and node.target is _aten.bmm.default and len(node.users) == 1


def _is_row(node: Any, product: fx.Node) -> bool:
    """Whether a node is one row for each replica, [S, 1, columns]."""
    shape, of_product = _shape(node), _shape(product)
    return shape is not None and of_product is not None and shape == (of_product[0], 1, of_product[2])
