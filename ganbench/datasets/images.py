"""Images: scikit-learn's digits, which travel with it, and MNIST and Fashion-MNIST from files."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganbench.datasets.blocks import Blocks
from ganbench.datasets.dataset import Dataset, DatasetInfo, Primary, Split, register_dataset
from ganbench.errors import GanbenchError, MissingData, UnknownName
from ganbench.game import DataSpec
from ganbench.streams import SeedStreams, generator

DATA_VARIABLE = "GANBENCH_DATA"
_DIGITS_HELDOUT = 360
_IDX_CLASSES = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}
_IDX_FILES = tuple(
    f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
)


@dataclass(frozen=True)
class Images:
    """One split: `pixels` uint8 [n, *shape], `classes` int64 [n], and the pixel value that maps to 0.

    A pixel p means p / half - 1, which is exact at both ends of [-1, 1].
    """

    pixels: Tensor
    classes: Tensor
    half: float

    def values(self, index: Tensor, dtype: torch.dtype) -> Tensor:
        """The images of an index [...] in [-1, 1], [..., *shape]."""
        picked = self.pixels.index_select(0, index.flatten()).to(dtype)
        return picked.div_(self.half).sub_(1).view(*index.shape, *self.pixels.shape[1:])


class ImageDataset(Dataset):
    """A finite set of images with classes, kept as bytes once per process and device."""

    def __init__(self, info: DatasetInfo, classes: int) -> None:
        self.info, self.classes = info, classes

    def require(self) -> None:
        if self.info.name in _IDX_CLASSES:
            _require_files(self.info.name, data_root())

    def sampler(self, seeds: Sequence[int], device: torch.device, dtype: torch.dtype) -> EpochSampler:
        return EpochSampler(self._split("train", device), seeds, device, dtype)

    def examples(self, split: Split, count: int, device: torch.device, dtype: torch.dtype) -> Tensor:
        images = self._split(split, device)
        if count > len(images.pixels):
            raise GanbenchError(
                f"{self.info.name}: {count:,} examples asked of the split {split}, "
                f"which has {len(images.pixels):,}"
            )
        return images.values(torch.arange(count, device=device), dtype)

    def class_labels(self, split: Split) -> Tensor:
        """The true classes of a split in the order of `examples`, int64 [n] on the CPU."""
        return self._split(split, torch.device("cpu")).classes

    def _split(self, split: Split, device: torch.device) -> Images:
        root = data_root() if self.info.name in _IDX_CLASSES else Path()
        return _images_on(self.info.name, split, str(root), str(device))


class EpochSampler:
    """Every seed walks shuffled epochs of its own: each image exactly once before any comes again."""

    def __init__(
        self, images: Images, seeds: Sequence[int], device: torch.device, dtype: torch.dtype
    ) -> None:
        self._images, self._dtype = images, dtype
        count = len(images.pixels)
        self._order = Blocks(SeedStreams(seeds, "data", device), lambda streams: streams.permutations(count))

    def draw(self, count: int) -> dict[str, Tensor]:
        return {"real": self._images.values(self._order.take(count), self._dtype)}

    def state(self) -> dict[str, Any]:
        return self._order.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._order.restore(state)


@register_dataset("digits")
def digits() -> ImageDataset:
    """Handwritten digits, 8×8, bundled with scikit-learn: 1,437 to train on, 360 held out.

    The split is fixed and keeps the classes' shares.
    """
    return _digits()


@register_dataset("mnist")
def mnist() -> ImageDataset:
    """MNIST, handwritten digits, 28×28: 60,000 to train on, 10,000 held out."""
    source = "LeCun, Cortes & Burges 1998, by torchvision"
    return _from_idx("mnist", "MNIST, handwritten digits, 28×28", source, "CC BY-SA 3.0")


@register_dataset("fashion_mnist")
def fashion_mnist() -> ImageDataset:
    """Fashion-MNIST, pictures of clothes, 28×28: 60,000 to train on, 10,000 held out."""
    source = "Xiao, Rasul & Vollgraf 2017, by torchvision"
    return _from_idx("fashion_mnist", "Fashion-MNIST, pictures of clothes, 28×28", source, "MIT")


def data_root() -> Path:
    """The folder that data files are looked for in: $GANBENCH_DATA, else one in the user's cache."""
    named = os.environ.get(DATA_VARIABLE) or "~/.cache/ganbench"
    try:
        return Path(named).expanduser()
    except RuntimeError as error:  # as in a container whose user has no entry and no HOME
        raise MissingData(
            f"{named} names no folder, as there is no such home folder; "
            f"--data DIR or {DATA_VARIABLE} names one"
        ) from error


