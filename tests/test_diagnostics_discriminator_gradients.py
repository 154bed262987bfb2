"""AUROC against scikit-learn, and gradient norms against plain autograd through the same networks."""

from __future__ import annotations

import functools
import math

import pytest
import torch
import torch.nn.functional as F
from engine_cohorts import SMALL, cohort
from plain_loops import vector_pair
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from ganbench import registry
from ganbench.diagnostics.estimators.discrimination import auroc
from ganbench.diagnostics.gradients import norm_per_seed
from ganbench.game import norm_per_example
from ganbench.streams import SeedStreams
from ganbench.training.snapshot import Snapshot
from ganbench.training.trainer import Trainer

SEEDS = (4, 2)


def reference_auroc(positive: Tensor, negative: Tensor) -> list[float]:
    return [
        roc_auc_score([1] * len(p) + [0] * len(n), torch.cat([p, n]).numpy())
        for p, n in zip(positive, negative, strict=True)
    ]


@pytest.mark.parametrize("levels", [None, 7, 2])
def test_auroc_equals_sklearns_with_and_without_ties(levels: int | None) -> None:
    source = torch.Generator().manual_seed(0)
    positive = torch.randn(4, 60, generator=source, dtype=torch.float64) + 0.5
    negative = torch.randn(4, 45, generator=source, dtype=torch.float64)
    if levels is not None:
        positive, negative = ((x * levels / 4).round() for x in (positive, negative))
    found = auroc(positive, negative)
    assert found.tolist() == pytest.approx(reference_auroc(positive, negative), abs=1e-12)
    torch.testing.assert_close(auroc(negative, positive), 1 - found, rtol=0, atol=1e-14)


def test_auroc_at_its_ends() -> None:
    low, high = torch.tensor([[0.0, 1.0]]), torch.tensor([[2.0, math.inf]])
    assert auroc(high, low).item() == 1
    assert auroc(low, high).item() == 0
    assert auroc(low, low).item() == 0.5
    gone = torch.tensor([[0.0, math.nan], [0.0, 1.0]])
    assert auroc(gone, torch.tensor([[0.5], [0.5]])).isnan().tolist() == [True, False]
    assert auroc(torch.tensor([[0.5], [0.5]]), gone).isnan().tolist() == [True, False]


@functools.cache
def trained() -> Trainer:
    options = {**SMALL, "learning_rate": 1e-2, "ema": 0.9}
    made = cohort("nsgan", options, seeds=SEEDS, mode="plain", budget=("steps", 10))
    for _ in made.train():
        pass
    return made


def snapshot(made: Trainer | None = None) -> Snapshot:
    return (made or trained()).snapshot(0, False)


def networks(index: int) -> tuple[nn.Module, nn.Module]:
    """Plain torch modules with one seed's numbers (not the average)."""
    pair = vector_pair(4, 8)
    for player, network in zip(("generator", "discriminator"), pair, strict=True):
        network.double().load_state_dict({n: v[index] for n, v in trained().state.params[player].items()})
    return pair


def measured(name: str, **options: int) -> dict[str, Tensor]:
    diagnostic = registry.get("diagnostic", name).factory(trained().dataset, **options)
    values = dict(diagnostic.measure(snapshot()))
    assert set(values) == {quantity.name for quantity in diagnostic.quantities}
    return values


def test_player_gradients_equal_plain_autograd() -> None:
    found = measured("gradients")
    made = trained()
    noise = SeedStreams(SEEDS, "measure/field/noise").normal((8, 4), torch.float64)
    real = made.dataset.examples("train", 8, torch.device("cpu"), torch.float64)
    for index in range(len(SEEDS)):
        g, d = networks(index)
        loss_d = F.softplus(-d(real)).mean() + F.softplus(d(g(noise[index]).detach())).mean()
        loss_g = F.softplus(-d(g(noise[index]))).mean()
        for player, network, loss in (("generator", g, loss_g), ("discriminator", d, loss_d)):
            parts = torch.autograd.grad(loss, list(network.parameters()))
            norm = math.sqrt(sum(float(part.square().sum()) for part in parts))
            assert float(found[f"gradient_norm_{player}"][index]) == pytest.approx(norm, rel=1e-12)


