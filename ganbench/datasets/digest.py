"""What data are: a hash that changes with the contents of files and with any example of a finite set."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import torch

from ganbench.datasets.checks import examples_checked
from ganbench.datasets.dataset import Dataset, Split
from ganbench.errors import MissingData

_CPU = torch.device("cpu")


def data_digest(dataset: Dataset) -> str:
    """A hash of all that a data set's examples come from beside sources, 32 hexadecimal digits.

    Of the contents of the files that it names, and of its examples, so that a file which is read unnamed
    counts too: all of a finite set's (as many as make 67 million numbers), 4,096 of a distribution's.
    ganbench's own data sets name all their files, and their distributions are what their sources say.
    Raises MissingData where a file is missing.
    """
    digest = hashlib.blake2b(digest_size=16)
    for domain, source in dataset.domains.items():
        parts = (domain, *map(file_digest, source.files()), *_examples(source))
        digest.update("\0".join(parts).encode() + b"\1")
    return digest.hexdigest()


def file_digest(file: Path) -> str:
    """A hash of a file's contents; computed again only where its size or its time of change is another."""
    try:
        stat = file.stat()
    except OSError as error:
        raise MissingData(f"{file}: cannot be read: {error.strerror}") from error
    return _digest_of_contents(file, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=256)
def _digest_of_contents(file: Path, size: int, mtime_ns: int) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def _examples(dataset: Dataset) -> Iterator[str]:
    ours = type(dataset).__module__.startswith("ganbench.datasets.")
    if ours and (dataset.files() or not dataset.info.split_sizes):
        return
    for split in get_args(Split):
        count = examples_checked(dataset, split)
        for name, values in sorted(dataset.fields(split, count, _CPU, torch.float64).items()):
            contents = hashlib.blake2b(values.contiguous().numpy().data, digest_size=16).hexdigest()
            yield f"{split}/{name}/{tuple(values.shape)}/{contents}"
