"""What the pages under docs/ show works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from engine_cohorts import cohort, finish

from ganbench import registry

DOCS = Path(__file__).parent.parent / "docs"


def test_the_tests_that_the_page_of_references_names_are_there() -> None:
    page = (DOCS / "references.md").read_text(encoding="utf-8")
    named = re.findall(r"`tests/(\w+\.py)::(\w+)`", page)
    assert len(named) == page.count("tests/") > 0
    for file, test in named:
        assert f"\ndef {test}(" in (Path(__file__).parent / file).read_text(encoding="utf-8"), test


@pytest.fixture
def plug_in(tmp_path: Path, forgotten_names: None) -> None:
    """The page's variant as a user's file, forgotten after the test."""
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "games.md").read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "my_cgan.py"
    file.write_text(code, encoding="utf-8")
    registry.include(file)


@pytest.mark.usefixtures("plug_in")
def test_the_conditional_game_of_the_page_trains_as_one_program_and_learns_its_labels() -> None:
    options = {"learning_rate": 5e-3}
    made = finish(
        cohort("my-cgan", options, dataset="ring8", seeds=(0, 1), mode="traced", budget=("steps", 300))
    )
    assert made.diverged() == [None, None]
    snapshot = made.snapshot(1, True)
    samples, labels = snapshot.samples(2048), snapshot.sampled_fields(2048)["label"]
    means = torch.stack([samples[0][labels[0] == c].mean(0) for c in range(8)])
    wanted = made.dataset.means
    nearest = torch.cdist(means, wanted).argmin(1)
    assert (nearest == torch.arange(8)).sum() >= 5, "the label says where a sample is"
