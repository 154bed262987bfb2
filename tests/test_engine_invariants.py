"""What must hold of the engine whatever is trained: pairing, repeating, isolation, budgets, other games."""

from __future__ import annotations

import functools
import math
from typing import Any

import pytest
import torch
from engine_cohorts import (
    CPU,
    SMALL,
    Recorder,
    cohort,
    describe,
    deviation,
    equal_bits,
    finish,
    numbers,
    register_for_test,
)
from torch import Tensor, nn

from ganbench import registry, streams
from ganbench.errors import GanbenchError
from ganbench.game import Batch, DataSpec, Game, Networks, RandomInput
from ganbench.objectives import non_saturating
from ganbench.optimizers import SGD
from ganbench.streams import SeedStreams
from ganbench.training import gradients as gradients_module
from ganbench.training.batches import Reads, reads_of
from ganbench.training.budget import Clock, measuring_rounds, rounds_by_stage
from ganbench.training.description import Budget, Choice
from ganbench.training.gradients import Mode
from ganbench.training.snapshot import Snapshot
from ganbench.training.trainer import Trainer
from ganbench.updates import Turns, UpdateRule
from ganbench.updates.alternating import alternating
from ganbench.updates.simultaneous import simultaneous
from ganbench.variants import Variant, two_player

RICH = {
    **SMALL,
    "network": {"mlp": {"width": 8, "generator_norm": "batch", "dropout": 0.25}},
    "ema": 0.9,
    "learning_rate": 5e-3,
}
"""All kinds of state: batch norm, dropout keys, an average, Adam's moments."""
MEASURING = ("gradients", "discriminator", "modes", "cost")


@functools.cache
def trained(seeds: tuple[int, ...], mode: Mode = "traced") -> tuple[Any, Any, Recorder]:
    """First and last numbers of a cohort of these seeds, and all its batches."""
    made = cohort("nsgan", RICH, seeds=seeds, mode=mode)
    first, recorder = numbers(made), Recorder(made)
    return first, numbers(finish(made)), recorder


def of(numbers_: dict[str, Tensor], index: int) -> dict[str, Tensor]:
    return {name: value[index] for name, value in numbers_.items()}


# A seed and its companions


@pytest.mark.parametrize("others", [(7,), (2, 7, 0), (0, 7)])
def test_a_seed_draws_the_same_bits_in_any_company(others: tuple[int, ...]) -> None:
    seeds = (7, 0, 2)
    first, _, recorder = trained(seeds)
    other_first, _, other_recorder = trained(others, "traced" if others == (2, 7, 0) else "plain")
    for place, seed in enumerate(others):
        there = seeds.index(seed)
        assert equal_bits(of(first, there), of(other_first, place))
        for one, two in zip(recorder.of_replica(there), other_recorder.of_replica(place), strict=True):
            assert equal_bits(one, two)
    assert not equal_bits(of(first, 0), of(first, 1))
    assert not torch.equal(next(recorder.of_replica(0))["real"], next(recorder.of_replica(1))["real"])


@pytest.mark.parametrize("others", [(7,), (2, 7, 0), (0, 7)])
def test_a_seeds_training_agrees_to_rounding_in_any_company(others: tuple[int, ...]) -> None:
    seeds = (7, 0, 2)
    last = trained(seeds)[1]
    other_last = trained(others, "traced" if others == (2, 7, 0) else "plain")[1]
    for place, seed in enumerate(others):
        assert deviation(of(last, seeds.index(seed)), of(other_last, place)) < 1e-10


def test_draws_are_common_to_variants() -> None:
    """Common random numbers: the first batch of data and noise, and initial weights of the same network."""
    one, two = cohort("nsgan", SMALL, mode="plain"), cohort("lsgan", SMALL, mode="plain")
    assert equal_bits(numbers(one), numbers(two))
    assert equal_bits(one.field.draw("discriminator"), two.field.draw("discriminator"))


def test_streams_do_not_share_numbers() -> None:
    purposes = ["data", "noise", "initial/generator", "initial/discriminator", "measure/noise"]
    first = {(seed, p): SeedStreams([seed], p).normal((4,))[0] for seed in (0, 1) for p in purposes}
    values = torch.stack(list(first.values())).flatten()
    assert values.unique().numel() == values.numel()
    assert streams.stream_seed(0, "data") == 454179170045371426  # the same in every version


