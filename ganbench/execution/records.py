"""Records as Parquet: the store's columns, and a column for every option of a variant and a data set.

The options' columns are made from the cohorts' descriptions, so what is stored for a cohort alone and for
a whole run agree, and are written in pieces, so that memory does not grow with the number of rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ganbench import store
from ganbench.errors import GanbenchError

Options = Mapping[str, Any]
Owner = Literal["variant", "dataset"]
_REPEATED = pa.dictionary(pa.int32(), pa.string())
"""Long texts that many rows share; a category to pandas."""
_STORED: dict[str, pa.DataType] = {
    "variant": pa.string(),
    "dataset": pa.string(),
    "seed": pa.int64(),
    "point": pa.int64(),
    "final": pa.bool_(),
    "images": pa.int64(),
    "step": pa.int64(),
    "seconds": pa.float64(),
    "quantity": pa.string(),
    "value": pa.float64(),
    "reference": pa.float64(),
    "protocol": _REPEATED,
    "variant_options": _REPEATED,
    "dataset_options": _REPEATED,
}
_SCHEMA = pa.schema(list(_STORED.items()))
assert tuple(_STORED) == store.RECORD_COLUMNS
_NULLABLE: dict[pa.DataType, str] = {pa.bool_(): "boolean", pa.int64(): "Int64"}
"""What pandas makes of a column in which some cohorts have no value."""
_ROWS = 2**17
"""Rows that are in memory, and written, together."""


@dataclass(frozen=True)
class _Source:
    """One cohort's records: its rows in pieces, and its options by owner."""

    pieces: Iterable[pa.Table]
    options: Mapping[Owner, Options]


@dataclass(frozen=True)
class _Column:
    """An option's column: whose it is, what it is called there, and what it holds over all cohorts."""

    owner: Owner
    option: str
    type: pa.DataType
    everywhere: bool

    def array(self, source: _Source, count: int) -> pa.Array:
        """A cohort's value, `count` times; nulls where it has none."""
        value = source.options[self.owner].get(self.option)
        if value is None:
            return pa.nulls(count, self.type)
        if self.type == _REPEATED:
            places = pa.repeat(pa.scalar(0, pa.int32()), count)
            return pa.DictionaryArray.from_arrays(places, pa.array([_text(value)]))
        return pa.repeat(pa.scalar(value, self.type), count)


def cohort_records(rows: Sequence[Mapping[str, Any]], variant: Options, dataset: Options) -> bytes:
    """A cohort's own records: `rows` with the columns of the store, and its options."""
    starts = range(0, len(rows), _ROWS)
    pieces = (pa.Table.from_pylist(rows[start : start + _ROWS], _SCHEMA) for start in starts)
    return _parquet([_Source(pieces, {"variant": variant, "dataset": dataset})])


def run_records(folders: Sequence[Path]) -> bytes:
    """The records of all cohorts, in the folders' order; raises GanbenchError for a file that is broken."""
    return _parquet([_source(folder) for folder in folders])


def records_digest(content: bytes) -> str:
    """A hash of a cohort's records as they are stored, 32 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _source(folder: Path) -> _Source:
    described = store.read_description(folder)
    options = {owner: described[owner].get("options") or {} for owner in get_args(Owner)}
    return _Source(_pieces(folder / store.RECORDS_FILE), options)


def _pieces(file: Path) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(file) as stored:
            lacking = set(_STORED) - set(stored.schema_arrow.names)
            if lacking:
                raise ValueError(f"lacks {', '.join(sorted(lacking))}")
            for batch in stored.iter_batches(_ROWS, columns=list(_STORED)):
                yield pa.table(batch).select(list(_STORED)).cast(_SCHEMA)
    except (ValueError, OSError) as error:  # pyarrow's own errors are ValueErrors or OSErrors
        raise GanbenchError(f"{file}: not readable as Parquet; remove {file.parent} and run again") from error


def _parquet(sources: Sequence[_Source]) -> bytes:
    columns = _columns(sources)
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, _schema(columns)) as writer:
        group: list[pa.Table] = []
        for piece in _pieces_with_options(sources, columns, writer.schema):
            if group and sum(map(len, group)) + len(piece) > _ROWS:
                writer.write_table(pa.concat_tables(group).unify_dictionaries())
                group = []
            group.append(piece)
        if group:
            writer.write_table(pa.concat_tables(group).unify_dictionaries())
    return bytes(sink.getvalue())


def _pieces_with_options(
    sources: Sequence[_Source], columns: Mapping[str, _Column], schema: pa.Schema
) -> Iterator[pa.Table]:
    """The rows of all cohorts in pieces, with the cohorts' options."""
    for source in sources:
        for piece in source.pieces:
            options = [column.array(source, len(piece)) for column in columns.values()]
            yield pa.table([*piece.columns, *options], schema=schema)


def _columns(sources: Sequence[_Source]) -> dict[str, _Column]:
    """Column's name to column: the variants' options, then the data sets', as they come."""
    values: dict[tuple[Owner, str], list[Any]] = {}
    for owner in get_args(Owner):
        for source in sources:
            for option, value in source.options[owner].items():
                values.setdefault((owner, option), []).append(value)
    doubled = {option for owner, option in values if owner == "variant" and ("dataset", option) in values}
    taken, names = {*store.RECORD_COLUMNS, *doubled}, {option for _, option in values}
    columns = {}
    for (owner, option), present in values.items():
        name = option
        while name in taken or (name != option and name in names):
            name = f"{owner}_{name}"
        everywhere = len(present) == len(sources) and None not in present
        columns[name] = _Column(owner, option, _common(map(_type_of, present)), everywhere)
    return columns


def _type_of(value: Any) -> pa.DataType:
    if value is None:
        return pa.null()
    if isinstance(value, bool):
        return pa.bool_()
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return pa.int64()
    return pa.float64() if isinstance(value, float) else _REPEATED


def _common(types: Iterable[pa.DataType]) -> pa.DataType:
    """What a column holds whose values are of these types: text where they do not go together."""
    distinct = set(types) - {pa.null()}
    if len(distinct) < 2:
        return next(iter(distinct), pa.null())
    return pa.float64() if distinct == {pa.int64(), pa.float64()} else _REPEATED


def _text(value: Any) -> str:
    """Text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def _schema(columns: Mapping[str, _Column]) -> pa.Schema:
    """Arrow's types, with a word to pandas on whole numbers and truth values that may be missing."""
    fields = [*_STORED.items(), *((name, column.type) for name, column in columns.items())]
    nullable = {n: _NULLABLE[c.type] for n, c in columns.items() if c.type in _NULLABLE and not c.everywhere}
    empty = pd.DataFrame(columns=list(nullable)).astype(nullable)
    metadata = pa.Schema.from_pandas(empty, preserve_index=False).metadata
    return pa.schema(fields, metadata=metadata if nullable else None)
