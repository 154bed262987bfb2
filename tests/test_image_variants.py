"""Conditional, autoencoding, regularized and augmented games against plain PyTorch loops and closed forms.

The loops use ordinary autograd and torch.optim, and networks written here from the initial numbers; they are
handed batches and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import torch
from engine_cohorts import BATCH, LATENT, SMALL, Recorder, cohort, deviation, finish, numbers
from test_discriminator_input import by_hand, first_replica
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot, relu, softplus

from ganbench import augmentations
from ganbench.augmentations import Augmentations
from ganbench.diagnostics.discriminator import discriminator
from ganbench.errors import GanbenchError
from ganbench.game import Batch, DataSpec
from ganbench.penalties import adaptive_probability, lecam_penalty

ROUNDS, RATE, BETAS = 20, 5e-3, (0.5, 0.999)
OPTIONS = {**SMALL, "learning_rate": RATE, "optimizer": {"adam": {"beta1": BETAS[0]}}}
Params = dict[str, Tensor]
Loop = Callable[[Params, Params, Mapping[str, Tensor], dict[str, Tensor]], Tensor]
"""(generator's parameters, discriminator's, batch, memories) → loss."""


def close(value: Any, expected: Any) -> None:
    torch.testing.assert_close(value, expected, rtol=1e-11, atol=1e-13)


def of_player(first: Mapping[str, Tensor], player: str, replica: int) -> Params:
    mark = f"params/{player}/"
    return {
        name.removeprefix(mark): value[replica].clone().requires_grad_()
        for name, value in first.items()
        if name.startswith(mark)
    }


def trained_by_hand(
    first: Mapping[str, Tensor],
    batches: Iterator[dict[str, Tensor]],
    replica: int,
    d_loss: Loop,
    g_loss: Loop,
) -> dict[str, Tensor]:
    """Alternating updates of plain tensors by torch's Adam."""
    g, d = of_player(first, "generator", replica), of_player(first, "discriminator", replica)
    g_adam, d_adam = (torch.optim.Adam(list(p.values()), lr=RATE, betas=BETAS) for p in (g, d))
    memories: dict[str, Tensor] = {}
    for _ in range(ROUNDS):
        for optimizer, loss in ((d_adam, d_loss), (g_adam, g_loss)):
            optimizer.zero_grad()
            loss(g, d, next(batches), memories).backward()
            optimizer.step()
    players = {"generator": g, "discriminator": d}
    return {
        f"params/{p}/{name}": value.detach() for p, tree in players.items() for name, value in tree.items()
    }


def agrees(variant: str, options: Mapping[str, Any], d_loss: Loop, g_loss: Loop) -> None:
    """Traced, looped and untraced training against the plain loop, replica by replica."""
    last = {}
    for mode in ("traced", "looped", "plain"):
        made = cohort(variant, {**OPTIONS, **options}, mode=mode, seeds=(3, 1), budget=("steps", ROUNDS))
        first, recorder = numbers(made), Recorder(made)
        last[mode] = numbers(finish(made))
    assert deviation(last["traced"], last["plain"]) < 1e-10
    assert deviation(last["looped"], last["plain"]) < 1e-10
    assert all(not torch.equal(value, first[name]) for name, value in last["plain"].items())
    for replica in range(2):
        expected = trained_by_hand(first, recorder.of_replica(replica), replica, d_loss, g_loss)
        assert deviation({n: value[replica] for n, value in last["plain"].items()}, expected) < 1e-10


def part(params: Params, prefix: str) -> Params:
    return {name: value for name, value in params.items() if name.startswith(prefix)}


def joined(x: Tensor, labels: Tensor) -> Tensor:
    return torch.cat([x, one_hot(labels, 8).double()], 1)


def bce(logits: Tensor, target: float) -> Tensor:
    return binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    return relu(1 - real).mean() + relu(1 + fake).mean()


# Classes


def generated(g: Params, b: Mapping[str, Tensor]) -> Tensor:
    return by_hand(g, joined(b["noise"], b["fake_label"]))


