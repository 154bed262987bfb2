"""The section on fresh discriminators: what it reads from a run, and what it says of it."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ganbench.analysis.cohorts import Budget, Cohort, Part
from ganbench.published.perfect_discriminator import DISJOINT, SAME
from ganbench.report.theory import perfect_discriminator as report
from ganbench.report.theory.perfect_discriminator_curves import Measured, read

STEPS = np.array([0, 1, 10, 100])
FLAT = {"network": {"name": "flat", "options": {}}, "latent_dim": 1, "learning_rate": 1e-9}
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
    )


def test_what_is_read(run: Any) -> None:
    apart, together, young, old = read(run)
    assert (apart.overlap, together.overlap) == (DISJOINT, SAME)
    assert apart.values["error"].shape == (3, 4)
    assert (young.overlap, young.age, old.age) == (None, "1 epoch", "10 epochs")
    assert old.decay.tolist() == [3, 3]
    assert old.decay_from_first().tolist() == [2, 2]
    assert old.growth().tolist() == [2.5, 2.5]
    assert old.noise_growth.tolist() == [3, 3]
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
    errors = overlap[overlap["what"] == "held-out error"]
    assert errors["predicted"].tolist() == [0, 0.5]
    assert errors["deviation"].tolist() == [0, -0.5]
    assert overlap["predicted"][1] == pytest.approx(math.log(2))
    assert "falls without end" in gradients["predicted"].tolist()
    decays = trained[trained["what"].str.startswith("decay")]
    assert decays["published"].tolist() == [5, 5]
    assert decays["measured"].tolist() == [3, 3]
    assert (
        "within 0.5000 of the best possible one (farthest on parallel_lines[distance=0])" in section.words[0]
    )
    assert "Of 2 trained generators 2 are told" in section.words[1]


def test_nothing_where_nothing_was_measured() -> None:
    empty: Any = SimpleNamespace(dataset_labels=[], cohorts_of=lambda dataset: [])
    assert report.section(empty, {}) is None


def test_a_lost_seed_is_left_out() -> None:
    curves = {name: np.array([[1.0, 1.0], [np.nan, np.nan]]) for name in ("error", "jsd_bound")}
    curves |= {f"log10_{k}": curves["error"] for k in ("gradient_minimax", "gradient_nonsaturating")}
    curves["log10_noise_nonsaturating"] = curves["error"]
    one = Measured("d", "ring8", "v", "1 epoch", 1, np.array([0, 1]), curves, None, "mlp")
    table = report.trained_table([one])
    assert table.data["measured"][0] == 1
    assert table.data["measured"][1] == "never"
