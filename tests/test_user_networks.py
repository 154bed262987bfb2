"""Networks as users write them: each trains, repeats in every bit and vectorizes, or is refused by name."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from engine_cohorts import cohort, deviation, equal_bits, finish, numbers
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from ganbench import registry
from ganbench.errors import GanbenchError
from ganbench.game import DataSpec
from ganbench.networks import layers
from ganbench.networks.construction import constructed
from ganbench.training.trainer import Trainer

HIDDEN, LATENT = 6, 4
OPTIONS = {
    "network": "users-own",
    "latent_dim": LATENT,
    "batch_size": 4,
    "optimizer": "sgd",
    "learning_rate": 0.1,
}


@dataclass(frozen=True)
class Pair:
    """An architecture of a discriminator's hidden part, [n, 2] to [n, 6], and a plain generator."""

    hidden: Callable[[], nn.Module]
    generating: Callable[[], nn.Module] | None = None

    def generator(self, latent_dim: int, spec: DataSpec) -> nn.Module:
        made = nn.Sequential(
            nn.Linear(latent_dim, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, math.prod(spec.shape))
        )
        return made if self.generating is None else self.generating()

    def discriminator(self, spec: DataSpec) -> nn.Module:
        return nn.Sequential(self.hidden(), nn.Linear(HIDDEN, 1), nn.Flatten(0))


def use(monkeypatch: pytest.MonkeyPatch, pair: Any) -> None:
    entry = registry.Entry("network", "users-own", Path(__file__), lambda: pair)
    monkeypatch.setitem(registry._entries, ("network", "users-own"), entry)


def trained(variant: str = "nsgan", **how: Any) -> Trainer:
    return finish(cohort(variant, OPTIONS, budget=("steps", 3), **how))


def forward(function: Callable[[Any, Tensor], Tensor], make: Callable[[Any], Any] = lambda _: None) -> Any:
    """A layer [n, 2] → [n, 6] from what its constructor and its forward pass do."""

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(2, HIDDEN)
            make(self)

        def forward(self, x: Tensor) -> Tensor:
            return function(self, x)

    return Layer


