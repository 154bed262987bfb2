"""Packed and perturbed examples: losses computed by hand from the same batch."""

from __future__ import annotations

import pytest
import torch
from engine_cohorts import BATCH, LATENT, SMALL, cohort
from torch import Tensor
from torch.nn.functional import softplus

from ganbench.game import Batch, Networks

DIM = 2


def first_replica(made: object) -> tuple[Networks, Batch]:
    params = {p: {n: v[0] for n, v in t.items()} for p, t in made.state.params.items()}  # type: ignore[attr-defined]
    batch = {name: value[0] for name, value in made.snapshot(0, False).batch().items()}
    return Networks(made.game.players, params, {p: {} for p in params}), Batch(batch)  # type: ignore[attr-defined]


def by_hand(params: dict[str, Tensor], x: Tensor) -> Tensor:
    """A two-layer perceptron with ReLU, as sums of products."""
    names = [n for n in params if n.endswith("weight")]
    for number, name in enumerate(names):
        x = x @ params[name].T + params[name.replace("weight", "bias")]
        x = x.clamp(min=0) if number < len(names) - 1 else x
    return x


@pytest.mark.parametrize("packing", [2, 4])
def test_packed_losses_by_hand(packing: int) -> None:
    made = cohort("pacgan", {**SMALL, "packing": packing})
    networks, batch = first_replica(made)
    assert batch.real.shape == (BATCH * packing, DIM)
    assert batch.noise.shape == (BATCH * packing, LATENT)
    assert made.variant.reals_per_batch == BATCH * packing
    d, g = networks.parameters("discriminator"), networks.parameters("generator")
    rows = [batch.real[packing * k : packing * (k + 1)].reshape(1, -1) for k in range(BATCH)]
    fakes = [by_hand(g, batch.noise[packing * k : packing * (k + 1)]).reshape(1, -1) for k in range(BATCH)]
    real = torch.cat([by_hand(d, row) for row in rows]).squeeze(1)
    fake = torch.cat([by_hand(d, row) for row in fakes]).squeeze(1)
    expected_d = softplus(-real).mean() + softplus(fake).mean()
    torch.testing.assert_close(
        made.game.losses["discriminator"](networks, batch), expected_d, rtol=1e-12, atol=0
    )
    expected_g = softplus(-fake).mean()
    torch.testing.assert_close(made.game.losses["generator"](networks, batch), expected_g, rtol=1e-12, atol=0)


def test_an_examples_logit_is_its_packs() -> None:
    made = cohort("pacgan", {**SMALL, "packing": 3})
    networks, batch = first_replica(made)
    x = batch.real[:7]  # two whole packs, and one filled up with the first examples
    logits = made.game.logits(networks, batch, x)
    packs = torch.stack([x[:3].reshape(-1), x[3:6].reshape(-1), torch.cat([x[6:], x[:2]]).reshape(-1)])
    expected = by_hand(networks.parameters("discriminator"), packs).squeeze(1)
    torch.testing.assert_close(logits, expected.repeat_interleave(3)[:7], rtol=1e-12, atol=0)


@pytest.mark.parametrize("count", [1, 2, 6, 7])
def test_an_examples_gradient_is_its_packs(count: int) -> None:
    """Once for each pack, however often its logit is repeated."""
    made = cohort("pacgan", {**SMALL, "packing": 3})
    networks, batch = first_replica(made)
    x = batch.real[:count].clone().requires_grad_()
    (found,) = torch.autograd.grad(made.game.logits(networks, batch, x).sum(), x)
    y = batch.real[:count].clone().requires_grad_()
    filling = torch.cat([y.detach()] * 3)[: -count % 3]
    packs = torch.cat([y, filling]).reshape(-1, 3 * DIM)
    (expected,) = torch.autograd.grad(by_hand(networks.parameters("discriminator"), packs).sum(), y)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-15)


def test_instance_noise_by_hand() -> None:
    std = 0.3
    made = cohort("instance-noise", {**SMALL, "noise_std": std})
    networks, batch = first_replica(made)
    real = batch.real + std * batch["real_perturbation"]
    fake = networks.generator(batch.noise) + std * batch["fake_perturbation"]
    expected = softplus(-networks.discriminator(real)).mean() + softplus(networks.discriminator(fake)).mean()
    found = made.game.losses["discriminator"](networks, batch)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    plain = softplus(-networks.discriminator(batch.real)).mean()
    assert abs(float(found - plain)) > 1e-3
    torch.testing.assert_close(
        made.game.losses["generator"](networks, batch), softplus(-networks.discriminator(fake)).mean()
    )
    assert not torch.equal(batch["real_perturbation"], batch["fake_perturbation"])
