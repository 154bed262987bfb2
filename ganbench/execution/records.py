"""Records as Parquet: the store's columns, and a column for every option of a variant and a data set.

The options' columns are made from the cohorts' descriptions, so what is stored for a cohort alone and for
a whole run agree, and are written in pieces, so that memory does not grow with the number of rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ganbench import store
from ganbench.errors import GanbenchError

Kind = Literal["nothing", "truth", "whole", "number", "text"]
Options = Mapping[str, Any]
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
assert tuple(_STORED) == store.RECORD_COLUMNS
_TYPES: dict[Kind, pa.DataType] = {
    "nothing": pa.null(),
    "truth": pa.bool_(),
    "whole": pa.int64(),
    "number": pa.float64(),
    "text": _REPEATED,
}
_NULLABLE: dict[Kind, str] = {"truth": "boolean", "whole": "Int64"}
"""What pandas makes of a column in which some cohorts have no value."""
_ROWS = 2**17
"""Rows that are held in memory, and written, at once."""
_WHOLE = 2**63


@dataclass(frozen=True)
class _Source:
    """One cohort's records: its rows in pieces, and its options."""

    pieces: Iterable[pa.Table]
    variant: Options
    dataset: Options


@dataclass(frozen=True)
class _Column:
    """An option's column: whose it is, what it is called there, and what it holds over all cohorts."""

    owner: Literal["variant", "dataset"]
    option: str
    kind: Kind
    everywhere: bool

    def value(self, source: _Source) -> Any:
        """A cohort's value as the column holds it; None where it has none."""
        value = getattr(source, self.owner).get(self.option)
        return _text(value) if self.kind == "text" and value is not None else value


def cohort_records(rows: Sequence[Mapping[str, Any]], variant: Options, dataset: Options) -> bytes:
    """A cohort's own records: `rows` with the columns of the store, and its options."""
    pieces = (_table(rows[start : start + _ROWS]) for start in range(0, len(rows), _ROWS))
    return _written([_Source(pieces, variant, dataset)])


def run_records(folders: Sequence[Path]) -> bytes:
    """The records of all cohorts, in the folders' order; raises GanbenchError for a file that is broken."""
    return _written([_source(folder) for folder in folders])


def records_digest(content: bytes) -> str:
    """A hash of a cohort's records as they are stored, 32 hexadecimal digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _source(folder: Path) -> _Source:
    described = store.read_description(folder)
    options = (described[owner].get("options") or {} for owner in ("variant", "dataset"))
    return _Source(_pieces(folder / store.RECORDS_FILE), *options)


def _table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    arrays = [pa.array(list(map(itemgetter(name), rows)), _plain(kind)) for name, kind in _STORED.items()]
    return pa.table(arrays, names=list(_STORED)).cast(pa.schema(list(_STORED.items())))


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if kind == _REPEATED else kind


def _pieces(file: Path) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(file) as stored:
            lacking = set(_STORED) - set(stored.schema_arrow.names)
            if lacking:
                raise ValueError(f"lacks {', '.join(sorted(lacking))}")
            for batch in stored.iter_batches(_ROWS, columns=list(_STORED)):
                yield pa.table(batch).select(list(_STORED)).cast(pa.schema(list(_STORED.items())))
    except (ValueError, OSError) as error:  # pyarrow's own errors are ValueErrors or OSErrors
        raise GanbenchError(f"{file}: not readable as Parquet; remove {file.parent} and run again") from error


def _written(sources: Sequence[_Source]) -> bytes:
    columns = _columns(sources)
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, _schema(columns)) as writer:
        held: list[pa.Table] = []
        for piece in _widened(sources, columns, writer.schema):
            if held and sum(map(len, held)) + len(piece) > _ROWS:
                writer.write_table(pa.concat_tables(held).unify_dictionaries())
                held = []
            held.append(piece)
        if held:
            writer.write_table(pa.concat_tables(held).unify_dictionaries())
    return bytes(sink.getvalue())


def _widened(
    sources: Sequence[_Source], columns: Mapping[str, _Column], schema: pa.Schema
) -> Iterator[pa.Table]:
    """The rows of all cohorts in pieces, each with its cohort's options beside."""
    for source in sources:
        options = [(column.value(source), _TYPES[column.kind]) for column in columns.values()]
        for piece in source.pieces:
            repeated = [_constant(value, kind, len(piece)) for value, kind in options]
            yield pa.table([*piece.columns, *repeated], schema=schema)


def _constant(value: Any, kind: pa.DataType, count: int) -> pa.Array:
    if value is None:
        return pa.nulls(count, kind)
    if kind == _REPEATED:
        return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), count), pa.array([value]))
    return pa.repeat(pa.scalar(value, kind), count)


def _columns(sources: Sequence[_Source]) -> dict[str, _Column]:
    """Column's name to column: the variants' options, then the data sets', as they come."""
    values: dict[tuple[Literal["variant", "dataset"], str], list[Any]] = {}
    owners: tuple[Literal["variant", "dataset"], ...] = ("variant", "dataset")
    for owner in owners:
        for source in sources:
            for option, value in getattr(source, owner).items():
                values.setdefault((owner, option), []).append(value)
    taken = set(store.RECORD_COLUMNS)
    doubled = {option for owner, option in values if owner == "variant" and ("dataset", option) in values}
    names = {option for _, option in values}
    found = {}
    for (owner, option), held in values.items():
        name = option
        while name in taken | doubled or (name != option and name in names):
            name = f"{owner}_{name}"
        kind = _common(map(_kind, held))
        everywhere = len(held) == len(sources) and None not in held
        found[name] = _Column(owner, option, kind, everywhere)
    return found


def _kind(value: Any) -> Kind:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int):
        return "whole" if -_WHOLE <= value < _WHOLE else "text"
    return "number" if isinstance(value, float) else "text"


def _common(kinds: Iterable[Kind]) -> Kind:
    """What a column holds whose values are of these kinds: text where they do not go together."""
    found = set(kinds) - {"nothing"}
    if len(found) < 2:
        return next(iter(found), "nothing")
    return "number" if found == {"whole", "number"} else "text"


def _text(value: Any) -> str:
    """Text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, separators=(",", ":"))


def _schema(columns: Mapping[str, _Column]) -> pa.Schema:
    """Arrow's types, with a word to pandas on whole numbers and truth values that may be missing."""
    fields = [*_STORED.items(), *((name, _TYPES[column.kind]) for name, column in columns.items())]
    nullable = {n: _NULLABLE[c.kind] for n, c in columns.items() if c.kind in _NULLABLE and not c.everywhere}
    said = pa.Schema.from_pandas(pd.DataFrame(columns=list(nullable)).astype(nullable), preserve_index=False)
    return pa.schema(fields, metadata=said.metadata if nullable else None)
