"""Layers against torch's own, initial weights, and the hash that dropout's masks come from."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable

import pytest
import torch
from scipy import stats
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from ganbench.counter_random import hash_uniform
from ganbench.game import Game, Networks, template_state
from ganbench.networks.construction import initialized
from ganbench.networks.layers import (
    BatchNorm,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Linear,
    SpectralNorm,
    spectrally_normalized,
)

STRIDE = 0x9E3779B1
SOURCE = 20


def source(seed: int = SOURCE) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = SOURCE) -> Tensor:
    return torch.randn(shape, generator=source(seed), dtype=torch.float64)


# The hash


def hashed(key: int, count: int = 1 << 16) -> Tensor:
    return hash_uniform(torch.tensor(key, dtype=torch.int64), torch.arange(count))


KEYS = (0, 1, 0x1234_5678_9ABC_DEF0, 2**62 - 1, 3**30)


@pytest.mark.parametrize("key", KEYS)
def test_the_hash_is_uniform(key: int) -> None:
    values = hashed(key)
    n = values.numel()
    assert 0 <= values.min() < values.max() < 1
    assert abs(values.mean() - 0.5) < 4.5 / math.sqrt(12 * n)
    assert abs(values.var() - 1 / 12) < 4.5 / math.sqrt(180 * n)
    counts = torch.bincount((values * 256).long(), minlength=256).numpy()
    assert 1e-5 < stats.chisquare(counts).pvalue < 1 - 1e-5
    pairs = (values[:-1] * 16).long() * 16 + (values[1:] * 16).long()  # neighbours are independent
    counts = torch.bincount(pairs[::2], minlength=256).numpy()
    assert 1e-5 < stats.chisquare(counts).pvalue < 1 - 1e-5
    assert stats.kstest(values.numpy(), "uniform").pvalue > 1e-5


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("apart", [1, STRIDE, 2 * STRIDE, 1 << 32, -STRIDE])
def test_keys_are_independent(key: int, apart: int) -> None:
    one, two = hashed(key), hashed((key + apart) % (1 << 63))
    correlation = torch.corrcoef(torch.stack([one, two]))[0, 1]
    assert abs(correlation) < 4.5 / math.sqrt(one.numel())
    joint = torch.bincount((one * 16).long() * 16 + (two * 16).long(), minlength=256).numpy()
    assert stats.chisquare(joint).pvalue > 1e-5


def test_no_two_passes_have_the_same_numbers_in_another_order() -> None:
    """Entered with a key once, the mixer would give two in 2²⁰ pairs of passes permutations of one mask.

    Equal sets have equal sums; sums of independent sets agree with a chance of 1 in 10⁴ in all.
    """
    index = torch.arange(4096)
    keys = torch.arange(3000) * STRIDE + 0x0123_4567_89AB_CDEF
    sums = torch.cat([hash_uniform(part.unsqueeze(1), index).sum(1) for part in keys.split(250)])
    assert sums.unique().numel() == sums.numel()


def test_the_hash_maps_over_keys() -> None:
    keys = torch.tensor(KEYS)
    mapped = torch.func.vmap(hash_uniform, in_dims=(0, None))(keys, torch.arange(50))
    assert torch.equal(mapped, torch.stack([hashed(key, 50) for key in KEYS]))


# Dropout


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    layer = Dropout(0.3)
    layer.initialize(source())
    dropped = layer(torch.ones(400, 100))
    zero = (dropped == 0).double().mean()
    assert abs(zero - 0.3) < 4.5 * math.sqrt(0.21 / 40_000)
    assert torch.allclose(dropped[dropped != 0], torch.tensor(1 / 0.7))
    layer.eval()
    x = normal(5, 3)
    assert layer(x) is x


def test_every_pass_has_another_mask_and_a_penaltys_pass_counts() -> None:
    module = nn.Sequential(nn.Flatten(1), Dropout(0.5))
    params, buffers = template_state(module)
    game = Game({"discriminator": module}, {"discriminator": lambda networks, batch: torch.zeros(())})
    networks = Networks(game.players, {"discriminator": params}, {"discriminator": buffers})
    x = torch.ones(8, 8, dtype=torch.float64)
    masks = [
        networks.discriminator(x),
        networks.input_gradient("discriminator", x),
        networks.discriminator(x),
    ]
    key = buffers["1.random_key"]
    after = networks.buffers_after()
    for number, mask in enumerate(masks, start=1):
        keep = hash_uniform(key + number * STRIDE, torch.arange(64)).view(8, 8) >= 0.5
        assert torch.equal(mask, 2.0 * keep)
    assert after["discriminator"]["1.random_key"] == key + 3 * STRIDE
    again = Networks(game.players, {"discriminator": params}, after).discriminator(x)
    assert all(not torch.equal(again, mask) for mask in masks)
    still = Networks(game.players, {"discriminator": params}, {"discriminator": buffers}, False)
    assert torch.equal(still.discriminator(x), x)


# Batch normalization


@pytest.mark.parametrize("shape", [(6, 3), (6, 3, 4, 5), (1, 3, 2, 2)])
def test_batch_norm_equals_torchs(shape: tuple[int, ...]) -> None:
    ours, theirs = (
        BatchNorm(3).double(),
        (nn.BatchNorm1d(3) if len(shape) == 2 else nn.BatchNorm2d(3)).double(),
    )
    for layer in (ours, theirs):
        layer.weight.data = torch.tensor([0.5, 2.0, -1.0], dtype=torch.float64)
        layer.bias.data = torch.tensor([0.1, 0.0, 3.0], dtype=torch.float64)
    for step in range(4):
        x = 3 * normal(*shape, seed=step) + 1
        x_ours, x_theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
        left, right = ours(x_ours), theirs(x_theirs)
        torch.testing.assert_close(left, right, rtol=1e-12, atol=1e-13)
        weight = normal(*shape, seed=100 + step)
        (left * weight).sum().backward()
        (right * weight).sum().backward()
        torch.testing.assert_close(x_ours.grad, x_theirs.grad, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean, rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(ours.running_var, theirs.running_var, rtol=1e-13, atol=1e-14)
    x = normal(*shape, seed=9)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-12, atol=1e-13)


def test_only_a_training_pass_that_is_no_penaltys_moves_the_statistics() -> None:
    module = nn.Sequential(BatchNorm(2), nn.Linear(2, 1), nn.Flatten(0)).double()
    params, buffers = template_state(module)
    held = {"discriminator": buffers}
    x = normal(8, 2)
    for training, moved in ((True, True), (False, False)):
        networks = Networks({"discriminator": module}, {"discriminator": params}, held, training)
        networks.discriminator(x)
        mean = networks.buffers_after()["discriminator"]["0.running_mean"]
        assert torch.equal(mean, buffers["0.running_mean"]) is not moved
    networks = Networks({"discriminator": module}, {"discriminator": params}, held)
    networks.input_gradient("discriminator", x)
    assert torch.equal(networks.buffers_after()["discriminator"]["0.running_mean"], buffers["0.running_mean"])
    assert torch.equal(module[0].running_mean, torch.zeros(2, dtype=torch.float64)), (
        "the template was written"
    )


# Spectral normalization


def test_spectral_norm_equals_torchs_on_the_transposed_weight() -> None:
    """torch iterates u ← Wv, v ← Wᵀu; Miyato's algorithm 1 is v ← Wᵀu, u ← Wv: the same on Wᵀ."""
    ours = spectrally_normalized(nn.Linear(5, 3)).double()
    theirs = parametrizations.spectral_norm(nn.Linear(5, 3).double(), dim=1)
    _copy_spectral(ours, theirs, swapped=True)
    for step in range(3):
        x = normal(4, 5, seed=step)
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-13, atol=1e-14)
    ours.eval(), theirs.eval()
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-13, atol=1e-14)


