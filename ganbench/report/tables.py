"""The report's tables: cells for Markdown and the page, full precision for CSV."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ganbench.analysis.cohorts import Budget, Cohort
from ganbench.analysis.numbers import arrow, compact, interval, listed, number, percent, seconds, titled
from ganbench.analysis.ranking import BestSetting, best_settings, budgets, unranked
from ganbench.analysis.run import Run
from ganbench.analysis.statistics import Summary
from ganbench.analysis.summaries import final_summaries, measured, reference_value
from ganbench.analysis.text import coverage_text, rank_text, undefined_word
from ganbench.quantities import fingerprint
from ganbench.report.style import file_stem
from ganbench.store import encoded, file_name

_OF_RESULTS = 6
"""The columns of a ranking that do not speak of training."""
_MOST_RIVALS = 3
"""More settings than these are counted, not named."""


@dataclass(frozen=True)
class Table:
    """A table: the stem of its files, a header, rows of text, notes below, and its numbers."""

    name: str
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    data: pd.DataFrame
    notes: Sequence[str] = ()
    left: frozenset[int] = field(default=frozenset({0}))
    """The columns that hold words, and so start at the left."""
    widths: Sequence[str] = ()

    def markdown(self) -> bytes:
        """The table with its caption and notes."""
        marks = [":--" if i in self.left else "--:" for i in range(len(self.header))]
        rows = [self.header, marks, *self.rows]
        lines = ["| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in rows]
        notes = [line for note in self.notes for line in ("", note)]
        return encoded("\n".join([f"**{self.caption}**", "", *lines, *notes, ""]))

    def csv(self) -> bytes:
        """The numbers, unrounded."""
        return encoded(self.data.to_csv(index=False, lineterminator="\n"))


def ranking_table(run: Run, dataset: str, budget: Budget, table: pd.DataFrame, name: str) -> Table:
    """The ranking with its doubt and each variant's cost."""
    primary = run.primary(dataset)
    header = [
        *("rank", "variant", "seeds", f"median {arrow(primary)}".rstrip(), coverage_text(table)),
        *("interquartile mean", "diverged", "time per seed", "examples/s", "parameters G + D"),
    ]
    rows = [_ranking_row(row) for row in table.itertuples()]
    when, kept = ("at the final checkpoint, ", len(header)) if budget.trains else ("", _OF_RESULTS)
    return Table(
        name=file_stem(name, "ranking"),
        caption=f"{dataset}: {titled(primary)} {when}{budget.after}",
        header=header[:kept],
        rows=[row[:kept] for row in rows],
        data=table.assign(dataset=dataset, quantity=primary.name, budget=str(budget)),
        notes=_ranking_notes(run, dataset, budget, table),
        left=frozenset({0, 1}),
    )


def best_settings_table(run: Run, dataset: str, table: pd.DataFrame, name: str) -> Table | None:
    """The best setting of each method that was run in several; None where no method was."""
    found = best_settings(run, dataset, table)
    if not found:
        return None
    primary = run.primary(dataset)
    return Table(
        name=file_stem(name, "best-settings"),
        caption=f"{dataset}: the best setting of each method by the median {titled(primary)}",
        header=[
            *("method", "settings", "best setting", f"median {arrow(primary)}".rstrip(), "interval"),
            "not told apart from",
        ],
        rows=[_best_row(best) for best in found],
        data=pd.DataFrame([{**vars(best), "rivals": "; ".join(best.rivals)} for best in found]),
        notes=["Not told apart: the method's other settings whose intervals allow them the first rank, too."],
        left=frozenset({0, 2, 5}),
    )


def _best_row(best: BestSetting) -> list[str]:
    word = undefined_word(best.diverged)
    rivals = best.rivals if len(best.rivals) <= _MOST_RIVALS else (f"{len(best.rivals)} of them",)
    return [
        *(best.method, str(best.settings), best.variant, number(best.median, word)),
        interval(best.lower, best.upper, best.coverage, word),
        "; ".join(rivals) or "–",
    ]


