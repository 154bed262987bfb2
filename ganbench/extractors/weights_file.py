"""The file that an extractor's weights come from: its place, its hash, and its tensors, but never code."""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ganbench.errors import GanbenchError, MissingData

WEIGHTS_VARIABLE = "GANBENCH_WEIGHTS"
_UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, pickle.UnpicklingError)
_records: ContextVar[tuple[dict[str, Path], ...]] = ContextVar("records", default=())


@dataclass(frozen=True)
class WeightsFile:
    """A file and the sha256 of what it holds, hexadecimal; equal hashes are equal weights."""

    path: Path
    sha256: str


def weights_file(name: str, usual: Path | None, remedy: str) -> WeightsFile:
    """The weights of an extractor: what $GANBENCH_WEIGHTS names, else the usual file.

    Raises MissingData, with the remedy, where neither is there.
    """
    given = named_files().get(name)
    if given is None and (usual is None or not usual.is_file()):
        looked = "" if usual is None else f" at {usual}"
        raise MissingData(
            f"extractor {name}: there are no weights{looked}; {remedy}, and "
            f"--extractor-weights {name}=FILE or {WEIGHTS_VARIABLE} names a file of yours"
        )
    file = given or usual
    assert file is not None
    return recorded(name, file)


def recorded(name: str, file: Path) -> WeightsFile:
    """A file that an extractor reads; MissingData where it cannot be."""
    try:
        status = file.stat()
        weights = WeightsFile(file, _sha256(file, status.st_size, status.st_mtime_ns))
    except OSError as error:
        raise MissingData(f"extractor {name}: {file} cannot be read: {error.strerror}") from error
    for record in _records.get():
        record[name] = file
    return weights


@contextmanager
def files_recorded() -> Iterator[Mapping[str, Path]]:
    """The files that extractors which are made while this is open read, by the extractor's name."""
    files: dict[str, Path] = {}
    token = _records.set((*_records.get(), files))
    try:
        yield files
    finally:
        _records.reset(token)


def named_files() -> dict[str, Path]:
    """The files that $GANBENCH_WEIGHTS names: NAME=FILE, several of them separated as in $PATH."""
    return parse_files(os.environ.get(WEIGHTS_VARIABLE, "").split(os.pathsep), WEIGHTS_VARIABLE)


def parse_files(pairs: Iterable[str], where: str) -> dict[str, Path]:
    """Extractors' files by name, of texts NAME=FILE; empty ones are passed over."""
    files = {}
    for pair in filter(None, pairs):
        name, _, file = pair.partition("=")
        if not (name and file):
            raise GanbenchError(f"{where}: {pair!r} is not NAME=FILE, as inception-v3-compat=inception.pth")
        files[name] = Path(file).expanduser()
    return files


def load_tensors(name: str, file: Path) -> OrderedDict[str, Tensor]:
    """The tensors of a file by name, on the CPU; GanbenchError where it holds anything else or is damaged."""
    try:
        if file.suffix == ".safetensors":
            from safetensors.torch import load_file

            content = OrderedDict(load_file(file))
        else:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise GanbenchError(
            f"{file}: these are no weights of {name}: the file is damaged, or holds more than tensors by name"
        ) from error
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise GanbenchError(f"{file}: these are no weights of {name}: it holds no tensors by name")
    return content if isinstance(content, OrderedDict) else OrderedDict(content)


def load_weights(network: nn.Module, tensors: Mapping[str, Tensor], name: str, file: Path) -> nn.Module:
    """The network (made on the meta device, say) with these weights, float32, fixed, in evaluation mode.

    How a file lays them out in memory is forgotten, for rounding depends on it.  GanbenchError, with the
    first difference, where they are not those of such a network.
    """
    if misfit := _misfit(network.state_dict(), tensors):
        raise GanbenchError(f"{file}: these are no weights of {name}: {misfit}")
    single = OrderedDict(
        (key, (value.float() if value.is_floating_point() else value).contiguous())
        for key, value in tensors.items()
    )
    network.load_state_dict(single, assign=True)
    return network.eval().requires_grad_(False)


def _misfit(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """How tensors differ from those that are expected; empty where names and shapes are the same."""
    for key in expected:
        if key not in given:
            return f"{key} is missing"
    for key, value in given.items():
        if key not in expected:
            return f"{key} is not among them"
        if value.shape != expected[key].shape:
            return f"{key} has the shape {list(value.shape)}, not {list(expected[key].shape)}"
    return ""


@functools.lru_cache(maxsize=64)
def _sha256(file: Path, _size: int, _modified: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
