"""torch's random functions under our keys and streams: their laws, and the same numbers in every way."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor, nn
from torch.func import grad, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from ganbench.counter_random import CounterRandom
from ganbench.errors import GanbenchError
from ganbench.random_calls import CounterDraws, GeneratorDraws, RefuseDraws

N = 20_000
KEY = 0x0123_4567_89AB_CDEF
ONES = torch.ones(N, dtype=torch.float64)


def key(value: int = KEY) -> Tensor:
    return torch.tensor(value)


def drawn(function: Callable[[], Tensor], value: int = KEY) -> Tensor:
    with CounterDraws(key(value)):
        return function()


CONTINUOUS: dict[str, tuple[Callable[[], Tensor], str, tuple[float, ...]]] = {
    "rand": (lambda: torch.rand(N), "uniform", ()),
    "rand of a size": (lambda: torch.rand(size=(N // 2, 2)), "uniform", ()),
    "rand_like": (lambda: torch.rand_like(ONES), "uniform", ()),
    "randn": (lambda: torch.randn((N,), dtype=torch.float64), "norm", ()),
    "randn_like": (lambda: torch.randn_like(ONES), "norm", ()),
    "normal": (lambda: torch.normal(3.0, 2.0, (N,)), "norm", (3, 2)),
    "normal of tensors": (lambda: torch.normal(3 * ONES, 2 * ONES), "norm", (3, 2)),
    "normal of a mean": (lambda: torch.normal(3 * ONES, 2.0), "norm", (3, 2)),
    "uniform_": (lambda: torch.empty(N).uniform_(-2, 3), "uniform", (-2, 5)),
    "uniform_ by name": (lambda: torch.empty(N).uniform_(**{"from": -2, "to": 3}), "uniform", (-2, 5)),
    "normal_": (lambda: ONES.clone().normal_(1, 0.5), "norm", (1, 0.5)),
    "normal_ by name": (lambda: ONES.clone().normal_(std=0.5), "norm", (0, 0.5)),
    "exponential_": (lambda: ONES.clone().exponential_(2.0), "expon", (0, 0.5)),
    "log_normal_": (lambda: ONES.clone().log_normal_(0.0, 0.5), "lognorm", (0.5,)),
    "cauchy_": (lambda: ONES.clone().cauchy_(1, 2), "cauchy", (1, 2)),
    "distribution": (lambda: torch.distributions.Laplace(0.0, 1.0).sample((N,)), "laplace", ()),
    "new_empty": (lambda: ONES.new_empty(N).normal_(), "norm", ()),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_continuous_draw_has_its_law(name: str) -> None:
    function, law, parameters = CONTINUOUS[name]
    values = drawn(function).flatten().double().numpy()
    assert len(values) == N
    assert stats.kstest(values, law, parameters).pvalue > 1e-4
    assert abs(stats.pearsonr(values[:-1].clip(-9, 9), values[1:].clip(-9, 9)).statistic) < 4.5 / math.sqrt(N)


DISCRETE: dict[str, tuple[Callable[[], Tensor], list[float]]] = {
    "randint": (lambda: torch.randint(4, (N,)), [0.25] * 4),
    "randint of bounds": (lambda: torch.randint(1, 3, (N,)), [0, 0.5, 0.5]),
    "randint by name": (lambda: torch.randint(low=1, high=3, size=(N,)), [0, 0.5, 0.5]),
    "randint_like": (lambda: torch.randint_like(ONES, 2, 4), [0, 0, 0.5, 0.5]),
    "random_": (lambda: ONES.clone().random_(3), [1 / 3] * 3),
    "bernoulli": (lambda: torch.bernoulli(0.3 * ONES), [0.7, 0.3]),
    "bernoulli of one chance": (lambda: ONES.bernoulli(0.3), [0.7, 0.3]),
    "bernoulli_": (lambda: torch.empty(N).bernoulli_(0.3), [0.7, 0.3]),
    "geometric_": (lambda: ONES.clone().geometric_(0.7).clamp(max=3), [0, 0.7, 0.21, 0.09]),
    "multinomial": (lambda: torch.multinomial(torch.tensor([1.0, 3.0, 4.0]), N, True), [1 / 8, 3 / 8, 1 / 2]),
    "multinomial without replacement": (
        lambda: torch.multinomial(torch.tensor([[1.0, 3.0, 4.0]]).expand(N, 3), 2)[:, 0],
        [1 / 8, 3 / 8, 1 / 2],
    ),
    "categorical": (
        lambda: torch.distributions.Categorical(torch.tensor([0.25, 0.75])).sample((N,)),
        [0.25, 0.75],
    ),
    "dropout": (lambda: F.dropout(ONES, 0.3) * 0.7, [0.3, 0.7]),
    "dropout in place": (lambda: F.dropout(ONES.clone(), 0.3, inplace=True) * 0.7, [0.3, 0.7]),
    "dropout of channels": (lambda: F.dropout2d(ONES.reshape(-1, 1, 1, 1), 0.3) * 0.7, [0.3, 0.7]),
    "gumbel": (
        lambda: F.gumbel_softmax(torch.tensor([[1.0, 3.0]]).log().expand(N, 2), hard=True)[:, 1],
        [0.25, 0.75],
    ),
}


@pytest.mark.parametrize("name", DISCRETE)
def test_a_discrete_draw_has_its_law(name: str) -> None:
    function, shares = DISCRETE[name]
    counts = torch.bincount(drawn(function).flatten().round().long(), minlength=len(shares)).numpy()
    expected = [N * share for share in shares]
    assert counts.sum() == N
    assert all(count == 0 for count, share in zip(counts, shares, strict=True) if share == 0)
    possible = [place for place, share in enumerate(shares) if share]
    assert stats.chisquare(counts[possible], [expected[place] for place in possible]).pvalue > 1e-4


def test_layers_keep_what_torchs_keep() -> None:
    x = torch.randn(N, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    dropped = drawn(lambda: F.alpha_dropout(x, 0.3, True))
    assert abs(dropped.mean()) < 0.04
    assert abs(dropped.var() - 1) < 0.05
    assert not torch.equal(dropped, x)
    slopes = drawn(lambda: F.rrelu(-ONES, 0.1, 0.5, True))
    assert stats.kstest(-slopes.numpy(), "uniform", (0.1, 0.4)).pvalue > 1e-4
    assert torch.equal(drawn(lambda: F.rrelu(x.abs(), training=True)), x.abs())
    maps = drawn(lambda: F.dropout2d(torch.ones(50, 8, 3, 3), 0.5)).flatten(2)
    assert bool((maps.amin(2) == maps.amax(2)).all()), "a channel is dropped as a whole"
    order = drawn(lambda: torch.randperm(100))
    assert torch.equal(order.sort().values, torch.arange(100))
    assert not torch.equal(order, torch.arange(100))


def test_attention_without_dropout_is_torchs_and_with_it_is_so_on_average() -> None:
    source = torch.Generator().manual_seed(5)
    q, k, v = (torch.randn(1, 2, 5, 4, generator=source, dtype=torch.float64) for _ in range(3))
    exact = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    many = (x.expand(4000, *x.shape[1:]) for x in (q, k, v))
    with CounterDraws(key()):
        assert torch.equal(F.scaled_dot_product_attention(q, k, v, is_causal=True), exact)
        mean = F.scaled_dot_product_attention(*many, dropout_p=0.4, is_causal=True).mean(0)
    torch.testing.assert_close(mean, exact[0], atol=0.12, rtol=0)
    assert not torch.equal(mean, exact[0])


def test_evaluation_draws_nothing() -> None:
    layers = nn.Sequential(nn.Dropout(0.5), nn.AlphaDropout(0.5), nn.RReLU(), nn.Dropout1d(0.5)).eval()
    x = torch.rand(4, 3, generator=torch.Generator().manual_seed(1))
    with CounterDraws(key()) as draws:
        assert torch.equal(layers(x), x)
        assert draws.draws == 0
        layers.train()(x)
        assert draws.draws == 4


def several(value: Tensor, x: Tensor) -> Tensor:
    """Draws of many kinds, in place and not, of a key [] and numbers [n]."""
    with CounterDraws(value):
        noise = torch.empty(len(x), dtype=x.dtype).normal_()
        return (
            F.dropout(x * noise, 0.5)
            + torch.rand_like(x)
            + torch.randn(3, dtype=x.dtype).sum()
            + F.rrelu(x, training=True)
        )


def test_a_draw_is_the_same_looped_vectorized_traced_and_differentiated() -> None:
    keys = torch.tensor([KEY, KEY + 1, 5])
    x = torch.linspace(-1, 1, 30, dtype=torch.float64).reshape(3, 10)
    looped = torch.stack([several(value, row) for value, row in zip(keys, x, strict=True)])
    assert torch.equal(looped, torch.stack([several(value, row) for value, row in zip(keys, x, strict=True)]))
    torch.testing.assert_close(vmap(several)(keys, x), looped, rtol=1e-13, atol=1e-14)
    traced = make_fx(vmap(several))(keys, x)
    torch.testing.assert_close(traced(keys, x), looped, rtol=1e-13, atol=1e-14)
    assert not torch.allclose(traced(keys + 7, x), looped), "the trace has the key's numbers in it"
    value, slope = vmap(lambda k, row: (several(k, row), grad(lambda r: several(k, r).sum())(row)))(keys, x)
    torch.testing.assert_close(value, looped, rtol=1e-13, atol=1e-14)
    assert slope.abs().min() >= 0
    assert slope.abs().max() > 0.1


def test_keys_and_calls_differ() -> None:
    one, other = drawn(lambda: torch.rand(N)), drawn(lambda: torch.rand(N), KEY + 1)
    with CounterDraws(key()):
        first, second = torch.rand(N), torch.rand(N)
    assert torch.equal(one, first)
    for different in (other, second):
        assert abs(torch.corrcoef(torch.stack([one, different]))[0, 1]) < 4.5 / math.sqrt(N)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_uniform_numbers_stay_below_one_in_every_type(dtype: torch.dtype) -> None:
    values = CounterRandom(key()).uniform((200_000,), dtype)
    assert values.dtype == dtype
    assert 0 <= values.min() < 0.01
    assert 0.99 < values.max() < 1
    assert CounterRandom(key()).exponential((200_000,), torch.float32).min() > 0


# The constructor


def stream(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_constructor_draws_from_the_generator_alone() -> None:
    def build() -> dict[str, Tensor]:
        layer = nn.utils.parametrizations.spectral_norm(nn.Linear(5, 3))
        more = nn.init.orthogonal_(nn.init.trunc_normal_(torch.empty(4, 4)))
        drawn = [torch.rand(3), torch.randn_like(more), torch.randint_like(more, 2, 9), torch.randperm(6)]
        drawn += [
            torch.bernoulli(torch.full((9,), 0.5)),
            torch.poisson(torch.ones(9)),
            F.dropout(torch.ones(9)),
        ]
        drawn += [
            torch.distributions.Gamma(2.0, 1.0).sample((3,)),
            torch.randint(3, (4,)),
            torch.normal(0.0, 1.0, (3,)),
        ]
        return {**layer.state_dict(), "more": more, **{str(n): value for n, value in enumerate(drawn)}}

    before = torch.get_rng_state()
    made = []
    for seed in (1, 1, 2):
        with GeneratorDraws(stream(seed)):
            made.append(build())
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, made[1][name]) for name, value in made[0].items())
    assert not torch.equal(made[0]["more"], made[2]["more"])
    assert made[0]["2"].min() >= 2


def test_a_generator_of_the_authors_own_is_used() -> None:
    with GeneratorDraws(stream()):
        found = torch.rand(4, generator=stream(8))
    assert torch.equal(found, torch.rand(4, generator=stream(8)))


def test_uninitialized_memory_is_nan() -> None:
    with GeneratorDraws(stream()):
        memory = [
            torch.empty(3),
            torch.Tensor(3),
            torch.ones(3).new_empty(3),
            torch.empty_like(torch.ones(3)),
        ]
        memory += [nn.Linear(2, 2, device="meta").to_empty(device="cpu").weight]
    assert all(bool(value.isnan().all()) for value in memory)


def test_what_still_draws_globally_is_refused_with_its_line() -> None:
    with RefuseDraws(), pytest.raises(GanbenchError, match=r"rand \(test_random_calls\.py:\d+\) would draw"):
        torch.rand(3)
    with RefuseDraws():
        q = torch.ones(1, 2, 3, 4)
        F.scaled_dot_product_attention(q, q, q)
        F.dropout(q, 0.5, training=False)
        nn.RReLU().eval()(q)
        with CounterDraws(key()):
            F.dropout(q, 0.5)
    with RefuseDraws(), pytest.raises(GanbenchError, match="would draw"):
        F.dropout(q, 0.5)