# Measuring


def records(made: Trainer, names: tuple[str, ...]) -> list[dict[str, Tensor]]:
    """Every measured value but timings at each point; training to the end."""
    built = [registry.get("diagnostic", name).factory(made.dataset) for name in names]
    rows = [{n: v for d in built for n, v in d.measure(snapshot).items()} for snapshot in made.train()]
    timings = ("training_seconds", "images_per_second", "peak_memory")
    return [{n: v for n, v in row.items() if n not in timings} for row in rows]


def test_measuring_changes_no_training_number_and_no_other_measurement() -> None:
    quiet = numbers(finish(cohort("nsgan", RICH, measure=(1.0,), mode="plain")))
    alone = cohort("nsgan", RICH, measure=(0.5, 1.0), mode="plain")
    of_one = records(alone, ("discriminator",))
    busy = cohort("nsgan", RICH, measure=(0.0, 0.2, 0.5, 0.9, 1.0), mode="plain")
    of_many = records(busy, MEASURING)
    assert equal_bits(quiet, numbers(alone))
    assert equal_bits(quiet, numbers(busy))
    for few, many in zip(of_one, (of_many[2], of_many[4]), strict=True):
        assert equal_bits(few, {name: many[name] for name in few})


@pytest.mark.parametrize("counts", [(100, 2500, 3001), (3001, 100)])
def test_who_asks_for_samples_first_changes_nothing(counts: tuple[int, ...]) -> None:
    options = {**SMALL, "latent_dim": 3}  # 300 numbers are no whole number of the generator's vectors
    made = cohort("nsgan", options, mode="plain")
    expected = snapshot_of(made).samples(4000)
    asked = snapshot_of(made)
    for count in counts:
        assert torch.equal(asked.samples(count), expected[:, :count])


def snapshot_of(made: Trainer) -> Snapshot:
    return made.snapshot(0, False)


def test_the_measuring_batch_is_the_same_at_every_moment() -> None:
    made = cohort("nsgan", SMALL, mode="plain")
    before = snapshot_of(made).field()
    made.field.advance()
    first = numbers(made)
    snapshot_of(made).field()
    assert equal_bits(first, numbers(made))
    made.restore(cohort("nsgan", SMALL, mode="plain").checkpoint())
    again = snapshot_of(made).field()
    for player, tree in before.items():
        assert equal_bits(dict(tree), dict(again[player]))


# Repeating


@pytest.mark.parametrize("budget", [("images", 163), ("steps", 20), ("flops", 5e5)])
def test_the_same_run_twice_is_bitwise_equal(budget: tuple[str, float]) -> None:
    one, two = (finish(cohort("nsgan", RICH, budget=budget, mode="plain")) for _ in range(2))
    assert one.state.rounds == two.state.rounds > 3
    assert equal_bits(numbers(one), numbers(two))


def test_the_traced_run_twice_is_bitwise_equal() -> None:
    assert equal_bits(numbers(finish(cohort("nsgan", RICH, seeds=(7, 0, 2)))), trained((7, 0, 2))[1])


def test_global_random_numbers_are_left_alone() -> None:
    before = torch.get_rng_state()
    with_all = cohort("dragan", {**RICH, "network": "mlp"}, mode="plain", budget=("steps", 2))
    finish(with_all)
    snapshot_of(with_all).samples(10)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(99)
    one = cohort("nsgan", RICH, mode="plain")
    torch.manual_seed(5)
    assert equal_bits(numbers(one), numbers(cohort("nsgan", RICH, mode="plain")))
    torch.set_rng_state(before)


