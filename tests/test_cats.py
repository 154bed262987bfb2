"""Cats: the pictures are those of the art, the factors are the art's own, and the reader reads them."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_snapshot import CPU
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ganbench.datasets import KnownFactors
from ganbench.datasets import cats as module
from ganbench.datasets.cats import EMPTY_FURS, FACTORS, FILES, HIDDEN, SCARVES, art_files, cats, parts
from ganbench.datasets.factors import cells
from ganbench.errors import MissingData
from ganbench.streams import generator

SIZES = (16, 32, 64)


@functools.cache
def original(layer: int, number: int) -> Image.Image:
    with Image.open(art_files()[layer][number]) as image:
        return image.convert("RGBA")


def reduced(picture: Image.Image, size: int) -> Tensor:
    """An original picture as [3, size, size] in [-1, 1], by area."""
    pixels = torch.from_numpy(np.asarray(picture.convert("RGB"), dtype=np.float64))
    block = 1024 // size
    return (
        pixels.permute(2, 0, 1).unflatten(2, (size, block)).unflatten(1, (size, block)).mean((2, 4)) / 127.5
        - 1
    )


def composed(files: tuple[int, ...]) -> Image.Image:
    picture = Image.new("RGBA", (1024, 1024), "white")
    for layer, number in enumerate(files):
        picture = Image.alpha_composite(picture, original(layer, number))
    return picture


def files_of(classes: list[int]) -> tuple[int, ...]:
    """The art's own numbers of classes; any mouth where it is hidden."""
    body, fur, eyes, mouth, accessory = classes
    return (body, fur + (fur >= EMPTY_FURS[1]), eyes, 3 if mouth == HIDDEN else mouth, accessory)


def true_classes(fields: dict[str, Tensor]) -> Tensor:
    return torch.stack([fields[name] for name in FACTORS], -1)


def seen(x: Tensor, blur: float, noise: float) -> Tensor:
    """Pictures blurred by a Gaussian (in pixels) and with noise."""
    if blur:
        reach = torch.arange(-4, 5.0)
        kernel = torch.softmax(-(reach**2) / (2 * blur**2), 0)
        padded = functional.pad(x, (4, 4, 4, 4), mode="replicate").flatten(0, 1).unsqueeze(1)
        rows = functional.conv2d(padded, kernel.view(1, 1, 1, -1))
        x = functional.conv2d(rows, kernel.view(1, 1, -1, 1)).view(x.shape)
    return x + noise * torch.randn(x.shape, generator=generator(0, "noise"))


# The art ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_is_the_composition_of_the_originals_resized_by_area(size: int) -> None:
    fields = cats(size).fields("heldout", 12, CPU, torch.float64)
    assert HIDDEN in fields["mouth"], "a scarf is among them"
    expected = torch.stack([reduced(composed(files_of(c)), size) for c in true_classes(fields).tolist()])
    error = fields["real"] - expected
    # Layers are resized before they are composited, which differs where two soft edges lie in one pixel.
    distance = error.square().mean((1, 2, 3)).sqrt()
    assert distance.max() < {16: 0.04, 32: 0.02, 64: 0.014}[size]
    assert error.mean().abs() < 2e-3
    neighbours = fields["real"].roll(1, 0) - expected
    assert (distance < neighbours.square().mean((1, 2, 3)).sqrt() / 5).all()


def test_layers_over_each_other_are_pils_alpha_composite() -> None:
    small = parts(64, "grey", CPU, torch.float64)
    classes = torch.tensor([[3, 4, 5, 6, 11]])
    picture = Image.new("RGBA", (64, 64), (128, 128, 128, 255))
    for layer, number in enumerate(classes[0].tolist()):
        opaque = 1 - small.through[layer][number]
        colour = (small.colour[layer][number] + opaque) / 2 / opaque.clamp(min=1e-9)
        pixels = (torch.cat([colour, opaque]) * 255).round().clamp(0, 255).byte().permute(1, 2, 0)
        picture = Image.alpha_composite(picture, Image.fromarray(pixels.numpy()))
    expected = torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1) / 127.5 - 1
    assert (small.compose(classes)[0] - expected).abs().max() < 4 / 127.5  # five roundings to bytes


