"""Images: splits that do not overlap, values in [-1, 1], and epochs that show each image once."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fake_snapshot import CPU
from sklearn.datasets import load_digits
from small_runs import ganbench
from torchvision import datasets as torchvision_datasets

from ganbench import registry
from ganbench.datasets.images import ImageDataset, data_root, digits, fashion_mnist, mnist
from ganbench.datasets.photographs import fetch
from ganbench.diagnostics.diagnostic import primary_quantity
from ganbench.errors import GanbenchError, MissingData, UnknownName


def split_of_digits(split: str) -> torch.Tensor:
    dataset = digits()
    return dataset.examples(split, dataset.info.split_sizes[split], CPU, torch.float32)  # type: ignore[index, arg-type]


def rows(images: torch.Tensor) -> list[tuple[float, ...]]:
    return sorted(map(tuple, images.flatten(1).tolist()))


def test_digits_are_split_without_overlap_and_nothing_is_lost() -> None:
    train, heldout = rows(split_of_digits("train")), rows(split_of_digits("heldout"))
    assert (len(train), len(heldout)) == (1437, 360)
    everything = torch.from_numpy(load_digits().images).float().div(8).sub(1)
    assert sorted(train + heldout) == rows(everything)
    assert not set(train) & set(heldout)


def test_digits_split_is_stratified_and_labels_follow_the_examples() -> None:
    dataset, bundle = digits(), load_digits()
    every = np.bincount(bundle.target)
    heldout = torch.bincount(dataset.rows("heldout", CPU).columns["label"]).numpy()
    assert np.abs(heldout - every * 360 / 1797).max() < 1
    assert (torch.bincount(dataset.rows("train", CPU).columns["label"]).numpy() + heldout == every).all()
    true = {
        tuple(image): label
        for image, label in zip(bundle.images.reshape(-1, 64) / 8 - 1, bundle.target, strict=True)
    }
    for split in ("train", "heldout"):
        found = [true[tuple(row)] for row in split_of_digits(split).flatten(1).tolist()]
        assert found == dataset.rows(split, CPU).columns["label"].tolist()  # type: ignore[arg-type]


def test_every_image_that_is_drawn_has_its_own_label() -> None:
    dataset = digits()
    held = dataset.fields("train", 1437, CPU, torch.float32)
    true = {
        tuple(row): label
        for row, label in zip(held["real"].flatten(1).tolist(), held["label"].tolist(), strict=True)
    }
    assert held["label"].tolist() == dataset.rows("train", CPU).columns["label"].tolist()
    drawn = dataset.sampler([3, 4], CPU, torch.float32).draw(1500)
    for images, labels in zip(drawn["real"], drawn["label"], strict=True):
        assert [true[tuple(row)] for row in images.flatten(1).tolist()] == labels.tolist()
    assert drawn["label"].dtype == torch.int64
    shares = dataset.info.spec.class_shares
    assert shares is not None
    torch.testing.assert_close(shares * 1437, torch.bincount(held["label"]).double())


def test_digits_fill_exactly_their_range() -> None:
    for split in ("train", "heldout"):
        images = split_of_digits(split)
        assert images.shape[1:] == digits().info.spec.shape == (1, 8, 8)
        assert (images.min().item(), images.max().item()) == (-1.0, 1.0) == digits().info.spec.value_range
        assert len(images.unique()) == 17


def test_examples_are_shuffled_a_prefix_and_no_more_than_there_are() -> None:
    images = split_of_digits("train")
    assert torch.equal(images[:100], digits().examples("train", 100, CPU, torch.float32))
    place = {
        tuple(image): number for number, image in enumerate(load_digits().images.reshape(-1, 64) / 8 - 1)
    }
    order = np.array([place[tuple(row)] for row in images.flatten(1).tolist()])
    # In a shuffled order half of the steps go up; n/12 is the variance of their number.
    assert abs((np.diff(order) > 0).sum() - 1436 / 2) < 4 * np.sqrt(1437 / 12)
    with pytest.raises(GanbenchError, match=r"361 .* heldout, which has 360"):
        digits().examples("heldout", 361, CPU, torch.float32)


@pytest.mark.parametrize("batch", [100, 1437, 2000])
def test_every_epoch_shows_each_image_once(batch: int) -> None:
    sampler = digits().sampler([4, 9], CPU, torch.float32)
    drawn = torch.cat([sampler.draw(batch)["real"] for _ in range(-(-3 * 1437 // batch))], 1)
    expected = rows(split_of_digits("train"))
    epochs = drawn[:, : 3 * 1437].unflatten(1, (3, 1437))
    for seed in range(2):
        for epoch in range(3):
            assert rows(epochs[seed, epoch]) == expected
    assert not torch.equal(epochs[0, 0], epochs[0, 1])
    assert not torch.equal(epochs[0, 0], epochs[1, 0])


def test_a_seed_draws_the_same_whatever_stands_beside_it_and_however_batches_fall() -> None:
    together, alone = (digits().sampler(seeds, CPU, torch.float64) for seeds in ([1, 6, 7], [6]))
    parts = [together.draw(count)["real"] for count in (64, 1400, 36)]
    whole = alone.draw(1500)["real"]
    assert whole.dtype == torch.float64
    assert torch.equal(torch.cat(parts, 1)[1], whole[0])


@pytest.mark.parametrize("before", [0, 64, 1437, 1500])
def test_restore_is_bitwise(before: int) -> None:
    sampler = digits().sampler([1, 2], CPU, torch.float32)
    if before:
        sampler.draw(before)
    state = sampler.state()
    expected = [sampler.draw(500)["real"] for _ in range(5)]
    other = digits().sampler([1, 2], CPU, torch.float32)
    other.draw(33)
    other.restore(state)
    assert all(torch.equal(other.draw(500)["real"], one) for one in expected)


def test_global_random_state_is_left_alone() -> None:
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    digits().sampler([1], CPU, torch.float32).draw(10)
    assert torch.equal(before, torch.get_rng_state())
    assert (np.random.get_state()[1] == numpy_before).all()


@pytest.mark.parametrize("factory", [mnist, fashion_mnist])
def test_missing_files_name_the_command_and_the_folder(
    factory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path))
    dataset = factory()
    assert dataset.info.split_sizes == {"train": 60_000, "heldout": 10_000}
    for look in (
        dataset.require,
        lambda: dataset.sampler([0], CPU, torch.float32),
        lambda: dataset.rows("train", CPU).columns["label"],
    ):
        with pytest.raises(MissingData) as caught:
            look()
        assert f"ganbench data fetch {dataset.info.name}" in str(caught.value)
        assert str(tmp_path) in str(caught.value)


def test_data_root_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GANBENCH_DATA", raising=False)
    assert data_root() == Path.home() / ".cache" / "ganbench"


def write_idx(raw: Path, counts: dict[str, int]) -> None:
    """Files in MNIST's format: `count` images whose first pixel is their number, the last 255."""
    raw.mkdir(parents=True)
    for part, count in counts.items():
        images = np.zeros((count, 28, 28), np.uint8)
        images[:, 0, 0], images[:, -1, -1] = np.arange(count), 255
        head = struct.pack(">4i", 0x00000803, count, 28, 28)
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + images.tobytes())
        labels = (np.arange(count) % 10).astype(np.uint8)
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(
            struct.pack(">2i", 0x00000801, count) + labels.tobytes()
        )


