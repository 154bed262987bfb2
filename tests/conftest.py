"""What several test files stand on."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from legible_figures import every_figure_is_legible
from small_runs import LSGAN, NSGAN, trained, write_suite

from ganbench import registry


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A suite of two variants and two seeds, and its finished run; copy it to change it."""
    folder = tmp_path_factory.mktemp("finished")
    suite = write_suite(folder, [NSGAN, LSGAN])
    trained(suite, folder / "run")
    return suite, folder / "run"


@pytest.fixture
def copied(finished: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the finished run."""
    shutil.copytree(finished[1], tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def forgotten_names() -> Iterator[None]:
    """What a test registers is forgotten after it; ganbench's own stays."""
    entries, files = dict(registry._entries), dict(registry._plugin_files)
    yield
    for key, entry in list(registry._entries.items()):
        if key not in entries and not entry.file.is_relative_to(Path(registry.__file__).parent):
            del registry._entries[key]
    for file in set(registry._plugin_files) - set(files):
        sys.modules.pop(registry._plugin_files.pop(file), None)


@pytest.fixture(scope="session", autouse=True)
def _legible_figures() -> Iterator[None]:
    """Figures that any test draws are looked at."""
    with every_figure_is_legible():
        yield
