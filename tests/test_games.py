"""Four games that the core must carry: each vectorized equals looped equals an ordinary PyTorch loop.

A conditional GAN; two domains with four players and image pools; a growing generator; a style-like generator
with noise inputs, a lazy penalty and an adaptive augmentation.  The loops use plain autograd and torch.optim;
they are handed initial weights and batches, and nothing else of ganbench.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from engine_cohorts import Recorder, cohort, deviation, equal_bits, finish, numbers, register_for_test
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, one_hot, softplus

from ganbench import registry
from ganbench.game import Batch, DataSpec, Game, MemoryInput, Networks, RandomInput, ScheduledInput
from ganbench.optimizers import Adam
from ganbench.training.gradients import Mode
from ganbench.training.trainer import Trainer
from ganbench.updates import Turns, update_rule
from ganbench.variants import Variant
from ganbench.variants.resolution import at_resolution, enlarged
from ganbench.variants.variant import Stage, StagedVariant

ROUNDS, RATE, BETAS, EMA = 20, 5e-3, (0.5, 0.99), 0.9
MODES: tuple[Mode, ...] = ("traced", "looped", "plain")
Modules = Mapping[str, nn.Module]
Views = Iterator[Mapping[str, Tensor]]


def variant_of(build: Callable[[DataSpec], Game], players: Turns, size: int, averaged: str | None) -> Variant:
    return Variant(
        build=build,
        update=update_rule("alternating", players),
        optimizers={player: Adam(RATE, *BETAS) for player in players.players},
        batch_size=size,
        reals_per_batch=size,
        averages={} if averaged is None else {averaged: EMA},
    )


def adam(module: nn.Module) -> torch.optim.Adam:
    return torch.optim.Adam(module.parameters(), lr=RATE, betas=BETAS)


def loaded(module: nn.Module, player: str, first: Mapping[str, Tensor], replica: int) -> nn.Module:
    """A copy of a module with a replica's initial weights."""
    made = copy.deepcopy(module).to_empty(device="cpu").double()
    for part, pairs in (("params", made.named_parameters()), ("buffers", made.named_buffers())):
        for name, value in pairs:
            value.data.copy_(first[f"{part}/{player}/{name}"][replica])
    return made


def average(kept: dict[str, Tensor], module: nn.Module) -> None:
    for name, value in module.named_parameters():
        kept[name] = EMA * kept[name] + (1 - EMA) * value.detach()


def step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def agrees(
    monkeypatch: pytest.MonkeyPatch,
    variant: Variant | StagedVariant,
    dataset: str,
    options: Mapping[str, Any],
    loop: Callable[[Trainer, Mapping[str, Tensor], Views, int], dict[str, Tensor]],
) -> None:
    """Every way to run the game, against the loop, replica by replica."""
    register_for_test(monkeypatch, "game", lambda: variant)
    choice = registry.get("dataset", dataset).factory
    monkeypatch.setitem(
        registry._entries,
        ("dataset", dataset),
        replace(registry.get("dataset", dataset), factory=lambda: choice(**options)),
    )
    last: dict[str, dict[str, Tensor]] = {}
    for mode in MODES:
        made = cohort("game", {}, dataset=dataset, seeds=(3, 1), mode=mode, budget=("steps", ROUNDS))
        first, recorder = numbers(made), Recorder(made)
        last[mode] = numbers(finish(made))
        assert made.state.rounds == ROUNDS
    assert deviation(last["traced"], last["plain"]) < 1e-10
    assert deviation(last["looped"], last["plain"]) < 1e-10
    for replica in range(2):
        expected = loop(made, first, recorder.of_replica(replica), replica)
        found = {name: last["plain"][name][replica] for name in expected}
        assert deviation(found, expected) < 1e-10
        assert all(name in expected for name in last["plain"] if not name.startswith("buffers"))
    moved = {name: value for name, value in last["plain"].items() if name.startswith("params")}
    assert all(not torch.equal(value, first[name]) for name, value in moved.items() if name in first)


# Labels


class Conditional(nn.Module):
    """A perceptron of a vector and a class."""

    def __init__(self, inputs: int, classes: int, outputs: int) -> None:
        super().__init__()
        self.classes = classes
        self.layers = nn.Sequential(nn.Linear(inputs + classes, 8), nn.Tanh(), nn.Linear(8, outputs))

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        return self.layers(torch.cat([x, one_hot(label, self.classes).to(x.dtype)], 1))


