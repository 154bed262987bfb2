"""Several diagnostics of one kind in a suite: names that tell their quantities apart."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from small_runs import ganbench, without_report

from ganbench import store
from ganbench.diagnostics.names import distinct_names
from ganbench.errors import SuiteError
from ganbench.suite import load_suite

SUITE = """
datasets: [digits]
variants: [nsgan: {batch_size: 16, network: {mlp: {width: 8}}}]
diagnostics:
  - support: {extractor: identity, samples: 100}
    label: pixels
  - support: {samples: 100}
  - diversity: {samples: [50, 60]}
seeds: 1
budget: {steps: 2}
measure: 1
"""


def test_the_one_with_the_registered_name_keeps_its_names_else_the_first() -> None:
    declared = [("pixels", "support", ["recall"]), ("support", "support", ["precision", "recall"])]
    assert distinct_names(declared) == {"support": {}, "pixels": {"recall": "recall[pixels]"}}
    swept = [(f"support[samples={n}]", "support", ["recall"]) for n in (5, 6)]
    assert distinct_names(swept) == {
        "support[samples=5]": {},
        "support[samples=6]": {"recall": "recall[samples=6]"},
    }
    assert distinct_names([("a", "a", ["x"]), ("b", "b", ["y"])]) == {"a": {}, "b": {}}


def test_a_suite_measures_one_kind_under_several_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_report(monkeypatch)
    (tmp_path / "suite.yaml").write_text(SUITE, encoding="utf-8")
    (tmp_path / "alone.yaml").write_text(SUITE.replace("  - support: {samples: 100}\n", ""), encoding="utf-8")
    records = {}
    for name in ("suite", "alone"):
        result = ganbench("run", tmp_path / f"{name}.yaml", "--out", tmp_path / name, "--workers", 1)
        assert result.exit_code == 0, result.output
        rows = pd.read_parquet(tmp_path / name / store.RECORDS_FILE)
        records[name] = rows[rows["final"]].set_index("quantity")
    both, alone = records["suite"], records["alone"]
    assert both.index.is_unique
    for quantity in ("precision", "coverage"):
        pixels = both.loc[f"{quantity}[pixels]"]
        assert "ganbench-identity" in pixels["protocol"]
        assert "ganbench-classifier-digits" in both.loc[quantity, "protocol"]
        for column in ("value", "reference", "protocol"):
            assert pixels[column] == alone.loc[quantity, column]
    assert '"generated":50' in both.loc["vendi_score", "protocol"].replace(" ", "")
    assert '"generated":60' in both.loc["vendi_score[samples=60]", "protocol"].replace(" ", "")


def test_what_is_recorded_every_round_is_measured_once(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(
        "datasets: [dirac]\nvariants: [dirac]\nbudget: {steps: 2}\nseeds: 1\n"
        "diagnostics:\n  - equilibrium\n  - equilibrium: {tolerance: 0.5}\n    label: again\n",
        encoding="utf-8",
    )
    with pytest.raises(SuiteError, match=r"suite.yaml:7:5: 'again' and 'equilibrium' both measure "):
        load_suite(tmp_path / "suite.yaml")