def test_idx_files_are_read_with_their_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_idx(tmp_path / "MNIST" / "raw", {"train": 30, "t10k": 20})
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path))
    dataset = mnist()
    dataset.require()
    for split, count in (("train", 30), ("heldout", 20)):
        images = dataset.examples(split, count, CPU, torch.float32)  # type: ignore[arg-type]
        assert images.shape == (count, 1, 28, 28)
        assert (images.amin().item(), images.amax().item()) == (-1.0, 1.0)
        numbers = ((images[:, 0, 0, 0] + 1) * 127.5).round().long()
        assert sorted(numbers.tolist()) == list(range(count))
        assert torch.equal(numbers % 10, dataset.rows(split, CPU).columns["label"])  # type: ignore[arg-type]
    with pytest.raises(GanbenchError):
        dataset.examples("heldout", 21, CPU, torch.float32)


def test_a_subset_of_mnist_is_a_beginning_and_mirrored_by_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_idx(tmp_path / "MNIST" / "raw", {"train": 30, "t10k": 20})
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path))
    whole, part, mirrored = mnist(), mnist(subset=12), mnist(flip=True)
    assert part.info.split_sizes == {"train": 12, "heldout": 10_000}
    assert part.info.primary.quantity == "fid_classifier_train_12"
    first, images = (data.examples("train", 12, CPU, torch.float32) for data in (whole, part))
    assert torch.equal(first, images)
    assert rows(part.sampler([0], CPU, torch.float32).draw(12)["real"][0]) == rows(images)
    with pytest.raises(GanbenchError, match="13 examples asked"):
        part.examples("train", 13, CPU, torch.float32)
    drawn = mirrored.sampler([0], CPU, torch.float32).draw(30)["real"][0]
    corners = {(float(image[0, -1, -1]), float(image[0, -1, 0])) for image in drawn}
    assert corners == {(1.0, -1.0), (-1.0, 1.0)}  # the marked corner is right or left
    held = (data.examples("heldout", 20, CPU, torch.float32) for data in (whole, mirrored))
    assert torch.equal(*held)


