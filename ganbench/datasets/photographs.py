"""Photographs: the literature's data sets, from files that torchvision or their authors give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Ge
from numpy.typing import NDArray
from torch import Tensor

from ganbench.datasets.dataset import DatasetInfo, Primary, Split, register_dataset
from ganbench.datasets.finite import FiniteDataset, Rows
from ganbench.datasets.image_folder import Decoding, decoded_images, held_or_mapped, image_files
from ganbench.datasets.images import data_root
from ganbench.errors import GanbenchError, MissingData, UnknownName
from ganbench.game import DataSpec, FieldSpec
from ganbench.streams import generator

EVALUATION_SAMPLES = 10_000
Images = tuple[NDArray[np.uint8], Tensor | None]
"""Bytes [n, C, H, W] in memory or mapped from a file, and classes, int64 [n]."""
Flip = Annotated[bool, "mirror training images at random"]


@dataclass(frozen=True)
class Collection:
    """A data set of the literature: what is known of it before its files are read.

    `load(split, side)` reads a split; `files` are paths below the data folder, of which a folder stands for
    the images in it.
    """

    name: str
    title: str
    sizes: Mapping[Split, int]
    classes: int
    source: str
    licence: str
    files: tuple[str, ...]
    load: Callable[[Split, int], Images]
    fetched: bool = False
    """Whether torchvision can download the files; else people get them themselves."""


class Photographs(FiniteDataset):
    """One collection at one size."""

    def __init__(self, collection: Collection, side: int, flip: bool) -> None:
        self.flips, self._collection, self._side = flip, collection, side
        self._rows: dict[tuple[Split, torch.device], Rows] = {}
        classes = collection.classes
        label = FieldSpec.label(classes, lambda: self.shares_of("label", classes)) if classes else None
        self.info = DatasetInfo(
            name=collection.name,
            title=f"{collection.title}, {side}×{side}",
            spec=DataSpec.real((3, side, side), (-1.0, 1.0), label),
            source=collection.source,
            licence=collection.licence,
            primary=Primary("two_sample", "energy_distance"),
            split_sizes=collection.sizes,
            evaluation_samples=min(EVALUATION_SAMPLES, *collection.sizes.values()),
        )

    def require(self) -> None:
        missing = [file for file in self._collection.files if not (data_root() / file).exists()]
        if missing:
            name = self._collection.name
            remedy = f"`ganbench data fetch {name}` downloads them"
            if not self._collection.fetched:
                remedy = f"get them from {self._collection.source}"
            raise MissingData(
                f"{name}: {', '.join(missing)} not found in {data_root()}; {remedy}, --data DIR or "
                "GANBENCH_DATA names another folder"
            )

    def files(self) -> tuple[Path, ...]:
        paths = [data_root() / file for file in self._collection.files]
        return tuple(file for path in paths for file in (image_files(path) if path.is_dir() else [path]))

    def rows(self, split: Split, device: torch.device) -> Rows:
        if (split, device) not in self._rows:
            self.require()
            pixels, labels = _read(self._collection, split, self._side)
            wanted = self._collection.sizes[split]
            if len(pixels) != wanted:
                raise GanbenchError(
                    f"{self._collection.name}: its files hold {len(pixels):,} {split} images, not "
                    f"{wanted:,}; get them anew"
                )
            order = torch.randperm(wanted, generator=generator(0, f"{self._collection.name}/{split}/order"))
            self._rows[split, device] = held_or_mapped(pixels, order, labels, device)
        return self._rows[split, device]


def _read(collection: Collection, split: Split, side: int) -> Images:
    try:
        return collection.load(split, side)
    except (RuntimeError, OSError, ValueError, KeyError, EOFError, UnpicklingError) as error:
        why = " ".join(str(error).split())
        raise GanbenchError(f"{collection.name}: its files cannot be read: {why}; get them anew") from error


def _by_torchvision(name: str, **arguments: Any) -> Any:
    from torchvision import datasets  # slow to import, and of use here alone

    return getattr(datasets, name)(data_root(), download=False, **arguments)


def _cifar(name: str) -> Callable[[Split, int], Images]:
    def load(split: Split, _side: int) -> Images:
        read = _by_torchvision(name, train=split == "train")
        return np.ascontiguousarray(read.data.transpose(0, 3, 1, 2)), torch.tensor(read.targets)

    return load


def _svhn(split: Split, _side: int) -> Images:
    read = _by_torchvision("SVHN", split="train" if split == "train" else "test")
    return np.ascontiguousarray(read.data), torch.from_numpy(read.labels.astype(np.int64))


def _stl10(split: Split, side: int) -> Images:
    """The mean over blocks of pixels of 96×96 images."""
    data = _by_torchvision("STL10", split="unlabeled" if split == "train" else "test").data
    block = data.shape[-1] // side
    if block == 1:
        return data, None
    parts = (part.reshape(len(part), 3, side, block, side, block) for part in np.array_split(data, 64))
    return np.concatenate([np.rint(part.mean((3, 5))).astype(np.uint8) for part in parts]), None


def _from_files(name: str, files: list[Path], side: int, crop: bool = True) -> NDArray[np.uint8]:
    """Files decoded: the middle square, resized with Lanczos's filter."""
    decoding = Decoding(side, 3, "lanczos", "center" if crop else "none", "white")
    return decoded_images(data_root() / name, files, decoding, skip=False)[0]


