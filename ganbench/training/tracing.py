"""A vectorized function traced once into plain tensor operations.

Differentiation and vectorization are transformations of a program, not of its numbers: traced
once at the shapes of a cohort, what is left is a flat list of kernels without the cost of
transforming again in every step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, fx
from torch.func import functionalize
from torch.fx.experimental.proxy_tensor import make_fx

from ganbench.training.simplify import mutates, simplify

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


def trace(function: Flat, examples: Sequence[Tensor]) -> fx.GraphModule:
    """The operations of `function` at the examples' shapes, without those that do nothing.

    The result's `forward` takes the tensors as positional arguments and returns a list.
    Raises whatever the function raises, and refuses functions that branch on a tensor's value.
    """
    traced = make_fx(function)(list(examples))
    if mutates(traced.graph):  # some backward formulas work in place
        traced = make_fx(functionalize(function))(list(examples))
    traced.graph.set_codegen(fx.graph.CodeGen())
    if not mutates(traced.graph):
        simplify(traced.graph)
    for node in traced.graph.nodes:
        node.target = _DIRECT.get(node.target, node.target)
    traced.recompile()
    return traced
