"""Distance within classes and accuracy of labels: brute force over classes, and samples whose labels lie."""

from __future__ import annotations

import math

import pytest
import torch
from fake_snapshot import CPU, measured, referenced

from ganbench.datasets.images import digits
from ganbench.datasets.mixtures import ring8
from ganbench.diagnostics.class_fidelity import class_fidelity, intra_class_distance
from ganbench.diagnostics.diagnostic import NotApplicable
from ganbench.diagnostics.estimators.frechet import fit, frechet_distance, moments
from ganbench.diagnostics.fidelity import fidelity
from ganbench.errors import GanbenchError
from ganbench.extractors import FEATURES, extract
from ganbench.extractors.classifiers import Classifier

INTRA = "intra_fid_classifier_train_1437"
TRAIN = digits().fields("train", 1437, CPU, torch.float32)
IMAGES, LABELS = TRAIN["real"].unsqueeze(0), TRAIN["label"].unsqueeze(0)


def test_distance_is_the_mean_over_classes() -> None:
    noise = torch.randn(IMAGES.shape, generator=torch.Generator().manual_seed(0))
    samples = (IMAGES + 0.5 * noise).clamp(-1, 1)
    value = measured(class_fidelity(digits()), digits(), samples, {"label": LABELS})[INTRA].item()
    generated, real = (extract(Classifier("digits"), x)[FEATURES][0] for x in (samples, IMAGES))
    rows = [LABELS[0] == c for c in range(10)]
    expected = [frechet_distance(moments(generated[r]), moments(real[r])).item() for r in rows]
    assert value == pytest.approx(sum(expected) / 10, rel=1e-6)


def test_a_class_of_no_more_examples_than_features_is_told_of() -> None:
    for count, flagged in ((1437, False), (300, True)):
        diagnostic = class_fidelity(digits(), samples=count)
        smallest = int(LABELS[0, :count].bincount().min())
        measured(diagnostic, digits(), IMAGES[:, :count])
        words = f"{smallest} points in 32 dimensions, so mostly bias"
        assert (words in diagnostic.quantities[0].title) is flagged
        assert any(words in note for note in diagnostic.notes) is flagged


def test_labels_that_lie_are_seen_within_classes_alone() -> None:
    asked = {"truth": LABELS, "lie": (LABELS + 1) % 10}
    values = {n: measured(class_fidelity(digits()), digits(), IMAGES, {"label": y}) for n, y in asked.items()}
    assert values["truth"][INTRA].item() < 1e-3
    assert values["truth"]["label_accuracy"].item() > 0.99
    assert (
        values["lie"][INTRA].item()
        > 10 * measured(fidelity(digits()), digits(), IMAGES)["fid_classifier_heldout_360"].item()
    )
    assert values["lie"]["label_accuracy"].item() < 0.01


def test_samples_without_labels_go_by_the_classifier() -> None:
    values = measured(class_fidelity(digits()), digits(), IMAGES)
    assert values["label_accuracy"].isnan().all()
    assert 0 < values[INTRA].item() < 2  # a handful of train images are taken for other classes


def test_a_dropped_class_is_undefined_and_a_seed_that_is_not_finite_too() -> None:
    samples = IMAGES.repeat(3, 1, 1, 1, 1)
    samples[1] = IMAGES[0, LABELS[0] == 4].repeat(10, 1, 1, 1)[:1437]
    samples[2, 0, 0, 0, 0] = math.nan
    assert measured(class_fidelity(digits()), digits(), samples)[INTRA].isnan().tolist() == [
        False,
        True,
        True,
    ]


def test_two_samples_a_class_are_enough() -> None:
    points = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(0)).double()
    references = {0: fit(points[0] + 1), 1: fit(points[0] - 1)}
    assert intra_class_distance(points, torch.tensor([[0, 0, 1, 1]]), references).isfinite().all()
    assert intra_class_distance(points, torch.tensor([[0, 0, 0, 1]]), references).isnan().all()


def test_references_are_those_of_heldout_examples() -> None:
    references = referenced(class_fidelity(digits()), digits())
    assert references["label_accuracy"] == pytest.approx(0.99, abs=0.02)
    plain = referenced(fidelity(digits()), digits())["fid_classifier_train_1437"]
    assert plain < references[INTRA] < 20 * plain


def test_where_it_has_nothing_to_say() -> None:
    with pytest.raises(NotApplicable, match="ring8: "):
        class_fidelity(ring8())
    with pytest.raises(NotApplicable, match="digits: no classifier"):
        class_fidelity(digits(), extractor="identity")
    with pytest.raises(GanbenchError, match="1,438 samples"):
        class_fidelity(digits(), samples=1438)
