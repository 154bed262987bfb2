"""Finite data: the rows of a split, walked in shuffled epochs by every seed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Self

import torch
from annotated_types import Ge
from torch import Tensor

from ganbench.datasets.blocks import BlockSampler
from ganbench.datasets.dataset import Dataset, Split
from ganbench.errors import GanbenchError
from ganbench.streams import SeedStreams

HALF_OF_A_BYTE = 127.5
Flip = Annotated[bool, "mirror training images from left to right, at random"]
Subset = Annotated[int | None, Ge(1), "train only on the first so many of the fixed order"]


@dataclass(frozen=True)
class Rows:
    """One split's fields, {name: [n, ...]}: floats and int64 as they are, bytes for numbers in [-1, 1].

    A byte p means p / half - 1, which is exact at both ends.
    """

    columns: Mapping[str, Tensor]
    half: float = HALF_OF_A_BYTE

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def at(self, index: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        """The rows of an index [...], {name: [..., *shape]}; real numbers in `dtype`."""
        return {name: self._values(column, index, dtype) for name, column in self.columns.items()}

    def take(self, index: Tensor) -> Self:
        """These rows only, in this order."""
        return replace(self, columns={name: column[index] for name, column in self.columns.items()})

    def to(self, device: torch.device) -> Self:
        """The same rows on a device."""
        return replace(self, columns={name: column.to(device) for name, column in self.columns.items()})

    def _values(self, column: Tensor, index: Tensor, dtype: torch.dtype) -> Tensor:
        picked = column.index_select(0, index.flatten()).view(*index.shape, *column.shape[1:])
        if column.dtype == torch.uint8:
            return picked.to(dtype).div_(self.half).sub_(1)
        return picked.to(dtype) if column.is_floating_point() else picked


class FiniteDataset(Dataset):
    """So many rows to train on and so many held out, each split in a fixed shuffled order.

    Every seed walks shuffled epochs of its own: each row exactly once before any comes again.
    """

    flips = False
    """Whether training examples are mirrored from left to right, each with probability one half."""

    @abstractmethod
    def rows(self, split: Split, device: torch.device) -> Rows:
        """A split on a device; asked again it is the same object."""

    def sampler(self, seeds: Sequence[int], device: torch.device, dtype: torch.dtype) -> BlockSampler:
        rows = self.rows("train", device)

        def block(streams: SeedStreams) -> dict[str, Tensor]:
            order = {"row": streams.permutations(len(rows))}
            return order | ({"flip": streams.uniform((len(rows),)) < 0.5} if self.flips else {})

        def read(drawn: dict[str, Tensor]) -> dict[str, Tensor]:
            fields, target = rows.at(drawn["row"], dtype), self.info.spec.target
            if self.flips:
                images = fields[target]
                mirrored = drawn["flip"].view(*drawn["flip"].shape, *(1,) * (images.ndim - 2))
                fields[target] = torch.where(mirrored, images.flip(-1), images)
            return fields

        return BlockSampler(seeds, device, block, read)

    def fields(self, split: Split, count: int, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
        rows = self.rows(split, device)
        if count > len(rows):
            raise GanbenchError(
                f"{self.info.name}: {count:,} examples asked of the split {split}, which has {len(rows):,}"
            )
        return rows.at(torch.arange(count, device=device), dtype)

    def shares_of(self, label: str, classes: int) -> Tensor:
        """What share of the train split each class of a label has, float64 [classes]."""
        labels = self.rows("train", torch.device("cpu")).columns[label]
        return torch.bincount(labels, minlength=classes).double() / len(labels)
