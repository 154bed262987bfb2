"""What a gate and a comparison leave on disk; every file appears whole or not at all."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from ganbench import store
from ganbench.comparison.junit import junit, refusal_xml
from ganbench.comparison.markdown import printable
from ganbench.comparison.model import Comparison, Decision, Side
from ganbench.comparison.summary import refusal_page, summary
from ganbench.comparison.tables import comparison_page, frame

FORMAT = 1
"""Version of gate.json."""
JSON_FILE, JUNIT_FILE, SUMMARY_FILE = "gate.json", "gate.xml", "gate.md"


def write_decision(
    decision: Decision, folder: str | Path, comparison: Comparison | None = None
) -> tuple[Path, ...]:
    """gate.md, gate.xml and gate.json: for people, for a CI's test page, and for programs."""
    sides = {"base": _about(comparison.base), "new": _about(comparison.new)} if comparison else {}
    return _write(
        Path(folder),
        {"format": FORMAT, **sides, **plain(decision)},
        junit(decision),
        summary(decision, comparison),
    )


def write_refusal(message: str, exit_code: int, folder: str | Path) -> tuple[Path, ...]:
    """The same three files for a gate that could not run: bad input, no baseline, an interruption."""
    said = {
        "format": FORMAT,
        "exit_code": exit_code,
        "word": "could not run",
        "reasons": [printable(message)],
    }
    return _write(Path(folder), said, refusal_xml(message, exit_code), refusal_page(message, exit_code))


def write_tables(comparison: Comparison, folder: str | Path) -> tuple[Path, ...]:
    """comparison.parquet, comparison.csv and comparison.md."""
    folder = Path(folder)
    rows, buffer = frame(comparison), io.BytesIO()
    rows.to_parquet(buffer)
    files = {
        "comparison.parquet": buffer.getvalue(),
        "comparison.csv": store.encoded(rows.to_csv(index=False)),
        "comparison.md": store.encoded(comparison_page(comparison)),
    }
    for name, content in files.items():
        store.write_atomic(folder / name, content)
    return tuple(folder / name for name in files)


def plain(value: Any) -> Any:
    """Values as JSON has them: NaN is null, an infinite number the text "inf" or "-inf"."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {printable(str(name)): plain(each) for name, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return printable(value) if isinstance(value, str) else value


def _about(side: Side) -> dict[str, Any]:
    names = ("name", "source", "created", "environment")
    return {name: plain(getattr(side, name)) for name in names}


def _write(folder: Path, said: Any, xml: bytes, page: str) -> tuple[Path, ...]:
    paths = tuple(folder / name for name in (SUMMARY_FILE, JUNIT_FILE, JSON_FILE))
    store.write_atomic(paths[0], store.encoded(page))
    store.write_atomic(paths[1], xml)
    store.write_json(paths[2], said)
    return paths
