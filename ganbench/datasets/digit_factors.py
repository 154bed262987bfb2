"""Pictures put together of digits, whose factors are known: digits in colour, and three digits as RGB."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ganbench.datasets.blocks import FIXED, Block, BlockSampler
from ganbench.datasets.dataset import Dataset, DatasetInfo, Primary, Split, register_dataset
from ganbench.datasets.factors import Classify, FactorReading, FactorTable, cells
from ganbench.datasets.finite import Rows
from ganbench.datasets.images import ImageDataset, digits, mnist
from ganbench.game import DataSpec, FieldSpec
from ganbench.streams import SeedStreams

DIGITS = 10
EVALUATION_SAMPLES = 2500
STACKED_SAMPLES = 26_000
"""Of the published protocol."""
INKS = {
    "red": (1.0, -1.0, -1.0),
    "green": (-1.0, 1.0, -1.0),
    "blue": (-1.0, -1.0, 1.0),
    "yellow": (1.0, 1.0, -1.0),
    "magenta": (1.0, -1.0, 1.0),
}
BACKGROUNDS = {
    "black": (-1.0, -1.0, -1.0),
    "white": (1.0, 1.0, 1.0),
    "grey": (0.0, 0.0, 0.0),
    "brown": (-0.2, -0.6, -1.0),
    "teal": (-1.0, -0.2, -0.2),
}
_REAL_WITHIN = 0.99
"""The share of held-out examples that are within the tolerance."""
_CALIBRATION = 4096
_AT_ONCE = 250
_CPU = torch.device("cpu")


class DigitFactors(Dataset):
    """Pictures made of `images` images of digits each, in one of so many `colourings` (an integer)."""

    factors: Mapping[str, int]
    factor_samples = EVALUATION_SAMPLES
    images: int
    colourings: Mapping[Split, int]

    def __init__(self, name: str, title: str, base: ImageDataset, label: FieldSpec) -> None:
        self._base, self.factor_classifier = base, base.info.name
        shape = (3, *base.info.spec.shape[1:])
        labels = {factor: self._label(place) for place, factor in enumerate(self.factors)}
        self.info = DatasetInfo(
            name=name,
            title=f"{title}, {shape[1]}×{shape[2]}",
            spec=DataSpec({**DataSpec.real(shape, (-1.0, 1.0), label).fields, **labels}),
            source=f"composed by ganbench of {base.info.title}: {base.info.source}",
            licence=base.info.licence,
            primary=Primary("factors", "pair_total_variation_mean"),
            evaluation_samples=EVALUATION_SAMPLES,
        )

    @abstractmethod
    def compose(self, images: Tensor, digits: Tensor, colouring: Tensor, split: Split) -> dict[str, Tensor]:
        """The fields [..., *shape] of images [..., k, 1, h, w] of digits [..., k], and colourings [...]."""

    @abstractmethod
    def factor_table(self) -> FactorTable:
        """The shares of all combinations, and those held out."""

    @abstractmethod
    def distance(self, x: Tensor, classes: Tensor) -> Tensor:
        """Root mean square difference [n] of pictures to the nearest of classes [n, F] in trained digits."""

    def require(self) -> None:
        self._base.require()

    def files(self) -> tuple[Path, ...]:
        return self._base.files()

    def sampler(self, seeds: Sequence[int], device: torch.device, dtype: torch.dtype) -> BlockSampler:
        rows = self._base.rows("train", device)
        return BlockSampler(
            seeds,
            device,
            lambda streams: self._drawn("train", rows, streams),
            lambda drawn: self._fields("train", rows, drawn, dtype),
        )

    def fields(self, split: Split, count: int, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
        rows, streams = self._base.rows(split, device), SeedStreams((0,), f"examples/{split}")
        blocks = [self._drawn(split, rows, streams) for _ in range(-(-count // FIXED))]
        drawn = {
            name: torch.cat([block[name][0] for block in blocks])[:count].to(device) for name in blocks[0]
        }
        return self._fields(split, rows, drawn, dtype)

    def _drawn(self, split: Split, rows: Rows, streams: SeedStreams) -> Block:
        """What a block of examples is made of, for every stream's seed."""
        return {
            "row": streams.integers(len(rows), (FIXED, self.images)),
            "colouring": streams.integers(self.colourings[split], (FIXED,)),
        }

    def _fields(self, split: Split, rows: Rows, drawn: Block, dtype: torch.dtype) -> dict[str, Tensor]:
        examples = rows.at(drawn["row"], dtype)
        return self.compose(examples["real"], examples["label"], drawn["colouring"], split)

    @property
    def _digit_shares(self) -> Tensor:
        return self._base.shares_of("label", DIGITS)

    def _label(self, factor: int) -> FieldSpec:
        return FieldSpec.label(
            list(self.factors.values())[factor], lambda: self.factor_table().of_factor(factor)
        )


