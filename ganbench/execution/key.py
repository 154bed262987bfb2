"""Keys: what must be equal for a finished cohort to count as done."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ganbench import registry
from ganbench.datasets import Dataset
from ganbench.execution.measurements import applicable
from ganbench.execution.sources import PACKAGE, source_digest, used_sources
from ganbench.extractors.weights_file import files_recorded
from ganbench.training.description import CohortDescription
from ganbench.training.trainer import make
from ganbench.user_code import user_code

_ENGINE = PACKAGE / "execution" / "cohort_run.py"
"""What trains, measures and stores imports all of the engine."""


@dataclass(frozen=True)
class Recipe:
    """All that decides a cohort's numbers but its seeds, and where its sources and its data lie."""

    description: Mapping[str, Any]
    """The resolved description without seeds, and without what only shares the work."""
    sources: Mapping[str, str]
    """The digest of every source file that is used, by name."""
    data: Mapping[str, str]
    """The digest of every file of data and of weights, by its name."""
    versions: Mapping[str, str]
    device_type: str
    source_files: Mapping[str, Path]
    data_files: Mapping[str, Path]

    @property
    def ingredients(self) -> dict[str, Any]:
        """All but the description and the places, as plain JSON values."""
        return {name: getattr(self, name) for name in ("sources", "data", "versions", "device_type")}

    @functools.cached_property
    def key(self) -> str:
        """A hash of description and ingredients, 16 hexadecimal digits."""
        return _hash({"description": self.description, **self.ingredients})

    def changed_file(self) -> Path | None:
        """A file that is other than when this was made; None where there is none."""
        for name, file in self.source_files.items():
            if not file.is_file() or source_digest(file) != self.sources[name]:
                return file
        return next((f for name, f in self.data_files.items() if file_digest(f) != self.data[name]), None)


def recipe_of(description: CohortDescription, device_type: str) -> Recipe:
    """What decides a cohort's numbers, by building its game and its diagnostics.

    Raises GanbenchError where they cannot be built.
    """
    described = description.as_json()
    del described["seeds"], described["include"]
    del described["engine"]["processes"], described["engine"]["threads"]
    files, data_files = _files_used(description)
    source_files = used_sources(files)
    return Recipe(
        description=described,
        sources={name: source_digest(file) for name, file in source_files.items()},
        data={name: file_digest(file) for name, file in data_files.items()},
        versions={"torch": _version("torch")},
        device_type=device_type,
        source_files=source_files,
        data_files=data_files,
    )


def run_key(descriptions: Iterable[CohortDescription], device_type: str) -> str:
    """A hash of all cohorts' keys and seeds, 16 hexadecimal digits."""
    return key_of_parts((recipe_of(each, device_type).key, each.seeds) for each in descriptions)


def key_of_parts(parts: Iterable[tuple[str, Iterable[int]]]) -> str:
    """A run's key from its cohorts' keys and seeds."""
    return _hash([[key, list(seeds)] for key, seeds in parts])


def _files_used(description: CohortDescription) -> tuple[list[Path], dict[str, Path]]:
    """The sources of what the cohort looks up by name; and its data and its extractors' weights, by name."""
    included = [Path(file).resolve() for file in description.include]
    for file in included:
        registry.include(file)
    cell = f"{description.variant.label} on {description.dataset.label}"
    with registry.lookups() as entries, files_recorded() as weights, user_code(f"{cell} cannot be built"):
        dataset: Dataset = make("dataset", description.dataset)
        for stage in make("variant", description.variant).stages:
            stage.variant.build(dataset.info.spec)
        applicable(description.diagnostics, dataset)
        data = _by_name(dataset.files()) | {f"weights of {name}": f for name, f in weights.items()}
    by_their_effect = [file for file in included if not registry.entries_of(file)]
    return [_ENGINE, *(entry.file for entry in entries.values()), *by_their_effect], data


def _by_name(files: Collection[Path]) -> dict[str, Path]:
    """Files by their names; where two have one name, by their paths from the folder that all lie in."""
    if len({file.name for file in files}) == len(files):
        return {file.name: file for file in files}
    folder = os.path.commonpath([file.parent for file in files])
    return {Path(os.path.relpath(file, folder)).as_posix(): file for file in files}


_version = functools.cache(version)


def file_digest(file: Path) -> str:
    """A hash of a file's content, 16 hexadecimal digits; one that is missing has one too."""
    if not file.is_file():
        return "missing"
    status = file.stat()
    return _content_digest(file, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4096)
def _content_digest(file: Path, _modified: int, _size: int) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=8)).hexdigest()


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def digest_of(files: Iterable[Path]) -> str:
    """A hash of files' names and contents, 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        digest.update(os.fsencode(file.name) + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