def conditional_game(spec: DataSpec) -> Game:
    classes, (dim,) = spec.fields["label"].classes, spec.shape

    def fake(networks: Networks, batch: Batch) -> Tensor:
        return networks.discriminator(
            networks.generator(batch.noise, batch["fake_label"]), batch["fake_label"]
        )

    def d_loss(networks: Networks, batch: Batch) -> Tensor:
        real = networks.discriminator(batch.real, batch["label"])
        slope = networks.input_gradient("discriminator", batch.real, batch["label"])
        return softplus(-real).mean() + softplus(fake(networks, batch)).mean() + slope.square().sum(1).mean()

    return Game(
        {"generator": Conditional(3, classes, dim), "discriminator": Conditional(dim, classes, 1)},
        {
            "generator": lambda networks, batch: softplus(-fake(networks, batch)).mean(),
            "discriminator": d_loss,
        },
        {"noise": RandomInput((3,)), "fake_label": RandomInput((), "categorical", spec.class_shares)},
        sample=lambda networks, batch: networks.generator(batch.noise, batch["label"]),
        logits=lambda networks, batch, x: networks.discriminator(x, batch["label"]).squeeze(1),
    )


def conditional_loop(
    made: Trainer, first: Mapping[str, Tensor], batches: Views, replica: int
) -> dict[str, Tensor]:
    g, d = (
        loaded(made.game.players[player], player, first, replica) for player in ("generator", "discriminator")
    )
    g_optimizer, d_optimizer = adam(g), adam(d)
    mean = {name: value.detach().clone() for name, value in g.named_parameters()}
    for _ in range(ROUNDS):
        b = next(batches)
        real = b["real"].clone().requires_grad_()
        logits = d(real, b["label"])
        (slope,) = torch.autograd.grad(logits.sum(), real, create_graph=True)
        fake = d(g(b["noise"], b["fake_label"]).detach(), b["fake_label"])
        step(
            d_optimizer,
            softplus(-logits).mean() + softplus(fake).mean() + slope.square().sum(1).mean(),
        )
        b = next(batches)
        step(g_optimizer, softplus(-d(g(b["noise"], b["fake_label"]), b["fake_label"])).mean())
        average(mean, g)
    return flat({"generator": g, "discriminator": d}, {"generator": mean})


def flat(modules: Modules, averages: Mapping[str, Mapping[str, Tensor]] | None = None) -> dict[str, Tensor]:
    found = {
        f"params/{player}/{name}": value.detach()
        for player, module in modules.items()
        for name, value in module.named_parameters()
    }
    for player, tree in (averages or {}).items():
        found |= {f"averages/{player}/{name}": value for name, value in tree.items()}
    return found


def test_a_conditional_game(monkeypatch: pytest.MonkeyPatch) -> None:
    variant = variant_of(conditional_game, Turns(), 6, "generator")
    agrees(monkeypatch, variant, "ring8", {"sigma": 0.1}, conditional_loop)


def test_samples_of_a_conditional_game_have_the_data_class_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    register_for_test(monkeypatch, "game", lambda: variant_of(conditional_game, Turns(), 6, None))
    made = cohort("game", {}, dataset="ring8", seeds=(0, 1), mode="plain")
    snapshot = made.snapshot(0, False)
    labels = snapshot.sampled_fields(2048)["label"]
    assert labels.shape == (2, 2048)
    assert labels.dtype == torch.int64
    shares = torch.stack([(labels == c).double().mean(1) for c in range(8)], 1)
    assert (shares - 1 / 8).abs().max() < 4 * (1 / 8 * 7 / 8 / 2048) ** 0.5
    assert torch.equal(snapshot.samples(100), snapshot.samples(2048)[:, :100])
    real = snapshot.real_fields("heldout", 50)
    judged = snapshot.discriminator(real["real"], real)
    turned = snapshot.discriminator(real["real"], {**real, "label": (real["label"] + 1) % 8})
    assert judged.shape == (2, 50)
    assert not torch.equal(judged, turned)
    own = snapshot.discriminator(snapshot.samples(50), snapshot.sampled_fields(50))
    assert not torch.equal(own, snapshot.discriminator(snapshot.samples(50), real))


# Two domains, four players, image pools

POOL = 5


