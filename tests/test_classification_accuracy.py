"""Training on samples: real examples for samples get the reference, labels that lie get chance or harm."""

from __future__ import annotations

import math

import pytest
import torch
from fake_snapshot import CPU, measured, referenced

from ganbench.datasets.images import digits
from ganbench.datasets.manifolds import swiss_roll
from ganbench.datasets.mixtures import ring8
from ganbench.diagnostics.classification_accuracy import augmentation_gain, classification_accuracy_score
from ganbench.diagnostics.diagnostic import NotApplicable
from ganbench.diagnostics.estimators.fresh_classifiers import classifier_training
from ganbench.diagnostics.estimators.fresh_networks import shuffled_batches
from ganbench.errors import GanbenchError
from ganbench.streams import SeedStreams

SCORE, GAIN = "classification_accuracy_score", "augmentation_gain"
TRAIN = digits().fields("train", 1437, CPU, torch.float32)
IMAGES, LABELS = TRAIN["real"].unsqueeze(0), TRAIN["label"].unsqueeze(0)
QUICK = {"network": "mlp", "steps": 300}


def test_score_of_real_examples_is_the_reference_and_of_false_labels_chance() -> None:
    diagnostic = classification_accuracy_score(digits(), **QUICK)
    labels = torch.stack([LABELS[0], LABELS[0], LABELS[0].roll(1), (LABELS[0] + 1) % 10])
    samples = IMAGES.repeat(4, 1, 1, 1, 1)
    samples[1, 5] = math.nan
    truth, broken, shuffled, wrong = measured(diagnostic, digits(), samples, {"label": labels})[
        SCORE
    ].tolist()
    reference = referenced(diagnostic, digits(), {"label": LABELS})[SCORE]
    assert reference > 0.93
    assert truth == pytest.approx(reference, abs=0.02)
    assert math.isnan(broken)
    assert shuffled == pytest.approx(0.1, abs=0.07)
    assert wrong < 0.02


def test_a_dropped_class_costs_its_share() -> None:
    diagnostic = classification_accuracy_score(digits(), samples=1200, **QUICK)
    others = (LABELS[0] != 4).nonzero()[:1200, 0]
    score = measured(diagnostic, digits(), IMAGES[:, others], {"label": LABELS[:, others]})[SCORE].item()
    share = (digits().fields("heldout", 360, CPU, torch.float32)["label"] == 4).double().mean().item()
    assert 0.92 - share < score <= 1 - share


def test_a_seed_is_the_same_in_any_company_and_again() -> None:
    diagnostic = classification_accuracy_score(digits(), network="mlp", steps=40)
    asked = {"label": LABELS.expand(2, -1)}
    both = measured(diagnostic, digits(), IMAGES.expand(2, -1, -1, -1, -1), asked)[SCORE]
    alone = measured(diagnostic, digits(), IMAGES, {"label": LABELS})[SCORE]
    assert both[0] == alone[0]
    assert both[0] != both[1]


def test_vectors_with_labels_are_classified_too() -> None:
    fields = ring8().fields("train", 800, CPU, torch.float32)
    diagnostic = classification_accuracy_score(ring8(), samples=800, steps=100)
    asked = {"label": torch.stack([fields["label"], fields["label"].roll(1)])}
    truth, shuffled = measured(diagnostic, ring8(), fields["real"].repeat(2, 1, 1), asked)[SCORE].tolist()
    assert truth > 0.98
    assert shuffled < 0.4


def test_samples_without_labels_are_undefined_and_have_no_reference() -> None:
    for diagnostic in (classification_accuracy_score(digits(), **QUICK), augmentation_gain(digits())):
        (value,) = measured(diagnostic, digits(), IMAGES).values()
        assert value.isnan().all()
        assert referenced(diagnostic, digits()) == {}


def test_gain_of_further_examples_is_the_reference_and_of_false_labels_a_loss() -> None:
    diagnostic = augmentation_gain(digits(), real=40, samples=900, **QUICK)
    samples, truth = IMAGES[:, 40:940], LABELS[:, 40:940]
    labels = torch.stack([truth[0], (truth[0] + 1) % 10])
    gain, loss = measured(diagnostic, digits(), samples.repeat(2, 1, 1, 1, 1), {"label": labels})[
        GAIN
    ].tolist()
    reference = referenced(diagnostic, digits(), {"label": LABELS})[GAIN]
    assert 0.1 < reference < 0.4
    assert gain == pytest.approx(reference, abs=0.05)
    assert loss < -0.3


def test_gain_is_the_difference_of_two_trainings_with_the_same_beginning_and_real_batches() -> None:
    training = classifier_training(digits(), "mlp", 30, 16, 1e-3)
    real, more = (training.real("train", n, 1, CPU, torch.float32) for n in (50, 150))
    samples = more.after(50)
    (alone,) = (next(iter(training._batches([real], (3,), "x", CPU))),)
    both = next(iter(training._batches([real, samples], (3,), "x", CPU)))
    assert torch.equal(both["real"][:, :16], alone["real"])
    assert torch.equal(both["label"][:, :16], alone["label"])
    assert both["label"].shape == (1, 32)
    twice = next(iter(training._batches([real, real], (3,), "x", CPU)))["real"]
    assert not torch.equal(twice[:, :16], twice[:, 16:])  # every part has an order of its own
    expected = [training.accuracy(parts, (0,), GAIN, torch.float32) for parts in ([real, samples], [real])]
    diagnostic = augmentation_gain(digits(), real=50, samples=100, steps=30, batch_size=16, network="mlp")
    value = measured(diagnostic, digits(), samples.values, {"label": samples.labels})[GAIN]
    assert value.item() == (expected[0] - expected[1]).item()


def test_batches_are_shuffled_epochs() -> None:
    batches = shuffled_batches(SeedStreams([0, 1], "x"), 10, 4, 5)
    assert [batch.shape for batch in batches] == [(2, 4)] * 5
    order = torch.cat(batches, 1)
    assert order[:, :10].sort(1).values.tolist() == [list(range(10))] * 2
    assert order[:, 10:].sort(1).values.tolist() == [list(range(10))] * 2
    assert not torch.equal(order[0], order[1])


def test_where_they_have_nothing_to_say() -> None:
    with pytest.raises(NotApplicable, match="swiss_roll: its examples have no labels"):
        classification_accuracy_score(swiss_roll())
    with pytest.raises(NotApplicable, match="of 1,437 examples to train on 1,437 leave none"):
        augmentation_gain(digits(), real=1437)
    with pytest.raises(GanbenchError, match="mlp28 is for images"):
        classification_accuracy_score(digits(), network="mlp28")
