"""Draws made by the block and handed out by the batch: the stream does not depend on batch sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from ganbench.streams import SeedStreams


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
