"""Finding a suite: a path, or the name of one that comes with ganbench."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from ganbench.errors import GanbenchError, nearest

_SUFFIXES = (".yaml", ".yml")


def bundled_suites() -> dict[str, Path]:
    """Name to file: those of the installed package, else the folder `suites` of a checkout."""
    package = Path(str(files("ganbench")))
    for folder in (package / "bundled", package.parent / "suites"):
        found = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
        if found:
            return found
    return {}


def find_suite(source: str | Path) -> Path:
    """The file that is meant; raises `GanbenchError` with the nearest bundled name."""
    path, known = Path(source), bundled_suites()
    if path.is_file():
        return path
    text = str(source)
    if text in known:
        return known[text]
    if path.is_dir():
        raise GanbenchError(f"{text}: a folder, not a suite; name a YAML file in it")
    name = path.stem if path.suffix in _SUFFIXES else text
    raise GanbenchError(f"{text}: no such file, and no bundled suite of that name{nearest(name, known)}")