def _ranking_row(row: object) -> list[str]:
    get = lambda name: getattr(row, name)  # noqa: E731
    word = undefined_word(get("diverged"))
    sizes = [get(f"parameters_{player}") for player in ("generator", "discriminator")]
    return [
        rank_text(get("first_rank"), get("last_rank")),
        get("variant"),
        _seeds(get("seeds"), get("planned_seeds")),
        number(get("median"), word),
        interval(get("lower"), get("upper"), get("coverage"), word),
        number(get("interquartile_mean"), word),
        str(get("diverged")) if get("diverged") else "–",
        seconds(get("training_seconds_per_seed")),
        compact(get("images_per_second")) if get("images_per_second") > 0 else "–",
        " + ".join(compact(size) for size in sizes) if all(size > 0 for size in sizes) else "–",
    ]


def _seeds(count: int, planned: int) -> str:
    return str(count) if count == planned else f"{count} of {planned}"


def _ranking_notes(run: Run, dataset: str, budget: Budget, table: pd.DataFrame) -> list[str]:
    primary = run.primary(dataset)
    coverages = [percent(c) for c in sorted(set(table["coverage"])) if c > 0]
    notes = []
    if coverages:
        notes.append(
            f"Brackets: an interval that holds the true median with probability at least "
            f"{' or '.join(coverages)}. "
            "Rank: every rank that the intervals allow; rows are ordered by the median alone."
        )
    if (table["coverage"] == 0).any():
        notes.append("A single seed gives no interval, and so allows every rank.")
    if primary.smallest_difference is not None:
        unit = " (as a ratio minus one)" if primary.scale == "log" else ""
        notes.append(f"A difference below {primary.smallest_difference:g}{unit} does not matter.")
    reference = reference_value(run, dataset, primary.name)
    if reference is not None:
        notes.append(f"Real data get {number(reference)}; how many are in the protocol.")
    notes += [f"Not ranked: {u.variant} ({u.reason})." for u in unranked(run, dataset, budget)]
    notes.append(f"Fingerprint of protocol and data: {_fingerprint(run, dataset, primary.name)}.")
    return notes


def quantities_table(run: Run, dataset: str, order: Sequence[str]) -> Table | None:
    """Every quantity at the final checkpoint: median and interval per variant, the real sampler's beside."""
    found = final_summaries(run, dataset)
    variants = [v for v in order if any(v == present for present, _ in found)]
    names = measured(run, dataset)
    if not variants or not names:
        return None
    words = {c.variant: undefined_word(len(c.seeds_that("diverged"))) for c in run.cohorts_of(dataset)}
    references = {name: reference_value(run, dataset, name) for name in names}
    real = any(value is not None for value in references.values())
    rows = [
        [
            f"{titled(run.quantity(name, dataset))} {arrow(run.quantity(name, dataset))}".rstrip(),
            *(["–" if references[name] is None else number(references[name] or 0.0)] if real else []),
            *(_cell(found.get((v, name)), words[v]) for v in variants),
            _fingerprint(run, dataset, name),
        ]
        for name in names
    ]
    when = "at the final checkpoint, " if run.trained else ""
    after = listed([budget.after for budget in budgets(run, dataset)])
    return Table(
        name=file_stem(file_name(dataset), "quantities"),
        caption=f"{dataset}: all quantities {when}{after}, median and interval over seeds",
        header=["quantity", *(["real sampler"] if real else []), *variants, "fingerprint"],
        rows=rows,
        data=_summaries_frame(found, references, names, variants),
        notes=[
            "↑ higher is better, ↓ lower is better, →x closer to x is better. Where there is no such arrow "
            "up or "
            "down, seeds without a value are left out. Only values under one fingerprint, of protocol and "
            "data, may be compared."
        ],
    )


def _fingerprint(run: Run, dataset: str, name: str) -> str:
    return fingerprint(run.quantity(name, dataset).protocol, run.datasets[dataset].get("hash", ""))


def _cell(summary: Summary | None, word: str) -> str:
    """A median with its interval; `word` stands for what is not a number."""
    if summary is None:
        return "–"
    if not summary.count or (np.isnan(summary.lower) and np.isnan(summary.upper)):
        return word
    shown = number(summary.median, word)
    if summary.lower == summary.upper or not summary.coverage:
        return shown
    return f"{shown} {interval(summary.lower, summary.upper, summary.coverage, word)}"


def _summaries_frame(
    found: dict[tuple[str, str], Summary],
    references: dict[str, float | None],
    names: list[str],
    variants: list[str],
) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"quantity": name, "variant": v, **vars(found[v, name]), "real_sampler": references[name]}
            for name in names
            for v in variants
            if (v, name) in found
        ]
    )


