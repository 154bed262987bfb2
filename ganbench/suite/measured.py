"""Which diagnostics apply to which data set, and whether they hold its primary quantity."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ganbench import registry
from ganbench.datasets import Dataset, Primary
from ganbench.diagnostics.diagnostic import NotApplicable, build, by_default
from ganbench.errors import GanbenchError
from ganbench.suite.labels import Placed, choose
from ganbench.suite.located import Mapping, Mistakes, Pair, Place
from ganbench.suite.settings import options_of, settings
from ganbench.training.description import Choice


@dataclass(frozen=True)
class _Tried:
    """A diagnostic on a data set: the names of its quantities, or why it does not apply."""

    quantities: tuple[str, ...] = ()
    refusal: str | None = None


def default_diagnostics(place: Place, mistakes: Mistakes) -> list[Placed]:
    """Every registered diagnostic that needs no option, but those that must be named."""
    found = []
    for name in registry.names("diagnostic"):
        if by_default(name) and not any(
            option.required for option in options_of("diagnostic", name).values()
        ):
            found += settings("diagnostic", Pair(name, place, Mapping(place, ())), mistakes)
    return choose(found, mistakes)


def applicable(
    chosen: Sequence[Placed],
    named: bool,
    datasets: dict[str, Dataset],
    places: dict[str, Place],
    mistakes: Mistakes,
) -> dict[str, tuple[str, ...]]:
    """Data set's label to the labels of the diagnostics that apply; notes what is missing.

    `named`: the user chose them, so each must apply to at least one data set.
    """
    refusals: dict[str, list[str]] = {}
    result = {}
    for label, dataset in datasets.items():
        tried = {
            item.choice.label: _try(item.choice, dataset, item.place if named else places[label], mistakes)
            for item in chosen
        }
        for name, outcome in tried.items():
            if outcome.refusal is not None:
                refusals.setdefault(name, []).append(f"{label}: {outcome.refusal}")
        result[label] = tuple(name for name, outcome in tried.items() if outcome.refusal is None)
        _check_distinct(chosen, tried, mistakes)
        _check_primary(label, dataset, tried, places[label], mistakes)
    if named:
        _check_useful(chosen, refusals, len(datasets), mistakes)
    return result


def _try(choice: Choice, dataset: Dataset, place: Place, mistakes: Mistakes) -> _Tried:
    try:
        made = build(choice.name, dataset, choice.options)
        return _Tried(tuple(quantity.name for quantity in made.quantities))
    except NotApplicable as error:
        return _Tried(refusal=str(error) or "does not apply")
    except GanbenchError as error:
        mistakes.add(place, f"diagnostic {choice.label!r}: {error}")
    except Exception as error:  # a factory may fail in any way on values its types allow
        text = f"diagnostic {choice.label!r} cannot be made: {type(error).__name__}: {error}"
        mistakes.add(place, f"{text}; change its options")
    return _Tried(refusal="cannot be made")


def _check_distinct(chosen: Sequence[Placed], tried: dict[str, _Tried], mistakes: Mistakes) -> None:
    """Two diagnostics must not write numbers under one name."""
    owner: dict[str, str] = {}
    for item in chosen:
        for quantity in tried[item.choice.label].quantities:
            first = owner.setdefault(quantity, item.choice.label)
            if first != item.choice.label:
                text = f"{item.choice.label!r} and {first!r} both measure {quantity!r}; keep one of them"
                mistakes.add(item.place, text)


def _check_primary(
    label: str, dataset: Dataset, tried: dict[str, _Tried], place: Place, mistakes: Mistakes
) -> None:
    primary = dataset.info.primary
    if any(primary.quantity in outcome.quantities for outcome in tried.values()):
        return
    if any(outcome.refusal == "cannot be made" for outcome in tried.values()):
        return
    text = f"data set {label!r} is ranked by {primary.quantity!r}, which no chosen diagnostic measures"
    mistakes.add(place, f"{text}; add {_as_written(primary)} to diagnostics")


def _as_written(primary: Primary) -> str:
    """The diagnostic of a primary quantity as a suite lists it."""
    if not primary.options:
        return repr(primary.diagnostic)
    options = ", ".join(f"{name}: {json.dumps(value)}" for name, value in primary.options.items())
    return f"{{{primary.diagnostic}: {{{options}}}}}"


def _check_useful(
    chosen: Sequence[Placed], refusals: dict[str, list[str]], datasets: int, mistakes: Mistakes
) -> None:
    for item in chosen:
        reasons = refusals.get(item.choice.label, [])
        if datasets and len(reasons) == datasets and not any("cannot be made" in r for r in reasons):
            text = f"diagnostic {item.choice.label!r} applies to no data set here ({'; '.join(reasons)})"
            mistakes.add(item.place, f"{text}; remove it")
