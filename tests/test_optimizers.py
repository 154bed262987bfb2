"""Optimizers against torch.optim over fifty steps, and independence of a seed's place in the stack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ganbench.errors import GanbenchError
from ganbench.optimizers import SGD, Adam, Optimizer, RMSProp, average_, optimizer
from ganbench.schedules import Change

STEPS, SHAPES = 50, {"weight": (3, 4), "bias": (4,), "scale": ()}
OURS_AND_TORCHS: dict[str, tuple[Optimizer, Callable[[list[Tensor]], torch.optim.Optimizer]]] = {
    "sgd": (SGD(0.1), lambda p: torch.optim.SGD(p, 0.1, foreach=False)),
    "momentum": (SGD(0.05, 0.9), lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, foreach=False)),
    "adam": (Adam(0.01), lambda p: torch.optim.Adam(p, 0.01, foreach=False)),
    "adam, GAN betas": (
        Adam(0.01, 0.0, 0.9, 1e-6),
        lambda p: torch.optim.Adam(p, 0.01, (0.0, 0.9), 1e-6, foreach=False),
    ),
    "rmsprop": (
        RMSProp(0.01, 0.95, 1e-7),
        lambda p: torch.optim.RMSprop(p, 0.01, 0.95, 1e-7, foreach=False),
    ),
}


def random_tree(source: torch.Generator, seeds: int, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    return {name: torch.randn(seeds, *shape, generator=source, dtype=dtype) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("name", OURS_AND_TORCHS)
def test_fifty_steps_equal_torchs(name: str) -> None:
    ours, make_theirs = OURS_AND_TORCHS[name]
    source = torch.Generator().manual_seed(1)
    params = random_tree(source, 2)
    theirs = {key: value.clone().requires_grad_() for key, value in params.items()}
    torchs, optimizer_state = make_theirs(list(theirs.values())), ours.initial(params)
    for _ in range(STEPS):
        gradient = random_tree(source, 2)
        for key, value in theirs.items():
            value.grad = gradient[key].clone()
        kept = {key: value.clone() for key, value in gradient.items()}
        torchs.step()
        ours.step_(params, gradient, optimizer_state)
        assert all(torch.equal(gradient[key], kept[key]) for key in kept), "a gradient was written to"
    assert optimizer_state["updates"] == STEPS
    for key, value in params.items():
        torch.testing.assert_close(value, theirs[key].detach(), rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", OURS_AND_TORCHS)
def test_a_seeds_bits_do_not_depend_on_the_stack(name: str, dtype: torch.dtype) -> None:
    ours, _ = OURS_AND_TORCHS[name]
    source = torch.Generator().manual_seed(2)
    stack = random_tree(source, 5, dtype)
    alone = {key: value[3:4].clone() for key, value in stack.items()}
    of_stack, of_alone = ours.initial(stack), ours.initial(alone)
    for _ in range(STEPS):
        gradient = random_tree(source, 5, dtype)
        ours.step_(stack, gradient, of_stack)
        ours.step_(alone, {key: value[3:4].clone() for key, value in gradient.items()}, of_alone)
    assert all(torch.equal(stack[key][3:4], alone[key]) for key in alone)


@pytest.mark.parametrize("name", ["adam", "adam, GAN betas", "momentum", "rmsprop"])
def test_parameters_that_join_later_are_moved_as_torchs_groups_are(name: str) -> None:
    """torch counts steps for each parameter; ours where "born" says so, in place and as a function."""
    ours, make_theirs = OURS_AND_TORCHS[name]
    source = torch.Generator().manual_seed(4)
    params = random_tree(source, 2)
    theirs = {key: value.clone().requires_grad_() for key, value in params.items()}
    late = {"bias": 7, "scale": 12}
    torchs = make_theirs([theirs["weight"]])
    state = ours.initial(params) | {"born": late}
    for number in range(STEPS):
        for key, birth in late.items():
            if number == birth:
                torchs.add_param_group({"params": [theirs[key]]})
        present = [key for key in params if late.get(key, 0) <= number]
        gradient = {key: value for key, value in random_tree(source, 2).items() if key in present}
        for key in present:
            theirs[key].grad = gradient[key].clone()
        torchs.step()
        moving = {key: params[key] for key in present}
        functional, _ = ours.functional_step(moving, gradient, state, ours.learning_rate)  # type: ignore[attr-defined]
        ours.step_(moving, gradient, state)
        for key in present:
            torch.testing.assert_close(functional[key], params[key], rtol=1e-12, atol=1e-13)
    for key, value in params.items():
        torch.testing.assert_close(value, theirs[key].detach(), rtol=1e-14, atol=1e-15)


def test_adam_without_births_takes_late_parameters_for_old_ones() -> None:
    """What the births are for: a first step of a newcomer is its sign, not 1/(1 − β₁¹⁰⁰) of a hundredth."""
    adam, one = Adam(0.01, epsilon=0.0), torch.ones(3, dtype=torch.float64)
    for born, expected in ({"x": 99}, 0.01), ({}, 0.01 * 0.1 / 0.001**0.5 * (1 - 0.999**100) ** 0.5):
        params = {"x": torch.zeros(3, dtype=torch.float64)}
        state = adam.initial(params) | {"updates": 99, "born": born}
        adam.step_(params, {"x": one}, state)
        torch.testing.assert_close(params["x"], -expected * one, rtol=1e-3, atol=0)


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "rmsprop"])
def test_a_scheduled_rate_equals_torchs_scheduler(name: str) -> None:
    ours, make_theirs = OURS_AND_TORCHS[name]
    ours = replace(ours, learning_rate=Change(0.1, 0.02, 0.2, 0.8))  # type: ignore[type-var]
    source = torch.Generator().manual_seed(5)
    params = random_tree(source, 2)
    theirs = {key: value.clone().requires_grad_() for key, value in params.items()}
    torchs, state = make_theirs(list(theirs.values())), ours.initial(params)
    for number in range(STEPS):
        share = number / STEPS
        for group in torchs.param_groups:
            group["lr"] = 0.1 - 0.08 * min(max(share - 0.2, 0) / 0.6, 1)
        gradient = random_tree(source, 2)
        for key, value in theirs.items():
            value.grad = gradient[key].clone()
        torchs.step()
        ours.step_(params, gradient, state, share)
    for key, value in params.items():
        torch.testing.assert_close(value, theirs[key].detach(), rtol=1e-13, atol=1e-15)


def test_adams_first_step_is_the_sign_of_the_gradient() -> None:
    adam, params = Adam(0.01, epsilon=0.0), {"x": torch.zeros(3, dtype=torch.float64)}
    adam.step_(params, {"x": torch.tensor([5.0, -1e-9, 2.0], dtype=torch.float64)}, adam.initial(params))
    torch.testing.assert_close(
        params["x"], torch.tensor([-0.01, 0.01, -0.01], dtype=torch.float64), rtol=1e-14, atol=0
    )


def test_a_nan_gradient_stays_with_its_seed() -> None:
    for ours, _ in OURS_AND_TORCHS.values():
        params = {"x": torch.ones(2, 3)}
        optimizer_state = ours.initial(params)
        for _ in range(2):
            ours.step_(
                params, {"x": torch.stack([torch.full((3,), torch.nan), torch.ones(3)])}, optimizer_state
            )
        assert params["x"][0].isnan().all()
        assert params["x"][1].isfinite().all()


def test_the_average_of_a_constant_and_of_a_step() -> None:
    average, params = {"x": torch.ones(2, dtype=torch.float64)}, {"x": torch.ones(2, dtype=torch.float64)}
    average_(average, params, 0.9)
    assert torch.equal(average["x"], params["x"])
    for _ in range(10):
        average_(average, {"x": torch.zeros(2, dtype=torch.float64)}, 0.9)
    torch.testing.assert_close(
        average["x"], torch.full((2,), 0.9**10, dtype=torch.float64), rtol=1e-14, atol=0
    )


def test_options_are_checked() -> None:
    assert optimizer("adam", 0.1) == Adam(0.1)
    assert optimizer({"sgd": {"momentum": 0.5}}, 0.1) == SGD(0.1, 0.5)
    with pytest.raises(GanbenchError, match="did you mean 'adam'"):
        optimizer("adm", 0.1)
    with pytest.raises(GanbenchError, match="did you mean 'beta1'"):
        optimizer({"adam": {"bta1": 0.5}}, 0.1)
    with pytest.raises(GanbenchError, match=r"\[0, 1\)"):
        optimizer({"adam": {"beta1": 1.5}}, 0.1)
    with pytest.raises(GanbenchError, match=r"\[0, 1\)"):
        optimizer({"adam": {"beta1": True}}, 0.1)
    with pytest.raises(GanbenchError, match="no option 'learning_rate'"):
        optimizer({"adam": {"learning_rate": 0.5}}, 0.1)
    with pytest.raises(GanbenchError, match="one"):
        optimizer({"adam": {}, "sgd": {}}, 0.1)
