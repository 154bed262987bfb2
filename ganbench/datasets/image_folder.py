"""A folder of one's own images, any mix of sizes, colour modes and formats."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import torch
from annotated_types import Gt, Lt

from ganbench.datasets.dataset import DatasetInfo, Split, register_dataset
from ganbench.datasets.decoded_images import (
    PIXELS,
    Crop,
    DecodedImages,
    Decoding,
    FileSource,
    Resize,
    Size,
    StoredImages,
    decoded_images,
    image_rows,
    samples_compared,
)
from ganbench.datasets.finite import Flip, Rows, Subset
from ganbench.datasets.images import data_root
from ganbench.errors import GanbenchError, MissingData
from ganbench.game import DataSpec, FieldSpec
from ganbench.registry import FilePath

_BY_DEFAULT = "images"
_FEWEST: dict[Split, int] = {"train": 8, "heldout": 2}
_PICTURELESS = frozenset({"BUFR", "GRIB", "HDF5", "IPTC", "MPEG"})
"""Formats that Pillow knows by name and that hold no picture, or not for it."""
_UNREAD_ENDINGS = frozenset({".arw", ".avif", ".cr2", ".dng", ".heic", ".heif", ".jxl", ".nef", ".webp"})
"""Of pictures that Pillow reads with a plug-in at best: to be named as broken rather than passed over."""


@register_dataset("image_folder")
def image_folder(
    path: Annotated[
        str | None,
        FilePath(),
        "a folder of images; its sub-folders, where it has any, are the classes; by default `images` in the "
        "data folder",
    ] = None,
    size: Size = 64,
    channels: Annotated[Literal[1, 3], "1: grey, 3: colour"] = 3,
    resize: Resize = "lanczos",
    crop: Annotated[Crop, "center: the largest square in the middle; none: squeezed to a square"] = "center",
    alpha: Annotated[str, "the colour behind transparent pixels, by name or as #rrggbb"] = "white",
    flip: Flip = False,
    on_error: Annotated[Literal["refuse", "skip"], "what to do about files that cannot be read"] = "refuse",
    heldout: Annotated[float, Gt(0), Lt(1), "share of the images that is held out, by their names"] = 0.1,
    subset: Subset = None,
) -> StoredImages:
    """Images of one's own: any mix of sizes, colour modes and formats that Pillow reads.

    Files are turned upright by their EXIF tag; of animations the first frame is taken; 16 bits become 8.
    Hidden files, and files whose ending is of no image format, are passed over.  Which images are held out
    goes by a hash of their paths in the folder.  Where every image lies in a sub-folder, the first level of
    sub-folders are the classes, in sorted order.  Images are decoded once into a file of bytes below the
    data folder (`--data`, GANBENCH_DATA), which is read as needed where it is larger than a gigabyte.
    """
    _require_colour(alpha)
    folder = data_root() / _BY_DEFAULT if path is None else Path(path)
    names = image_names(folder)
    classes, splits = class_names(names), _splits(names, heldout, subset)
    chosen = sorted(name for split in splits.values() for name in split)
    source = FileSource(folder, chosen, remedy="mend or remove them, or `on_error: skip` leaves them out")
    images = decoded_images(source, Decoding(size, channels, resize, crop, alpha), on_error == "skip")
    places = {name: place for place, name in enumerate(images.names)}
    order: dict[Split, torch.Tensor] = {
        split: torch.tensor([places[name] for name in part if name in places], dtype=torch.int64)
        for split, part in splits.items()
    }
    sizes: dict[Split, int] = {split: len(rows) for split, rows in order.items()}
    _refuse_few(folder, sizes)
    labels = torch.tensor([classes.index(top_folder(name)) for name in images.names]) if classes else None
    shape = (channels, size, size)

    def read(split: Split) -> Rows:
        return image_rows(images.pixels, order[split], labels)

    label = FieldSpec.label(len(classes), lambda: dataset.shares_of("label", len(classes)))
    info = DatasetInfo(
        name="image_folder",
        title=_title(folder, images, size, len(classes)),
        spec=DataSpec.real(shape, (-1.0, 1.0), label if classes else None),
        source=f"the user's folder {folder.name}",
        licence="not stated",
        primary=PIXELS,
        split_sizes=sizes,
        evaluation_samples=samples_compared(shape, sizes["train"]),
    )
    dataset = StoredImages(info, read, lambda: images.files, flip=flip)
    return dataset


def image_names(folder: Path) -> list[str]:
    """The image files below a folder, sorted; MissingData where there are none.  Links are followed."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "no such folder"
        raise MissingData(
            f"{folder}: {what}; `image_folder: {{path: …}}` names one (a relative path is relative to the "
            f"suite's folder); without `path` it is {_BY_DEFAULT!r} in the data folder, which --data names"
        )
    names = list(_image_files(folder, "", frozenset()))
    if not names:
        raise MissingData(
            f"{folder}: no images in it; files ending in .png, .jpg and the like are looked for"
        )
    return sorted(names)