@pytest.mark.parametrize("dataset", ["ring8", "digits"])
def test_a_checkpoint_goes_on_bitwise(dataset: str) -> None:
    """Also across the end of a block of data, and in another cohort object."""
    made = cohort("nsgan", RICH, dataset=dataset, mode="plain", budget=("steps", 12))
    made.batches._sampler.draw(1430 if dataset == "digits" else 8180)  # next to the end of a block
    for _ in range(4):
        made.field.advance()
    kept = made.checkpoint()
    for _ in range(4):
        made.field.advance()
    straight = numbers(made)
    kept_bits = {k: v.clone() for k, v in kept["state"]["params"]["generator"].items()}
    for other in (made, cohort("nsgan", RICH, dataset=dataset, mode="plain", budget=("steps", 12))):
        other.restore(kept)
        assert other.state.rounds == 4
        for _ in range(4):
            other.field.advance()
        assert equal_bits(numbers(other), straight)
        assert other.state.optimizer_state["generator"]["updates"] == 8
    assert equal_bits(kept_bits, kept["state"]["params"]["generator"]), "training wrote into a checkpoint"


# Budgets


@pytest.mark.parametrize(
    ("budget", "n_critic", "rounds"),
    [
        (("steps", 11), 1, 11),
        (("steps", 11), 3, 3),
        (("steps", 12), 3, 4),
        (("images", 8 * 3 * 4), 3, 4),
        (("images", 8 * 3 * 4 - 1), 3, 3),
        (("images", 87), 1, 10),
    ],
)
def test_a_round_that_would_exceed_the_budget_is_not_taken(
    budget: tuple[str, float], n_critic: int, rounds: int
) -> None:
    made = finish(cohort("nsgan", {**SMALL, "n_critic": n_critic}, mode="plain", budget=budget))
    assert made.state.rounds == made.rounds == rounds
    assert (
        made.state.steps
        == made.state.updates["discriminator"]
        == made.state.real_batches
        == rounds * n_critic
    )
    assert made.state.optimizer_state["discriminator"]["updates"] == rounds * n_critic
    assert made.state.optimizer_state["generator"]["updates"] == rounds
    assert made.share_spent == 1


def test_a_budget_below_one_round_is_refused() -> None:
    with pytest.raises(GanbenchError, match="less than one round"):
        cohort("nsgan", {**SMALL, "n_critic": 5}, budget=("steps", 4), vectorize="off")


def multiply_adds(latent: int, width: int, batch: int) -> int:
    """Of one round of a two-layer pair, forward and backward, both players; times two are the FLOPs."""
    g = [latent * width, width * width, width * 2]
    d = [2 * width, width * width, width]
    # A pass costs each layer once, its weight gradient once more, its input gradient once more.
    for_d = sum(g) + 2 * (2 * sum(d) + sum(d[1:]))
    for_g = sum(g) + sum(d) + sum(d) + (sum(g) + sum(g[1:]))
    return batch * (for_d + for_g)


@pytest.mark.parametrize(("seeds", "vectorize"), [((0, 1, 2), "on"), ((0, 1), "off"), ((1,), "off")])
def test_flops_are_counted_by_hand_and_do_not_depend_on_companions(
    seeds: tuple[int, ...], vectorize: str
) -> None:
    a_round = 2 * multiply_adds(4, 8, 8)
    made = cohort("nsgan", SMALL, seeds=seeds, budget=("flops", 4 * a_round - 1), vectorize=vectorize)
    assert made._flops_of_a_round(0) == a_round
    assert made.rounds == 3
    untouched = cohort("nsgan", SMALL, seeds=seeds, mode="plain")
    assert equal_bits(numbers(made), numbers(untouched)), "counting moved the state"
    assert equal_bits(made.field.draw("discriminator"), untouched.field.draw("discriminator"))


@pytest.mark.parametrize(
    ("variant", "dataset", "network"), [("sngan", "ring8", "mlp"), ("wgan-gp", "digits", "dcgan")]
)
def test_flops_do_not_depend_on_how_seeds_are_run(variant: str, dataset: str, network: str) -> None:
    options = {**SMALL, "network": {network: {"width": 4}}, "n_critic": 1}
    counted = {
        mode: cohort(variant, options, dataset=dataset, seeds=(0, 1), mode=mode)._flops_of_a_round(0)
        for mode in ("traced", "looped")
    }
    assert counted["traced"] == counted["looped"] > 0


