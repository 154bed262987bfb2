"""The page: one self-contained HTML file made of sections, tables and figures."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup, escape

import ganbench
from ganbench.analysis.cohorts import Budget
from ganbench.analysis.names import short_names
from ganbench.analysis.numbers import listed
from ganbench.analysis.ranking import budgets
from ganbench.analysis.run import Run
from ganbench.report.methods import METHODS
from ganbench.report.style import Figure, Look
from ganbench.report.tables import Table, outcomes_table, protocols_table, variants_table
from ganbench.store import encoded

_FEW = 3
"""Fewer seeds than these tell nothing apart."""
_NOT_TRAINED = (
    "Nothing was trained here: samples that were made elsewhere were measured. There is no budget, no "
    "learning curve and no time; a “seed” is the number of a set of samples, and a “variant” the name of "
    "where they are from. How they were trained, and for how long, is not known."
)
_OF_TRAINING = ("Divergence", "Seeds and budget")
"""The methods that an evaluation has no use for."""


@dataclass(frozen=True)
class Part:
    """A titled piece of a data set's section: tables, figures and sentences in reading order."""

    title: str
    anchor: str
    items: Sequence[Table | Figure | str]
    folded: bool = False
    """Shown when a reader opens it, and left out of the contents."""


@dataclass(frozen=True)
class Section:
    """All that the page says about one data set."""

    label: str
    anchor: str
    about: str
    words: Sequence[str]
    """What to read first, one paragraph per budget; none where there is nothing to rank."""
    parts: Sequence[Part]

    @property
    def figures(self) -> list[Figure]:
        """The section's figures."""
        return [item for part in self.parts for item in part.items if isinstance(item, Figure)]

    @property
    def tables(self) -> list[Table]:
        """The section's tables."""
        return [item for part in self.parts for item in part.items if isinstance(item, Table)]


def page(run: Run, sections: Sequence[Section], looks: Mapping[str, Look]) -> bytes:
    """The whole page, with its pictures and style inside."""
    return rendered(
        "page.html",
        css=["page.css"],
        name=str(run.about.get("name", run.path.name)),
        facts=facts(run),
        warnings=_warnings(run),
        sections=sections,
        looks=looks,
        outcomes=outcomes_table(run),
        tracebacks=_tracebacks(run),
        methods=_methods(run),
        protocols=protocols_table(run),
        variants=variants_table(run),
        environment=environment_table(run),
    )


def rendered(template: str, css: Sequence[str], **values: Any) -> bytes:
    """A page from a template of this folder, with the style sheets inside it."""
    room = files("ganbench.report")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("ganbench.report", ""), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= {"data_uri": _data_uri, "breakable": _breakable}
    style = Markup("\n".join((room / name).read_text(encoding="utf-8") for name in css))
    text = environment.get_template(template).render(css=style, version=ganbench.__version__, **values)
    return encoded(text)


def facts(run: Run) -> list[tuple[str, str]]:
    """What the page's head says of the run; what is not known is left out."""
    environment = _flat(run.about.get("environment") or {})
    seeds = sorted({len(c.seeds) for c in run.cohorts})
    executions = [p.outcome.get("execution") or {} for c in run.cohorts for p in c.parts]
    precisions = {str(e["precision"]) for e in executions if e.get("precision")}
    recorded = run.about.get("environment") or {}
    checkout = recorded.get("git") or recorded.get("git_of_working_folder") or {}
    commit, dirty = checkout.get("commit"), checkout.get("dirty")
    found = {
        "run": str(run.about.get("created", ""))[:16].replace("T", " "),
        "budget": _budgets(run),
        "seeds": "–".join(dict.fromkeys(str(n) for n in (seeds[0], seeds[-1]))) if seeds else "",
        "cohorts": _cohorts(run),
        "device": _named(environment, "device") or _named(environment, "cpu") or "",
        "precision": listed(sorted(precisions)),
        "versions": ", ".join(
            f"{n} {v}" for n in ("ganbench", "torch", "python") if (v := _named(environment, n))
        ),
        "git commit": f"{commit[:12]}{', with uncommitted changes' if dirty else ''}" if commit else "",
        "key": str(run.about.get("key", "")),
    }
    return [(fact, value) for fact, value in found.items() if value.strip()]


