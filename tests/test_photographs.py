"""The literature's photographs, on small files of the same formats."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat
from torchvision import datasets as torchvision_datasets

from ganbench import registry
from ganbench.datasets import decoded_images, photographs
from ganbench.datasets.photographs import COLLECTIONS, LSUN_SIZES, Collection, fetch
from ganbench.errors import GanbenchError, MissingData, UnknownName

CPU = torch.device("cpu")
TRAIN, HELDOUT = 10, 5
SOURCE = np.random.default_rng(0)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder, and every collection as small as the files that the tests make."""
    monkeypatch.setenv("GANBENCH_DATA", str(tmp_path))
    small = {
        name: Collection(**{**vars(known), "sizes": {"train": TRAIN, "heldout": HELDOUT}})
        for name, known in COLLECTIONS.items()
    }
    monkeypatch.setattr(photographs, "COLLECTIONS", small)
    for category in LSUN_SIZES:
        monkeypatch.setitem(LSUN_SIZES, category, TRAIN)
    for module in ("cifar", "svhn", "stl10"):  # the checksums are of the real files
        kind = getattr(torchvision_datasets, module)
        monkeypatch.setattr(kind, "check_integrity", lambda *_: True, raising=False)
    return tmp_path


def pixels(count: int, side: int = 32) -> np.ndarray:
    return SOURCE.integers(0, 256, (count, 3, side, side), dtype=np.uint8)


def write_cifar(
    root: Path, folder: str, files: dict[str, np.ndarray], label: str, classes: int
) -> np.ndarray:
    (root / folder).mkdir()
    for name, images in files.items():
        labels = [i % classes for i in range(len(images))]
        entry = {"data": images.reshape(len(images), -1), label: labels}
        (root / folder / name).write_bytes(pickle.dumps(entry))
    for meta in ("batches.meta", "meta"):
        names = {"label_names": list(map(str, range(10))), "fine_label_names": list(map(str, range(100)))}
        (root / folder / meta).write_bytes(pickle.dumps(names))
    return np.concatenate(list(files.values())[:-1])


def cifar10(root: Path) -> tuple[np.ndarray, list[int] | None]:
    files = {f"data_batch_{i}": pixels(2) for i in range(1, 6)} | {"test_batch": pixels(HELDOUT)}
    return write_cifar(root, "cifar-10-batches-py", files, "labels", 10), [0, 1] * 5


def cifar100(root: Path) -> tuple[np.ndarray, list[int] | None]:
    files = {"train": pixels(TRAIN), "test": pixels(HELDOUT)}
    return write_cifar(root, "cifar-100-python", files, "fine_labels", 100), list(range(TRAIN))


def svhn(root: Path) -> tuple[np.ndarray, list[int] | None]:
    train = pixels(TRAIN)
    labels = np.arange(1, TRAIN + 1).reshape(-1, 1)  # 10 stands for 0 in these files
    for name, images in (("train", train), ("test", pixels(HELDOUT))):
        content = {"X": images.transpose(2, 3, 1, 0), "y": labels[: len(images)]}
        savemat(root / f"{name}_32x32.mat", content)
    return train, [*range(1, TRAIN), 0]


def stl10(root: Path) -> tuple[np.ndarray, list[int] | None]:
    (root / "stl10_binary").mkdir()
    train = pixels(TRAIN, 96)
    for name, images in (("unlabeled_X", train), ("train_X", pixels(2, 96)), ("test_X", pixels(HELDOUT, 96))):
        images.transpose(0, 1, 3, 2).tofile(root / "stl10_binary" / f"{name}.bin")
    for name, count in (("train_y", 2), ("test_y", HELDOUT)):
        np.ones(count, np.uint8).tofile(root / "stl10_binary" / f"{name}.bin")
    blocks = train.reshape(TRAIN, 3, 48, 2, 48, 2).mean((3, 5))
    return np.floor(blocks + 0.5).astype(np.uint8), None