def test_cgan_is_the_plain_loop() -> None:
    def judged(d: Params, x: Tensor, labels: Tensor) -> Tensor:
        return by_hand(d, joined(x, labels)).squeeze(1)

    def d_loss(g: Params, d: Params, b: Mapping[str, Tensor], _m: Any) -> Tensor:
        fake = judged(d, generated(g, b).detach(), b["fake_label"])
        return bce(judged(d, b["real"], b["label"]), 1.0) + bce(fake, 0.0)

    def g_loss(g: Params, d: Params, b: Mapping[str, Tensor], _m: Any) -> Tensor:
        return bce(judged(d, generated(g, b), b["fake_label"]), 1.0)

    agrees("cgan", {}, d_loss, g_loss)


def test_cgan_of_a_thousand_classes_trains_alike_in_all_ways() -> None:
    options = {"network": {"mlp": {"width": 8}}, "latent_dim": 3, "batch_size": 5}
    last = [
        numbers(finish(cohort("cgan", options, dataset="stacked_digits", mode=mode, budget=("steps", 3))))
        for mode in ("traced", "looped", "plain")
    ]
    assert last[0]["params/discriminator/embedding.weight"].shape == (2, 32, 1000)
    assert deviation(last[0], last[2]) < 1e-10
    assert deviation(last[1], last[2]) < 1e-10


def projected(d: Params, x: Tensor, labels: Tensor) -> Tensor:
    """ψ(φ) + ⟨e_y, φ⟩ from the last layer's rows."""
    (*_, weight), (*_, bias) = ([v for n, v in d.items() if n.endswith(kind)] for kind in ("weight", "bias"))
    hidden = {name: value for name, value in d.items() if value is not weight and value is not bias}
    features = relu(by_hand(hidden, x))
    psi = features @ weight[0] + bias[0]
    return psi + (weight[1:][labels] * features).sum(1) + bias[1:][labels]


def test_projection_is_the_plain_loop() -> None:
    def d_loss(g: Params, d: Params, b: Mapping[str, Tensor], _m: Any) -> Tensor:
        fake = projected(d, generated(g, b).detach(), b["fake_label"])
        return hinge_d(projected(d, b["real"], b["label"]), fake)

    def g_loss(g: Params, d: Params, b: Mapping[str, Tensor], _m: Any) -> Tensor:
        return -projected(d, generated(g, b), b["fake_label"]).mean()

    options = {"spectral_norm": False, "n_critic": 1}
    agrees("projection", options, d_loss, g_loss)