def test_input_gradients_equal_plain_autograd() -> None:
    points = 40
    found = measured("gradients", points=points)
    samples = snapshot().samples()[:, :points]
    real = trained().dataset.examples("heldout", points, torch.device("cpu"), torch.float64)
    shares = SeedStreams(SEEDS, "measure/between").uniform((points, 1), torch.float64)
    for index in range(len(SEEDS)):
        _, d = networks(index)
        between = samples[index] + shares[index] * (real - samples[index])
        for place, inputs in (("real", real), ("fake", samples[index]), ("between", between)):
            x = inputs.clone().requires_grad_()
            norms = torch.autograd.grad(d(x).sum(), x)[0].norm(dim=1)
            name = f"input_gradient_norm_{place}"
            assert float(found[f"{name}_mean"][index]) == pytest.approx(float(norms.mean()), rel=1e-12)
            for level in (10, 50, 90):
                wanted = float(norms.quantile(level / 100))
                assert float(found[f"{name}_q{level}"][index]) == pytest.approx(wanted, rel=1e-12)


def test_discriminator_quantities_equal_those_of_plain_networks() -> None:
    found = measured("discriminator", points=300)
    real = trained().dataset.examples("heldout", 300, torch.device("cpu"), torch.float64)
    for index in range(len(SEEDS)):
        _, d = networks(index)
        with torch.no_grad():
            of_real, of_fake = d(real), d(snapshot().samples()[index, :300])
        (area,) = reference_auroc(of_real[None], of_fake[None])
        assert float(found["discriminator_auroc"][index]) == pytest.approx(area, abs=1e-12)
        gap = float(of_real.mean() - of_fake.mean())
        assert float(found["logit_gap"][index]) == pytest.approx(gap, rel=1e-10)
        right = ((of_real > 0).double().mean() + (of_fake <= 0).double().mean()) / 2
        assert float(found["discriminator_accuracy"][index]) == pytest.approx(float(right), abs=1e-14)


def test_samples_come_from_the_average_of_the_measuring_noise() -> None:
    made = trained()
    noise = torch.cat(
        [SeedStreams(SEEDS, "measure/noise").normal((512, 4), torch.float64)], 1
    )  # the first block
    for index in range(len(SEEDS)):
        g, _ = networks(index)
        g.load_state_dict({n: v[index] for n, v in made.state.averages["generator"].items()})
        with torch.no_grad():
            wanted = g(noise[index])
        torch.testing.assert_close(snapshot().samples(512)[index], wanted, rtol=1e-12, atol=1e-13)


def test_accuracy_is_undefined_for_a_critic_and_its_own_threshold_counts() -> None:
    critic = cohort("wgan", SMALL, mode="plain")
    diagnostic = registry.get("diagnostic", "discriminator").factory(critic.dataset)
    values = diagnostic.measure(snapshot(critic))
    assert values["discriminator_accuracy"].isnan().all()
    assert values["discriminator_auroc"].isfinite().all()
    assert cohort("lsgan", SMALL, mode="plain").variant.threshold == 0.5
    assert cohort("rpgan-r1r2", SMALL, mode="plain").variant.threshold is None


def test_a_diverged_seed_is_nan_and_the_others_are_not() -> None:
    made = cohort("nsgan", SMALL, mode="plain")
    made.state.params["discriminator"]["1.weight"][0] = math.nan
    for name in ("discriminator", "gradients"):
        diagnostic = registry.get("diagnostic", name).factory(made.dataset)
        for quantity, values in diagnostic.measure(snapshot(made)).items():
            assert values.isnan().tolist() == [True, False], quantity


def test_norms_at_zero_and_of_trees() -> None:
    tree = {"a": torch.tensor([[3.0], [0.0]]), "b": torch.tensor([4.0, 2.0])}
    assert norm_per_seed(tree).tolist() == [5, 2]
    at_zero = torch.func.grad(lambda x: norm_per_example(x).sum())(torch.zeros(2, 3))
    assert torch.equal(at_zero, torch.zeros(2, 3))
