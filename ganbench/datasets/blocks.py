"""Draws made by the block and handed out by the batch: the stream does not depend on batch sizes."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganbench.datasets.dataset import Dataset, Split
from ganbench.streams import SeedStreams

FIXED = 4096
"""Fixed examples are drawn by whole blocks of so many: fewer of them are a prefix of more."""
_NUMBERS_A_BLOCK = 16_384
_ROWS_AT_LEAST = 256
Block = Mapping[str, Tensor]
"""Fields of S seeds by name, of as many rows each: [S, rows, ...]."""


class BlockSampler:
    """Training draws for S seeds, each from its own stream `data`: `block` makes them, `read` hands them out.

    Its state is where the streams stood before the present block, and the position in it.
    """

    _before: Tensor
    _block: Block
    _position: int

    def __init__(
        self,
        seeds: Sequence[int],
        device: torch.device,
        block: Callable[[SeedStreams], Block],
        read: Callable[[dict[str, Tensor]], dict[str, Tensor]] = lambda fields: fields,
    ) -> None:
        self._streams, self._refill, self._read = SeedStreams(seeds, "data", device), block, read
        self._start()

    def draw(self, count: int) -> dict[str, Tensor]:
        parts = []
        while count > 0:
            if self._position == self._rows:
                self._start()
            end = min(self._position + count, self._rows)
            parts.append({name: values[:, self._position : end] for name, values in self._block.items()})
            count -= end - self._position
            self._position = end
        return self._read({name: torch.cat([part[name] for part in parts], 1) for name in self._block})

    def state(self) -> dict[str, Any]:
        return {"streams": self._before, "position": self._position}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._streams.restore(state["streams"])
        self._start()
        self._position = int(state["position"])

    def _start(self) -> None:
        self._before = self._streams.state()
        self._block = self._refill(self._streams)
        self._rows: int = next(iter(self._block.values())).shape[1]
        self._position = 0


class Distribution(Dataset):
    """A data set that is sampled without end."""

    @abstractmethod
    def draw(self, streams: SeedStreams, rows: int, dtype: torch.dtype) -> Block:
        """Fresh examples of every stream's seed on the streams' device; real numbers in `dtype`."""

    @property
    def numbers_drawn(self) -> int:
        """Random numbers behind an example, which set the rows of a block; part of the stream."""
        return math.prod(self.info.spec.shape)

    def sampler(self, seeds: Sequence[int], device: torch.device, dtype: torch.dtype) -> BlockSampler:
        rows = max(_ROWS_AT_LEAST, _NUMBERS_A_BLOCK // self.numbers_drawn)
        return BlockSampler(seeds, device, lambda streams: self.draw(streams, rows, dtype))

    def fields(self, split: Split, count: int, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
        streams = SeedStreams((0,), f"examples/{split}")
        blocks = [self.draw(streams, FIXED, torch.float64) for _ in range(-(-count // FIXED))]
        fields = {name: torch.cat([block[name][0] for block in blocks])[:count] for name in blocks[0]}
        return {
            name: values.to(device, dtype if values.is_floating_point() else None)
            for name, values in fields.items()
        }
