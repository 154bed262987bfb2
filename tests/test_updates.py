"""Update rules against exact recurrences: a bilinear game, a quadratic one, and a loop in plain autograd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from engine_cohorts import (
    BATCH,
    LATENT,
    SMALL,
    Recorder,
    cohort,
    deviation,
    finish,
    numbers,
    register_for_test,
)
from plain_loops import nsgan_d, vector_pair
from torch import Tensor, nn
from torch.nn.functional import softplus

from ganbench import registry
from ganbench.errors import GanbenchError
from ganbench.game import Batch, Game, Loss, Networks
from ganbench.optimizers import SGD, Adam, RMSProp
from ganbench.updates import Turns, update_rule
from ganbench.variants import Variant

STEP, ROUNDS, SIZE = 0.1, 12, 3
MATRIX = torch.tensor([[1.0, 0.3, -0.2], [0.0, 0.7, 0.5], [0.4, -0.1, 1.2]], dtype=torch.float64)
IDENTITY = torch.eye(SIZE, dtype=torch.float64)


class Point(nn.Module):
    """A player that is a vector."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.empty(SIZE))

    def initialize(self, generator: torch.Generator) -> None:
        with torch.no_grad():
            self.value.normal_(generator=generator)

    def forward(self) -> Tensor:
        return self.value


def play(monkeypatch: pytest.MonkeyPatch, payoff: Callable[[Any], Tensor], update: Any, **more: Any) -> Any:
    """A cohort of a zero-sum game: the generator descends the payoff, the discriminator ascends it."""
    rule = update_rule(update, Turns(**more))
    losses: dict[str, Loss] = {
        "generator": lambda networks, _: payoff(networks),
        "discriminator": lambda networks, _: -payoff(networks),
    }

    def build(_spec: Any) -> Game:
        return Game({player: Point() for player in losses}, losses)

    register_for_test(
        monkeypatch, "points", lambda: Variant(build, rule, dict.fromkeys(losses, SGD(STEP)), 1, 1)
    )
    return cohort("points", {}, seeds=(0, 1, 2), budget=("steps", 1000))


def bilinear(networks: Any) -> Tensor:
    return networks.generator() @ MATRIX @ networks.discriminator()


def position(made: Any) -> Tensor:
    """(x, y) of every seed, [S, 2·SIZE]."""
    params = made.state.params
    return torch.cat([params["generator"]["value"], params["discriminator"]["value"]], 1).clone()


ZERO = torch.zeros(SIZE, SIZE, dtype=torch.float64)
FIELD = torch.cat([torch.cat([ZERO, -MATRIX], 1), torch.cat([MATRIX.T, ZERO], 1)])
"""The bilinear field: (x, y) moves along FIELD·(x, y)."""
EYE = torch.eye(2 * SIZE, dtype=torch.float64)
H = STEP * FIELD
GENERATOR_MOVES = torch.cat([torch.cat([IDENTITY, -STEP * MATRIX], 1), torch.cat([ZERO, IDENTITY], 1)])
DISCRIMINATOR_MOVES = torch.cat([torch.cat([IDENTITY, ZERO], 1), torch.cat([STEP * MATRIX.T, IDENTITY], 1)])


@pytest.mark.parametrize(
    ("update", "more", "expected"),
    [
        ("simultaneous", {}, EYE + H),
        ("alternating", {}, GENERATOR_MOVES @ DISCRIMINATOR_MOVES),
        ("alternating", {"first": "generator", "n_critic": 3},
         torch.linalg.matrix_power(DISCRIMINATOR_MOVES, 3) @ GENERATOR_MOVES),
        ("extragradient", {}, EYE + H + H @ H),
        ({"consensus": {"weight": 0.7}}, {}, EYE + H - STEP * 0.7 * FIELD.T @ FIELD),
        ({"lookahead": {"steps": 4, "rate": 0.3, "of": "simultaneous"}}, {},
         0.7 * EYE + 0.3 * torch.linalg.matrix_power(EYE + H, 4)),
    ],
)  # fmt: skip
def test_every_rule_moves_a_bilinear_game_by_its_own_matrix(
    monkeypatch: pytest.MonkeyPatch, update: Any, more: dict[str, Any], expected: Tensor
) -> None:
    made = play(monkeypatch, bilinear, update, **more)
    for _ in range(ROUNDS):
        before = position(made)
        made.field.advance()
        torch.testing.assert_close(position(made), before @ expected.T, rtol=1e-13, atol=1e-14)
    assert (position(made) - before).abs().min() > 1e-4


