"""What a variant or an update rule promises: it trains, repeats, and can be run over many seeds at once."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from ganbench import registry
from ganbench.contract.promise import CPU, PLACES, dataset_of, require
from ganbench.errors import GanbenchError
from ganbench.registry import Entry
from ganbench.training.description import Budget, Choice, CohortDescription, Engine
from ganbench.training.trainer import Trainer, make
from ganbench.variants.variant import Variant

ROUNDING = 1e-10
"""Relative difference that two ways of computing the same float64 numbers may show after two rounds."""
_ROUNDS = 2


def builds(entry: Entry) -> str | None:
    """It builds its game on vectors or on images, or else on a data set that it is made for."""
    places_of(entry)
    return "; ".join(f"not on {place}: {why}" for place, why in _refusals(entry).items()) or None


def trains(entry: Entry) -> None:
    """Two rounds of training give finite numbers, move every player, and leave global random numbers."""
    for place in places_of(entry):
        before = torch.get_rng_state()
        cohort = trained(entry, place)
        require(torch.equal(torch.get_rng_state(), before), entry, "it draws from torch's global generator")
        require(not any(cohort.diverged()), entry, f"its numbers are not finite after two rounds on {place}")
        for player, tree in cohort.state.params.items():
            first = untrained(entry, place).state.params[player]
            moved = not tree or any(not torch.equal(value, first[name]) for name, value in tree.items())
            require(moved, entry, f"two rounds on {place} do not move the {player}")


def counts_its_updates(entry: Entry) -> None:
    """A round makes the updates and shows the real examples that its rule says: what budgets count."""
    counts_as_declared(entry, _fresh(entry, places_of(entry)[0]))


def counts_as_declared(entry: Entry, cohort: Trainer) -> None:
    """Refuse a rule that says one thing and does another in a cohort's next round."""
    rule, state = cohort.variant.update, cohort.state
    updates, real_batches = dict(state.updates), state.real_batches
    cohort.field.advance()
    for player, declared in rule.updates.items():
        made = state.updates[player] - updates[player]
        text = f"its update rule says {declared} updates of the {player} a round and makes {made}"
        require(made == declared, entry, text)
    declared, shown = sum(rule.real_batches.values()), state.real_batches - real_batches
    reads_data = any(set(reads.names) - set(cohort.game.inputs) for reads in cohort.program.reads.values())
    text = f"its update rule says {declared} batches of real examples a round and shows {shown}"
    require(shown == declared or not reads_data, entry, text)


def repeats(entry: Entry) -> None:
    """A seed's numbers repeat in every bit, whichever seeds are beside it."""
    place = places_of(entry)[0]
    one, two = _numbers(trained(entry, place)), _numbers(trained(entry, place, (2, 1)))
    for name, value in one.items():
        same = torch.equal(value[2], two[name][0]) and torch.equal(value[1], two[name][1])
        require(same, entry, f"a second training gave other numbers in {name}; does a layer draw or count?")


def vectorizes(entry: Entry) -> str | None:
    """All seeds at once, traced into one program, give the numbers of one seed after another."""
    place = places_of(entry)[0]
    at_once = trained(entry, place, at_once=True)
    expected = _numbers(trained(entry, place))
    for name, value in _numbers(at_once).items():
        scale = expected[name].double().abs().max().clamp(min=1e-3)
        apart = float((value.double() - expected[name].double()).abs().max() / scale)
        require(apart <= ROUNDING, entry, f"seeds at once and one by one differ by {apart:.1e} in {name}")
    return at_once.execution["reason"]


def _choice(entry: Entry, place: str) -> Choice:
    """The variant to train, small: the entry itself, or the non-saturating GAN under an update rule."""
    of_rule = entry.kind == "update"
    variant = registry.get("variant", "nsgan") if of_rule else entry
    wanted = {"network": PLACES.get(place, PLACES["ring8"]), "latent_dim": 4, "batch_size": 8}
    options = {name: value for name, value in wanted.items() if name in variant.options}
    return Choice(variant.name, variant.name, options | ({"update": entry.name} if of_rule else {}))


def _variant(entry: Entry, place: str) -> Variant:
    variant: Variant = make("variant", _choice(entry, place))
    return variant


@functools.cache
def places_of(entry: Entry) -> tuple[str, ...]:
    """The data sets on which a variant builds: the usual places, or else the first that it is made for."""
    refusals = _refusals(entry)
    usual = tuple(place for place in PLACES if place not in refusals)
    others = (name for name in registry.names("dataset") if name not in PLACES)
    found = usual or tuple(name for name in others if _refusal(entry, name) is None)[:1]
    why = "; ".join(refusals.values())
    require(found, entry, f"it builds nowhere, neither on vectors nor on images nor elsewhere: {why}")
    return found


@functools.cache
def _refusals(entry: Entry) -> dict[str, str]:
    """Why a variant does not build on some of the usual places."""
    return {place: why for place in PLACES if (why := _refusal(entry, place)) is not None}


def _refusal(entry: Entry, place: str) -> str | None:
    """Why a variant does not build on a data set; None where it does."""
    try:
        dataset = dataset_of(place)
        dataset.require()
        _variant(entry, place).build(dataset.info.spec)
    except GanbenchError as error:
        return str(error)
    return None


class _OneByOne(Trainer):
    """Runs seed after seed and traces nothing: what every faster way must agree with."""

    mode = "plain"


@functools.cache
def trained(entry: Entry, place: str, seeds: tuple[int, ...] = (0, 1, 2), at_once: bool = False) -> Trainer:
    """A small cohort after two rounds; kept."""
    kind = Trainer if at_once else _OneByOne
    cohort = kind(_description(entry, place, seeds), CPU)
    for _ in cohort.train():
        pass
    return cohort


@functools.cache
def untrained(entry: Entry, place: str) -> Trainer:
    """The same before training; kept."""
    return _fresh(entry, place)


def _fresh(entry: Entry, place: str) -> Trainer:
    return _OneByOne(_description(entry, place, (0, 1, 2)), CPU)


def _description(entry: Entry, place: str, seeds: tuple[int, ...]) -> CohortDescription:
    steps = _variant(entry, place).update.steps
    return CohortDescription(
        dataset=Choice(place, place),
        variant=_choice(entry, place),
        seeds=seeds,
        budget=Budget("steps", _ROUNDS * steps),
        measure=(1.0,),
        diagnostics=(),
        engine=Engine(precision="float64", compile="off", vectorize="on"),
    )


def _numbers(cohort: Trainer) -> dict[str, Tensor]:
    state = cohort.state
    parts = {"parameters": state.params, "buffers": state.buffers, "average": state.averages}
    return {
        f"the {player}'s {part}, {name}": value
        for part, trees in parts.items()
        for player, tree in trees.items()
        for name, value in tree.items()
    }
