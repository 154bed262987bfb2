"""Numbers and names as people read them."""

from __future__ import annotations

import math

from ganbench.quantities import Quantity

DIVERGED = "diverged"


def number(value: float, nothing: str = DIVERGED) -> str:
    """Three significant digits; whole numbers whole; `nothing` for NaN."""
    if math.isnan(value):
        return nothing
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    value, size = value + 0.0, abs(value)  # a negative zero is a zero
    if (value == round(value) and size < 1e7) or 1e3 <= size < 1e7:
        text = f"{value:,.0f}"
    elif 1e-3 <= size < 1e3:
        text = f"{value:#.3g}".removesuffix(".")
    else:
        text = f"{value:.2e}"
    return text.replace("-", "−")


def compact(value: float) -> str:
    """A count for an axis or a narrow column: 950, 12.5k, 1.2M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def interval(lower: float, upper: float, coverage: float, nothing: str = DIVERGED) -> str:
    """An interval in brackets; a dash where one value or none gives no interval."""
    return f"[{number(lower, nothing)}, {number(upper, nothing)}]" if coverage > 0 else "–"


def percent(share: float) -> str:
    """A probability to two decimals, rounded down, so that no coverage is overstated."""
    return f"{math.floor(share * 1e4 + 1e-9) / 100:g} %"


def seconds(value: float) -> str:
    """A duration with its unit."""
    if math.isnan(value):
        return "–"
    if value < 120:
        return f"{number(value)} s"
    return f"{value / 60:.1f} min" if value < 7200 else f"{value / 3600:.1f} h"


def better(quantity: Quantity) -> str:
    """Which way is better, in words; empty for a descriptive quantity."""
    if quantity.direction == "target":
        return f"closer to {number(quantity.target or 0.0)} is better"
    return {"lower": "lower is better", "higher": "higher is better"}.get(quantity.direction, "")


def arrow(quantity: Quantity) -> str:
    """Which way is better, as a sign; empty for a descriptive quantity."""
    return {"lower": "↓", "higher": "↑", "target": "→" + number(quantity.target or 0.0)}.get(
        quantity.direction, ""
    )


def titled(quantity: Quantity) -> str:
    """A quantity's title with its unit, where the title does not say it."""
    said = quantity.unit in ("", "1") or quantity.unit.lower() in quantity.title.lower()
    return quantity.title if said else f"{quantity.title} ({quantity.unit})"


def listed(names: list[str]) -> str:
    """Names as an English list."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1] if names else ""


def shortened(text: str, width: int) -> str:
    """A text of at most `width` characters; its end, where labels differ, is kept."""
    head = (width - 1) // 2
    return text if len(text) <= width else text[:head] + "…" + text[len(text) - (width - 1 - head) :]