def _celeba(attribute: str) -> Callable[[Split, int], Images]:
    def load(split: Split, side: int) -> Images:
        root, part = data_root() / "celeba", {"train": "0", "heldout": "2"}[split]
        rows = [line.split() for line in _lines(root / "list_eval_partition.txt")]
        names = [name for name, partition in rows if partition == part]
        header, *lines = _lines(root / "list_attr_celeba.txt")[1:]
        if attribute not in header.split():
            raise GanbenchError(f"celeba: no attribute {attribute!r}; there are {', '.join(header.split())}")
        column = 1 + header.split().index(attribute)
        shown = {fields[0]: int(fields[column] == "1") for fields in map(str.split, lines)}
        files = [root / "img_align_celeba" / name for name in names]
        return _from_files("celeba", files, side), torch.tensor([shown[name] for name in names])

    return load


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def _imagenet(split: Split, side: int) -> Images:
    folder = data_root() / "imagenet" / ("train" if split == "train" else "val")
    files = image_files(folder)
    classes = sorted({file.parent.name for file in files})
    places = {name: place for place, name in enumerate(classes)}
    pixels = _from_files(f"imagenet/{folder.name}", files, side)
    return pixels, torch.tensor([places[file.parent.name] for file in files])


def _lsun(split: Split, side: int) -> Images:
    folder = data_root() / "lsun" / f"bedroom_{'train' if split == 'train' else 'val'}"
    return _from_files(f"lsun/{folder.name}", image_files(folder), side), None