def test_only_the_empty_furs_are_alike_and_only_the_scarves_cover_the_mouth() -> None:
    for layer, (name, count) in enumerate(FILES.items()):
        pictures = torch.stack([torch.from_numpy(np.array(original(layer, i))) for i in range(count)]).float()
        visible = torch.cat([pictures[..., :3] * pictures[..., 3:], pictures[..., 3:]], -1).flatten(1)
        pairs = [(i, j) for i in range(count) for j in range(i) if torch.equal(visible[i], visible[j])]
        assert pairs == ([EMPTY_FURS[::-1]] if name == "fur" else []), name
        if name == "fur":
            assert not visible[EMPTY_FURS[0]].any()
    opaque = torch.stack([torch.from_numpy(np.array(original(3, i)))[..., 3] for i in range(FILES["mouth"])])
    mouth = opaque.float().mean(0)
    shown = [
        float((mouth * (1 - torch.from_numpy(np.array(original(4, i)))[..., 3] / 255)).sum() / mouth.sum())
        for i in range(FILES["accessory"])
    ]
    assert [i for i, share in enumerate(shown) if share < 0.01] == list(SCARVES)
    assert all(share > 0.9 for i, share in enumerate(shown) if i not in SCARVES)


# Combinations -----------------------------------------------------------------------------------


def test_a_fifth_of_the_different_cats_is_held_out_and_none_is_trained_on() -> None:
    table, info = cats().factor_table(), cats().info
    assert int((table.shares > 0).sum()) == 15 * 9 * 15 * (14 * 10 + 2) == 287_550
    assert int(table.heldout.sum()) == 57_510
    assert not (table.heldout & (table.shares == 0)).any()
    assert sum(info.split_sizes.values()) == 360_000
    assert table.heldout_share == pytest.approx(info.split_sizes["heldout"] / 360_000)
    assert table.heldout_share == pytest.approx(0.2, abs=0.002)
    assert float(table.shares.sum()) == pytest.approx(1, abs=1e-12)
    trained, held = (
        set(cells(module.combinations(s), table.shares.shape).tolist()) for s in ("train", "heldout")
    )
    assert not trained & held
    assert len(trained) + len(held) == 287_550


def test_shares_are_those_of_the_training_rows() -> None:
    dataset = cats()
    rows = dataset.rows("train", CPU)
    for name, classes in FACTORS.items():
        field = dataset.info.spec.fields[name]
        assert field.classes == classes
        assert field.shares is not None
        torch.testing.assert_close(field.shares(), torch.bincount(rows.columns[name]).double() / len(rows))
    shares = dataset.factor_table().shares
    assert float(shares.sum((0, 1, 2, 4))[HIDDEN]) == pytest.approx(2 / 16)
    assert float(shares.sum((0, 2, 3, 4))[EMPTY_FURS[0]]) == pytest.approx(2 / 10)


def test_draws_are_the_compositions_of_their_labels_and_an_epoch_shows_each_row_once() -> None:
    dataset = cats(16)
    sampler = dataset.sampler((0, 7), CPU, torch.float32)
    drawn = sampler.draw(50)
    pictures = parts(16, "white", CPU, torch.float32).compose(true_classes(drawn).flatten(0, 1))
    assert torch.equal(drawn["real"].flatten(0, 1), pictures)
    assert torch.equal(drawn["label"], drawn["body"])
    heldout = dataset.factor_table().heldout.flatten()
    assert not heldout[cells(true_classes(drawn), tuple(FACTORS.values()))].any()
    kept = sampler.state()
    after = sampler.draw(9)
    fresh = dataset.sampler((0, 7), CPU, torch.float32)
    fresh.restore(kept)
    again = fresh.draw(9)
    assert all(torch.equal(again[name], value) for name, value in after.items())
    assert not torch.equal(drawn["real"][0], drawn["real"][1])


@pytest.mark.parametrize("background", ["white", "grey", "black"])
def test_the_background_is_the_stated_colour(background: str) -> None:
    real = cats(32, background).fields("train", 50, CPU, torch.float32)["real"]  # type: ignore[arg-type]
    corner = {"white": 1.0, "grey": 0.0, "black": -1.0}[background]
    assert (real[:, :, 0, 16] - corner).abs().median() < 1e-6


