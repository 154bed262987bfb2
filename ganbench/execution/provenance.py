"""Whether a worker computes with the very files that its cohort's key was made of."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from ganbench.errors import GanbenchError
from ganbench.execution.file_reads import FileReads
from ganbench.execution.key import Recipe, file_digest
from ganbench.execution.sources import PACKAGE, content_of, digest_of_source

_PREFIX = "ganbench:"


class Provenance:
    """A worker process's view of the files that it has imported and read."""

    def __init__(self, imported: Mapping[Path, bytes]) -> None:
        self._imported, self._reads = imported, FileReads()

    def check(self, recipe: Recipe) -> None:
        """Raise GanbenchError where a file is another one than the cohort's key was made of."""
        changed = recipe.changed_file()
        if changed is not None:
            raise GanbenchError(f"{changed} was changed after this run had begun; run again")
        for name, file in recipe.source_files.items():
            content = self._imported.get(file)
            if content is not None and digest_of_source(content) != recipe.sources[name]:
                raise GanbenchError(f"{file} was changed after it was imported; start the program again")

    def data_read(self, recipe: Recipe, run: Path) -> dict[str, str]:
        """The digest of every data file that the cohort's sources read undeclared, by `label_of`."""
        files, declared = self._reads.by(recipe.source_files.values()), recipe.data_files.values()
        return {label_of(file, run): file_digest(file) for file in files if file not in declared}


def imported_sources() -> dict[Path, bytes]:
    """The sources of ganbench's modules that are imported now."""
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] == PACKAGE.name]
    files = {Path(module.__file__).resolve() for module in modules if module.__file__}
    return {file: content_of(file) for file in files}


def label_of(file: Path, run: Path) -> str:
    """A file's path inside ganbench, or from the run's folder on, as both may be moved together."""
    if file.is_relative_to(PACKAGE):
        return _PREFIX + file.relative_to(PACKAGE).as_posix()
    return Path(os.path.relpath(file, run.resolve())).as_posix()


def changed_read(labels: Mapping[str, str], run: Path) -> str | None:
    """The first of the files by label whose content is not that of its digest any more."""
    for label, digest in labels.items():
        root = PACKAGE if label.startswith(_PREFIX) else run.resolve()
        file = Path(os.path.normpath(root / label.removeprefix(_PREFIX)))
        if file_digest(file) != digest:
            return str(file)
    return None