def _copy_spectral(ours: nn.Module, theirs: nn.Module, swapped: bool) -> None:
    step = ours.parametrizations.weight[0]
    step.u.data, step.v.data = normal(3, seed=1), normal(5, seed=2)
    step.u.div_(step.u.norm())
    step.v.div_(step.v.norm())
    torchs = theirs.parametrizations.weight[0]
    torchs._u, torchs._v = (step.v.clone(), step.u.clone()) if swapped else (step.u.clone(), step.v.clone())
    theirs.parametrizations.weight.original.data = ours.parametrizations.weight.original.data.clone()
    theirs.bias.data = ours.bias.data.clone()


def test_spectral_norm_of_a_convolution_equals_torchs_first_form() -> None:
    """torch.nn.utils.spectral_norm, since superseded, iterates in the published order."""
    ours = spectrally_normalized(nn.Conv2d(2, 3, 3)).double()
    plain = nn.Conv2d(2, 3, 3).double()
    plain.weight.data = ours.parametrizations.weight.original.data.clone()
    plain.bias.data = ours.bias.data.clone()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        theirs = nn.utils.spectral_norm(plain)
    step = ours.parametrizations.weight[0]
    step.u.data = theirs.weight_u.clone()
    step.v.data = theirs.weight_v.clone()
    for number in range(3):
        x = normal(2, 2, 5, 5, seed=number)
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-13, atol=1e-14)


