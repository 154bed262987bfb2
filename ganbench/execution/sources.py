"""Which source files decide a computation's numbers: these and all that they import, read and never run.

A file's digest is of its normal form: the syntax tree without layout, comments, docstrings and the texts
inside `raise` statements, so that other words in a message are the same code.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ganbench.user_code import is_user_file

PACKAGE = Path(__file__).resolve().parent.parent
_WITHOUT_NUMBERS = {
    PACKAGE / "__init__.py",
    PACKAGE / "errors.py",
    PACKAGE / "user_code.py",
    *(
        PACKAGE / "execution" / f"{name}.py"
        for name in ("environment", "key", "sources", "file_reads", "provenance")
    ),
}
"""Versions, messages, and what tells whether results still count: nothing that is computed with."""
_WORDS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_LEFT_OUT = ("ctx", "kind", "type_comment", "type_ignores")


def used_sources(files: Iterable[Path]) -> dict[str, Path]:
    """These files and all of ganbench and of the user's that they import, at whatever depth, by name.

    A name is a module's where the file is ganbench's, else the path from the folder that it is imported
    from: the same wherever that folder lies.
    """
    waiting, reached = [file.resolve() for file in files], set[Path]()
    while waiting:
        file = waiting.pop()
        if file not in reached and file not in _WITHOUT_NUMBERS:
            reached.add(file)
            waiting += _imported_by(file, content_of(file))
    names: dict[str, Path] = {}
    for file in sorted(reached):
        name = _name(file)
        names[f"{name} ({file.parent.name})" if name in names else name] = file
    return names


def source_digest(file: Path) -> str:
    """A hash of a source file's normal form, 16 hexadecimal digits."""
    return digest_of_source(content_of(file))


def digest_of_source(content: bytes) -> str:
    """A hash of a source's normal form, 16 hexadecimal digits."""
    return _read(content).digest


def content_of(file: Path) -> bytes:
    """A file's content, read again where the file has been written since."""
    status = file.stat()
    return _content(file, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4096)
def _content(file: Path, _modified: int, _size: int) -> bytes:
    return file.read_bytes()


@functools.cache
def _name(file: Path) -> str:
    if file.is_relative_to(PACKAGE):
        return ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts)
    return file.relative_to(_package_root(file)).as_posix()


@dataclass
class _Source:
    """A source's digest, and its imports: level of relative ones, module, names from it."""

    digest: str = ""
    imports: list[tuple[int, str, tuple[str, ...]]] = field(default_factory=list)


@functools.cache
def _read(content: bytes) -> _Source:
    source, words = _Source(), list[str]()
    try:
        _walk(ast.parse(content), words, source, False)
    except (SyntaxError, ValueError, RecursionError):  # not importable: whatever changes may mend it
        words = [repr(content)]
    source.digest = hashlib.blake2b("\n".join(words).encode(), digest_size=8).hexdigest()
    return source


def _walk(node: Any, words: list[str], source: _Source, silent: bool) -> None:
    """Add a node's normal form to `words` and its imports to `source`; `silent` within a raise."""
    if isinstance(node, list):
        for item in node:
            _walk(item, words, source, silent)
        words.append("]")
    elif isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
        _walk(node.orelse, words, source, silent)
    elif silent and _is_text(node):
        words.append("text")
    elif isinstance(node, ast.AST):
        source.imports += _imports(node)
        silent = silent or isinstance(node, ast.Raise)
        words.append(type(node).__name__)
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, list) and name == "body" and _has_docstring(node):
                value = value[1:]
            if name not in _LEFT_OUT and value is not None and value != []:  # other Pythons have more fields
                words.append(name)
                _walk(value, words, source, silent)
    else:
        words.append(repr(node))


def _has_docstring(node: ast.AST) -> bool:
    return isinstance(node, _WORDS) and ast.get_docstring(node, clean=False) is not None


def _is_text(node: Any) -> bool:
    """Whether an expression is a text as it stands, or one put together."""
    if isinstance(node, ast.BinOp):
        return _is_text(node.left) or _is_text(node.right)
    return isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), str)


def _imports(node: ast.AST) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    match node:
        case ast.Import():
            yield from ((0, alias.name, ()) for alias in node.names)
        case ast.ImportFrom():
            yield node.level, node.module or "", tuple(alias.name for alias in node.names)
        case ast.Call(
            func=ast.Name(id=name) | ast.Attribute(attr=name), args=[ast.Constant(value=str(module)), *_]
        ):
            if name in ("import_module", "__import__"):
                yield 0, module, ()


@functools.cache
def _imported_by(file: Path, content: bytes) -> tuple[Path, ...]:
    files: dict[Path, None] = {}
    for level, module, names in _read(content).imports:
        roots = [file.parents[level - 1]] if level else _roots(file, module.split(".")[0])
        for name in (module, *(f"{module}.{name}".strip(".") for name in names)):
            files |= dict.fromkeys(_files_of(name, roots))
    return tuple(files)


def _roots(file: Path, package: str) -> list[Path]:
    """Where modules lie: a user's are beside the file or its package, and on Python's path."""
    if package == PACKAGE.name:
        return [PACKAGE.parent]
    if file.is_relative_to(PACKAGE):
        return []
    return [_package_root(file), *(Path(entry or ".").resolve() for entry in sys.path)]


def _package_root(file: Path) -> Path:
    return next(folder for folder in file.parents if not (folder / "__init__.py").is_file())


@functools.cache
def _is_followed(file: Path) -> bool:
    return file.is_relative_to(PACKAGE) or is_user_file(str(file))


def _files_of(module: str, roots: Iterable[Path]) -> list[Path]:
    """The files that are run where a module is imported: itself and the packages that it is in."""
    parts = module.split(".") if module else []
    for root in roots:
        places = [root.joinpath(*parts[: depth + 1]) for depth in range(len(parts))]
        candidates = (f for place in places for f in (place / "__init__.py", place.with_suffix(".py")))
        if files := [file.resolve() for file in candidates if file.is_file()]:
            return [file for file in files if _is_followed(file)]
    return []