def real_files(dataset: ImageDataset) -> bool:
    try:
        dataset.require()
    except MissingData:
        return False
    return True


@pytest.mark.parametrize("factory", [mnist, fashion_mnist])
def test_real_files_where_they_are(factory: Any) -> None:
    dataset = factory()
    if not real_files(dataset):
        pytest.skip(f"no files of {dataset.info.name} here")
    for split, count in dataset.info.split_sizes.items():
        assert len(dataset.rows(split, CPU).columns["label"]) == count
    heldout = dataset.examples("heldout", 10_000, CPU, torch.float32)
    assert (heldout.min().item(), heldout.max().item()) == (-1.0, 1.0)
    drawn = dataset.sampler([0], CPU, torch.float32).draw(64)["real"]
    assert drawn.shape == (1, 64, 1, 28, 28)


class Downloads:
    """Stands in for torchvision's class: writes the files, or fails."""

    error: Exception | None = None

    def __init__(self, root: Path, download: bool) -> None:
        assert download
        if self.error is not None:
            raise self.error
        write_idx(Path(root) / "MNIST" / "raw", {"train": 3, "t10k": 2})


def test_fetch_downloads_and_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision_datasets, "MNIST", Downloads)
    fetch("mnist", tmp_path)
    assert (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").is_file()


def test_fetch_fails_as_the_users_mistake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = type("Failing", (Downloads,), {"error": RuntimeError("no route")})
    monkeypatch.setattr(torchvision_datasets, "MNIST", failing)
    with pytest.raises(GanbenchError, match="no route"):
        fetch("mnist", tmp_path)
    with pytest.raises(UnknownName, match="did you mean 'mnist'"):
        fetch("mnits", tmp_path)


@pytest.mark.parametrize(("name", "near"), [("mnits", "mnist"), ("inception", "inception-v3-compat")])
def test_fetch_knows_data_sets_and_weights(name: str, near: str) -> None:
    done = ganbench("data", "fetch", name)
    assert (done.exit_code, f"did you mean {near!r}" in done.output) == (2, True), done.output


@pytest.mark.parametrize(("name", "count"), [("digits", 1437), ("mnist", 10_000), ("fashion_mnist", 10_000)])
def test_registered_with_their_primary_quantity(name: str, count: int) -> None:
    dataset = registry.get("dataset", name).factory()
    info, primary = dataset.info, primary_quantity(dataset)
    assert info.name == name
    assert primary.name == f"fid_classifier_train_{count}"
    assert (primary.direction, primary.scale, primary.smallest_difference) == ("lower", "log", 0.1)
    assert info.evaluation_samples == count
    assert info.licence
    assert info.source