def fetch(name: str, root: str | Path | None = None) -> Path:
    """Download a data set's files below `root` (default: `data_root()`); returns the folder they lie in.

    Files that are already there are kept.  Raises GanbenchError where the download fails.
    """
    if name not in _IDX_CLASSES:
        raise UnknownName("data set to fetch", name, _IDX_CLASSES)
    from torchvision import datasets  # slow to import, and of use here alone

    folder = Path(root) if root is not None else data_root()
    try:
        getattr(datasets, _IDX_CLASSES[name])(folder, download=True)
    except (OSError, RuntimeError) as error:
        why = " ".join(str(error).split())
        raise GanbenchError(f"{name} could not be downloaded to {folder}: {why}") from error
    _require_files(name, folder)
    return folder / _IDX_CLASSES[name]


@functools.cache
def _digits() -> ImageDataset:
    return ImageDataset(
        DatasetInfo(
            name="digits",
            title="Handwritten digits, 8×8",
            spec=DataSpec((1, 8, 8), (-1.0, 1.0)),
            source="Alpaydin & Kaynak 1998, UCI; the 1,797 images that scikit-learn bundles",
            licence="CC BY 4.0",
            primary=Primary("fidelity", "fid_classifier_train_1437"),
            split_sizes={"train": 1437, "heldout": _DIGITS_HELDOUT},
            evaluation_samples=1437,
        ),
        classes=10,
    )


@functools.cache
def _from_idx(name: str, title: str, source: str, licence: str) -> ImageDataset:
    info = DatasetInfo(
        name=name,
        title=title,
        spec=DataSpec((1, 28, 28), (-1.0, 1.0)),
        source=source,
        licence=licence,
        primary=Primary("fidelity", "fid_classifier_train_10000"),
        split_sizes={"train": 60_000, "heldout": 10_000},
        evaluation_samples=10_000,
    )
    return ImageDataset(info, classes=10)


def _require_files(name: str, root: Path) -> None:
    folder = root / _IDX_CLASSES[name] / "raw"
    missing = [file for file in _IDX_FILES if not (folder / file).is_file()]
    if missing:
        raise MissingData(
            f"{name}: {', '.join(missing)} not found in {folder}; `ganbench data fetch {name}` "
            f"downloads them, --data DIR or {DATA_VARIABLE} names another folder"
        )


@functools.cache
def _images_on(name: str, split: Split, root: str, device: str) -> Images:
    """A split on a device, in its fixed shuffled order."""
    if device != "cpu":
        host = _images_on(name, split, root, "cpu")
        return Images(host.pixels.to(device), host.classes.to(device), host.half)
    images = _load_digits(split) if name == "digits" else _load_idx(name, split, Path(root))
    order = torch.randperm(len(images.pixels), generator=generator(0, f"{name}/{split}/order"))
    return Images(images.pixels[order], images.classes[order], images.half)


def _load_digits(split: Split) -> Images:
    from sklearn.datasets import load_digits

    bundle = load_digits()
    pixels = torch.from_numpy(bundle.images).to(torch.uint8).unsqueeze(1)
    classes = torch.from_numpy(bundle.target).to(torch.int64)
    chosen = torch.isin(torch.arange(len(classes)), _digits_heldout(classes))
    chosen = chosen if split == "heldout" else ~chosen
    return Images(pixels[chosen], classes[chosen], 8.0)


def _digits_heldout(classes: Tensor) -> Tensor:
    """The numbers of the held-out images: of each class its share, by largest remainders."""
    share = torch.bincount(classes).double() * _DIGITS_HELDOUT / len(classes)
    count = share.floor()
    count[(share - count).topk(int(_DIGITS_HELDOUT - count.sum())).indices] += 1
    source = generator(0, "digits/split")
    return torch.cat(
        [
            members[torch.randperm(len(members), generator=source)[: int(wanted)]]
            for members, wanted in ((torch.where(classes == c)[0], count[c]) for c in range(len(count)))
        ]
    )


def _load_idx(name: str, split: Split, root: Path) -> Images:
    _require_files(name, root)
    from torchvision import datasets

    read = getattr(datasets, _IDX_CLASSES[name])(root, train=split == "train", download=False)
    return Images(read.data.unsqueeze(1), read.targets.to(torch.int64), 127.5)
