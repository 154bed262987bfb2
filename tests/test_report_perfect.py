"""The section on fresh discriminators: what it reads from a run, and what it says of it."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ganbench.analysis.cohorts import Budget, Cohort, Part
from ganbench.claims.perfect_discriminator import CROSSING, DISJOINT, SAME
from ganbench.report.theory import perfect_discriminator as report
from ganbench.report.theory import perfect_discriminator_tables as tables
from ganbench.report.theory.perfect_discriminator_curves import Measured, read

STEPS = np.array([0, 1, 10, 100])
FLAT = {"network": {"name": "flat", "options": {}}, "latent_dim": 1, "learning_rate": 1e-9}
PROTOCOL = '{"samples": 1000, "batch_size": 100, "steps": 100}'
TRAINED = {"network": {"name": "mlp", "options": {}}, "latent_dim": 16, "learning_rate": 1e-3}


def cohort(
    folder: Path,
    dataset: str,
    options: dict[str, Any],
    variant: dict[str, Any],
    images: list[int],
    seeds: Any,
) -> Cohort:
    """A cohort whose diagnostic saw the error fall to 0 and the gradient rise by 1 and fall by 3 decades."""
    parts = []
    for number, own in enumerate(seeds):
        place = folder / f"{dataset}-{number}"
        place.mkdir()
        shape = (len(images), len(own), 1)
        curves = {
            "error": [0.5, 0.3, 0.005, 0.0],
            "jsd_bound": [0.0, 0.2, 0.6, 0.69],
            "log10_gradient_minimax": [-1.0, 0.0, -1.0, -3.0],
            "log10_gradient_nonsaturating": [-1.0, 0.0, 1.0, 1.5],
            "log10_noise_minimax": [-2.0] * 4,
            "log10_noise_nonsaturating": [-2.0, -1.0, 0.0, 1.0],
        }
        arrays = {f"judge/{name}": np.tile(curve, shape) for name, curve in curves.items()}
        np.savez(
            place / "arrays.npz",
            allow_pickle=False,
            **arrays,
            **{
                "judge/steps": STEPS,
                "judge/points": np.arange(len(images)),
                "judge/images": np.array(images),
            },
        )
        description = {
            "dataset": {"name": dataset.partition("[")[0], "label": dataset, "options": options},
            "variant": {"name": "nsgan", "label": "v", "options": variant},
            "seeds": own,
        }
        parts.append(Part(place.name, place, description, {"status": "finished"}))
    budget = Budget("steps", 1) if variant is FLAT else Budget("images", images[-1])
    return Cohort("v", dataset, budget, tuple(parts))


@pytest.fixture
def run(tmp_path: Path) -> Any:
    cohorts = [
        cohort(tmp_path, "parallel_lines[distance=1]", {"distance": 1.0}, FLAT, [64], [[0, 1], [2]]),
        cohort(tmp_path, "parallel_lines[distance=0]", {"distance": 0.0}, FLAT, [64], [[0]]),
        cohort(tmp_path, "digits", {}, TRAINED, [1437, 14370], [[0, 1]]),
    ]
    return SimpleNamespace(
        dataset_labels=[c.dataset for c in cohorts],
        datasets={"digits": {"split_sizes": {"train": 1437, "heldout": 360}}},
        cohorts_of=lambda dataset: [c for c in cohorts if c.dataset == dataset],
        records_of=records,
    )


def records(dataset: str) -> pd.DataFrame:
    """One row: what a section needs is the protocol."""
    values = {"seed": 0, "variant": "v", "final": True, "value": 0.0, "dataset": dataset}
    return pd.DataFrame([{**values, "quantity": "perfect_discriminator_error", "protocol": PROTOCOL}])


def test_what_is_read(run: Any) -> None:
    apart, together, young, old = read(run)
    assert (apart.overlap, together.overlap) == (DISJOINT, SAME)
    assert apart.values["error"].shape == (3, 4)
    assert (young.overlap, young.age, old.age) == (None, "1 epoch", "10 epochs")
    assert old.decay.tolist() == [3, 3]
    assert old.growth.tolist() == [2.5, 2.5]
    assert (together.examples, old.examples) == ((1000, 1000), (360, 1000))
    assert together.noise(0.5) == pytest.approx(math.sqrt(0.25 / 2000))
    assert old.noise(0.1) == pytest.approx(math.sqrt(0.09 * (1 / 360 + 1 / 1000)) / 2)
    assert old.first_perfect().tolist() == [10, 10]
    assert np.isnan(old.first_perfect(-1.0)).all()


def test_a_generator_that_moved_is_not_known(run: Any, tmp_path: Path) -> None:
    moved = {**FLAT, "learning_rate": 0.1}
    run.cohorts_of = lambda dataset: [
        cohort(tmp_path, "parallel_lines", {"distance": 1.0}, moved, [64], [[0]])
    ]
    run.dataset_labels = ["parallel_lines"]
    (found,) = read(run)
    assert found.overlap is None


def test_the_section(run: Any) -> None:
    section = report.section(run, {})
    assert section is not None
    assert [part.title for part in section.parts] == ["Known overlap", "Trained generators"]
    assert [table.name for table in section.tables] == [
        "perfect-overlap",
        "perfect-gradients",
        "perfect-trained",
    ]
    assert len(section.figures) == 2
    overlap, gradients, trained = (table.data for table in section.tables)
    assert [len(table.rows) for table in section.tables] == [2, 2, 2], "a row a generator"
    assert overlap["error_exact"].tolist() == [0, 0.5]
    assert overlap["deviation"].tolist() == [0, -0.5]
    assert overlap["jsd_exact"].tolist() == pytest.approx([math.log(2), 0])
    assert gradients["minimax_predicted"].tolist() == ["falls without end", "0"]
    assert gradients["nonsaturating_predicted"].tolist() == ["grows without end", "0"]
    assert trained["decades_minimax"].tolist() == [3, 3]
    assert trained["steps_to_perfect"].tolist() == [10, 10]
    assert (
        "within 0.5000 of the best possible one (farthest on parallel_lines[distance=0])" in section.words[0]
    )
    assert "noise of up to 0.0112" in section.words[0]
    assert "Of 2 trained generators 2 are told" in section.words[1]
    assert "paper" not in section.words[1]
    notes = " ".join(note for table in section.tables for note in table.notes)
    assert "Where both laws are the same the gradient has fallen by up to 3.0 decades too" in notes
    assert "had 100 updates, too few to compare" in notes


def measured(**changes: Any) -> Measured:
    names = ("error", "jsd_bound", "log10_gradient_minimax", "log10_gradient_nonsaturating")
    values = {name: np.array([[1.0, 1.0], [np.nan, np.nan]]) for name in names}
    plain = {"dataset": "d", "family": "ring8", "variant": "v", "age": "1 epoch", "images": 1}
    rest = {"steps": np.array([0, 1]), "values": values, "overlap": None, "network": "mlp"}
    return Measured(**{**plain, **rest, **changes})


def test_the_papers_decades_stand_only_beside_its_experiment() -> None:
    long, short = np.array([0, 4000]), np.array([0, 3999])
    ours = [measured(network="mlp", steps=long), measured(network="dcgan", steps=short)]
    paper = measured(network="dcgan", steps=long)
    assert [each.as_published for each in (*ours, paper)] == [False, False, True]
    assert not any("paper" in name for name in tables.trained_table(ours).header)
    table = tables.trained_table([*ours, paper])
    assert "paper" in table.header[-1]
    assert [row[-1] for row in table.rows] == ["", "", "5"]


def test_no_limit_where_flats_cross() -> None:
    table = tables.gradient_table([measured(overlap=CROSSING), measured(overlap=DISJOINT)])
    assert [row[1] for row in table.rows] == ["no limit predicted", "falls without end"]
    assert any("order ε^(c−1)" in note for note in table.notes)


def test_ages_in_epochs_to_a_tenth(run: Any, tmp_path: Path) -> None:
    ages = {1437: "1 epoch", 640: "0.4 epochs", 12_800: "8.9 epochs", 64: "64 examples", 1480: "1 epoch"}
    (tmp_path / "ages").mkdir()
    only = cohort(tmp_path / "ages", "digits", {}, TRAINED, list(ages), [[0]])
    run.dataset_labels, run.cohorts_of = ["digits"], lambda dataset: [only]
    assert [each.age for each in read(run)] == list(ages.values())


def test_nothing_where_nothing_was_measured() -> None:
    empty: Any = SimpleNamespace(dataset_labels=[], cohorts_of=lambda dataset: [])
    assert report.section(empty, {}) is None


def test_a_lost_seed_is_left_out() -> None:
    table = tables.trained_table([measured()])
    assert table.data["error"][0] == 1
    assert table.rows[0][5] == "never"