# Reading ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_the_reader_is_right_on_held_out_combinations(size: int) -> None:
    dataset = cats(size)
    assert isinstance(dataset, KnownFactors)
    fields = dataset.fields("heldout", 1000, CPU, torch.float32)
    reading = dataset.read(fields["real"], _no_classifier)
    right = (reading.classes == true_classes(fields)).double().mean(0)
    assert (right >= 0.99).all(), right
    assert (reading.distance > dataset.tolerance()).double().mean() <= 0.001


@pytest.mark.parametrize(("size", "blur", "noise"), [(16, 0, 0.05), (32, 0.5, 0.05), (64, 0.7, 0.05)])
def test_the_reader_reads_blurred_and_noisy_pictures(size: int, blur: float, noise: float) -> None:
    dataset = cats(size)
    fields = dataset.fields("heldout", 400, CPU, torch.float32)
    reading = dataset.read(seen(fields["real"], blur, noise), _no_classifier)
    right = (reading.classes == true_classes(fields)).double().mean(0)
    assert (right >= 0.975).all(), right
    assert (reading.distance <= dataset.tolerance()).all()


def test_what_is_no_cat_is_invalid() -> None:
    dataset = cats()
    real = dataset.fields("heldout", 100, CPU, torch.float32)["real"]
    for strange in (
        real.flip(-1),
        real.flip(-2),
        (real + real.roll(1, 0)) / 2,
        -real,
        torch.zeros_like(real),
    ):
        distance = dataset.read(strange, _no_classifier).distance
        assert (distance > dataset.tolerance()).double().mean() > 0.95


def test_the_distance_is_that_of_the_picture_read() -> None:
    dataset = cats(16)
    x = seen(dataset.fields("train", 40, CPU, torch.float32)["real"], 0.5, 0.3)
    reading = dataset.read(x, _no_classifier)
    again = parts(16, "white", CPU, torch.float32).compose(reading.classes)
    torch.testing.assert_close(reading.distance, (again - x).square().mean((1, 2, 3)).sqrt())
    # No other part of one layer comes nearer.
    for layer, count in enumerate(FACTORS.values()):
        for part in range(count):
            if (layer, part) == (3, HIDDEN):
                continue
            other = reading.classes.clone()
            other[:, layer] = part
            distance = (
                (parts(16, "white", CPU, torch.float32).compose(other) - x).square().mean((1, 2, 3)).sqrt()
            )
            assert (distance >= reading.distance - 1e-3).all(), (layer, part)


def test_the_tolerance_is_the_median_distance_of_neighbours() -> None:
    assert [cats(size).tolerance() for size in SIZES] == [  # type: ignore[arg-type]
        pytest.approx(0.107, abs=0.002),
        pytest.approx(0.134, abs=0.002),
        pytest.approx(0.158, abs=0.002),
    ]


# The package ------------------------------------------------------------------------------------


def test_the_package_is_found_without_importing_it() -> None:
    script = "import sys; from ganbench.datasets.cats import cats; cats().require()"
    script += "; print('robohash' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_the_package_one_message_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with pytest.raises(MissingData, match=r"pip install 'ganbench\[cats\]'"):
        cats().require()


def test_other_art_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "robohash"
    shutil.copytree(art_files()[0][0].parents[1], package / "sets" / "set4")
    spec = types.SimpleNamespace(submodule_search_locations=[str(package)])
    monkeypatch.setattr(module, "find_spec", lambda _name: spec)
    cats().require()
    changed = art_files()[3][2]
    Image.new("RGBA", (1024, 1024)).save(changed)
    with pytest.raises(MissingData, match="does not hold the pictures"):
        cats().require()
    changed.unlink()
    with pytest.raises(MissingData, match="does not hold the pictures"):
        cats().require()


def test_all_parts_are_files_of_the_data_set_and_the_artist_is_named() -> None:
    assert len(cats().files()) == len(set(cats().files())) == 66
    info = cats().info
    assert "David Revoy" in info.title
    assert info.licence == "CC BY 4.0, art by David Revoy"


def _no_classifier(_images: Tensor) -> Tensor:
    raise AssertionError("cats are read without a classifier")