class ColourDigits(DigitFactors):
    """A digit in an ink on a background; a fifth of the combinations is held out, evenly.

    Held out is where the numbers of digit, ink and background sum to a multiple of five: a Latin square, so
    that pairs of factors are trained on in their true shares (inks with backgrounds: within 0.3 %).
    """

    factors: Mapping[str, int] = {"digit": DIGITS, "ink": len(INKS), "background": len(BACKGROUNDS)}
    images = 1
    colourings: Mapping[Split, int] = {"train": 20, "heldout": 5}

    def __init__(self) -> None:
        super().__init__("colour_digits", "Digits in colour", digits(), self._label(0))

    def compose(self, images: Tensor, digits: Tensor, colouring: Tensor, split: Split) -> dict[str, Tensor]:
        digit = digits[..., 0]
        ink = colouring % len(INKS)
        # The rest modulo 5 of the sum: 0 where held out, else the colouring's own.
        rest = colouring // len(INKS) + 1 if split == "train" else torch.zeros_like(colouring)
        background = (rest - digit - ink) % len(BACKGROUNDS)
        inks, backgrounds = _palettes(images.device, images.dtype)
        stroke = (images[..., 0, :, :, :] + 1) / 2
        ground, full = backgrounds[background][..., None, None], inks[ink][..., None, None]
        real = torch.lerp(ground, full, stroke)
        return {"real": real, "label": digit, "digit": digit, "ink": ink, "background": background}

    def factor_table(self) -> FactorTable:
        numbers = torch.cartesian_prod(*map(torch.arange, self.factors.values())).sum(1)
        heldout = (numbers % len(BACKGROUNDS) == 0).view(tuple(self.factors.values()))
        shares = self._digit_shares[:, None, None].expand(heldout.shape)
        return FactorTable(shares / (len(INKS) * len(BACKGROUNDS)), heldout)

    def tolerance(self) -> float:
        """The distance that 99 % of held-out pictures keep to the nearest trained digit of their factors."""
        return _tolerance_of(self.info.name)

    def read(self, x: Tensor, classify: Classify) -> FactorReading:
        """The colours that leave the least of each picture unexplained, and the digit that they show."""
        parts = [self._read(part, classify) for part in x.to(torch.float32).split(_AT_ONCE)]
        classes = torch.cat(parts)
        return FactorReading(classes, self.distance(x, classes))

    def _read(self, x: Tensor, classify: Classify) -> Tensor:
        """int64 [n, 3] of pictures [n, 3, h, w]."""
        inks, backgrounds = _palettes(x.device, x.dtype)
        pairs = torch.cartesian_prod(
            *(torch.arange(len(each), device=x.device) for each in (inks, backgrounds))
        )
        ground = backgrounds[pairs[:, 1]]
        towards = inks[pairs[:, 0]] - ground
        offset = x.flatten(2).unsqueeze(1) - ground[..., None]
        stroke = (offset * towards[..., None]).sum(2) / towards.square().sum(1)[:, None]
        stroke = stroke.clamp(0, 1)
        unexplained = (offset - stroke.unsqueeze(2) * towards[..., None]).square().sum((2, 3))
        best = unexplained.argmin(1)
        chosen = stroke[torch.arange(len(x), device=x.device), best].view(len(x), 1, *x.shape[2:])
        return torch.cat([classify(2 * chosen - 1)[:, None], pairs[best]], 1)

    def distance(self, x: Tensor, classes: Tensor) -> Tensor:
        inks, backgrounds = _palettes(x.device, torch.float32)
        ground = backgrounds[classes[:, 2]]
        towards = inks[classes[:, 1]] - ground
        offset = x.float().flatten(2) - ground[..., None]
        along = (offset * towards[..., None]).sum(1)
        strokes = _strokes(self._base, x.device)
        change = strokes.least_change(along, towards.square().sum(1), classes[:, 0])
        return _root_mean(offset.square().sum((1, 2)) + change, x)