def image_headers(folder: Path, names: Sequence[str]) -> Counter[tuple[tuple[int, int], str]]:
    """How many files have which size (width, height) and mode; those that cannot be opened have none."""
    from PIL import Image

    headers: Counter[tuple[tuple[int, int], str]] = Counter()
    for name in names:
        try:
            with Image.open(folder / name) as opened:
                headers[opened.size, opened.mode] += 1
        except Exception:  # a broken file makes Pillow raise anything; decoding names it
            continue
    return headers


def class_names(names: Sequence[str]) -> list[str]:
    """The first level of sub-folders, sorted, where every image lies in one of several; else none."""
    folders = {top_folder(name) for name in names}
    return sorted(folders) if len(folders) > 1 and all("/" in name for name in names) else []


def top_folder(name: str) -> str:
    """The first part of an image's path."""
    return name.split("/", 1)[0]


def _image_files(folder: Path, prefix: str, above: frozenset[Path]) -> Iterator[str]:
    """The image files of a folder and those below; a link to a folder `above` it is not followed again."""
    place = folder.resolve()
    if place in above:
        return
    try:
        entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except OSError as error:
        raise GanbenchError(f"{folder}: cannot be read: {error.strerror}") from error
    for entry in entries:
        if entry.is_dir():
            yield from _image_files(Path(entry.path), f"{prefix}{entry.name}/", above | {place})
        elif Path(entry.name).suffix.lower() in _endings():
            yield prefix + entry.name


@cache
def _endings() -> frozenset[str]:
    from PIL import Image

    Image.init()
    formats = Image.OPEN.keys() - _PICTURELESS
    return _UNREAD_ENDINGS.union(e for e, name in Image.registered_extensions().items() if name in formats)


def _splits(names: Sequence[str], heldout: float, subset: int | None) -> dict[Split, list[str]]:
    """The names by split, in an order and with a share that go by a hash of the names."""
    order = sorted(names, key=lambda name: hashlib.blake2b(os.fsencode(name), digest_size=8).digest())
    cut = round(heldout * len(order))
    return {"train": order[cut:][:subset], "heldout": order[:cut]}


def _refuse_few(folder: Path, sizes: dict[Split, int]) -> None:
    if any(sizes[split] < fewest for split, fewest in _FEWEST.items()):
        count = sum(sizes.values())
        are = "1 image is" if count == 1 else f"{count} images are"
        raise GanbenchError(
            f"{folder}: {are} {sizes['train']} to train on and {sizes['heldout']} held out; at least "
            f"{_FEWEST['train']} and {_FEWEST['heldout']} are needed: give more images, another `heldout`, "
            "or a larger `subset`"
        )


def _require_colour(alpha: str) -> None:
    from PIL import ImageColor

    try:
        ImageColor.getrgb(alpha)
    except ValueError as error:
        raise GanbenchError(
            f"image_folder: alpha: {alpha!r} is no colour; white or #ffffff is one"
        ) from error


def _title(folder: Path, images: DecodedImages, side: int, classes: int) -> str:
    of_classes = f" in {classes:,} classes" if classes else ""
    broken = f", {len(images.broken):,} broken files left out" if images.broken else ""
    return f"{folder.name}: {len(images.names):,} images{of_classes} at {side}×{side}{broken}"
