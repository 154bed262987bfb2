"""Photographs: the literature's data sets, from files that torchvision or their authors give."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Annotated, Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganbench.datasets.dataset import DatasetInfo, Split, register_dataset
from ganbench.datasets.decoded_images import (
    PIXELS,
    ArraySource,
    Decoding,
    FileSource,
    ImageSource,
    ResizeFilter,
    Size,
    decoded_images,
    file_status,
    image_rows,
    samples_compared,
)
from ganbench.datasets.finite import FiniteDataset, Flip, Rows, Subset
from ganbench.datasets.image_folder import class_names, image_names, top_folder
from ganbench.datasets.images import DATA_VARIABLE, data_root
from ganbench.errors import GanbenchError, MissingData, UnknownName
from ganbench.game import DataSpec, FieldSpec
from ganbench.streams import generator

Images = tuple[NDArray[np.uint8] | ImageSource, Tensor | None]
"""Bytes [n, C, H, W], or images that are to be decoded; and classes, int64 [n]."""
LsunCategory = Literal[
    "bedroom", "bridge", "church_outdoor", "classroom", "conference_room",
    "dining_room", "kitchen", "living_room", "restaurant", "tower",
]  # fmt: skip
LSUN_SIZES = dict(
    zip(
        get_args(LsunCategory),
        (3_033_042, 818_687, 126_227, 168_103, 229_069, 657_571, 2_212_277, 1_315_802, 626_331, 708_264),
        strict=True,
    )
)
"""Training images by category."""


@dataclass(frozen=True)
class Collection:
    """A data set of the literature: what is known of it before its files are read.

    `load(split)` reads a split; `files` are paths below the data folder, of which a folder stands for
    the images in it.
    """

    name: str
    title: str
    sizes: Mapping[Split, int]
    classes: int
    source: str
    licence: str
    files: tuple[str, ...]
    load: Callable[[Split], Images]
    fetched: bool = False
    """Whether torchvision can download the files; else people get them themselves."""
    resize: ResizeFilter = "lanczos"

    @property
    def remedy(self) -> str:
        """How to come by the files."""
        if self.fetched:
            return f"`ganbench data fetch {self.name}` downloads them"
        return f"get them from {self.source}, as {' and '.join(self.files)} below the data folder"


class Photographs(FiniteDataset):
    """One collection at one size."""

    def __init__(self, collection: Collection, side: int, flip: bool, subset: int | None) -> None:
        self.flips, self._collection = flip, collection
        self._decoding, self._subset = Decoding(side, resize=collection.resize), subset
        self._rows: dict[tuple[Split, torch.device], Rows] = {}
        self._decoded: dict[Split, tuple[Path, ...]] = {}
        classes, shape = collection.classes, (3, side, side)
        label = FieldSpec.label(classes, lambda: self.shares_of("label", classes)) if classes else None
        trained = min(collection.sizes["train"], subset or collection.sizes["train"])
        self.info = DatasetInfo(
            name=collection.name,
            title=f"{collection.title}, {side}×{side}",
            spec=DataSpec.real(shape, (-1.0, 1.0), label),
            source=collection.source,
            licence=collection.licence,
            primary=PIXELS,
            split_sizes={**collection.sizes, "train": trained},
            evaluation_samples=samples_compared(shape, trained),
        )

    def require(self) -> None:
        missing = [file for file in self._collection.files if not (data_root() / file).exists()]
        if missing:
            raise MissingData(
                f"{self._collection.name}: {', '.join(missing)} not found in {data_root()}; "
                f"{self._collection.remedy}, --data DIR or {DATA_VARIABLE} names another folder"
            )

    def files(self) -> tuple[Path, ...]:
        """The collection's files; for a folder of images what they were decoded to, which is read quickly."""
        self.require()
        paths = [data_root() / file for file in self._collection.files]
        if all(path.is_file() for path in paths):
            return tuple(paths)
        for split in self._collection.sizes:
            self.rows(split, torch.device("cpu"))
        decoded = (file for files in self._decoded.values() for file in files)
        return (*(path for path in paths if path.is_file()), *decoded)

    def rows(self, split: Split, device: torch.device) -> Rows:
        if (split, device) not in self._rows:
            host = torch.device("cpu")
            rows = self._read(split) if device == host else self.rows(split, host).to(device)
            self._rows[split, device] = rows
        return self._rows[split, device]

    def _read(self, split: Split) -> Rows:
        self.require()
        images, labels = _load(self._collection, split)
        wanted = self._collection.sizes[split]
        count = len(images.names) if isinstance(images, ImageSource) else len(images)
        if count != wanted or (labels is not None and len(labels) != wanted):
            raise GanbenchError(
                f"{self._collection.name}: its files hold {count:,} {split} images"
                f"{'' if labels is None else f' and {len(labels):,} labels'}, not {wanted:,}; "
                f"{self._collection.remedy}"
            )
        order = torch.randperm(wanted, generator=generator(0, f"{self._collection.name}/{split}/order"))
        order = order[: self._subset] if split == "train" else order
        if isinstance(images, ImageSource):
            chosen = order.sort().values
            part = replace(images, names=[images.names[i] for i in chosen.tolist()])
            decoded = decoded_images(part, self._decoding)
            self._decoded[split] = decoded.files
            images, labels = decoded.pixels, None if labels is None else labels[chosen]
            order = order.argsort().argsort()
        return image_rows(images, order, labels)


