"""What a diagnostic promises: the declared numbers, and a training that does not notice."""

from __future__ import annotations

import io
import json
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch

from ganbench import registry
from ganbench.contract.cohorts import trained, untrained
from ganbench.contract.promise import PLACES, dataset_of, require, same_bits
from ganbench.diagnostics.diagnostic import Diagnostic, NotApplicable, build
from ganbench.errors import MissingData
from ganbench.registry import Entry
from ganbench.training.trainer import Trainer


def measures(entry: Entry) -> str | None:
    """Just the declared quantities come back, one number a seed, the same when asked again."""
    for place, diagnostic in _applicable(entry):
        snapshot = trained(registry.get("variant", "nsgan"), place).snapshot(0, False)
        values, again = (diagnostic.measure(snapshot) for _ in range(2))
        references = diagnostic.references(snapshot)
        require(references.keys() <= values.keys(), entry, "it has references of what it does not measure")
        numbers = all(isinstance(reference, float) for reference in references.values())
        require(numbers, entry, f"a reference is no number: {references}")
        declared = {quantity.name: quantity for quantity in diagnostic.quantities}
        odd = set(values) ^ set(declared)
        require(not odd, entry, f"declared and measured quantities differ: {', '.join(sorted(odd))}")
        for name, value in values.items():
            require(
                value.shape == (3,), entry, f"{name} has shape {tuple(value.shape)}, not one value a seed"
            )
            json.dumps(declared[name].as_json())
            same = torch.equal(value.nan_to_num(7e7), again[name].nan_to_num(7e7))
            repeated = same or diagnostic.describes_training
            require(repeated, entry, f"{name} is another number when asked again")
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


def resumes(entry: Entry) -> None:
    """Made anew from what it keeps, it goes on with the same numbers."""
    for place, diagnostic in _applicable(entry):
        variant = registry.get("variant", "nsgan")
        first, last = untrained(variant, place), trained(variant, place)
        _numbers(diagnostic, first, 0)
        (_, anew), *_ = _at(entry, place)
        anew.restore(_through_a_file(entry, diagnostic.state()))
        numbers, again = (_numbers(each, last, 1) for each in (diagnostic, anew))
        require(numbers.keys() == again.keys(), entry, f"after a restart it measures other things on {place}")
        for name, value in numbers.items():
            same = np.array_equal(value, again[name], equal_nan=True)
            require(same, entry, f"{name} is another number after a restart; what does state() leave out?")


def numbers_by_place(entry: Entry) -> dict[str, np.ndarray]:
    """All that it says of a small trained cohort, unless it times the training itself."""
    variant = registry.get("variant", "nsgan")
    return {
        f"{name} on {place}": value
        for place, diagnostic in _applicable(entry)
        if not diagnostic.describes_training
        for name, value in _numbers(diagnostic, trained(variant, place), 1).items()
    }


def _numbers(diagnostic: Diagnostic, cohort: Trainer, point: int) -> dict[str, np.ndarray]:
    """All that it says of a cohort at a moment: after a round, at a measuring point, and for the figures."""
    rounds = diagnostic.on_round(cohort.state)
    values = diagnostic.measure(cohort.snapshot(point, point > 0))
    named = {f"{name} by round": value for name, value in rounds.items()} | dict(values)
    return {name: value.double().cpu().numpy() for name, value in named.items()} | dict(diagnostic.arrays())


def _through_a_file(entry: Entry, state: dict[str, Any]) -> dict[str, Any]:
    """The state as a file gives it back: tensors, numbers and texts alone."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    try:
        restored: dict[str, Any] = torch.load(file, weights_only=True)
    except UnpicklingError as error:
        require(False, entry, f"state() holds more than tensors, numbers and texts: {error}")
    return restored


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
        return [(place, build(entry.name, dataset, _small(entry)))]
    except (NotApplicable, MissingData):
        return []


def _small(entry: Entry) -> dict[str, Any]:
    """Few updates on few samples for a diagnostic that trains something itself."""
    cheap = {"steps": 3, "samples": 128} if "steps" in entry.options else {}
    return {name: value for name, value in cheap.items() if name in entry.options}
