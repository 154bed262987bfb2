"""Small cohorts that the checks train: the one file of the contract that knows how training is done."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ganbench import registry
from ganbench.contract.promise import CPU, PLACES, dataset_of, require
from ganbench.errors import GanbenchError
from ganbench.registry import Entry
from ganbench.training.description import Budget, Choice, CohortDescription, Engine
from ganbench.training.trainer import Trainer, make
from ganbench.variants.variant import Stage

ROUNDS = 2
SEEDS = (0, 1, 2)
_SAMPLES, _WIDTH = 4, 8


def choice_of(entry: Entry, place: str) -> Choice:
    """The variant to train, small: the entry itself, or a non-saturating GAN with that update or network.

    A network with an option `width` is narrow, unless the data or the network itself refuse that.
    """
    variant = entry if entry.kind == "variant" else registry.get("variant", "nsgan")
    wanted = {"network": PLACES.get(place, PLACES["ring8"]), "latent_dim": 4, "batch_size": 8}
    options = {name: value for name, value in wanted.items() if name in variant.options}
    if entry.kind == "network" and "width" in entry.options:
        narrow = {**options, "network": {entry.name: {"width": _WIDTH}}}
        choice = Choice(variant.name, variant.name, narrow)
        if _refusal(choice, place) is None:
            return choice
    return Choice(
        variant.name, variant.name, options | ({} if variant is entry else {entry.kind: entry.name})
    )


@functools.cache
def places_of(entry: Entry) -> tuple[str, ...]:
    """The data sets on which a variant builds: the usual places, or else the first that it is made for."""
    found = places_at_hand(entry)
    why = "; ".join(refusals_of(entry).values())
    require(found, entry, f"it builds nowhere, neither on vectors nor on images nor elsewhere: {why}")
    return found


@functools.cache
def places_at_hand(entry: Entry) -> tuple[str, ...]:
    """The same, empty where it builds on none whose files are there."""
    usual = tuple(place for place in PLACES if place not in refusals_of(entry))
    others = (name for name in datasets_without_settings() if name not in PLACES)
    return usual or tuple(name for name in others if _refusal(choice_of(entry, name), name) is None)[:1]


def datasets_without_settings() -> list[str]:
    """The data sets that need no option, such as a path, to be there."""
    names = registry.names("dataset")
    return [
        name
        for name in names
        if not any(option.required for option in registry.get("dataset", name).options.values())
    ]


@functools.cache
def refusals_of(entry: Entry) -> dict[str, str]:
    """Why a variant does not build on some of the usual places."""
    refusals = {place: _refusal(choice_of(entry, place), place) for place in PLACES}
    return {place: why for place, why in refusals.items() if why is not None}


def _refusal(choice: Choice, place: str) -> str | None:
    """Why a variant does not build on a data set; None where it does."""
    try:
        dataset = dataset_of(place)
        dataset.require()
        with torch.random.fork_rng(devices=[]):
            for stage in make("variant", choice).stages:
                stage.variant.build(dataset.info.spec)
    except GanbenchError as error:
        return str(error)
    return None


class _OneByOne(Trainer):
    """Runs seed after seed and traces nothing: what every faster way must agree with."""

    mode = "plain"


@functools.cache
def trained(entry: Entry, place: str, seeds: tuple[int, ...] = SEEDS, at_once: bool = False) -> Trainer:
    """A small cohort after two rounds of each stage; kept."""
    kind = Trainer if at_once else _OneByOne
    return _to_the_end(kind(description_of(choice_of(entry, place), place, seeds), CPU))


@functools.cache
def untrained(entry: Entry, place: str) -> Trainer:
    """The same before training; kept."""
    return fresh(entry, place)


def fresh(entry: Entry, place: str) -> Trainer:
    """The same before training, for the caller alone."""
    return _OneByOne(description_of(choice_of(entry, place), place, SEEDS), CPU)


def trained_with(choice: Choice, place: str, seeds: tuple[int, ...], rounds: int) -> Trainer:
    """A cohort of any choice after some rounds of each stage, seed after seed."""
    return _to_the_end(_OneByOne(description_of(choice, place, seeds, rounds), CPU))


def _to_the_end(cohort: Trainer) -> Trainer:
    for _ in cohort.train():
        pass
    return cohort


def description_of(
    choice: Choice, place: str, seeds: tuple[int, ...], rounds: int = ROUNDS
) -> CohortDescription:
    """A variant on a data set for some rounds of each stage, in float64."""
    return CohortDescription(
        dataset=Choice(place, place),
        variant=choice,
        seeds=seeds,
        budget=Budget("steps", steps_of(make("variant", choice).stages, rounds)),
        measure=(1.0,),
        diagnostics=(),
        engine=Engine(precision="float64", compile="off", vectorize="on"),
    )


def steps_of(stages: Sequence[Stage], rounds: int) -> int:
    """A budget in steps that lets every stage make so many rounds."""
    total = sum(stage.share for stage in stages)
    return max(math.ceil(rounds * stage.variant.update.steps * total / stage.share) for stage in stages)


def trial_of(description: CohortDescription) -> Trainer:
    """The first seed of a cohort after one round of each stage, untraced, on the CPU."""
    stages = make("variant", description.variant).stages
    engine = replace(description.engine, compile="off")
    budget = Budget("steps", steps_of(stages, 1))
    return _to_the_end(
        _OneByOne(
            replace(description, seeds=description.seeds[:1], measure=(1.0,), budget=budget, engine=engine),
            CPU,
        )
    )


def structure_of(cohort: Trainer) -> str:
    """All of a game that decides what a diagnostic meets: players, inputs, and how its logits are read."""
    variant, state = cohort.variant, cohort.state
    shapes = {p: {n: tuple(v.shape) for n, v in tree.items()} for p, tree in state.params.items()}
    undeclared = (variant.divergence is None, variant.convergence is None)
    reading = (variant.threshold, variant.probability, undeclared, sorted(variant.averages))
    return repr((shapes, sorted(cohort.game.inputs), reading))


def numbers_of(cohort: Trainer) -> dict[str, Tensor]:
    """All that training has moved, by names in words."""
    state = cohort.state
    parts = {"parameters": state.params, "buffers": state.buffers, "average": state.averages}
    numbers = {
        f"the {player}'s {part}, {name}": value
        for part, trees in parts.items()
        for player, tree in trees.items()
        for name, value in tree.items()
    }
    return numbers | {f"the game's memory {name}": value for name, value in state.memories.items()}


def outcome_of(cohort: Trainer) -> dict[str, Any]:
    """All that an option can change: what budgets count, what training has moved, samples and logits."""
    snapshot, state, variant = cohort.snapshot(0, False), cohort.state, cohort.variant
    counts: Mapping[str, Any] = {
        "updates": dict(state.updates),
        "examples": (variant.batch_size, state.examples, state.real_batches),
    }
    samples = snapshot.samples(_SAMPLES)
    return {**counts, "samples": samples, "logits": snapshot.discriminator(samples), **numbers_of(cohort)}
