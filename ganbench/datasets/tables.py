"""Tables of numbers in text files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd

from ganbench.datasets.arrays import ArrayDataset, Heldout, ValueRange, require_file
from ganbench.datasets.dataset import register_dataset
from ganbench.errors import GanbenchError, nearest
from ganbench.registry import FilePath


@register_dataset("csv")
def csv(
    path: Annotated[str, FilePath(), "a table of numbers, one row an example"],
    columns: Annotated[list[str] | None, "the columns to use; null: all but the label"] = None,
    label: Annotated[str | None, "the column that holds the classes"] = None,
    separator: Annotated[str, "what stands between two values"] = ",",
    heldout: Heldout = 0.2,
    value_range: ValueRange = None,
) -> ArrayDataset:
    """Vectors of one's own from a table; its first line names the columns, or they are '0', '1', '2', …"""
    file = Path(path)
    table = _read_table(file, separator)
    for name in (*(columns or ()), *([] if label is None else [label])):
        if name not in table:
            raise GanbenchError(f"{file}: no column {name!r}{nearest(name, table.columns)}")
    chosen = columns or [name for name in table if name != label]
    arrays = {"real": np.stack([_numbers(file, table, name) for name in chosen], 1)}
    if label is not None:
        arrays["label"] = _classes(file, table, label)
    return ArrayDataset(
        "csv",
        arrays,
        value_range=value_range,
        heldout=heldout,
        title=f"{file.name}: {len(table):,} rows",
        source=file.name,
        files=(file,),
    )


def _read_table(file: Path, separator: str) -> pd.DataFrame:
    """All cells as texts; the first line is a heading where one of its cells is no number."""
    require_file(file)
    as_texts: dict[str, Any] = {"header": None, "dtype": str, "keep_default_na": False}
    try:
        table = pd.read_csv(file, sep=separator, encoding="utf-8-sig", skipinitialspace=True, **as_texts)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise GanbenchError(f"{file}: not a table: {' '.join(str(error).split())}") from error
    first = table.iloc[0]
    if pd.to_numeric(first, errors="coerce").isna().any():
        table = table.iloc[1:].reset_index(drop=True).set_axis(first.str.strip(), axis=1)
    table.columns = table.columns.map(str)
    if not table.columns.is_unique:
        raise GanbenchError(
            f"{file}: two columns are called {table.columns[table.columns.duplicated()][0]!r}"
        )
    return table


def _numbers(file: Path, table: pd.DataFrame, name: str) -> np.ndarray:
    numbers = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
    _refuse(file, table, name, ~np.isfinite(numbers), "is not a finite number")
    return numbers


def _classes(file: Path, table: pd.DataFrame, name: str) -> np.ndarray:
    """Numbers where all are, else the texts."""
    texts = table[name].str.strip()
    _refuse(file, table, name, (texts == "").to_numpy(), "is no class")
    numbers = pd.to_numeric(texts, errors="coerce")
    return (texts if numbers.isna().any() else numbers).to_numpy()


def _refuse(file: Path, table: pd.DataFrame, name: str, wrong: np.ndarray, problem: str) -> None:
    if wrong.any():
        row = int(wrong.argmax())
        others = f" ({int(wrong.sum()):,} such rows)" if wrong.sum() > 1 else ""
        raise GanbenchError(
            f"{file}: row {row}, column {name!r}: {table[name].iloc[row]!r} {problem}{others}"
        )
