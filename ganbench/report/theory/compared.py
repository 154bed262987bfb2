"""One table for predicted, published and measured numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from ganbench.analysis.numbers import compact
from ganbench.report.tables import Table

HEADER = ("setting", "quantity", "predicted", "published", "measured", "deviation", "remark")


@dataclass(frozen=True)
class Compared:
    """A number in up to three versions.  Words stand where there is no number: "undefined".

    `low` and `high` enclose the measured value where it is a median over seeds.
    """

    setting: str
    what: str
    predicted: float | str | None
    published: float | None
    error: float | None
    measured: float | str | None
    low: float | None = None
    high: float | None = None
    remark: str = ""

    @property
    def deviation(self) -> float | None:
        """Measured less published, else less predicted; None where either is no number."""
        reference = self.published if self.published is not None else self.predicted
        numbers = isinstance(reference, float | int) and isinstance(self.measured, float | int)
        return float(self.measured) - float(reference) if numbers else None  # type: ignore[arg-type]

    @property
    def beyond_error(self) -> bool:
        """Whether the deviation from the published value exceeds the stated error."""
        known = self.published is not None and self.error is not None and self.deviation is not None
        return known and not abs(self.deviation or 0.0) <= float(self.error or 0.0)


def compared_table(name: str, caption: str, rows: Sequence[Compared], notes: Sequence[str] = ()) -> Table:
    """The versions side by side; a deviation beyond the stated error is marked with an asterisk."""
    marked = [*notes, "* beyond the published error."] if any(row.beyond_error for row in rows) else notes
    return Table(
        name=name,
        caption=caption,
        header=HEADER,
        rows=[_cells(row) for row in rows],
        data=pd.DataFrame([{**asdict(row), "deviation": row.deviation} for row in rows]),
        notes=marked,
        left=frozenset({0, 1, 6}),
    )


def _cells(row: Compared) -> list[str]:
    published = _text(row.published) + (f" ± {compact(row.error)}" if row.error else "")
    spread = "" if row.low is None or row.high is None else f" [{_text(row.low)}, {_text(row.high)}]"
    deviation = "" if row.deviation is None else f"{row.deviation:+.2g}" + ("*" if row.beyond_error else "")
    cells = [row.setting, row.what, _text(row.predicted), published, _text(row.measured) + spread]
    return [*cells, deviation, row.remark]


def _text(value: float | str | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return "undefined" if math.isnan(value) else f"{value:.6g}"
