"""Features of a snapshot's samples: extracted once for all diagnostics, and held once."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from fake_snapshot import CPU, FakeSnapshot
from torch import Tensor

from ganbench.datasets.images import digits
from ganbench.diagnostics.diagnostic import build
from ganbench.diagnostics.estimators.features import finite_samples, sample_features
from ganbench.extractors import FEATURES, LOGITS, Extractor, extract, register_extractor
from ganbench.extractors.classifiers import Classifier
from ganbench.extractors.identity import Identity

SAMPLES = digits().examples("train", 1400, CPU, torch.float32).unflatten(0, (2, 700))


def test_a_count_is_a_prefix_whatever_was_asked_for_before() -> None:
    expected = extract(Classifier("digits"), SAMPLES)
    for counts in ((700, 100), (100, 700), (100, 260, 100, 700)):
        snapshot = FakeSnapshot(digits(), SAMPLES)
        for count in counts:
            layers = sample_features(snapshot, Classifier("digits"), count)  # type: ignore[arg-type]
            for name in (FEATURES, LOGITS):
                torch.testing.assert_close(layers[name], expected[name][:, :count], rtol=1e-5, atol=1e-5)


def test_vectors_themselves_are_not_copied() -> None:
    snapshot = FakeSnapshot(digits(), SAMPLES)
    features = sample_features(snapshot, Identity(), 700)[FEATURES]  # type: ignore[arg-type]
    assert features.data_ptr() == SAMPLES.data_ptr()
    assert torch.equal(features, SAMPLES.flatten(2))


def test_samples_that_are_not_finite_are_told_by_seed_and_count() -> None:
    samples = SAMPLES.clone()
    samples[1, 500, 0, 3, 3] = torch.inf
    snapshot = FakeSnapshot(digits(), samples)
    assert finite_samples(snapshot, 700).tolist() == [True, False]  # type: ignore[arg-type]
    assert finite_samples(snapshot, 500).tolist() == [True, True]  # type: ignore[arg-type]


@pytest.mark.usefixtures("forgotten_names")
def test_diagnostics_extract_each_sample_once_a_snapshot() -> None:
    taken = 0

    @dataclass(frozen=True)
    class Counting(Extractor):
        name = "counting"

        def __call__(self, examples: Tensor) -> dict[str, Tensor]:
            nonlocal taken
            taken += len(examples)
            return {FEATURES: examples.flatten(1)[:, ::4]}

    register_extractor("counting")(Counting)
    dataset = digits()
    options = {
        "fidelity": {"samples": 700},
        "support": {"samples": 300},
        "two_sample": {"samples": 300, "permutations": 9},
        "memorization": {"samples": 500, "train": 200},
    }
    diagnostics = [build(name, dataset, {**o, "extractor": "counting"}) for name, o in options.items()]
    for place in range(3):  # from the second on, features of real data are kept
        before, snapshot = taken, FakeSnapshot(dataset, SAMPLES)
        for diagnostic in diagnostics:
            diagnostic.measure(snapshot)  # type: ignore[arg-type]
        assert place == 0 or taken - before == 2 * 700
