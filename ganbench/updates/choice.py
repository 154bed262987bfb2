"""From a name and options, as a suite gives them, to an update rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ganbench.errors import GanbenchError, UnknownName, nearest
from ganbench.updates.alternating import GENERATING, alternating, simultaneous
from ganbench.updates.consensus import consensus
from ganbench.updates.extragradient import extragradient, lookahead
from ganbench.updates.rule import FirstPlayer, UpdateRule
from ganbench.updates.unrolled import unrolled

RULES: Mapping[str, Mapping[str, Any]] = {
    "alternating": {},
    "simultaneous": {},
    "extragradient": {},
    "optimistic": {},
    "consensus": {"weight": 1.0},
    "unrolled": {"steps": 5},
    "lookahead": {"steps": 5, "rate": 0.5, "of": "alternating"},
}
"""Every rule with its options and their defaults."""
IN_WORDS = "who moves when: " + ", ".join(
    f"{name} {{{', '.join(f'{k}: {v}' for k, v in options.items())}}}" if options else name
    for name, options in RULES.items()
)
"""The rules as a suite's author is told of them."""
_IN_TURN = ("alternating", "unrolled", "lookahead")


def update_rule(
    choice: str | Mapping[str, Mapping[str, Any] | None],
    n_critic: int = 1,
    first: FirstPlayer = "discriminator",
    generating: tuple[str, ...] = GENERATING,
) -> UpdateRule:
    """The rule of a name or of {name: {option: value}}; `generating` players move at the generator's turn.

    Raises GanbenchError for unknown names and options, and where nobody moves in turn but
    `n_critic` or `first` say how.
    """
    name, options = _named(choice)
    if name not in _IN_TURN:
        _refuse_turns(name, n_critic, first)
    players = ("discriminator", *generating)
    made: dict[str, Callable[[], UpdateRule]] = {
        "alternating": lambda: alternating(n_critic, first, generating),
        "simultaneous": lambda: simultaneous(players),
        "extragradient": lambda: extragradient(players),
        "optimistic": lambda: replace(simultaneous(players), optimistic=True),
        "consensus": lambda: consensus(options["weight"], players),
        "unrolled": lambda: unrolled(options["steps"], n_critic, first, generating),
        "lookahead": lambda: lookahead(
            update_rule(options["of"], n_critic, first, generating), options["steps"], options["rate"]
        ),
    }
    return made[name]()


def _named(choice: str | Mapping[str, Mapping[str, Any] | None]) -> tuple[str, dict[str, Any]]:
    """A known rule's name and all its options, checked."""
    named = {choice: None} if isinstance(choice, str) else choice
    if len(named) != 1:
        raise GanbenchError(
            f"an update rule is a name or one {{name: {{option: value}}}}, not {dict(named)!r}"
        )
    name, given = next(iter(named.items()))
    if name not in RULES:
        raise UnknownName("update rule", name, RULES)
    defaults = RULES[name]
    for option, value in (given or {}).items():
        if option not in defaults:
            raise GanbenchError(f"update rule {name} has no option {option!r}{nearest(option, defaults)}")
        _check(name, option, value)
    return name, {**defaults, **(given or {})}


def _check(rule: str, option: str, value: Any) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    inner = next(iter(value), None) if isinstance(value, Mapping) else value
    wanted, right = {
        "weight": ("a number of at least 0", number and value >= 0),
        "steps": ("a whole number of at least 1", number and isinstance(value, int) and value >= 1),
        "rate": ("a number above 0 and at most 1", number and 0 < value <= 1),
        "of": ("an update rule other than lookahead", isinstance(inner, str) and inner != "lookahead"),
    }[option]
    if not right:
        raise GanbenchError(f"update rule {rule}: {option} is {wanted}, not {value!r}")


def _refuse_turns(name: str, n_critic: int, first: FirstPlayer) -> None:
    if n_critic != 1:
        raise GanbenchError(f"{name} updates move all players once; n_critic cannot be {n_critic}")
    if first != "discriminator":
        raise GanbenchError(f"with {name} updates nobody moves first; leave `first` out")