_KRIZHEVSKY = "Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html"
_CIFAR10 = Collection(
    "cifar10", "CIFAR-10, photographs of ten kinds of things", {"train": 50_000, "heldout": 10_000}, 10,
    _KRIZHEVSKY, "not stated",
    tuple(f"cifar-10-batches-py/{f}" for f in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")),
    _cifar("CIFAR10"), fetched=True,
)  # fmt: skip
_CIFAR100 = Collection(
    "cifar100", "CIFAR-100, photographs of a hundred kinds of things",
    {"train": 50_000, "heldout": 10_000}, 100,
    _KRIZHEVSKY, "not stated", ("cifar-100-python/train", "cifar-100-python/test"), _cifar("CIFAR100"),
    fetched=True,
)  # fmt: skip
_SVHN = Collection(
    "svhn", "SVHN, house numbers", {"train": 73_257, "heldout": 26_032}, 10,
    "Netzer et al. 2011, http://ufldl.stanford.edu/housenumbers", "non-commercial use",
    ("train_32x32.mat", "test_32x32.mat"), _svhn, fetched=True,
)  # fmt: skip
_STL10 = Collection(
    "stl10", "STL-10, unlabelled photographs", {"train": 100_000, "heldout": 8_000}, 0,
    "Coates, Lee & Ng 2011, https://cs.stanford.edu/~acoates/stl10", "not stated",
    ("stl10_binary/unlabeled_X.bin", "stl10_binary/test_X.bin"), _stl10, fetched=True,
)  # fmt: skip
_CELEBA = Collection(
    "celeba", "CelebA, faces", {"train": 162_770, "heldout": 19_962}, 2,
    "Liu et al. 2015, https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html", "non-commercial research",
    ("celeba/list_eval_partition.txt", "celeba/list_attr_celeba.txt", "celeba/img_align_celeba"),
    _celeba("Male"), fetched=True,
)  # fmt: skip
_IMAGENET = Collection(
    "imagenet", "ImageNet, photographs of a thousand kinds of things",
    {"train": 1_281_167, "heldout": 50_000}, 1000,
    "Russakovsky et al. 2015, https://image-net.org", "non-commercial research",
    ("imagenet/train", "imagenet/val"), _imagenet,
)  # fmt: skip
_LSUN = Collection(
    "lsun", "LSUN, bedrooms", {"train": 3_033_042, "heldout": 300}, 0,
    "Yu et al. 2015, https://www.yf.io/p/lsun, exported to image files", "not stated",
    ("lsun/bedroom_train", "lsun/bedroom_val"), _lsun,
)  # fmt: skip
COLLECTIONS = {c.name: c for c in (_CIFAR10, _CIFAR100, _SVHN, _STL10, _CELEBA, _IMAGENET, _LSUN)}


_DOWNLOADS: dict[str, tuple[str, tuple[dict[str, Any], ...]]] = {
    "mnist": ("MNIST", ({},)),
    "fashion_mnist": ("FashionMNIST", ({},)),
    "cifar10": ("CIFAR10", ({},)),
    "cifar100": ("CIFAR100", ({},)),
    "svhn": ("SVHN", ({"split": "train"}, {"split": "test"})),
    "stl10": ("STL10", ({},)),
    "celeba": ("CelebA", ({},)),
}
"""Data set's name to torchvision's class, and the arguments of each download."""


def fetch(name: str, root: Path) -> None:
    """Download a data set's files below `root`; those that are already there are kept.

    Raises GanbenchError where the download fails.
    """
    if name not in _DOWNLOADS:
        raise UnknownName("data set to fetch", name, _DOWNLOADS)
    from torchvision import datasets  # slow to import, and of use here alone

    kind, downloads = _DOWNLOADS[name]
    try:
        for arguments in downloads:
            getattr(datasets, kind)(root, download=True, **arguments)
    except (OSError, RuntimeError, ValueError) as error:
        why = " ".join(str(error).split())
        raise GanbenchError(f"{name} could not be downloaded to {root}: {why}") from error


@register_dataset("cifar10")
def cifar10(flip: Flip = False) -> Photographs:
    """CIFAR-10, photographs of ten kinds of things, 32×32: 50,000 to train on, 10,000 held out."""
    return Photographs(COLLECTIONS["cifar10"], 32, flip)


@register_dataset("cifar100")
def cifar100(flip: Flip = False) -> Photographs:
    """CIFAR-100, photographs of a hundred kinds of things, 32×32: 50,000 to train on, 10,000 held out."""
    return Photographs(COLLECTIONS["cifar100"], 32, flip)


@register_dataset("svhn")
def svhn() -> Photographs:
    """SVHN, house numbers, 32×32: 73,257 to train on, 26,032 held out; `label` is the middle digit."""
    return Photographs(COLLECTIONS["svhn"], 32, flip=False)


@register_dataset("stl10")
def stl10(
    size: Annotated[Literal[32, 48, 96], "pixels along a side; below 96 the mean over blocks"] = 48,
    flip: Flip = False,
) -> Photographs:
    """STL-10: 100,000 unlabelled photographs to train on, 8,000 test images held out; usually at 48×48."""
    return Photographs(COLLECTIONS["stl10"], size, flip)


@register_dataset("celeba")
def celeba(
    size: Annotated[int, Ge(8), "pixels along a side"] = 64,
    attribute: Annotated[str, "what `label` says: 1 where a face has it"] = "Male",
    flip: Flip = False,
) -> Photographs:
    """CelebA, aligned faces, the middle 178×178: 162,770 to train on, 19,962 held out."""
    known = COLLECTIONS["celeba"]
    return Photographs(Collection(**{**vars(known), "load": _celeba(attribute)}), size, flip)


@register_dataset("imagenet")
def imagenet(size: Annotated[int, Ge(8), "pixels along a side"] = 64, flip: Flip = False) -> Photographs:
    """ImageNet from folders of one's own: imagenet/train/CLASS/*.JPEG and imagenet/val/CLASS/*.JPEG."""
    return Photographs(COLLECTIONS["imagenet"], size, flip)


@register_dataset("lsun")
def lsun(size: Annotated[int, Ge(8), "pixels along a side"] = 64, flip: Flip = False) -> Photographs:
    """LSUN's bedrooms, exported to image files in lsun/bedroom_train and lsun/bedroom_val."""
    return Photographs(COLLECTIONS["lsun"], size, flip)