def test_flops_of_a_lazy_penalty_are_its_mean_over_a_period() -> None:
    def flops(variant: str, **options: Any) -> float:
        return cohort(variant, {**SMALL, **options}, seeds=(0,), mode="plain")._flops_of_a_round(0)

    without, always = flops("nsgan"), flops("gan-r1", every=1)
    assert flops("gan-r1", every=4) == (3 * without + always) / 4
    assert always > without


@pytest.mark.parametrize("precision", ["float32", "medium", "bfloat16"])
def test_every_precision_keeps_its_state_in_float32(precision: str) -> None:
    options = {
        **SMALL,
        "network": {"mlp": {"width": 8, "generator_norm": "batch", "dropout": 0.1}},
        "ema": 0.9,
    }
    made = cohort("sngan", options, precision=precision, budget=("steps", 15), mode="plain")
    kept = {name: value.dtype for name, value in numbers(made).items()}
    assert set(kept.values()) == {torch.float32, torch.int64}
    assert {name: value.dtype for name, value in numbers(finish(made)).items()} == kept
    assert made.diverged() == [None, None]


def test_seconds_end_in_time_and_measuring_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(10**9))  # every look at the clock is a second later
    monkeypatch.setattr("ganbench.training.budget.time.perf_counter", lambda: float(next(now)))
    made = cohort("nsgan", SMALL, mode="plain", budget=("seconds", 30), measure=(0.0, 0.5, 1.0))
    moments = []
    for snapshot in made.train():
        moments.append(snapshot.moment)
        for _ in range(1000):
            next(now)
    assert [m.point for m in moments] == [0, 1, 2]
    assert [m.final for m in moments] == [False, False, True]
    assert moments[0].step == 0
    assert 0 < moments[1].step < moments[2].step
    mean = made.clock.seconds / made.state.rounds
    budget = 30 * len(made.description.seeds)  # a seed's, and they share the clock
    assert budget - 2 * mean <= made.clock.seconds <= budget + 2


def test_measuring_points() -> None:
    assert measuring_rounds([0.0, 0.1, 0.5, 1.0], [(1.0, 10)]) == [0, 1, 5, 10]
    assert measuring_rounds([0.0, 0.01, 0.02, 1.0], [(1.0, 10)]) == [0, 10]
    made = cohort(
        "wgan", {**SMALL, "n_critic": 3}, mode="plain", budget=("steps", 12), measure=(0.0, 0.5, 1.0)
    )
    moments = [snapshot.moment for snapshot in made.train()]
    assert [m.step for m in moments] == [0, 6, 12]
    assert [m.images for m in moments] == [0, 48, 96]
    assert [m.final for m in moments] == [False, False, True]
    assert 0 <= moments[0].seconds < moments[1].seconds < moments[2].seconds


def test_the_clock_and_the_rounds() -> None:
    clock = Clock(5.0)
    assert clock.seconds == 5
    clock.start()
    assert clock.seconds > 5
    clock.pause()
    assert clock.seconds == clock.seconds
    assert rounds_by_stage(Budget("steps", 10), [(1.0, 3)]) == [3]
    assert rounds_by_stage(Budget("flops", 1e18), [(1.0, 1e3)]) == [10**15]


# Divergence


@pytest.mark.parametrize(("planted", "mode"), [(math.nan, "traced"), (math.inf, "plain")])
def test_a_planted_nan_touches_no_other_seed(planted: float, mode: str) -> None:
    made = cohort("nsgan", RICH, seeds=(7, 0, 2), mode=mode)
    for _ in range(5):
        made.field.advance()
    kept = made.checkpoint()
    ends = []
    for plants, expected in ((False, None), (True, (5, "discriminator"))):
        made.restore(kept)
        if plants:
            made.state.params["discriminator"]["1.weight"][1] = planted
        for _ in range(5):
            made.field.advance()
        assert made.diverged() == [None, expected, None]
        ends.append(numbers(made))
    for index in (0, 2):
        assert equal_bits(of(ends[0], index), of(ends[1], index))
    assert not equal_bits(of(ends[0], 1), of(ends[1], 1))


