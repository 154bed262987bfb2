"""Images decoded once into a file of bytes, which is then held in memory or read from disk."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import stat
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import numpy as np
import torch
from annotated_types import Ge
from numpy.typing import NDArray
from torch import Tensor

from ganbench import store
from ganbench.datasets.dataset import DatasetInfo, Primary, Split
from ganbench.datasets.finite import FiniteDataset, Rows
from ganbench.datasets.images import DATA_VARIABLE, data_root
from ganbench.errors import GanbenchError

DECODED_VERSION = 2
"""Counts up when the bytes of an image change meaning."""
IN_MEMORY = 2**30
"""Bytes of decoded images up to which they are held in memory; above they are read from the decoded file."""
PIXELS = Primary("two_sample", "energy_distance")
"""Ranks images that no extractor is made for: a distance of pixels, without bias however few there are."""
_MOST_COMPARED = 10_000
_NUMBERS_COMPARED = 2**25  # of a seed's samples: 10,000 at 32×32, 2,730 at 64×64, in colour
_REASONS = 10  # so many broken images are named with the reason
_WORKERS, _AHEAD = 4, 64
_PIXELS_FILE, _ABOUT_FILE = "images.bin", "images.json"

ResizeFilter = Literal["lanczos", "bicubic", "bilinear", "area", "nearest"]
Crop = Literal["center", "none"]
Size = Annotated[int, Ge(4), "pixels along a side"]
Resize = Annotated[ResizeFilter, "the filter; all but nearest are antialiased"]


@dataclass(frozen=True)
class Decoding:
    """How an image of any size and mode becomes one [channels, size, size] of bytes."""

    size: int
    channels: int = 3
    resize: ResizeFilter = "lanczos"
    crop: Crop = "center"
    alpha: str = "white"

    def decoded(self, opened: Any) -> NDArray[np.uint8]:
        """The first frame of a Pillow image, upright, on the stated colour; raises whatever Pillow does."""
        from PIL import ImageOps  # slow to import, and of use here alone

        opened.seek(0)
        image: Any = ImageOps.exif_transpose(opened)
        image = self._opaque(_eight_bits(image)).convert("L" if self.channels == 1 else "RGB")
        if self.crop == "center":
            side = min(image.size)
            left, top = ((extent - side) // 2 for extent in image.size)
            image = image.crop((left, top, left + side, top + side))
        pixels = np.asarray(self._resized(image), dtype=np.uint8)
        return pixels.reshape(self.size, self.size, self.channels).transpose(2, 0, 1)

    def _resized(self, image: Any) -> Any:
        from PIL import Image

        if image.size == (self.size, self.size):
            return image
        if self.resize != "area":
            return image.resize((self.size, self.size), Image.Resampling[self.resize.upper()])
        if all(extent % self.size == 0 for extent in image.size):
            return image.reduce(tuple(extent // self.size for extent in image.size))  # rounds but once
        return image.resize((self.size, self.size), Image.Resampling.BOX)

    def _opaque(self, image: Any) -> Any:
        from PIL import Image

        if not image.has_transparency_data:
            return image
        ground = Image.new("RGB", image.size, self.alpha).convert("RGBA")
        return Image.alpha_composite(ground, image.convert("RGBA"))


def _eight_bits(image: Any) -> Any:
    """An image of eight bits a channel; sixteen are divided by 257, which keeps black and white."""
    from PIL import Image

    if image.mode.startswith("F"):
        raise ValueError("its pixels are floats of no stated range; 8 or 16 bits a channel would work")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image, dtype=np.float64)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(f"values from {values.min():g} to {values.max():g} are not of 16 bits")
    return Image.fromarray(np.round(values / 257).astype(np.uint8), "L")


# Sources ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ImageSource(ABC):
    """Images that are opened one by one by name; fewer names are a smaller source."""

    path: Path
    """The folder or file that they are in."""
    names: Sequence[str]
    remedy: str = field(default="replace them", kw_only=True)
    """What to do about images that cannot be read."""

    @abstractmethod
    def status(self) -> object:
        """A value whose `repr` is another one wherever an image may be another one."""

    @abstractmethod
    def open(self, name: str) -> Any:
        """A Pillow image, which is closed after use; raises whatever Pillow does."""


@dataclass(frozen=True)
class FileSource(ImageSource):
    """Image files below a folder, by their paths from there."""

    def status(self) -> object:
        return [file_status(self.path / name) for name in self.names]

    def open(self, name: str) -> Any:
        from PIL import Image

        if not (self.path / name).stat().st_size:
            raise ValueError("empty")
        return Image.open(self.path / name)


@dataclass(frozen=True)
class ArraySource(ImageSource):
    """Images [n, C, H, W] of bytes, by their numbers; read from their file only to be decoded."""

    read: Callable[[], NDArray[np.uint8]]

    def status(self) -> object:
        return file_status(self.path)

    def open(self, name: str) -> Any:
        from PIL import Image

        return Image.fromarray(np.ascontiguousarray(self.read()[int(name)].transpose(1, 2, 0)))


def file_status(file: Path) -> tuple[int, int, int] | None:
    """Size, time of change and rights; None for a link that leads nowhere."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_mode


