"""That every option of a variant matters: another value gives other numbers."""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ganbench.contract.cohorts import (
    ROUNDS,
    choice_of,
    datasets_without_settings,
    outcome_of,
    places_of,
    trained_with,
)
from ganbench.contract.promise import ContractFailure, definition_of, same_bits
from ganbench.contract.values import other_values
from ganbench.errors import GanbenchError
from ganbench.registry import Entry, Option
from ganbench.training.description import Choice

_MANY_ROUNDS = 24
"""Enough for a term that is lazy, or that warms up."""
_MANY_CHOICES = 12
_TRIED = 4
"""Values of an option at a base other than the usual one."""


def options_matter(entry: Entry) -> str | None:
    """Another value of each option changes what is trained, how much is, or what is sampled."""
    trials, own = _Trials(entry), inspect.signature(entry.factory).parameters
    failures, untried = [], []
    for option in entry.options.values():
        effect = trials.has_effect(option)
        if effect is None:
            untried.append(option.name)
        elif not effect:
            failures.append(_complaint(entry, option, trials.values[option.name]))
            if option.name not in own:  # the others come by the same **options
                break
    if failures:
        raise ContractFailure("\n".join(failures))
    return f"not tried: {', '.join(untried)}, of which no other value is accepted" if untried else None


@dataclass(frozen=True)
class _Circumstances:
    """The circumstances under which values of an option are compared."""

    place: str
    seeds: tuple[int, ...] = (0, 1)
    others: Mapping[str, Any] = field(default_factory=dict)
    """Other options' values, where not the usual ones."""
    rounds: int = ROUNDS


class _Trials:
    """Trains with one value and with another, and remembers what was trained."""

    def __init__(self, entry: Entry) -> None:
        self._entry, self._outcomes = entry, dict[str, Any]()
        self.values: dict[str, list[Any]] = {}
        self._refused = False
        """Whether some value of the present option was refused somewhere: another place may accept it."""

    def has_effect(self, option: Option) -> bool | None:
        """Whether a value makes a difference under any circumstances; None where none is accepted."""
        accepted = self._refused = False
        self.values[option.name] = []
        for base in itertools.chain(self._circumstances(option), self._elsewhere(option)):
            if accepted and base.place not in places_of(self._entry):
                break
            present = self._present(option, base)
            most = None if not base.others and base.rounds == ROUNDS else _TRIED
            for value in itertools.islice(other_values(option, present), most):
                changed = self._changed(option, base, value)
                accepted |= changed is not None
                self._refused |= changed is None
                if changed:
                    return True
                if changed is not None and value not in self.values[option.name]:
                    self.values[option.name].append(value)
        return False if accepted else None

    def _circumstances(self, option: Option) -> Iterator[_Circumstances]:
        """The usual circumstances, then more rounds, other options at other values, and the other places.

        There only the variant's own options are tried beside it, and only if the first place refused values.
        """
        first, *further = places_of(self._entry)
        yield _Circumstances(first, seeds=(1,))
        yield _Circumstances(first, rounds=_MANY_ROUNDS)
        yield from self._with_others(option, first)
        yield from map(_Circumstances, (first, *further))
        for place in further if self._refused else ():
            yield from self._with_others(option, place, inspect.signature(self._entry.factory).parameters)

    def _elsewhere(self, option: Option) -> Iterator[_Circumstances]:
        """The data sets that are not the usual ones: for an option that only those let be set."""
        for place in datasets_without_settings():
            if place not in places_of(self._entry):
                yield from self._with_others(option, place)

    def _with_others(
        self, option: Option, place: str, names: Container[str] | None = None
    ) -> Iterator[_Circumstances]:
        """Each other option (of those names) in turn at its other values."""
        for other in self._entry.options.values():
            if other.name != option.name and (names is None or other.name in names):
                for value in other_values(other, self._present(other, _Circumstances(place)))[
                    : _alternatives(other)
                ]:
                    yield _Circumstances(place, others={other.name: value})

    def _present(self, option: Option, base: _Circumstances) -> Any:
        return {**choice_of(self._entry, base.place).options, **base.others}.get(option.name, option.default)

    def _changed(self, option: Option, base: _Circumstances, value: Any) -> bool | None:
        """Whether a value gives other numbers than the present one; None where either is refused."""
        before, after = self._outcome(base, {}), self._outcome(base, {option.name: value})
        return None if before is None or after is None else not same_bits(before, after)

    def _outcome(self, base: _Circumstances, change: Mapping[str, Any]) -> dict[str, Any] | None:
        options = {**choice_of(self._entry, base.place).options, **base.others, **change}
        key = repr((base.place, base.seeds, base.rounds, sorted(options.items())))
        if key not in self._outcomes:
            self._outcomes[key] = self._train(base, options)
        outcome: dict[str, Any] | None = self._outcomes[key]
        return outcome

    def _train(self, base: _Circumstances, options: Mapping[str, Any]) -> dict[str, Any] | None:
        name = self._entry.name
        try:
            return outcome_of(trained_with(Choice(name, name, options), base.place, base.seeds, base.rounds))
        except (GanbenchError, ArithmeticError, ValueError, RuntimeError):
            return None  # a variant need not accept every value that its type allows


def _alternatives(option: Option) -> int:
    """How many values of an option are worth a base: all of given choices, else one."""
    return _MANY_CHOICES if "Literal" in str(option.type) else 1


def _complaint(entry: Entry, option: Option, values: list[Any]) -> str:
    own = inspect.signature(entry.factory).parameters
    tried = ", ".join(f"{v:g}" if isinstance(v, float) else repr(v) for v in values[:_TRIED])
    if option.name in own:
        place = f"{entry.file}:{_line_of(entry, option.name)}"
        hint = "is it used, or is its term detached from the graph?"
    else:
        place, hint = definition_of(entry), "does the function pass its **options on?"
    return (
        f"{place}: {entry.kind} {entry.name}: option {option.name!r} changes no update, no sample and no "
        f"budget (tried {tried} for {option.default!r}): {hint}"
    )


def _line_of(entry: Entry, name: str) -> int:
    """The line of a parameter of the factory."""
    lines, first = inspect.getsourcelines(entry.factory)
    arguments = (n for n in ast.walk(ast.parse(textwrap.dedent("".join(lines)))) if isinstance(n, ast.arg))
    return next((first + each.lineno - 1 for each in arguments if each.arg == name), first)
