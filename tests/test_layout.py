"""The house's plan, enforced: who may import whom, who never imports torch, and the style's few laws."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganbench.contract import check_file
from ganbench.execution.templates import write_template

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ganbench"
ROWS: tuple[tuple[str, ...], ...] = (
    ("errors", "quantities", "streams", "counter_random"),
    ("user_code",),
    ("registry", "store", "child_process", "random_calls"),
    ("game", "schedules", "claims"),
    ("datasets",),
    (
        "updates",
        "optimizers",
        "divergences",
        "objectives",
        "penalties",
        "augmentations",
        "networks",
        "extractors",
    ),
    ("variants",),
    ("training",),
    ("diagnostics",),
    ("suite",),
    ("execution",),
    ("contract",),
    ("analysis",),
    ("comparison",),
    ("report",),
    ("selftest",),
    ("pages", "terminal"),
    ("cli",),
    ("__main__",),
)
"""The rooms from bottom to top.  A room imports from rows below its own: siblings do not know each other."""
HEIGHT = {room: height for height, row in enumerate(ROWS) for room in row}
NEVER_TORCH = (
    "errors",
    "quantities",
    "claims",
    "registry",
    "store",
    "user_code",
    "child_process",
    "analysis",
    "comparison",
    "report",
    "pages",
    "cli",
)
SPEAKERS = ("cli", "terminal")
ENDS_ITS_OWN_PROCESS = {("worker.py", "os._exit"), ("child_process.py", "os._exit")}
"""A worker ends itself; only the command line ends the program."""
FILES = sorted(PACKAGE.rglob("*.py"))
RANDOM = {"rand", "randn", "randint", "randperm", "bernoulli", "multinomial", "normal", "poisson"}
IN_PLACE = {"uniform_", "normal_", "random_", "bernoulli_", "exponential_"}


def room_of(file: Path) -> str:
    """The room that a source file lies in."""
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


@functools.cache
def tree_of(file: Path) -> ast.Module:
    """A source file, parsed."""
    return ast.parse(file.read_text(encoding="utf-8"))


def rooms_imported(file: Path) -> Iterator[tuple[str, int]]:
    """Every room of ganbench that a file imports from, anywhere in it, with the line."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.ImportFrom) and node.module == "ganbench":
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ganbench."):
            yield str(node.module).split(".")[1], node.lineno
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("ganbench."):
                    yield alias.name.split(".")[1], node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: a relative import"


def test_every_room_has_a_row() -> None:
    rooms = {room_of(file) for file in FILES} - {"__init__"}
    assert rooms <= set(HEIGHT), f"no row for {sorted(rooms - set(HEIGHT))}: give it one in ROWS"
    assert set(HEIGHT) <= rooms, f"rows for rooms that are gone: {sorted(set(HEIGHT) - rooms)}"


def test_imports_go_downwards() -> None:
    upwards = [
        f"{file}:{line}: {room_of(file)} imports {imported}"
        for file in FILES
        if room_of(file) != "__init__"
        for imported, line in rooms_imported(file)
        if imported in HEIGHT and imported != room_of(file) and HEIGHT[imported] >= HEIGHT[room_of(file)]
    ]
    assert not upwards, "\n".join(upwards)


def test_rooms_without_torch_import_none_even_through_others() -> None:
    modules = [
        ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for file in FILES
        if room_of(file) in NEVER_TORCH
    ]
    script = f"import sys, importlib\nfor name in {modules!r}:\n    importlib.import_module(name)\n" + (
        "    assert 'torch' not in sys.modules, name\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("room", ["store", "analysis", "comparison", "report", "quantities", "errors"])
def test_rooms_without_torch_do_not_import_it_late_either(room: str) -> None:
    for file in (f for f in FILES if room_of(f) == room):
        for node in ast.walk(tree_of(file)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0].startswith("torch") for name in names), file


def test_what_is_public_says_what_it_is() -> None:
    silent = [
        f"{file}:{node.lineno}: {node.name}"
        for file in FILES
        for node in tree_of(file).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
        if not ast.get_docstring(node)
    ]
    silent += [str(f) for f in FILES if f.read_text().strip() and not ast.get_docstring(tree_of(f))]
    assert not silent, "no docstring:\n" + "\n".join(silent)


def test_no_drawers_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "common", "misc"}
    found = [str(file) for file in FILES if drawers & set(file.relative_to(PACKAGE).with_suffix("").parts)]
    for file in FILES:
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.ClassDef):
                name = node.name.lstrip("_")
                if name.endswith("Manager") or name.startswith("Base"):
                    found.append(f"{file}:{node.lineno}: {name}")
    assert not found


def calls(file: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call in a file with its dotted name."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_only_the_command_line_prints_and_exits() -> None:
    speaking = {"print", "exit", "quit", "os._exit", "click.echo", "sys.exit"}
    found = [
        f"{file}:{node.lineno}: {name}"
        for file in FILES
        if room_of(file) not in SPEAKERS
        for name, node in calls(file)
        if name in speaking and (file.name, name) not in ENDS_ITS_OWN_PROCESS
    ]
    assert not found, "\n".join(found)


def draws_from_hidden_state(name: str, node: ast.Call) -> bool:
    """Whether a call seeds or draws from a global random generator, or hashes unstably."""
    module, _, last = name.rpartition(".")
    given = any(keyword.arg == "generator" for keyword in node.keywords)
    drawn = (module == "torch" and last in RANDOM) or last in IN_PLACE
    of_numpy = module in ("np.random", "numpy.random") and (last != "default_rng" or not node.args)
    seeds = name in {"torch.manual_seed", "torch.seed", "hash"} or module == "random"
    return seeds or of_numpy or (drawn and not given)


def test_random_numbers_come_from_given_generators() -> None:
    found = [
        f"{file}:{node.lineno}: {name}"
        for file in FILES
        for name, node in calls(file)
        if draws_from_hidden_state(name, node)
    ]
    assert not found, "\n".join(found)


def test_the_check_for_hidden_random_numbers_sees_them() -> None:
    hidden = ["torch.rand(3)", "x.normal_()", "hash(x)", "np.random.rand()", "np.random.default_rng()"]
    for text in [*hidden, "random.random()", "torch.manual_seed(0)"]:
        assert draws_from_hidden_state(*one_call(text)), text
    for text in ("torch.rand(3, generator=g)", "x.normal_(generator=g)", "np.random.default_rng(3)", "f(x)"):
        assert not draws_from_hidden_state(*one_call(text)), text


def one_call(text: str) -> tuple[str, ast.Call]:
    """The call that a line of code is."""
    (statement,) = ast.parse(text).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    return ast.unparse(statement.value.func), statement.value


def test_the_wheel_holds_every_package() -> None:
    """A package that is not listed is missed only where ganbench is installed, not in a checkout."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = set(project["tool"]["setuptools"]["packages"])
    found = {
        ".".join(file.parent.relative_to(ROOT).parts) for file in (ROOT / "ganbench").rglob("__init__.py")
    }
    assert found <= listed
    assert listed - found == {"ganbench.bundled", "ganbench.extractors.weights"}  # data alone


@pytest.mark.usefixtures("forgotten_names")
def test_the_readmes_variant_keeps_the_contract(tmp_path: Path) -> None:
    """What the page shows is what `ganbench new variant` writes, and passes the check that it names."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = text.split("```python\n", 1)[1].split("```", 1)[0]
    file = write_template("variant", "my-gan", tmp_path)
    assert file.read_text(encoding="utf-8") == code
    assert len(code.splitlines()) < 30
    assert list(check_file(file))