class Bomb(nn.Module):
    """Lets numbers pass until one seed's has been passed `fuse` times in training; then NaN."""

    fuse, seed = 0, 1

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("left", torch.zeros((), dtype=torch.int64))

    def initialize(self, generator: torch.Generator) -> None:
        chosen = generator.initial_seed() == streams.stream_seed(self.seed, "initial/discriminator")
        self.left.fill_(self.fuse if chosen else 10**9)

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        self.left = self.left - 1
        return torch.where(self.left < 0, torch.nan, x)


@pytest.mark.parametrize(
    ("fuse", "first", "expected"),
    [
        # Passes of the discriminator in a round: two for each of three updates, then one for the generator.
        (0, "discriminator", (0, "discriminator")),
        (2, "discriminator", (1, "discriminator")),
        (5, "discriminator", (2, "discriminator")),
        (6, "discriminator", (3, "")),  # the generator's, and D's next one: both after three updates
        (7, "discriminator", (3, "discriminator")),
        (7 * 4 + 3, "discriminator", (13, "discriminator")),
        (0, "generator", (0, "")),
        (1, "generator", (0, "discriminator")),
        (7 + 1 + 4, "generator", (5, "discriminator")),
    ],
)
def test_a_loss_that_turns_nan_is_reported_with_its_step(
    monkeypatch: pytest.MonkeyPatch, fuse: int, first: str, expected: tuple[int, str]
) -> None:
    monkeypatch.setattr(Bomb, "fuse", fuse)

    def bombed(**options: Any) -> Variant:
        prepare = lambda network: nn.Sequential(network, Bomb())  # noqa: E731
        return two_player(non_saturating(), prepare_discriminator=prepare, **options)

    register_for_test(monkeypatch, "bombed", bombed)
    options = {**SMALL, "n_critic": 3, "first": first}
    steps = {"budget": ("steps", 18), "seeds": (0, 1), "mode": "plain"}
    sick = finish(cohort("bombed", options, **steps))
    (nothing, (step, player)) = sick.diverged()
    assert nothing is None
    assert (step, player if expected[1] else "") == expected
    monkeypatch.setattr(Bomb, "seed", 12345)
    healthy = finish(cohort("bombed", options, **steps))
    assert healthy.diverged() == [None, None]
    left, right = of(numbers(healthy), 0), of(numbers(sick), 0)
    assert equal_bits(left, right)


def test_a_cohort_without_survivors_stops_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {**SMALL, "optimizer": "sgd", "learning_rate": 1e200}
    made = cohort("lsgan", options, mode="plain", measure=(0.0, 0.5, 1.0), budget=("steps", 20))
    moments = [snapshot.moment for snapshot in made.train()]
    assert moments[-1].final
    assert moments[-1].step < 20
    assert all(at is not None and at[0] <= 3 for at in made.diverged())


# Other games


class Point(nn.Module):
    """A player that is one number, or a vector."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(shape))

    def initialize(self, generator: torch.Generator) -> None:
        self.value.normal_(generator=generator)

    def forward(self) -> Tensor:
        return self.value


def points_game(losses: dict[str, Any], rule: UpdateRule, rate: float, *shape: int) -> Variant:
    """Players that are points; no batch is read."""

    def build(_spec: DataSpec) -> Game:
        return Game({player: Point(*shape) for player in losses}, losses)

    return Variant(build, rule, {player: SGD(rate) for player in losses}, 1, 1)


BILINEAR = {
    "x": lambda networks, _: networks.x() * networks.y(),
    "y": lambda networks, _: -networks.x() * networks.y(),
}
STEP = 0.1


def positions(made: Trainer) -> Tensor:
    """All players' numbers [players, S, ...]."""
    return torch.stack([tree["value"] for tree in made.state.params.values()]).clone()


def one_after_the_other(*players: str) -> UpdateRule:
    def advance(field: Any) -> None:
        for player in players:
            field.step(player, field.gradient(player, field.draw(player)))

    return UpdateRule(advance, dict.fromkeys(players, 1), {players[0]: 1})