class StackedDigits(DigitFactors):
    """Three random digits as the channels of a picture: 1,000 modes, all of them trained on."""

    factors: Mapping[str, int] = {"red": DIGITS, "green": DIGITS, "blue": DIGITS}
    factor_samples = STACKED_SAMPLES
    images = 3
    colourings: Mapping[Split, int] = {"train": 1, "heldout": 1}

    def __init__(self, name: str, title: str, base: ImageDataset, valid: bool) -> None:
        self._valid = valid
        label = FieldSpec.label(DIGITS**3, lambda: self.factor_table().shares.flatten())
        super().__init__(name, title, base, label)

    def compose(self, images: Tensor, digits: Tensor, colouring: Tensor, split: Split) -> dict[str, Tensor]:
        labels = dict(zip(self.factors, digits.unbind(-1), strict=True))
        return {"real": images.squeeze(-3), "label": cells(digits, (DIGITS,) * 3), **labels}

    def factor_table(self) -> FactorTable:
        shares = self._digit_shares
        shares = shares[:, None, None] * shares[:, None] * shares
        return FactorTable(shares, torch.zeros(shares.shape, dtype=torch.bool))

    def tolerance(self) -> float | None:
        """The distance that 99 % of held-out pictures keep to the nearest trained digits; None for MNIST."""
        return _tolerance_of(self.info.name) if self._valid else None

    def read(self, x: Tensor, classify: Classify) -> FactorReading:
        """The class of every channel."""
        classes = classify(x.flatten(0, 1).unsqueeze(1)).view(len(x), 3)
        return FactorReading(classes, self.distance(x, classes) if self._valid else None)

    def distance(self, x: Tensor, classes: Tensor) -> Tensor:
        offset = x.float().flatten(2).flatten(0, 1) + 1
        strokes = _strokes(self._base, x.device)
        change = strokes.least_change(2 * offset, offset.new_full((len(offset),), 4.0), classes.flatten())
        return _root_mean((offset.square().sum(1) + change).view(len(x), 3).sum(1), x)


@dataclass(frozen=True)
class Strokes:
    """The trained digits as strokes of ink in [0, 1], [N, h·w], and their classes [N]."""

    values: Tensor
    classes: Tensor

    def least_change(self, along: Tensor, square: Tensor, digit: Tensor) -> Tensor:
        """min over the strokes t of a class of square · |t|² − 2 along · t, [n].

        That is what drawing t along a colour of squared length `square` [n] adds to the squared distance
        of the bare background; `along` [n, h·w].
        """
        least = along.new_empty(len(along))
        length = self.values.square().sum(1)
        for part in torch.arange(len(along), device=along.device).split(_AT_ONCE):
            change = square[part, None] * length - 2 * along[part] @ self.values.T
            other = digit[part, None] != self.classes
            least[part] = change.masked_fill_(other, torch.inf).amin(1)
        return least


@register_dataset("colour_digits")
def colour_digits() -> ColourDigits:
    """Digits in five inks on five backgrounds, 8×8: three known factors, a fifth of combinations held out.

    The digits are scikit-learn's.  `label` is the digit.
    """
    return ColourDigits()


@register_dataset("stacked_digits")
def stacked_digits() -> StackedDigits:
    """Three random digits as RGB, 8×8: 1,000 modes, offline.

    The digits are scikit-learn's; the protocol is that of `stacked_mnist`.
    """
    return StackedDigits("stacked_digits", "Three digits as RGB", digits(), valid=True)


@register_dataset("stacked_mnist")
def stacked_mnist() -> StackedDigits:
    """Three random MNIST digits as RGB, 28×28: 1,000 modes.

    26,000 samples, the classifier's argmax, and KL to uniform in nats (Metz et al. 2017; Lin et al. 2018).
    """
    return StackedDigits("stacked_mnist", "Three MNIST digits as RGB", mnist(), valid=False)


def _root_mean(squares: Tensor, x: Tensor) -> Tensor:
    """Root mean squares [n] of sums of squares over pictures x; rounding leaves none below 0."""
    return (squares / x[0].numel()).clamp(min=0).sqrt()


def _palettes(device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The inks' and the backgrounds' colours, [classes, 3] each."""
    inks, backgrounds = (list(palette.values()) for palette in (INKS, BACKGROUNDS))
    return tuple(torch.tensor(each, dtype=dtype, device=device) for each in (inks, backgrounds))  # type: ignore[return-value]


@functools.lru_cache(maxsize=4)
def _strokes(base: ImageDataset, device: torch.device) -> Strokes:
    rows = base.rows("train", device)
    trained = rows.at(torch.arange(len(rows), device=device), torch.float32)
    return Strokes((trained["real"].flatten(1) + 1) / 2, trained["label"])


@functools.cache
def _tolerance_of(name: str) -> float:
    dataset = {"colour_digits": colour_digits, "stacked_digits": stacked_digits}[name]()
    held = dataset.fields("heldout", _CALIBRATION, _CPU, torch.float32)
    classes = torch.stack([held[factor] for factor in dataset.factors], 1)
    return round(float(dataset.distance(held["real"], classes).quantile(_REAL_WITHIN)), 3)
