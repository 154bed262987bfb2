"""Random numbers that are a function of a key and a counter: no generator, no state.

They map over the keys of many seeds, can be traced, and are the same looped, vectorized and compiled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_LOW_32 = 0xFFFFFFFF
_CALL = 1 << 32
"""Added to the key for every call.  A key's passes move it by an odd stride below 2³², so no pass and call

have the numbers of another before 2³² passes."""
_DIGITS = {torch.float64: 32, torch.float32: 24, torch.bfloat16: 8, torch.float16: 11}
"""Binary digits of a uniform number: as many as the type holds, so that none is rounded up to 1."""


def hash_uniform(key: Tensor, index: Tensor) -> Tensor:
    """Uniform numbers on [0, 1) from an int64 key [] and int64 indices, in the indices' shape."""
    return _hash_bits(key, index).to(torch.float64) / 2.0**32


def _hash_bits(key: Tensor, index: Tensor) -> Tensor:
    """32 random bits for each index, int64.

    A 32-bit mixer (odd multipliers below 2³¹, so that int64 never overflows), entered with the key
    twice: with one entry, two keys would give permutations of the same numbers.
    """
    low, high = key & _LOW_32, (key >> 32) & _LOW_32
    first = _mix(low ^ _mix(high))
    second = _mix(high ^ first)
    return _mix((_mix((index & _LOW_32) ^ first) + second) & _LOW_32)


def _mix(bits: Tensor) -> Tensor:
    for shift, multiplier in ((16, 0x21F0AAAD), (15, 0x735A2D97)):
        bits = ((bits ^ (bits >> shift)) * multiplier) & _LOW_32
    return bits ^ (bits >> 15)


class CounterRandom:
    """Draws of one key [], int64: each depends on the key, on how many there were before, and its index."""

    def __init__(self, key: Tensor) -> None:
        self.key, self.calls = key, 0

    def uniform(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Uniform on [0, 1)."""
        digits = _DIGITS[dtype]
        return (self._bits(shape) >> (32 - digits)).to(dtype) * 2.0**-digits

    def inner(self, shape: Sequence[int]) -> Tensor:
        """Uniform on (0, 1), float64: neither end is ever drawn."""
        return (self._bits(shape).to(torch.float64) + 0.5) * 2.0**-32

    def normal(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Standard normal, by the inverse of its distribution function; at most 6.4 in size."""
        return (math.sqrt(2) * torch.erfinv(2 * self.inner(shape) - 1)).to(dtype)

    def exponential(self, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Exponential with mean 1, never 0."""
        return -torch.log(self.inner(shape)).to(dtype)

    def integers(self, low: int, high: int, shape: Sequence[int]) -> Tensor:
        """Integers in [low, high), int64."""
        return low + (self.uniform(shape, torch.float64) * (high - low)).to(torch.int64)

    def _bits(self, shape: Sequence[int]) -> Tensor:
        self.calls += 1
        index = torch.arange(math.prod(shape), device=self.key.device).reshape(tuple(shape))
        return _hash_bits(self.key + self.calls * _CALL, index)
