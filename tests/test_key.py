"""What a cohort's key depends on: the code and the data that it uses, and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from small_runs import CPU, NSGAN, SMALL, planned, trained, write_suite

import ganbench
from ganbench import store
from ganbench.execution.key import recipe_of
from ganbench.execution.runner import execute, make_plan
from ganbench.execution.sources import digest_of_source, used_sources
from ganbench.suite import load_suite

PACKAGE = Path(ganbench.__file__).parent

EDITS = """
import json, sys
from pathlib import Path
import ganbench
from ganbench.execution.key import recipe_of
from ganbench.suite import load_suite

package, suite = Path(ganbench.__file__).parent, load_suite(sys.argv[1])
assert package.is_relative_to(sys.argv[2]), package

def keys():
    return [recipe_of(each, "cpu").key for each in suite.cohorts()]

before, changed = keys(), {}
for name, (file, old, new) in json.loads(sys.argv[3]).items():
    path = package / file
    text = path.read_text() if path.exists() else None
    assert text is None or old in text, name
    path.write_text(new if text is None else text.replace(old, new, 1) if old else text + new)
    changed[name] = [a != b for a, b in zip(before, keys())]
    path.unlink() if text is None else path.write_text(text)
    assert keys() == before, name
print(json.dumps(changed))
"""
CODE = "\n_ADDED = 1\n"
NOTHING = {
    "a comment, the layout": ("game.py", "", "\n\n# a remark\n"),
    "a docstring": ("game.py", '"""', '"""Other words. '),
    "a message": ("training/budget.py", "raise GanbenchError(", "raise GanbenchError('other words' + "),
    "a new variant": ("variants/brand_new.py", "", "'''New.'''\n"),
    "an unrelated variant": ("variants/dragan.py", "", CODE),
    "an unrelated diagnostic": ("diagnostics/dynamics.py", "", CODE),
    "an unrelated data set": ("datasets/manifolds.py", "", CODE),
    "an unrelated network": ("networks/dcgan.py", "", CODE),
    "the report": ("report/style.py", "", CODE),
    "the suite's reader": ("suite/reader.py", "", CODE),
    "the version": ("__init__.py", "", CODE),
}
BOTH = {
    "the engine": ("training/field.py", "", CODE),
    "the game": ("game.py", "", CODE),
    "the losses": ("objectives.py", "", CODE),
    "the data set": ("datasets/mixtures.py", "", CODE),
    "the diagnostic": ("diagnostics/modes.py", "", CODE),
    "what the network imports": ("networks/network.py", "", CODE),
    "the network": ("networks/mlp.py", "", CODE),
    "the update rule": ("updates/alternating.py", "", CODE),
    "what is stored": ("execution/records.py", "", CODE),
}
FIRST = {"its own variant": ("variants/nsgan.py", "", CODE)}


def test_the_key_depends_on_what_the_cohort_imports_and_on_nothing_else(tmp_path: Path) -> None:
    shutil.copytree(PACKAGE, tmp_path / "copy" / "ganbench", ignore=shutil.ignore_patterns("__pycache__"))
    suite = write_suite(tmp_path, [NSGAN, NSGAN.replace("nsgan", "lsgan")])
    edits = NOTHING | BOTH | FIRST
    words = [sys.executable, "-c", EDITS, str(suite), str(tmp_path / "copy"), json.dumps(edits)]
    where = {**os.environ, "PYTHONPATH": str(tmp_path / "copy")}
    done = subprocess.run(words, capture_output=True, text=True, env=where, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    changed = json.loads(done.stdout)
    expected = {name: [False, False] for name in NOTHING} | {name: [True, True] for name in BOTH}
    assert changed == expected | {name: [True, False] for name in FIRST}


PLAIN = """
import os
def f(x):
    if x: raise ValueError('no')
    return 'a'
"""
REWORDED = """
import os

def f(x):  # here
    '''Does.'''
    if x:
        raise ValueError(f"not {x}: " "other")
    return "a"
