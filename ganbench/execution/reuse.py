"""Which stored cohorts count for what is wanted, which may come back, and why the others do not."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ganbench import store
from ganbench.execution.key import Recipe
from ganbench.execution.provenance import changed_read
from ganbench.execution.records import records_digest
from ganbench.training.description import CohortDescription

_MOST_NAMED = 3


@dataclass(frozen=True)
class Wanted:
    """A cohort that a run is to have, and what its numbers are made of."""

    description: CohortDescription
    recipe: Recipe

    @property
    def cell(self) -> tuple[str, str]:
        """Its data set's label and its variant's."""
        return self.description.dataset.label, self.description.variant.label


@dataclass(frozen=True)
class StoredCohort:
    """A cohort's folder, its description there, and why it does not count, where it does not."""

    folder: Path
    described: Mapping[str, Any]
    reason: str = ""

    @property
    def cell(self) -> tuple[str, str]:
        """Its data set's label and its variant's."""
        return self.described["dataset"]["label"], self.described["variant"]["label"]

    @property
    def trials(self) -> int:
        """How many seeds it has."""
        return len(self.described["seeds"])


@dataclass
class Reuse:
    """What becomes of the cohorts in a run's folder."""

    restored: list[StoredCohort] = field(default_factory=list)
    set_aside: list[StoredCohort] = field(default_factory=list)
    seeds: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """A cohort's key to its seeds that are done."""

    @property
    def trials(self) -> int:
        """How many trials are done."""
        return sum(map(len, self.seeds.values()))

    def missing(self, key: str, seeds: Iterable[int]) -> tuple[int, ...]:
        """Which of the seeds are still to be trained."""
        return tuple(seed for seed in seeds if seed not in self.seeds[key])


def reusable(run: Path, wanted: Sequence[Wanted]) -> Reuse:
    """Compare what a run's folder holds with what is wanted there; changes nothing."""
    reuse, by_key = Reuse(), {each.recipe.key: each for each in wanted}
    present = [StoredCohort(folder, store.read_description(folder)) for folder in store.cohort_folders(run)]
    for cohort in sorted(present, key=lambda cohort: -cohort.trials):
        if reason := _why_not(run, cohort, by_key, reuse):
            reuse.set_aside.append(replace(cohort, reason=reason))
        else:
            reuse.seeds[cohort.described["key"]].update(cohort.described["seeds"])
    for cohort in _superseded(run):
        if not _why_not(run, cohort, by_key, reuse):
            reuse.restored.append(cohort)
            reuse.seeds[cohort.described["key"]].update(cohort.described["seeds"])
    return reuse


def apply_reuse(run: Path, reuse: Reuse) -> None:
    """Move what does not count out of the way, and what does back: nothing is removed."""
    for stored in reuse.set_aside:
        set_aside(run, stored.folder)
    for stored in reuse.restored:
        os.replace(stored.folder, run / store.COHORTS / stored.described["id"])


def set_aside(run: Path, cohort: Path) -> None:
    """Move a cohort to where it is kept and not reported."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%f")
    target = run / store.SUPERSEDED / f"{cohort.name}--{stamp}"
    target.parent.mkdir(exist_ok=True)
    os.replace(cohort, target)


def _superseded(run: Path) -> Iterator[StoredCohort]:
    """What was set aside, the newest first."""
    folders = (run / store.SUPERSEDED).glob("*")
    for folder in sorted(folders, key=lambda folder: folder.name.rpartition("--")[2], reverse=True):
        if (folder / store.OUTCOME_FILE).is_file():
            yield StoredCohort(folder, store.read_description(folder))


def _why_not(run: Path, cohort: StoredCohort, wanted: Mapping[str, Wanted], reuse: Reuse) -> str:
    """Why a stored cohort does not count; empty where it does."""
    folder, described, key = cohort.folder, cohort.described, cohort.described["key"]
    outcome = store.read_outcome(folder)
    if outcome["status"] != "finished":
        return "it failed"
    if key not in wanted:
        return _difference(cohort, wanted.values())
    if lacking := [n for n in (store.RECORDS_FILE, store.QUANTITIES_FILE) if not (folder / n).is_file()]:
        return f"it lacks {lacking[0]}"
    if outcome.get("records") != records_digest((folder / store.RECORDS_FILE).read_bytes()):
        return f"its {store.RECORDS_FILE} is damaged"
    seeds = set(described["seeds"])
    if others := sorted(seeds - set(wanted[key].description.seeds)):
        return f"it has seeds that are not wanted, as {others[0]}"
    if twice := sorted(seeds & reuse.seeds[key]):
        return f"the seed {twice[0]} is there twice"
    changed = changed_read(described.get("made_of", {}).get("read", {}), run)
    return f"the data file {changed} has changed" if changed else ""


def _difference(cohort: StoredCohort, wanted: Iterable[Wanted]) -> str:
    """What part of the key is another than wanted."""
    now = next((each.recipe for each in wanted if each.cell == cohort.cell), None)
    if now is None:
        return "the suite does not name it"
    made_of = cohort.described.get("made_of")
    if made_of is None:
        return "it was made by an earlier ganbench"
    parts = [
        *(f"another {part}" for part in _changed_parts(now.description, cohort.described)),
        *(f"the code of {name}" for name in _changed(now.sources, made_of["sources"])),
        *(f"the data file {name}" for name in _changed(now.data, made_of["data"])),
        *(f"{name} {made_of['versions'].get(name)}, now {version}" for name, version in now.versions.items()
          if made_of["versions"].get(name) != version),
        *([f"trained on {made_of['device_type']}"] if made_of["device_type"] != now.device_type else []),
    ]  # fmt: skip
    more = f", and {len(parts) - _MOST_NAMED} more" if len(parts) > _MOST_NAMED else ""
    return f"changed: {', '.join(parts[:_MOST_NAMED])}{more}" if parts else "another key"


def _changed_parts(now: Mapping[str, Any], before: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The parts of a description that differ, by dotted names."""
    for name, value in now.items():
        if value == before.get(name) or (isinstance(value, tuple) and list(value) == before.get(name)):
            continue
        if isinstance(value, Mapping) and isinstance(before.get(name), Mapping):
            yield from _changed_parts(value, before[name], f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def _changed(now: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """The names whose digests differ, those of users' files first."""
    names = [name for name in {**before, **now} if now.get(name) != before.get(name)]
    return sorted(names, key=lambda name: (name.startswith("ganbench."), name))
