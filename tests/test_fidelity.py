"""Fréchet distance, score and classes: closed forms, torch-fidelity's own results, and the classifiers."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
import torch_fidelity
from fake_snapshot import CPU, measured, referenced
from made_sides import QUICK, cell, side
from scipy.linalg import sqrtm
from torch import Tensor
from torch_fidelity.metric_isc import isc_features_to_metric

from ganbench import registry
from ganbench.comparison.gate import gate
from ganbench.comparison.model import Cell, ReasonCode
from ganbench.datasets import Dataset, images
from ganbench.datasets.images import digits, fashion_mnist, mnist
from ganbench.datasets.mixtures import ring8
from ganbench.diagnostics.diagnostic import NotApplicable, primary_quantity
from ganbench.diagnostics.estimators import frechet as frechet_module
from ganbench.diagnostics.estimators.frechet import (
    Deviations,
    Moments,
    fit,
    frechet_distance,
    inception_score,
    moments,
    square_root,
)
from ganbench.diagnostics.fidelity import fidelity, real_features
from ganbench.diagnostics.support import support
from ganbench.diagnostics.two_sample import two_sample
from ganbench.errors import GanbenchError, MissingData
from ganbench.extractors import FEATURES, LOGITS, Extractor, extract, register_extractor
from ganbench.extractors.classifiers import WEIGHTS, Classifier, description, load_classifier, weights_hash
from ganbench.extractors.identity import Identity
from ganbench.extractors.torch_fidelity_names import published

DIGITS, IDENTITY = Classifier("digits"), Identity()


def random(*shape: int, seed: int = 0) -> Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=source, dtype=torch.float64)


def covariances(count: int, dim: int, rank: int, seed: int) -> Tensor:
    factor = random(count, dim, rank, seed=seed)
    return factor @ factor.mT


def noisy_digits(noise: float, seeds: int = 2, count: int = 1437) -> Tensor:
    images = digits().examples("train", count, CPU, torch.float32)
    noise_ = random(seeds, *images.shape, seed=5).float()
    return (images + noise * noise_).clamp(-1, 1)


# The statistics ---------------------------------------------------------------------------------


def test_distance_of_diagonal_gaussians_in_any_rotation() -> None:
    first, second = torch.tensor([4.0, 1.0, 0.0]).double(), torch.tensor([1.0, 9.0, 0.25]).double()
    shift = torch.tensor([1.0, -2.0, 0.5]).double()
    rotation, _ = torch.linalg.qr(random(3, 3))
    one = Moments(torch.zeros(3).double(), rotation @ first.diag() @ rotation.T)
    two = Moments(rotation @ shift, rotation @ second.diag() @ rotation.T)
    expected = 5.25 + (1 + 4 + 0.25)  # ‖Δμ‖² + Σ(√a − √b)²
    assert frechet_distance(one, two).item() == pytest.approx(expected, abs=1e-7)


def test_distance_equals_the_matrix_square_roots_and_is_symmetric() -> None:
    one = Moments(random(5, 6), covariances(5, 6, 9, 1))
    two = Moments(random(5, 6, seed=2), covariances(5, 6, 9, 3))
    expected = [
        float(((m1 - m2) ** 2).sum() + np.trace(s1 + s2 - 2 * np.real(sqrtm(s1 @ s2))))
        for m1, s1, m2, s2 in zip(
            *(t.numpy() for m in (one, two) for t in (m.mean, m.covariance)), strict=True
        )
    ]
    torch.testing.assert_close(frechet_distance(one, two), torch.tensor(expected).double())
    torch.testing.assert_close(frechet_distance(two, one), torch.tensor(expected).double())


def test_distance_of_rank_deficient_covariances() -> None:
    # Both live in a plane of six dimensions; the distance is that within the plane.
    plane, _ = torch.linalg.qr(random(6, 2))
    small = [Moments(random(2, seed=s), covariances(1, 2, 4, s)[0]) for s in (1, 2)]
    large = [Moments(plane @ m.mean, plane @ m.covariance @ plane.T) for m in small]
    assert frechet_distance(*large).item() == pytest.approx(frechet_distance(*small).item(), abs=1e-6)
    points = moments(torch.ones(3, 10, 6))
    assert frechet_distance(points, points).tolist() == [0, 0, 0]
    assert frechet_distance(points, large[0]).isfinite().all()


def test_distance_to_itself_is_zero() -> None:
    own = moments(random(2, 30, 40))  # fewer samples than dimensions
    assert frechet_distance(own, own).max().item() < 1e-5
    assert (frechet_distance(own, own) >= 0).all()


def test_distance_is_the_same_wherever_the_features_lie() -> None:
    """Sums of products in single precision are not: see docs/references.md."""
    one, two = random(2, 200, 12), random(200, 12, seed=1) * 1.5 + 0.1
    near, far = (frechet_distance(fit(one + shift), fit(two + shift)) for shift in (0.0, 1e5))
    torch.testing.assert_close(far, near, rtol=1e-8, atol=0)


def test_distance_of_samples_from_gaussians() -> None:
    count = 20_000
    one = moments(random(4, count, 2))
    two = moments(random(4, count, 2, seed=1) * torch.tensor([2.0, 1.0]) + torch.tensor([0.0, 3.0]))
    # ‖Δμ‖² = 9 with standard error 2·3·√(2/n) = 0.06, and (√4 − 1)² = 1.
    assert frechet_distance(one, two).mean().item() == pytest.approx(10, abs=4 * 0.065 / 2)


@pytest.mark.parametrize(("first", "second"), [(10, 12), (10, 40), (40, 10), (40, 60), (2, 2)])
def test_distance_of_few_points_is_that_of_their_moments(first: int, second: int) -> None:
    one, two = random(3, first, 20), random(second, 20, seed=1) * 1.5 + 0.3
    assert isinstance(fit(one), Deviations) == (first < 20)
    expected = [frechet_distance(moments(points), moments(two)).item() for points in one]
    # Of the moments' 20 eigenvalues those that are 0 are rounding, whose roots are 1e-8.
    np.testing.assert_allclose(frechet_distance(fit(one), fit(two)), expected, rtol=1e-6)
    np.testing.assert_allclose(frechet_distance(fit(two), fit(one)), expected, rtol=1e-6)


def test_distance_of_few_points_in_closed_form() -> None:
    # Two points each: Σ = vvᵀ/2 with v their difference, so the overlap is |v·w|/2.
    one, two = random(2, 50), random(2, 50, seed=1)
    v, w = one[0] - one[1], two[0] - two[1]
    shift = (one.mean(0) - two.mean(0)).square().sum()
    expected = shift + (v @ v + w @ w) / 2 - (v @ w).abs()
    assert frechet_distance(fit(one), fit(two)).item() == pytest.approx(expected.item(), rel=1e-12)
    assert frechet_distance(fit(one), fit(one)).item() < 1e-12


def test_few_points_that_are_not_finite_give_nan_alone() -> None:
    features = random(3, 10, 20)
    features[1, 3, 2] = math.inf
    assert frechet_distance(fit(features), fit(random(5, 20))).isnan().tolist() == [False, True, False]


def test_the_root_of_a_reference_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Tensor] = []

    def counted(matrix: Tensor) -> Tensor:
        made.append(matrix)
        return square_root(matrix)

    monkeypatch.setattr(frechet_module, "square_root", counted)
    reference = fit(random(50, 4))
    values = [frechet_distance(fit(random(3, 50, 4, seed=s)), reference) for s in (1, 2, 1)]
    assert len(made) == 1
    assert torch.equal(values[0], values[2])


def test_moments_are_numpys() -> None:
    features = random(3, 50, 4)
    found = moments(features)
    for seed in range(3):
        np.testing.assert_allclose(found.mean[seed], features[seed].numpy().mean(0), atol=1e-12)
        np.testing.assert_allclose(found.covariance[seed], np.cov(features[seed].numpy().T), atol=1e-12)


def test_square_root_squares_back() -> None:
    matrices = covariances(3, 5, 3, 0)
    root = square_root(matrices)
    torch.testing.assert_close(root @ root, matrices, atol=1e-10, rtol=0)


def test_a_set_that_is_not_finite_gives_nan_alone() -> None:
    features = random(3, 20, 4)
    clean = frechet_distance(moments(features), moments(features[0] + 1))
    features[1, 3, 2] = math.nan
    found = frechet_distance(moments(features), moments(random(3, 20, 4)[0] + 1))
    assert found.isnan().tolist() == [False, True, False]
    torch.testing.assert_close(found[[0, 2]], clean[[0, 2]])


def test_score_is_the_number_of_sure_and_even_classes() -> None:
    sure = torch.eye(7).repeat(5, 1) * 1e4
    assert inception_score(sure).item() == pytest.approx(7)
    assert inception_score(random(1, 7).expand(30, 7)).item() == pytest.approx(1)
    # Probability q on the own class of two, both as often: exp(log 2 − H(q)).
    q = 0.8
    logits = torch.tensor([[math.log(q), math.log(1 - q)], [math.log(1 - q), math.log(q)]])
    entropy = -(q * math.log(q) + (1 - q) * math.log(1 - q))
    assert inception_score(logits).item() == pytest.approx(2 * math.exp(-entropy))


def test_score_with_splits_is_the_mean_over_successive_parts() -> None:
    logits = random(2, 100, 5) * 3
    parts = logits.unflatten(1, (10, 10))
    torch.testing.assert_close(inception_score(logits, 10), inception_score(parts).mean(1))
    assert (inception_score(logits, 10) < inception_score(logits)).all()


@pytest.mark.parametrize("splits", [1, 10])
def test_score_with_splits_is_torch_fidelitys(splits: int) -> None:
    logits = random(1437, 10) * 2
    theirs = isc_features_to_metric(logits, splits=splits, shuffle=False)["inception_score_mean"]
    assert inception_score(logits, splits).item() == pytest.approx(theirs, rel=1e-12)


def test_score_with_splits_has_a_name_and_a_protocol_of_its_own() -> None:
    samples = noisy_digits(0.3)
    values = measured(fidelity(digits(), splits=10), digits(), samples)
    one = measured(fidelity(digits()), digits(), samples)
    assert (values["is_classifier_1437_splits10"] < one["is_classifier_1437"]).all()
    declared = {q.name: q.protocol for q in fidelity(digits(), splits=10).quantities}
    assert declared["is_classifier_1437_splits10"]["splits"] == 10
    with pytest.raises(GanbenchError, match="51 splits need as many samples, not 50"):
        fidelity(digits(), samples=50, splits=51)


# torch-fidelity ---------------------------------------------------------------------------------


class Examples(torch.utils.data.Dataset):
    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    def __len__(self) -> int:
        return len(self._tensor)

    def __getitem__(self, index: int) -> Tensor:
        return self._tensor[index]


def torch_fidelitys(
    generated: Tensor, real: Tensor, extractor: Extractor, **metrics: bool
) -> dict[str, float]:
    return torch_fidelity.calculate_metrics(
        input1=Examples(generated),
        input2=Examples(real),
        feature_extractor=published(extractor),
        isc_splits=1,
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
        **metrics,
    )


def test_vectors_agree_with_torch_fidelity() -> None:
    samples = ring8(radius=1.7, sigma=0.1).sampler([0, 1], CPU, torch.float32).draw(2500)["real"]
    values = measured(fidelity(ring8()), ring8(), samples)["frechet_identity_heldout_2500"]
    real = ring8().examples("heldout", 2500, CPU, torch.float32)
    theirs = [torch_fidelitys(one, real, IDENTITY, fid=True)["frechet_inception_distance"] for one in samples]
    np.testing.assert_allclose(values, theirs, rtol=1e-4)


def test_images_agree_with_torch_fidelity() -> None:
    samples = noisy_digits(0.5)
    values = measured(fidelity(digits()), digits(), samples)
    real = digits().examples("train", 1437, CPU, torch.float32)
    for seed in range(2):
        theirs = torch_fidelitys(samples[seed], real, DIGITS, fid=True, isc=True)
        assert values["fid_classifier_train_1437"][seed].item() == pytest.approx(
            theirs["frechet_inception_distance"], rel=1e-4
        )
        assert values["is_classifier_1437"][seed].item() == pytest.approx(
            theirs["inception_score_mean"], rel=1e-6
        )


def test_extractors_take_bytes_and_three_channels() -> None:
    images = torch.randint(0, 256, (1, 20, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    floats = extract(DIGITS, images / 127.5 - 1)
    for other in (images.to(torch.uint8), (images / 127.5 - 1).expand(-1, -1, 3, -1, -1)):
        for name, features in extract(DIGITS, other).items():
            torch.testing.assert_close(features, floats[name])


def test_features_are_the_classifiers_for_every_seed() -> None:
    samples = noisy_digits(0.3, seeds=3, count=300)
    found = extract(DIGITS, samples)
    for seed in range(3):
        features, logits = load_classifier("digits")(samples[seed])
        torch.testing.assert_close(found[FEATURES][seed], features, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(found[LOGITS][seed], logits, atol=1e-4, rtol=1e-4)
    assert torch.equal(extract(IDENTITY, samples)[FEATURES], samples.flatten(2))


# The classifiers --------------------------------------------------------------------------------

EXPECTED = {"digits": (digits, 0.97), "mnist": (mnist, 0.99), "fashion_mnist": (fashion_mnist, 0.89)}


@pytest.mark.parametrize("name", EXPECTED)
def test_weights_are_those_described(name: str) -> None:
    content = (WEIGHTS / f"{name}.safetensors").read_bytes()
    told = description(name)
    assert hashlib.sha256(content).hexdigest() == told["sha256"] == weights_hash(name)
    assert len(content) < 400_000
    assert told["heldout_accuracy"] >= EXPECTED[name][1]


@pytest.mark.parametrize("name", EXPECTED)
def test_heldout_accuracy_is_as_described(name: str) -> None:
    dataset = EXPECTED[name][0]()
    try:
        dataset.require()
    except MissingData as missing:
        pytest.skip(str(missing))
    count = dataset.info.split_sizes["heldout"]
    images = dataset.examples("heldout", count, CPU, torch.float32).unsqueeze(0)
    predicted = extract(Classifier(name), images)[LOGITS].argmax(-1)[0]
    accuracy = (predicted == dataset.rows("heldout", CPU).columns["label"]).double().mean().item()
    assert accuracy == pytest.approx(description(name)["heldout_accuracy"], abs=2 / count)


# The diagnostic ---------------------------------------------------------------------------------


def test_values_of_digits() -> None:
    values = measured(fidelity(digits()), digits(), noisy_digits(0.0))
    assert values["fid_classifier_train_1437"].max().item() < 1e-4  # the reference itself
    # Half the mass of the smallest class short of one class at most: the histogram of train labels.
    assert values["class_total_variation"].max().item() < 0.002
    assert (values["classes_recovered"] == 10).all()
    assert 9 < values["is_classifier_1437"].min().item() <= 10
    assert 0 < values["fid_classifier_heldout_360"].min().item() < 15


def test_distance_grows_with_noise() -> None:
    found = [
        measured(fidelity(digits()), digits(), noisy_digits(noise, seeds=1))[
            "fid_classifier_train_1437"
        ].item()
        for noise in (0.1, 0.2, 0.4, 0.8)
    ]
    assert found == sorted(found)
    assert found[-1] > 20 * found[0]


def test_only_as_many_samples_as_there_are_heldout_images_are_compared_to_them() -> None:
    samples = noisy_digits(0.0)
    other = samples.clone()
    other[:, 360:] = -1.0
    ours, changed = (measured(fidelity(digits()), digits(), x) for x in (samples, other))
    assert torch.equal(ours["fid_classifier_heldout_360"], changed["fid_classifier_heldout_360"])
    assert (changed["fid_classifier_train_1437"] > 1).all()


def test_one_class_alone() -> None:
    labels = digits().rows("train", CPU).columns["label"]
    images = digits().examples("train", 1437, CPU, torch.float32)
    fours = images[labels == 4]
    samples = fours.repeat(10, 1, 1, 1)[:1437].unsqueeze(0)
    values = measured(fidelity(digits()), digits(), samples)
    share = (labels == 4).double().mean().item()
    assert values["class_total_variation"].item() == pytest.approx(1 - share, abs=0.01)
    assert values["classes_recovered"].item() <= 2
    assert values["is_classifier_1437"].item() < 1.1


def test_the_references_are_heldout_against_train() -> None:
    references = referenced(fidelity(digits()), digits())
    train, heldout = (
        extract(DIGITS, digits().examples(split, count, CPU, torch.float32).unsqueeze(0))  # type: ignore[arg-type]
        for split, count in (("train", 1437), ("heldout", 360))
    )
    expected = frechet_distance(moments(heldout[FEATURES]), moments(train[FEATURES]))
    assert references["fid_classifier_train_1437"] == pytest.approx(expected.item(), rel=1e-6)
    equal = frechet_distance(moments(train[FEATURES][:, :360]), moments(heldout[FEATURES]))
    assert references["fid_classifier_heldout_360"] == pytest.approx(equal.item(), rel=1e-3)
    assert references["is_classifier_1437"] == pytest.approx(
        inception_score(heldout[LOGITS]).item(), rel=1e-6
    )
    # Ten even classes, 1,437 draws: ½·10·√(2·0.09/(π·1437)) = 0.032 on average.
    assert 0.012 < references["class_total_variation"] < 0.055


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_diverged_seed_is_nan_and_leaves_the_others(bad: float) -> None:
    samples = noisy_digits(0.3, seeds=3)
    clean = measured(fidelity(digits()), digits(), samples)
    samples = samples.clone()
    samples[1, 1436, 0, 0, 0] = bad
    for name, value in measured(fidelity(digits()), digits(), samples).items():
        expected = clean[name].clone()
        expected[1] = math.nan
        torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-6, equal_nan=True)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [-1.0, 0.0, 7.0, 1e6])
def test_a_constant_generator_has_finite_numbers_and_the_score_one(value: float) -> None:
    values = measured(fidelity(digits()), digits(), torch.full((2, 1437, 1, 8, 8), value))
    assert all(v.isfinite().all() for v in values.values())
    assert values["is_classifier_1437"].tolist() == pytest.approx([1, 1], rel=1e-6)
    assert values["classes_recovered"].tolist() == [1, 1]
    assert (values["fid_classifier_train_1437"] > 50).all()


@pytest.mark.filterwarnings("error")
def test_fewer_samples_than_features_have_the_distance_of_the_definition() -> None:
    samples = noisy_digits(0.5, seeds=1, count=20)
    value = measured(fidelity(digits(), extractor="identity", samples=20), digits(), samples)
    one = samples[0].flatten(1).double().numpy()
    two = digits().examples("train", 20, CPU, torch.float64).flatten(1).numpy()
    s1, s2 = np.cov(one.T), np.cov(two.T)
    overlap = np.sqrt(np.linalg.eigvals(s1 @ s2).astype(complex)).real.sum()
    expected = ((one.mean(0) - two.mean(0)) ** 2).sum() + np.trace(s1 + s2) - 2 * overlap
    assert value["frechet_identity_train_20"].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("factory", [digits, mnist, fashion_mnist])
def test_the_primary_quantity_is_the_data_sets(factory: Any) -> None:
    info, primary = factory().info, primary_quantity(factory())
    count = info.evaluation_samples
    assert (primary.direction, primary.scale, primary.unit, primary.lowest) == ("lower", "log", "", 0)
    assert primary.title == f"Fréchet distance in classifier features to {count:,} train images"
    assert primary.protocol == {
        "split": "train",
        "generated": count,
        "reference": count,
        "version": 1,
        "layer": "features",
        "extractor": f"ganbench-classifier-{info.name}",
        "weights_sha256": description(info.name)["sha256"],
    }


@pytest.mark.parametrize(("factory", "extractor"), [(digits, "auto"), (ring8, "auto"), (digits, "identity")])
def test_the_protocol_is_in_the_name(factory: Any, extractor: Any) -> None:
    few, many = (
        {q.name: q.protocol for q in fidelity(factory(), extractor, samples=n).quantities} for n in (50, 100)
    )
    assert all(not name.startswith("fid_") or "classifier" in name for name in few)
    assert all(few[name] != many[name] for name in few.keys() & many.keys())
    for name in few:
        if name.startswith(("fid_", "frechet_", "is_")):
            assert "50" in name
            assert name not in many


def test_pixels_on_request() -> None:
    values = measured(fidelity(digits(), extractor="identity"), digits(), noisy_digits(0.1))
    assert set(values) == {"frechet_identity_train_1437", "frechet_identity_heldout_360"}


def test_images_without_a_classifier_are_not_for_it() -> None:
    class Faces(Dataset):
        info = replace(digits().info, name="faces")
        sampler = fields = None  # type: ignore[assignment]

    with pytest.raises(NotApplicable, match=r"faces: no extractor .* the pixels"):
        fidelity(Faces())
    with pytest.raises(NotApplicable, match=r"ring8: the classifier 'digits' is of images .*, not \(2,\)"):
        fidelity(ring8(), extractor="digits")
    with pytest.raises(GanbenchError, match="did you mean 'digits'"):
        fidelity(digits(), extractor="digit")
    assert fidelity(Faces(), extractor="identity").quantities


@pytest.mark.usefixtures("forgotten_names")
def test_an_extractor_of_a_users_is_in_names_and_protocols() -> None:
    @dataclass(frozen=True)
    class Means(Extractor):
        name = "row-means"
        axis: int = -1

        def __call__(self, examples: Tensor) -> dict[str, Tensor]:
            return {FEATURES: examples.mean(self.axis).flatten(1)}

        def protocol(self, layer: str) -> dict[str, Any]:
            return {**super().protocol(layer), "axis": self.axis}

    @register_extractor("row-means")
    def row_means(axis: int = -1) -> Extractor:
        return Means(axis=axis)

    samples = noisy_digits(0.3)
    values = measured(fidelity(digits(), extractor="row-means"), digits(), samples)
    assert set(values) == {"fid_row-means_train_1437", "fid_row-means_heldout_360"}
    real = digits().examples("train", 1437, CPU, torch.float32).mean(-1).flatten(1)
    expected = frechet_distance(moments(samples.mean(-1).flatten(2)), moments(real))
    torch.testing.assert_close(values["fid_row-means_train_1437"], expected, rtol=1e-5, atol=0)
    for diagnostic in (fidelity, support, two_sample):
        made = diagnostic(digits(), extractor={"row-means": {"axis": -2}})
        assert {"extractor": "row-means", "layer": "features", "axis": -2}.items() <= (
            made.quantities[0].protocol.items()
        )


def test_the_classifier_of_other_images_says_so() -> None:
    names = {quantity.name for quantity in fidelity(mnist(), extractor="fashion_mnist").quantities}
    assert names == {
        "fid_fashion_mnist_train_10000",
        "fid_fashion_mnist_heldout_10000",
        "is_fashion_mnist_10000",
    }


def test_more_samples_than_real_data_are_refused() -> None:
    with pytest.raises(GanbenchError, match="1,437"):
        fidelity(digits(), samples=1438)


def test_its_page_says_what_good_looks_like_and_what_it_misses() -> None:
    page = registry.get("diagnostic", "fidelity").documentation
    assert "What good looks like" in page
    assert "What it is blind to" in page


def test_held_out_images_that_are_training_images_are_seen_by_the_gate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The samples are as near to the training images as before: only what real data get has moved."""

    def judged() -> tuple[Cell, dict[str, float]]:
        images._rows_on.cache_clear()
        real_features.cache_clear()
        diagnostic = fidelity(digits())
        declared = {quantity.name: quantity for quantity in diagnostic.quantities}
        names = {"tv": "fid_classifier_train_1437", "fid": "fid_classifier_heldout_360"}
        references = referenced(diagnostic, digits())
        made = cell("v", "digits", dict.fromkeys(names, np.linspace(40, 50, 20)))
        values = {n: replace(made.values[n], reference=references[names[n]]) for n in names}
        return replace(made, values=values, declared={n: declared[names[n]] for n in names}), references

    base, before = judged()
    load = images._load_digits
    monkeypatch.setattr(images, "_load_digits", lambda split: load("train"))
    leaking, after = judged()
    monkeypatch.undo()
    images._rows_on.cache_clear()
    real_features.cache_clear()
    assert before["fid_classifier_heldout_360"] == pytest.approx(5.58, abs=0.01)
    assert after["fid_classifier_heldout_360"] == pytest.approx(7.64, abs=0.01)
    decision = gate(side([base]), side([leaking]), QUICK, np.random.default_rng(0))
    assert (decision.exit_code, decision.cells[0].codes) == (4, (ReasonCode.REFERENCE,))
    assert "real data get 5.58 in BASE and 7.64 in NEW" in decision.reasons[0]
    assert gate(side([base]), side([base]), QUICK, np.random.default_rng(0)).exit_code == 0


@pytest.mark.parametrize(("count", "flagged"), [(64, True), (65, False)])
@pytest.mark.parametrize(("name", "prefix"), [("fidelity", "frechet"), ("mifid", "mifid")])
def test_a_distance_of_no_more_points_than_features_says_so(
    name: str, prefix: str, count: int, flagged: bool
) -> None:
    diagnostic = registry.get("diagnostic", name).factory(digits(), extractor="identity", samples=count)
    for _ in range(2):
        measured(diagnostic, digits(), noisy_digits(0.3)[:, :count])  # 64 pixels
    distance = f"{prefix}_identity_train_{count}"
    title = {quantity.name: quantity.title for quantity in diagnostic.quantities}[distance]
    words = "64 points in 64 dimensions, so mostly bias"
    assert title.count(words) == flagged
    assert (f"{distance}: {words}" in diagnostic.notes) is flagged