def test_projection_normalizes_spectrally_by_default() -> None:
    made = finish(cohort("projection", {**SMALL, "n_critic": 1}, mode="plain"))
    assert any("parametrizations" in name for name in made.state.params["discriminator"])
    x = torch.randn(2, 64, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    batch = {"label": torch.zeros(2, 64, dtype=torch.int64)}
    slopes = made.snapshot(0, False).input_gradient(x, batch)
    assert slopes.norm(dim=-1).max() < 2.1  # ψ and one e_y of a matrix of norm 1, after layers of norm 1


def test_acgan_is_the_plain_loop() -> None:
    weight = 0.7

    def on(d: Params, x: Tensor, labels: Tensor, target: float) -> Tensor:
        outputs = by_hand(d, x)
        return bce(outputs[:, 0], target) + weight * cross_entropy(outputs[:, 1:], labels)

    def d_loss(g: Params, d: Params, b: Mapping[str, Tensor], _m: Any) -> Tensor:
        fake = on(d, generated(g, b).detach(), b["fake_label"], 0.0)
        return on(d, b["real"], b["label"], 1.0) + fake

    def g_loss(g: Params, d: Params, b: Mapping[str, Tensor], _m: Any) -> Tensor:
        return on(d, generated(g, b), b["fake_label"], 1.0)

    agrees("acgan", {"class_weight": weight}, d_loss, g_loss)


@pytest.mark.parametrize("name", ["cgan", "projection", "acgan"])
def test_conditional_variants_on_data_without_classes_are_one_clear_message(name: str) -> None:
    with pytest.raises(GanbenchError, match=r"no field 'label' of classes, but real; take .* ring8"):
        cohort(name, SMALL, dataset="swiss_roll")


@pytest.mark.parametrize("name", ["cgan", "projection", "acgan"])
def test_generators_are_told_the_label_of_the_sample(name: str) -> None:
    made = cohort(
        name, {"network": {"dcgan": {"width": 4}}, "batch_size": 4}, dataset="colour_digits", mode="plain"
    )
    snapshot = made.snapshot(0, False)
    fields = {**snapshot.sampling_inputs("noise").draw(6, torch.float64)}
    one, other = (
        snapshot.evaluate(made.game.sample, {**fields, "label": torch.full_like(fields["label"], k)})
        for k in (0, 1)
    )
    assert one.shape[2:] == made.dataset.info.spec.shape
    assert not torch.allclose(one, other)
    assert set(made.game.inputs) == {"noise", "fake_label"}


# Codes


def test_infogan_is_the_plain_loop() -> None:
    categories, codes = 3, 2
    options = {"categories": categories, "codes": codes, "category_weight": 0.6, "code_weight": 0.3}

    def fake(g: Params, b: Mapping[str, Tensor]) -> Tensor:
        category = one_hot(b["category"], categories).double()
        return by_hand(g, torch.cat([b["noise"], category, b["codes"]], 1))

    def information(outputs: Tensor, b: Mapping[str, Tensor]) -> Tensor:
        named = outputs[:, 1 : 1 + categories].log_softmax(1)[torch.arange(BATCH), b["category"]]
        density = torch.distributions.Normal(outputs[:, 1 + categories :], 1.0).log_prob(b["codes"]).sum(1)
        return (0.6 * named + 0.3 * density).mean()

    def d_loss(g: Params, d: Params, b: Mapping[str, Tensor], _m: Any) -> Tensor:
        outputs = by_hand(d, fake(g, b).detach())
        real = by_hand(d, b["real"])[:, 0]
        return bce(real, 1.0) + bce(outputs[:, 0], 0.0) - information(outputs, b)

    def g_loss(g: Params, d: Params, b: Mapping[str, Tensor], _m: Any) -> Tensor:
        outputs = by_hand(d, fake(g, b))
        return bce(outputs[:, 0], 1.0) - information(outputs, b)

    agrees("infogan", options, d_loss, g_loss)


# Autoencoders


def reconstructed(d: Params, x: Tensor) -> Tensor:
    return by_hand(part(d, "decoder"), by_hand(part(d, "encoder"), x))


def test_began_is_the_plain_loop() -> None:
    gamma, rate = 0.4, 0.2

    def error(d: Params, x: Tensor) -> Tensor:
        return (x - reconstructed(d, x)).abs().mean()

    def d_loss(g: Params, d: Params, b: Mapping[str, Tensor], m: dict[str, Tensor]) -> Tensor:
        k = m.get("k", torch.zeros(()))
        real, fake = error(d, b["real"]), error(d, by_hand(g, b["noise"]).detach())
        m["k"] = (k + rate * (gamma * real - fake).detach()).clamp(0, 1)
        return real - k * fake

    def g_loss(g: Params, d: Params, b: Mapping[str, Tensor], _m: Any) -> Tensor:
        return error(d, by_hand(g, b["noise"]))

    agrees("began", {"gamma": gamma, "balance_rate": rate, "code_dim": 3}, d_loss, g_loss)


def test_k_of_began_in_closed_form() -> None:
    gamma, rate = 0.75, 0.2
    made = cohort("began", {**SMALL, "gamma": gamma, "balance_rate": rate, "code_dim": 3}, mode="plain")
    networks, batch = first_replica(made)
    g, d = (networks.parameters(p) for p in ("generator", "discriminator"))
    x, fake = batch.real, by_hand(g, batch.noise)
    on_real, on_fake = ((y - reconstructed(d, y)).abs().mean() for y in (x, fake))
    for k in (0.0, 0.3, 1.0):
        given = Batch({**batch.tensors, "k": torch.tensor(k, dtype=torch.float64)})
        loss, memories = made.game.losses["discriminator"](networks, given)
        close(loss, on_real - k * on_fake)
        close(memories["k"], (k + rate * (gamma * on_real - on_fake)).clamp(0, 1))
    close(made.game.losses["generator"](networks, batch), on_fake)
    close(made.game.logits(networks, batch, x), -(x - reconstructed(d, x)).abs().mean(1))


def test_began_has_its_convergence_measure_and_other_variants_have_none() -> None:
    gamma = 0.75
    made = cohort("began", {**SMALL, "gamma": gamma, "code_dim": 3}, mode="plain", budget=("steps", 3))
    snapshot = finish(made).snapshot(0, True)
    diagnostic = discriminator(made.dataset, points=40)
    for _ in range(2):
        values = diagnostic.measure(snapshot)
        assert [quantity.name for quantity in diagnostic.quantities] == list(values)
    x, fakes = snapshot.real("heldout", 40), snapshot.samples()[:, :40]
    for replica, fake in enumerate(fakes):
        d = of_player(numbers(made), "discriminator", replica)
        on_real, on_fake = ((y - reconstructed(d, y)).abs().mean() for y in (x, fake))
        assert (gamma * on_real - on_fake).abs() > 0.01, "both terms should count"
        close(values["convergence"][replica], (on_real + (gamma * on_real - on_fake).abs()).detach())
    other = discriminator(made.dataset, points=40)
    assert "convergence" not in other.measure(finish(cohort("nsgan", SMALL, mode="plain")).snapshot(0, True))
    assert "convergence" not in {quantity.name for quantity in other.quantities}


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_ebgan_by_hand(weight: float) -> None:
    margin = 0.15
    made = cohort("ebgan", {**SMALL, "margin": margin, "pulling_away": weight, "code_dim": 3}, mode="plain")
    networks, batch = first_replica(made)
    g, d = (networks.parameters(p) for p in ("generator", "discriminator"))
    x, fake = batch.real, by_hand(g, batch.noise)
    on_real, on_fake = ((y - reconstructed(d, y)).pow(2).sum(1).sqrt() for y in (x, fake))
    assert 0 < (on_fake < margin).sum() < BATCH, "the margin should bind for some examples only"
    codes = by_hand(part(d, "encoder"), fake)
    cosines = [
        float(torch.cosine_similarity(codes[i], codes[j], 0)) ** 2
        for i in range(BATCH)
        for j in range(BATCH)
        if i != j
    ]
    losses = made.game.losses
    close(losses["discriminator"](networks, batch), on_real.mean() + relu(margin - on_fake).mean())
    close(losses["generator"](networks, batch), on_fake.mean() + weight * sum(cosines) / len(cosines))
    close(made.game.logits(networks, batch, x), -on_real)


# Terms of the logits


def test_lecam_is_the_plain_loop() -> None:
    weight, decay = 0.4, 0.9

    def d_loss(g: Params, d: Params, b: Mapping[str, Tensor], m: dict[str, Tensor]) -> Tensor:
        real = by_hand(d, b["real"]).squeeze(1)
        fake = by_hand(d, by_hand(g, b["noise"]).detach()).squeeze(1)
        m["step"] = m.get("step", torch.zeros(())) + 1
        for name, logits in (("real", real), ("fake", fake)):
            m[name] = decay * m.get(name, 0.0) + (1 - decay) * logits.detach().mean()
        anchor = {name: m[name] / (1 - decay ** m["step"].double()) for name in ("real", "fake")}
        term = ((real - anchor["fake"]) ** 2).mean() + ((fake - anchor["real"]) ** 2).mean()
        return hinge_d(real, fake) + weight * term

    def g_loss(g: Params, d: Params, b: Mapping[str, Tensor], _m: Any) -> Tensor:
        return -by_hand(d, by_hand(g, b["noise"])).mean()

    agrees("lecam", {"weight": weight, "decay": decay}, d_loss, g_loss)


def test_the_term_of_lecam_by_hand() -> None:
    penalty = lecam_penalty(2.0, 0.5)
    assert penalty.of_logits is not None
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([-1.0, 0.0])
    batch = Batch({"anchors": torch.tensor([2.0, -2.0, 0.5]), "anchor_updates": torch.tensor(6.0)})
    term, memories = penalty.of_logits(batch, real, fake)
    # α_R = (0.5·2 + 0.5·2)/0.75 = 8/3, α_F = (0.5·(−2) + 0.5·(−0.5))/0.75 = −5/3
    expected = 2 * (((1 + 5 / 3) ** 2 + (3 + 5 / 3) ** 2) / 2 + ((-1 - 8 / 3) ** 2 + (8 / 3) ** 2) / 2)
    torch.testing.assert_close(term, torch.tensor(expected))
    torch.testing.assert_close(memories["anchors"], torch.tensor([2.0, -1.25, 0.75]))
    for start, share in ((6, 1), (7, 0)):  # this is the seventh update
        late = lecam_penalty(2.0, 0.5, start)
        assert late.of_logits is not None
        term, memories = late.of_logits(batch, real, fake)
        torch.testing.assert_close(term, torch.tensor(share * expected))
        assert memories["anchor_updates"] == 7


# Augmentations


def augmented(b: Mapping[str, Tensor], p: Tensor, group: str, x: Tensor) -> Tensor:
    return torch.where(b[f"{group}_chance"] < p, x + 0.1 * b[f"{group}_noise"], x)


def test_ada_is_the_plain_loop() -> None:
    """On vectors, with noise; p moves both ways within the 20 rounds."""
    target, interval, ramp, gamma = 0.1, 2, 64.0, 0.2
    course: list[float] = []

    def d_loss(g: Params, d: Params, b: Mapping[str, Tensor], m: dict[str, Tensor]) -> Tensor:
        p = m.setdefault("p", torch.tensor(0.5, dtype=torch.float64))
        x = augmented(b, p, "real", b["real"]).requires_grad_()
        real = by_hand(d, x).squeeze(1)
        fake = by_hand(d, augmented(b, p, "fake", by_hand(g, b["noise"]).detach())).squeeze(1)
        (slope,) = torch.autograd.grad(real.sum(), x, create_graph=True)
        signs = m.setdefault("signs", [])  # type: ignore[arg-type]
        signs.append(real.detach().sign().mean())  # type: ignore[operator]
        if len(signs) == interval:
            r = torch.stack(list(signs)).mean()
            m["p"] = (p + interval * BATCH / ramp * torch.sign(r - target)).clamp(0, 1)
            signs.clear()  # type: ignore[operator]
            course.append(float(m["p"]))
        return softplus(-real).mean() + softplus(fake).mean() + gamma / 2 * slope.square().sum(1).mean()

    def g_loss(g: Params, d: Params, b: Mapping[str, Tensor], m: dict[str, Tensor]) -> Tensor:
        fake = augmented(b, m["p"], "fake", by_hand(g, b["noise"]))
        return softplus(-by_hand(d, fake)).mean()

    options = {"target": target, "interval": interval, "ramp": ramp, "gamma": gamma, "initial": 0.5}
    agrees("ada", options, d_loss, g_loss)
    assert len(set(course)) > 2


def test_p_rises_where_d_overfits_and_falls_where_it_does_not() -> None:
    penalty = adaptive_probability("p", target=0.6, interval=2, images=100.0, initial=0.5)
    assert penalty.of_logits is not None
    sure, unsure = torch.full((10,), 3.0), torch.tensor([1.0, -1.0] * 5)
    for logits, expected in ((sure, 0.7), (unsure, 0.3)):
        memories = {n: item.initial for n, item in penalty.inputs(DataSpec.real((2,))).items()}  # type: ignore[union-attr]
        term, memories = penalty.of_logits(Batch(memories), logits, logits)
        assert term == 0.0
        assert memories["p"] == 0.5, "not before the interval is over"
        _, memories = penalty.of_logits(Batch(memories), logits, logits)
        torch.testing.assert_close(memories["p"], torch.tensor(expected))
        assert memories["p_signs"] == memories["p_updates"] == 0
    top = {"p": torch.tensor(0.95), "p_signs": torch.tensor(1.0), "p_updates": torch.tensor(1.0)}
    assert penalty.of_logits(Batch(top), sure, sure)[1]["p"] == 1.0


IMAGES = torch.rand(5, 3, 8, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 - 1
SQUARE = IMAGES[..., :8]
OF_IMAGES = {"color": IMAGES, "translation": IMAGES, "cutout": IMAGES, "flip": IMAGES, "rotation": SQUARE}


def uniform(count: int, numbers: int, seed: int = 1) -> Tensor:
    return torch.rand(count, numbers, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def transformed(name: str, images: Tensor, strength: float, seed: int = 1) -> Tensor:
    function, count = augmentations._OF_IMAGES[name]
    return function(images, uniform(len(images), count, seed), strength)


@pytest.mark.parametrize("name", OF_IMAGES)
def test_augmentations_change_images_and_none_at_strength_0(name: str) -> None:
    images = OF_IMAGES[name]
    torch.testing.assert_close(transformed(name, images, 0.0), images, rtol=1e-14, atol=1e-15)
    changed = [not torch.allclose(transformed(name, images, 1.0, seed), images) for seed in range(4)]
    assert all(changed)


@pytest.mark.parametrize("name", OF_IMAGES)
def test_augmentations_are_differentiable_and_map_over_seeds(name: str) -> None:
    images = OF_IMAGES[name][:2, :, :4, :4].clone().requires_grad_()
    function, count = augmentations._OF_IMAGES[name]
    draws = torch.stack([uniform(2, count, seed) for seed in range(3)])
    assert torch.autograd.gradcheck(lambda x: function(x, draws[0], 1.0), images)
    at_once = torch.vmap(lambda x, u: function(x, u, 1.0))(images.expand(3, *images.shape), draws)
    torch.testing.assert_close(at_once, torch.stack([function(images, u, 1.0) for u in draws]))


def test_translation_and_cutout_by_hand() -> None:
    images = torch.arange(1.0, 129.0).reshape(1, 1, 8, 16)
    moved = augmentations.translation(images, torch.tensor([[0.99, 0.0]]), 1.0)  # most: 1 and 2 pixels
    expected = torch.zeros_like(images)
    expected[..., :7, 2:] = images[..., 1:, :14]
    assert torch.equal(moved, expected)
    cut = augmentations.cutout(images, torch.tensor([[0.5, 0.0]]), 1.0)  # boxes of 4 and 8 at (4, 0)
    expected = images.clone()
    expected[..., 2:6, :4] = 0
    assert torch.equal(cut, expected)


def test_shifts_turns_and_flips_are_equally_likely() -> None:
    count = 4000
    images = torch.arange(256.0).reshape(1, 1, 16, 16).expand(count, -1, -1, -1)
    framed = augmentations.translation(images + 1, uniform(count, 2), 1.0)[:, 0, 8, 8]
    shares = torch.unique(framed, return_counts=True)[1] / count
    assert len(shares) == 25
    assert (shares - 1 / 25).abs().max() < 4.5 * (1 / 25 / count) ** 0.5
    corners = augmentations.rotation(images, uniform(count, 1), 1.0)[:, 0, 0, 0]
    shares = torch.unique(corners, return_counts=True)[1] / count
    assert len(shares) == 4
    assert (shares - 1 / 4).abs().max() < 4.5 * (1 / 4 / count) ** 0.5
    flipped = (augmentations.flip(images, uniform(count, 1), 1.0)[:, 0, 0, 0] != 0).float().mean()
    assert abs(flipped - 0.5) < 4.5 * (0.25 / count) ** 0.5


def test_color_by_hand() -> None:
    u = uniform(5, 3)
    x = IMAGES + (u[:, 0] - 0.5).reshape(-1, 1, 1, 1)
    grey = x.mean(1, keepdim=True)
    x = (x - grey) * (2 * u[:, 1]).reshape(-1, 1, 1, 1) + grey
    mean = x.flatten(1).mean(1).reshape(-1, 1, 1, 1)
    close(augmentations.color(IMAGES, u, 1.0), (x - mean) * (u[:, 2] + 0.5).reshape(-1, 1, 1, 1) + mean)


def test_augmentations_refuse_what_does_not_fit() -> None:
    with pytest.raises(GanbenchError, match="colour"):
        Augmentations("colour", ())
    with pytest.raises(GanbenchError, match=r"of images, not of examples of shape \(2,\)"):
        Augmentations("flip", ()).inputs(DataSpec.real((2,)), "real")
    with pytest.raises(GanbenchError, match="square images, not of 8 × 12"):
        Augmentations(None, ("rotation",)).inputs(DataSpec.real((1, 8, 12)), "real")


def test_both_players_of_diffaug_see_augmented_images() -> None:
    made = cohort(
        "diffaug", {"network": {"mlp": {"width": 16}}, "latent_dim": 3, "batch_size": 5}, dataset="digits"
    )
    networks, batch = first_replica(made)
    g, d = (networks.parameters(p) for p in ("generator", "discriminator"))

    def seen(group: str, x: Tensor) -> Tensor:
        for name in ("color", "translation", "cutout"):
            x = augmentations._OF_IMAGES[name][0](x, batch[f"{group}_{name}"], 1.0)
        return by_hand(d, x.flatten(1)).squeeze(1)

    fake = torch.tanh(by_hand(g, batch.noise)).reshape(-1, 1, 8, 8)
    real_logits, fake_logits = seen("real", batch.real), seen("fake", fake)
    close(made.game.losses["discriminator"](networks, batch), hinge_d(real_logits, fake_logits))
    close(made.game.losses["generator"](networks, batch), -fake_logits.mean())
    plain = by_hand(d, batch.real.flatten(1)).squeeze(1)
    close(made.game.logits(networks, batch, batch.real), plain)
    assert not torch.allclose(plain, real_logits)


@pytest.mark.parametrize("kind", ["cr", "bcr", "zcr", "icr"])
def test_consistency_by_hand(kind: str) -> None:
    made = cohort("consistency", {**SMALL, "kind": kind, "latent_std": 0.5})
    networks, batch = first_replica(made)
    g, d = (networks.parameters(p) for p in ("generator", "discriminator"))
    x, fake = batch.real, by_hand(g, batch.noise)

    def logits(examples: Tensor) -> Tensor:
        return by_hand(d, examples).squeeze(1)

    d_loss, g_loss = hinge_d(logits(x), logits(fake)), -logits(fake).mean()
    if kind != "zcr":
        d_loss = d_loss + 10 * (logits(x) - logits(x + 0.1 * batch["real_noise"])).pow(2).mean()
    if kind in ("bcr", "icr"):
        d_loss = d_loss + 10 * (logits(fake) - logits(fake + 0.1 * batch["fake_noise"])).pow(2).mean()
    if kind in ("zcr", "icr"):
        near = by_hand(g, batch.noise + 0.5 * batch["latent_perturbation"])
        d_loss = d_loss + 5 * (logits(fake) - logits(near)).pow(2).mean()
        g_loss = g_loss - 0.5 * (fake - near).pow(2).mean()
    close(made.game.losses["discriminator"](networks, batch), d_loss)
    close(made.game.losses["generator"](networks, batch), g_loss)


# Names for what other options say


def test_simgan_ema_and_hinge_gan_are_named_choices() -> None:
    simultaneous = finish(cohort("simgan-ema", SMALL, mode="plain"))
    chosen = finish(cohort("nsgan", {**SMALL, "update": "simultaneous", "ema": 0.999}, mode="plain"))
    assert deviation(numbers(simultaneous), numbers(chosen)) == 0
    assert any(name.startswith("averages/generator") for name in numbers(simultaneous))
    made = cohort("hinge-gan", SMALL)
    networks, batch = first_replica(made)
    g, d = (networks.parameters(p) for p in ("generator", "discriminator"))
    real, fake = (by_hand(d, y).squeeze(1) for y in (batch.real, by_hand(g, batch.noise)))
    close(made.game.losses["discriminator"](networks, batch), hinge_d(real, fake))
    assert batch.noise.shape[1] == LATENT