def outcomes_table(run: Run) -> Table:
    """What became of every cohort."""
    cohorts = [c for dataset in run.dataset_labels for c in run.cohorts_of(dataset)]
    rows = [
        [c.dataset, c.variant, str(c.budget), str(len(c.seeds)), _became(c), _computed(c)] for c in cohorts
    ]
    data = pd.DataFrame(
        [
            {"dataset": c.dataset, "variant": c.variant, "budget": str(c.budget), **vars(s)}
            for c in cohorts
            for s in c.seeds
        ]
    )
    header = ["data set", "variant", "budget a seed", "seeds", "outcome", "computed as"]
    words = frozenset({0, 1, 2, 4, 5})
    return Table("outcomes", "What became of every cohort", header, rows, data, left=words)


def _became(cohort: Cohort) -> str:
    """One line: how many finished, who diverged when, what failed why."""
    parts = []
    finished = len(cohort.seeds_that("finished"))
    if finished:
        parts.append("all finished" if finished == len(cohort.seeds) else f"{finished} finished")
    for s in cohort.seeds_that("diverged"):
        when = f" at step {s.step:,}" if s.step is not None else ""
        parts.append(f"seed {s.seed} diverged{when}" + (f" ({s.player})" if s.player else ""))
    for part in cohort.failures:
        seeds = ", ".join(map(str, part.seeds))
        parts.append(f"{part.status} (seeds {seeds})" + (f": {part.reason}" if part.reason else ""))
    return "; ".join(parts)


def _computed(cohort: Cohort) -> str:
    """How the numbers were computed: vectorized or not, precision, processes."""
    found = [p.outcome["execution"] for p in cohort.parts if p.outcome.get("execution")]
    words = {", ".join(str(e[name]) for name in ("mode", "precision") if e.get(name)) for e in found}
    return (
        "; ".join(sorted(words)) + (f"; in {len(found)} processes" if len(found) > 1 else "")
        if found
        else "–"
    )


def variants_table(run: Run) -> Table:
    """Every variant's options, as they were resolved."""
    found = {c.variant: c.parts[0].description["variant"] for c in run.cohorts}
    rows = [
        [v, found[v]["name"], _in_words(found[v].get("options") or {})] for v in run.variants if v in found
    ]
    own = [(v, found[v]["label"], json.dumps(found[v].get("options"))) for v in run.variants if v in found]
    data = pd.DataFrame(own, columns=["variant", "label", "options"])
    header = ["variant", "method", "options"]
    return Table(
        "variants", "The variants and all their options", header, rows, data, left=frozenset(range(3))
    )


def protocols_table(run: Run) -> Table:
    """How every quantity was measured, one row per protocol."""
    rows = (
        run.records.drop_duplicates(["quantity", "protocol", "dataset"])
        if "protocol" in run.records
        else run.records.iloc[:0]
    )
    rows = rows.assign(
        title=[run.quantity(q, d).title for q, d in zip(rows["quantity"], rows["dataset"], strict=True)]
    )
    groups = rows.groupby(["quantity", "protocol", "title"], sort=False)["dataset"]
    found = [(str(q), str(p), ", ".join(dict.fromkeys(d)), str(t)) for (q, p, t), d in groups]
    declared = {name: i for i, name in enumerate(run.declared)}
    found.sort(key=lambda row: declared.get(row[0], len(declared)))
    cells = [[title, q, sets, _readable(p)] for q, p, sets, title in found]
    data = pd.DataFrame(found, columns=["quantity", "protocol", "datasets", "title"])
    header = ["quantity", "name in the records", "data sets", "protocol"]
    return Table(
        "protocols", "How every quantity was measured", header, cells, data, left=frozenset(range(4))
    )


def _readable(protocol: str) -> str:
    """A protocol's compact JSON as `key value, …`."""
    try:
        values = json.loads(protocol)
    except ValueError:
        return protocol
    return _in_words(values) if isinstance(values, dict) and values else "–"


def _in_words(values: Mapping[str, Any]) -> str:
    """Nested options on one line; long hashes cut."""
    return ", ".join(f"{name} {_in_word(value)}" for name, value in values.items())


def _in_word(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({_in_words(value)})"
    text = "none" if value is None else str(value)
    return text[:12] + "…" if len(text) >= 40 and " " not in text else text


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
