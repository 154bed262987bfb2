"""Layers of networks for images against torch's own functions, loops over examples and closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ganbench.game import DataSpec, Networks, template_state
from ganbench.networks.attention import SelfAttention
from ganbench.networks.conditional import LabelChannels, LabelInput, label_vectors
from ganbench.networks.construction import initialized
from ganbench.networks.equalized import equalized
from ganbench.networks.layers import Conv2d, Linear
from ganbench.networks.minibatch_deviation import MinibatchDeviation
from ganbench.networks.normalization import (
    PixelNorm,
    class_conditional,
    normalization,
    self_modulated,
    vector_conditional,
)
from ganbench.training.replicas import Vectorizable

LABELS = torch.tensor([2, 0, 1, 0, 2, 2])


def normal(*shape: int, seed: int = 3) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def started(module: nn.Module) -> nn.Module:
    return initialized({"player": module}, lambda _part: torch.Generator().manual_seed(1))["player"]


def moved(module: nn.Module) -> nn.Module:
    """Every parameter off its start, float64."""
    module = module.double()
    for number, parameter in enumerate(module.parameters()):
        parameter.data = parameter.data + normal(*parameter.shape, seed=number)
    return module


# Normalizations by name


@pytest.mark.parametrize(
    ("norm", "expected"),
    [
        ("batch", lambda x, gain, bias: F.batch_norm(x, None, None, gain, bias, True)),
        ("layer", lambda x, gain, bias: F.group_norm(x, 1, gain, bias)),
        ("group", lambda x, gain, bias: F.group_norm(x, 2, gain, bias)),
        ("instance", lambda x, gain, bias: F.instance_norm(x, weight=gain, bias=bias)),
        ("none", lambda x, _gain, _bias: x),
    ],
)
def test_a_named_normalization_is_torchs(norm: str, expected: Callable[..., Tensor]) -> None:
    layer, x = moved(normalization(norm, 8)), 3 * normal(6, 8, 4, 5) + 1
    gain, bias = (getattr(layer, name, None) for name in ("weight", "bias"))
    torch.testing.assert_close(layer(x), expected(x, gain, bias))
    bare = normalization(norm, 8, affine=False)
    assert not list(bare.parameters())
    torch.testing.assert_close(bare.double()(x), expected(x, None, None))


@pytest.mark.parametrize(("channels", "groups"), [(256, 32), (64, 16), (18, 2), (6, 1), (2, 1)])
def test_group_norm_has_at_most_32_groups_of_at_least_4_channels(channels: int, groups: int) -> None:
    assert normalization("group", channels).num_groups == groups


# Conditional normalizations


def test_class_conditional_norm_is_batch_norm_with_the_classs_gain_and_bias() -> None:
    layer, x = moved(class_conditional("batch", 4, 3)), normal(6, 4, 3, 3)
    tables = layer.of_condition.weight
    found = layer(x, label_vectors(LABELS, 3, x))
    for label in range(3):
        gain, bias = 1 + tables[:4, label], tables[4:, label]
        expected = F.batch_norm(x, None, None, gain, bias, True)
        torch.testing.assert_close(found[label == LABELS], expected[label == LABELS])
    fresh = started(class_conditional("batch", 4, 3)).double()
    torch.testing.assert_close(
        fresh(x, label_vectors(LABELS, 3, x)), F.batch_norm(x, None, None, training=True)
    )


def test_a_class_alone_learns_its_gain_and_bias() -> None:
    layer, x = moved(class_conditional("group", 4, 3)), normal(6, 4, 3, 3)
    layer(x, label_vectors(torch.ones(6, dtype=torch.int64), 3, x)).square().sum().backward()
    moves = layer.of_condition.weight.grad.abs().sum(0) > 0
    assert moves.tolist() == [False, True, False]


def test_a_conditional_norm_keeps_running_statistics_for_sampling() -> None:
    layer, x = moved(class_conditional("batch", 4, 3)), normal(6, 4, 3, 3) + 2
    condition = label_vectors(LABELS, 3, x)
    layer(x, condition)
    mean, variance = layer.norm.running_mean, layer.norm.running_var
    torch.testing.assert_close(mean, 0.1 * x.mean((0, 2, 3)))
    gain, bias = (condition @ layer.of_condition.weight.T)[:, :, None, None].chunk(2, 1)
    expected = F.batch_norm(x, mean, variance) * (1 + gain) + bias
    torch.testing.assert_close(layer.eval()(x, condition), expected)


def test_self_modulation_starts_as_plain_normalization_and_follows_the_latent() -> None:
    x, z = normal(6, 4, 3, 3), normal(6, 5)
    layer = started(self_modulated("batch", 4, 5)).double()
    plain = F.batch_norm(x, None, None, training=True)
    assert (layer(x, z) - plain).abs().max() < 0.05
    layer = moved(layer)
    first, last = layer.of_condition[0], layer.of_condition[2]
    hidden = (z @ first.weight.T + first.bias).clamp(min=0)
    gain, bias = (hidden @ last.weight.T + last.bias)[:, :, None, None].split(4, 1)
    torch.testing.assert_close(layer(x, z), plain * (1 + gain) + bias)
    assert first.weight.shape == (32, 5)


def test_a_vector_conditional_norm_has_unit_gain_at_zero() -> None:
    x = normal(6, 4, 3, 3)
    layer = moved(vector_conditional("layer", 4, 5))
    torch.testing.assert_close(layer(x, torch.zeros(6, 5).double()), F.layer_norm(x, x.shape[1:]))
    assert not torch.allclose(layer(x, normal(6, 5)), F.layer_norm(x, x.shape[1:]))


def test_a_label_input_is_a_column_of_the_first_weight() -> None:
    layer = LabelInput(nn.Linear(4 + 3, 2).double(), 3)
    z, weight, bias = normal(6, 4), layer.of_vectors.weight, layer.of_vectors.bias
    torch.testing.assert_close(layer(z, LABELS), z @ weight[:, :4].T + weight[:, 4:].T[LABELS] + bias)


class Planes(nn.Module):
    """A convolution of however many channels the joined examples have, summed."""

    def __init__(self, spec: DataSpec) -> None:
        super().__init__()
        self.convolution = Conv2d(spec.shape[0], 3, 4, 2, 1)

    def forward(self, joined: Tensor) -> Tensor:
        return self.convolution(joined).square().flatten(1).sum(1)


def by_planes(layer: LabelChannels, x: Tensor, vectors: Tensor) -> Tensor:
    planes = torch.stack([x.new_ones(x.shape[2:]) * vector.unsqueeze(-1).unsqueeze(-1) for vector in vectors])
    return layer.of_joined(torch.cat([x, planes], 1))


def test_labels_of_few_classes_are_one_hot_channels() -> None:
    layer = started(LabelChannels(Planes, DataSpec.real((2, 8, 8)), 3, most=3)).double()
    x = normal(6, 2, 8, 8)
    assert [name for name, _ in layer.named_parameters()] == [
        f"of_joined.convolution.{part}" for part in ("weight", "bias")
    ]
    torch.testing.assert_close(layer(x, LABELS), by_planes(layer, x, F.one_hot(LABELS, 3).double()))


def test_labels_of_many_classes_are_embedded_in_few_channels() -> None:
    layer = started(LabelChannels(Planes, DataSpec.real((2, 8, 8)), 500, most=32)).double()
    assert layer.of_joined.convolution.in_channels == 2 + 32
    x, labels = normal(6, 2, 8, 8), torch.tensor([2, 0, 499, 0, 2, 7])
    rows = layer.embedding.weight.T
    assert rows.shape == (500, 32)
    assert abs(rows.norm(dim=1).mean() - 1) < 0.02, "as long as one-hot vectors"
    found = layer(x, labels)
    torch.testing.assert_close(found, by_planes(layer, x, rows[labels]))
    found.sum().backward()
    learnt = layer.embedding.weight.grad.abs().sum(0) > 0
    assert learnt.nonzero().flatten().tolist() == [0, 2, 7, 499]


# Minibatch deviation


def deviations(x: Tensor, group: int, features: int) -> Tensor:
    """The appended channels [n, features], example by example."""
    count, channels = len(x), x.shape[1] // features
    filled = torch.cat([x, x[: -count % group]])
    groups, found = len(filled) // group, torch.zeros(count, features, dtype=x.dtype)
    for example in range(count):
        members = filled[example % groups :: groups]
        spread = (members.std(0, correction=0).square() + 1e-8).sqrt()
        found[example] = spread.unflatten(0, (features, channels)).mean((1, 2, 3))
    return found


@pytest.mark.parametrize("count", [8, 6, 4, 3, 1])
@pytest.mark.parametrize("features", [1, 2])
def test_minibatch_deviation_is_the_mean_deviation_of_the_group(count: int, features: int) -> None:
    x = normal(count, 4, 3, 2)
    layer = MinibatchDeviation(4, features)
    found = layer(x)
    assert torch.equal(found[:, :4], x)
    expected = deviations(x, min(4, count), features)
    torch.testing.assert_close(found[:, 4:], expected[:, :, None, None].expand(-1, -1, 3, 2))


def test_minibatch_deviation_of_equal_examples_is_next_to_zero_with_a_finite_gradient() -> None:
    x = normal(1, 4, 3, 2).expand(8, -1, -1, -1).clone().requires_grad_()
    found = MinibatchDeviation()(x)
    assert found[:, 4:].max().item() == pytest.approx(1e-4)
    found.sum().backward()
    assert x.grad.isfinite().all()


# Equalized learning rate and pixel norm


@pytest.mark.parametrize(
    ("layer", "fan_in"), [(lambda: Linear(300, 200), 300), (lambda: Conv2d(40, 30, 3), 9 * 40)]
)
def test_equalized_weights_start_with_variance_two_over_fan_in(
    layer: Callable[[], nn.Module], fan_in: int
) -> None:
    module = started(equalized(nn.Sequential(layer())))[0]
    stored, weight = module.parametrizations.weight.original.detach(), module.weight.detach()
    sampling = 4.5 * math.sqrt(2 / stored.numel())
    assert stored.var().item() == pytest.approx(1, abs=sampling)
    assert weight.var().item() == pytest.approx(2 / fan_in, rel=sampling)
    assert not module.bias.any()


def test_equalized_layers_move_by_the_same_share_of_their_spread() -> None:
    """A step of sign descent moves a stored weight by the rate, the weight by rate times its spread."""
    for size in (4, 400):
        layer = started(equalized(Linear(size, 3)))
        before = layer.weight.detach().clone()
        layer(torch.ones(2, size)).sum().backward()
        stored = layer.parametrizations.weight.original
        stored.data -= 0.01 * stored.grad.sign()
        step = before - layer.weight.detach()
        torch.testing.assert_close(step, torch.full((3, size), 0.01 * math.sqrt(2 / size)))


def test_equalized_equals_a_scaled_layer() -> None:
    layer = equalized(Conv2d(3, 4, 3, padding=1).double(), gain=1.0)
    x, stored = normal(2, 3, 5, 5), layer.parametrizations.weight.original
    torch.testing.assert_close(layer(x), F.conv2d(x, stored / math.sqrt(27), layer.bias, padding=1))


def test_pixel_norm_gives_unit_mean_squares() -> None:
    x = 7 * normal(3, 5, 4, 4)
    found = PixelNorm()(x)
    torch.testing.assert_close(found.square().mean(1), torch.ones(3, 4, 4).double(), rtol=1e-6, atol=0)
    torch.testing.assert_close(found, x / x.square().mean(1, keepdim=True).sqrt())
    assert torch.equal(PixelNorm()(torch.zeros(2, 3)), torch.zeros(2, 3))


# Attention


def test_attention_starts_as_the_identity_and_is_torchs() -> None:
    layer, x = started(SelfAttention(16)).double(), normal(2, 16, 6, 6)
    assert torch.equal(layer(x), x)
    layer.gamma.data.fill_(0.7)
    pooled = [F.max_pool2d(part(x), 2).flatten(2).mT for part in (layer.key, layer.value)]
    attended = F.scaled_dot_product_attention(layer.query(x).flatten(2).mT, *pooled, scale=1.0)
    expected = x + 0.7 * layer.output(attended.mT.reshape(2, 8, 6, 6))
    torch.testing.assert_close(layer(x), expected)


# Over seeds


PROJECTION = normal(4, 5)
LAYERS: dict[str, tuple[Callable[[], nn.Module], Callable[[Tensor], tuple[Tensor, ...]]]] = {
    "minibatch deviation": (lambda: nn.Sequential(MinibatchDeviation(), Conv2d(5, 2, 1)), lambda _x: ()),
    "equalized": (lambda: equalized(nn.Sequential(Conv2d(4, 3, 3), PixelNorm())), lambda _x: ()),
    "class-conditional": (
        lambda: class_conditional("batch", 4, 3),
        lambda x: (label_vectors(LABELS, 3, x),),
    ),
    "self-modulated": (lambda: self_modulated("group", 4, 5), lambda x: (x.mean((2, 3)) @ PROJECTION,)),
    "attention": (lambda: SelfAttention(4), lambda _x: ()),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_maps_over_seeds_with_two_derivatives(name: str) -> None:
    make, condition = LAYERS[name]
    module, x = make(), normal(2, 6, 4, 4, 4)
    trained, buffers = template_state(module)
    params = {key: normal(2, *value.shape, seed=i) for i, (key, value) in enumerate(trained.items())}
    held = {key: value.double().expand(2, *value.shape).clone() for key, value in buffers.items()}

    def loss(params: dict[str, Tensor], held: dict[str, Tensor], x: Tensor) -> Tensor:
        networks = Networks({"player": module}, {"player": params}, {"player": held})
        given = condition(x)
        slope = torch.func.grad(lambda inputs: networks.player(inputs, *given).square().sum())(x)
        return slope.square().sum() + networks.player(x, *given).sum()

    gradient = torch.func.grad(loss)
    with Vectorizable():
        at_once = torch.func.vmap(gradient)(params, held, x)
    for seed in range(2):
        own = ({key: value[seed] for key, value in tree.items()} for tree in (params, held))
        for key, value in gradient(*own, x[seed]).items():
            torch.testing.assert_close(
                at_once[key][seed], value, rtol=1e-9, atol=1e-9 * float(value.abs().max())
            )
            assert value.any(), key
