"""A folder of one's own images: decoded once, kept as bytes, read from memory or from disk."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray
from torch import Tensor

from ganbench import store
from ganbench.datasets.dataset import DatasetInfo, Primary, Split, register_dataset
from ganbench.datasets.finite import FiniteDataset, Rows
from ganbench.datasets.images import data_root
from ganbench.errors import GanbenchError, MissingData
from ganbench.game import DataSpec, FieldSpec
from ganbench.registry import FilePath
from ganbench.streams import generator

DECODED_VERSION = 1
"""Counts up when the bytes of an image change meaning."""
IN_MEMORY = 2**30
"""Bytes of decoded images up to which they are held in memory; above they are read from the decoded file."""
_EVALUATION_SAMPLES = 10_000
_FEWEST = {"train": 8, "heldout": 2}
_NAMED = 10  # broken files that a message names
_WORKERS, _AHEAD = 4, 64

Resize = Literal["lanczos", "bicubic", "bilinear", "area", "nearest"]
Crop = Literal["center", "none"]


@dataclass(frozen=True)
class Decoding:
    """How a file becomes an image [channels, size, size] of bytes."""

    size: int
    channels: int
    resize: Resize
    crop: Crop
    alpha: str

    def decoded(self, file: Path) -> NDArray[np.uint8]:
        """The first frame of a file, upright, on the stated colour; raises whatever Pillow does."""
        from PIL import Image, ImageOps  # slow to import, and of use here alone

        with Image.open(file) as opened:
            opened.seek(0)
            image: Any = ImageOps.exif_transpose(opened)
            image = self._opaque(_eight_bits(image)).convert("L" if self.channels == 1 else "RGB")
        if self.crop == "center":
            side = min(image.size)
            left, top = ((extent - side) // 2 for extent in image.size)
            image = image.crop((left, top, left + side, top + side))
        filters = Image.Resampling
        kernel = filters.BOX if self.resize == "area" else filters[self.resize.upper()]
        if image.size != (self.size, self.size):
            image = image.resize((self.size, self.size), kernel)
        pixels = np.asarray(image, dtype=np.uint8)
        return pixels.reshape(self.size, self.size, self.channels).transpose(2, 0, 1)

    def _opaque(self, image: Any) -> Any:
        from PIL import Image

        if not image.has_transparency_data:
            return image
        ground = Image.new("RGBA", image.size, self.alpha)
        return Image.alpha_composite(ground, image.convert("RGBA"))


def _eight_bits(image: Any) -> Any:
    """An image of eight bits a channel; sixteen are divided by 257, which keeps black and white."""
    from PIL import Image

    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image, dtype=np.float64)
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 65535:
        raise ValueError(f"values from {values.min():g} to {values.max():g} are not of 16 bits")
    return Image.fromarray(np.round(values / 257).astype(np.uint8), "L")


class FileRows(Rows):
    """Rows of images that stay in a decoded file [n, C, H, W], with their labels in memory."""

    def __init__(self, pixels: NDArray[np.uint8], order: Tensor, labels: Tensor | None, device: torch.device):
        columns = {"row": order} if labels is None else {"row": order, "label": labels[order]}
        super().__init__({name: column.to(device) for name, column in columns.items()})
        object.__setattr__(self, "_pixels", pixels)

    def at(self, index: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        fields = super().at(index, dtype)
        wanted = fields.pop("row").cpu().numpy()
        images = torch.from_numpy(getattr(self, "_pixels")[wanted]).to(index.device)  # noqa: B009
        return {"real": images.to(dtype).div_(self.half).sub_(1), **fields}


class ImageFolder(FiniteDataset):
    """The images of a folder, of which a random share is held out."""

    def __init__(
        self, folder: Path, decoding: Decoding, skip: bool, heldout: float, flip: bool, subset: int | None
    ) -> None:
        self.flips = flip
        files = image_files(folder)
        if subset is not None:
            chosen = torch.randperm(len(files), generator=generator(0, "image_folder/subset"))[:subset]
            files = [files[i] for i in sorted(chosen.tolist())]
        self._pixels, names, broken = decoded_images(folder, files, decoding, skip)
        self._files = tuple(files)
        classes, self._labels = _labels(names)
        order = torch.randperm(len(names), generator=generator(0, "image_folder/split"))
        cut = round(heldout * len(order))
        self._order: dict[Split, Tensor] = {"train": order[cut:], "heldout": order[:cut]}
        self._rows: dict[tuple[Split, torch.device], Rows] = {}
        sizes: dict[Split, int] = {split: len(rows) for split, rows in self._order.items()}
        if any(sizes[split] < fewest for split, fewest in _FEWEST.items()):  # type: ignore[index]
            raise GanbenchError(
                f"{folder}: {len(names)} images are {sizes['train']} to train on and {sizes['heldout']} held "
                f"out; at least {_FEWEST['train']} and {_FEWEST['heldout']} are needed: give more images, or "
                "another `heldout`"
            )
        label = FieldSpec.label(classes, lambda: self.shares_of("label", classes)) if classes else None
        left_out = f", {len(broken)} broken files left out" if broken else ""
        side = decoding.size
        self.info = DatasetInfo(
            name="image_folder",
            title=f"{folder.name}: {len(names):,} images at {side}×{side}{left_out}",
            spec=DataSpec.real((decoding.channels, side, side), (-1.0, 1.0), label),
            source=f"the user's folder {folder.name}",
            licence="not stated",
            primary=Primary("two_sample", "energy_distance"),
            split_sizes=sizes,
            evaluation_samples=min(_EVALUATION_SAMPLES, sizes["train"]),
        )

    def files(self) -> tuple[Path, ...]:
        return self._files

    def rows(self, split: Split, device: torch.device) -> Rows:
        if (split, device) not in self._rows:
            self._rows[split, device] = held_or_mapped(self._pixels, self._order[split], self._labels, device)
        return self._rows[split, device]


def held_or_mapped(
    pixels: NDArray[np.uint8], order: Tensor, labels: Tensor | None, device: torch.device
) -> Rows:
    """Images [n, C, H, W] in an order, with labels: on a device, or in their file where they are many."""
    if pixels.nbytes > IN_MEMORY:
        return FileRows(pixels, order, labels, device)
    columns = {"real": torch.from_numpy(pixels[order.numpy()])}
    return Rows(columns if labels is None else columns | {"label": labels[order]}).to(device)


@register_dataset("image_folder")
def image_folder(
    path: Annotated[
        str, FilePath(), "a folder of images; its sub-folders, where it has any, are the classes"
    ],
    size: Annotated[int, Ge(4), "pixels along a side"] = 64,
    channels: Annotated[Literal[1, 3], "1: grey, 3: colour"] = 3,
    resize: Annotated[Resize, "the filter; all but nearest are antialiased"] = "lanczos",
    crop: Annotated[Crop, "center: the largest square in the middle; none: squeezed to a square"] = "center",
    alpha: Annotated[str, "the colour behind transparent pixels, by name or as #rrggbb"] = "white",
    flip: Annotated[bool, "mirror training images at random"] = False,
    on_error: Annotated[Literal["refuse", "skip"], "what to do about files that cannot be read"] = "refuse",
    heldout: Annotated[float, Gt(0), Lt(1), "share of the images that is held out, at random"] = 0.1,
    subset: Annotated[int | None, Ge(1), "only so many of the images, chosen at random"] = None,
) -> ImageFolder:
    """Images of one's own: any mix of sizes, colour modes and formats that Pillow reads.

    Files are turned upright by their EXIF tag; of animations the first frame is taken; 16 bits become 8.
    Hidden files, and files whose ending is of no image format, are passed over.  Images are decoded once into
    a file of bytes below the data folder (`--data`, GANBENCH_DATA), which is read as needed where it is
    larger than a gigabyte.
    """
    try:
        from PIL import ImageColor

        ImageColor.getrgb(alpha)
    except ValueError as error:
        raise GanbenchError(
            f"image_folder: alpha: {alpha!r} is no colour; white or #ffffff is one"
        ) from error
    decoding = Decoding(size, channels, resize, crop, alpha)
    return ImageFolder(Path(path), decoding, on_error == "skip", heldout, flip, subset)


def image_files(folder: Path) -> list[Path]:
    """The image files below a folder, in the order of their names; MissingData where there are none."""
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "no such folder"
        raise MissingData(f"{folder}: {what}; a relative path is relative to the suite's folder")
    endings = _endings()
    files = [
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in endings
        and not any(part.startswith(".") for part in file.relative_to(folder).parts)
        and file.is_file()
    ]
    if not files:
        raise MissingData(
            f"{folder}: no images in it; files ending in .png, .jpg and the like are looked for"
        )
    return sorted(files, key=lambda file: file.relative_to(folder).as_posix())


@cache
def _endings() -> frozenset[str]:
    from PIL import Image

    Image.init()
    return frozenset(ending for ending, name in Image.registered_extensions().items() if name in Image.OPEN)


def decoded_images(
    folder: Path, files: Sequence[Path], decoding: Decoding, skip: bool
) -> tuple[NDArray[np.uint8], list[str], dict[str, str]]:
    """All images [n, C, H, W], their names, and the broken files with the reasons.

    What was decoded before is read again, as long as files, sizes and times of change are the same.
    """
    names = [file.relative_to(folder).as_posix() for file in files]
    stats = [(file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    identity = repr((DECODED_VERSION, str(folder.resolve()), names, stats, decoding))
    place = data_root() / "decoded" / hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()
    pixels, about = place.with_suffix(".npy"), place.with_suffix(".json")
    if not about.is_file():
        with tempfile.TemporaryDirectory(dir=_writable(place.parent)) as scratch:
            made = Path(scratch) / "decoded.npy"
            kept, broken = _decode(files, names, decoding, made)
            if broken and not skip:
                raise GanbenchError(_refusal(folder, broken))
            if not kept:
                raise GanbenchError(f"{folder}: none of its {len(files)} images can be read")
            if not place.parent.is_dir():
                return np.load(made), kept, broken
            os.replace(made, pixels)
        store.write_json(about, {"kept": kept, "broken": broken})
    found = json.loads(about.read_text(encoding="utf-8"))
    if found["broken"] and not skip:
        raise GanbenchError(_refusal(folder, found["broken"]))
    mapped = np.load(pixels, mmap_mode="r")
    return mapped, found["kept"], found["broken"]


def _writable(folder: Path) -> Path | None:
    """A folder to write to, made where it is not there; None where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return None


