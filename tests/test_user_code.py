"""Whatever a user's code does while it is checked is one message with its file and line, and exit code 2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

import ganbench
from ganbench.child_process import ChildProcess
from ganbench.cli import main
from ganbench.contract import check_file
from ganbench.errors import GanbenchError, MissingData
from ganbench.user_code import UserCodeError, is_user_file, user_code

pytestmark = pytest.mark.usefixtures("forgotten_names")

VARIANT = '''from ganbench.objectives import least_squares, Objective
from ganbench.variants import register_variant, two_player
import os, sys
# at import
@register_variant("mine")
def mine(**options):
    """A variant of the test's.

    Source: nobody 2024.
    """
    pass  # in the factory
    def loss(real, fake, batch):
        pass  # in the loss
        return real.sum()
    return two_player(Objective(loss, least_squares().generator), **options)
'''
DIAGNOSTIC = '''import os, sys
from ganbench.diagnostics.diagnostic import Diagnostic, register_diagnostic
from ganbench.quantities import Quantity

@register_diagnostic("mine")
def mine(dataset):
    """Counts.  What good looks like: one.  Blind to: all else."""
    return Count()

class Count(Diagnostic):
    quantities = (Quantity("count", "Count"),)
    def measure(self, snapshot):
        pass  # in measure
        return {"count": snapshot.samples(3).flatten(1).sum(1)}
'''
NETWORK = '''import math, os, sys
from torch import nn
from ganbench.networks.network import register_network

@register_network("mine")
def mine():
    """A pair of the test's."""
    pass  # in the factory
    return Pair()

class Pair:
    def generator(self, latent_dim, spec):
        pass  # in the generator
        size = math.prod(spec.shape)
        return nn.Sequential(nn.Linear(latent_dim, size), nn.Unflatten(1, spec.shape))
    def discriminator(self, spec):
        return nn.Sequential(nn.Flatten(1), nn.Linear(math.prod(spec.shape), 1), nn.Flatten(0))
'''
PLACES = {
    "at import": (VARIANT, "# at import"),
    "in the factory": (VARIANT, "pass  # in the factory"),
    "in the loss": (VARIANT, "pass  # in the loss"),
    "in measure": (DIAGNOSTIC, "pass  # in measure"),
    "in the network's factory": (NETWORK, "pass  # in the factory"),
    "in the generator": (NETWORK, "pass  # in the generator"),
}
WAYS = {
    "int('x')": "ValueError: invalid literal",
    "sys.exit(0)": "SystemExit: 0",
    "raise KeyboardInterrupt": "KeyboardInterrupt",
    "raise RuntimeError('\\ud800')": "RuntimeError",
}


def broken(folder: Path, where: str, how: str) -> tuple[Path, int]:
    """A file in which something happens at a place, and the line of it."""
    text, old = PLACES[where]
    file = folder / "mine.py"
    file.write_text(text.replace(old, how), encoding="utf-8")
    return file, text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("how", ["int('x')", "sys.exit(0)"])
def test_the_contract_names_the_line_that_raised(tmp_path: Path, where: str, how: str) -> None:
    file, line = broken(tmp_path, where, how)
    with pytest.raises(UserCodeError) as caught:
        list(check_file(file))
    assert str(caught.value).startswith(f"{file}:{line}: ")
    assert WAYS[how] in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("where", "how", "message"),
    [
        ("at import", "sys.exit(0)", "cannot be imported: SystemExit: 0"),
        ("in the loss", "raise KeyboardInterrupt", "variant mine: KeyboardInterrupt"),
        ("in the factory", "raise RuntimeError('\\ud800')", r"variant mine: RuntimeError: \ud800"),
        ("in measure", "os._exit(0)", "os._exit(0) ends the whole process"),
    ],
)
def test_check_is_one_message_and_2_however_a_plug_in_ends(
    tmp_path: Path, where: str, how: str, message: str
) -> None:
    file, line = broken(tmp_path, where, how)
    done = CliRunner().invoke(main, ["check", str(file)])
    assert done.exit_code == 2
    assert done.stderr.strip().startswith(f"{file}:{line}: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def killed() -> Iterator[int]:
    """End this process as the system does where memory is short."""
    import os
    import signal

    yield 1
    os.kill(os.getpid(), signal.SIGKILL)


def ours() -> Iterator[int]:
    """A fault of our own."""
    yield from dict[str, list[int]]()["no such key"]


def test_a_process_that_is_killed_is_told() -> None:
    child = iter(ChildProcess(__name__, "killed"))
    assert next(child) == 1
    with pytest.raises(GanbenchError, match=r"was killed by SIGKILL \(out of memory\?\) before it was done"):
        next(child)


def test_a_fault_of_ours_comes_back_as_one() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)Traceback.*no such key"):
        list(ChildProcess(__name__, "ours"))


def test_a_library_that_refuses_a_users_layers_is_told_with_the_definition(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    text = NETWORK.replace("nn.Linear(math.prod(spec.shape), 1)", "nn.Linear(7, 1)")
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserCodeError) as caught:
        list(check_file(file))
    line = text[: text.index("@register_network")].count("\n") + 1
    assert str(caught.value).startswith(f"{file}:{line}: network mine: RuntimeError: mat1 and mat2 shapes")


def test_what_ganbench_raises_by_itself_passes() -> None:
    """Its own lines are faults of ours, unless a user's line led there; its messages are complete."""
    package = Path(ganbench.__file__).parent
    names: dict[str, Any] = {"user_code": user_code}
    text = "def fault():\n    with user_code('x', 'y'):\n        {}['no such key']\n"
    exec(compile(text, str(package / "training" / "made_up.py"), "exec"), names)
    with pytest.raises(KeyError):
        names["fault"]()
    with pytest.raises(MissingData), user_code("x", "y"):
        raise MissingData("a mistake that has its message already")


def test_files_of_ganbench_and_of_libraries_are_no_users() -> None:
    assert is_user_file(__file__)
    assert not is_user_file(torch.__file__)
    assert not is_user_file(ganbench.__file__)
    assert not is_user_file("<string>")
