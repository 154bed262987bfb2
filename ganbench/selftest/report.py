"""The selftest's report: one self-contained page, drawn from the folder's numbers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganbench.analysis.numbers import listed
from ganbench.report.comparison.sheet import Chapter, write_sheet
from ganbench.report.page import Part
from ganbench.report.style import styled
from ganbench.selftest.effect_sizes import LARGE
from ganbench.selftest.golden import TOLERANCE
from ganbench.selftest.power import CAUGHT
from ganbench.selftest.reading import Line, Results, read_results
from ganbench.selftest.report_figures import alarms, curve, matrix
from ganbench.selftest.report_head import head
from ganbench.selftest.report_tables import (
    alarms_table,
    matrix_table,
    patches_table,
    seeds_table,
    settings_table,
    survivors_table,
)

_MOST_DEVIATIONS = 20
WORDS = (
    (
        "Large",
        f"worse, in the median of some touched cell's primary quantity, by {LARGE:g} standard deviations of "
        "the null seeds or more. Many seeds on either side measure it; no test is involved.",
        "same",
    ),
    (
        "Caught",
        f"in at least {CAUGHT:.0%} of the resamples the gate's exit code shows it: a regression in a cell "
        "that the defect touches, or a stop, as results are incomplete or, where other data were drawn than "
        "the baseline's, not comparable.",
        "same",
    ),
    (
        "Determinism",
        "two processes train the same seeds and must agree in every bit; one more seed beside them may "
        "change their rounding only.",
        "same",
    ),
    (
        "Suspects, better",
        "in at least half of the resamples a quantity that decides nothing looks worse in a touched cell; a "
        "touched cell is called better. Neither changes the exit code.",
        "same",
    ),
    (
        "Golden trace",
        "a short training in double precision deviates from the numbers that are kept. It was extended for "
        "two of these defects, which it had missed: noise-by-place and budget-off-by-one.",
        "same",
    ),
    ("Contract", "what `ganbench check` asks of plug-ins, asked of a touched variant and data set.", "same"),
)


def write_selftest_report(folder: Path) -> Path:
    """Write report.html, figures/ and tables/ beside the numbers; returns the page's path, without torch."""
    results = read_results(folder)
    with styled():
        chapters = [
            _alarms(results),
            *([_power(results, results.defects)] if results.defects else []),
            *([_seeds(results.seeds)] if results.seeds else []),
            _golden(results.golden),
            Chapter("Methods", "methods", "", [Part("", "settings", [settings_table(results)])], WORDS),
        ]
    return write_sheet(folder / "report.html", head(results), chapters)


def _alarms(results: Results) -> Chapter:
    rows = [*([results.false_alarms] if results.false_alarms else []), *results.synthetic["false_alarms"]]
    text = (
        "Both sides come from one source, so every red is a false alarm. Splits of the trained pool share "
        "their seeds; the interval over pools allows for that by a jackknife over seeds. Made-up numbers are "
        "drawn afresh for every gate."
    )
    words = [*_alike(results.false_alarms or {}), *_behind(results)]
    parts = [Part("", "alarms", [alarms(rows), alarms_table(rows), *words])]
    return Chapter("False alarms", "false-alarms", text, parts)


def _alike(measured: Mapping[str, Any]) -> list[str]:
    """How far a seed's luck is the same on all data sets, which the made-up worlds assume or exclude."""
    if not measured.get("alike"):
        return []
    said = ", ".join(f"{variant} {value:+.2f}" for variant, value in measured["alike"].items())
    return [f"Rank correlation over the pool's seeds between a variant's results on two data sets: {said}."]


def _behind(results: Results) -> list[str]:
    """Which cells cannot be red by a break that is large elsewhere."""
    if not results.behind_margins:
        return []
    return [
        f"In {listed(results.behind_margins)} the declared margin is more than {LARGE:g} standard "
        "deviations. They are hardly ever red by chance, which holds down the rate of the trained pool; "
        "independent made-up numbers, without any margin, show what the tests alone do."
    ]


def _power(results: Results, lines: Sequence[Line]) -> Chapter:
    seeds = results.about["options"]["defect_seeds"]
    text = (
        f"{len(lines)} defects, each one line in a copy of the package. What a defect touches was trained "
        f"again with {seeds} seeds; baselines and untouched cells are null seeds."
    )
    parts = [
        Part("What saw which defect", "matrix", [matrix(lines), matrix_table(lines)]),
        Part("Power over the size of a defect", "curve", [curve(results.synthetic["curve"], lines)]),
        Part("Survivors", "survivors", [survivors_table(lines)]),
        Part("The lines that were changed", "patches", [patches_table(lines)], folded=True),
    ]
    return Chapter("Power", "power", text, parts)


def _seeds(rows: Sequence[Mapping[str, Any]]) -> Chapter:
    text = "Whether as many seeds as `ganbench power` asks for do see the effect."
    return Chapter("Seeds needed", "seeds", text, [Part("", "seeds-needed", [seeds_table(rows)])])


def _golden(golden: Mapping[str, Any]) -> Chapter:
    deviations = golden["deviations"]
    text = (
        f"{golden['numbers']} numbers of a short training in double precision are kept with the sources and "
        f"compared, to a relative {TOLERANCE:g}: {', '.join(golden['cohorts'])}. "
        f"{len(deviations) or 'None'} deviate{'' if len(deviations) > 1 else 's'}."
    )
    return Chapter("Golden trace", "golden", text, [Part("", "trace", deviations[:_MOST_DEVIATIONS])])
