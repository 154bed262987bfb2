"""Records on disk: a column for every option, of one kind over all cohorts, in bounded memory."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ganbench import store
from ganbench.analysis.run import load_run
from ganbench.errors import GanbenchError
from ganbench.execution import records
from ganbench.execution.records import cohort_records, run_records


def rows(count: int = 3, variant: str = "a", **changes: Any) -> list[dict[str, Any]]:
    common = {
        "variant": variant,
        "dataset": "d",
        "final": False,
        "images": 64,
        "step": 1,
        "seconds": 0.5,
        "quantity": "q",
        "reference": None,
        "protocol": "{}",
        "variant_options": "{}",
        "dataset_options": "{}",
    }
    return [{**common, "seed": k, "point": k, "value": float(k), **changes} for k in range(count)]


def written(
    folder: Path, name: str, variant: Mapping[str, Any], dataset: Mapping[str, Any], count: int = 3
) -> Path:
    """A cohort's folder with its description and records."""
    cohort = folder / store.COHORTS / name
    choices = {"variant": {"label": name, "options": variant}, "dataset": {"label": "d", "options": dataset}}
    store.write_json(cohort / store.DESCRIPTION_FILE, {"key": "k", "seeds": [0], **choices})
    store.write_atomic(cohort / store.RECORDS_FILE, cohort_records(rows(count, name), variant, dataset))
    return cohort


def read(content: bytes) -> pd.DataFrame:
    return pd.read_parquet(io.BytesIO(content))


def test_a_cohorts_options_are_columns_of_their_kinds() -> None:
    variant = {"rate": 1e-3, "n_critic": 5, "compile": True, "ema": None, "name": "x"}
    variant |= {"network": {"name": "mlp", "options": {"width": 3}}, "betas": [0.0, 0.9]}
    table = read(cohort_records(rows(), variant, {"sigma": 0.1}))
    assert list(table.columns) == [*store.RECORD_COLUMNS, *variant, "sigma"]
    assert table["rate"].dtype == np.float64
    assert table["n_critic"].dtype == np.int64
    assert table["compile"].dtype == np.bool_
    assert table[["rate", "n_critic", "compile", "name", "sigma"]].drop_duplicates().values.tolist() == [
        [1e-3, 5, True, "x", 0.1]
    ]
    assert table["ema"].isna().all()
    assert set(table["network"]) == {'{"name":"mlp","options":{"width":3}}'}
    assert [json.loads(each) for each in set(table["betas"])] == [[0.0, 0.9]]


def test_the_stored_columns_are_as_they_were() -> None:
    given = rows(value=float("nan"), final=True)
    table = read(cohort_records(given, {"rate": 1.0}, {}))[list(store.RECORD_COLUMNS)]
    expected = pd.DataFrame(given, columns=list(store.RECORD_COLUMNS)).astype({"reference": float})
    texts = ["protocol", "variant_options", "dataset_options"]
    pd.testing.assert_frame_equal(table.astype(dict.fromkeys(texts, "str")), expected)


def test_columns_over_cohorts_have_one_kind_each(tmp_path: Path) -> None:
    first = {"whole": 1, "wide": 1, "mixed": 0.5, "flag": True, "odd": True, "only": 3, "big": 2**70}
    second = {"whole": 2, "wide": 0.5, "mixed": "auto", "flag": None, "odd": 1, "nothing": None, "big": 1}
    folders = [written(tmp_path, "a", first, {}), written(tmp_path, "b", second, {})]
    table = read(run_records(folders)).drop_duplicates("variant").set_index("variant")
    assert table["whole"].dtype == np.int64
    assert table["wide"].tolist() == [1.0, 0.5]
    assert table["mixed"].tolist() == ["0.5", "auto"]
    assert table["odd"].tolist() == ["true", "1"]
    assert table["big"].tolist() == [str(2**70), "1"]
    assert table["flag"].dtype == "boolean"
    assert table["flag"].tolist() == [True, pd.NA]
    assert table["only"].dtype == "Int64"
    assert table["only"].tolist() == [3, pd.NA]
    assert table["nothing"].isna().all()


