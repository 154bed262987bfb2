"""A vectorized function traced once into plain tensor operations.

Differentiation and vectorization are transformations of a program, not of its numbers: traced
once at the shapes of a cohort, what is left is a flat list of kernels without the cost of
transforming again in every step.
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
_DIRECT = {
    _aten.add.Tensor: torch.add,
    _aten.baddbmm.default: torch.baddbmm,
    _aten.bmm.default: torch.bmm,
    _aten.div.Tensor: torch.div,
    _aten.expand.default: torch.Tensor.expand,
    _aten.mul.Tensor: torch.mul,
    _aten.neg.default: torch.neg,
    _aten.relu.default: torch.relu,
    _aten.rsqrt.default: torch.rsqrt,
    _aten.sqrt.default: torch.sqrt,
    _aten.sub.Tensor: torch.sub,
    _aten.sum.dim_IntList: torch.sum,
    _aten.tanh.default: torch.tanh,
    _aten.transpose.int: torch.transpose,
    _aten.unsqueeze.default: torch.unsqueeze,
    _aten.view.default: torch.Tensor.view,
}
"""The same kernels by the way that costs least: an operator object adds 1 to 2 µs to each call."""
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


def trace(function: Flat, examples: Sequence[Tensor]) -> fx.GraphModule:
    """The operations of `function` at the examples' shapes, without those that do nothing.

    The result's `forward` takes the tensors as positional arguments and returns a list.
    Raises whatever the function raises, and refuses functions that branch on a tensor's value.
    """
    traced = make_fx(function)(list(examples))
    if _mutates(traced.graph):  # some backward formulas work in place
        traced = make_fx(functionalize(function))(list(examples))
    traced.graph.set_codegen(fx.graph.CodeGen())
    if not _mutates(traced.graph):
        _simplify(traced.graph)
    for node in traced.graph.nodes:
        node.target = _DIRECT.get(node.target, node.target)
    traced.recompile()
    return traced


def _simplify(graph: fx.Graph) -> None:
    """Drop identities and repeats, fold zeros, join products with biases; the graph has no side effects."""
    _drop_identities(graph)
    _share_repeats(graph)
    _fold_zeros(graph)
    graph.eliminate_dead_code()
    _join_products_and_biases(graph)
    graph.eliminate_dead_code()


def _mutates(graph: fx.Graph) -> bool:
    """Whether any operation writes to its arguments."""
    return any(
        node.op == "call_function" and getattr(getattr(node.target, "_schema", None), "is_mutable", True)
        for node in graph.nodes
    )


def _calls(graph: fx.Graph) -> list[Any]:
    return [node for node in graph.nodes if node.op == "call_function"]


def _form(node: Any) -> tuple[tuple[int, ...], torch.dtype] | None:
    """Shape and type of a node's value, where that is a tensor."""
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    return (tuple(value.shape), value.dtype) if isinstance(value, Tensor) else None


def _alike(one: Any, other: Any) -> bool:
    """Whether two nodes have the same shape and type."""
    return _form(one) is not None and _form(one) == _form(other)


def _drop_identities(graph: fx.Graph) -> None:
    """Reshapes to the same shape, detaching (nothing is differentiated here), double transposes, ×1, and

    copies of inputs, into which nothing is written.
    """
    for node in _calls(graph):
        if not node.args:
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
    transposes = isinstance(source, fx.Node) and source.target is _aten.transpose.int
    return transposes and set(source.args[1:]) == set(node.args[1:])


def _share_repeats(graph: fx.Graph) -> None:
    """Compute each operation on the same arguments once."""
    nodes: dict[Any, fx.Node] = {}
    for node in _calls(graph):
        if torch.Tag.nondeterministic_seeded in node.target.tags:
            continue
        first = nodes.setdefault((node.target, _frozen(node.args), _frozen(node.kwargs)), node)
        if first is not node:
            node.replace_all_uses_with(first)
            graph.erase_node(node)


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
    for node in _calls(graph):
        operands = [argument for argument in node.args if isinstance(argument, fx.Node)]
        is_zero = [operand in zeros for operand in operands]
        if (
            node.target is _aten.zeros_like.default
            or (node.target in _ZERO_IN_ANY and any(is_zero))
            or (node.target in _ZERO_IN_FIRST and is_zero[:1] == [True])
        ):
            zeros.add(node)
        elif node.target is _aten.add.Tensor and not node.kwargs and any(is_zero) and len(operands) == 2:
            kept = operands[0] if is_zero[1] else operands[1]
            if _alike(kept, node):
                node.replace_all_uses_with(kept)


def _join_products_and_biases(graph: fx.Graph) -> None:
    """bias + x·w as one kernel, where nothing else reads the product."""
    for node in _calls(graph):
        if node.target is _aten.add.Tensor and not node.kwargs:
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
    form, of_product = _form(node), _form(product)
    if form is None or of_product is None:
        return False
    replicas, _, columns = of_product[0]
    return form[0] == (replicas, 1, columns)