def _cohorts(run: Run) -> str:
    """How many there are, where not every variant is trained on every data set."""
    variants, datasets = len(run.variants), len(run.dataset_labels)
    number = "" if len(run.cohorts) == variants * datasets else f"{len(run.cohorts)} of "
    return f"{number}{_counted(variants, 'variant')} × {_counted(datasets, 'data set')}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _budgets(run: Run) -> str:
    """The budget of a seed; of several, largest first, how many variants had each."""
    variants: dict[Budget, set[str]] = {}
    for cohort in run.cohorts:
        variants.setdefault(cohort.budget, set()).add(cohort.variant)
    if len(variants) < 2:
        return "".join(
            f"{b} a seed" if b.trains else f"none: nothing was trained, {b} of each" for b in variants
        )
    ordered = sorted(variants, key=lambda budget: (budget.unit, -budget.amount))
    counts = [f"{b} ({_counted(len(variants[b]), 'variant')})" for b in ordered]
    mixed = any(run.ranked(label) and len(budgets(run, label)) > 1 for label in run.dataset_labels)
    return f"{listed(counts)} a seed{'; ranked apart' if mixed else ''}"


def environment_table(run: Run) -> Table:
    """Everything recorded about the machine and the software."""
    rows = list(_flat(run.about.get("environment") or {}).items())
    data = pd.DataFrame(rows, columns=["name", "value"])
    return Table(
        "environment", "Recorded when the run began", ["name", "value"], rows, data, left=frozenset({0, 1})
    )


def _methods(run: Run) -> list[tuple[str, str]]:
    """How to read the page; without the words on rankings where there are none."""
    ranked = not run.dataset_labels or any(map(run.ranked, run.dataset_labels))
    kept = METHODS if ranked else [each for each in METHODS if each[0] not in ("Ranking", "Ranks")]
    return [(title, text) for title, text in kept if run.trained or title not in _OF_TRAINING]


def _warnings(run: Run) -> list[str]:
    """What a reader must know before anything else."""
    found = [] if run.trained else [_NOT_TRAINED]
    found += map(str, run.about.get("notes", ()))
    failed = sum(bool(c.failures) for c in run.cohorts)
    if failed:
        found.append(f"{failed} of {len(run.cohorts)} cohorts did not finish; see Outcomes.")
    ranked = [c for c in run.cohorts if run.ranked(c.dataset)]
    few = list(dict.fromkeys(c.variant for c in ranked if len(c.seeds) < _FEW))
    if few:
        names = short_names(sorted({c.variant for c in ranked}))
        whose = f" ({listed([names[variant] for variant in few])})" if len(few) < len(names) else ""
        found.append(
            f"Fewer than three seeds{whose}: too few to tell variants apart. Read the numbers as examples."
        )
    return found


def _tracebacks(run: Run) -> list[tuple[str, str]]:
    return [
        (
            f"{c.variant} on {c.dataset}, seeds {', '.join(map(str, p.seeds))}: {p.status}",
            str(p.outcome["traceback"]),
        )
        for c in run.cohorts
        for p in c.failures
        if p.outcome.get("traceback")
    ]


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested values under dotted names."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = str(value)
    return found


def _named(environment: Mapping[str, str], name: str) -> str | None:
    """The value whose dotted name ends in `name`."""
    ends = (
        value for key, value in environment.items() if key == name or key.endswith((f".{name}", f"_{name}"))
    )
    return next((value for value in ends if value not in ("", "None")), None)


def _breakable(text: str) -> Markup:
    """A label that may go on in a new line before its options and between them."""
    return Markup(re.sub(r",(?!\d{3}\b)", ",<wbr>", str(escape(text)).replace("[", "<wbr>[")))


def _data_uri(figure: Figure) -> str:
    kind, data = figure.embedded
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
