"""One table for predicted, published and measured numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from ganbench.analysis.numbers import number
from ganbench.report.tables import Table

HEADER = ("setting", "quantity", "predicted", "published", "measured", "deviation", "remark")
DEVIATION = "Deviation: measured less published where there is a published value, else less predicted."
_BEYOND = "* beyond the published error."
_ROUNDING = 1e-13


@dataclass(frozen=True)
class Compared:
    """A number in up to three versions.  Words stand where there is no number: "undefined".

    `low` and `high` enclose the measured value where it is a median over seeds.
    Optional: `kind` and `source` of the published value (as in `Published`), which stand in its cell and
    below the table; `digits`, how many significant ones are shown where no error is stated (else three).
    With a published error its last digit is the last one shown, of every version.
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
    kind: str = "published"
    source: str = ""
    digits: int | None = None

    @property
    def deviation(self) -> float | None:
        """Measured less published, else less predicted; None where either is no number."""
        reference = self.published if self.published is not None else self.predicted
        if not isinstance(reference, float | int) or not isinstance(self.measured, float | int):
            return None
        same = math.isclose(self.measured, reference, rel_tol=_ROUNDING)
        return 0.0 if same else float(self.measured) - float(reference)

    @property
    def beyond_error(self) -> bool:
        """Whether the deviation from the published value exceeds the stated error."""
        known = self.published is not None and self.error is not None and self.deviation is not None
        return known and not abs(self.deviation or 0.0) <= float(self.error or 0.0)


def compared_table(name: str, caption: str, rows: Sequence[Compared], notes: Sequence[str] = ()) -> Table:
    """The versions side by side; a deviation beyond the stated error is marked with an asterisk.

    What the deviation is and where derived or remembered values come from is said below the table.
    """
    return Table(
        name=name,
        caption=caption,
        header=HEADER,
        rows=[_cells(row) for row in rows],
        data=pd.DataFrame([{**asdict(row), "deviation": row.deviation} for row in rows]),
        notes=[*notes, *_standing(rows)],
        left=frozenset({0, 1, 6}),
    )


def _standing(rows: Sequence[Compared]) -> Iterator[str]:
    """What every such table says of its own columns."""
    if any(row.deviation is not None for row in rows):
        yield DEVIATION
    for kind, source in dict.fromkeys((row.kind, row.source) for row in rows if row.published is not None):
        if source:
            yield f"{kind.capitalize()}: {source}."
    if any(row.beyond_error for row in rows):
        yield _BEYOND


def _cells(row: Compared) -> list[str]:
    shown = [_text(row, value) for value in (row.predicted, row.published, row.measured, row.low, row.high)]
    predicted, published, measured, low, high = shown
    if row.published is not None and row.error:
        published = _with_error(row.published, row.error)
    if row.published is not None and row.kind != "published":
        published += f" ({row.kind})"
    spread = "" if row.low is None or row.high is None else f" [{low}, {high}]"
    mark = "*" if row.beyond_error else ""
    deviation = "" if row.deviation is None else signed(row.deviation) + mark
    return [row.setting, row.what, predicted, published, measured + spread, deviation, row.remark]


def signed(value: float) -> str:
    """A number with its sign; zero has none."""
    return ("+" if value > 0 else "") + number(value, "undefined")


def _text(row: Compared, value: float | str | None) -> str:
    """Rounded to the error's last digit where an error is stated, as many digits as asked for, or three."""
    if value is None or isinstance(value, str):
        return value or ""
    if not math.isfinite(value) or value == 0:
        return number(value, "undefined")
    if row.published is not None and row.error:
        return _scaled(value, row.error)
    if row.digits is not None:
        return _scaled(value, 10.0 ** (math.floor(math.log10(abs(value))) + 1 - row.digits))
    return number(value)


def _with_error(value: float, error: float) -> str:
    """Value ± error; a common power of ten stands behind brackets."""
    power = _power(value, error)
    text = f"{_scaled(value, error, power)} ± {_fixed(error / 10**power, error / 10**power)}"
    return f"({text.replace(_factor(power), '')}){_factor(power)}" if power else text


def _scaled(value: float, error: float, power: int | None = None) -> str:
    """A value to its error's last digit; small ones with a power of ten."""
    power = _power(value, error) if power is None else power
    text = _fixed(value / 10**power, error / 10**power)
    return text + _factor(power) if float(text.replace("−", "-").replace(",", "")) else text


def _power(value: float, error: float) -> int:
    """Of ten, beyond the sizes that `number` writes out."""
    size = max(abs(value), error)
    return 0 if 1e-3 <= size < 1e7 else math.floor(math.log10(size))


def _factor(power: int) -> str:
    return f"{10.0**power:.0e}"[1:].replace("-", "−") if power else ""


def _fixed(value: float, error: float) -> str:
    """As many decimals as an error of one or two digits has; no minus before zero."""
    decimals = max(0, -math.floor(math.log10(error)))
    if f"{error:.1e}"[2] != "0":
        decimals += error < 1 or decimals > 0
    text = f"{value:,.{decimals}f}"
    return (text if float(text.replace(",", "")) else text.lstrip("-")).replace("-", "−")
