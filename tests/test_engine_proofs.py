"""The engine's numbers against ordinary PyTorch loops: every parameter, buffer and average of every seed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from engine_cohorts import LATENT, SMALL, WIDTH, Recorder, cohort, deviation, finish, numbers
from plain_loops import (
    KeyedDropout,
    Loss,
    MakeOptimizer,
    Passes,
    Replica,
    convolutional_pair,
    dragan_d,
    hinge_d,
    lsgan_d,
    lsgan_g,
    minimax_g,
    nsgan_d,
    nsgan_g,
    relativistic_d,
    relativistic_g,
    train,
    train_simultaneously,
    vector_pair,
    wgan_d,
    wgan_g,
    with_gradient_penalty,
    with_r1,
)
from torch import Tensor, nn

from ganbench.counter_random import hash_uniform
from ganbench.training.device import has_compiler
from ganbench.training.gradients import Mode

SEEDS, ROUNDS, DROPOUT = (3, 1), 20, 0.25
EXACT, WITH_COUPLED_BATCH = 1e-12, 1e-9


def mlp(**options: Any) -> dict[str, Any]:
    return {**SMALL, "network": {"mlp": {"width": WIDTH, **options}}}


def adam(rate: float, beta1: float = 0.5, beta2: float = 0.999, epsilon: float = 1e-8) -> MakeOptimizer:
    return lambda parameters: torch.optim.Adam(parameters, rate, (beta1, beta2), epsilon)


def pair(**options: Any) -> Callable[[Passes], tuple[nn.Module, nn.Module]]:
    return lambda _passes: vector_pair(LATENT, WIDTH, **options)


def with_dropout(passes: Passes) -> tuple[nn.Module, nn.Module]:
    return vector_pair(LATENT, WIDTH, dropout=lambda: KeyedDropout(DROPOUT, hash_uniform, passes))


@dataclass(frozen=True)
class Case:
    """A variant with options, and the same training as an ordinary loop."""

    variant: str
    options: dict[str, Any]
    networks: Callable[[Passes], tuple[nn.Module, nn.Module]]
    d_loss: Loss
    g_loss: Loss
    optimizers: tuple[MakeOptimizer, MakeOptimizer]
    extra: dict[str, Any] = field(default_factory=dict)
    simultaneous: bool = False
    tolerance: float = EXACT
    dataset: str = "ring8"
    n_critic: int = 1


ADAM5 = {"adam": {"beta1": 0.5}}
# Batch norm after D's first layer makes the loss blind to G's last bias: its gradient is rounding, which
# Adam's usual epsilon of 1e-8 would turn into motion.
BLUNT = {"adam": {"beta1": 0.5, "epsilon": 1e-4}}
FAST = {"learning_rate": 1e-2}
CASES = {
    "nsgan, batch norm in both": Case(
        "nsgan",
        mlp(generator_norm="batch", discriminator_norm="batch") | {"optimizer": BLUNT} | FAST,
        pair(norm_g=True, norm_d=True),
        nsgan_d,
        nsgan_g,
        (adam(1e-2, epsilon=1e-4), adam(1e-2, epsilon=1e-4)),
    ),
    "hinge, spectral norm": Case(
        "sngan",
        mlp() | FAST | {"n_critic": 2},
        pair(spectral=True),
        hinge_d,
        wgan_g,
        (adam(1e-2, 0.0, 0.9), adam(1e-2, 0.0, 0.9)),
        {"n_critic": 2},
        n_critic=2,
    ),
    "wgan-gp, five critic updates": Case(
        "wgan-gp",
        mlp() | FAST,
        pair(),
        with_gradient_penalty(10.0),
        wgan_g,
        (adam(1e-2, 0.0, 0.9), adam(1e-2, 0.0, 0.9)),
        {"n_critic": 5},
        n_critic=5,
    ),
    "relativistic, R1 and R2": Case(
        "rpgan-r1r2",
        mlp() | FAST | {"gamma": 0.7},
        pair(),
        relativistic_d(0.7),
        relativistic_g,
        (adam(1e-2, 0.0, 0.99), adam(1e-2, 0.0, 0.99)),
    ),
    "nsgan, dropout": Case(
        "nsgan",
        mlp(dropout=DROPOUT) | {"optimizer": ADAM5} | FAST,
        with_dropout,
        nsgan_d,
        nsgan_g,
        (adam(1e-2), adam(1e-2)),
    ),
    "wgan-gp, batch norm in D": Case(
        "wgan-gp",
        mlp(discriminator_norm="batch") | {"optimizer": BLUNT, "learning_rate": 1e-3, "n_critic": 1},
        pair(norm_d=True),
        with_gradient_penalty(10.0),
        wgan_g,
        (adam(1e-3, epsilon=1e-4), adam(1e-3, epsilon=1e-4)),
        tolerance=WITH_COUPLED_BATCH,
    ),
    "wgan-gp, dropout": Case(
        "wgan-gp",
        mlp(dropout=DROPOUT) | FAST | {"n_critic": 1},
        with_dropout,
        with_gradient_penalty(10.0),
        wgan_g,
        (adam(1e-2, 0.0, 0.9), adam(1e-2, 0.0, 0.9)),
    ),
    "wgan, clipping, RMSProp": Case(
        "wgan",
        mlp() | {"learning_rate": 1e-3, "clip": 0.05, "n_critic": 2},
        pair(),
        wgan_d,
        wgan_g,
        (lambda p: torch.optim.RMSprop(p, 1e-3),) * 2,
        {"n_critic": 2, "clip": 0.05},
        n_critic=2,
    ),
    "lsgan, simultaneous, momentum": Case(
        "lsgan",
        mlp() | FAST | {"update": "simultaneous", "optimizer": {"sgd": {"momentum": 0.8}}},
        pair(),
        lsgan_d,
        lsgan_g,
        (lambda p: torch.optim.SGD(p, 1e-2, momentum=0.8),) * 2,
        simultaneous=True,
    ),
    "minimax, plain SGD": Case(
        "gan",
        mlp() | FAST | {"optimizer": "sgd"},
        pair(),
        nsgan_d,
        minimax_g,
        (lambda p: torch.optim.SGD(p, 1e-2),) * 2,
    ),
    "dragan": Case(
        "dragan",
        mlp() | FAST | {"spread": 0.4, "gp_weight": 3.0},
        pair(),
        dragan_d(3.0, 0.4),
        nsgan_g,
        (adam(1e-2, 0.5), adam(1e-2, 0.5)),
    ),
    "average, generator first, two rates": Case(
        "gan-r1",
        mlp(generator_norm="batch")
        | {"gamma": 2.0, "ema": 0.9, "first": "generator", "learning_rate": 3e-3}
        | {"discriminator_learning_rate": 1e-2, "latent": "uniform"},
        pair(norm_g=True),
        with_r1(nsgan_d, 2.0),
        nsgan_g,
        (adam(1e-2, 0.5), adam(3e-3, 0.5)),
        {"ema": 0.9, "generator_first": True},
    ),
    "dcgan on images": Case(
        "wgan-gp",
        {**SMALL, "network": {"dcgan": {"width": 4}}, "n_critic": 1, "learning_rate": 2e-3},
        lambda _passes: convolutional_pair(LATENT, 4),
        with_gradient_penalty(10.0),
        wgan_g,
        (adam(2e-3, 0.0, 0.9), adam(2e-3, 0.0, 0.9)),
        dataset="digits",
    ),
}
UNTRACED = ("nsgan, batch norm in both", "hinge, spectral norm", "nsgan, dropout")
RUNS = [(name, mode) for name in CASES for mode in ("traced", "looped")] + [
    (name, "plain") for name in UNTRACED
]
OURS_TO_TORCH = {".0.u": ".0._v", ".0.v": ".0._u", ".random_key": ".key"}
"""torch's spectral norm runs on the transposed weight, so that its u is our v."""