def pooled(batch: Batch, domain: str, fake: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """What the discriminator is shown of new images: half of them old ones; and the pool afterwards.

    Zhu et al. 2017, section 4, after Shrivastava et al. 2017: a pool that is not full takes every image.
    """
    pool, count = batch[f"pool_{domain}"], batch[f"count_{domain}"]
    places, shown = torch.arange(POOL, device=fake.device), []
    for image, place, swaps in zip(fake, batch[f"place_{domain}"], batch[f"swap_{domain}"], strict=True):
        filling = count < POOL
        slot = torch.where(filling, count, (place * POOL).floor())
        here = (places == slot).unsqueeze(1)
        old = (here * pool).sum(0)
        swapped = ~filling & (swaps > 0.5)
        shown.append(torch.where(swapped, old, image))
        pool = torch.where(here & (filling | swapped), image.detach(), pool)
        count = torch.where(filling, count + 1, count)
    return torch.stack(shown), {f"pool_{domain}": pool, f"count_{domain}": count}


def translation_game(spec: DataSpec) -> Game:
    (dim,) = spec.shape

    def perceptron(outputs: int) -> nn.Module:
        return nn.Sequential(nn.Linear(dim, 6), nn.Tanh(), nn.Linear(6, outputs))

    def judge(domain: str, source: str) -> Any:
        def loss(networks: Networks, batch: Batch) -> Any:
            d = getattr(networks, f"discriminator_{domain}")
            shown, memories = pooled(batch, domain, getattr(networks, f"generator_{domain}")(batch[source]))
            return ((d(batch[domain]) - 1).square().mean() + d(shown).square().mean()) / 2, memories

        return loss

    def generate(networks: Networks, batch: Batch) -> Tensor:
        a, b = batch["a"], batch["b"]
        to_a, to_b = networks.generator_a(b), networks.generator_b(a)
        fooled = (networks.discriminator_a(to_a) - 1).square().mean()
        fooled = fooled + (networks.discriminator_b(to_b) - 1).square().mean()
        there_and_back = (networks.generator_a(to_b) - a).abs().mean()
        return fooled + 10 * (there_and_back + (networks.generator_b(to_a) - b).abs().mean())

    players = {f"generator_{domain}": perceptron(dim) for domain in "ab"}
    players |= {f"discriminator_{domain}": perceptron(1) for domain in "ab"}
    memories = {f"pool_{domain}": MemoryInput(torch.zeros(POOL, dim)) for domain in "ab"}
    memories |= {f"count_{domain}": MemoryInput(torch.zeros(())) for domain in "ab"}
    draws = {f"{name}_{d}": RandomInput((), "uniform") for name in ("place", "swap") for d in "ab"}
    losses = {"generator_a": generate, "generator_b": generate}
    losses |= {"discriminator_a": judge("a", "b"), "discriminator_b": judge("b", "a")}
    return Game(
        players,
        losses,
        {**memories, **draws},
        sample=lambda networks, batch: networks.generator_b(batch["a"]),
        logits=lambda networks, _batch, x: networks.discriminator_b(x).squeeze(1),
    )


class ImagePool:
    """An ordinary list of images."""

    def __init__(self) -> None:
        self.images: list[Tensor] = []

    def query(self, images: Tensor, places: Tensor, swaps: Tensor) -> Tensor:
        shown = []
        for image, place, swap in zip(images, places.tolist(), swaps.tolist(), strict=True):
            if len(self.images) < POOL:
                self.images.append(image)
                shown.append(image)
            elif swap > 0.5:
                shown.append(self.images[int(place * POOL)])
                self.images[int(place * POOL)] = image
            else:
                shown.append(image)
        return torch.stack(shown)


def translation_loop(
    made: Trainer, first: Mapping[str, Tensor], batches: Views, replica: int
) -> dict[str, Tensor]:
    nets = {p: loaded(m, p, first, replica) for p, m in made.game.players.items()}
    optimizers = {player: adam(net) for player, net in nets.items()}
    pools = {"a": ImagePool(), "b": ImagePool()}
    g, d = ({x: nets[f"{kind}_{x}"] for x in "ab"} for kind in ("generator", "discriminator"))
    for _ in range(ROUNDS):
        x = next(batches)
        losses = {}
        for domain, source in (("a", "b"), ("b", "a")):
            fake = g[domain](x[source]).detach()
            shown = pools[domain].query(fake, x[f"place_{domain}"], x[f"swap_{domain}"])
            on_real = (d[domain](x[domain]) - 1).square().mean()
            losses[domain] = (on_real + d[domain](shown).square().mean()) / 2
        for domain in "ab":
            step(optimizers[f"discriminator_{domain}"], losses[domain])
        x = next(batches)
        a, b = x["a"], x["b"]
        to_a, to_b = g["a"](b), g["b"](a)
        loss = (d["a"](to_a) - 1).square().mean() + (d["b"](to_b) - 1).square().mean()
        loss = loss + 10 * ((g["a"](to_b) - a).abs().mean() + (g["b"](to_a) - b).abs().mean())
        for domain in "ab":
            optimizers[f"generator_{domain}"].zero_grad()
        loss.backward()
        for domain in "ab":
            optimizers[f"generator_{domain}"].step()
    return flat(nets)


TWO_DOMAINS = Turns(generating=("generator_a", "generator_b"), judging=("discriminator_a", "discriminator_b"))


def test_a_game_of_two_domains_with_image_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    variant = variant_of(translation_game, TWO_DOMAINS, 3, None)
    agrees(monkeypatch, variant, "pair", {"a": "ring8", "b": "grid25"}, translation_loop)


# Growth


class Growing(nn.Module):
    """A generator of images of 4 × 4, or of 8 × 8 whose new layer is faded in."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.base, self.to_small = nn.Linear(3, 4 * 16), nn.Conv2d(4, 1, 1)
        if side == 8:
            self.block, self.to_large = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 1, 1)

    def forward(self, z: Tensor, fade: Tensor | None = None) -> Tensor:
        hidden = torch.tanh(self.base(z)).unflatten(1, (4, 4, 4))
        small = self.to_small(hidden)
        if fade is None:
            return small
        large = self.to_large(torch.tanh(self.block(enlarged(hidden, 2))))
        return fade * large + (1 - fade) * enlarged(small, 2)


class Shrinking(nn.Module):
    """A discriminator of such images."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.of_small, self.judge = nn.Conv2d(1, 4, 1), nn.Linear(4 * 16, 1)
        if side == 8:
            self.of_large, self.block = nn.Conv2d(1, 4, 1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor, fade: Tensor | None = None) -> Tensor:
        if fade is None:
            hidden = torch.tanh(self.of_small(x))
        else:
            large = avg_pool2d(torch.tanh(self.block(torch.tanh(self.of_large(x)))), 2)
            hidden = fade * large + (1 - fade) * torch.tanh(self.of_small(avg_pool2d(x, 2)))
        return self.judge(hidden.flatten(1)).squeeze(1)


def growing_game(side: int) -> Callable[[DataSpec], Game]:
    def build(spec: DataSpec) -> Game:
        assert spec.shape == (1, side, side)

        def faded(batch: Batch) -> tuple[Tensor, ...]:
            return (batch["fade"],) if side == 8 else ()

        def generated(networks: Networks, batch: Batch) -> Tensor:
            return networks.generator(batch.noise, *faded(batch))

        def d_loss(networks: Networks, batch: Batch) -> Tensor:
            real = networks.discriminator(batch.real, *faded(batch))
            fake = networks.discriminator(generated(networks, batch), *faded(batch))
            return softplus(-real).mean() + softplus(fake).mean()

        def g_loss(networks: Networks, batch: Batch) -> Tensor:
            return softplus(-networks.discriminator(generated(networks, batch), *faded(batch))).mean()

        fade = {"fade": ScheduledInput(lambda at: min(2 * at.stage_share, 1.0))} if side == 8 else {}
        return Game(
            {"generator": Growing(side), "discriminator": Shrinking(side)},
            {"generator": g_loss, "discriminator": d_loss},
            {"noise": RandomInput((3,)), **fade},
            sample=generated,
            logits=lambda networks, batch, x: networks.discriminator(x, *faded(batch)),
        )

    return build


SMALL_ROUNDS = 8


def growing() -> StagedVariant:
    small = variant_of(at_resolution(growing_game(4), 4), Turns(), 4, "generator")
    large = variant_of(growing_game(8), Turns(), 4, "generator")
    return StagedVariant((Stage(small, SMALL_ROUNDS), Stage(large, ROUNDS - SMALL_ROUNDS)))


def growing_loop(
    made: Trainer, first: Mapping[str, Tensor], batches: Views, replica: int
) -> dict[str, Tensor]:
    """One pair of networks of the final size; the new layers wait, and are as young as they are."""
    final = made.initial_numbers_of_last_stage  # type: ignore[attr-defined]
    kinds: Modules = {"generator": Growing(8), "discriminator": Shrinking(8)}
    nets = {player: loaded(kind, player, {**final, **first}, replica) for player, kind in kinds.items()}
    g, d = nets["generator"], nets["discriminator"]
    g_optimizer, d_optimizer = adam(g), adam(d)
    mean = {name: value.detach().clone() for name, value in g.named_parameters()}
    for number in range(ROUNDS):
        stage_round = number - SMALL_ROUNDS
        fade = None
        if stage_round >= 0:
            fade = torch.tensor(min(2 * stage_round / (ROUNDS - SMALL_ROUNDS), 1.0), dtype=torch.float64)
        b = next(batches)
        real = b["real"] if fade is not None else avg_pool2d(b["real"], 2)
        on_fake = d(g(b["noise"], fade).detach(), fade)
        step(d_optimizer, softplus(-d(real, fade)).mean() + softplus(on_fake).mean())
        b = next(batches)
        step(g_optimizer, softplus(-d(g(b["noise"], fade), fade)).mean())
        average(mean, g)
        if fade is None:  # what is not there yet has no average yet
            mean |= {
                n: v.detach().clone() for n, v in g.named_parameters() if n.startswith(("block", "to_l"))
            }
    return flat(nets, {"generator": mean})


def test_a_growing_game(monkeypatch: pytest.MonkeyPatch) -> None:
    register_for_test(monkeypatch, "large", lambda: variant_of(growing_game(8), Turns(), 4, "generator"))
    final = numbers(cohort("large", {}, dataset="digits", seeds=(3, 1), mode="plain"))
    monkeypatch.setattr(Trainer, "initial_numbers_of_last_stage", final, raising=False)
    agrees(monkeypatch, growing(), "digits", {}, growing_loop)


# Style


class Style(nn.Module):
    """A mapping network whose style scales the layers, and noise that is added to them."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.mapping = nn.Sequential(nn.Linear(3, 6), nn.LeakyReLU(0.2), nn.Linear(6, 6))
        self.start = nn.Parameter(torch.ones(6))
        self.scale, self.strength = nn.Linear(6, 6), nn.Parameter(torch.full((6,), 0.1))
        self.out = nn.Linear(6, outputs)

    def forward(self, z: Tensor, noise: Tensor) -> Tensor:
        hidden = self.start * (1 + self.scale(self.mapping(z))) + self.strength * noise
        return self.out(torch.tanh(hidden))


PERIOD, WEIGHT, TARGET, SPEED = 4, 0.5, 0.6, 0.05


def style_game(spec: DataSpec) -> Game:
    (dim,) = spec.shape

    def generated(networks: Networks, batch: Batch) -> Tensor:
        return networks.generator(batch.noise, batch["layer_noise"])

    def augmented(batch: Batch, name: str, x: Tensor) -> Tensor:
        return torch.where((batch[f"{name}_chance"] < batch["strength"]).unsqueeze(1), x.flip(1), x)

    def d_loss(networks: Networks, batch: Batch) -> Any:
        real = networks.discriminator(augmented(batch, "real", batch.real))
        fake = networks.discriminator(augmented(batch, "fake", generated(networks, batch)))

        def penalty() -> Tensor:
            return WEIGHT * networks.input_gradient("discriminator", batch.real).square().sum(1).mean()

        loss = softplus(-real).mean() + softplus(fake).mean() + batch.every(PERIOD, penalty)
        strength = batch["strength"] + SPEED * torch.sign(torch.sign(real).mean() - TARGET)
        return loss, {"strength": strength.detach().clamp(0, 1)}

    def g_loss(networks: Networks, batch: Batch) -> Tensor:
        return softplus(-networks.discriminator(augmented(batch, "fake", generated(networks, batch)))).mean()

    chances = {f"{name}_chance": RandomInput((), "uniform") for name in ("real", "fake")}
    return Game(
        {
            "generator": Style(dim),
            "discriminator": nn.Sequential(
                nn.Linear(dim, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Flatten(0)
            ),
        },
        {"generator": g_loss, "discriminator": d_loss},
        {
            "noise": RandomInput((3,)),
            "layer_noise": RandomInput((6,)),
            "strength": MemoryInput(torch.tensor(0.3)),
            **chances,
        },
        sample=generated,
    )


def style_loop(made: Trainer, first: Mapping[str, Tensor], batches: Views, replica: int) -> dict[str, Tensor]:
    nets = {p: loaded(m, p, first, replica) for p, m in made.game.players.items()}
    g, d = nets["generator"], nets["discriminator"]
    g_optimizer, d_optimizer = adam(g), adam(d)
    mean = {name: value.detach().clone() for name, value in g.named_parameters()}
    strength = torch.tensor(0.3).double()  # as the memory is: 0.3 of a float32

    def augmented(chance: Tensor, x: Tensor) -> Tensor:
        return torch.where((chance < strength).unsqueeze(1), x.flip(1), x)

    for number in range(ROUNDS):
        b = next(batches)
        fake = g(b["noise"], b["layer_noise"]).detach()
        on_real = d(augmented(b["real_chance"], b["real"]))
        loss = softplus(-on_real).mean() + softplus(d(augmented(b["fake_chance"], fake))).mean()
        if number % PERIOD == 0:
            x = b["real"].clone().requires_grad_()
            (slope,) = torch.autograd.grad(d(x).sum(), x, create_graph=True)
            loss = loss + PERIOD * WEIGHT * slope.square().sum(1).mean()
        step(d_optimizer, loss)
        strength = (strength + SPEED * (on_real.detach().sign().mean() - TARGET).sign()).clamp(0, 1)
        b = next(batches)
        fake = g(b["noise"], b["layer_noise"])
        step(g_optimizer, softplus(-d(augmented(b["fake_chance"], fake))).mean())
        average(mean, g)
    return flat(nets, {"generator": mean})


def test_a_style_game(monkeypatch: pytest.MonkeyPatch) -> None:
    variant = variant_of(style_game, Turns(), 6, "generator")
    agrees(monkeypatch, variant, "ring8", {"sigma": 0.1}, style_loop)


def test_a_lazy_term_counts_whole_in_the_field_of_the_game(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean over a period of the gradients that training uses is the gradient that diagnostics see."""
    register_for_test(monkeypatch, "game", lambda: variant_of(style_game, Turns(), 6, None))
    made = cohort("game", {}, dataset="ring8", seeds=(0, 1), mode="plain")
    snapshot = made.snapshot(0, False)
    batch = {name: snapshot.batch()[name] for name in made.program.reads["discriminator"].names}
    inputs = (made.state.params, made.state.buffers, batch)
    due, rest = (
        made.program.gradient("discriminator", frozenset(k)).function(inputs).gradient for k in ({PERIOD}, ())
    )
    for name, value in snapshot.field()["discriminator"].items():
        mean = (due[name] + (PERIOD - 1) * rest[name]) / PERIOD
        torch.testing.assert_close(mean, value, rtol=1e-12, atol=1e-15)
        assert name.endswith("bias") or not torch.equal(due[name], rest[name])


# Stages


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Trainer]:
    register_for_test(monkeypatch, "game", growing)

    def made(**options: Any) -> Trainer:
        given = {"seeds": (0, 1), "mode": "plain", "budget": ("steps", ROUNDS), **options}
        return cohort("game", {}, dataset="digits", **given)

    return made