def _load(collection: Collection, split: Split) -> Images:
    try:
        images, labels = collection.load(split)
    except (RuntimeError, OSError, ValueError, KeyError, IndexError, EOFError, UnpicklingError) as error:
        why = " ".join(str(error).split())
        raise GanbenchError(
            f"{collection.name}: its files cannot be read: {why}; {collection.remedy}"
        ) from error
    if labels is not None and not ((labels >= 0) & (labels < collection.classes)).all():
        raise GanbenchError(
            f"{collection.name}: labels from {int(labels.min())} to {int(labels.max())} for its "
            f"{collection.classes:,} classes; {collection.remedy}"
        )
    return images, labels


def _by_torchvision(name: str, **arguments: Any) -> Any:
    from torchvision import datasets  # slow to import, and of use here alone

    try:
        return getattr(datasets, name)(data_root(), download=False, **arguments)
    except RuntimeError as error:  # its advice is for another program
        if "not found or corrupted" in str(error):
            raise RuntimeError("some are damaged: their checksums are other than the published") from error
        raise


def _cifar(name: str) -> Callable[[Split], Images]:
    def load(split: Split) -> Images:
        read = _by_torchvision(name, train=split == "train")
        return np.ascontiguousarray(read.data.transpose(0, 3, 1, 2)), torch.tensor(read.targets)

    return load


def _svhn(split: Split) -> Images:
    read = _by_torchvision("SVHN", split="train" if split == "train" else "test")
    return np.ascontiguousarray(read.data), torch.from_numpy(read.labels.astype(np.int64))