def test_names_that_clash_say_whose_they_are(tmp_path: Path) -> None:
    """Over the whole run: a name is not the data set's in one row and prefixed in another."""
    folders = [
        written(tmp_path, "a", {"sigma": 1.0, "seed": 7, "variant_seed": 8}, {"sigma": 2.0, "point": 3}),
        written(tmp_path, "b", {}, {"sigma": 4.0, "point": 5}),
    ]
    table = read(run_records(folders)).drop_duplicates("variant").set_index("variant")
    assert "sigma" not in table
    assert table["dataset_sigma"].tolist() == [2.0, 4.0]
    assert table["variant_sigma"].tolist()[0] == 1.0
    assert np.isnan(table["variant_sigma"].iloc[1])
    assert table["dataset_point"].tolist() == [3, 5]
    assert (table["seed"], table["point"])[0].tolist() == [0, 0]
    assert table["variant_seed"].iloc[0] == 8
    assert table["variant_variant_seed"].iloc[0] == 7


def test_pieces_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [written(tmp_path, name, {"rate": k + 0.5}, {}, 7) for k, name in enumerate("abc")]
    whole = read(run_records(folders))
    monkeypatch.setattr(records, "_ROWS", 4)
    again = [written(tmp_path / "again", name, {"rate": k + 0.5}, {}, 7) for k, name in enumerate("abc")]
    content = run_records(again)
    pd.testing.assert_frame_equal(read(content), whole)
    groups = pq.ParquetFile(io.BytesIO(content)).metadata
    assert max(groups.row_group(k).num_rows for k in range(groups.num_row_groups)) <= 4
    assert whole["rate"].tolist() == [0.5] * 7 + [1.5] * 7 + [2.5] * 7


def test_options_take_no_room() -> None:
    options = {f"option_{k}": k * 0.5 for k in range(40)} | {"network": {"name": "mlp" * 99}}
    bare, full = (cohort_records(rows(20_000), each, {}) for each in ({}, options))
    assert len(full) - len(bare) < 500 * len(options)


def test_no_cohort_and_no_row_are_tables_too(tmp_path: Path) -> None:
    assert list(read(run_records([])).columns) == list(store.RECORD_COLUMNS)
    assert len(read(cohort_records([], {"rate": 1.0}, {}))) == 0


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    folder = written(tmp_path, "a", {}, {})
    (folder / store.RECORDS_FILE).write_bytes(b"PAR1 cut off")
    with pytest.raises(GanbenchError, match=r"not readable as Parquet; remove .* and run again"):
        run_records([folder])
    pd.DataFrame({"variant": ["a"]}).to_parquet(folder / store.RECORDS_FILE)
    with pytest.raises(GanbenchError, match="not readable"):
        run_records([folder])


def test_a_runs_reader_takes_the_stored_columns_alone(finished: tuple[Path, Path]) -> None:
    """And options that the data set and every variant share are told apart from those they do not."""
    file = finished[1] / store.RECORDS_FILE
    names = pq.read_schema(file).names
    described = [store.read_description(folder) for folder in store.cohort_folders(finished[1])]
    options = {name for each in described for name in each["variant"]["options"]}
    assert options <= set(names)
    stored = pd.read_parquet(file)
    for each in described:
        mine = stored[stored["variant"] == each["variant"]["label"]]
        assert set(mine["learning_rate"]) == {each["variant"]["options"]["learning_rate"]}
        assert set(mine["sigma"]) == {each["dataset"]["options"]["sigma"]}
    run = load_run(finished[1])
    assert list(run.records.columns) == list(store.RECORD_COLUMNS)
    pd.testing.assert_series_equal(run.records["value"], stored["value"])
    assert run.records["protocol"].tolist() == stored["protocol"].astype(str).tolist()
