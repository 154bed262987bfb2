"""Named random streams: one torch generator per (seed, purpose), never global state."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def stream_seed(seed: int, purpose: str) -> int:
    """A stable 63-bit seed for (seed, purpose), the same in every process and version."""
    digest = hashlib.blake2b(f"{seed}/{purpose}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """The generator of one (seed, purpose) at its beginning."""
    return torch.Generator(device=device).manual_seed(stream_seed(seed, purpose))


class SeedStreams:
    """One generator a seed for one purpose; every draw is stacked over the seeds, [S, *shape].

    A seed's numbers do not depend on which other seeds are drawn beside it: each generator
    fills its own contiguous slice.
    """

    def __init__(self, seeds: Sequence[int], purpose: str, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self.generators = tuple(generator(seed, purpose, device) for seed in seeds)

    def normal(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Standard normal draws [S, *shape]."""
        return self._filled(shape, dtype, lambda part, source: part.normal_(generator=source))

    def uniform(self, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        """Uniform draws on [0, 1), [S, *shape]."""
        return self._filled(shape, dtype, lambda part, source: part.uniform_(generator=source))

    def integers(self, high: int, shape: Sequence[int]) -> Tensor:
        """Integers in [0, high), int64 [S, *shape]."""
        return self._filled(shape, torch.int64, lambda part, source: part.random_(0, high, generator=source))

    def categories(self, weights: Tensor, shape: Sequence[int]) -> Tensor:
        """Classes by weights [classes] that sum to one, int64 [S, *shape]."""
        ends = weights.to(self.device, torch.float64).cumsum(0)[:-1]
        return torch.searchsorted(ends, self.uniform(shape, torch.float64), right=True)

    def permutations(self, count: int) -> Tensor:
        """One permutation of range(count) a seed, int64 [S, count]."""
        return torch.stack(
            [torch.randperm(count, generator=source, device=self.device) for source in self.generators]
        )

    def _filled(
        self, shape: Sequence[int], dtype: torch.dtype, fill: Callable[[Tensor, torch.Generator], Tensor]
    ) -> Tensor:
        out = torch.empty((len(self.generators), *shape), dtype=dtype, device=self.device)
        for part, source in zip(out, self.generators, strict=True):
            fill(part, source)
        return out

    def state(self) -> Tensor:
        """The positions of all generators, uint8 [S, bytes]."""
        return torch.stack([source.get_state() for source in self.generators])

    def restore(self, state: Tensor) -> None:
        """Put every generator back to a position that `state` returned."""
        for source, row in zip(self.generators, state, strict=True):
            source.set_state(row.clone())  # torch reads past a view's storage and crashes
