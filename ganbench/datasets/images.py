"""Images: scikit-learn's digits, which travel with it, and MNIST and Fashion-MNIST from files."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ganbench.datasets.dataset import DatasetInfo, Primary, Split, register_dataset
from ganbench.datasets.finite import FiniteDataset, Flip, Rows, Subset
from ganbench.errors import MissingData
from ganbench.game import DataSpec, FieldSpec
from ganbench.streams import generator

DATA_VARIABLE = "GANBENCH_DATA"
_CLASSES = 10
_DIGITS_HELDOUT = 360
_MOST_COMPARED = 10_000
_IDX_CLASSES = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}
_IDX_FILES = tuple(
    f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")
)


class ImageDataset(FiniteDataset):
    """Images of ten classes, kept as bytes once per process and device."""

    def __init__(
        self,
        name: str,
        title: str,
        shape: tuple[int, ...],
        sizes: Mapping[Split, int],
        source: str,
        licence: str,
        flip: bool = False,
        subset: int | None = None,
    ) -> None:
        self.flips, self._subset = flip, subset
        sizes = {**sizes, "train": min(sizes["train"], subset or sizes["train"])}
        compared = min(sizes["train"], _MOST_COMPARED)
        label = FieldSpec.label(_CLASSES, lambda: self.shares_of("label", _CLASSES))
        self.info = DatasetInfo(
            name=name,
            title=title,
            spec=DataSpec.real(shape, (-1.0, 1.0), label),
            source=source,
            licence=licence,
            primary=Primary("fidelity", f"fid_classifier_train_{compared}"),
            split_sizes=sizes,
            evaluation_samples=compared,
        )

    def require(self) -> None:
        if self.info.name in _IDX_CLASSES:
            _require_files(self.info.name, data_root())

    def files(self) -> tuple[Path, ...]:
        if self.info.name not in _IDX_CLASSES:
            return ()
        folder = _folder_of(self.info.name, data_root())
        return tuple(folder / file for file in _IDX_FILES)

    def rows(self, split: Split, device: torch.device) -> Rows:
        root = data_root() if self.info.name in _IDX_CLASSES else Path()
        subset = self._subset if split == "train" else None
        return _rows_on(self.info.name, split, str(root), str(device), subset)


@register_dataset("digits")
def digits() -> ImageDataset:
    """Handwritten digits, 8×8, bundled with scikit-learn: 1,437 to train on, 360 held out.

    The split is fixed and keeps the classes' shares.
    """
    return _digits()


@register_dataset("mnist")
def mnist(flip: Flip = False, subset: Subset = None) -> ImageDataset:
    """MNIST, handwritten digits, 28×28: 60,000 to train on, 10,000 held out."""
    source = "LeCun, Cortes & Burges 1998, by torchvision"
    return _from_idx("mnist", "MNIST, handwritten digits, 28×28", source, "CC BY-SA 3.0", flip, subset)


@register_dataset("fashion_mnist")
def fashion_mnist(flip: Flip = False, subset: Subset = None) -> ImageDataset:
    """Fashion-MNIST, pictures of clothes, 28×28: 60,000 to train on, 10,000 held out."""
    source = "Xiao, Rasul & Vollgraf 2017, by torchvision"
    return _from_idx(
        "fashion_mnist", "Fashion-MNIST, pictures of clothes, 28×28", source, "MIT", flip, subset
    )


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


@functools.cache
def _digits() -> ImageDataset:
    source = "Alpaydin & Kaynak 1998, UCI; the 1,797 images that scikit-learn bundles"
    sizes: dict[Split, int] = {"train": 1437, "heldout": _DIGITS_HELDOUT}
    return ImageDataset("digits", "Handwritten digits, 8×8", (1, 8, 8), sizes, source, "CC BY 4.0")


@functools.cache
def _from_idx(
    name: str, title: str, source: str, licence: str, flip: bool, subset: int | None
) -> ImageDataset:
    sizes: dict[Split, int] = {"train": 60_000, "heldout": 10_000}
    return ImageDataset(name, title, (1, 28, 28), sizes, source, licence, flip, subset)


def _folder_of(name: str, root: Path) -> Path:
    return root / _IDX_CLASSES[name] / "raw"


def _require_files(name: str, root: Path) -> None:
    folder = _folder_of(name, root)
    missing = [file for file in _IDX_FILES if not (folder / file).is_file()]
    if missing:
        raise MissingData(
            f"{name}: {', '.join(missing)} not found in {folder}; `ganbench data fetch {name}` "
            f"downloads them, --data DIR or {DATA_VARIABLE} names another folder"
        )


@functools.cache
def _rows_on(name: str, split: Split, root: str, device: str, subset: int | None) -> Rows:
    """A split on a device, in its fixed shuffled order, or the beginning of that."""
    if device != "cpu":
        return _rows_on(name, split, root, "cpu", subset).to(torch.device(device))
    if subset is not None:
        return _rows_on(name, split, root, "cpu", None).take(torch.arange(subset))
    rows = _load_digits(split) if name == "digits" else _load_idx(name, split, Path(root))
    return rows.take(torch.randperm(len(rows), generator=generator(0, f"{name}/{split}/order")))


def _load_digits(split: Split) -> Rows:
    from sklearn.datasets import load_digits

    bundle = load_digits()
    pixels = torch.from_numpy(bundle.images).to(torch.uint8).unsqueeze(1)
    classes = torch.from_numpy(bundle.target).to(torch.int64)
    chosen = torch.isin(torch.arange(len(classes)), _digits_heldout(classes))
    chosen = chosen if split == "heldout" else ~chosen
    return Rows({"real": pixels[chosen], "label": classes[chosen]}, half=8.0)


def _digits_heldout(classes: Tensor) -> Tensor:
    """The numbers of the held-out images: of each class its share, by largest remainders."""
    share = torch.bincount(classes).double() * _DIGITS_HELDOUT / len(classes)
    count = share.floor()
    count[(share - count).topk(int(_DIGITS_HELDOUT - count.sum())).indices] += 1
    source = generator(0, "digits/split")
    members = [torch.where(classes == c)[0] for c in range(len(count))]
    orders = [torch.randperm(len(rows), generator=source) for rows in members]
    return torch.cat([rows[o[: int(c)]] for rows, o, c in zip(members, orders, count, strict=True)])


def _load_idx(name: str, split: Split, root: Path) -> Rows:
    _require_files(name, root)
    from torchvision import datasets

    read = getattr(datasets, _IDX_CLASSES[name])(root, train=split == "train", download=False)
    return Rows({"real": read.data.unsqueeze(1), "label": read.targets.to(torch.int64)})