def test_optimistic_steps_are_a_two_term_recurrence(monkeypatch: pytest.MonkeyPatch) -> None:
    """wₜ₊₁ = wₜ + 2hv(wₜ) − hv(wₜ₋₁), the first step plain; it converges where simultaneous steps diverge."""
    made = play(monkeypatch, bilinear, "optimistic")
    earlier = position(made)
    made.field.advance()
    now = position(made)
    torch.testing.assert_close(now, earlier @ (EYE + H).T, rtol=1e-13, atol=0)
    start = now.norm(dim=1)
    for _ in range(400):
        made.field.advance()
        expected = now + 2 * now @ H.T - earlier @ H.T
        earlier, now = now, position(made)
        torch.testing.assert_close(now, expected, rtol=1e-12, atol=1e-14)
    assert (now.norm(dim=1) < 0.4 * start).all()


@pytest.mark.parametrize("steps", [1, 4])
def test_unrolling_looks_through_the_discriminators_own_steps(
    monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Payoff x·y − ½y²: y after k ascents is x + (1−h)ᵏ(y−x), so dyₖ/dx = 1 − (1−h)ᵏ is exact."""
    made = play(
        monkeypatch,
        lambda networks: (
            networks.generator() @ networks.discriminator() - networks.discriminator().square().sum() / 2
        ),
        {"unrolled": {"steps": steps}},
    )
    for _ in range(ROUNDS):
        x, y = position(made).split(SIZE, 1)
        y = y + STEP * (x - y)
        left = (1 - STEP) ** steps
        ahead = x + left * (y - x)
        expected_x = x - STEP * (ahead + (x - ahead) * (1 - left))
        made.field.advance()
        torch.testing.assert_close(position(made), torch.cat([expected_x, y], 1), rtol=1e-12, atol=1e-14)


def test_unrolling_clips_as_the_discriminator_does() -> None:
    """With the clip at 1e-3 every critic ahead is on its bound or inside: by hand, step for step."""
    bound, rate = 1e-3, 1e-2
    options = {**SMALL, "clip": bound, "n_critic": 1, "optimizer": "sgd", "learning_rate": rate,
               "update": {"unrolled": {"steps": 2}}}  # fmt: skip
    made = cohort("wgan", options, seeds=(0,), budget=("steps", 2))
    made.field.advance()
    params = {p: {n: v[0] for n, v in t.items()} for p, t in made.state.params.items()}
    assert all(float(v.abs().max()) <= bound for v in params["discriminator"].values())
    batch = {n: v[0] for n, v in made.snapshot(0, False).batch().items()}
    networks, view = Networks(made.game.players, params, {p: {} for p in params}), Batch(batch)
    found = made.game.losses["generator"](networks, view)
    original = made.variant.build(made.dataset.info.spec)
    ahead = params["discriminator"]
    for _ in range(2):
        inner = {n: v.clone().requires_grad_() for n, v in ahead.items()}
        loss = original.losses["discriminator"](networks.with_parameters("discriminator", inner), view)
        slopes = torch.autograd.grad(loss, list(inner.values()))
        moved = [v.detach() - rate * g for v, g in zip(inner.values(), slopes, strict=True)]
        ahead = {n: v.clamp(-bound, bound) for n, v in zip(inner, moved, strict=True)}
    expected = original.losses["generator"](networks.with_parameters("discriminator", ahead), view)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=0)
    free = original.losses["generator"](
        networks.with_parameters("discriminator", {n: v * 2 for n, v in ahead.items()}), view
    )
    assert abs(float(free - expected)) > 1e-12


def unrolled_by_hand(made: Any, batches: Any, steps: int, rate: float) -> None:
    """Alternating training with Adam; G's loss after `steps` of D's own Adam, moments and all."""
    generator, discriminator = made
    g_adam = torch.optim.Adam(generator.parameters(), rate, (0.5, 0.999))
    d_adam = torch.optim.Adam(discriminator.parameters(), rate, (0.5, 0.999))
    for _ in range(ROUNDS):
        batch = next(batches)
        loss = nsgan_d(generator, discriminator, batch)
        d_adam.zero_grad()
        loss.backward()
        d_adam.step()
        batch = next(batches)
        fake = generator(batch["noise"])
        params = dict(discriminator.named_parameters())
        state = [d_adam.state[p] for p in discriminator.parameters()]
        mean, square = [s["exp_avg"].clone() for s in state], [s["exp_avg_sq"].clone() for s in state]
        for count in range(int(state[0]["step"]) + 1, int(state[0]["step"]) + 1 + steps):
            judge = lambda x, p=params: torch.func.functional_call(discriminator, p, x)  # noqa: E731
            inner = softplus(-judge(batch["real"])).mean() + softplus(judge(fake)).mean()
            gradient = torch.autograd.grad(inner, list(params.values()), create_graph=True)
            mean = [0.5 * m + 0.5 * g for m, g in zip(mean, gradient, strict=True)]
            square = [0.999 * v + 0.001 * g * g for v, g in zip(square, gradient, strict=True)]
            moves = [
                rate * (m / (1 - 0.5**count)) / (torch.sqrt(v / (1 - 0.999**count) + 1e-30) + 1e-8)
                for m, v in zip(mean, square, strict=True)
            ]
            params = {n: p - move for (n, p), move in zip(params.items(), moves, strict=True)}
        g_adam.zero_grad()
        softplus(-torch.func.functional_call(discriminator, params, fake)).mean().backward()
        g_adam.step()
        discriminator.zero_grad()


def test_unrolling_through_adam_agrees_with_plain_autograd() -> None:
    rate, steps = 1e-2, 3
    options = {**SMALL, "network": {"mlp": {"width": 8}}, "learning_rate": rate,
               "saturating": False, "update": {"unrolled": {"steps": steps}}}  # fmt: skip
    made = cohort("unrolled-gan", options, seeds=(3, 1), budget=("steps", ROUNDS))
    start, recorder = numbers(made), Recorder(made)
    finish(made)
    found = numbers(made)
    for place in range(2):
        generator, discriminator = vector_pair(LATENT, 8)
        for player, module in (("generator", generator), ("discriminator", discriminator)):
            module.double().load_state_dict(
                {n.split("/")[2]: v[place] for n, v in start.items() if n.split("/")[1] == player}
            )
        unrolled_by_hand((generator, discriminator), recorder.of_replica(place), steps, rate)
        for player, module in (("generator", generator), ("discriminator", discriminator)):
            ours = {n: v[place] for n, v in found.items() if n.split("/")[1] == player}
            theirs = {f"params/{player}/{n}": v.detach() for n, v in module.named_parameters()}
            assert deviation(ours, theirs) < 1e-10
    assert len(recorder.batches[0]["real"][0]) == BATCH


@pytest.mark.parametrize("optimizer", [SGD(0.1), SGD(0.1, 0.9), Adam(0.1, 0.5), RMSProp(0.1)])
def test_an_optimizers_function_is_its_step_in_place(optimizer: Any) -> None:
    source = torch.Generator().manual_seed(0)
    params = {"w": torch.randn(4, 3, generator=source, dtype=torch.float64)}
    optimizer_state = optimizer.initial(params)
    for _ in range(5):
        gradient = {"w": torch.randn(4, 3, generator=source, dtype=torch.float64)}
        moved, left = optimizer.functional_step(params, gradient, optimizer_state, optimizer.learning_rate)
        optimizer.step_(params, gradient, optimizer_state)
        torch.testing.assert_close(moved["w"], params["w"], rtol=1e-12, atol=1e-14)
        assert left["updates"] == optimizer_state["updates"]


def test_an_optimizers_function_can_be_differentiated_where_nothing_moves() -> None:
    params = {"w": torch.zeros(2, dtype=torch.float64)}
    gradient = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    adam = Adam(0.1)
    moved, _ = adam.functional_step(params, {"w": gradient}, adam.initial(params), 0.1)
    (back,) = torch.autograd.grad(moved["w"].sum(), gradient)
    assert back.isfinite().all()


@pytest.mark.parametrize("update", registry.names("update"))
def test_every_rule_trains_a_network_and_agrees_with_the_loop_over_seeds(update: str) -> None:
    options = {**SMALL, "update": update, "learning_rate": 1e-2}
    traced = finish(cohort("nsgan", options, mode="traced", budget=("steps", 10)))
    looped = finish(cohort("nsgan", options, mode="looped", budget=("steps", 10)))
    assert deviation(numbers(traced), numbers(looped)) < 1e-9
    assert traced.state.steps == traced.state.updates["discriminator"] == 10


def test_a_lookahead_may_be_of_an_unrolled_rule_with_several_critics() -> None:
    rule = update_rule({"lookahead": {"steps": 3, "of": {"unrolled": {"steps": 2}}}}, Turns(2))
    assert rule.updates == {"discriminator": 6, "generator": 3}
    assert rule.real_batches == {"discriminator": 6}
    assert rule.steps == 6
    assert rule.prepare is not update_rule("alternating").prepare


FOUR = Turns(2, generating=("g_ab", "g_ba"), judging=("d_a", "d_b"))


def four_players(rule: Any) -> Variant:
    """Two generators and two judges, each beside its own; the judges are shown data."""

    def judged(judge: str, generator: str) -> Loss:
        return lambda networks, batch: (
            getattr(networks, judge)() @ (getattr(networks, generator)() - batch.real.mean())
        )

    pairs = [("d_a", "g_ba"), ("d_b", "g_ab")]
    losses = {judge: judged(judge, generator) for judge, generator in pairs}
    losses |= {
        g: lambda networks, _, d=d, g=g: -getattr(networks, d)() @ getattr(networks, g)() for d, g in pairs
    }

    def build(_spec: Any) -> Game:
        return Game({player: Point() for player in FOUR.players}, losses)

    return Variant(build, rule, dict.fromkeys(FOUR.players, SGD(STEP)), 1, 4)


@pytest.mark.parametrize("name", registry.names("update"))
def test_groups_of_players_take_turns_and_are_counted(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A batch that two judges share is shown once."""
    in_turn = name in ("alternating", "unrolled", "lookahead")
    turns = FOUR if in_turn else replace(FOUR, n_critic=1)
    rule = update_rule(name, turns)
    register_for_test(monkeypatch, "four", lambda: four_players(rule))
    made = cohort("four", {}, mode="plain", budget=("images", 1000))
    before = made.checkpoint()["state"]["params"]
    made.field.advance()
    assert made.state.updates == dict(rule.updates)
    assert made.state.real_batches == sum(rule.real_batches.values())
    assert made.rounds == 1000 // (4 * made.state.real_batches)
    assert made.state.steps == rule.updates["d_a"] == rule.updates["d_b"] == made.state.real_batches
    for player, tree in made.state.params.items():
        assert (tree["value"] - before[player]["value"]).abs().min() > 0


def test_a_rule_that_forgets_a_player_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    register_for_test(monkeypatch, "four", lambda: four_players(update_rule("alternating")))
    with pytest.raises(
        GanbenchError, match="players are d_a, d_b, g_ab, g_ba, but the update rule moves disc"
    ):
        cohort("four", {})


def test_the_unrolled_gan_is_unrolled() -> None:
    with pytest.raises(GanbenchError, match=r"must be \{unrolled"):
        cohort("unrolled-gan", {**SMALL, "update": "alternating"})


@pytest.mark.parametrize(
    ("update", "more", "words"),
    [
        ("extragradiant", {}, "did you mean 'extragradient'"),
        ({"lookahead": {"step": 3}}, {}, "no option 'step'"),
        ({"consensus": {"weight": -1}}, {}, "greater than or equal to 0"),
        ({"consensus": {"weight": True}}, {}, "valid number"),
        ({"unrolled": {"steps": 0}}, {}, "greater than or equal to 1"),
        ({"unrolled": {"steps": 1.5}}, {}, "valid integer"),
        ({"lookahead": {"rate": 0}}, {}, "greater than 0"),
        ("consensus", {"n_critic": 2}, "n_critic cannot be 2"),
        ("optimistic", {"first": "generator"}, "leave `first` out"),
        ({"lookahead": {"of": "simultaneous"}}, {"n_critic": 2}, "simultaneous updates move all"),
        ({"lookahead": {"of": "extragradeint"}}, {"n_critic": 2}, "did you mean 'extragradient'"),
        ({"lookahead": {"of": 3}}, {}, "of = 3"),
        ({"a": None, "b": None}, {}, "a name or one"),
    ],
)
def test_a_wrong_rule_is_refused_in_words(update: Any, more: dict[str, Any], words: str) -> None:
    with pytest.raises(GanbenchError, match=words):
        update_rule(update, Turns(**more))
