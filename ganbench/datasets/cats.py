"""Cats put together of a body, fur, eyes, a mouth and an accessory; art by David Revoy, CC BY 4.0.

The parts are read from the installed package `robohash`, which is not imported.  Its 15 × 10 × 15 × 10 × 16 =
360,000 combinations have equal shares, but not all are different pictures: two of the furs are empty, and
the two scarves cover the mouth.  What cannot be told apart is one class here: fur has nine, of which "none"
has twice the share, and the eleventh mouth is the hidden one.  That leaves 287,550 different pictures, a
fifth of which is held out.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from torch import Tensor

from ganbench.datasets.dataset import DatasetInfo, Primary, Split, register_dataset
from ganbench.datasets.digest import file_digest
from ganbench.datasets.factors import Classify, FactorReading, FactorTable, cells
from ganbench.datasets.finite import FiniteDataset, Rows
from ganbench.errors import MissingData
from ganbench.game import DataSpec, FieldSpec
from ganbench.streams import generator

LICENCE = "CC BY 4.0, art by David Revoy"
FILES = {"body": 15, "fur": 10, "eyes": 15, "mouth": 10, "accessory": 16}
"""The layers from bottom to top, and how many pictures the package has of each."""
FACTORS = {"body": 15, "fur": 9, "eyes": 15, "mouth": 11, "accessory": 16}
EMPTY_FURS = (2, 6)
SCARVES = (0, 7)
HIDDEN = 10
"""The mouth's class where a scarf covers it."""
EVALUATION_SAMPLES = 5000
_HELDOUT = 0.2
_SIDE = 1024
_LARGEST = 64
_ART = "robohash/sets/set4 of version 2.0"
_ART_DIGEST = "88f82e1f2e687821"
_BACKGROUNDS = {"white": 1.0, "grey": 0.0, "black": -1.0}
_AT_ONCE = 125  # pictures that are read in one pass: the layers stay in a core's cache
_SWEEPS = 5
_PAIRS = 4096
_CPU = torch.device("cpu")


@register_dataset("cats")
def cats(
    size: Annotated[Literal[16, 32, 64], "pixels along a side"] = 32,
    background: Annotated[Literal["white", "grey", "black"], "the colour behind the cats"] = "white",
) -> Cats:
    """Cats of five known factors (body, fur, eyes, mouth, accessory), a fifth of the combinations held out.

    Art by David Revoy, CC BY 4.0, as the package robohash 2.0 ships it: pip install 'ganbench[cats]'.  The
    parts are resized by area, and composited on the device.  `label` is the body, in 15 classes.
    """
    return Cats(size, background)


@dataclass(frozen=True)
class Parts:
    """The layers' pictures, premultiplied: `colour` [classes, 3, s, s] each, `through` [classes, 1, s, s].

    A layer over a picture y in [-1, 1] gives colour + through · y; `ground` is the background.
    """

    colour: tuple[Tensor, ...]
    through: tuple[Tensor, ...]
    ground: float

    def to(self, device: torch.device, dtype: torch.dtype) -> Parts:
        """The same parts elsewhere."""
        colour, through = (tuple(t.to(device, dtype) for t in ts) for ts in (self.colour, self.through))
        return Parts(colour, through, self.ground)

    def pixels(self, index: Tensor) -> Parts:
        """The parts at some pixels alone, [classes, 3 or 1, n]; of pictures that are flat."""
        colour, through = (tuple(t[..., index] for t in ts) for ts in (self.colour, self.through))
        return Parts(colour, through, self.ground)

    def flat(self) -> Parts:
        """The parts with their pixels along one axis."""
        colour, through = (tuple(t.flatten(2) for t in ts) for ts in (self.colour, self.through))
        return Parts(colour, through, self.ground)

    def compose(self, classes: Tensor, layers: range = range(len(FACTORS))) -> Tensor:
        """The pictures of classes [n, 5], some layers alone on the background, [n, 3, ...]."""
        like = self.colour[0]
        picture = like.new_full((len(classes), *like.shape[1:]), self.ground)
        for layer in layers:
            chosen = classes[:, layer]
            through = self.through[layer].index_select(0, chosen)
            picture = picture.mul_(through).add_(self.colour[layer].index_select(0, chosen))
        return picture


