"""The section on dim z against dim x: what follows from who has a density, and the numbers beside it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ganbench.analysis.cohorts import Budget, Cohort, Part
from ganbench.analysis.run import Run
from ganbench.report.style import looks, styled
from ganbench.report.theory.latent_dimension import section
from ganbench.report.theory.latent_dimension_tables import cases_table, overlap_table
from ganbench.report.theory.latent_dimension_trained import Trained, reported

DIM_X, MANIFOLD = 8, 4
INPUTS = (1, 4, 8, 16)


def cohort(dataset: str, dim_z: int) -> Cohort:
    described = {"dataset": {"name": "sphere", "label": dataset}, "variant": {"label": f"gan[{dim_z}]"}}
    part = Part(f"{dataset}-{dim_z}", Path("nowhere"), described, {"status": "finished"})
    return Cohort(f"gan[{dim_z}]", dataset, Budget("steps", 10), (part,))


def values(dim_z: int, seed: int, noisy: bool) -> dict[str, float]:
    """Numbers as they come out of a good run."""
    bound = min(dim_z, DIM_X)
    return {
        "dimension_of_input": dim_z,
        "dimension_of_manifold": MANIFOLD,
        "dimension_of_support": DIM_X if noisy else MANIFOLD,
        "dimension_two_nn": min(bound, MANIFOLD) + 0.1 * seed,
        "dimension_levina_bickel": min(bound, MANIFOLD),
        "dimension_local_pca": min(bound, MANIFOLD),
        "jacobian_rank": bound,
        "jacobian_rank_significant": min(bound, MANIFOLD),
        "jacobian_log_condition": 2.0,
        "precision": 0.9,
        "perfect_discriminator_error": 0.01 if dim_z < DIM_X else 0.2 + 0.1 * seed,
    }


def references(noisy: bool) -> dict[str, float]:
    """What real data get."""
    return {
        "dimension_two_nn": 6.0 if noisy else 4.1,
        "dimension_levina_bickel": 5.0 if noisy else 4.0,
        "dimension_local_pca": 7.0 if noisy else 4.0,
        "precision": 0.97,
    }


def run_of(noisy: dict[str, bool], inputs: tuple[int, ...] = INPUTS) -> Run:
    rows = [
        {"dataset": label, "variant": f"gan[{dim_z}]", "seed": seed, "quantity": name, "value": value}
        | {"point": 1, "final": True, "images": 10, "step": 10, "seconds": 1.0, "protocol": '{"steps": 200}'}
        | {"reference": references(has).get(name)}
        for label, has in noisy.items()
        for dim_z in inputs
        for seed in range(3)
        for name, value in values(dim_z, seed, has).items()
    ]
    return Run(
        path=Path("nowhere"),
        about={},
        declared={},
        declared_on={},
        datasets={label: {"shape": [DIM_X], "primary": "precision"} for label in noisy},
        cohorts=tuple(cohort(label, dim_z) for label in noisy for dim_z in inputs),
        records=pd.DataFrame(rows),
    )


def trained(dim_z: int, noisy: bool, **changed: float) -> Trained:
    rows = [values(dim_z, seed, noisy) | changed for seed in range(3)]
    return Trained(cohort("data", dim_z), DIM_X, pd.DataFrame(rows), references(noisy))


@pytest.mark.parametrize(
    ("dim_z", "noisy", "density", "divergence"),
    [
        (1, False, "neither", "log 2"),
        (4, False, "neither", "log 2, unless supports coincide"),
        (8, False, "G(z)", "log 2"),
        (4, True, "data", "log 2"),
        (8, True, "data and G(z)", "below log 2"),
        (16, True, "data and G(z)", "below log 2"),
    ],
)
def test_who_has_a_density_decides_on_the_divergence(
    dim_z: int, noisy: bool, density: str, divergence: str
) -> None:
    row = overlap_table([trained(dim_z, noisy)]).rows[-1]
    assert row[2:4] == [density, divergence]
    cases = {case[0].removesuffix(" alone"): case for case in cases_table().rows if case[0] != "neither"}
    assert density == "neither" or cases[density][4] == divergence


def test_inputs_enough_are_not_enough_where_the_rank_is_less() -> None:
    """dim z ≥ dim x is necessary for a density and not sufficient."""
    row = overlap_table([trained(16, True, jacobian_rank=5)]).rows[-1]
    assert row[2:4] == ["data", "log 2"]


def test_the_section_puts_bounds_beside_measurements() -> None:
    run = run_of({"plain": False, "noisy": True})
    with styled():
        made = section(run, looks(run.variants))
    assert made is not None
    assert "full rank for every seed of 8 of 8 generators (it cannot have more)" in made.words[0]
    assert "at most dim z + 0.10" in made.words[0]
    assert "0.0100 to 0.0100 where dim z < dim x" in made.words[0]
    assert "0.300 to 0.300 where dim z ≥ dim x" in made.words[0]
    tables = {table.name: table for table in made.tables}
    overlap = tables["latent-dimension-overlap"]
    assert [row[1] for row in overlap.rows] == ["real data", "1", "4", "8", "16"] * 2
    at = overlap.header.index("precision")
    assert [row[at] for row in overlap.rows[:2]] == ["0.970", "0.900"]
    said = [item for part in made.parts for item in part.items if isinstance(item, str)]
    assert any("trained for 200 updates (Arjovsky and Bottou's: 4,000)" in text for text in said)
    measured = tables["latent-dimension-measured"]
    assert [row[2] for row in measured.rows] == ["4 to 8", "1", "4", "8", "8", "4", "1", "4", "8", "8"]
    assert measured.rows[5][6:] == ["4.10", "4", "4"], "what the estimators make of the real data"
    assert measured.rows[1][6] == "1.10 [1, 1.20]"
    assert {figure.name for figure in made.figures} >= {"latent-dimension-dimensions"}


def test_a_rank_below_the_bound_is_said() -> None:
    run = run_of({"plain": False})
    at = (run.records["quantity"] == "jacobian_rank") & (run.records["variant"] == "gan[4]")
    run.records.loc[at, "value"] = 3.0
    with styled():
        made = section(run, looks(run.variants))
    assert made is not None
    assert "for every seed of 3 of 4 generators" in made.words[0]


def test_the_data_sets_whose_fresh_discriminators_are_told_here() -> None:
    run = run_of({"plain": False, "noisy": True})
    assert reported(run) == {"plain", "noisy"}
    assert reported(run_of({"plain": False}, (4,))) == frozenset()
    kept = run.records[run.records["quantity"] != "perfect_discriminator_error"]
    assert reported(Run(run.path, {}, {}, {}, run.datasets, run.cohorts, kept)) == frozenset()


def test_one_dim_z_or_none_has_no_section() -> None:
    run = run_of({"plain": False}, (4,))
    assert section(run, looks(run.variants)) is None
    others = run_of({"plain": False})
    kept = others.records[others.records["quantity"] != "dimension_of_manifold"]
    bare = Run(others.path, {}, {}, {}, others.datasets, others.cohorts, kept)
    assert section(bare, looks(bare.variants)) is None
