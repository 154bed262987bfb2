"""ALI and VEEGAN: every player's loss by hand from the same batch, and training as one program."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from engine_cohorts import LATENT, SMALL, WIDTH, cohort, deviation, finish, numbers
from test_discriminator_input import by_hand, first_replica
from torch.nn.functional import logsigmoid


def close(found: Any, expected: Any) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-13)


def test_ali_by_hand() -> None:
    made = cohort("ali", SMALL)
    networks, batch = first_replica(made)
    g, e, d = (networks.parameters(p) for p in ("generator", "encoder", "discriminator"))
    x, z = batch.real, batch.noise
    code = by_hand(e, x)
    assert code.shape[1] == 2 * LATENT
    inferred = code[:, :LATENT] + code[:, LATENT:].exp() * batch["encoder_noise"]
    on_data = by_hand(d, torch.cat([x, inferred], 1)).squeeze(1)
    on_generated = by_hand(d, torch.cat([by_hand(g, z), z], 1)).squeeze(1)
    losses = made.game.losses
    close(
        losses["discriminator"](networks, batch),
        -(logsigmoid(on_data).mean() + logsigmoid(-on_generated).mean()),
    )
    close(losses["generator"](networks, batch), -logsigmoid(on_generated).mean())
    close(losses["encoder"](networks, batch), -logsigmoid(-on_data).mean())
    judged = by_hand(d, torch.cat([x, code[:, :LATENT]], 1)).squeeze(1)
    close(made.game.logits(networks, batch, x), judged)


def test_bigan_is_ali_without_noise() -> None:
    made = cohort("ali", {**SMALL, "encoding": "deterministic"})
    networks, batch = first_replica(made)
    code = by_hand(networks.parameters("encoder"), batch.real)
    assert code.shape[1] == LATENT
    on_data = by_hand(networks.parameters("discriminator"), torch.cat([batch.real, code], 1)).squeeze(1)
    close(made.game.losses["encoder"](networks, batch), -logsigmoid(-on_data).mean())


def test_veegan_by_hand() -> None:
    weight = 0.7
    made = cohort("veegan", {**SMALL, "reconstruction_weight": weight})
    networks, batch = first_replica(made)
    g, f, d = (networks.parameters(p) for p in ("generator", "encoder", "discriminator"))
    x, z = batch.real, batch.noise
    fake = by_hand(g, z)
    on_data = by_hand(d, torch.cat([x, by_hand(f, x)], 1)).squeeze(1)
    on_generated = by_hand(d, torch.cat([fake, z], 1)).squeeze(1)
    error = weight * ((z - by_hand(f, fake)) ** 2).sum(1).mean()
    losses = made.game.losses
    close(
        losses["discriminator"](networks, batch),
        -(logsigmoid(on_data).mean() + logsigmoid(-on_generated).mean()),
    )
    close(losses["generator"](networks, batch), error - on_generated.mean())
    close(losses["encoder"](networks, batch), error)


@pytest.mark.parametrize("name", ["ali", "veegan"])
@pytest.mark.parametrize("update", ["alternating", "simultaneous", "extragradient", "consensus"])
def test_three_players_train_as_one_program(name: str, update: str) -> None:
    options = {**SMALL, "update": update, "learning_rate": 1e-2}
    traced = cohort(name, options, mode="traced", budget=("steps", 8))
    start = numbers(traced)
    finish(traced)
    looped = finish(cohort(name, options, mode="looped", budget=("steps", 8)))
    assert deviation(numbers(traced), numbers(looped)) < 1e-10
    assert all((numbers(traced)[n] != value).any() for n, value in start.items())


def test_networks_that_do_not_fit_pairs_are_refused() -> None:
    from ganbench.errors import GanbenchError

    with pytest.raises(GanbenchError):
        cohort("ali", {"network": "dcgan", "latent_dim": WIDTH}, dataset="digits")