def torch_name(name: str) -> str:
    for ours, theirs in OURS_TO_TORCH.items():
        name = name.removesuffix(ours) + theirs if name.endswith(ours) else name
    return name


@functools.cache
def reference(name: str) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """The first state, what the engine's loop over seeds makes of it, and what the ordinary loop does."""
    initial, recorder, looped = _recorded(name)
    replicas = [_train_replica(CASES[name], initial, recorder, index) for index in range(len(SEEDS))]
    return initial, looped, {key: torch.stack([replica[key] for replica in replicas]) for key in initial}


@functools.cache
def _recorded(name: str) -> tuple[dict[str, Tensor], Recorder, dict[str, Tensor]]:
    made = _cohort(name, "looped")
    initial, recorder = numbers(made), Recorder(made)
    return initial, recorder, numbers(finish(made))


def _trained(name: str, mode: Mode, initial: dict[str, Tensor]) -> dict[str, Tensor]:
    made = _cohort(name, mode)
    assert deviation(numbers(made), initial) == 0
    return numbers(finish(made))


def _cohort(name: str, mode: Mode) -> Any:
    case = CASES[name]
    budget = ("steps", ROUNDS * case.n_critic)
    return cohort(
        case.variant,
        case.options,
        dataset=case.dataset,
        seeds=SEEDS,
        budget=budget,
        measure=(1.0,),
        mode=mode,
    )


