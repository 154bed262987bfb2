"""What a backend promises: every cohort ends with a folder and is heard of, whatever becomes of one."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import torch

from ganbench import store
from ganbench.contract.promise import require
from ganbench.execution.backends import Backend
from ganbench.execution.cohort_run import CohortTask, Event
from ganbench.execution.runner import make_plan
from ganbench.registry import Entry
from ganbench.suite import load_suite
from ganbench.training.description import Budget

_SUITE = """
datasets: [ring8]
variants:
  - nsgan: {network: {mlp: {width: 4}}, batch_size: 8}
  - lsgan: {network: {mlp: {width: 4}}, batch_size: 8}
seeds: 1
budget: {steps: 2}
measure: 1
diagnostics: [modes]
engine: {compile: off}
"""


def runs_every_task(entry: Entry) -> None:
    """Every task ends once, with a folder of its own; one that fails is stored so and takes none with it."""
    backend: Backend = entry.factory()
    with tempfile.TemporaryDirectory() as folder:
        good, bad = _tasks(Path(folder))
        events: list[Event] = []
        backend.run((bad, good), 2, events.append)
        ends = Counter((each.identity, each.kind) for each in events if each.kind in ("finished", "failed"))
        wanted = Counter([(good.identity, "finished"), (bad.identity, "failed")])
        require(ends == wanted, entry, f"of a good task and a failing one it tells {dict(ends)}")
        outcomes = {each.name: store.read_outcome(each) for each in store.cohort_folders(Path(good.run))}
        stored = {name: outcome["status"] for name, outcome in outcomes.items()}
        expected = {good.identity: "finished", bad.identity: "failed"}
        require(stored == expected, entry, f"of a good task and a failing one it stores {stored}")
    backend.run((), 1, lambda event: require(False, entry, f"without any task it tells {event}"))


def _tasks(folder: Path) -> tuple[CohortTask, CohortTask]:
    """A task that ends well, and one whose budget is less than a round."""
    file = folder / "contract.yaml"
    file.write_text(_SUITE, encoding="utf-8")
    good, bad = make_plan(load_suite(file), folder / "run", torch.device("cpu"), workers=2).tasks
    return good, replace(bad, description=replace(bad.description, budget=Budget("steps", 0.5)))