def test_spectral_norm_converges_to_the_largest_singular_value() -> None:
    weight = normal(6, 4)
    layer = SpectralNorm(weight).double()
    layer.initialize_for(weight, source(), iterations=200)
    torch.testing.assert_close(
        layer.eval()(weight) * torch.linalg.matrix_norm(weight, 2), weight, rtol=1e-12, atol=1e-13
    )
    assert layer.u.norm() == pytest.approx(1)


# Initial weights


def state(module: nn.Module, seed: int = SOURCE) -> dict[str, Tensor]:
    """All numbers of a network after its initialization from a stream."""
    initialized({"generator": module}, lambda _part: source(seed))
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def test_initial_weights_are_torchs_default_distribution_from_the_given_stream() -> None:
    network = nn.Sequential(Linear(400, 300), ConvTranspose2d(30, 20, 4), Conv2d(30, 20, 4))
    params, again, other = state(network), state(network), state(network, 1)
    # A transposed convolution's fan-in is torch's: output channels times kernel.
    for name, fan_in in (("0", 400), ("1", 20 * 16), ("2", 30 * 16)):
        bound = 1 / math.sqrt(fan_in)
        weight = params[f"{name}.weight"]
        assert 0.98 * bound < weight.abs().max() <= bound
        assert abs(weight.mean()) < 4.5 * bound / math.sqrt(3 * weight.numel())
        assert weight.var() == pytest.approx(bound**2 / 3, rel=0.05)
        assert params[f"{name}.bias"].abs().max() <= bound
        assert torch.equal(weight, again[f"{name}.weight"])
        assert not torch.equal(weight, other[f"{name}.weight"])


def test_an_initial_std_is_obeyed() -> None:
    layer = Linear(200, 100)
    layer.initial_std = 0.02
    params = state(nn.Sequential(layer))
    assert params["0.weight"].std() == pytest.approx(0.02, rel=0.05)
    assert torch.equal(params["0.bias"], torch.zeros(100))


def test_spectral_vectors_start_near_the_leading_ones() -> None:
    network = spectrally_normalized(nn.Sequential(Linear(8, 8)))
    bias = state(network)["0.bias"]
    normalized = network.eval()(torch.eye(8)).detach() - bias
    assert torch.linalg.matrix_norm(normalized, 2) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("iterations", [1, 3])
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: nn.Linear(5, 3), (4, 5)),
        (lambda: nn.Conv2d(2, 3, 3), (2, 2, 5, 5)),
        (lambda: nn.ConvTranspose2d(3, 4, 2), (2, 3, 4, 4)),
    ],
)
@pytest.mark.parametrize("form", [parametrizations.spectral_norm, nn.utils.spectral_norm])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_torchs_spectral_norms_are_exchanged_for_the_same_function(
    form: Callable[..., nn.Module], layer: Callable[[], nn.Module], shape: tuple[int, ...], iterations: int
) -> None:
    theirs = form(layer().double(), n_power_iterations=iterations)
    ours = copy.deepcopy(theirs)
    initialized({"discriminator": ours}, lambda _part: source())
    assert any(isinstance(part, SpectralNorm) for part in ours.modules())
    for step in range(3):
        x = normal(*shape, seed=step)
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-12, atol=1e-13)
    x = normal(*shape, seed=3)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-12, atol=1e-13)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_first_weight_norm_is_exchanged_for_the_same_function() -> None:
    theirs, ours = (nn.utils.weight_norm(nn.Linear(5, 3).double(), dim=1) for _ in range(2))
    theirs.weight_g.data.mul_(3)
    ours.load_state_dict(theirs.state_dict())
    initialized({"discriminator": ours}, lambda _part: source())
    assert parametrize.is_parametrized(ours, "weight")
    x = normal(4, 5)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-13, atol=1e-14)
    gradient = torch.autograd.grad(theirs(x).square().sum(), theirs.weight_v)[0]
    of_ours = torch.autograd.grad(ours(x).square().sum(), ours.parametrizations.weight.original1)[0]
    torch.testing.assert_close(of_ours, gradient, rtol=1e-12, atol=1e-13)