# The decoded file -------------------------------------------------------------------------------


@dataclass(frozen=True)
class DecodedImages:
    """A source's images: `pixels` [n, C, H, W] in a file, their names, and why others could not be read."""

    pixels: NDArray[np.uint8]
    names: Sequence[str]
    broken: Mapping[str, str]
    files: tuple[Path, ...]
    """What they are read from: other contents, other images or names."""


def decoded_images(source: ImageSource, decoding: Decoding, skip: bool = False) -> DecodedImages:
    """The images of a source, decoded at the first call; `skip`: without those that cannot be read.

    Raises GanbenchError where an image cannot be read (without `skip`), or none can.
    """
    origin = (str(source.path.resolve()), list(source.names), source.status())
    identity = repr((DECODED_VERSION, origin, decoding))
    key = hashlib.blake2b(os.fsencode(identity), digest_size=16).hexdigest()
    folder = _decoded_folder() / key
    if not (folder / _ABOUT_FILE).is_file():
        _decode_to(folder, source, decoding, skip)
    broken, count = _stored_about(folder)
    if broken and not skip:
        raise GanbenchError(_refusal(source, broken))
    shape = (count, decoding.channels, decoding.size, decoding.size)
    if (folder / _PIXELS_FILE).stat().st_size != math.prod(shape):
        raise GanbenchError(f"{folder}: decoded images of another size than noted; remove the folder")
    pixels = np.memmap(folder / _PIXELS_FILE, np.uint8, "r", shape=shape)
    names = [name for name in source.names if name not in broken]
    return DecodedImages(pixels, names, broken, (folder / _PIXELS_FILE, folder / _ABOUT_FILE))


def _decoded_folder() -> Path:
    """Where decoded images are kept: below the data folder, else the user's cache, else the temporary one."""
    places = (data_root, lambda: Path("~/.cache/ganbench").expanduser(), _temporary_folder)
    for place in places:
        try:
            root = place()
            if _may_write(root):
                folder = root / "decoded"
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    return folder
        except (OSError, RuntimeError, GanbenchError):
            continue
    raise GanbenchError(
        f"no folder can be written to for decoded images; {DATA_VARIABLE} or TMPDIR names one"
    )


def _temporary_folder() -> Path:
    return Path(tempfile.gettempdir()) / "ganbench"


def _may_write(root: Path) -> bool:
    """Whether a folder is there to be written to: one marked read-only is not, whoever asks."""
    return not root.exists() or bool(root.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


def _stored_about(folder: Path) -> tuple[dict[str, str], int]:
    about = store.read_json(folder / _ABOUT_FILE, f"; remove {folder}")
    return dict(about["broken"]), int(about["images"])


def _decode_to(folder: Path, source: ImageSource, decoding: Decoding, skip: bool) -> None:
    """Decode a source into a folder, which is there whole or not at all."""
    needed = len(source.names) * decoding.channels * decoding.size**2
    if needed > shutil.disk_usage(folder.parent).free:
        raise GanbenchError(
            f"{folder.parent}: {needed / 1e9:.1f} GB are needed for the decoded images; free some, or name "
            f"another folder with --data DIR or {DATA_VARIABLE}"
        )
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="unfinished-") as scratch:
            made = Path(scratch) / "whole"
            made.mkdir()
            with (made / _PIXELS_FILE).open("wb") as out:
                broken = _decode(source, decoding, out)
            if broken and not skip:
                raise GanbenchError(_refusal(source, broken))
            if len(broken) == len(source.names):
                raise GanbenchError(f"{source.path}: none of its {len(broken)} images can be read")
            names = [name for name in source.names if name not in broken]
            digest = hashlib.blake2b(os.fsencode("\0".join(names)), digest_size=16).hexdigest()
            about = {"images": len(names), "names": digest, "broken": broken}
            (made / _ABOUT_FILE).write_text(json.dumps(about, indent=2), encoding="utf-8")
            if not (folder / _ABOUT_FILE).is_file():  # else another process was first
                shutil.rmtree(folder, ignore_errors=True)  # what somebody left of it
                made.rename(folder)
    except OSError as error:
        if not (folder / _ABOUT_FILE).is_file():
            raise GanbenchError(f"{folder.parent}: decoded images cannot be written: {error}") from error