def _train_replica(
    case: Case, initial: dict[str, Tensor], recorder: Recorder, index: int
) -> dict[str, Tensor]:
    passes = Passes()
    generator, discriminator = (network.double() for network in case.networks(passes))
    networks = {"generator": generator, "discriminator": discriminator}
    _load(networks, initial, index)
    passes.watch(generator, discriminator)
    replica = Replica(generator, discriminator)
    loop = train_simultaneously if case.simultaneous else train
    batches = recorder.of_replica(index)
    loop(replica, batches, ROUNDS, case.d_loss, case.g_loss, case.optimizers, **case.extra)
    assert next(batches, None) is None, "the engine drew batches that the loop did not"
    return {key: _value(key, networks, replica, passes) for key in initial}


def _place(key: str, networks: dict[str, nn.Module]) -> tuple[nn.Module, str]:
    _part, player, name = key.split("/")
    owner, _, leaf = torch_name(name).rpartition(".")
    return networks[player].get_submodule(owner), leaf


def _load(networks: dict[str, nn.Module], initial: dict[str, Tensor], index: int) -> None:
    wanted = {id(p) for network in networks.values() for p in network.parameters()}
    for key, value in initial.items():
        if not key.startswith("averages"):
            module, leaf = _place(key, networks)
            getattr(module, leaf).data.copy_(value[index])
            wanted.discard(id(getattr(module, leaf)))
    assert not wanted, "the ordinary networks have parameters that the engine's have not"


def _value(key: str, networks: dict[str, nn.Module], replica: Replica, passes: Passes) -> Tensor:
    if key.startswith("averages"):
        return replica.average[key.split("/")[2]]
    module, leaf = _place(key, networks)
    value = getattr(module, leaf).detach().clone()
    return value + passes.count * 0x9E3779B1 if leaf == "key" else value


@pytest.mark.parametrize(("name", "mode"), RUNS)
def test_training_equals_the_ordinary_loop(
    name: str, mode: Mode, record_property: Callable[[str, object], None]
) -> None:
    initial, looped, expected = reference(name)
    found = looped if mode == "looped" else _trained(name, mode, initial)
    measured = deviation(found, expected)
    record_property("deviation", measured)
    assert measured <= CASES[name].tolerance
    weights = [key for key in found if key.startswith("params") and not key.endswith("bias")]
    assert all(not torch.equal(found[key], initial[key]) for key in weights), "not all was trained"


@pytest.mark.skipif(not has_compiler(torch.device("cpu")), reason="no C++ compiler on this machine")
def test_the_compiled_step_equals_the_ordinary_loop() -> None:
    name = "nsgan, batch norm in both"
    torch._dynamo.reset()
    found = numbers(finish(_cohort(name, "compiled")))
    assert deviation(found, reference(name)[2]) <= EXACT


def test_the_comparison_can_see_a_small_mistake() -> None:
    """A relative change of 1e-8 in one loss gain of the ordinary loop is far outside the tolerance."""
    name = "wgan-gp, five critic updates"
    initial, recorder, _ = _recorded(name)
    wrong = Case(**{**vars(CASES[name]), "d_loss": with_gradient_penalty(10.0 * (1 + 1e-8))})
    replica = _train_replica(wrong, initial, recorder, 0)
    right = {key: value[0] for key, value in reference(name)[2].items()}
    assert deviation(replica, right) > 100 * EXACT