def celeba(root: Path) -> tuple[np.ndarray, list[int] | None]:
    folder = root / "celeba" / "img_align_celeba"
    folder.mkdir(parents=True)
    greys = [10 * i for i in range(TRAIN + HELDOUT)]
    rows, attributes = [], [f"{len(greys)}", "Young Male"]
    for i, grey in enumerate(greys):
        Image.new("RGB", (178, 218), (grey, grey, grey)).save(folder / f"{i:06}.png")
        rows.append(f"{i:06}.png {0 if i < TRAIN else 2}")
        attributes.append(f"{i:06}.png  1 {1 if i % 2 else -1}")
    (root / "celeba" / "list_eval_partition.txt").write_text("\n".join(rows) + "\n")
    (root / "celeba" / "list_attr_celeba.txt").write_text("\n".join(attributes) + "\n")
    train = np.array(greys[:TRAIN], np.uint8)
    return np.broadcast_to(train[:, None, None, None], (TRAIN, 3, 64, 64)), [0, 1] * 5


def folders(root: Path, parts: tuple[str, str], classes: tuple[str, ...]) -> np.ndarray:
    for part, count in zip(parts, (TRAIN, HELDOUT), strict=True):
        for i in range(count):
            folder = root / part / classes[i * len(classes) // count]
            folder.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (80, 70), (10 * i,) * 3).save(folder / f"{i:02}.png")
    train = np.arange(TRAIN, dtype=np.uint8) * 10
    return np.broadcast_to(train[:, None, None, None], (TRAIN, 3, 64, 64))


def imagenet(root: Path) -> tuple[np.ndarray, list[int] | None]:
    return folders(root, ("imagenet/train", "imagenet/val"), ("n01", "n02")), [0] * 5 + [1] * 5


def lsun_databases(root: Path, category: str) -> np.ndarray:
    """As torchvision has them: encoded images by key in CATEGORY_train_lmdb and CATEGORY_val_lmdb."""
    for part, count in (("train", TRAIN), ("val", HELDOUT)):
        folder = root / "lsun" / f"{category}_{part}_lmdb"
        folder.mkdir(parents=True)
        with lmdb.open(str(folder), map_size=1 << 20) as database, database.begin(write=True) as transaction:
            for i in range(count):
                encoded = BytesIO()
                Image.new("RGB", (80, 70), (10 * i,) * 3).save(encoded, "webp", lossless=True)
                transaction.put(f"{i:03}".encode(), encoded.getvalue())
    train = np.arange(TRAIN, dtype=np.uint8) * 10
    return np.broadcast_to(train[:, None, None, None], (TRAIN, 3, 64, 64))


def lsun(root: Path) -> tuple[np.ndarray, list[int] | None]:
    return folders(root, ("lsun/bedroom_train", "lsun/bedroom_val"), ("",)), None


MAKERS: tuple[Callable[[Path], tuple[np.ndarray, list[int] | None]], ...] = (
    cifar10, cifar100, svhn, stl10, celeba, imagenet, lsun,
)  # fmt: skip


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_training_images_and_labels_are_those_of_the_files(root: Path, make: Any) -> None:
    wanted, labels = make(root)
    dataset = registry.build("dataset", make.__name__)
    dataset.require()
    fields = dataset.fields("train", TRAIN, CPU, torch.float64)
    found = ((fields["real"] + 1) * 127.5).round().byte().numpy()
    keys = [image.tobytes() for image in found]
    assert sorted(keys) == sorted(image.tobytes() for image in np.ascontiguousarray(wanted))
    if labels is None:
        assert dataset.info.spec.label is None
    else:
        by_image = dict(zip((image.tobytes() for image in np.ascontiguousarray(wanted)), labels, strict=True))
        assert fields["label"].tolist() == [by_image[key] for key in keys]
    assert dataset.examples("heldout", HELDOUT, CPU, torch.float32).shape[0] == HELDOUT
    assert all(file.is_file() for file in dataset.files())


@pytest.mark.parametrize("name", sorted(COLLECTIONS))
def test_missing_files_are_told_before_anything_is_read(root: Path, name: str) -> None:
    with pytest.raises(MissingData, match=f"{name}: .* not found in .*GANBENCH_DATA"):
        registry.build("dataset", name).require()