def sequential(*makers: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(nn.Linear(2, HIDDEN), *(make() for make in makers))


class Gained(nn.Linear):
    """A linear layer with one more parameter."""

    def __init__(self, *sizes: int) -> None:
        super().__init__(*sizes)
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * self.gain


class Constant(nn.Linear):
    """A linear layer with an initialization of its own."""

    def initialize(self, _generator: torch.Generator) -> None:
        self.weight.data.fill_(0.5)
        self.bias.data.fill_(0.25)


class Attention(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.embed = nn.Linear(1, HIDDEN)
        self.attention = nn.MultiheadAttention(HIDDEN, 2, dropout=dropout, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embed(x.unsqueeze(2))
        return self.attention(tokens, tokens, tokens, need_weights=False)[0].mean(1)


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.RNNBase] = nn.GRU, **options: Any) -> None:
        super().__init__()
        self.recurrent = kind(1, HIDDEN, batch_first=True, **options)

    def forward(self, x: Tensor) -> Tensor:
        return self.recurrent(x.unsqueeze(2))[0][:, -1]


class Counting(nn.Module):
    """Writes into its buffers in place: a running scale and a count of passes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, HIDDEN)
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("passes", torch.zeros((), dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.scale.mul_(0.9).add_(0.1 * x.detach().abs().mean())
            self.passes += 1
        return self.linear(x) / self.scale


class Styled(nn.Module):
    """A generator with a mapping network and noise inputs of its own, in training and in evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.mapping = nn.Sequential(nn.Linear(LATENT, HIDDEN), nn.LeakyReLU(0.2), nn.Linear(HIDDEN, HIDDEN))
        self.start = nn.Parameter(torch.randn(HIDDEN))
        self.strength = nn.Parameter(torch.full((HIDDEN,), 0.5))
        self.out = nn.Linear(HIDDEN, 2)

    def forward(self, z: Tensor) -> Tensor:
        x = self.start * (1 + self.mapping(z))
        return self.out(x + self.strength * torch.randn(len(z), HIDDEN, dtype=z.dtype, device=z.device))


def legacy(norm: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return getattr(nn.utils, norm)(nn.Linear(2, HIDDEN))

    return make


def image(*makers: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """Layers for feature maps [n, 2, 3, 3]."""
    return lambda: nn.Sequential(
        nn.Linear(2, 18),
        nn.Unflatten(1, (2, 3, 3)),
        *(make() for make in makers),
        nn.Flatten(1),
        nn.LazyLinear(HIDDEN),
    )


def _tied(layer: Any) -> None:
    layer.one, layer.two = nn.Linear(HIDDEN, HIDDEN), nn.Linear(HIDDEN, HIDDEN)
    layer.two.weight = layer.one.weight


def _frozen(layer: Any) -> None:
    layer.linear.requires_grad_(False)
    layer.scale = nn.Parameter(torch.ones(HIDDEN))


def _zero(layer: Any) -> None:
    nn.init.zeros_(layer.linear.bias)
    nn.init.normal_(layer.linear.weight, 0, 0.5)


LINEAR = lambda self, x: self.linear(x)  # noqa: E731
TRAINED: dict[str, Callable[[], nn.Module]] = {
    "linear": sequential(nn.ReLU),
    "subclass with a parameter": lambda: Gained(2, HIDDEN),
    "subclass with initialize": lambda: Constant(2, HIDDEN),
    "prelu": sequential(nn.PReLU),
    "embedding": forward(
        lambda self, x: self.linear(x) + self.table((x[:, 0] > 0).long()),
        lambda self: setattr(self, "table", nn.Embedding(2, HIDDEN)),
    ),
    "own parameter": forward(
        lambda self, x: x @ self.weight,
        lambda self: setattr(self, "weight", nn.Parameter(torch.randn(2, HIDDEN))),
    ),
    "nn.init in the constructor": forward(LINEAR, _zero),
    "tied weights": forward(lambda self, x: self.two(self.one(self.linear(x)).relu()), _tied),
    "frozen layer": forward(lambda self, x: self.linear(x) * self.scale, _frozen),
    "layer norm": sequential(lambda: nn.LayerNorm(HIDDEN)),
    "group norm": image(lambda: nn.GroupNorm(1, 2)),
    "instance norm": image(lambda: nn.InstanceNorm2d(2, affine=True)),
    "running instance norm": image(lambda: nn.InstanceNorm2d(2, track_running_stats=True)),
    "batch norm": sequential(lambda: nn.BatchNorm1d(HIDDEN), nn.ReLU),
    "batch norm without parameters": sequential(lambda: nn.BatchNorm1d(HIDDEN, affine=False)),
    "batch norm of images": image(lambda: nn.BatchNorm2d(2)),
    "batch norm without statistics": sequential(lambda: nn.BatchNorm1d(HIDDEN, track_running_stats=False)),
    "weight norm": lambda: parametrizations.weight_norm(nn.Linear(2, HIDDEN)),
    "first weight norm": legacy("weight_norm"),
    "weight norm of our layer": lambda: parametrizations.weight_norm(layers.Linear(2, HIDDEN)),
    "orthogonal": lambda: parametrizations.orthogonal(nn.Linear(2, HIDDEN)),
    "spectral norm": lambda: parametrizations.spectral_norm(nn.Linear(2, HIDDEN), n_power_iterations=2),
    "first spectral norm": legacy("spectral_norm"),
    "lazy linear": lambda: nn.Sequential(nn.LazyLinear(5), nn.ReLU(), nn.LazyLinear(HIDDEN)),
    "lazy convolution": image(lambda: nn.LazyConv2d(3, 2), lambda: nn.LazyBatchNorm2d()),
    "plain tensor": forward(
        lambda self, x: self.linear(torch.sin(x * self.frequency)),
        lambda self: setattr(self, "frequency", torch.linspace(1, 2, 2)),
    ),
    "plain random tensor": forward(
        lambda self, x: self.linear(x) + self.shift, lambda self: setattr(self, "shift", torch.randn(HIDDEN))
    ),
    "tensors in a list": forward(
        lambda self, x: self.linear(x * self.scales[0] + self.scales[1]),
        lambda self: setattr(self, "scales", [torch.full((2,), 2.0), torch.ones(2)]),
    ),
    "tensors in a dictionary": forward(
        lambda self, x: self.linear(x @ self.tables["turn"]),
        lambda self: setattr(self, "tables", {"turn": torch.eye(2).flip(0)}),
    ),
    "numbers from a tensor": forward(
        lambda self, x: self.linear(x) * self.rates[0],
        lambda self: setattr(self, "rates", torch.linspace(0.1, 0.3, 3).tolist()),
    ),
    "half precision": forward(
        lambda self, x: self.linear(x.half()).to(x.dtype), lambda self: self.linear.half()
    ),
    "bfloat16": forward(
        lambda self, x: self.linear(x.bfloat16()).to(x.dtype), lambda self: self.linear.bfloat16()
    ),
    "buffers in place": Counting,
    "module list": lambda: nn.Sequential(*nn.ModuleList([nn.Linear(2, HIDDEN), nn.ReLU()])),
    "attention": lambda: Attention(0.0),
    "attention with dropout": lambda: Attention(0.5),
    "gru": Recurrent,
    "transformer": lambda: nn.Sequential(
        nn.Linear(2, HIDDEN),
        nn.Unflatten(1, (1, HIDDEN)),
        nn.TransformerEncoderLayer(HIDDEN, 2, 8, batch_first=True, dropout=0.2),
        nn.Flatten(1),
    ),
    "dropout": sequential(lambda: nn.Dropout(0.3)),
    "functional dropout": forward(lambda self, x: F.dropout(self.linear(x), 0.3, self.training)),
    "dropout of channels": image(lambda: nn.Dropout2d(0.5)),
    "alpha dropout": sequential(lambda: nn.AlphaDropout(0.3)),
    "our dropout": sequential(lambda: layers.Dropout(0.3)),
    "rrelu": sequential(nn.RReLU),
    "randn": forward(lambda self, x: self.linear(x + torch.randn(x.shape, dtype=x.dtype))),
    "rand_like": forward(lambda self, x: self.linear(x) * torch.rand_like(x[:, :1])),
    "in place": forward(lambda self, x: self.linear(x) + torch.empty_like(x[:, :1]).normal_(0, 0.1)),
    "memory made in forward": forward(
        lambda self, x: self.linear(x) + torch.empty(HIDDEN, dtype=x.dtype).uniform_(-1, 1)
    ),
    "bernoulli": forward(lambda self, x: self.linear(x) * torch.bernoulli(torch.full_like(x[:, :1], 0.5))),
    "gumbel": forward(lambda self, x: F.gumbel_softmax(self.linear(x))),
    "shuffled batch": forward(lambda self, x: self.linear(x) + self.linear(x[torch.randperm(len(x))])),
    "distribution": forward(
        lambda self, x: self.linear(x) + torch.distributions.Normal(torch.zeros_like(x[:, :1]), 1.0).rsample()
    ),
    "branch on a number": forward(lambda self, x: self.linear(x) * (2.0 if x.mean() > 0 else 1.0)),
    "named hooks": forward(
        LINEAR, lambda self: self.linear.register_forward_hook(lambda _m, _i, output: output.tanh()) and None
    ),
}


@pytest.mark.parametrize("name", TRAINED)
def test_an_ordinary_network_trains_repeats_and_vectorizes(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, Pair(TRAINED[name]))
    before = torch.get_rng_state()
    one, two = (numbers(trained(mode="plain")) for _ in range(2))
    vectorized = numbers(trained(vectorize="on"))
    assert torch.equal(torch.get_rng_state(), before), "it drew from the global generator"
    assert equal_bits(one, two)
    assert deviation(vectorized, one) < (1e-3 if name in ("half precision", "bfloat16") else 1e-10)


@pytest.mark.parametrize(
    "name", ["batch norm", "first spectral norm", "functional dropout", "attention with dropout"]
)
def test_what_torch_runs_one_by_one_is_vectorized(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, Pair(TRAINED[name]))
    traced, looped = (trained(mode=mode) for mode in ("traced", "looped"))
    assert deviation(numbers(traced), numbers(looped)) < 1e-10


def test_networks_of_a_style_draw_noise_in_training_and_in_evaluation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    use(monkeypatch, Pair(TRAINED["linear"], Styled))
    made, again = trained(mode="plain"), trained(mode="plain")
    assert equal_bits(numbers(made), numbers(again))
    samples = made.snapshot(1, True).samples(1100)
    assert torch.equal(samples, again.snapshot(1, True).samples(1100))
    assert torch.equal(samples[:, :600], made.snapshot(1, True).samples(600))
    noise = torch.zeros(2, 1100, LATENT, dtype=torch.float64)
    of_zero = made.snapshot(1, True).apply(lambda networks, z: networks.generator(z), noise)
    assert of_zero.std(1).min() > 0.01, "one input gives one image"
    assert not torch.allclose(of_zero[0], of_zero[1])


# What the author wrote is what is trained


def initial(pair: Any, monkeypatch: pytest.MonkeyPatch, seeds: tuple[int, ...] = (0, 1)) -> dict[str, Tensor]:
    use(monkeypatch, pair)
    return numbers(cohort("nsgan", OPTIONS, mode="plain", seeds=seeds))


PLACE = "params/discriminator/0"


def test_a_constructors_numbers_hold_and_come_from_the_seeds_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    found = initial(Pair(TRAINED["nn.init in the constructor"]), monkeypatch)
    weight, bias = found[f"{PLACE}.linear.weight"], found[f"{PLACE}.linear.bias"]
    assert torch.equal(bias, torch.zeros_like(bias))
    assert 0.2 < weight.std() < 0.9
    assert not torch.equal(weight[0], weight[1])
    alone = initial(Pair(TRAINED["nn.init in the constructor"]), monkeypatch, seeds=(1,))
    assert torch.equal(alone[f"{PLACE}.linear.weight"][0], weight[1])


def test_what_is_drawn_but_once_at_the_first_construction_is_not_the_constructors() -> None:
    """Importing scikit-learn draws from Python's generator, and data are read when a build asks for them."""
    builds: list[float] = []

    def importing() -> float:
        if not builds:
            random.random()
        builds.append(float(torch.randn(())))
        return builds[-1]

    made = constructed(importing, torch.Generator().manual_seed(5))
    assert builds == [made, made]
    assert made == float(torch.randn((), generator=torch.Generator().manual_seed(5)))
    with pytest.raises(GanbenchError, match="Python's random"):
        constructed(random.random, torch.Generator())


def test_a_subclass_keeps_its_own_parameter_and_its_own_initialization(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gain = initial(Pair(TRAINED["subclass with a parameter"]), monkeypatch)[f"{PLACE}.gain"]
    assert torch.equal(gain, torch.ones(2, 1, dtype=torch.float64))
    weight = initial(Pair(TRAINED["subclass with initialize"]), monkeypatch)[f"{PLACE}.weight"]
    assert torch.equal(weight, torch.full((2, HIDDEN, 2), 0.5, dtype=torch.float64))


def test_frozen_parameters_stay_and_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    before = initial(Pair(TRAINED["frozen layer"]), monkeypatch)
    made = trained(mode="plain")
    after = numbers(made)
    frozen = "buffers/discriminator/0.linear.weight"
    assert torch.equal(before[frozen], after[frozen])
    assert not torch.equal(before[f"{PLACE}.scale"], after[f"{PLACE}.scale"])
    assert made.snapshot(1, True).parameter_counts()["discriminator"] == HIDDEN + HIDDEN + 1


def test_tied_weights_are_one_parameter(monkeypatch: pytest.MonkeyPatch) -> None:
    found = initial(Pair(TRAINED["tied weights"]), monkeypatch)
    assert f"{PLACE}.one.weight" in found
    assert f"{PLACE}.two.weight" not in found


def test_a_plain_random_tensor_is_each_seeds_own_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    shift = initial(Pair(TRAINED["plain random tensor"]), monkeypatch)["buffers/discriminator/0.shift"]
    assert not torch.equal(shift[0], shift[1])


# What cannot be trained as written is refused by name


def _forgotten(layer: Any) -> None:
    layer.gain = nn.Parameter(torch.empty(3))


def _numpys(layer: Any) -> None:
    layer.linear.weight.data.copy_(torch.from_numpy(np.random.rand(HIDDEN, 2)))


def _shared(layer: Any) -> None:
    layer.linear = SHARED


SHARED = nn.Linear(2, HIDDEN)
REFUSED: dict[str, tuple[Any, str]] = {
    "uninitialized": (
        Pair(forward(LINEAR, _forgotten)),
        "discriminator's '0.gain' has numbers that nobody init",
    ),
    "numpy": (Pair(forward(LINEAR, _numpys)), "global generator of numpy"),
    "python": (Pair(forward(LINEAR, lambda self: setattr(self, "rate", random.random()))), "Python's random"),
    "modules in a list": (
        Pair(
            forward(
                lambda self, x: self.parts[0](x), lambda self: setattr(self, "parts", [nn.Linear(2, HIDDEN)])
            )
        ),
        r"discriminator's 0\.parts holds a Linear .* nn\.ModuleList",
    ),
    "parameters in a list": (
        Pair(forward(LINEAR, lambda self: setattr(self, "parts", [nn.Parameter(torch.ones(2))]))),
        r"nn\.ParameterList",
    ),
    "a view of a parameter": (
        Pair(forward(LINEAR, lambda self: setattr(self, "row", self.linear.weight[0]))),
        r"0\.row is a view of a parameter",
    ),
    "random tensors in a list": (
        Pair(forward(LINEAR, lambda self: setattr(self, "shifts", [torch.randn(2)]))),
        r"discriminator's 0\.shifts holds tensors that differ between seeds",
    ),
    "meta": (Pair(lambda: nn.Linear(2, HIDDEN, device="meta")), "meta device"),
    "unused lazy layer": (
        Pair(forward(LINEAR, lambda self: setattr(self, "extra", nn.LazyLinear(3)))),
        r"'0\.extra\.weight' is lazy",
    ),
    "poisson": (
        Pair(forward(lambda self, x: self.linear(x) + torch.poisson(x[:, :1].abs()))),
        r"poisson \(test_user_networks\.py:\d+\) would draw from torch's global generator",
    ),
    "recurrent dropout": (Pair(lambda: Recurrent(nn.LSTM, num_layers=2, dropout=0.5)), "would draw from"),
    "one parameter of two players": (
        Pair(forward(LINEAR, _shared), lambda: nn.Sequential(SHARED)),
        "one parameter",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_network_that_cannot_be_trained_as_written_is_refused(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, message = REFUSED[name]
    use(monkeypatch, pair)
    with pytest.raises(GanbenchError, match=message):
        cohort("nsgan", OPTIONS, mode="plain")


class Flat(nn.Module):
    """Logits in another shape than [n]."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)


@dataclass(frozen=True)
class Misshapen(Pair):
    """A pair whose discriminator gives [n, outputs]."""

    outputs: int = 1

    def discriminator(self, spec: DataSpec) -> nn.Module:
        return Flat(self.outputs)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (
            Misshapen(nn.Identity),
            r"discriminator \(Flat\) gives logits of shape \(4, 1\), where \(4,\) is wanted",
        ),
        (Misshapen(nn.Identity, outputs=5), r"\(4, 5\), where \(4,\) is wanted"),
        (
            Pair(TRAINED["linear"], lambda: nn.Linear(LATENT, 3)),
            r"generator \(Linear\) gives samples of shape \(4, 3\), where \(4, 2\) is wanted",
        ),
        (
            Pair(TRAINED["linear"], lambda: nn.Sequential(nn.Linear(LATENT, 1), nn.Flatten(0))),
            r"samples of shape \(4,\)",
        ),
    ],
)
def test_shapes_are_checked_before_training(pair: Any, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, pair)
    with pytest.raises(GanbenchError, match=message):
        cohort("nsgan", OPTIONS, mode="plain")
