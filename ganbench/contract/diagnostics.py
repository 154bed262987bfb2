"""What a diagnostic promises: the declared numbers, and a training that does not notice."""

from __future__ import annotations

import json
from typing import Any

import torch

from ganbench import registry
from ganbench.contract.promise import PLACES, dataset_of, require, same_bits
from ganbench.contract.variants import trained
from ganbench.diagnostics.diagnostic import Diagnostic, NotApplicable
from ganbench.errors import MissingData
from ganbench.registry import Entry


def measures(entry: Entry) -> str | None:
    """Just the declared quantities come back, one number a seed, the same when asked again."""
    for place, diagnostic in _applicable(entry):
        cohort = trained(registry.get("variant", "nsgan"), place)
        values, again = (diagnostic.measure(cohort.snapshot(0, False)) for _ in range(2))
        declared = {quantity.name: quantity for quantity in diagnostic.quantities}
        odd = set(values) ^ set(declared)
        require(not odd, entry, f"declared and measured quantities differ: {', '.join(sorted(odd))}")
        for name, value in values.items():
            require(
                value.shape == (3,), entry, f"{name} has shape {tuple(value.shape)}, not one value a seed"
            )
            json.dumps(declared[name].as_json())
            same = torch.equal(value.nan_to_num(7e7), again[name].nan_to_num(7e7))
            require(same or _of_training(diagnostic), entry, f"{name} is another number when asked again")
    measured = {place for place, _ in _applicable(entry)}
    return "; ".join(f"not on {place}" for place in PLACES if place not in measured) or None


def leaves_training_alone(entry: Entry) -> None:
    """Measuring changes no number of the training and no global random number."""
    for place, diagnostic in _applicable(entry):
        cohort = trained(registry.get("variant", "nsgan"), place)
        before, random_state = cohort.checkpoint(), torch.get_rng_state()
        diagnostic.measure(cohort.snapshot(0, False))
        same = same_bits(before, cohort.checkpoint()) and torch.equal(random_state, torch.get_rng_state())
        require(same, entry, f"measuring on {place} changed the state of training or of random numbers")


def _applicable(entry: Entry) -> list[tuple[str, Diagnostic]]:
    """Where it has something to say: the usual places, or else the first data set that it is made for."""
    usual = [found for place in PLACES for found in _at(entry, place)]
    others = (name for name in registry.names("dataset") if name not in PLACES)
    found = usual or next(filter(None, (_at(entry, place) for place in others)), [])
    require(found, entry, "it has nothing to say on vectors, on images, nor on any other data set")
    return found


def _at(entry: Entry, place: str) -> list[tuple[str, Diagnostic]]:
    """The diagnostic on a data set by name; nothing where it does not apply, or files are missing."""
    try:
        dataset = dataset_of(place)
        dataset.require()
        return [(place, entry.factory(dataset, **_small(entry)))]
    except (NotApplicable, MissingData):
        return []


def _small(entry: Entry) -> dict[str, Any]:
    """Few updates on few samples for a diagnostic that trains something itself."""
    cheap = {"steps": 3, "samples": 128} if "steps" in entry.options else {}
    return {name: value for name, value in cheap.items() if name in entry.options}


def _of_training(diagnostic: Diagnostic) -> bool:
    return bool(getattr(diagnostic, "describes_training", False))
