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


Block = Mapping[str, Tensor]
"""Fields by name, of as many rows each."""


def first_of_blocks(count: int, block: Callable[[], Block]) -> dict[str, Tensor]:
    """The first `count` rows of as many blocks of `FIXED` rows as hold them, [count, ...] each."""
    blocks = [block() for _ in range(-(-count // FIXED))]
    return {name: torch.cat([block[name] for block in blocks])[:count] for name in blocks[0]}


def moved(fields: Block, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
    """Fields on a device; real numbers become `dtype`, integers stay what they are."""
    return {
        name: values.to(device, dtype) if values.is_floating_point() else values.to(device)
        for name, values in fields.items()
    }


class Blocks:
    """Hands out columns of blocks {name: [S, rows, ...]} in order; `refill` makes each from the streams.

    Its state is where the streams stood before the present block, and the position in it.
    """

    def __init__(self, streams: SeedStreams, refill: Callable[[SeedStreams], Block]) -> None:
        self._streams, self._refill, self._position = streams, refill, 0
        self._start()

    def take(self, count: int) -> dict[str, Tensor]:
        """The next `count` columns, {name: [S, count, ...]}."""
        parts = []
        while count > 0:
            if self._position == self._rows:
                self._start()
            end = min(self._position + count, self._rows)
            parts.append({name: values[:, self._position : end] for name, values in self._block.items()})
            count -= end - self._position
            self._position = end
        return {name: torch.cat([part[name] for part in parts], 1) for name in self._block}

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
        self._block: Block = self._refill(self._streams)
        self._rows: int = next(iter(self._block.values())).shape[1]
        self._position = 0


class BlockSampler:
    """Training draws for S seeds, each from its own stream `data`, made by `block` {name: [S, rows, ...]}."""

    def __init__(
        self, seeds: Sequence[int], device: torch.device, block: Callable[[SeedStreams], Block]
    ) -> None:
        self._blocks = Blocks(SeedStreams(seeds, "data", device), block)

    def draw(self, count: int) -> dict[str, Tensor]:
        return self._blocks.take(count)

    def state(self) -> dict[str, Any]:
        return self._blocks.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._blocks.restore(state)
