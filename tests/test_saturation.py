"""How saturated the discriminator is: a conditional one is asked with the labels of its examples."""

from __future__ import annotations

import torch
from engine_cohorts import SMALL, cohort

from ganbench.diagnostics.diagnostic import build


def test_a_conditional_discriminator_is_asked_with_labels() -> None:
    made = cohort("cgan", SMALL, dataset="digits", mode="plain", budget=("steps", 3), measure=(1.0,))
    *_, snapshot = made.train()
    values = build("saturation", snapshot.dataset, {}).measure(snapshot)
    batch = snapshot.batch()
    logits = snapshot.discriminator(batch["real"], {"label": batch["label"]}).double()
    torch.testing.assert_close(values["probability_real"], logits.sigmoid().mean(1))
    turned = snapshot.discriminator(batch["real"], {"label": (batch["label"] + 1) % 10}).double()
    assert (values["probability_real"] - turned.sigmoid().mean(1)).abs().min() > 1e-6
