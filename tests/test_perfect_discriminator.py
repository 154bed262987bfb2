"""The fresh discriminator against known overlap, its gradients against quadrature, training untouched."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from engine_cohorts import CPU, SMALL, cohort, equal_bits, numbers
from plain_loops import vector_pair
from scipy.integrate import quad
from scipy.special import expit, logsumexp
from scipy.stats import norm
from torch import Tensor, nn

from ganbench import registry
from ganbench.diagnostics.diagnostic import by_default
from ganbench.diagnostics.estimators.discrimination import balanced_accuracy
from ganbench.diagnostics.estimators.fresh_networks import FreshNetworks
from ganbench.diagnostics.estimators.generator_gradient import SIGNS, GeneratorGradient, generator_gradient
from ganbench.diagnostics.perfect_discriminator import CURVES, jsd_bound, marks
from ganbench.game import Game
from ganbench.networks.flat import FlatGenerator
from ganbench.networks.network import architecture
from ganbench.optimizers import Adam
from ganbench.streams import SeedStreams
from ganbench.training.description import Budget, Choice, CohortDescription, Engine
from ganbench.training.trainer import Trainer

NARROW = {"network": {"mlp": {"width": 32}}}
BATCH = {"batch_size": 32, "samples": 256}


def flat_cohort(
    dataset: str, options: Mapping[str, Any], latent_dim: int, seeds: Sequence[int] = (0, 1)
) -> Trainer:
    """An untrained known generator beside a data set of known overlap, float64."""
    description = CohortDescription(
        dataset=Choice(dataset, dataset, options),
        variant=Choice("nsgan", "known", {"network": "flat", "latent_dim": latent_dim}),
        seeds=tuple(seeds),
        budget=Budget("steps", 1),
        measure=(0.0, 1.0),
        diagnostics=(),
        engine=Engine(precision="float64", compile="off"),
    )
    return Trainer(description, CPU)


def measured(made: Trainer, **options: Any) -> tuple[dict[str, Tensor], dict[str, np.ndarray]]:
    diagnostic = registry.get("diagnostic", "perfect_discriminator").factory(
        made.dataset, **{**NARROW, **options}
    )
    values = dict(diagnostic.measure(made.snapshot(0, False)))
    assert set(values) == {quantity.name for quantity in diagnostic.quantities}
    return values, diagnostic.arrays()


def js_divergence(distance: float) -> float:
    """Of N(0, 1) and N(distance, 1), in nats, by quadrature."""

    def integrand(x: float) -> float:
        logit = distance * x - distance**2 / 2
        q, p = norm.pdf(x), norm.pdf(x - distance)
        return 0.5 * (-p * np.logaddexp(0, -logit) - q * np.logaddexp(0, logit))

    value, _ = quad(integrand, -12, distance + 12, epsabs=1e-13, limit=400)
    return math.log(2) + value


# Known overlap


@pytest.mark.parametrize("distance", [1.0, 3.0])
def test_two_gaussians_are_told_apart_as_well_as_can_be(distance: float) -> None:
    values, _ = measured(
        flat_cohort("gaussian_pair", {"distance": distance}, 1),
        steps=200,
        learning_rate=3e-3,
        samples=4096,
        batch_size=256,
    )
    best, spread = norm.cdf(-distance / 2), math.sqrt(0.25 / 8192)
    for error in values["perfect_discriminator_error"].tolist():
        assert best - 4 * spread < error < best + 4 * spread + 0.01
    for bound in values["perfect_discriminator_jsd_bound"].tolist():
        assert bound == pytest.approx(js_divergence(distance), abs=0.02)
    assert values["steps_to_perfect"].isnan().all()


def test_lines_at_any_distance_are_told_apart_perfectly() -> None:
    apart, curves = measured(
        flat_cohort("parallel_lines", {"distance": 1.0}, 1), steps=200, learning_rate=3e-3
    )
    assert apart["perfect_discriminator_error"].tolist() == [0, 0]
    assert apart["perfect_discriminator_jsd_bound"].tolist() == pytest.approx([math.log(2)] * 2, abs=0.05)
    assert (apart["steps_to_perfect"] <= 100).all()
    assert (apart["gradient_decay_decades_from_peak"] > 1).all()
    assert (apart["gradient_growth_decades_nonsaturating"] > 1).all()
    assert (curves["error"][0, :, 0] > 0.1).all()


def test_lines_at_no_distance_cannot_be_told_apart() -> None:
    together, _ = measured(flat_cohort("parallel_lines", {"distance": 0.0}, 1), steps=60, samples=4096)
    for error in together["perfect_discriminator_error"].tolist():
        assert error == pytest.approx(0.5, abs=0.03)
    assert (together["perfect_discriminator_jsd_bound"] < 0.01).all()


@pytest.mark.parametrize(("data", "generator", "apart"), [(2, 2, True), (3, 3, False), (3, 2, True)])
def test_flats_overlap_only_where_both_fill_the_space(data: int, generator: int, apart: bool) -> None:
    made = flat_cohort("manifold_pair", {"dimension": data, "ambient": 3}, generator)
    values, _ = measured(made, steps=400, learning_rate=3e-3)
    error = values["perfect_discriminator_error"]
    assert ((error < 0.1) if apart else ((error - 0.5).abs() < 0.06)).all()


# Gradients


class Optimal(nn.Module):
    """The logit log p/q of N(distance·e₁, I) against N(0, I)."""

    def __init__(self, distance: float) -> None:
        super().__init__()
        self.distance = distance

    def forward(self, x: Tensor) -> Tensor:
        return self.distance * x[:, 0] - self.distance**2 / 2


def at_the_optimum(distance: float, noise: Tensor) -> GeneratorGradient:
    """Gradients in the location of N(0, 1) under the optimal discriminator; noise [minibatches, n]."""
    game = Game(
        {"generator": FlatGenerator(1, (1,)), "discriminator": Optimal(distance)},
        {
            "generator": lambda networks, batch: batch.noise,
            "discriminator": lambda networks, batch: batch.noise,
        },
    )
    params = {"generator": {"location": torch.zeros(1, 1, dtype=noise.dtype)}, "discriminator": {}}
    empty: dict[str, dict[str, Tensor]] = {"generator": {}, "discriminator": {}}
    inputs = {"noise": noise[None, :, :, None]}
    return generator_gradient(game, "discriminator", ("generator",), params, empty, inputs, {}, looped=False)


def even_noise(count: int = 100_000) -> Tensor:
    """The midpoints of equally likely intervals of N(0, 1), [2, count / 2]."""
    levels = (np.arange(count) + 0.5) / count
    return torch.from_numpy(norm.ppf(levels)).reshape(2, -1)


@pytest.mark.parametrize("distance", [0.5, 2.0, 6.0])
def test_gradients_at_the_optimum_are_those_of_the_divergences(distance: float) -> None:
    """∇E log(1 − D*) = ∇2JSD, ∇E(−log D*) = ∇(KL − 2JSD).  Arjovsky and Bottou 2017, theorem 2.5."""
    found = at_the_optimum(distance, even_noise())
    expected = distance * quad(lambda x: norm.pdf(x) * expit(distance * x - distance**2 / 2), -12, 12)[0]
    assert 10 ** found.norm["minimax"].item() == pytest.approx(expected, rel=1e-3)
    assert 10 ** found.norm["nonsaturating"].item() == pytest.approx(distance - expected, rel=1e-3)
    step = 1e-3
    slope = (js_divergence(distance + step) - js_divergence(distance - step)) / (2 * step)
    assert 2 * slope == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_below_the_smallest_float_keep_their_decades(dtype: torch.dtype) -> None:
    noise = even_noise(2000).to(dtype)
    for distance in (20.0, 80.0):
        logits = distance * noise.double().numpy().ravel() - distance**2 / 2
        wanted = (logsumexp(np.minimum(logits, 0) - np.log1p(np.exp(-np.abs(logits)))) - math.log(2000)) / (
            math.log(10)
        ) + math.log10(distance)
        found = at_the_optimum(distance, noise).norm["minimax"].item()
        assert found == pytest.approx(wanted, rel=1e-5)
        assert distance < 80 or found < -1000


def test_gradients_equal_plain_autograd() -> None:
    made = cohort("nsgan", SMALL, mode="plain", seeds=(3, 1))
    noise = SeedStreams((3, 1), "test").normal((4, 8, 4), torch.float64)
    params, buffers = made.snapshot(0, False).parameters(), made.snapshot(0, False).buffers()
    found, looped = (
        generator_gradient(
            made.game, "discriminator", ("generator",), params, buffers, {"noise": noise}, {}, looped=looped
        )
        for looped in (False, True)
    )
    for index in range(2):
        g, d = vector_pair(4, 8)
        for player, network in (("generator", g), ("discriminator", d)):
            network.double().load_state_dict({n: v[index] for n, v in params[player].items()})
        for cost, sign in SIGNS.items():
            rows = []
            for z in noise[index]:
                loss = -sign * F.softplus(sign * d(g(z))).mean()
                rows.append(torch.cat([p.flatten() for p in torch.autograd.grad(loss, list(g.parameters()))]))
            stacked = torch.stack(rows)
            mean, deviation = stacked.mean(0).norm(), (stacked - stacked.mean(0)).square().sum() / 3
            for each in (found, looped):
                assert 10 ** each.norm[cost][index].item() == pytest.approx(mean.item(), rel=1e-10)
                assert 10 ** each.noise[cost][index].item() == pytest.approx(
                    math.sqrt(deviation.item()), rel=1e-10
                )


# The pieces


def test_error_and_bound_at_the_optimum() -> None:
    distance, z = 2.0, even_noise().reshape(1, -1)
    fake, real = distance * z - distance**2 / 2, distance * (z + distance) - distance**2 / 2
    assert balanced_accuracy(real, fake, 0.0).item() == pytest.approx(norm.cdf(1), abs=1e-4)
    assert jsd_bound(real, fake).item() == pytest.approx(js_divergence(distance), rel=1e-4)
    assert jsd_bound(real + 1, fake + 1).item() < js_divergence(distance) - 1e-3


def test_one_balanced_accuracy_with_one_rule_for_ties_and_for_what_is_no_number() -> None:
    ones = torch.ones(1, 3)
    assert balanced_accuracy(0 * ones, torch.zeros(1, 5), 0.0).item() == 0.5
    assert balanced_accuracy(ones, -torch.ones(1, 9), 0.0).item() == 1
    assert balanced_accuracy(-ones, -torch.ones(1, 9), 0.0).item() == 0.5
    assert balanced_accuracy(ones, 0 * ones, 0.5).item() == 1
    assert balanced_accuracy(ones, 0 * ones, 1.0).item() == 0.75  # each tie is one half
    assert balanced_accuracy(ones, torch.tensor([[-math.inf, -1.0]]), 0.0).item() == 1
    both = torch.tensor([[math.nan, 1.0, 1.0], [1.0, 1.0, 1.0]])
    for real, fake in ((both, -ones.expand(2, 3)), (ones.expand(2, 3), -both)):
        assert balanced_accuracy(real, fake, 0.0)[0].isnan()
        assert balanced_accuracy(real, fake, 0.0)[1] == 1
    assert balanced_accuracy(ones, ones, None).isnan().all()


def test_what_counts_as_perfect_is_in_the_protocol_of_what_it_decides() -> None:
    factory = registry.get("diagnostic", "perfect_discriminator").factory
    declared = factory(registry.get("dataset", "ring8").factory(), perfect=0.03).quantities
    told = {quantity.name for quantity in declared if quantity.protocol.get("perfect") == 0.03}
    assert told == {"steps_to_perfect"}


def test_marks_are_spaced_by_ratio_and_end_at_the_steps() -> None:
    assert marks(1) == [0, 1]
    assert marks(2) == [0, 1, 2]
    found = marks(4000)
    assert found[:4] == [0, 1, 2, 3]
    assert found[-1] == 4000
    assert len(found) == len(set(found)) <= 27
    ratios = np.array(found[10:][1:]) / np.array(found[10:][:-1])
    assert (ratios.max() < 1.6, ratios.min() > 1.2) == (True, True)


# The whole


def test_it_is_a_plain_training_of_a_fresh_network() -> None:
    steps, batch = 5, 32
    made = cohort("nsgan", SMALL, mode="plain", seeds=(2,))
    values, curves = measured(made, steps=steps, learning_rate=1e-2, **BATCH)
    snapshot = made.snapshot(0, False)
    g, _ = vector_pair(4, 8)
    g.double().load_state_dict({n: v[0] for n, v in snapshot.parameters()["generator"].items()})
    _, d = vector_pair(4, 32)
    spec = made.dataset.info.spec
    fresh = FreshNetworks.discriminators(
        lambda: architecture({"mlp": {"width": 32}}).discriminator(spec),
        spec,
        (2,),
        "perfect_discriminator/initial",
        Adam(1e-2),
        CPU,
        torch.float64,
    )
    d.double().load_state_dict({n: v[0] for n, v in fresh.params.items()})
    optimizer = torch.optim.Adam(d.parameters(), lr=1e-2, betas=(0.5, 0.999))
    noise = SeedStreams((2,), "measure/perfect_discriminator/noise").normal((16 * batch, 4), torch.float64)[0]
    real = made.dataset.sampler((2,), CPU, torch.float64).draw(16 * batch)["real"][0]
    for k in range(steps):
        part = slice(k * batch, (k + 1) * batch)
        loss = F.softplus(-d(real[part])).mean() + F.softplus(d(g(noise[part]).detach())).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    held = SeedStreams((2,), "measure/perfect_discriminator/heldout").normal((256, 4), torch.float64)[0]
    with torch.no_grad():
        of_real, of_fake = d(made.dataset.examples("heldout", 256, CPU, torch.float64)), d(g(held))
    bound = math.log(2) - (F.softplus(-of_real).mean() + F.softplus(of_fake).mean()).item() / 2
    assert values["perfect_discriminator_jsd_bound"].item() == pytest.approx(bound, abs=1e-12)
    error = ((of_real <= 0).double().mean() + (of_fake > 0).double().mean()).item() / 2
    assert values["perfect_discriminator_error"].item() == pytest.approx(error, abs=1e-14)
    assert curves["steps"].tolist() == [0, 1, 2, 3, 5] or curves["steps"][-1] == 5
    assert all(curves[name].shape == (1, 1, len(curves["steps"])) for name in CURVES)


def test_steps_are_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    advance = FreshNetworks.advance
    monkeypatch.setattr(
        FreshNetworks, "advance", lambda self, *a: (done.append(a[1]["real"].shape), advance(self, *a))
    )
    measured(cohort("nsgan", SMALL, mode="plain"), steps=37, **BATCH)
    assert done == [(2, 32, 2)] * 37


def test_seeds_at_once_are_seeds_alone() -> None:
    both, curves = measured(cohort("nsgan", SMALL, mode="plain", seeds=(4, 7)), steps=40, **BATCH)
    alone, single = measured(cohort("nsgan", SMALL, mode="plain", seeds=(7,)), steps=40, **BATCH)
    for name, value in alone.items():
        torch.testing.assert_close(both[name][1], value[0], rtol=1e-10, atol=1e-12, equal_nan=True)
    for name in CURVES:
        np.testing.assert_allclose(curves[name][0, 1], single[name][0, 0], rtol=1e-10, atol=1e-10)
    assert both["generator_gradient_minimax"][0] != both["generator_gradient_minimax"][1]


@pytest.mark.parametrize("dataset", ["ring8", "digits"])
def test_training_is_untouched_in_every_bit(dataset: str) -> None:
    ends = []
    for looks in (False, True):
        made = cohort("nsgan", SMALL, dataset=dataset, mode="plain", measure=(0.0, 0.5, 1.0))
        for snapshot in made.train():
            if looks:
                options: dict[str, Any] = {"steps": 2, "batch_size": 8, "samples": 16}
                factory = registry.get("diagnostic", "perfect_discriminator").factory
                factory(made.dataset, **options).measure(snapshot)
        ends.append((numbers(made), made.checkpoint()["batches"]["streams"]["noise"]))
    assert equal_bits(ends[0][0], ends[1][0])
    assert torch.equal(ends[0][1], ends[1][1])


def test_a_diverged_generator_is_nan_and_the_others_are_not() -> None:
    made = cohort("nsgan", SMALL, mode="plain")
    sound, _ = measured(made, steps=3, **BATCH)
    made.state.params["generator"]["0.weight"][0] = math.nan
    broken, _ = measured(made, steps=3, **BATCH)
    for name, value in broken.items():
        assert value[0].isnan(), name
        assert torch.equal(value[1:].nan_to_num(7.0), sound[name][1:].nan_to_num(7.0)), name


@pytest.mark.parametrize(
    ("at", "wanted"), [("all", [0, 1, 2]), ("initial", [0]), ("final", [2]), ([0, 1], [0, 1]), ([5], [])]
)
def test_it_looks_at_the_chosen_points(at: Any, wanted: list[int]) -> None:
    made = cohort("nsgan", SMALL, mode="plain", measure=(0.0, 0.5, 1.0), budget=("steps", 4))
    diagnostic = registry.get("diagnostic", "perfect_discriminator").factory(
        made.dataset, at=at, steps=1, **NARROW, **BATCH
    )
    found = [snapshot.moment.point for snapshot in made.train() if diagnostic.measure(snapshot)]
    assert found == wanted
    arrays = diagnostic.arrays()
    assert (arrays["points"].tolist() == wanted) if wanted else (arrays == {})


@pytest.mark.parametrize("name", ["wgan-gp", "pacgan", "ali", "veegan"])
def test_it_needs_nothing_but_a_generator(name: str) -> None:
    if name not in registry.names("variant"):
        pytest.skip("not there")
    values, _ = measured(cohort(name, SMALL, mode="plain"), steps=2, **BATCH)
    assert values["generator_gradient_minimax"].isfinite().all()
    assert (values["generator_gradient_minimax"] > 0).all()


def test_it_is_not_done_unasked() -> None:
    assert not by_default("perfect_discriminator")
    assert by_default("modes")
