"""torch's random functions, redirected from the global generator to a stream of the seed's.

A network's constructor draws from a generator (`GeneratorDraws`), its forward pass from a key that moves on
with every pass (`CounterDraws`), and what neither knows is refused with its line.
"""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from ganbench.counter_random import CounterRandom
from ganbench.errors import GanbenchError
from ganbench.user_code import is_user_file

_aten = torch.ops.aten


def _user_line() -> str:
    """The innermost line of a user's that is running, " (FILE:LINE)", or nothing."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and not is_user_file(frame.f_code.co_filename):
        frame = frame.f_back
    return "" if frame is None else f" ({Path(frame.f_code.co_filename).name}:{frame.f_lineno})"


# Construction


class GeneratorDraws(TorchDispatchMode):
    """Random calls draw from a generator, and memory that nobody initialized is NaN (integers: 0)."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self._generator = generator

    def __torch_dispatch__(
        self, function: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if function.overloadpacket in _UNINITIALIZED:
            return _filled(function(*args, **given))
        if torch.Tag.nondeterministic_seeded not in function.tags or given.get("generator") is not None:
            return function(*args, **given)
        return self._drawn(function, args, given)

    def _drawn(self, function: Any, args: tuple[Any, ...], given: dict[str, Any]) -> Any:
        if any(argument.name == "generator" for argument in function._schema.arguments):
            return function(*args, **given, generator=self._generator)
        packet = function.overloadpacket
        if packet in _FACTORIES:  # their overloads with a generator have another name
            return getattr(torch, packet.__name__)(*args, **given, generator=self._generator)
        if packet in _LIKE:
            like = torch.empty_like(args[0], **given)
            return _LIKE[packet](like, self._generator, *args[1:])
        raise GanbenchError(
            f"a random call cannot be given the seed's stream: {packet.__name__}{_user_line()}; draw with "
            "torch.rand, torch.randn or torch.nn.init"
        )


_UNINITIALIZED = {
    _aten.empty,
    _aten.empty_like,
    _aten.empty_permuted,
    _aten.empty_strided,
    _aten.new_empty,
    _aten.new_empty_strided,
}
_FACTORIES = {_aten.rand, _aten.randn, _aten.randint, _aten.randperm}
_LIKE: dict[Any, Callable[..., Tensor]] = {
    _aten.rand_like: lambda like, generator: like.uniform_(generator=generator),
    _aten.randn_like: lambda like, generator: like.normal_(generator=generator),
    _aten.randint_like: lambda like, generator, *bounds: like.random_(
        *(bounds if len(bounds) == 2 else (0, *bounds)), generator=generator
    ),
}


def _filled(value: Tensor) -> Tensor:
    if value.device.type == "meta":
        return value
    return value.fill_(math.nan) if value.is_floating_point() or value.is_complex() else value.zero_()


class RefuseDraws(TorchDispatchMode):
    """Refuses every call that would still draw from a global generator, with its line."""

    def __torch_dispatch__(
        self, function: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if torch.Tag.nondeterministic_seeded in function.tags and _draws(function, args, kwargs or {}):
            raise GanbenchError(
                f"{function.overloadpacket.__name__}{_user_line()} would draw from torch's global generator, "
                "so that no run could be repeated; in a network use torch.rand, torch.randn or dropout, in a "
                "loss declare a RandomInput of the game"
            )
        return function(*args, **(kwargs or {}))


def _draws(function: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """False where a function that can draw is told not to: dropout of 0, or evaluation."""
    arguments = function._schema.arguments
    given = {argument.name: argument.default_value for argument in arguments}
    given |= dict(zip(given, args, strict=False)) | dict(kwargs)
    idle = given.get("dropout_p") == 0 or given.get("p") == 0
    return not idle and given.get("training") is not False and given.get("train") is not False


# The forward pass


class CounterDraws(TorchFunctionMode):
    """Random calls draw from a key [], int64, that may be mapped over; `draws` counts them."""

    def __init__(self, key: Tensor) -> None:
        super().__init__()
        self._functions = _Functions(key)

    @property
    def draws(self) -> int:
        """How many random draws there were."""
        return self._functions.source.calls

    def __torch_function__(
        self, function: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = getattr(function, "__name__", "")
        if function in _COMPOSED:
            with self:
                return _COMPOSED[function](*args, **(kwargs or {}))
        if name in _REDIRECTED and getattr(function, "__module__", "") != "torch.nn.init":
            return getattr(self._functions, name)(*args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))


def _undispatched(function: Any) -> Any:
    """The same function without its own look for modes, so that a mode sees the calls inside it."""
    names = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")
    scope = {**function.__globals__, **dict.fromkeys(names, lambda *_: False)}
    copy = types.FunctionType(
        function.__code__, scope, function.__name__, function.__defaults__, function.__closure__
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


_COMPOSED = {
    function: _undispatched(function)
    for function in (F.multi_head_attention_forward, F.gumbel_softmax, F.dropout1d, F.dropout2d, F.dropout3d)
}
_ALPHA = 1.7580993408473766
"""Minus the value at which SELU saturates."""


class _Functions:
    """torch's random functions by their names and with their arguments; a given generator is not used.

    New tensors lie beside the key.
    """

    def __init__(self, key: Tensor) -> None:
        self.source = CounterRandom(key)

    # New tensors

    def rand(self, *size: Any, dtype: torch.dtype | None = None, **others: Any) -> Tensor:
        return self.source.uniform(_shape(size, others), dtype or torch.get_default_dtype())

    def randn(self, *size: Any, dtype: torch.dtype | None = None, **others: Any) -> Tensor:
        return self.source.normal(_shape(size, others), dtype or torch.get_default_dtype())

    def rand_like(self, like: Tensor, *, dtype: torch.dtype | None = None, **_: Any) -> Tensor:
        return self.source.uniform(like.shape, dtype or like.dtype)

    def randn_like(self, like: Tensor, *, dtype: torch.dtype | None = None, **_: Any) -> Tensor:
        return self.source.normal(like.shape, dtype or like.dtype)

    def randint(self, *args: Any, dtype: torch.dtype = torch.int64, **others: Any) -> Tensor:
        *bounds, size = [*args, *([others["size"]] if "size" in others else [])]
        return self.source.integers(*_bounds(bounds, others), tuple(size)).to(dtype)

    def randint_like(
        self, like: Tensor, *args: int, dtype: torch.dtype | None = None, **named: Any
    ) -> Tensor:
        return self.source.integers(*_bounds(args, named), like.shape).to(dtype or like.dtype)

    def randperm(self, n: int, *, dtype: torch.dtype = torch.int64, **_: Any) -> Tensor:
        return self.source.uniform((n,), torch.float64).argsort(stable=True).to(dtype)

    def normal(self, mean: Any, std: Any = 1.0, size: Sequence[int] | None = None, **_: Any) -> Tensor:
        tensors = [value for value in (mean, std) if isinstance(value, Tensor)]
        shape = size if size is not None else torch.broadcast_shapes(*(value.shape for value in tensors))
        dtype = tensors[0].dtype if tensors else torch.get_default_dtype()
        return mean + std * self.source.normal(shape, dtype)

    def bernoulli(self, input: Tensor, p: Any = None, **_: Any) -> Tensor:
        chance = input if p is None else p
        return (self.source.uniform(input.shape, torch.float64) < chance).to(input.dtype)

    def multinomial(self, input: Tensor, num_samples: int, replacement: bool = False, **_: Any) -> Tensor:
        """By races of exponential clocks: the first to ring, or the first few."""
        if replacement:
            shape = (*input.shape[:-1], num_samples, input.shape[-1])
            return (self.source.exponential(shape, torch.float64) / input.unsqueeze(-2)).argmin(-1)
        times = self.source.exponential(input.shape, torch.float64) / input
        return times.argsort(dim=-1, stable=True)[..., :num_samples]

    def empty(self, *args: Any, **others: Any) -> Tensor:
        return self._zeros_like(torch.empty(*args, **others))

    def new_empty(self, like: Tensor, *args: Any, **others: Any) -> Tensor:
        return self._zeros_like(like.new_empty(*args, **others))

    def _zeros_like(self, value: Tensor) -> Tensor:
        """Zeros that are mapped over as the key is, so that draws can be written into them."""
        zero = (self.source.key * 0).to(value.dtype)
        return torch.zeros_like(value, device=zero.device) + zero

    # In place

    def uniform_(self, tensor: Tensor, *args: float, **named: Any) -> Tensor:
        given = dict(zip(("from", "to"), args, strict=False)) | named
        low, high = given.get("from", 0.0), given.get("to", 1.0)
        return tensor.copy_(low + (high - low) * self.source.uniform(tensor.shape, tensor.dtype))

    def normal_(self, tensor: Tensor, mean: float = 0.0, std: float = 1.0, **_: Any) -> Tensor:
        return tensor.copy_(mean + std * self.source.normal(tensor.shape, tensor.dtype))

    def log_normal_(self, tensor: Tensor, mean: float = 1.0, std: float = 2.0, **_: Any) -> Tensor:
        return tensor.copy_((mean + std * self.source.normal(tensor.shape, torch.float64)).exp())

    def cauchy_(self, tensor: Tensor, median: float = 0.0, sigma: float = 1.0, **_: Any) -> Tensor:
        return tensor.copy_(median + sigma * torch.tan(math.pi * (self.source.inner(tensor.shape) - 0.5)))

    def exponential_(self, tensor: Tensor, lambd: float = 1.0, **_: Any) -> Tensor:
        return tensor.copy_(self.source.exponential(tensor.shape, torch.float64) / lambd)

    def geometric_(self, tensor: Tensor, p: float, **_: Any) -> Tensor:
        trials = (torch.log(self.source.inner(tensor.shape)) / math.log1p(-p)).ceil()
        return tensor.copy_(trials.clamp(min=1))

    def bernoulli_(self, tensor: Tensor, p: Any = 0.5, **_: Any) -> Tensor:
        return tensor.copy_(self.source.uniform(tensor.shape, torch.float64) < p)

    def random_(self, tensor: Tensor, *args: int, **named: Any) -> Tensor:
        bounds = [*args, *(named[name] for name in ("from", "to") if named.get(name) is not None)]
        if not bounds:  # all integers that the type holds exactly, and that 32 bits give
            exact = tensor.is_floating_point()
            bounds = [round(2 / torch.finfo(tensor.dtype).eps) if exact else torch.iinfo(tensor.dtype).max]
        return tensor.copy_(self.source.integers(*_bounds(bounds, {}), tensor.shape))

    # Layers

    def dropout(
        self,
        input: Tensor,
        p: float = 0.5,
        training: bool = True,
        inplace: bool = False,
        *,
        train: bool = True,
    ) -> Tensor:
        return self._dropped(input, p, training and train, inplace, input.shape)

    def dropout_(self, input: Tensor, p: float = 0.5, train: bool = True) -> Tensor:
        return self._dropped(input, p, train, True, input.shape)

    def feature_dropout(self, input: Tensor, p: float, train: bool) -> Tensor:
        return self._dropped(input, p, train, False, _per_channel(input))

    def feature_dropout_(self, input: Tensor, p: float, train: bool) -> Tensor:
        return self._dropped(input, p, train, True, _per_channel(input))

    def _dropped(
        self, input: Tensor, p: float, training: bool, inplace: bool, shape: Sequence[int]
    ) -> Tensor:
        if not training or p == 0:
            return input
        scale = 0.0 if p == 1 else 1 / (1 - p)
        keep = self.source.uniform(shape, torch.float64) >= p
        result = torch.where(keep, input * scale, 0.0)
        return input.copy_(result) if inplace else result

    def alpha_dropout(
        self,
        input: Tensor,
        p: float = 0.5,
        training: bool = False,
        inplace: bool = False,
        *,
        train: bool = False,
        shape: Sequence[int] | None = None,
    ) -> Tensor:
        """Dropped numbers get SELU's saturation value; mean and variance are kept.  Klambauer et al. 2017."""
        if not (training or train) or p == 0:
            return input
        scale = 0.0 if p == 1 else 1 / math.sqrt((_ALPHA**2 * p + 1) * (1 - p))
        keep = self.source.uniform(input.shape if shape is None else shape, torch.float64) >= p
        result = scale * (torch.where(keep, input, -_ALPHA) + _ALPHA * p)
        return input.copy_(result) if inplace else result

    def feature_alpha_dropout(self, input: Tensor, *args: Any, **named: Any) -> Tensor:
        return self.alpha_dropout(input, *args, **named, shape=_per_channel(input))

    def rrelu(
        self,
        input: Tensor,
        lower: float = 1 / 8,
        upper: float = 1 / 3,
        training: bool = False,
        inplace: bool = False,
        **_: Any,
    ) -> Tensor:
        slope: Any = (lower + upper) / 2
        if training:
            slope = lower + (upper - lower) * self.source.uniform(input.shape, input.dtype)
        result = torch.where(input > 0, input, slope * input)
        return input.copy_(result) if inplace else result

    def rrelu_(
        self, input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, **_: Any
    ) -> Tensor:
        return self.rrelu(input, lower, upper, training, True)

    def scaled_dot_product_attention(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        if dropout_p == 0:
            return F.scaled_dot_product_attention(
                query, key, value, attn_mask, 0.0, is_causal, scale=scale, enable_gqa=enable_gqa
            )
        if enable_gqa:
            repeats = query.shape[-3] // key.shape[-3]
            key, value = (tensor.repeat_interleave(repeats, -3) for tensor in (key, value))
        scores = query @ key.mT * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
        if is_causal:
            attn_mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
        if attn_mask is not None:
            masked = attn_mask.dtype == torch.bool
            scores = scores.masked_fill(~attn_mask, -math.inf) if masked else scores + attn_mask
        return self.dropout(scores.softmax(-1), dropout_p) @ value


_REDIRECTED = frozenset(
    name for name in vars(_Functions) if name == name.lower() and not name.startswith("_")
)


def _shape(size: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[int, ...]:
    given = named.get("size", size)
    return tuple(given[0]) if len(given) == 1 and not isinstance(given[0], int) else tuple(given)


def _bounds(args: Sequence[int], named: Mapping[str, Any]) -> tuple[int, int]:
    given = [*args, *(named[name] for name in ("low", "high") if name in named)]
    return (0, given[0]) if len(given) == 1 else (given[0], given[1])


def _per_channel(input: Tensor) -> tuple[int, ...]:
    return (*input.shape[:2], *[1] * (input.ndim - 2))
