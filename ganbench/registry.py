"""Names to factories: built-in files are found by reading them, and imported only when used."""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib
import importlib.util
import inspect
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from ganbench.errors import GanbenchError, UnknownName, nearest
from ganbench.user_code import PLUGIN_GROUP, exits_refused, one_line, user_code

Kind = Literal["variant", "dataset", "network", "diagnostic", "update", "extractor", "backend", "claim"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_PACKAGE = Path(__file__).parent
_FOLDERS: dict[Kind, str] = {kind: f"{kind}s" for kind in KINDS} | {"backend": "execution/backends"}
_YOUR_OWN = " (one of your own: name its file under `include`, or with --include)"
F = TypeVar("F", bound=Callable[..., Any])
N = TypeVar("N")


@dataclass(frozen=True)
class EntryOf:
    """In a setting's annotation: its value names an entry, "name", {name: {option: value}} or

    {"name": …, "options": {…}}, whose own options are checked with it, or is one of the words.
    """

    kind: Kind
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class FilePath:
    """Annotates an option that is the path of a file: a suite's is relative to the suite's folder."""


@dataclass(frozen=True)
class Option:
    """One setting of a factory: its type (with constraints), default and meaning.

    `names` is the kind of the entry that its value names, where it names one and is none of `words`.
    """

    name: str
    type: Any
    default: Any
    text: str
    required: bool = False
    names: Kind | None = None
    words: tuple[str, ...] = ()

    @property
    def is_path(self) -> bool:
        """Whether its value is the path of a file."""
        return bool(_notes(self.type, FilePath))


@dataclass(frozen=True)
class Entry:
    """A registered factory: its name, the file it stands in, its summary and itself."""

    kind: Kind
    name: str
    file: Path
    factory: Callable[..., Any]
    extends: Callable[..., Any] | None = None

    @property
    def documentation(self) -> str:
        """The factory's docstring."""
        return inspect.getdoc(self.factory) or ""

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return self.documentation.split("\n", 1)[0]

    @property
    def options(self) -> dict[str, Option]:
        """Every setting by name; those of `extends` follow where the factory takes **options.

        A setting that both have is the factory's, and names entries where that of `extends` does.
        """
        options = _options_of(self.factory)
        for name, option in _options_of(self.extends).items() if self.extends is not None else ():
            given = options.setdefault(name, option)
            if given.names is None:
                options[name] = replace(given, names=option.names, words=option.words)
        return options


_Key = tuple[Kind, str]
_entries: dict[_Key, Entry] = {}
_plugin_files: dict[Path, str] = {}
_recorders: ContextVar[tuple[dict[_Key, Entry], ...]] = ContextVar("recorders", default=())


def register(
    kind: Kind, name: str, extends: Callable[..., Any] | None = None, file: Path | None = None
) -> Callable[[F], F]:
    """A decorator that registers a factory under a name, as of a file (default: the one that it stands in).

    With `extends`, settings that the factory does not name itself are those of `extends`, and
    reach the factory through its **options.
    """

    def decorate(factory: F) -> F:
        place = Path(inspect.getfile(factory) if file is None else file).resolve()
        present = _entries.get((kind, name))
        if present is not None and (present.file, present.factory.__qualname__) != (
            place,
            factory.__qualname__,
        ):
            raise GanbenchError(f"{place}: the {kind} name {name!r} is taken by {present.file}")
        if present is None and not place.is_relative_to(_PACKAGE) and name in _builtin(kind):
            raise GanbenchError(f"{place}: the {kind} name {name!r} is one of ganbench's own")
        _entries[kind, name] = Entry(kind, name, place, factory, extends)
        return factory

    return decorate


def names(kind: Kind) -> list[str]:
    """All known names of a kind, sorted; imports plug-ins but no built-in file."""
    load_installed_plugins()
    return sorted({*_builtin(kind), *(name for (k, name) in _entries if k == kind)})


def summaries(kind: Kind) -> dict[str, str]:
    """Name to one-line summary; imports plug-ins but no built-in file."""
    built_in = _builtin(kind)
    return {n: built_in[n][1] if n in built_in else _entries[kind, n].summary for n in names(kind)}


def get(kind: Kind, name: str) -> Entry:
    """The entry of a name; raises UnknownName with the nearest known one."""
    if (kind, name) not in _entries:
        if name in _builtin(kind):
            folder = _FOLDERS[kind].replace("/", ".")
            importlib.import_module(f"ganbench.{folder}.{_builtin(kind)[name][0]}")
        else:
            load_installed_plugins()
    if (kind, name) not in _entries:
        raise UnknownName(kind, name, names(kind), _YOUR_OWN)
    for entries in _recorders.get():
        entries[kind, name] = _entries[kind, name]
    return _entries[kind, name]


@contextmanager
def lookups() -> Iterator[Mapping[_Key, Entry]]:
    """What is looked up by name while this is open, nested names included; it grows as that happens."""
    entries: dict[_Key, Entry] = {}
    token = _recorders.set((*_recorders.get(), entries))
    try:
        yield entries
    finally:
        _recorders.reset(token)


def build(kind: Kind, choice: str | Mapping[str, Any], *context: Any) -> Any:
    """What a name, {name: {option: value}} or {"name": …, "options": {…}} stands for, with `context` given

    to its factory first.  Raises GanbenchError for unknown names and options, and for values that do not fit.
    """
    name, options = parse_choice(kind, choice)
    entry = get(kind, name)
    for option, value in options.items():
        if option not in entry.options:
            raise GanbenchError(f"{kind} {name} has no option {option!r}{nearest(option, entry.options)}")
        check_value(entry.options[option].type, value, f"{kind} {name}: {option}")
    return entry.factory(*context, **options)


def parse_choice(kind: Kind, choice: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The name and the given options of a choice in one of its three forms."""
    if isinstance(choice, str):
        return choice, {}
    if set(choice) == {"name", "options"}:
        return choice["name"], dict(choice["options"])
    if len(choice) != 1:
        raise GanbenchError(f"{kind}: write a name or one {{name: {{option: value}}}}, not {dict(choice)!r}")
    ((name, options),) = choice.items()
    return name, dict(options or {})


def check_value(hint: Any, value: Any, what: str) -> None:
    """Raise GanbenchError where a suite would be refused, also for a value that comes from Python."""
    from pydantic import TypeAdapter, ValidationError  # slow to import, and `--help` needs none of it

    try:
        TypeAdapter(hint).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        deepest = max(error.errors(), key=lambda part: len(part["loc"]))
        raise GanbenchError(f"{what} = {value!r}: {deepest['msg']}") from error
    except TypeError as error:
        raise GanbenchError(f"{what} = {value!r}: {error}") from error


def include(path: str | Path) -> None:
    """Import a user's file, so that what it decorates is registered; once per file."""
    file = Path(path).resolve()
    if file in _plugin_files:
        return
    if not file.is_file():
        raise GanbenchError(f"{path}: no such file to include")
    name = "ganbench_included_" + hashlib.blake2b(os.fsencode(file), digest_size=6).hexdigest()
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise GanbenchError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = os.getcwd()
    try:
        with user_code("cannot be imported", definition=str(path)), exits_refused():
            spec.loader.exec_module(module)
    finally:
        os.chdir(folder)
    if getattr(sys.stdout, "closed", False):
        raise GanbenchError(f"{path}: cannot be included: it closes the standard output")
    _plugin_files[file] = name


def included_files() -> tuple[Path, ...]:
    """The files included so far, in order."""
    return tuple(_plugin_files)


def entries_of(file: str | Path) -> list[Entry]:
    """The entries that an included file registered."""
    wanted = Path(file).resolve()
    return [entry for entry in _entries.values() if entry.file == wanted]


@functools.cache
def load_installed_plugins() -> None:
    """Import every installed package's entry point in the group `ganbench.plugins`, once."""
    for point in entry_points(group=PLUGIN_GROUP):
        try:
            point.load()
        except GanbenchError:
            raise
        except (Exception, SystemExit) as error:  # someone else's package may fail in any way
            raise GanbenchError(
                f"plug-in {point.name} ({point.value}) cannot be imported: {one_line(error)}; "
                "repair it or uninstall its package"
            ) from error


@functools.cache
def _builtin(kind: Kind) -> Mapping[str, tuple[str, str]]:
    """Built-in name to (module, summary), read from the sources without importing them."""
    modules: dict[str, tuple[str, str]] = {}
    for path in sorted((_PACKAGE / _FOLDERS[kind]).glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if f"register_{kind}(" in text:
            modules |= {name: (path.stem, line) for name, line in _registrations(text, kind)}
    return modules


def _registrations(text: str, kind: Kind) -> Iterator[tuple[str, str]]:
    for node in ast.parse(text).body:
        for call in getattr(node, "decorator_list", ()):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == f"register_{kind}":
                assert isinstance(node, (ast.FunctionDef, ast.ClassDef))
                name = ast.literal_eval(call.args[0])
                yield name, (ast.get_docstring(node) or "").split("\n", 1)[0]


def _options_of(factory: Callable[..., Any]) -> dict[str, Option]:
    """The settings of a factory: its keyword parameters whose types YAML can write."""
    hints = get_type_hints(factory, include_extras=True)
    options: dict[str, Option] = {}
    for name, parameter in inspect.signature(factory).parameters.items():
        hint = hints.get(name, type(parameter.default))
        named = parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        if named and _is_plain(hint):
            required = parameter.default is parameter.empty
            default = None if required else parameter.default
            text = next(iter(_notes(hint, str)), "")
            entry = next(iter(_notes(hint, EntryOf)), None)
            names, words = (entry.kind, entry.words) if entry else (None, ())
            options[name] = Option(name, hint, default, text, required, names, words)
    return options


def _notes(hint: Any, wanted: type[N]) -> list[N]:
    """An annotation's notes of a type."""
    return [note for note in getattr(hint, "__metadata__", ()) if isinstance(note, wanted)]


def _is_plain(hint: Any) -> bool:
    """Whether values of this type can be written in YAML."""
    origin = get_origin(hint)
    if origin is Annotated:
        return _is_plain(get_args(hint)[0])
    typed_mapping = isinstance(hint, type) and issubclass(hint, dict) and hasattr(hint, "__required_keys__")
    if origin is Literal or typed_mapping:
        return True
    if origin is not None:
        return all(_is_plain(arg) for arg in get_args(hint) if arg is not Ellipsis)
    return hint in (int, float, bool, str, type(None), Any)
