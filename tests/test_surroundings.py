"""A user's own matplotlib settings do not reach our figures, and ours do not reach the user's."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from fake_run import Fake, build

INLINE = "module://matplotlib_inline.backend_inline"
LOUD = (
    "text.usetex: True\nfont.size: 30\nfont.family: serif\nsavefig.dpi: 30\nsavefig.bbox: tight\n"
    "axes.facecolor: red\nlines.linewidth: 9\naxes.formatter.use_locale: True\ntext.color: green\n"
)
SURROUNDINGS = {
    "a backend that is not installed": ({"MPLBACKEND": INLINE}, b""),
    "no backend at all": ({"MPLBACKEND": "nonsense"}, b""),
    "a loud matplotlibrc": ({}, LOUD.encode()),
    "an own file by name": ({"MATPLOTLIBRC": "matplotlibrc"}, LOUD.encode()),
    "all at once": ({"MPLBACKEND": INLINE}, LOUD.encode()),
}
REPORT = "import sys; from ganbench.cli import main; main(['report', sys.argv[1]])"
FILES = ("report.html", "figures/ring8-ranking.png", "figures/ring8-gradient-norms.png")


def process(
    code: str, folder: Path, *words: object, exit_code: int = 0, surroundings: Mapping[str, str] = {}
) -> subprocess.CompletedProcess[str]:
    """Python in a folder, without what this process has of matplotlib's settings."""
    own = {k: v for k, v in os.environ.items() if k not in ("MPLBACKEND", "MATPLOTLIBRC")}
    command = [sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(
        command, cwd=folder, env=own | dict(surroundings), capture_output=True, text=True, check=False
    )
    assert done.returncode == exit_code, done.stderr
    return done


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lean = Fake(points=3, samples=32, datasets=("ring8",), failed=(), diverged={})
    return build(tmp_path_factory.mktemp("run"), replace(lean, variants=("nsgan", "lsgan")))


@pytest.fixture(scope="module")
def plain(run: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The report's files as they are without any settings of a user's."""
    process(REPORT, tmp_path_factory.mktemp("plain"), run)
    return {name: (run / name).read_bytes() for name in FILES}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_a_report_is_the_same_in_all_surroundings(
    name: str, run: Path, plain: dict[str, bytes], tmp_path: Path
) -> None:
    surroundings, matplotlibrc = SURROUNDINGS[name]
    (tmp_path / "matplotlibrc").write_bytes(matplotlibrc)
    process(REPORT, tmp_path, run, surroundings=surroundings)
    assert {name: (run / name).read_bytes() for name in FILES} == plain


def test_a_matplotlibrc_that_cannot_be_read_is_named(run: Path, tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_bytes("# für Bücher\n".encode("latin-1"))
    done = process(REPORT, tmp_path, run, exit_code=2)
    assert "mend or remove the file matplotlibrc of this folder" in done.stderr
    assert len(re.findall("Error|Traceback", done.stderr)) == 0


def test_users_settings_hold_for_the_user_after_the_import_and_after_the_figures(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("font.size: 30\n", encoding="utf-8")
    code = (
        "import os, ganbench.report.style as style, matplotlib\n"
        "size = lambda: matplotlib.rcParams['font.size']\n"
        "kept = lambda: (size(), matplotlib.get_backend(), os.environ['MPLBACKEND'])\n"
        "assert kept() == (30.0, 'svg', 'svg'), kept()\n"
        "with style.styled(): assert size() == 9.5\n"
        "assert kept() == (30.0, 'svg', 'svg'), kept()\n"
    )
    process(code, tmp_path, surroundings={"MPLBACKEND": "svg"})


def test_settings_that_were_made_before_are_left_alone(tmp_path: Path) -> None:
    code = (
        "import matplotlib; matplotlib.rcParams['font.size'] = 31\n"
        "import ganbench.report.style; assert matplotlib.rcParams['font.size'] == 31\n"
    )
    process(code, tmp_path)


def test_pyplot_is_not_imported_to_report() -> None:
    """It has a state of its own, and a backend; and it takes its time."""
    code = (
        "import sys, ganbench.report.write, ganbench.report.comparison.write, ganbench.selftest.report\n"
        "assert 'matplotlib' in sys.modules; assert 'matplotlib.pyplot' not in sys.modules"
    )
    process(code, Path())
