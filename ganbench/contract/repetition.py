"""That a plug-in gives the same bits in another process, where nothing ran before it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganbench import registry, streams
from ganbench.contract import check_file
from ganbench.contract.cohorts import outcome_of, places_at_hand, trained
from ganbench.contract.diagnostics import numbers_by_place
from ganbench.contract.extractors import features_of
from ganbench.contract.promise import CPU, FEW, dataset_of, definition_of, require
from ganbench.registry import Entry
from ganbench.user_code import user_code

Digests = Mapping[str, str]
"""Of an entry's numbers, by what they are."""
_TRAINED = ("variant", "update", "network")


def check_first(path: str) -> Iterator[str | dict[tuple[str, str], Digests]]:
    """The lines of `check_file`, then the digests of each entry's numbers, after all that went before."""
    _move_global_generator()
    yield from check_file(path)
    yield digests_of(path)


def digests_of(path: str) -> dict[tuple[str, str], Digests]:
    """The digests of the numbers of each entry of a file that is included."""
    return {(entry.kind, entry.name): _digests(entry) for entry in registry.entries_of(path)}


def check_again(path: str, first: Mapping[tuple[str, str], Digests]) -> Iterator[str]:
    """A line for each entry; raises ContractFailure where its numbers in this process have other digests."""
    _move_global_generator()
    registry.include(path)
    for entry in reversed(registry.entries_of(path)):
        again, before = _digests(entry), first[entry.kind, entry.name]
        changed = sorted(name for name in {*again, *before} if again.get(name) != before.get(name))
        text = f"{', '.join(changed[:3])}: other numbers in another process"
        hint = "does it draw global random numbers, read the clock, or keep what ran before?"
        require(not changed, entry, f"{text}; {hint}")
        if again:
            yield f"{entry.kind} {entry.name}: The same numbers in every bit in another process"


def _move_global_generator() -> None:
    """Else torch's global generator would begin alike in every process, and its numbers seem to repeat."""
    torch.set_rng_state(streams.generator(os.getpid(), "contract").get_state())


def _digests(entry: Entry) -> Digests:
    with user_code(f"{entry.kind} {entry.name}", definition_of(entry)):
        return {name: _digest(value) for name, value in _numbers(entry).items()}


def _numbers(entry: Entry) -> dict[str, Any]:
    """All that an entry computes, small; nothing for kinds whose checks compute nothing."""
    if entry.kind == "dataset":
        return _examples(entry)
    if entry.kind == "extractor":
        return features_of(entry)
    if entry.kind == "diagnostic":
        return numbers_by_place(entry)
    places = places_at_hand(entry) if entry.kind in _TRAINED else ()
    return {
        f"{name} on {place}": value
        for place in places
        for name, value in outcome_of(trained(entry, place)).items()
    }


def _examples(entry: Entry) -> dict[str, Any]:
    dataset = dataset_of(entry.name)
    dataset.require()
    drawn = dataset.sampler((0, 1), CPU, torch.float32).draw(FEW)
    fixed = {
        f"{split} examples": dataset.examples(split, FEW, CPU, torch.float32)
        for split in ("train", "heldout")
    }
    return {**{f"training draws of {name}": value for name, value in drawn.items()}, **fixed}


def _digest(value: Any) -> str:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    array = np.ascontiguousarray(value) if isinstance(value, np.ndarray) else None
    data = (
        repr(value).encode() if array is None else repr((array.dtype, array.shape)).encode() + array.tobytes()
    )
    return hashlib.blake2b(data, digest_size=16).hexdigest()
