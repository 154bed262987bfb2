"""Networks as their constructors make them, once a seed, and what of them is state: parameters and buffers.

A constructor's random calls draw from the seed's stream; then every layer that has `initialize(generator)` is
called.  What cannot be run over many seeds is exchanged for what does the same, or refused by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import getstate as state_of_python
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.random import get_state as state_of_numpy
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrizations, parametrize, remove_spectral_norm, remove_weight_norm
from torch.nn.utils.spectral_norm import SpectralNorm as SpectralNormHook
from torch.nn.utils.weight_norm import WeightNorm as WeightNormHook
from torch.utils import _pytree as pytree

from ganbench.errors import GanbenchError
from ganbench.game import CALLS_KEY, Tree, template_state
from ganbench.networks.layers import SpectralNorm
from ganbench.random_calls import GeneratorDraws

T = TypeVar("T")
Modules = Mapping[str, nn.Module]
"""The players' networks by name."""
Streams = Callable[[str], torch.Generator]
"""One seed's stream for "constructor", for a player's name, or for a player's name and "/random_key"."""

_REGISTERED = ("_parameters", "_buffers", "_modules")
_HALF = (torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Players:
    """Templates on the meta device, and for each seed their parameters and buffers on the CPU.

    Constants in a template's lists and dictionaries are the first seed's.
    """

    templates: dict[str, nn.Module]
    params: dict[str, list[Tree]]
    buffers: dict[str, list[Tree]]

    def add_calls_key(self, player: str, seeds: Sequence[Streams]) -> None:
        """Give a player's forward pass random numbers of its own."""
        self.templates[player].register_buffer(CALLS_KEY, torch.zeros((), dtype=torch.int64, device="meta"))
        for tree, stream in zip(self.buffers[player], seeds, strict=True):
            key = torch.zeros((), dtype=torch.int64)
            tree[CALLS_KEY] = key.random_(0, 2**62, generator=stream(f"{player}/random_key"))


def constructed(build: Callable[[], T], generator: torch.Generator) -> T:
    """What `build` returns when all its random calls draw from a generator.

    Memory that it leaves uninitialized is NaN.  Raises GanbenchError where it draws from Python's or numpy's
    global generator.  What is done but once, as importing a library that draws, is not its own: so one that
    drew is asked again.
    """
    start = generator.get_state()
    result, drawn_from = _watched(build, generator)
    if drawn_from:
        generator.set_state(start)
        result, drawn_from = _watched(build, generator)
    for name in drawn_from:
        raise GanbenchError(
            f"a network's constructor draws from the global generator of {name}, so that no run could be "
            "repeated; draw with torch"
        )
    return result


def _watched(build: Callable[[], T], generator: torch.Generator) -> tuple[T, list[str]]:
    """What `build` returns, and of which global generators it changed the state."""
    before = _global_generators()
    with GeneratorDraws(generator):
        result = build()
    return result, [name for name, state in _global_generators().items() if state != before[name]]


def _global_generators() -> dict[str, Any]:
    _, words, *place = state_of_numpy()
    return {"Python's random": state_of_python(), "numpy": (np.asarray(words).tobytes(), place)}


@torch.no_grad()
def initialized(
    modules: Modules, stream: Streams, materialize: Callable[[Modules], None] | None = None
) -> Modules:
    """One seed's networks made ready, in place: materialized, initialized, and exchanged where need be.

    `materialize` runs a pass through networks that have lazy layers.
    """
    if materialize is not None and any(_lazy(module) for module in modules.values()):
        with GeneratorDraws(stream("constructor")):
            materialize(modules)
    for player, module in modules.items():
        for name in _lazy(module):
            raise GanbenchError(f"the {player}'s {name!r} is lazy, and no loss runs through it")
        generator = stream(player)
        with GeneratorDraws(generator):
            _initialize(module, generator)
        for layer in list(module.modules()):
            _exchange_hooks(layer)
            _exchange_spectral_norm(layer)
            _widen_half(layer)
        for name, layer in module.named_modules():
            _adopt_tensors(f"the {player}'s {name or type(module).__name__}", module, layer)
        _refuse_uninitialized(player, module)
    return modules


def players_of(networks_by_seed: Sequence[Modules], device: torch.device, dtype: torch.dtype) -> Players:
    """The seeds' networks taken apart; constants go to the device and, floating-point ones, to the type."""
    _refuse_sharing(networks_by_seed[0])
    params: dict[str, list[Tree]] = {}
    buffers: dict[str, list[Tree]] = {}
    for player in networks_by_seed[0]:
        of_seeds = [networks[player] for networks in networks_by_seed]
        trees = [template_state(module) for module in of_seeds]
        params[player] = [{name: value.detach() for name, value in tree.items()} for tree, _ in trees]
        buffers[player] = [{name: value.detach() for name, value in tree.items()} for _, tree in trees]
        _share_constants(player, of_seeds, device, dtype)
    templates = {player: _template(module) for player, module in networks_by_seed[0].items()}
    return Players(templates, params, buffers)


def _lazy(module: nn.Module) -> list[str]:
    state = [*module.named_parameters(), *module.named_buffers()]
    return [name for name, value in state if is_lazy(value)]


# Initial numbers


def _initialize(module: nn.Module, generator: torch.Generator) -> None:
    for layer in module.modules():
        method = getattr(layer, "initialize", None)  # of other arguments: the author's own
        if method is not None and not isinstance(method, (nn.Module, Tensor)) and takes_one(method):
            method(generator)
    for layer in module.modules():
        for weights in getattr(layer, "parametrizations", {}).values():
            for step in weights:
                if isinstance(step, SpectralNorm):
                    step.initialize_for(weights.original, generator)


def takes_one(method: Callable[..., Any]) -> bool:
    """Whether a method can be called with one argument."""
    try:
        inspect.signature(method).bind(None)
    except (TypeError, ValueError):
        return False
    return True


def _refuse_uninitialized(player: str, module: nn.Module) -> None:
    for name, value in [*module.named_parameters(), *module.named_buffers()]:
        if value.device.type == "meta":
            raise GanbenchError(
                f"the {player}'s {name!r} was made on the meta device, where a constructor gives no numbers; "
                "build networks without torch.device"
            )
        if (value.is_floating_point() or value.is_complex()) and bool(value.isnan().any()):
            raise GanbenchError(
                f"the {player}'s {name!r} has numbers that nobody initialized (NaN); fill them in the "
                "constructor, or give the layer a method initialize(self, generator)"
            )


# What cannot be run over many seeds at once is exchanged


def _exchange_hooks(layer: nn.Module) -> None:
    """torch's first forms of weight and spectral norm, which are hooks, for parametrizations."""
    for hook in list(layer._forward_pre_hooks.values()):
        if isinstance(hook, WeightNormHook):
            magnitude = getattr(layer, f"{hook.name}_g").detach().clone()
            direction = getattr(layer, f"{hook.name}_v").detach().clone()
            trained = getattr(layer, f"{hook.name}_v").requires_grad
            remove_weight_norm(layer, hook.name)
            parametrizations.weight_norm(layer, hook.name, hook.dim)
            weights: Any = layer.parametrizations[hook.name]  # type: ignore[index]
            weights.original0.copy_(magnitude).requires_grad_(trained)
            weights.original1.copy_(direction).requires_grad_(trained)
        elif isinstance(hook, SpectralNormHook):
            weight = getattr(layer, f"{hook.name}_orig")
            u, v = (getattr(layer, f"{hook.name}_{vector}").clone() for vector in "uv")
            remove_spectral_norm(layer, hook.name)
            getattr(layer, hook.name).copy_(weight).requires_grad_(weight.requires_grad)
            ours = SpectralNorm(weight, hook.dim, hook.eps, hook.n_power_iterations)
            ours.u, ours.v = u, v
            parametrize.register_parametrization(layer, hook.name, ours, unsafe=True)


def _exchange_spectral_norm(layer: nn.Module) -> None:
    """torch's parametrization, which writes with `out=`, for ours in its order of iteration."""
    if not isinstance(layer, parametrize.ParametrizationList) or not hasattr(layer, "original"):
        return
    for place, step in enumerate(layer):
        if isinstance(step, parametrizations._SpectralNorm) and hasattr(step, "_u"):
            theirs: Any = step
            ours = SpectralNorm(
                layer.original, theirs.dim, theirs.eps, theirs.n_power_iterations, transposed=True
            )
            ours.u, ours.v = theirs._v.clone(), theirs._u.clone()
            layer[place] = ours


class _Cast(nn.Module):
    """A parameter that is kept in the cohort's type and read in the layer's own."""

    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def forward(self, value: Tensor) -> Tensor:
        return value.to(self.dtype)


def _widen_half(layer: nn.Module) -> None:
    if isinstance(layer, (parametrize.ParametrizationList, nn.RNNBase)):
        return
    for registered in (layer._parameters, layer._buffers):
        entries: dict[str, Any] = registered
        for name, value in list(entries.items()):
            if value is not None and value.dtype in _HALF:
                is_parameter, wide = isinstance(value, nn.Parameter), value.detach().float()
                entries[name] = nn.Parameter(wide, value.requires_grad) if is_parameter else wide
                parametrize.register_parametrization(layer, name, _Cast(value.dtype), unsafe=True)


# Tensors that are not registered


def _adopt_tensors(place: str, module: nn.Module, layer: nn.Module) -> None:
    """Plain tensors of a layer become buffers; lists that hide parameters or layers are refused."""
    storages = {p.untyped_storage().data_ptr() for p in module.parameters() if p.device.type != "meta"}
    for name, value in _unregistered(layer):
        if isinstance(value, Tensor):
            if value.numel() and value.untyped_storage().data_ptr() in storages:
                raise GanbenchError(
                    f"{place}.{name} is a view of a parameter that training would leave behind; take the "
                    "view in forward"
                )
            delattr(layer, name)
            layer.register_buffer(name, value.detach().clone(), persistent=False)
            continue
        for leaf in pytree.tree_leaves(value):
            if isinstance(leaf, (nn.Parameter, nn.Module)):
                kind = "ModuleList" if isinstance(leaf, nn.Module) else "ParameterList"
                raise GanbenchError(
                    f"{place}.{name} holds a {type(leaf).__name__} that torch does not know of, so that it "
                    f"would not be trained; use nn.{kind} or nn.{kind.replace('List', 'Dict')}"
                )


def _unregistered(layer: nn.Module) -> Iterator[tuple[str, Any]]:
    """A layer's attributes that are or may hold tensors, but for a recurrent layer's list, which follows."""
    for name, value in list(vars(layer).items()):
        recurrent = isinstance(layer, nn.RNNBase) and name == "_flat_weights"
        if name not in _REGISTERED and not recurrent and isinstance(value, (Tensor, list, tuple, dict)):
            yield name, value


def _share_constants(
    player: str, modules: Sequence[nn.Module], device: torch.device, dtype: torch.dtype
) -> None:
    """Tensors in lists and dictionaries are the same for all seeds, and lie on the device."""

    def placed(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        return value.detach().to(device, dtype if value.is_floating_point() else value.dtype)

    for place, layers in zip(
        (name for name, _ in modules[0].named_modules()),
        zip(*(module.modules() for module in modules), strict=True),
        strict=True,
    ):
        for name, value in _unregistered(layers[0]):
            constants = [_tensors(vars(layer).get(name)) for layer in layers]
            if not constants[0]:
                continue
            for others in constants[1:]:
                if len(others) != len(constants[0]) or not all(map(torch.equal, others, constants[0])):
                    raise GanbenchError(
                        f"the {player}'s {'.'.join(filter(None, (place, name)))} holds tensors that differ "
                        "between seeds; make them buffers (register_buffer)"
                    )
            setattr(layers[0], name, pytree.tree_map(placed, value))


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in pytree.tree_leaves(value) if isinstance(leaf, Tensor)]


def _refuse_sharing(modules: Modules) -> None:
    owners: dict[int, tuple[str, str]] = {}
    for player, module in modules.items():
        for name, value in module.named_parameters():
            other, its_name = owners.setdefault(id(value), (player, name))
            if other != player:
                raise GanbenchError(
                    f"the {other}'s {its_name!r} and the {player}'s {name!r} are one parameter; every player "
                    "has parameters of its own"
                )


def _template(module: nn.Module) -> nn.Module:
    """The network with its parameters and buffers on the meta device, those that are one still one."""
    moved: dict[Tensor, Tensor] = {}
    for layer in module.modules():
        for registered in (layer._parameters, layer._buffers):
            entries: dict[str, Any] = registered
            for name, value in entries.items():
                if value is None:
                    continue
                if value not in moved:
                    empty = value.detach().to("meta")
                    is_parameter = isinstance(value, nn.Parameter)
                    moved[value] = nn.Parameter(empty, value.requires_grad) if is_parameter else empty
                entries[name] = moved[value]
    return module
