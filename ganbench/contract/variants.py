"""What a variant or an update rule promises: it trains, repeats, and can be run over many seeds at once."""

from __future__ import annotations

import torch

from ganbench.contract.cohorts import fresh, numbers_of, places_of, refusals_of, trained, untrained
from ganbench.contract.promise import require
from ganbench.registry import Entry
from ganbench.training.trainer import Trainer

ROUNDING = 1e-10
"""Relative difference that two ways of computing the same float64 numbers may show after two rounds."""


def builds(entry: Entry) -> str | None:
    """It builds its game on vectors or on images, or else on a data set that it is made for."""
    places_of(entry)
    return "; ".join(f"not on {place}: {why}" for place, why in refusals_of(entry).items()) or None


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
    counts_as_declared(entry, fresh(entry, places_of(entry)[0]))


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
    one, two = numbers_of(trained(entry, place)), numbers_of(trained(entry, place, (2, 1)))
    for name, value in one.items():
        same = torch.equal(value[2], two[name][0]) and torch.equal(value[1], two[name][1])
        require(same, entry, f"a second training gave other numbers in {name}; does a layer draw or count?")


def vectorizes(entry: Entry) -> str | None:
    """All seeds at once, traced into one program, give the numbers of one seed after another."""
    place = places_of(entry)[0]
    at_once = trained(entry, place, at_once=True)
    expected = numbers_of(trained(entry, place))
    for name, value in numbers_of(at_once).items():
        scale = expected[name].double().abs().max().clamp(min=1e-3)
        apart = float((value.double() - expected[name].double()).abs().max() / scale)
        require(apart <= ROUNDING, entry, f"seeds at once and one by one differ by {apart:.1e} in {name}")
    return at_once.execution["reason"]