"""


@pytest.mark.parametrize(
    ("old", "new"), [("'a'", "'b'"), ("if x", "if not x"), ("ValueError", "TypeError"), ("f(x)", "f(x, y=1)")]
)
def test_the_normal_form_forgets_words_and_nothing_else(old: str, new: str) -> None:
    assert digest_of_source(PLAIN.encode()) == digest_of_source(REWORDED.encode())
    assert digest_of_source(PLAIN.encode()) != digest_of_source(PLAIN.replace(old, new).encode())


def test_a_plug_ins_imports_are_followed_wherever_they_stand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "plug.py": "import helper\nfrom package.inner import thing\ndef f():\n    from lazy import x\n",
        "helper.py": "import json, torch\nimport importlib\nimportlib.import_module('by_name')\n",
        "package/__init__.py": "",
        "package/inner.py": "from . import beside\nfrom .deeper import other\n",
        "package/beside.py": "",
        "package/deeper/__init__.py": "from ..shared import y\n",
        "package/deeper/other.py": "",
        "package/shared.py": "y = 1\n",
        "package/unused.py": "",
        "elsewhere/lazy.py": "x = 1\n",
        "by_name.py": "",
        "unused.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")
    names = {str(path.relative_to(tmp_path)) for path in used_sources([tmp_path / "plug.py"]).values()}
    assert names == set(files) - {"package/unused.py", "unused.py"}


DATASET = '''
import csv
import functools
from pathlib import Path

import torch

from ganbench.datasets.mixtures import ring8
from ganbench.datasets import register_dataset

@functools.cache
def shift():
    with open(Path(__file__).with_name("points.csv")) as file:
        return float(next(csv.reader(file))[0])

@register_dataset("{name}")
def shifted():
    """Reads a file that it does not declare."""
    return ring8(radius=2.0 + shift())
'''


def test_a_data_file_that_nobody_declared_is_part_of_what_counts(tmp_path: Path) -> None:
    """`../shared/cases/09-stale-data-file`: other numbers in the file, and the old results came back."""
    (tmp_path / "data.py").write_text(DATASET.replace("{name}", "from-file"), encoding="utf-8")
    points = tmp_path / "points.csv"
    points.write_text("0.5\n", encoding="utf-8")
    suite = write_suite(tmp_path, [NSGAN], more="include: [data.py]")
    suite.write_text(suite.read_text(encoding="utf-8").replace("ring8", "from-file"), encoding="utf-8")
    trained(suite, tmp_path / "run")
    (folder,) = store.cohort_folders(tmp_path / "run")
    assert store.read_description(folder)["made_of"]["read"].keys() == {"../points.csv"}
    assert planned(suite, tmp_path / "run").tasks == ()
    points.write_text("0.7\n", encoding="utf-8")
    plan = planned(suite, tmp_path / "run")
    assert len(plan.tasks) == 1
    (stored,) = plan.reuse.set_aside
    assert stored.reason == f"the data file {points} has changed"
    points.write_text("0.5\n", encoding="utf-8")
    assert planned(suite, tmp_path / "run").tasks == (), "its content counts, not its time"


@pytest.mark.parametrize("moment", ["before", "during"])
def test_a_file_that_is_edited_meanwhile_stores_no_numbers(tmp_path: Path, moment: str) -> None:
    plugin = tmp_path / "moving.py"
    edit = "Path(__file__).write_text(Path(__file__).read_text() + '_ADDED = 1\\n')"
    plugin.write_text(
        "from pathlib import Path\n"
        "from ganbench.objectives import non_saturating\n"
        "from ganbench.variants import register_variant, two_player\n"
        "from ganbench.objectives import Objective\n"
        "usual = non_saturating()\n"
        f"@register_variant('moving-{moment}')\n"
        "def moving(**options):\n"
        "    '''Edits its own file.'''\n"
        "    def loss(real, fake, batch):\n"
        f"        {edit if moment == 'during' else 'pass'}\n"
        "        return usual.discriminator(real, fake, batch)\n"
        "    return two_player(Objective(loss, usual.generator), **options)\n",
        encoding="utf-8",
    )
    suite = load_suite(write_suite(tmp_path, [f"moving-{moment}: {{{SMALL}}}"], more="include: [moving.py]"))
    plan = make_plan(suite, tmp_path / "run", CPU, 1)
    if moment == "before":
        plugin.write_text(plugin.read_text(encoding="utf-8") + "_ADDED = 1\n", encoding="utf-8")
    summary = execute(suite, plan, lambda event: None)
    (failure,) = summary.failed
    assert failure.startswith(f"GanbenchError: {plugin} was changed after this run had begun; run again")
    assert summary.missing == (f"ring8 · moving-{moment}: seeds 0, 1",)


def test_keys_are_quick() -> None:
    """Half a second for the suite that runs most often."""
    suite = load_suite(Path(__file__).parent.parent / "suites" / "ci.yaml")
    began = time.process_time()
    for description in suite.cohorts():
        recipe_of(description, "cpu")
    assert time.process_time() - began < 0.5
