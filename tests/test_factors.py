"""Known factors: digits in colour and in stacks, the estimators by brute force, and the diagnostic."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_snapshot import CPU, measured, referenced
from test_datasets_images import write_idx
from torch import Tensor

from ganbench.datasets import Dataset, KnownFactors
from ganbench.datasets.cats import cats
from ganbench.datasets.digit_factors import (
    BACKGROUNDS,
    INKS,
    DigitFactors,
    colour_digits,
    stacked_digits,
    stacked_mnist,
)
from ganbench.datasets.factors import FactorTable, cells, marginal
from ganbench.datasets.images import digits
from ganbench.datasets.mixtures import ring8
from ganbench.diagnostics.diagnostic import NotApplicable, primary_quantity
from ganbench.diagnostics.estimators.factor_histograms import (
    coverage,
    modes_and_kl,
    novel_valid_rate,
    pair_total_variations,
    total_variation,
)
from ganbench.diagnostics.factors import factors
from ganbench.errors import MissingData
from ganbench.extractors.classifiers import Classifier, weights_hash
from ganbench.streams import generator

SHAPE = (3, 4, 2)


def classify(images: Tensor) -> Tensor:
    return Classifier("digits")(images)["logits"].argmax(1)


def true_classes(dataset: KnownFactors, fields: dict[str, Tensor]) -> Tensor:
    return torch.stack([fields[name] for name in dataset.factors], -1)


def table() -> FactorTable:
    """Unequal shares with a combination that does not exist and two that are held out."""
    shares = torch.rand(SHAPE, generator=generator(0, "table"), dtype=torch.float64)
    shares[1, 2, 0] = 0
    heldout = torch.zeros(SHAPE, dtype=torch.bool)
    heldout[0, 0, 1] = heldout[2, 3, 0] = True
    return FactorTable(shares / shares.sum(), heldout)


def drawn_classes(seeds: int = 2, count: int = 40) -> tuple[Tensor, Tensor]:
    source = generator(0, "classes")
    classes = [torch.randint(size, (seeds, count), generator=source) for size in SHAPE]
    return torch.stack(classes, -1), torch.rand(seeds, count, generator=source) < 0.8


# Tables and estimators --------------------------------------------------------------------------


def test_a_tables_training_shares_leave_out_what_is_held_out() -> None:
    found = table()
    assert found.heldout_share == pytest.approx(float(found.shares[0, 0, 1] + found.shares[2, 3, 0]))
    assert found.training_shares[0, 0, 1] == found.training_shares[2, 3, 0] == 0
    assert float(found.training_shares.sum()) == pytest.approx(1)
    for factor, others in enumerate([(1, 2), (0, 2), (0, 1)]):
        torch.testing.assert_close(found.of_factor(factor), found.training_shares.sum(others))


def test_cells_number_a_table_as_it_lies_in_memory() -> None:
    classes = torch.tensor(list(itertools.product(*map(range, SHAPE))))
    assert cells(classes, SHAPE).tolist() == list(range(math.prod(SHAPE)))
    shares = table().shares
    for kept in [(0,), (2,), (0, 2), (1, 2), (0, 1, 2)]:
        expected = torch.zeros(math.prod(SHAPE[axis] for axis in kept), dtype=torch.float64)
        expected.index_add_(0, cells(classes, SHAPE, kept), shares.flatten())
        torch.testing.assert_close(marginal(shares, kept), expected)


def test_histograms_are_those_of_counting_by_hand() -> None:
    shares, (classes, valid) = table().shares, drawn_classes()
    for seed in range(2):
        rows = [tuple(row) for row in classes[seed].tolist()]
        fine = valid[seed].tolist()
        for kept in [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]:
            truth = shares.sum([axis for axis in range(3) if axis not in kept]).numpy()
            counts = np.zeros_like(truth)
            for row in rows:
                counts[tuple(row[axis] for axis in kept)] += 1
            expected = np.abs(counts / len(rows) - truth).sum() / 2
            assert total_variation(classes, shares, kept)[seed].item() == pytest.approx(expected)
        held = {(0, 0, 1), (2, 3, 0)}
        novel = sum(good and row in held for row, good in zip(rows, fine, strict=True))
        assert novel_valid_rate(classes, valid, table().heldout)[seed].item() == novel / len(rows)
        shown = len({row[1] for row, good in zip(rows, fine, strict=True) if good})
        assert coverage(classes, valid, shares, 1)[seed].item() == shown / 4
    pairs = pair_total_variations(classes, shares)
    expected = [total_variation(classes, shares, pair) for pair in [(0, 1), (0, 2), (1, 2)]]
    assert torch.equal(pairs, torch.stack(expected, 1))


def test_exact_shares_have_no_error_and_ties_between_factors_show_in_pairs_alone() -> None:
    shares = torch.full((4, 4), 1 / 16, dtype=torch.float64)
    every = torch.cartesian_prod(torch.arange(4), torch.arange(4)).unsqueeze(0)
    valid = torch.ones(1, 16, dtype=torch.bool)
    assert pair_total_variations(every, shares).tolist() == [[0]]
    tied = torch.arange(16).remainder(4)[None, :, None].expand(1, 16, 2)
    assert total_variation(tied, shares, (0,)).tolist() == [0]
    assert pair_total_variations(tied, shares).tolist() == [[12 / 16]]
    assert coverage(every, ~valid, shares, 0).tolist() == [0]


def test_classes_that_do_not_exist_need_no_coverage() -> None:
    shares = torch.tensor([[0.5, 0.0], [0.5, 0.0]], dtype=torch.float64)
    classes = torch.tensor([[[0, 0], [1, 0]]])
    valid = torch.ones(1, 2, dtype=torch.bool)
    assert coverage(classes, valid, shares, 1).tolist() == [1]


def test_kl_of_a_perfect_sampler_is_at_its_floor() -> None:
    shares = torch.full((10, 10, 10), 1e-3, dtype=torch.float64)
    classes = torch.randint(10, (20, 26_000, 3), generator=generator(0, "perfect"))
    modes, kl = modes_and_kl(classes, shares)
    assert (modes == 1000).all()
    # (K − 1)/2N + (K² − 1)/12N² = 0.01934; of one run the standard deviation is √((K − 1)/2)/N = 0.00086.
    assert kl.mean().item() == pytest.approx(0.01934, abs=3 * 0.00086 / math.sqrt(20))
    one = torch.zeros(1, 50, 3, dtype=torch.int64)
    assert [float(value) for value in modes_and_kl(one, shares)] == [1, pytest.approx(math.log(1000))]
    exact = torch.cartesian_prod(*[torch.arange(10)] * 3).unsqueeze(0)
    assert modes_and_kl(exact, shares)[1].item() == pytest.approx(0, abs=1e-12)


# Digits -----------------------------------------------------------------------------------------


def test_colours_and_strokes_make_the_picture() -> None:
    dataset = colour_digits()
    for split in ("train", "heldout"):
        fields = dataset.fields(split, 200, CPU, torch.float64)  # type: ignore[arg-type]
        inks, backgrounds = (torch.tensor(list(p.values())).double() for p in (INKS, BACKGROUNDS))
        ground, ink = backgrounds[fields["background"]], inks[fields["ink"]]
        towards = ink - ground
        stroke = ((fields["real"].flatten(2) - ground[..., None]) * towards[..., None]).sum(1)
        stroke = stroke / towards.square().sum(1, keepdim=True)
        whole = digits().fields(split, digits().info.split_sizes[split], CPU, torch.float64)  # type: ignore[arg-type,index]
        distance = torch.cdist(stroke, (whole["real"].flatten(1) + 1) / 2)
        assert distance.amin(1).max() < 1e-6, "each is a digit of its own split"
        assert torch.equal(whole["label"][distance.argmin(1)], fields["digit"])
        assert torch.equal(fields["label"], fields["digit"])


def test_a_latin_square_of_colours_is_held_out() -> None:
    dataset = colour_digits()
    found = dataset.factor_table()
    assert found.heldout_share == pytest.approx(0.2)
    assert int(found.heldout.sum()) == 50
    for kept in [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]:
        trained, all_ = marginal(found.training_shares, kept), marginal(found.shares, kept)
        # Digits are not equally many, which the pairs without the digit show.
        torch.testing.assert_close(trained, all_, rtol=1e-9 if 0 in kept else 0.003, atol=1e-12)
    for split, held in (("train", False), ("heldout", True)):
        fields = dataset.fields(split, 4000, CPU, torch.float32)  # type: ignore[arg-type]
        cell = cells(true_classes(dataset, fields), found.shares.shape)
        assert (found.heldout.flatten()[cell] == held).all()
        assert len(cell.unique()) == (50 if held else 200)


def test_channels_of_a_stack_are_the_digits_of_its_labels() -> None:
    dataset = stacked_digits()
    drawn = dataset.sampler((3, 4), CPU, torch.float32).draw(300)
    whole = digits().fields("train", 1437, CPU, torch.float32)
    for channel, name in enumerate(dataset.factors):
        distance = torch.cdist(drawn["real"][:, :, channel].flatten(2), whole["real"].flatten(1))
        assert distance.amin(-1).max() < 2e-3
        assert torch.equal(whole["label"][distance.argmin(-1)], drawn[name])
    number = 100 * drawn["red"] + 10 * drawn["green"] + drawn["blue"]
    assert torch.equal(drawn["label"], number)
    assert dataset.info.spec.fields["label"].classes == 1000


@pytest.mark.parametrize("make", [colour_digits, stacked_digits])
def test_digits_are_read_and_real_ones_are_valid(make: type[DigitFactors]) -> None:
    dataset = make()
    assert isinstance(dataset, KnownFactors)
    fields = dataset.fields("heldout", 5000, CPU, torch.float32)
    reading = dataset.read(fields["real"], classify)
    right = (reading.classes == true_classes(dataset, fields)).double().mean(0)
    # Of 360 held-out digits three are misread: 0.9917, give or take 0.0013 for 5,000 drawn.
    assert (right > 0.9917 - 4 * 0.0013).all(), right
    assert reading.distance is not None
    assert 0.003 < (reading.distance > dataset.tolerance()).double().mean() < 0.02
    turned = dataset.read(fields["real"].transpose(-1, -2), classify)
    assert (turned.distance > dataset.tolerance()).double().mean() > 0.9


@pytest.mark.parametrize("make", [colour_digits, stacked_digits])
def test_the_distance_is_that_to_the_nearest_trained_digit_by_brute_force(make: type[DigitFactors]) -> None:
    dataset = make()
    fields = dataset.fields("heldout", 12, CPU, torch.float64)
    x = fields["real"] + 0.3 * torch.randn(fields["real"].shape, generator=generator(0, "noise")).double()
    classes = true_classes(dataset, fields)
    found = dataset.distance(x, classes)
    trained = digits().fields("train", 1437, CPU, torch.float64)
    for picture, row, distance in zip(x, classes, found, strict=True):
        if make is stacked_digits:
            squares = sum(
                min((picture[c] - t).square().sum() for t in trained["real"][trained["label"] == row[c], 0])
                for c in range(3)
            )
        else:
            inks, backgrounds = (torch.tensor(list(p.values())).double() for p in (INKS, BACKGROUNDS))
            ground, ink = backgrounds[row[2]][:, None, None], inks[row[1]][:, None, None]
            strokes = (trained["real"][trained["label"] == row[0]] + 1) / 2
            squares = (picture - ground - strokes * (ink - ground)).square().sum((1, 2, 3)).amin()
        assert distance.item() == pytest.approx(math.sqrt(float(squares) / 192), abs=1e-4)


def test_stacked_mnist_has_the_published_protocol() -> None:
    dataset = stacked_mnist()
    assert (dataset.factor_samples, dataset.factor_classifier) == (26_000, "mnist")
    assert dataset.info.spec.shape == (3, 28, 28)
    assert dataset.tolerance() is None
    images = torch.rand(5, 3, 28, 28)
    reading = dataset.read(images, lambda channels: channels[:, 0, 0, 0].mul(10).long())
    assert torch.equal(reading.classes, images[:, :, 0, 0].mul(10).long())
    assert reading.distance is None


def test_stacked_mnist_is_of_mnists_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path))
    dataset = stacked_mnist()
    with pytest.raises(MissingData, match="ganbench data fetch mnist"):
        dataset.require()
    write_idx(tmp_path / "MNIST" / "raw", {"train": 50, "t10k": 20})
    dataset.require()
    drawn = dataset.sampler((0,), CPU, torch.float32).draw(400)
    first_pixel = drawn["real"][0, :, :, 0, 0]  # an image's number, as a byte
    number = ((first_pixel + 1) * 127.5).round().long()
    assert torch.equal(number % 10, true_classes(dataset, drawn)[0])
    assert len(number.unique()) == 50
    held = dataset.fields("heldout", 300, CPU, torch.float32)
    assert ((held["real"][:, :, 0, 0] + 1) * 127.5).round().max() == 19
    shares = dataset.info.spec.fields["label"].shares
    assert shares is not None
    torch.testing.assert_close(shares(), torch.full((1000,), 1e-3, dtype=torch.float64))
    values = measured(
        factors(dataset, samples=1000), dataset, dataset.sampler((0,), CPU, torch.float32).draw(1000)["real"]
    )
    assert {"modes_recovered", "kl_to_uniform"} <= values.keys()
    assert not {"invalid_rate", "picture_distance", "novel_valid_rate"} & values.keys()


# The diagnostic ---------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: cats(16), colour_digits, stacked_digits])
def test_a_sampler_of_the_training_set_is_near_the_reference_and_shows_nothing_new(
    make: type[Dataset],
) -> None:
    dataset = make()
    diagnostic = factors(dataset, samples=2000)
    real = dataset.sampler((0, 1), CPU, torch.float32).draw(2000)["real"]
    values, reference = measured(diagnostic, dataset, real), referenced(diagnostic, dataset)
    assert reference.keys() == values.keys()
    for name in ("factor_total_variation", "pair_total_variation_mean", "pair_total_variation_max"):
        assert (values[name] - reference[name]).abs().max() < 0.05, name
    assert values["invalid_rate"].max() <= 0.002
    assert all((values[f"{name}_coverage"] == 1).all() for name in dataset.factors)  # type: ignore[attr-defined]
    if dataset.info.name != "stacked_digits":
        assert values["novel_valid_rate"].max() <= 0.002
        assert reference["novel_valid_rate"] == pytest.approx(0.2, abs=0.005)


def test_planted_defects_of_cats_show_where_they_should() -> None:
    dataset, count = cats(16), 1000
    diagnostic = factors(dataset, samples=count)
    real = dataset.sampler((0,), CPU, torch.float32).draw(count)["real"][0]
    held = dataset.examples("heldout", count, CPU, torch.float32)
    mixed = torch.cat([real[:700], held[:300]])
    broken = torch.cat([real[:800], real[:200].flip(-1)])
    copied = real[:5].repeat(200, 1, 1, 1)
    nothing = torch.full_like(real, torch.nan)
    values = measured(diagnostic, dataset, torch.stack([real, mixed, broken, copied, nothing]))
    novel, invalid = values["novel_valid_rate"], values["invalid_rate"]
    assert novel[:4].tolist() == pytest.approx([0, 0.3, 0, 0], abs=0.003)
    assert invalid[:4].tolist() == pytest.approx([0, 0, 0.2, 0], abs=0.003)
    pairs = values["pair_total_variation_mean"]
    assert pairs[3] > 0.9
    assert pairs[0] < 0.2
    distance = values["picture_distance"]
    assert distance[:2].tolist() == pytest.approx([0, 0], abs=1e-3)
    assert distance[2] > 0.2 * dataset.tolerance()
    assert values["eyes_coverage"][3] <= 5 / 15
    assert all(value[4].isnan() for value in values.values())

    examples, validity = (diagnostic.arrays()[name] for name in ("examples", "validity"))
    assert ((validity == -1).sum((1, 2)) == 5 * 16 - sum(dataset.factors.values())).all()
    assert (validity[0] != 1).all()
    assert (validity[0] == 2).sum() == sum(dataset.factors.values())
    shown = np.unique(examples[3][validity[3] == 2], axis=0)
    assert len(shown) <= 5
    assert (examples[3][validity[3] < 1] == 255).all()
    assert (validity[4] < 1).all()
    eyes = torch.from_numpy(examples[1, 2, :15]).float() / 127.5 - 1
    assert dataset.read(eyes, classify).classes[:, 2].tolist() == list(range(15))


def test_the_primary_quantity_ranks_what_is_no_valid_cat_yet() -> None:
    dataset, count = cats(16), 1000
    diagnostic = factors(dataset, samples=count)
    real = dataset.examples("train", count, CPU, torch.float32)
    noise = torch.randn(real.shape, generator=generator(0, "noise"))
    noisy, blends = real + 0.15 * noise, (real + real.roll(1, 0)) / 2
    values = measured(diagnostic, dataset, torch.stack([real, noisy, blends, noise.clamp(-1, 1)]))
    pairs, reference = values["pair_total_variation_mean"], referenced(diagnostic, dataset)
    assert values["invalid_rate"][1:].tolist() == pytest.approx([1, 1, 1], abs=0.05)
    assert pairs[:2].tolist() == pytest.approx([reference["pair_total_variation_mean"]] * 2, abs=0.03)
    assert pairs[1] + 0.1 < pairs[2] < pairs[3] - 0.1
    assert values["picture_distance"][1] == pytest.approx(0.15, abs=0.01)


def test_dropped_digits_lose_modes_and_raise_the_divergence() -> None:
    dataset = stacked_digits()
    diagnostic = factors(dataset)
    fields = dataset.sampler((0,), CPU, torch.float32).draw(26_000)
    real, few = fields["real"], fields["real"][fields["red"] < 5]
    dropped = few[torch.arange(26_000) % len(few)].unsqueeze(0)
    values = measured(diagnostic, dataset, torch.cat([real, dropped]))
    assert values["modes_recovered"].tolist() == pytest.approx([1000, 500], abs=3)
    assert values["kl_to_uniform"][0] < 0.03
    assert values["kl_to_uniform"][1] == pytest.approx(math.log(2) + 0.02, abs=0.01)
    assert values["red_coverage"].tolist() == [1, pytest.approx(0.5, abs=0.11)]
    assert values["red_total_variation"][1] == pytest.approx(0.5, abs=0.02)


def test_the_primary_quantity_and_the_protocol() -> None:
    for dataset in (cats(), colour_digits(), stacked_digits()):
        primary = primary_quantity(dataset)
        assert (primary.name, primary.direction) == ("pair_total_variation_mean", "lower")
    protocol = primary.protocol
    assert protocol["samples"] == 26_000
    assert protocol["weights_sha256"] == weights_hash("digits")
    assert protocol["tolerance"] == stacked_digits().tolerance()
    novel = next(q for q in factors(colour_digits()).quantities if q.name == "novel_valid_rate")
    assert (novel.direction, novel.target) == ("target", pytest.approx(0.2))


def test_other_data_sets_are_not_measured() -> None:
    for dataset in (ring8(), digits()):
        with pytest.raises(NotApplicable, match="factors are not known"):
            factors(dataset)
