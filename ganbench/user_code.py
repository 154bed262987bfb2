"""Whose fault an exception is: the line of a user's code that led to it, in one message."""

from __future__ import annotations

import dis
import functools
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import NoReturn

from ganbench.errors import GanbenchError

PLUGIN_GROUP = "ganbench.plugins"
_PACKAGE = Path(__file__).resolve().parent
_LENGTH = 500


class UserCodeError(GanbenchError):
    """A user's code raised: the file, the line, and what it raised, in one line."""


@contextmanager
def user_code(subject: str, definition: str = "") -> Iterator[None]:
    """Turn what a user's code raises inside, SystemExit and KeyboardInterrupt too, into a UserCodeError.

    `subject` names what was run.  Where no line of the user's is on the way to the exception but a
    library raised it (a network of torch's own layers that do not fit), `definition` is the place that is
    named; empty: none.  What ganbench's own lines raise by themselves is passed on: it is a fault of ours.
    """
    try:
        yield
    except (GanbenchError, GeneratorExit, MemoryError):
        raise
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and not raised_by_statement(error):
            raise
        place = location_of(error) or definition
        if not location_of(error) and (not isinstance(error, Exception) or raised_by_ganbench(error)):
            raise
        where = f"{place}: " if place else ""
        raise UserCodeError(f"{where}{subject}: {one_line(error)}") from error


@contextmanager
def exits_refused() -> Iterator[None]:
    """Inside, a user's line that calls os._exit, which leaves no trace by itself, fails as sys.exit does."""
    leave = os._exit

    def refuse(status: int) -> NoReturn:
        if any(is_user_file(frame.filename) for frame in traceback.extract_stack()):
            raise SystemExit(status)
        leave(status)

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = leave


def location_of(error: BaseException) -> str:
    """`FILE:LINE` of the last line of a user's on the way to the exception; empty where there is none."""
    if isinstance(error, SyntaxError) and error.filename and is_user_file(error.filename):
        return f"{error.filename}:{error.lineno}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if is_user_file(f.filename)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def raised_by_ganbench(error: BaseException) -> bool:
    """Whether the line that raised is one of ganbench's."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).is_relative_to(_PACKAGE)


def raised_by_statement(error: BaseException) -> bool:
    """Whether a `raise` raised it: a Ctrl-C comes between any two statements."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and (
        dis.opname[trace.tb_frame.f_code.co_code[trace.tb_lasti]] == "RAISE_VARARGS"
    )


def is_user_file(filename: str) -> bool:
    """Whether a file is neither ganbench's nor Python's nor of an installed package without plug-ins."""
    if filename.startswith("<"):
        return False
    path = Path(filename).resolve()
    if path.is_relative_to(_PACKAGE):
        return False
    return any(map(path.is_relative_to, _plugin_folders())) or not any(map(path.is_relative_to, _libraries()))


def one_line(error: BaseException) -> str:
    """The exception's type and text in one line that can be written anywhere, shortened."""
    text = " ".join(str(error).split()).encode(errors="backslashreplace").decode()
    short = text if len(text) <= _LENGTH else f"{text[:_LENGTH]} …"
    hint = "; a plug-in must not end the process" if isinstance(error, SystemExit) else ""
    return f"{type(error).__name__}{': ' if short else ''}{short}{hint}"


@functools.cache
def _libraries() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    return tuple({Path(paths[key]).resolve() for key in ("stdlib", "platstdlib", "purelib", "platlib")})


@functools.cache
def _plugin_folders() -> tuple[Path, ...]:
    """Where the packages lie that offer plug-ins, as far as they are imported."""
    tops = {point.module.split(".")[0] for point in entry_points(group=PLUGIN_GROUP)}
    files = [getattr(sys.modules.get(top), "__file__", None) for top in tops]
    return tuple(Path(file).resolve().parent for file in files if file is not None)
