"""Which data files users' code reads, whether it says so or not: their contents decide numbers too."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
import threading
from collections.abc import Collection, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from ganbench.execution.sources import PACKAGE
from ganbench.user_code import is_user_file

_NO_DATA = (".py", ".pyc", ".so")
_OF_THE_SYSTEM = ("/proc", "/sys", "/dev", "/etc", "/usr", *sysconfig.get_paths().values())
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT


class FileReads:
    """Notes every file that is opened in this process from its making on, and from which sources."""

    def __init__(self) -> None:
        self._readers: dict[Path, set[Path]] = {}
        self._written: set[Path] = set()
        self._thread = threading.local()
        sys.addaudithook(self._hear)

    def by(self, sources: Collection[Path]) -> list[Path]:
        """The files that lines of these sources have read and nothing here has written, sorted."""
        wanted = set(sources)
        return sorted(
            file
            for file, readers in self._readers.items()
            if readers & wanted and file not in self._written and file.is_file()
        )

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], (str, bytes)):
            return
        if getattr(self._thread, "hearing", False):  # looking for whose line it is opens files too
            return
        self._thread.hearing = True
        try:
            self._note(arguments)
        finally:
            self._thread.hearing = False

    def _note(self, arguments: tuple[Any, ...]) -> None:
        name, mode, flags = os.fsdecode(arguments[0]), arguments[1] or "", arguments[2] or 0
        if name.endswith(_NO_DATA) or name.startswith(_OF_THE_SYSTEM):
            return
        sources = set(_sources_of(sys._getframe(2)))
        file = Path(os.path.realpath(name))
        if not file.is_relative_to(PACKAGE):  # what ganbench reads elsewhere, its data sets declare
            sources = {source for source in sources if not source.is_relative_to(PACKAGE)}
        if set(mode) & set("wax+") or flags & _WRITING:
            self._written.add(file)
        else:
            self._readers.setdefault(file, set()).update(sources)


def _sources_of(frame: FrameType | None) -> Iterator[Path]:
    """The users' sources on the way here, and ganbench's own where it is the nearest to what is read."""
    nearest = True
    while frame is not None:
        source, users = _source(frame.f_code.co_filename)
        if source is not None and (users or nearest):
            yield source
        nearest = nearest and source is None
        frame = frame.f_back


@functools.cache
def _source(filename: str) -> tuple[Path | None, bool]:
    """The source that a frame is of, and whether it is a user's; None for libraries."""
    if filename.startswith("<"):
        return None, False
    file = Path(os.path.realpath(filename))
    if file.is_relative_to(PACKAGE):
        return file, False
    return (file, True) if is_user_file(filename) else (None, False)