@pytest.mark.parametrize("mode", ["traced", "looped", "plain"])
def test_simultaneous_descent_spirals_out_of_the_bilinear_game(
    monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    register_for_test(
        monkeypatch,
        "bilinear",
        lambda: points_game(BILINEAR, simultaneous(Turns(judging=("x",), generating=("y",))), STEP),
    )
    made = cohort("bilinear", {}, mode=mode, seeds=(0, 1, 2))
    radius = positions(made).square().sum(0).sqrt()
    for _ in range(20):
        made.field.advance()
        grown = positions(made).square().sum(0).sqrt()
        torch.testing.assert_close(grown, radius * math.sqrt(1 + STEP**2), rtol=1e-14, atol=0)
        radius = grown
    assert made.diverged() == [None, None, None]
    norm = snapshot_of(made).field()["x"]["value"].abs()
    assert torch.equal(norm, made.state.params["y"]["value"].abs())


@pytest.mark.parametrize("mode", ["traced", "plain"])
def test_alternating_descent_conserves_a_quadratic_form(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    """x' = x − hy, y' = y + hx' keeps x² − hxy + y²."""
    register_for_test(
        monkeypatch, "bilinear", lambda: points_game(BILINEAR, one_after_the_other("x", "y"), STEP)
    )
    made = cohort("bilinear", {}, mode=mode, budget=("steps", 200))
    energies = []
    for _ in range(3):
        x, y = positions(made)
        energies.append(x * x - STEP * x * y + y * y)
        for _ in range(66):
            made.field.advance()
    for energy in energies[1:]:
        torch.testing.assert_close(energy, energies[0], rtol=1e-13, atol=0)
    assert (positions(made) - positions(cohort("bilinear", {}, mode=mode))).abs().min() > 1e-3


def test_three_players_in_a_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each follows the next: ℓᵢ = ½(xᵢ − xᵢ₊₁)²; the mean stays and a circulant matrix moves the rest."""
    names = ("a", "b", "c")

    def loss_of(one: str, other: str) -> Any:
        return lambda networks, _: (getattr(networks, one)() - getattr(networks, other)()).square().sum() / 2

    losses = {one: loss_of(one, other) for one, other in zip(names, (*names[1:], names[0]), strict=True)}
    rule = simultaneous(Turns(judging=names[:1], generating=names[1:]))
    register_for_test(monkeypatch, "ring", lambda: points_game(losses, rule, STEP, 3))
    made = cohort("ring", {}, budget=("steps", 15), mode="traced")
    at = positions(made)
    finish(made)
    for _ in range(15):
        at = at - STEP * (at - at.roll(-1, 0))
    torch.testing.assert_close(positions(made), at, rtol=1e-13, atol=1e-15)


class Shift(nn.Module):
    """G(z) = z + θ."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(2))

    def initialize(self, generator: torch.Generator) -> None:
        self.theta.normal_(generator=generator)

    def forward(self, z: Tensor) -> Tensor:
        return z + self.theta


class Tilt(nn.Module):
    """D(x) = ⟨ψ, x⟩."""

    def __init__(self) -> None:
        super().__init__()
        self.psi = nn.Parameter(torch.zeros(2))

    def initialize(self, generator: torch.Generator) -> None:
        self.psi.normal_(generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.psi


def test_a_gan_with_a_third_player_follows_its_recurrence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A linear WGAN whose mirror player m follows the generator; alternating, closed-form gradients."""

    def build(_spec: DataSpec) -> Game:
        players = {"generator": Shift(), "discriminator": Tilt(), "mirror": Point(2)}

        def d_loss(networks: Networks, batch: Batch) -> Tensor:
            fake = networks.discriminator(networks.generator(batch.noise))
            return batch.mean_noise(fake) - batch.mean_real(networks.discriminator(batch.real))

        def mirror_loss(networks: Networks, batch: Batch) -> Tensor:
            return (networks.generator(batch.noise).mean(0) - networks.mirror()).square().sum() / 2

        losses = {
            "generator": lambda networks, b: (
                -b.mean_noise(networks.discriminator(networks.generator(b.noise)))
            ),
            "discriminator": d_loss,
            "mirror": mirror_loss,
        }
        return Game(players, losses, {"noise": RandomInput((2,))})

    order = ("discriminator", "generator", "mirror")
    optimizers = {player: SGD(STEP) for player in order}
    register_for_test(
        monkeypatch, "third", lambda: Variant(build, one_after_the_other(*order), optimizers, 6, 6)
    )
    made = cohort("third", {}, budget=("steps", 10), mode="traced")
    theta, psi, m = (
        made.state.params[player][name].clone()
        for player, name in (("generator", "theta"), ("discriminator", "psi"), ("mirror", "value"))
    )
    recorder = Recorder(made)
    finish(made)
    batches = iter(recorder.batches)
    for _ in range(10):
        first = next(batches)
        psi = psi - STEP * ((first["noise"].mean(1) + theta) - first["real"].mean(1))
        generators = next(batches)
        assert set(generators) == {"noise"}, "what nobody reads is not drawn"
        theta = theta + STEP * psi
        m = m - STEP * (m - next(batches)["noise"].mean(1) - theta)
    found = made.state.params
    torch.testing.assert_close(found["discriminator"]["psi"], psi, rtol=1e-13, atol=1e-15)
    torch.testing.assert_close(found["generator"]["theta"], theta, rtol=1e-13, atol=1e-15)
    torch.testing.assert_close(found["mirror"]["value"], m, rtol=1e-13, atol=1e-15)


# How gradients are computed


def branching(**options: Any) -> Variant:
    """A variant whose loss asks for a tensor's value, which no vectorized program can."""
    variant = two_player(non_saturating(), **options)

    def build(spec: DataSpec) -> Game:
        game = variant.build(spec)
        own = game.losses["discriminator"]

        def loss(networks: Networks, batch: Batch) -> Tensor:
            value = own(networks, batch)
            return 2 * value if float(batch.real.detach()[0, 0]) > 0 else value

        return Game(game.players, {**game.losses, "discriminator": loss}, game.inputs)

    return Variant(**{**vars(variant), "build": build})


def test_a_loss_that_branches_falls_back_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    register_for_test(monkeypatch, "branching", branching)
    made = cohort("branching", SMALL, vectorize="on")
    assert made.execution["mode"] == "plain"
    assert "cannot be vectorized" in made.execution["reason"]
    assert made.program.gradient("generator").mode == "traced"
    assert finish(made).diverged() == [None, None]
    assert deviation(numbers(made), numbers(finish(cohort("branching", SMALL, vectorize="off")))) < 1e-12


def test_a_compiler_that_fails_leaves_the_traced_program(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError("no luck")

    monkeypatch.setattr(gradients_module.torch, "compile", fail)
    made = cohort("nsgan", SMALL, vectorize="on", compile="on")
    if "compiled" not in (made.execution["reason"] or ""):
        pytest.skip("no C++ compiler on this machine: compiling was not tried")
    assert made.execution["mode"] == "traced"
    assert "no luck" in made.execution["reason"]


def test_tracing_drops_operations_but_no_bits() -> None:
    traced, plain = cohort("rpgan-r1r2", SMALL, mode="looped"), cohort("rpgan-r1r2", SMALL, mode="plain")
    for _ in range(3):
        traced.field.advance()
        plain.field.advance()
    assert deviation(numbers(traced), numbers(plain)) < 1e-14


@pytest.mark.parametrize(("asked", "of_images", "of_vectors"), [("auto", False, True), ("on", True, True)])
def test_convolutions_are_looped_on_a_cpu_unless_asked(asked: str, of_images: bool, of_vectors: bool) -> None:
    """The choice alone; what it leads to is in the proofs."""
    kind = {"mode": "plain", "vectorize": asked}
    options = {**SMALL, "network": {"dcgan": {"width": 2}}}
    assert cohort("nsgan", options, dataset="digits", **kind).program._vectorized() is of_images
    assert cohort("nsgan", SMALL, **kind).program._vectorized() is of_vectors


def test_an_average_is_what_samples_come_from() -> None:
    made = finish(cohort("nsgan", {**SMALL, "ema": 0.9, "learning_rate": 0.05}, mode="plain"))
    averaged = snapshot_of(made).samples(64)
    made.state.params["generator"] = {
        name: value.clone() for name, value in made.state.averages["generator"].items()
    }
    made.state.averages = {}
    assert torch.equal(snapshot_of(made).samples(64), averaged)


def test_descriptions_are_plain_data() -> None:
    import json
    import pickle

    description = describe("wgan-gp", RICH, diagnostics=("modes", Choice("gradients", "g", {"points": 9})))
    assert pickle.loads(pickle.dumps(description)) == description
    json.dumps(description.as_json())


def test_impossible_rules_are_refused() -> None:
    with pytest.raises(GanbenchError, match="n_critic"):
        two_player(non_saturating(), update="simultaneous", n_critic=2)
    with pytest.raises(GanbenchError, match="first"):
        two_player(non_saturating(), update="simultaneous", first="generator")
    assert alternating(Turns(4)).steps == 4


# On a GPU: written for one, run where there is one

CUDA = torch.device("cuda")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.cuda
@needs_cuda
@pytest.mark.parametrize("variant", ["nsgan", "wgan-gp", "sngan"])
@pytest.mark.parametrize("dataset", ["ring8", "digits"])
def test_a_step_on_a_gpu_never_waits(variant: str, dataset: str) -> None:
    made = cohort(variant, SMALL, dataset=dataset, device=CUDA, precision="float32", vectorize="on")
    made.field.advance()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            made.field.advance()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert made.diverged() == [None, None]


@pytest.mark.cuda
@needs_cuda
def test_a_gpu_trains_from_the_same_weights_and_repeats() -> None:
    one, two = (cohort("nsgan", RICH, device=CUDA, precision="float32") for _ in range(2))
    on_cpu = cohort("nsgan", RICH, device=CPU, precision="float32")
    assert equal_bits({k: v.cpu() for k, v in numbers(one).items()}, numbers(on_cpu))
    assert equal_bits(numbers(finish(one)), numbers(finish(two)))
    assert all(value.device.type == "cuda" for value in numbers(one).values())


def test_a_loss_that_branches_on_a_number_reads_everything_and_still_trains() -> None:
    """Nothing can be told of such a loss without numbers; it runs seed by seed, untraced."""

    def branching(networks: Networks, batch: Batch) -> Tensor:
        return networks.generator(batch.noise).sum() * (batch["a"].sum().item() > 0)

    def smooth(networks: Networks, batch: Batch) -> Tensor:
        return networks.generator(batch.noise).sum() + batch.every(4, lambda: batch["b"].sum())

    module = nn.Linear(1, 1)
    params = {"generator": {name: value.detach() for name, value in module.named_parameters()}}
    batch = {name: torch.zeros(2, 1) for name in ("real", "noise", "a", "b")}
    game = Game({"generator": module}, {"generator": branching})
    assert reads_of(branching, game, params, {"generator": {}}, batch) == Reads(
        tuple(batch), (), ("generator",)
    )
    assert reads_of(smooth, game, params, {"generator": {}}, batch) == Reads(
        ("noise", "b"), (4,), ("generator",)
    )


def test_a_draw_cannot_take_the_data_sets_name() -> None:
    module = nn.Linear(1, 1, device="meta")
    with pytest.raises(GanbenchError, match="'real'"):
        Game(
            {"generator": module},
            {"generator": lambda networks, batch: batch.real.sum()},
            {"real": RandomInput((1,))},
        )


@pytest.mark.parametrize("first", ["discriminator", "generator"])
def test_every_variant_is_shown_the_same_examples_and_equally_many(first: str) -> None:
    """A generator whose loss reads real examples is shown those of its neighbouring update."""

    def shown(variant: str, player_reads_twice: bool) -> list[Tensor]:
        made = cohort(variant, {**SMALL, "n_critic": 2, "first": first})
        recorder = Recorder(made)
        finish(made)
        reals = [batch["real"] for batch in recorder.batches if "real" in batch]
        if not player_reads_twice:
            return reals
        repeated = 0 if first == "generator" else 1
        rounds = [reals[i : i + 3] for i in range(0, len(reals), 3)]
        assert all(equal_bits({"": r[repeated]}, {"": r[repeated + 1]}) for r in rounds)
        return [batch for r in rounds for batch in (r[0], r[2 if first == "generator" else 1])]

    once, twice = shown("nsgan", False), shown("rpgan-r1r2", True)
    assert len(once) == len(twice)
    assert all(torch.equal(one, other) for one, other in zip(once, twice, strict=True))