def test_a_wrong_number_of_images_is_told(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cifar100(root)
    sizes = {"train": TRAIN + 1, "heldout": HELDOUT}
    larger = Collection(**{**vars(COLLECTIONS["cifar100"]), "sizes": sizes})
    monkeypatch.setattr(photographs, "COLLECTIONS", {"cifar100": larger})
    with pytest.raises(GanbenchError, match="10 train images and 10 labels, not 11; `ganbench data fetch"):
        registry.build("dataset", "cifar100").examples("train", 2, CPU, torch.float32)


def test_truncated_files_are_told(root: Path) -> None:
    cifar100(root)
    file = root / "cifar-100-python" / "train"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(GanbenchError, match="cifar100: its files cannot be read"):
        registry.build("dataset", "cifar100").examples("train", 2, CPU, torch.float32)


def test_another_attribute_is_another_label(root: Path) -> None:
    celeba(root)
    young = registry.build("dataset", {"celeba": {"attribute": "Young"}})
    assert young.fields("train", TRAIN, CPU, torch.float32)["label"].tolist() == [1] * TRAIN
    with pytest.raises(GanbenchError, match="no attribute 'Old'; there are Young, Male"):
        registry.build("dataset", {"celeba": {"attribute": "Old"}}).examples("train", 1, CPU, torch.float32)


def test_sizes_are_the_published_ones() -> None:
    counts = {name: tuple(known.sizes.values()) for name, known in COLLECTIONS.items()}
    assert counts == {
        "cifar10": (50_000, 10_000), "cifar100": (50_000, 10_000), "svhn": (73_257, 26_032),
        "stl10": (100_000, 8_000), "celeba": (162_770, 19_962), "imagenet": (1_281_167, 50_000),
        "lsun": (3_033_042, 300),
    }  # fmt: skip


def test_downloads_ask_torchvision_for_every_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path, dict[str, Any]]] = []

    class FakeSVHN:
        def __init__(self, root: Path, **arguments: Any) -> None:
            asked.append((root, arguments))

    monkeypatch.setattr(torchvision_datasets, "SVHN", FakeSVHN)
    fetch("svhn", tmp_path)
    assert asked == [(tmp_path, {"download": True, "split": split}) for split in ("train", "test")]
    with pytest.raises(GanbenchError, match=r"imagenet: .*https://image-net\.org, as imagenet/train"):
        fetch("imagenet", tmp_path)
    with pytest.raises(UnknownName, match="did you mean 'cifar10'"):
        fetch("cifar-10", tmp_path)


def test_lsun_is_read_from_databases(root: Path) -> None:
    wanted = lsun_databases(root, "tower")
    for _ in range(2):  # one process opens a database but once
        dataset = registry.build("dataset", {"lsun": {"category": "tower"}})
        images = dataset.examples("train", TRAIN, CPU, torch.float64)
        found = ((images + 1) * 127.5).round().byte().numpy()
        assert sorted(map(np.ndarray.tobytes, found)) == sorted(image.tobytes() for image in wanted.copy())
    assert "tower" in dataset.info.title
    assert all(file.is_file() for file in dataset.files())
    with pytest.raises(MissingData, match="bedroom_train_lmdb"):
        registry.build("dataset", "lsun").require()


