"""What `list`, `show`, `plan` and `status` print, as text; nothing here imports torch by itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganbench import registry, store
from ganbench.registry import Kind, Option

if TYPE_CHECKING:
    from ganbench.execution.reuse import StoredCohort
    from ganbench.execution.runner import Plan


def list_page(kind: Kind) -> str:
    """Every known name of a kind with its summary."""
    found = registry.summaries(kind)
    width = max(map(len, found), default=0)
    return "\n".join(f"{name:<{width}}  {summary}" for name, summary in found.items())


def show_page(kind: Kind, name: str) -> str:
    """One plug-in's documentation, its options with types, defaults and meanings, and its file."""
    entry = registry.get(kind, name)
    options = [option for option in entry.options.values() if option.name != "dataset"]
    parts = [
        f"{kind} {name}",
        entry.documentation,
        *([_options(options)] if options else []),
        "\n".join(map(str, entry.factory())) if kind == "claim" else "",
        str(entry.file),
    ]
    return "\n\n".join(part for part in parts if part)


def plan_row(dataset: str, variant: str, budget: str, seeds: object, rounds: object, estimate: str) -> str:
    """One line of the table that `plan` prints; its heading too."""
    return f"{dataset:<18} {variant:<28} {budget:>17} {seeds:>5} {rounds:>8} {estimate:>9}"


def reuse_lines(plan: Plan) -> Iterator[str]:
    """What a plan finds elsewhere, brings back and sets aside, and why."""
    if plan.elsewhere is not None:
        folder, trials = plan.elsewhere
        yield f"{folder} holds {trials} of them: --out {folder} goes on there"
    for title, cohorts in (("brought back", plan.reuse.restored), ("set aside", plan.reuse.set_aside)):
        for line in _grouped(cohorts):
            yield f"{title}: {line}"


def _grouped(cohorts: Iterable[StoredCohort]) -> Iterator[str]:
    """Cohorts by cell and reason, with how many trials each has."""
    trials: Counter[tuple[str, str]] = Counter()
    for cohort in cohorts:
        trials[" · ".join(cohort.cell), cohort.reason] += cohort.trials
    for (cell, reason), number in trials.items():
        yield f"{cell}, {number} trial{'' if number == 1 else 's'}{reason and f'; {reason}'}"


def status_page(run: Path) -> str:
    """How far a run has come: what ended and how, and what is still to come."""
    described = store.read_run(run)
    suite = described["suite"]
    lines = [f"{described['name']} (key {described['key']}), begun {described['created']}"]
    ended: Counter[tuple[str, str]] = Counter()
    outcomes: Counter[str] = Counter()
    for folder in store.cohort_folders(run):
        cohort, outcome = store.read_description(folder), store.read_outcome(folder)
        pair = cohort["dataset"]["label"], cohort["variant"]["label"]
        words = Counter(seed["outcome"] for seed in outcome["seeds"].values())
        ended[pair] += len(outcome["seeds"])
        outcomes += words
        lines.append(f"  {pair[0]} · {pair[1]}: {_counts(words)}{_why(outcome, folder)}")
    seeds = {v["label"]: _seeds(suite, v["label"]) for v in suite["variants"]}
    pairs = ((d, v["label"]) for d in suite["datasets"] for v in suite["variants"])
    wanted = [(d["label"], variant) for d, variant in pairs if _is_for(suite, variant, d)]
    for pair in wanted:
        missing = seeds[pair[1]] - ended[pair]
        if missing > 0:
            lines.append(f"  {pair[0]} · {pair[1]}: {missing} to come")
    total = sum(seeds[variant] for _, variant in wanted)
    tail = f": {_counts(outcomes)}" if outcomes else ""
    return "\n".join([*lines, f"{sum(outcomes.values())} of {total} trials have ended{tail}"])


def _seeds(suite: Mapping[str, Any], variant: str) -> int:
    """How many seeds a variant has: its own, else the suite's."""
    return len(suite.get("overrides", {}).get(variant, {}).get("seeds") or suite["seeds"])


def _is_for(suite: Mapping[str, Any], variant: str, dataset: Mapping[str, Any]) -> bool:
    """Whether a variant is to be trained on a data set."""
    on = suite.get("overrides", {}).get(variant, {}).get("on")
    return on is None or dataset["label"] in on or dataset["name"] in on


def _counts(words: Counter[str]) -> str:
    return ", ".join(f"{number} {word}" for word, number in sorted(words.items()))


def _why(outcome: Mapping[str, Any], folder: Path) -> str:
    if outcome["reason"]:
        trace = f" (traceback: {folder / store.OUTCOME_FILE})" if outcome.get("traceback") else ""
        return f"; {outcome['reason']}{trace}"
    steps = [f"seed {seed} at step {o['step']}" for seed, o in outcome["seeds"].items() if "step" in o]
    return f"; {', '.join(steps)}" if steps else ""


def _options(options: list[Option]) -> str:
    return "\n".join(["options", *(line for option in options for line in _option(option))])


def _option(option: Option) -> Iterator[str]:
    from ganbench.suite.wording import describe

    yield f"  {option.name}" + (" (required)" if option.required else f" = {json.dumps(option.default)}")
    type_ = describe(option.type) if option.names is None else _names_of(option.names, option.words)
    yield "      " + "; ".join(part for part in (option.text, type_) if part)


def _names_of(kind: Kind, others: tuple[str, ...]) -> str:
    """What an option may name, in words."""
    return (
        f"{', '.join([*others, *registry.names(kind)])}; with options as `ganbench show {kind} NAME` has them"
    )
