"""The numbers of a golden trace: what a few rounds of training leave behind, cohort by cohort."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ganbench import registry
from ganbench.datasets import Split
from ganbench.diagnostics.diagnostic import build
from ganbench.game import Tree
from ganbench.selftest.restricted import restricted
from ganbench.suite.suite import Suite
from ganbench.training.description import Budget, Choice, CohortDescription, Engine
from ganbench.training.snapshot import Snapshot
from ganbench.training.trainer import Trainer

CPU = torch.device("cpu")
SAMPLES = 512
"""How many samples' and examples' mean and spread are taken."""
SPLITS: tuple[Split, ...] = ("train", "heldout")


def traced_cohorts(suite: Suite, rounds: Sequence[int], seeds: Sequence[int]) -> dict[str, Any]:
    """{cohort: {round: {name: [one number a seed]}}}: all variants on the first data set, one on the last."""
    with one_thread():
        return {
            f"{each.variant.label} on {each.dataset.label}": _trace(each, rounds)
            for each in traced(suite, seeds)
        }


def traced(suite: Suite, seeds: Sequence[int]) -> Iterator[CohortDescription]:
    """The cohorts that are traced, without their diagnostics, in double precision."""
    places = [choice.label for choice in suite.datasets]
    variants = [choice.label for choice in suite.variants]
    parts = [restricted(suite, None, places[:1], seeds)]
    if len(places) > 1:
        parts.append(restricted(suite, variants[:1], places[-1:], seeds))
    for part in parts:
        for description in part.cohorts():
            yield replace(description, engine=Engine(precision="float64", compile="off"))
    for part in parts[:1]:
        yield from map(_with_leaky_relu, part.cohorts()[:1])


def _with_leaky_relu(description: CohortDescription) -> CohortDescription:
    """The same cohort of perceptrons with the one activation that has a constant."""
    variant = description.variant
    network = {"name": "mlp", "options": {"activation": "leaky_relu"}}
    leaky = Choice(variant.name, f"{variant.label}[leaky_relu]", {**variant.options, "network": network})
    engine = Engine(precision="float64", compile="off")
    return replace(description, variant=leaky, engine=engine)


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread inside, as many as before after it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def trained_for(
    description: CohortDescription, rounds: Sequence[int]
) -> Iterator[tuple[int, Trainer, Snapshot]]:
    """A cohort after each of these rounds, ascending."""
    made: Any = registry.get("variant", description.variant.name).factory(**description.variant.options)
    updates, last = made.update.steps, max(rounds[-1], 1)
    budget, points = Budget("steps", last * updates), tuple(each / last for each in rounds)
    cohort = Trainer(replace(description, budget=budget, measure=points, diagnostics=()), CPU)
    for number, snapshot in zip(rounds, cohort.train(), strict=False):
        yield number, cohort, snapshot


def _trace(description: CohortDescription, rounds: Sequence[int]) -> dict[str, Any]:
    moments = {}
    for number, cohort, snapshot in trained_for(description, rounds):
        numbers = _numbers_of(cohort, snapshot) | (_real(snapshot) if number == rounds[0] else {})
        moments[str(number)] = {name: _plain(values) for name, values in numbers.items()}
    return moments


def _real(snapshot: Snapshot) -> dict[str, Tensor]:
    """What does not depend on training: the references, and examples of both splits in their order."""
    dataset = snapshot.dataset
    primary = dataset.info.primary
    diagnostic = build(primary.diagnostic, dataset, primary.options)
    numbers = {f"{name}, reference": value for name, value in diagnostic.references(snapshot).items()}
    for split in SPLITS:
        count = min(SAMPLES, dataset.info.split_sizes.get(split, SAMPLES))
        place = torch.linspace(0, 1, count, dtype=torch.float64)
        for field, examples in dataset.fields(split, count, CPU, torch.float64).items():
            values = examples.double().reshape(count, -1)
            numbers |= {
                f"{split} {field}, mean": float(values.mean()),
                f"{split} {field}, spread": float(values.std()),
                f"{split} {field}, order": float(place @ values.mean(1)),
            }
    seeds = torch.ones(len(snapshot.seeds), dtype=torch.float64)
    return {name: seeds * value for name, value in numbers.items()}


def _numbers_of(cohort: Trainer, snapshot: Snapshot) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for averaged, suffix in ((False, ""), (True, ", averaged")):
        for player, tree in snapshot.parameters(averaged).items():
            if not averaged or player in snapshot.variant.averages:
                found |= _norm_and_mean(f"{player}'s parameters{suffix}", tree)
    for player, (gradient, loss) in _field(cohort, snapshot).items():
        found |= {f"{player}'s loss": loss, **_norm_and_mean(f"{player}'s gradient", gradient)}
    samples = snapshot.samples().flatten(2)[:, :SAMPLES].double()
    found["updates counted"] = torch.full((len(samples),), float(cohort.state.steps))
    found |= {"samples' mean": samples.mean((1, 2)), "samples' spread": samples.std((1, 2))}
    return found | _primary(snapshot)


@torch.no_grad()
def _field(cohort: Trainer, snapshot: Snapshot) -> dict[str, tuple[Tree, Tensor]]:
    """Every player's gradient and loss on the measuring batch."""
    batch, state, found = snapshot.batch(), cohort.state, {}
    for player, reads in cohort.program.reads.items():
        read = {name: batch[name] for name in reads.names}
        made = cohort.program.gradient(player).function((state.params, state.buffers, read))
        found[player] = made.gradient, made.loss
    return found


def _norm_and_mean(what: str, tree: Tree) -> dict[str, Tensor]:
    flat = torch.cat([value.flatten(1) for value in tree.values()], 1).double()
    return {f"{what}, norm": flat.norm(dim=1), f"{what}, mean": flat.mean(1)}


def _primary(snapshot: Snapshot) -> dict[str, Tensor]:
    primary = snapshot.dataset.info.primary
    diagnostic = build(primary.diagnostic, snapshot.dataset, primary.options)
    return {primary.quantity: diagnostic.measure(snapshot)[primary.quantity]}


def _plain(values: Tensor) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.double().tolist()]