def _decode(source: ImageSource, decoding: Decoding, out: BinaryIO) -> dict[str, str]:
    """Write the images one after the other, decoded a few ahead; the names of others, and why."""
    broken: dict[str, str] = {}
    names = iter(source.names)
    with ThreadPoolExecutor(min(_WORKERS, os.cpu_count() or 1)) as pool:
        while ahead := list(islice(names, _AHEAD)):
            images = pool.map(lambda name: _image_or_reason(source, name, decoding), ahead)
            for name, image in zip(ahead, images, strict=True):
                if isinstance(image, str):
                    broken[name] = image
                else:
                    out.write(image.tobytes())
    return broken


def _image_or_reason(source: ImageSource, name: str, decoding: Decoding) -> NDArray[np.uint8] | str:
    try:
        with source.open(name) as image:
            return decoding.decoded(image)
    except (MemoryError, GanbenchError):
        raise
    except Exception as error:  # a broken file makes Pillow raise anything
        reason = str(error).replace(str(source.path / name), "the file")
        return " ".join(reason.split()) or type(error).__name__


def _refusal(source: ImageSource, broken: Mapping[str, str]) -> str:
    """All of the broken images by name, the first of them with the reason."""
    reasons = "; ".join(f"{name}: {reason}" for name, reason in islice(broken.items(), _REASONS))
    rest = ", ".join(islice(broken, _REASONS, None))
    count = "1 file" if len(broken) == 1 else f"{len(broken)} files"
    also = f"; also {rest}" if rest else ""
    return f"{source.path}: {count} cannot be read: {reasons}{also}; {source.remedy}"


# The data set -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class FileRows(Rows):
    """Rows of images that stay in a decoded file: the column `image` is their place in it."""

    pixels: NDArray[np.uint8] = field(kw_only=True)

    def at(self, index: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        fields = super().at(index, dtype)
        images = torch.from_numpy(self.pixels[fields.pop("image").cpu().numpy()])
        return {"real": images.to(index.device).to(dtype).div_(self.half).sub_(1), **fields}


def image_rows(pixels: NDArray[np.uint8], order: Tensor, labels: Tensor | None) -> Rows:
    """Images by their places in `pixels` [n, C, H, W], with labels [n]: in memory unless too many."""
    columns = {} if labels is None else {"label": labels[order]}
    if len(order) * math.prod(pixels.shape[1:]) > IN_MEMORY:
        return FileRows({"image": order, **columns}, pixels=pixels)
    return Rows({"real": torch.from_numpy(pixels[order.numpy()]), **columns})


class StoredImages(FiniteDataset):
    """Images whose splits are read when they are first asked for."""

    def __init__(
        self,
        info: DatasetInfo,
        read: Callable[[Split], Rows],
        files: Callable[[], tuple[Path, ...]],
        *,
        flip: bool,
        require: Callable[[], None] = lambda: None,
    ) -> None:
        self.info, self.flips = info, flip
        self._read, self._files, self._require = read, files, require
        self._rows: dict[tuple[Split, torch.device], Rows] = {}

    def require(self) -> None:
        self._require()

    def files(self) -> tuple[Path, ...]:
        return self._files()

    def rows(self, split: Split, device: torch.device) -> Rows:
        if (split, device) not in self._rows:
            host = torch.device("cpu")
            rows = self._read(split) if device == host else self.rows(split, host).to(device)
            self._rows[split, device] = rows
        return self._rows[split, device]


def samples_compared(shape: Sequence[int], trained: int) -> int:
    """How many generated images the diagnostics look at by default."""
    return min(_MOST_COMPARED, _NUMBERS_COMPARED // math.prod(shape), trained)
