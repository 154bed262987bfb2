"""A vectorised function traced once into plain tensor operations.

Differentiation and vectorisation are transformations of a program, not of its numbers: traced
once at the shapes of a cohort, what is left is a flat list of kernels with the same bits and
without the cost of transforming again in every step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx
from torch.func import functionalize
from torch.fx.experimental.proxy_tensor import make_fx

Flat = Callable[[Sequence[Tensor]], list[Tensor]]
"""A function of a list of tensors to a list of tensors."""

_aten = torch.ops.aten
_RESHAPES = {_aten.expand.default, _aten.view.default, _aten._unsafe_view.default}
_IDENTITIES = {_aten.detach.default, _aten.alias.default}


def trace(function: Flat, examples: Sequence[Tensor]) -> fx.GraphModule:
    """The operations of `function` at the examples' shapes, without those that do nothing.

    The result's `forward` takes the tensors as positional arguments and returns a list.
    Raises whatever the function raises, and refuses functions that branch on a tensor's value.
    """
    graph_module = make_fx(function)(list(examples))
    if _mutates(graph_module.graph):  # some backward formulas work in place
        graph_module = make_fx(functionalize(function))(list(examples))
    graph_module.graph.set_codegen(fx.graph.CodeGen())
    if not _mutates(graph_module.graph):
        _drop_identities(graph_module.graph)
        _share_repeats(graph_module.graph)
        graph_module.graph.eliminate_dead_code()
    graph_module.recompile()
    return graph_module


def _mutates(graph: fx.Graph) -> bool:
    return any(
        node.op == "call_function" and getattr(getattr(node.target, "_schema", None), "is_mutable", True)
        for node in graph.nodes
    )


def _shape(node: Any) -> tuple[int, ...] | None:
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    return tuple(value.shape) if isinstance(value, Tensor) else None


def _drop_identities(graph: fx.Graph) -> None:
    """Reshapes to the same shape, detaching (nothing is differentiated here), double transposes, ×1."""
    for node in list(graph.nodes):
        if node.op != "call_function" or not node.args:
            continue
        source = node.args[0]
        if (
            node.target in _IDENTITIES
            or (node.target in _RESHAPES and _shape(source) is not None and _shape(source) == _shape(node))
            or (node.target is _aten.mul.Scalar and node.args[1] == 1 and _same_type(source, node))
        ):
            node.replace_all_uses_with(source)
        elif node.target is _aten.transpose.int and _undoes(node, source):
            node.replace_all_uses_with(source.args[0])


def _same_type(source: Any, node: fx.Node) -> bool:
    value = source.meta.get("val")
    return isinstance(value, Tensor) and value.dtype == node.meta["val"].dtype


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