def _decode(
    files: Sequence[Path], names: Sequence[str], decoding: Decoding, out: Path
) -> tuple[list[str], dict[str, str]]:
    """Decode files into a .npy file, a few ahead at a time; names of those read, and why others are not."""
    shape = (len(files), decoding.channels, decoding.size, decoding.size)
    needed = math.prod(shape)
    if needed > shutil.disk_usage(out.parent).free:
        raise GanbenchError(
            f"{out.parent}: {needed / 1e9:.1f} GB are needed for the decoded images; free some"
        )
    pixels = np.lib.format.open_memmap(out, mode="w+", dtype=np.uint8, shape=shape)
    kept: list[str] = []
    broken: dict[str, str] = {}
    waiting = iter(zip(files, names, strict=True))
    with ThreadPoolExecutor(min(_WORKERS, os.cpu_count() or 1)) as pool:
        while ahead := list(islice(waiting, _AHEAD)):
            for name, image in zip(
                [name for _, name in ahead],
                pool.map(lambda pair: _decoded_or_reason(pair[0], decoding), ahead),
                strict=True,
            ):
                if isinstance(image, str):
                    broken[name] = image
                else:
                    pixels[len(kept)] = image
                    kept.append(name)
    if broken and kept:
        shorter = out.with_name("shorter.npy")
        fewer = np.lib.format.open_memmap(shorter, mode="w+", dtype=np.uint8, shape=(len(kept), *shape[1:]))
        fewer[:] = pixels[: len(kept)]
        fewer.flush()
        os.replace(shorter, out)
    else:
        pixels.flush()
    return kept, broken


def _decoded_or_reason(file: Path, decoding: Decoding) -> NDArray[np.uint8] | str:
    try:
        return decoding.decoded(file)
    except Exception as error:  # a broken file makes Pillow raise anything
        if not file.stat().st_size:
            return "empty"
        return " ".join(str(error).replace(str(file), "the file").split()) or type(error).__name__


def _refusal(folder: Path, broken: dict[str, str]) -> str:
    listed = "; ".join(f"{name}: {reason}" for name, reason in islice(broken.items(), _NAMED))
    more = f"; and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
    count = "1 file" if len(broken) == 1 else f"{len(broken)} files"
    return (
        f"{folder}: {count} cannot be read: {listed}{more}; mend or remove them, or `on_error: skip` "
        "leaves them out"
    )


def _labels(names: Sequence[str]) -> tuple[int, Tensor | None]:
    """The number of classes and each image's: the first sub-folder, where every image lies in one."""
    folders = [Path(name).parts[0] if len(Path(name).parts) > 1 else None for name in names]
    classes = sorted({folder for folder in folders if folder is not None})
    if None in folders or len(classes) < 2:
        return 0, None
    return len(classes), torch.tensor([classes.index(str(folder)) for folder in folders])
