"""Draws made by the block and handed out by the batch: the stream does not depend on batch sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganbench.streams import SeedStreams

FIXED = 4096
"""Fixed examples are drawn by whole blocks of so many: fewer of them are a prefix of more."""
_NUMBERS_A_BLOCK = 16_384
_ROWS_AT_LEAST = 256


def rows_of_a_block(numbers: int) -> int:
    """Rows of a seed's block of training draws, of so many numbers each; part of the stream."""
    return max(_ROWS_AT_LEAST, _NUMBERS_A_BLOCK // numbers)


def first_of_blocks(count: int, block: Callable[[], Tensor]) -> Tensor:
    """The first `count` rows of as many blocks of `FIXED` rows as hold them, [count, ...]."""
    return torch.cat([block() for _ in range(-(-count // FIXED))])[:count]


class Blocks:
    """Hands out columns of blocks [S, rows, ...] in order; `refill` makes each from the streams.

    Its state is where the streams stood before the present block, and the position in it.
    """

    def __init__(self, streams: SeedStreams, refill: Callable[[SeedStreams], Tensor]) -> None:
        self._streams, self._refill = streams, refill
        self._start()

    def take(self, count: int) -> Tensor:
        """The next `count` columns, [S, count, ...]."""
        parts = []
        while count > 0:
            if self._position == self._block.shape[1]:
                self._start()
            part = self._block[:, self._position : self._position + count]
            parts.append(part)
            self._position += part.shape[1]
            count -= part.shape[1]
        return parts[0].contiguous() if len(parts) == 1 else torch.cat(parts, 1)

    def state(self) -> dict[str, Any]:
        """All that `restore` needs to go on bitwise."""
        return {"streams": self._before, "position": self._position}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go back to a position that `state` returned."""
        self._streams.restore(state["streams"])
        self._start()
        self._position = int(state["position"])

    def _start(self) -> None:
        self._before = self._streams.state()
        self._block, self._position = self._refill(self._streams), 0


class BlockSampler:
    """Training draws for S seeds, each from its own stream `data`, made by `block` [S, rows, *shape]."""

    def __init__(
        self, seeds: Sequence[int], device: torch.device, block: Callable[[SeedStreams], Tensor]
    ) -> None:
        self._blocks = Blocks(SeedStreams(seeds, "data", device), block)

    def draw(self, count: int) -> dict[str, Tensor]:
        return {"real": self._blocks.take(count)}

    def state(self) -> dict[str, Any]:
        return self._blocks.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._blocks.restore(state)