@pytest.mark.parametrize(
    ("budget", "rounds"), [(("steps", 20), [8, 12]), (("steps", 23), [9, 14]), (("images", 87), [8, 13])]
)
def test_stages_share_the_budget_exactly(
    stages: Callable[..., Trainer], budget: tuple[str, int], rounds: list[int]
) -> None:
    made = finish(stages(budget=budget))
    assert made.rounds_of_stages == rounds
    assert made.state.rounds == sum(rounds)
    assert made.state.stage_rounds == rounds[1]
    assert made.state.examples == 4 * sum(rounds) <= (budget[1] if budget[0] == "images" else 4 * budget[1])
    assert made.state.updates == {"generator": sum(rounds), "discriminator": sum(rounds)}


def test_measuring_points_lie_in_their_stages(stages: Callable[..., Trainer]) -> None:
    points = (0.0, 0.2, 0.4, 0.7, 1.0)
    made, moments, sides = stages(measure=points), [], []
    for snapshot in made.train():
        moments.append(snapshot.moment.step)
        sides.append(hasattr(snapshot.game.players["generator"], "block"))
        assert snapshot.samples(8).shape == (2, 8, 1, 8, 8)
        assert snapshot.discriminator(snapshot.real("heldout", 8)).shape == (2, 8)
    assert moments == [0, 4, 8, 14, 20]
    assert sides == [False, False, False, True, True]


@pytest.mark.parametrize("until", [0, 3, SMALL_ROUNDS, SMALL_ROUNDS + 1, 15, ROUNDS])
def test_a_checkpoint_in_any_stage_goes_on_bitwise(stages: Callable[..., Trainer], until: int) -> None:
    whole = finish(stages())
    first, second = stages(), stages()
    while first.state.rounds < until:
        first.advance()
    second.restore(first.checkpoint())
    assert equal_bits(numbers(finish(second)), numbers(whole))
    assert second.state.examples == whole.state.examples
