"""Checking a suite trains and measures a round of each of its games, and names the place of what fails."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ganbench.contract import suites
from ganbench.contract.suites import check_suite
from ganbench.errors import SuiteError

pytestmark = pytest.mark.usefixtures("forgotten_names")

PLUGIN = '''
import sys
import torch
from torch import nn
from ganbench.diagnostics.diagnostic import Diagnostic, register_diagnostic
from ganbench.objectives import Objective, least_squares
from ganbench.quantities import Quantity
from ganbench.variants import register_variant, two_player

@register_variant("mine")
def mine(least: int = 1, **options):
    """A variant of the test's.

    Source: nobody 2024.
    """
    # in the factory
    def loss(real, fake, batch):
        if len(real) < least:
            raise ValueError("a batch too small")
        # in the loss
        return least_squares().discriminator(real, fake, batch)
    return two_player(Objective(loss, least_squares().generator), **options)

@register_diagnostic("count")
def count(dataset):
    """Counts.  What good looks like: one.  Blind to: all else."""
    return Count()

class Count(Diagnostic):
    quantities = (Quantity("count", "Count"),)
    def measure(self, snapshot):
        # in measure
        return {"count": snapshot.samples(3).flatten(1).sum(1)}
'''
SUITE = """include: [mine.py]
datasets: [ring8, grid25]
variants:
  - nsgan: {network: {mlp: {width: 8}}}
  - mine: {network: {mlp: {width: 8}}, batch_size: 16}
seeds: 3
budget: {images: 6400}
diagnostics:
  - modes
  - count
"""


def checked(folder: Path, old: str = "", new: str = "", suite: str = SUITE) -> dict[str, Any]:
    """What checking says of the suite, with one line of the plug-in replaced."""
    (folder / "mine.py").write_text(PLUGIN.replace(old, new) if old else PLUGIN, encoding="utf-8")
    (folder / "suite.yaml").write_text(suite, encoding="utf-8")
    *_, found = check_suite(str(folder / "suite.yaml"), ())
    return found


def test_a_suite_that_is_fine_is_trained_and_measured_once_for_each_game(tmp_path: Path) -> None:
    found = checked(tmp_path)
    assert (found["cohorts"], found["games"], found["fewest_seeds"]) == (4, 4, 3)


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "raised"),
    [
        ("# in the loss", "one_sidd", 5, 5, "NameError: name 'one_sidd' is not defined"),
        ("# in the loss", "sys.exit(0)", 5, 5, "SystemExit: 0"),
        ("# in the loss", "real = real @ torch.ones(3, 3)", 5, 5, "RuntimeError: "),
        ("# in the factory", "int('x')", 5, 5, "ValueError: invalid literal"),
        ("# in measure", "1 / 0", 10, 5, "ZeroDivisionError: division by zero"),
        ("# in measure", "sys.exit(0)", 10, 5, "SystemExit: 0"),
    ],
)
def test_what_raises_is_named_in_the_suite_and_in_the_plug_in(
    tmp_path: Path, old: str, new: str, line: int, column: int, raised: str
) -> None:
    with pytest.raises(SuiteError) as caught:
        checked(tmp_path, old, new)
    assert {(each.line, each.column) for each in caught.value.mistakes} == {(line, column)}
    at = PLUGIN[: PLUGIN.index(old)].count("\n") + 1
    assert all(f"{tmp_path / 'mine.py'}:{at}: " in each.text for each in caught.value.mistakes)
    assert all(raised in each.text for each in caught.value.mistakes)


def test_a_game_that_refuses_small_batches_is_tried_with_its_own(tmp_path: Path) -> None:
    suite = SUITE.replace("batch_size: 16", "batch_size: 16, least: 16")
    assert checked(tmp_path, suite=suite)["games"] == 4
    with pytest.raises(SuiteError, match="a batch too small"):
        checked(tmp_path, suite=suite.replace("least: 16", "least: 17"))


def test_a_diagnostic_meets_each_kind_of_game_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[tuple[str, str]] = []
    original = suites._measure

    def counting(choice: Any, cohort: Any) -> None:
        measured.append((choice.label, cohort.description.dataset.label))
        original(choice, cohort)

    monkeypatch.setattr(suites, "_measure", counting)
    alike = "variants:\n  - gan: {network: {mlp: {width: 8}}}\n  - gan-r1: {network: {mlp: {width: 9}}}"
    checked(tmp_path, suite=re.sub(r"(?m)^  - mine.*\n", "", SUITE).replace("variants:", alike))
    pairs = {(label, dataset) for label in ("modes", "count") for dataset in ("ring8", "grid25")}
    assert sorted(measured) == sorted([*pairs, *pairs]), "gan's and nsgan's are alike, gan-r1's is wider"
