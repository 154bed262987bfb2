"""The selftest's tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from ganbench.analysis.numbers import listed
from ganbench.report.tables import Table
from ganbench.selftest.reading import Line, Results
from ganbench.selftest.report_figures import size_text


def matrix_table(lines: Sequence[Line]) -> Table:
    """Every defect with what it does and what saw it."""
    header = ["defect", "what is wrong", "worst on", "SD", "gate", "seen there as", "seen also by"]
    ordered = sorted(lines, key=lambda line: -line.size)
    rows = [
        [
            line.name,
            line.title,
            line.cell,
            size_text(line.size),
            f"{line.seen:.0%}",
            _by(line),
            ", ".join(line.elsewhere) or "–",
        ]
        for line in ordered
    ]
    notes = [
        "SD: difference of medians in standard deviations of the null seeds, on the quantity's scale. Gate: "
        "the share of resamples in which its exit code shows it; false alarms elsewhere do not count.",
        _quantities(lines),
        *_beyond(lines),
    ]
    data = pd.DataFrame([_flat(line) for line in ordered])
    left = frozenset({0, 1, 2, 5, 6})
    return Table("selftest-defects", "Planted defects", header, rows, data, notes, left)


def _quantities(lines: Sequence[Line]) -> str:
    """What is tested where."""
    found = {dataset: name for line in lines for dataset, name in line.quantities.items()}
    by_name = {
        name: [each for each in found if found[each] == name] for name in dict.fromkeys(found.values())
    }
    said = "; ".join(f"{name} on {listed(datasets)}" for name, datasets in by_name.items())
    return f"Seen there as: the cell whose primary quantity was red most often, {said}."


def _beyond(lines: Sequence[Line]) -> Iterator[str]:
    """What defects touch besides what was trained."""
    for beyond in dict.fromkeys(line.beyond for line in lines if line.beyond):
        names = [line.name for line in lines if line.beyond == beyond]
        yield f"Touched by {listed(names)} as well, and not trained again: {beyond}."


def patches_table(lines: Sequence[Line]) -> Table:
    """The one line that each defect changes."""
    header = ["defect", "file", "before", "after"]
    rows = [[line.name, line.file, line.before, line.after] for line in lines]
    data = pd.DataFrame(rows, columns=header)
    return Table("selftest-patches", "What each defect changes", header, rows, data, left=frozenset(range(4)))


def survivors_table(lines: Sequence[Line]) -> Table:
    """What the gate alone does not see reliably, and why."""
    header = ["defect", "SD", "margins", "gate", "seen by", "why"]
    left = [line for line in sorted(lines, key=lambda line: -line.size) if not line.caught]
    rows = [
        [
            line.name,
            size_text(line.size),
            size_text(line.margins),
            f"{line.seen:.0%}",
            ", ".join(line.elsewhere) or "nothing",
            line.explanation or "not explained yet",
        ]
        for line in left
    ]
    data = pd.DataFrame(rows, columns=header)
    notes = [
        "Margins: by how many times the smallest difference that matters the median of a touched cell gets "
        "worse, at most. Where seeds scatter widely, as nsgan's on ring8 do, that is chance in part: "
        "noise-by-place changes the distribution of no result."
    ]
    return Table(
        "selftest-survivors",
        "Defects that the gate lets pass",
        header,
        rows,
        data,
        notes,
        frozenset({0, 4, 5}),
    )


def alarms_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """False alarms with both intervals."""
    header = ["sides drawn from", "seeds", "gates", "red", "rate", "given these seeds", "over pools"]
    cells = [
        [
            row["title"],
            f"{row['baseline']} against {row['new']}",
            f"{row['rate']['gates']:,}",
            str(row["rate"]["red"]),
            f"{row['rate']['rate']:.2%}",
            _interval(row["rate"], "lower", "upper"),
            _interval(row["rate"], "lower_over_pools", "upper_over_pools"),
        ]
        for row in rows
    ]
    notes = [f"{row['title']}: {_counted(row['other'])}." for row in rows if row["other"]]
    data = pd.DataFrame([{"title": row["title"], **row["rate"]} for row in rows])
    return Table("selftest-false-alarms", "Red though nothing has changed", header, cells, data, notes)


def seeds_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Seeds asked for, and the power that so many have, by effect."""
    frame = pd.DataFrame(rows).explode(["needed", "reached"], ignore_index=True)
    header = ["effect", "asked", "answered", "new seeds", "range", "tried", "power", "range"]
    cells = [_effect_row(float(str(effect)), group) for effect, group in frame.groupby("effect")]
    notes = [
        "Asked: each cell, with random baselines of the pool, for the new seeds that see the effect with a "
        "power of 80 % in that data set alone; answered where the margin or a bound does not forbid it. "
        "Power: the share of random baselines and new seeds, these moved by the effect, that the gate calls "
        "worse; mean over the answers that the pool has seeds enough to try. One baseline's seeds show the "
        "spread, and with it the effect, only roughly: hence the range, of the middle four answers in five."
    ]
    return Table("selftest-seeds", "Seeds needed, checked", header, cells, frame, notes)


def _effect_row(effect: float, group: pd.DataFrame) -> list[str]:
    needed, reached = (group[name].dropna().astype(float) for name in ("needed", "reached"))
    counts, powers = (each.quantile([0.1, 0.5, 0.9]).tolist() for each in (needed, reached))
    return [
        f"{effect:g} SD",
        str(len(group)),
        str(len(needed)),
        *([f"{counts[1]:.0f}", f"{counts[0]:.0f} to {counts[2]:.0f}"] if len(needed) else ["–"] * 2),
        str(len(reached)),
        *([f"{reached.mean():.0%}", f"{powers[0]:.0%} to {powers[2]:.0%}"] if len(reached) else ["–"] * 2),
    ]


def settings_table(results: Results) -> Table:
    """How large the selftest was, and where it was made."""
    rows = [[name, str(value)] for name, value in _settings(results)]
    data = pd.DataFrame(rows, columns=["setting", "value"])
    return Table(
        "selftest-settings", "How it was made", ["setting", "value"], rows, data, left=frozenset({0, 1})
    )


def _settings(results: Results) -> Iterator[tuple[str, Any]]:
    for name, value in results.about["options"].items():
        if isinstance(value, Mapping):
            yield from value.items()
        elif value is not None:
            yield name, value
    environment = results.about["environment"]
    for name in ("ganbench", "python", "cpu", "cores", "platform"):
        yield name, environment.get(name)
    yield "torch", (environment.get("packages") or {}).get("torch")


def _by(line: Line) -> str:
    """What the gate said most often: a regression of what, or why it stopped."""
    said = {**line.by, **line.stops}
    if line.failed or not said:
        return "; ".join(line.failed)[:80] or "–"
    name, share = max(said.items(), key=lambda item: item[1])
    return f"{name} ({share:.0%})"


def _flat(line: Line) -> dict[str, Any]:
    names = ("name", "title", "file", "cell", "size", "harm", "margin", "margins", "red", "golden", "repeats")
    found = {
        name: getattr(line, name) for name in (*names, "independent_of_cohort_members", "large", "caught")
    }
    lists = {name: "; ".join(getattr(line, name)) for name in ("planned", "promises", "failed", "elsewhere")}
    shares = {name: _counted(getattr(line, name)) for name in ("by", "stops", "better", "suspects")}
    return found | lists | shares


def _interval(rate: Mapping[str, float], low: str, high: str) -> str:
    return f"[{rate[low]:.2%}, {rate[high]:.2%}]"


def _counted(items: Mapping[str, Any]) -> str:
    return "; ".join(f"{name} {value:g}" for name, value in items.items())
