"""Published numbers of the one-dimensional least-squares game."""

from __future__ import annotations

from typing import Any

from ganbench.published.published import Published

SOURCE = "Pulford & Kondrashov 2021, IEEE Access, case A, their code and stored results"
CASE_A: dict[str, Any] = {
    "a": 2.2,
    "b": -3.0,
    "g": 1.5,
    "h": -2.0,
    "rate": 0.5,
    "step_size": 0.4,
    "free": ("b", "h"),
}
"""The start, the data's rate, the step and the parameters that move."""
UPDATES = 249
"""250 points of the trajectory."""

ON_THE_WAY = tuple(
    Published(name, {**CASE_A, "expectation": "exact", "update": update}, value, 5e-6, SOURCE)
    for update, b, h in (
        (10, -2.73552, -1.62378),
        (25, -2.46182, -0.69044),
        (50, -2.23784, 1.42291),
        (100, 0.59774, 1.43334),
    )
    for name, value in (("b", b), ("h", h))
)
"""The exact game's trajectory; the error is half of the last printed digit, none is stated."""

EXACT_END = tuple(
    Published(name, {**CASE_A, "expectation": "exact", "update": UPDATES}, value, error, SOURCE)
    for name, value, error in (("b", 1.60288, 0.00004), ("h", 1.43334, 0.00030))
)
"""Where the exact game ends."""

SAMPLED_END = tuple(
    Published(name, {**CASE_A, "expectation": "1,000 points", "update": UPDATES}, value, error, SOURCE)
    for name, value, error in (("b", 1.60233, 0.02617), ("h", 1.42632, 0.06121))
)
"""Mean over 100 sampled runs of 1,000 points; `error` is their published ±, a standard deviation."""
SAMPLED_RUNS = 100