def test_a_database_without_its_package_says_what_to_install(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lsun_databases(root, "tower")
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(MissingData, match=r"pip install 'ganbench\[lsun\]'"):
        registry.build("dataset", {"lsun": {"category": "tower"}}).examples("train", 1, CPU, torch.float32)


def test_a_folder_that_is_no_database_is_told(root: Path) -> None:
    for part in ("train", "val"):
        (root / "lsun" / f"bedroom_{part}_lmdb").mkdir(parents=True)
    with pytest.raises(GanbenchError, match="no LMDB database"):
        registry.build("dataset", "lsun").examples("train", 1, CPU, torch.float32)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_a_subset_is_the_beginning_of_the_fixed_order(root: Path, make: Any) -> None:
    make(root)
    whole, part = (registry.build("dataset", {make.__name__: {"subset": n}}) for n in (None, 6))
    assert part.info.split_sizes == {"train": 6, "heldout": HELDOUT}
    assert part.info.evaluation_samples == 6
    for split, count in (("train", 6), ("heldout", HELDOUT)):
        one, other = (data.fields(split, count, CPU, torch.float32) for data in (whole, part))
        assert one.keys() == other.keys()
        assert all(torch.equal(one[name], other[name]) for name in one)
    with pytest.raises(GanbenchError, match="7 examples asked"):
        part.examples("train", 7, CPU, torch.float32)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_flips_mirror_whole_images_and_keep_labels(root: Path, make: Any) -> None:
    make(root)
    plain, flipped = (registry.build("dataset", {make.__name__: {"flip": flip}}) for flip in (False, True))
    train = plain.fields("train", TRAIN, CPU, torch.float32)
    drawn = flipped.sampler((3,), CPU, torch.float32).draw(TRAIN)
    for number, image in enumerate(drawn["real"][0]):
        (source,) = [
            i
            for i, one in enumerate(train["real"])
            if torch.equal(one, image) or torch.equal(one.flip(-1), image)
        ]
        assert "label" not in train or train["label"][source] == drawn["label"][0, number]
    assert torch.equal(
        flipped.examples("heldout", HELDOUT, CPU, torch.float32),
        plain.examples("heldout", HELDOUT, CPU, torch.float32),
    )


def test_many_images_stay_in_their_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    celeba(root)
    held = registry.build("dataset", "celeba").sampler((0,), CPU, torch.float32).draw(7)
    monkeypatch.setattr(decoded_images, "IN_MEMORY", 100)
    dataset = registry.build("dataset", "celeba")
    mapped = dataset.sampler((0,), CPU, torch.float32).draw(7)
    assert isinstance(dataset.rows("train", CPU), decoded_images.FileRows)
    assert all(torch.equal(held[name], mapped[name]) for name in held)


def test_damaged_files_are_told_with_what_helps(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cifar10(root)
    monkeypatch.setattr(torchvision_datasets.cifar, "check_integrity", lambda *_: False)
    with pytest.raises(GanbenchError, match=r"checksums are other.*`ganbench data fetch cifar10`") as caught:
        registry.build("dataset", "cifar10").examples("train", 1, CPU, torch.float32)
    assert "download=True" not in str(caught.value)


def test_labels_out_of_range_are_told(root: Path) -> None:
    cifar10(root)
    file = root / "cifar-10-batches-py" / "data_batch_1"
    file.write_bytes(pickle.dumps({**pickle.loads(file.read_bytes()), "labels": [0, 10]}))
    with pytest.raises(GanbenchError, match="cifar10: labels from 0 to 10 for its 10 classes"):
        registry.build("dataset", "cifar10").examples("train", 1, CPU, torch.float32)


def test_imagenet_without_a_folder_for_each_class_is_refused(root: Path) -> None:
    folders(root, ("imagenet/train", "imagenet/other"), ("n01", "n02"))
    for i in range(HELDOUT):
        (root / "imagenet" / "val").mkdir(exist_ok=True)
        Image.new("RGB", (80, 70)).save(root / "imagenet" / "val" / f"{i}.png")
    with pytest.raises(GanbenchError, match="not in a sub-folder for each class"):
        registry.build("dataset", "imagenet").examples("heldout", 1, CPU, torch.float32)


def test_a_wrong_count_of_files_is_told_before_any_is_decoded(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    celeba(root)
    rows = (root / "celeba" / "list_eval_partition.txt").read_text().splitlines()
    (root / "celeba" / "list_eval_partition.txt").write_text("\n".join(rows[1:]))
    monkeypatch.setattr(photographs, "decoded_images", lambda *_: pytest.fail("decoded"))
    with pytest.raises(GanbenchError, match="celeba: its files hold 9 train images and 9 labels, not 10"):
        registry.build("dataset", "celeba").examples("train", 1, CPU, torch.float32)


def test_broken_and_missing_faces_are_named(root: Path) -> None:
    celeba(root)
    (root / "celeba" / "img_align_celeba" / "000003.png").write_bytes(b"")
    (root / "celeba" / "img_align_celeba" / "000004.png").unlink()
    with pytest.raises(GanbenchError, match=r"2 files .*: 000003\.png: empty; 000004\.png: .*No such"):
        registry.build("dataset", "celeba").examples("train", 1, CPU, torch.float32)


def test_the_same_name_draws_the_same_and_goes_on_bitwise(root: Path) -> None:
    celeba(root)
    one, other = (registry.build("dataset", {"celeba": {"flip": True}}) for _ in range(2))
    sampler = one.sampler((0, 1), CPU, torch.float32)
    sampler.draw(13)
    state, rest = sampler.state(), sampler.draw(9)
    restored = other.sampler((0, 1), CPU, torch.float32)
    restored.restore(state)
    assert all(torch.equal(rest[name], values) for name, values in restored.draw(9).items())


def test_evaluation_does_not_shrink_to_the_few_that_are_held_out() -> None:
    assert registry.build("dataset", "lsun").info.evaluation_samples == 2730
    assert registry.build("dataset", "cifar10").info.evaluation_samples == 10_000
