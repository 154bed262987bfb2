"""Paths on the command line: never empty, and absolute before a plug-in can change the working folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ganbench.errors import GanbenchError

_DATA_VARIABLE = "GANBENCH_DATA"


class GivenPath(click.Path):
    """A path as it was typed, for what is read before anything is imported, and shown in reports."""

    def __init__(self, **how: Any) -> None:
        super().__init__(path_type=Path, **how)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if not str(value):
            self.fail("an empty path; name a file or a folder, such as . for the current one", param, ctx)
        return Path(os.fsdecode(super().convert(value, param, ctx)))


class AbsolutePath(GivenPath):
    """A path that stays the same wherever the working folder is changed to."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        return absolute(super().convert(value, param, ctx))


class Source(click.ParamType):
    """A file or a bundled suite's name, as it was typed."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not str(value):
            self.fail("empty; name a file or a folder, or leave it out", param, ctx)
        return str(value)


def absolute(path: Path) -> Path:
    """The path from the root on; raises GanbenchError where the working folder has been removed."""
    try:
        return path.absolute()
    except FileNotFoundError as error:
        raise GanbenchError("the current folder no longer exists; change into one that does") from error


def set_weights(pairs: Sequence[str]) -> None:
    """Which files extractors' weights come from, for this process and those that it starts.

    Each NAME=FILE of `pairs` comes before what is set.
    """
    from ganbench.extractors.weights_file import WEIGHTS_VARIABLE, named_files, parse_files

    files = named_files() | parse_files(pairs, "--extractor-weights")
    if files:
        text = os.pathsep.join(f"{name}={absolute(file)}" for name, file in files.items())
        os.environ[WEIGHTS_VARIABLE] = text


def check_weights(pairs: Sequence[str]) -> None:
    """Refuse weights of what is no extractor, once included files are read."""
    from ganbench import registry

    for pair in pairs:
        registry.get("extractor", pair.partition("=")[0])


def set_data(data: str | None) -> None:
    """Where image data sets lie, for this process and those that it starts: `data`, else what is set."""
    if data is not None:
        os.environ[_DATA_VARIABLE] = data
    if os.environ.get(_DATA_VARIABLE):
        from ganbench.datasets.images import data_root

        os.environ[_DATA_VARIABLE] = str(absolute(data_root()))
