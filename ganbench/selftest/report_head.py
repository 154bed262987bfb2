"""What a reader of the selftest must know at once."""

from __future__ import annotations

from collections.abc import Iterator

from ganbench.analysis.numbers import listed
from ganbench.report.comparison.sheet import Head
from ganbench.report.comparison.words import Point
from ganbench.selftest.effect_sizes import LARGE
from ganbench.selftest.power import CAUGHT
from ganbench.selftest.rate_interval import clopper_pearson
from ganbench.selftest.reading import Line, Results

ALLOWED_ALARMS, WANTED_SHARE = 0.05, 0.9
"""What the gate is held to."""
_NOTHING_TRAINED = "Made-up numbers and the golden trace only: nothing was trained."


def head(results: Results) -> Head:
    """The page's top: whether the gate keeps what is asked of it, and the numbers that say so."""
    sizes = results.about["options"]["sizes"]
    return Head(
        title="The benchmark, benchmarked",
        what="selftest",
        outcome=", ".join(_outcome(results)),
        style="better" if _held(results) else "worse",
        sentence=(
            f"Asked of the gate: red in at most {ALLOWED_ALARMS:.0%} of the comparisons in which nothing has "
            f"changed; and an exit code that shows it in at least {CAUGHT:.0%} of the comparisons for "
            f"{WANTED_SHARE:.0%} of the defects that worsen a primary quantity by {LARGE:g} standard "
            "deviations or more."
        ),
        remarks=[_how_sure(results)] if results.large else [] if results.defects else [_NOTHING_TRAINED],
        facts=[
            ("seeds", f"{sizes['baseline']} baseline, {sizes['new']} new"),
            ("defects", str(len(results.defects or ()))),
            ("sources", str(results.about["sources"])),
            ("processor", str(results.about["environment"].get("cpu", ""))),
        ],
        points=list(_points(results)),
    )


def share_caught(results: Results) -> float | None:
    """The share of large defects that the gate alone catches; None where there are none."""
    large = results.large
    return sum(line.caught for line in large) / len(large) if large else None


def alarm_rate(results: Results) -> float:
    """The share of false alarms among splits of the pool; without a pool among made-up numbers."""
    measured = results.false_alarms or results.synthetic["false_alarms"][0]
    return float(measured["rate"]["rate"])


def _outcome(results: Results) -> Iterator[str]:
    large = results.large
    if large:
        yield f"{sum(line.caught for line in large)} of {len(large)} large defects caught"
    yield f"{alarm_rate(results):.1%} false alarms"


def _how_sure(results: Results) -> str:
    """What so few defects say of others."""
    large = results.large
    caught = sum(line.caught for line in large)
    low, high = clopper_pearson(caught / len(large), len(large))
    stopped = [line.name for line in large if line.caught and line.stops]
    how = f" ({listed(stopped)} by a stop, not by a red)" if stopped else ""
    return (
        f"{caught} of {len(large)}{how}: of defects drawn at random {low:.0%} to {high:.0%} (95 % interval)."
    )


def _held(results: Results) -> bool:
    caught = share_caught(results)
    return alarm_rate(results) <= ALLOWED_ALARMS and (caught is None or caught >= WANTED_SHARE)


def _points(results: Results) -> Iterator[Point]:
    lines = results.defects or ()
    missed = [_said(line) for line in lines if line.missed]
    unseen = [_said(line) for line in lines if not line.caught and not line.elsewhere]
    better = [f"{line.name}: {line.title}" for line in lines if "unexplained better" in line.elsewhere]
    if lines:
        style = "worse" if missed else "same"
        yield Point("Large defects that the gate misses", style, missed or ["none"])
    if unseen:
        yield Point("Seen by nothing", "unsure", unseen)
    if better:
        yield Point("Called better: a reader would have to ask why", "changed", better)
    if results.behind_margins:
        yield Point(f"Cells that see no break of {LARGE:g} standard deviations", "unsure", [_behind(results)])
    deviations = results.golden["deviations"]
    yield Point("Golden trace", "worse" if deviations else "same", deviations[:5] or ["no number deviates"])


def _behind(results: Results) -> str:
    return (
        f"{listed(results.behind_margins)}: the quantity's declared margin is more than that. The suite's "
        "short training leaves them far from the data, and alike from seed to seed; smaller breaks of those "
        "variants must show on another data set."
    )


def _said(line: Line) -> str:
    why = f": {line.explanation}" if line.explanation else ""
    return f"{line.name} ({line.title}; the gate shows it in {line.seen:.0%}){why}"