def _stl10(split: Split) -> Images:
    part = "unlabeled" if split == "train" else "test"
    file = data_root() / "stl10_binary" / f"{part}_X.bin"
    names = [str(number) for number in range(file.stat().st_size // (3 * 96 * 96))]

    @cache
    def read() -> NDArray[np.uint8]:
        return _by_torchvision("STL10", split=part).data

    return ArraySource(file, names, read), None


def _celeba(attribute: str) -> Callable[[Split], Images]:
    def load(split: Split) -> Images:
        root, part = data_root() / "celeba", {"train": "0", "heldout": "2"}[split]
        rows = [line.split() for line in _lines(root / "list_eval_partition.txt")]
        names = [name for name, partition in rows if partition == part]
        header, *lines = _lines(root / "list_attr_celeba.txt")[1:]
        known = header.split()
        if attribute not in known:
            raise GanbenchError(f"celeba: no attribute {attribute!r}; there are {', '.join(known)}")
        column = 1 + known.index(attribute)
        shown = {fields[0]: int(fields[column] == "1") for fields in map(str.split, lines)}
        labels = torch.tensor([shown[name] for name in names], dtype=torch.int64)
        return FileSource(root / "img_align_celeba", names), labels

    return load


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def _imagenet(split: Split) -> Images:
    """The classes are the sub-folders of `train`, which `val` must have too."""
    root, part = data_root() / "imagenet", "train" if split == "train" else "val"
    names = {folder: image_names(root / folder) for folder in ("train", part)}
    classes, others = class_names(names["train"]), class_names(names[part])
    if not classes or classes != others:
        raise ValueError(
            f"the images of {root / part} are not in a sub-folder for each class of {root / 'train'}"
        )
    places = {name: place for place, name in enumerate(classes)}
    labels = torch.tensor([places[top_folder(name)] for name in names[part]])
    return FileSource(root / part, names[part]), labels


def _lsun(folders: Mapping[Split, str]) -> Callable[[Split], Images]:
    def load(split: Split) -> Images:
        folder = data_root() / folders[split]
        if folders[split].endswith("_lmdb"):
            return LmdbSource(folder, _lmdb_names(folder)), None
        return FileSource(folder, image_names(folder)), None

    return load


@dataclass(frozen=True)
class LmdbSource(ImageSource):
    """The encoded images of an LMDB database, by their keys."""

    def status(self) -> object:
        return file_status(self.path / "data.mdb")

    def open(self, name: str) -> Any:
        from PIL import Image

        with _lmdb(self.path).begin() as transaction:
            return Image.open(BytesIO(transaction.get(os.fsencode(name))))


@cache
def _lmdb(folder: Path) -> Any:
    """A database, which a process may open but once."""
    try:
        import lmdb
    except ImportError as error:
        raise MissingData(
            f"lsun: {folder} is read with the package lmdb; pip install 'ganbench[lsun]' installs it"
        ) from error
    try:
        return lmdb.open(str(folder), readonly=True, lock=False, readahead=False)
    except lmdb.Error as error:
        raise GanbenchError(f"lsun: {folder} is no LMDB database that can be read: {error}") from error


@cache
def _lmdb_names(folder: Path) -> tuple[str, ...]:
    with _lmdb(folder).begin() as transaction:
        return tuple(map(os.fsdecode, transaction.cursor().iternext(keys=True, values=False)))


_KRIZHEVSKY = "Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html"
_CIFAR10 = Collection(
    "cifar10", "CIFAR-10, photographs of ten kinds of things", {"train": 50_000, "heldout": 10_000}, 10,
    _KRIZHEVSKY, "not stated",
    (
        *(f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)),
        "cifar-10-batches-py/test_batch", "cifar-10-batches-py/batches.meta",
    ),
    _cifar("CIFAR10"), fetched=True,
)  # fmt: skip
_CIFAR100 = Collection(
    "cifar100", "CIFAR-100, photographs of a hundred kinds of things",
    {"train": 50_000, "heldout": 10_000}, 100,
    _KRIZHEVSKY, "not stated", tuple(f"cifar-100-python/{file}" for file in ("train", "test", "meta")),
    _cifar("CIFAR100"), fetched=True,
)  # fmt: skip
_SVHN = Collection(
    "svhn", "SVHN, house numbers", {"train": 73_257, "heldout": 26_032}, 10,
    "Netzer et al. 2011, http://ufldl.stanford.edu/housenumbers", "non-commercial use",
    ("train_32x32.mat", "test_32x32.mat"), _svhn, fetched=True,
)  # fmt: skip
_STL10 = Collection(
    "stl10", "STL-10, unlabelled photographs", {"train": 100_000, "heldout": 8_000}, 0,
    "Coates, Lee & Ng 2011, https://cs.stanford.edu/~acoates/stl10", "not stated",
    tuple(f"stl10_binary/{f}.bin" for f in ("unlabeled_X", "test_X", "train_X", "train_y", "test_y")),
    _stl10, fetched=True, resize="area",
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
    "lsun", "LSUN, scenes", {"train": LSUN_SIZES["bedroom"], "heldout": 300}, 0,
    "Yu et al. 2015, https://www.yf.io/p/lsun", "not stated",
    ("lsun/bedroom_train_lmdb", "lsun/bedroom_val_lmdb"), _lsun({}),
)  # fmt: skip
COLLECTIONS = {c.name: c for c in (_CIFAR10, _CIFAR100, _SVHN, _STL10, _CELEBA, _IMAGENET, _LSUN)}


DOWNLOADS: dict[str, tuple[str, tuple[dict[str, Any], ...]]] = {
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
    if name in COLLECTIONS and name not in DOWNLOADS:
        raise GanbenchError(f"{name}: torchvision cannot download it; {COLLECTIONS[name].remedy}")
    if name not in DOWNLOADS:
        raise UnknownName("data set to fetch", name, DOWNLOADS)
    from torchvision import datasets  # slow to import, and of use here alone

    kind, downloads = DOWNLOADS[name]
    try:
        for arguments in downloads:
            getattr(datasets, kind)(root, download=True, **arguments)
    except (OSError, RuntimeError, ValueError) as error:
        why = " ".join(str(error).split())
        raise GanbenchError(f"{name} could not be downloaded to {root}: {why}") from error


@register_dataset("cifar10")
def cifar10(flip: Flip = False, subset: Subset = None) -> Photographs:
    """CIFAR-10, photographs of ten kinds of things, 32×32: 50,000 to train on, 10,000 held out."""
    return Photographs(COLLECTIONS["cifar10"], 32, flip, subset)


@register_dataset("cifar100")
def cifar100(flip: Flip = False, subset: Subset = None) -> Photographs:
    """CIFAR-100, photographs of a hundred kinds of things, 32×32: 50,000 to train on, 10,000 held out."""
    return Photographs(COLLECTIONS["cifar100"], 32, flip, subset)


@register_dataset("svhn")
def svhn(flip: Flip = False, subset: Subset = None) -> Photographs:
    """SVHN, house numbers, 32×32: 73,257 to train on, 26,032 held out; `label` is the middle digit."""
    return Photographs(COLLECTIONS["svhn"], 32, flip, subset)


@register_dataset("stl10")
def stl10(
    size: Annotated[Literal[32, 48, 96], "pixels along a side; below 96 the mean over blocks"] = 48,
    flip: Flip = False,
    subset: Subset = None,
) -> Photographs:
    """STL-10: 100,000 unlabelled photographs to train on, 8,000 test images held out; usually at 48×48."""
    return Photographs(COLLECTIONS["stl10"], size, flip, subset)


@register_dataset("celeba")
def celeba(
    size: Size = 64,
    attribute: Annotated[str, "what `label` says: 1 where a face has it"] = "Male",
    flip: Flip = False,
    subset: Subset = None,
) -> Photographs:
    """CelebA, aligned faces, the middle 178×178: 162,770 to train on, 19,962 held out."""
    return Photographs(replace(COLLECTIONS["celeba"], load=_celeba(attribute)), size, flip, subset)


@register_dataset("imagenet")
def imagenet(size: Size = 64, flip: Flip = False, subset: Subset = None) -> Photographs:
    """ImageNet from folders of one's own: imagenet/train/CLASS/*.JPEG and imagenet/val/CLASS/*.JPEG."""
    return Photographs(COLLECTIONS["imagenet"], size, flip, subset)


@register_dataset("lsun")
def lsun(
    category: Annotated[LsunCategory, "the kind of scene"] = "bedroom",
    size: Size = 64,
    flip: Flip = False,
    subset: Subset = None,
) -> Photographs:
    """LSUN, scenes of one category; the 300 validation images are held out.

    From the databases lsun/CATEGORY_train_lmdb and lsun/CATEGORY_val_lmdb, as torchvision has them (pip
    install 'ganbench[lsun]'), or from folders of image files without the `_lmdb`.
    """
    known = COLLECTIONS["lsun"]
    parts: dict[Split, str] = {"train": f"lsun/{category}_train", "heldout": f"lsun/{category}_val"}
    folders: dict[Split, str] = {
        split: part if (data_root() / part).is_dir() else f"{part}_lmdb" for split, part in parts.items()
    }
    chosen = replace(
        known,
        title=f"LSUN, {category.replace('_', ' ')}",
        sizes={**known.sizes, "train": LSUN_SIZES[category]},
        files=tuple(folders.values()),
        load=_lsun(folders),
    )
    return Photographs(chosen, size, flip, subset)
