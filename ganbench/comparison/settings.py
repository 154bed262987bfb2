"""Under what a cohort was trained: conditions that must agree, and circumstances that are noted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ganbench.analysis.cohorts import Budget, Part

MIXED = "not the same throughout: "
"""How a text begins that stands for several values within one cell."""
HARDWARE = ("processor", "threads", "device")
"""The circumstances that timings need in common."""
OPTION = "option "
DATA_HASH = "data hash"
"""The condition that tells data apart which are told to be the same; older results do not state it."""

_Parts = Sequence[tuple[Part, Mapping[str, Any]]]


def conditions_of(parts: _Parts, card: Mapping[str, Any], budget: Budget) -> dict[str, str]:
    """What must agree to compare a cell, in words; what nobody measured is left out."""
    found = _joined(_conditions(part, environment) for part, environment in parts)
    splits = {f"data split {name}": str(size) for name, size in (card.get("split_sizes") or {}).items()}
    held_out = {DATA_HASH: str(card["hash"])} if card.get("hash") else {}
    return {**found, **splits, **held_out, "budget": str(budget)}


def circumstances_of(parts: _Parts) -> dict[str, str]:
    """What is noted where it differs, in words: machine, versions, commits, the variant's options."""
    return _joined(_circumstances(part, environment) for part, environment in parts)


def mixed(texts: Iterable[str]) -> str:
    """The one text, or a text that says that there are several."""
    found = sorted(set(texts))
    return found[0] if len(found) == 1 else MIXED + " and ".join(found)


def _joined(found: Iterable[Mapping[str, str]]) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for each in found:
        for name, text in each.items():
            values.setdefault(name, []).append(text)
    return {name: mixed(values[name]) for name in sorted(values)}


def _conditions(part: Part, environment: Mapping[str, Any]) -> dict[str, str]:
    execution = part.outcome.get("execution") or {}
    dataset = part.description["dataset"]
    device = execution.get("device") or environment.get("device_type")
    found = {"data": str(dataset.get("name"))}
    found |= dict(flat(dataset.get("options") or {}, "data option "))
    if device:
        found["device type"] = str(device).split(":", maxsplit=1)[0]
    if execution.get("precision"):  # the effective one; a cohort that failed has none
        found["precision"] = str(execution["precision"])
    return found


def _circumstances(part: Part, environment: Mapping[str, Any]) -> dict[str, str]:
    execution = part.outcome.get("execution") or {}
    variant = part.description["variant"]
    found = {
        "processor": environment.get("cpu"),
        "device": environment.get("device"),
        "threads": execution.get("threads"),
        "python": environment.get("python"),
        **(environment.get("packages") or {}),
        "ganbench": environment.get("ganbench"),
        "ganbench's commit": _commit(environment.get("git")),
        "working folder's commit": _commit(environment.get("git_of_working_folder")),
        "execution": execution.get("mode"),
        "variant": variant.get("name"),
    }
    sources = part.description.get("made_of", {}).get("sources", {})
    for name, digest in sources.items():
        if not name.startswith("ganbench."):
            found[f"included file {name}"] = str(digest)[:8]
    said = {name: str(value) for name, value in found.items() if value is not None}
    return said | dict(flat(variant.get("options") or {}, OPTION))


def _commit(git: Mapping[str, Any] | None) -> str | None:
    if not git or not git.get("commit"):
        return None
    return f"{str(git['commit'])[:12]}{' with changes' if git.get('dirty') else ''}"


def flat(options: Mapping[str, Any], before: str) -> Iterator[tuple[str, str]]:
    """Options of options under dotted names, each value as JSON."""
    for name, value in sorted(options.items()):
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{before}{name}.")
        else:
            yield before + str(name), json.dumps(value, sort_keys=True, default=str)


def protocol_text(protocol: Mapping[str, Any]) -> str:
    """A protocol as sorted JSON without blanks: equal protocols have equal texts."""
    return json.dumps(protocol, sort_keys=True, separators=(",", ":"))


def parsed_protocol(text: str) -> dict[str, Any]:
    """A protocol's members; of values of several protocols only that they are mixed."""
    return {"mixed": text} if text.startswith(MIXED) else json.loads(text)