@dataclass(frozen=True)
class CatRows(Rows):
    """Cats by their factors, int64 columns; the pictures are composited when they are asked for."""

    size: int = 0
    background: str = ""

    def at(self, index: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        labels = super().at(index, dtype)
        classes = torch.stack([labels[name].flatten() for name in FACTORS], 1)
        pictures = parts(self.size, self.background, index.device, dtype).compose(classes)
        return {"real": pictures.unflatten(0, index.shape), **labels}


class Cats(FiniteDataset):
    """All cats but those held out, at one size on one background."""

    factors: Mapping[str, int] = FACTORS
    factor_samples = EVALUATION_SAMPLES
    factor_classifier = None

    def __init__(self, size: int, background: str) -> None:
        self._size, self._background = size, background
        self._rows: dict[tuple[Split, torch.device], CatRows] = {}
        labels = {name: _label(factor) for factor, name in enumerate(FACTORS)}
        spec = DataSpec.real((3, size, size), (-1.0, 1.0), labels["body"])
        sizes: dict[Split, int] = {split: len(combinations(split)) for split in ("train", "heldout")}
        self.info = DatasetInfo(
            name="cats",
            title=f"Cats by David Revoy, put together of five known factors, {size}×{size}",
            spec=DataSpec({**spec.fields, **labels}),
            source=f"David Revoy, cat avatars; {_ART}",
            licence=LICENCE,
            primary=Primary("factors", "pair_total_variation_mean"),
            split_sizes=sizes,
            evaluation_samples=EVALUATION_SAMPLES,
        )

    def require(self) -> None:
        art_files()

    def files(self) -> tuple[Path, ...]:
        return tuple(file for files in art_files() for file in files)

    def rows(self, split: Split, device: torch.device) -> CatRows:
        if (split, device) not in self._rows:
            columns = dict(zip(FACTORS, combinations(split).T.contiguous(), strict=True))
            rows = CatRows(
                {"label": columns["body"], **columns}, size=self._size, background=self._background
            )
            self._rows[split, device] = rows.to(device)
        return self._rows[split, device]

    def factor_table(self) -> FactorTable:
        return table()

    def tolerance(self) -> float:
        """The median distance of two cats that differ in one factor: what is further off is no cat.

        So a valid sample is nearer to the cat that is read in it than most of that cat's neighbours are.
        """
        return _tolerance(self._size, self._background)

    def read(self, x: Tensor, classify: Classify) -> FactorReading:
        """The cat that is nearest to each picture [n, 3, s, s], by coordinate descent over its layers."""
        reader = _reader(self._size, self._background, x.device)
        readings = [reader.nearest(part) for part in x.to(torch.float32).split(_AT_ONCE)]
        classes, distance = zip(*readings, strict=True)
        return FactorReading(torch.cat(classes), torch.cat(distance))


# Combinations -----------------------------------------------------------------------------------


@functools.cache
def table() -> FactorTable:
    """The shares of the different cats, and a fifth of them held out, whatever the size of the pictures."""
    shape = tuple(FACTORS.values())
    cell = cells(_all_combinations(), shape)
    counts = torch.bincount(cell, minlength=int(np.prod(shape))).double()
    different = counts.nonzero().flatten()
    order = torch.randperm(len(different), generator=generator(0, "cats/split"))
    heldout = torch.zeros(len(counts), dtype=torch.bool)
    heldout[different[order[: round(_HELDOUT * len(different))]]] = True
    return FactorTable((counts / counts.sum()).view(shape), heldout.view(shape))


@functools.cache
def combinations(split: Split) -> Tensor:
    """The factors of a split's cats in a fixed shuffled order, int64 [n, 5]."""
    rows = _all_combinations()
    heldout = table().heldout.flatten()[cells(rows, tuple(FACTORS.values()))]
    rows = rows[heldout if split == "heldout" else ~heldout]
    return rows[torch.randperm(len(rows), generator=generator(0, f"cats/{split}/order"))]


@functools.cache
def _all_combinations() -> Tensor:
    """The factors of all 360,000 combinations of files, int64 [n, 5]."""
    body, fur, eyes, mouth, accessory = torch.cartesian_prod(*map(torch.arange, FILES.values())).T
    kept, dropped = EMPTY_FURS
    fur = torch.where(fur == dropped, kept, fur - (fur > dropped).long())
    mouth = mouth.masked_fill(torch.isin(accessory, torch.tensor(SCARVES)), HIDDEN)
    return torch.stack([body, fur, eyes, mouth, accessory], 1)


def _label(factor: int) -> FieldSpec:
    return FieldSpec.label(list(FACTORS.values())[factor], lambda: table().of_factor(factor))


# The art ----------------------------------------------------------------------------------------


def art_files() -> tuple[tuple[Path, ...], ...]:
    """The parts' files, a tuple a layer; MissingData where they are not there or are others."""
    spec = find_spec("robohash")
    remedy = "pip install 'ganbench[cats]'"
    if spec is None or not spec.submodule_search_locations:
        raise MissingData(f"cats: the parts of the pictures come with a package; {remedy} installs it")
    folder = Path(spec.submodule_search_locations[0]) / "sets" / "set4"
    layers = tuple(_numbered(folder / f"00{i}#0{i}{_folder_name(name)}") for i, name in enumerate(FILES))
    digest = hashlib.sha256(" ".join(file_digest(file) for files in layers for file in files).encode())
    if digest.hexdigest()[:16] != _ART_DIGEST:
        raise MissingData(f"cats: {folder} does not hold the pictures of {_ART}; {remedy} installs that")
    return layers


def _folder_name(layer: str) -> str:
    return "accessories" if layer == "accessory" else layer


def _numbered(folder: Path) -> tuple[Path, ...]:
    """A layer's files by the number that their names begin with."""
    return tuple(sorted(folder.glob("*.png"), key=lambda file: int(re.match(r"\d*", file.name)[0] or 0)))  # type: ignore[index]


@functools.cache
def _premultiplied() -> tuple[np.ndarray, ...]:
    """Each layer's files, premultiplied in [0, 1] and resized by area, float64 [files, 64, 64, 4]."""
    return tuple(np.stack([_resized(file) for file in files]) for files in art_files())


def _resized(file: Path) -> np.ndarray:
    from PIL import Image  # slow to import, and of use here alone

    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGBA"), dtype=np.float32) / 255
    assert pixels.shape == (_SIDE, _SIDE, 4), file
    pixels[..., :3] *= pixels[..., 3:]
    block = _SIDE // _LARGEST
    rows = pixels.reshape(_LARGEST, block, _SIDE * 4).mean(1, dtype=np.float64)
    return rows.reshape(_LARGEST, _LARGEST, block, 4).mean(2)


@functools.lru_cache(maxsize=16)
def parts(size: int, background: str, device: torch.device, dtype: torch.dtype) -> Parts:
    """The factors' classes at a size: one of the two empty furs, and a mouth that is not there."""
    if (device, dtype) != (_CPU, torch.float64):
        return parts(size, background, _CPU, torch.float64).to(device, dtype)
    layers = {name: torch.from_numpy(layer) for name, layer in zip(FILES, _premultiplied(), strict=True)}
    layers["fur"] = torch.cat([layers["fur"][: EMPTY_FURS[1]], layers["fur"][EMPTY_FURS[1] + 1 :]])
    layers["mouth"] = torch.cat([layers["mouth"], torch.zeros_like(layers["mouth"][:1])])
    block = _LARGEST // size
    small = [
        layer.unflatten(1, (size, block)).unflatten(3, (size, block)).mean((2, 4))
        for layer in layers.values()
    ]
    small = [layer.permute(0, 3, 1, 2).contiguous() for layer in small]
    colour = tuple(2 * layer[:, :3] - layer[:, 3:] for layer in small)
    return Parts(colour, tuple(1 - layer[:, 3:] for layer in small), _BACKGROUNDS[background])


# Reading ----------------------------------------------------------------------------------------


class NearestCat:
    """Reads pictures by matching templates: each layer in turn takes the part that fits best.

    The picture is linear in a layer's part, so all parts' squared errors come from one product of matrices,
    over the pixels that the layer can change.
    """

    def __init__(self, whole: Parts) -> None:
        self._parts = flat = whole.flat()
        self._pixels = [(through < 1).any(0).flatten().nonzero().flatten() for through in flat.through]
        self._local = [flat.pixels(index) for index in self._pixels]
        self._terms = [_part_terms(local, layer) for layer, local in enumerate(self._local)]

    def nearest(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Classes [n, 5] and root mean square distance [n] of pictures [n, 3, s, s]."""
        x = pictures.flatten(2)
        classes = x.new_tensor((0, EMPTY_FURS[0], 0, 0, FACTORS["accessory"] - 1), dtype=torch.int64)
        classes = self._swept(x, classes.expand(len(x), -1).clone(), (0,))
        moving = torch.arange(len(x), device=x.device)
        for _ in range(_SWEEPS):
            before = classes[moving]
            classes[moving] = self._swept(x[moving], before.clone(), (4, 0, 2, 1, 3))
            moving = moving[(classes[moving] != before).any(1)]
            if not len(moving):
                break
        scarf = torch.isin(classes[:, 4], classes.new_tensor(SCARVES))
        classes[:, 3] = classes[:, 3].masked_fill(scarf, HIDDEN)
        return classes, (self._parts.compose(classes) - x).square().flatten(1).mean(1).sqrt()

    def _swept(self, x: Tensor, classes: Tensor, order: tuple[int, ...]) -> Tensor:
        for layer in order:
            errors = self._errors(x[..., self._pixels[layer]], classes, layer)
            if layer == 3:
                errors[:, HIDDEN] = torch.inf
            classes[:, layer] = errors.argmin(1)
        return classes

    def _errors(self, x: Tensor, classes: Tensor, layer: int) -> Tensor:
        """Squared errors [n, parts] of a layer's parts, but for what is the same for all."""
        local, last = self._local[layer], len(FACTORS)
        below = local.compose(classes, range(layer))
        above = x.new_zeros(x.shape)
        through = x.new_ones(len(x), 1, x.shape[2])
        for upper in range(layer + 1, last):
            t = local.through[upper].index_select(0, classes[:, upper])
            above = above.mul_(t).add_(local.colour[upper].index_select(0, classes[:, upper]))
            through = through.mul_(t)
        # x ≈ above + through · (colour + (1 − opaque) · below), where a part is (colour, opaque).
        seen = through * (x - above - through * below)
        square = through * through
        shaded = square * below
        terms = (-2 * seen, 2 * (seen * below).sum(1), square, -2 * shaded, (shaded * below).sum(1))
        return torch.cat([term.flatten(1) for term in terms], 1) @ self._terms[layer]


def _part_terms(local: Parts, layer: int) -> Tensor:
    """What multiplies the terms of `NearestCat._errors`, [9 · pixels, parts]."""
    colour, opaque = local.colour[layer], 1 - local.through[layer]
    terms = (colour, opaque, colour.square().sum(1), colour * opaque, opaque.square())
    return torch.cat([term.flatten(1) for term in terms], 1).T.contiguous()


@functools.lru_cache(maxsize=8)
def _reader(size: int, background: str, device: torch.device) -> NearestCat:
    return NearestCat(parts(size, background, device, torch.float32))


@functools.cache
def _tolerance(size: int, background: str) -> float:
    """The median distance of pairs of training cats that differ in one factor, to three places."""
    source = generator(0, "cats/tolerance")
    rows = combinations("train")
    rows = rows[rows[:, 3] != HIDDEN]
    one, other = rows[:_PAIRS], rows[torch.randint(len(rows), (_PAIRS,), generator=source)]
    changed = torch.nn.functional.one_hot(torch.randint(5, (_PAIRS,), generator=source), 5).bool()
    pictures = parts(size, background, _CPU, torch.float32)
    first, second = (pictures.compose(each) for each in (one, torch.where(changed, other, one)))
    distance = (first - second).square().flatten(1).mean(1).sqrt()
    return round(float(distance[(one != other)[changed]].median()), 3)
