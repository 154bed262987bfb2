"""Random numbers for each of many tests: its own stream, so that no other test and no order moves it."""

from __future__ import annotations

import hashlib

import numpy as np


def root_of(generator: np.random.Generator) -> int:
    """One number from which all streams of a comparison follow."""
    return int(generator.integers(2**63))


def stream(root: int, *words: str) -> np.random.Generator:
    """The generator of what the words name."""
    digest = hashlib.blake2b("\0".join(words).encode(errors="surrogatepass"), digest_size=8).digest()
    return np.random.default_rng([root, int.from_bytes(digest, "big")])
