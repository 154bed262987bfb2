"""The Dirac games of a run: their options in words, their measured numbers, their trajectories."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ganbench.analysis.cohorts import Cohort
from ganbench.analysis.run import Run
from ganbench.claims import dirac as theory

DATASET = VARIANT = "dirac"
LISTED = 0
"""The seed that starts where the suite says."""
_METHODS = {
    "gan": "GAN",
    "nsgan": "NSGAN",
    "wgan": "WGAN",
    "wgan-gp": "WGAN-GP",
    "instance-noise": "instance noise",
    "r1": "R1",
    "r2": "R2",
}
_NUMBERS = {"gamma": "γ", "gp_target": "target", "clip": "clip", "noise_std": "s"}
USUAL_START = (1.0, 1.0)
VERDICTS = {1.0: "converges", 0.0: "cycles", -1.0: "diverges"}
UNDECIDED, SLOWLY = "undecided", "shrinks slowly"
WORDS = ("converges", SLOWLY, "cycles", "diverges", UNDECIDED)


@dataclass(frozen=True)
class Game:
    """One cohort of the variant `dirac`; `final` holds its last values by quantity and seed."""

    cohort: Cohort
    options: Mapping[str, Any]
    final: pd.DataFrame = field(repr=False)
    followed: pd.Series = field(repr=False)
    """The listed start's distance by round."""

    @property
    def method(self) -> str:
        """The method's name, with its objective where that is not the GAN's."""
        name = _METHODS[str(self.options["method"])]
        base = self.options.get("objective")
        return f"{name} on {_METHODS[base]}" if base not in (None, "gan") else name

    @property
    def field_words(self) -> str:
        """What decides the field: the method with all its numbers, and consensus."""
        return self._field([name for name in _NUMBERS if self.options.get(name) is not None])

    def _field(self, names: Sequence[str]) -> str:
        numbers = ", ".join(f"{_NUMBERS[name]} {self.options[name]:g}" for name in names)
        critical = " critical" if theory.critical(self.options) else ""
        rule = " consensus" if self.options["update"] == "consensus" else ""
        return f"{self.method}{critical}{rule}" + (f" ({numbers})" if numbers else "")

    @property
    def rule(self) -> str:
        """The update rule: simultaneous, alternating with k, or another's name."""
        if self.options["update"] != "plain":
            return str(self.options["update"])
        if self.options["order"] == "simultaneous":
            return "simultaneous"
        k = int(self.options["n_critic"])
        first = ", discriminator first" if self.options.get("first") == "discriminator" else ""
        return "alternating" + (f" k = {k}" if k > 1 else "") + first

    @property
    def in_two(self) -> tuple[str, str]:
        """The field, with the numbers that are not the usual ones, and the rule with an unusual start."""
        usual = usual_numbers(self.options)
        told = [name for name in _NUMBERS if self.options.get(name) != usual.get(name)]
        if theory.critical(self.options):
            told = [name for name in told if name != "gamma"]
        rule = "" if self.rule == "consensus" else self.rule
        start = tuple(self.options["start"])
        beside = "" if start == USUAL_START else f" from {place(start)}"
        return self._field(told), f"{rule}{beside}".strip()

    @property
    def words(self) -> str:
        """The whole setting; the suite's labels are these words."""
        return " ".join(self.in_two).strip()

    @property
    def cell(self) -> str:
        """The words in a table: broken only between field and rule.

        Never the label itself, which the page would give the colour that it has in other sections.
        """
        name, rule = (words.replace(" ", "\u00a0").replace("-", "\u2011") for words in self.in_two)
        between = "\u00a0" if self.words.count(" ") == 1 else " "
        return f"{name}{between}{rule}".strip()

    @property
    def rounds(self) -> int:
        """Rounds of the update rule."""
        return int(self.followed.index.max()) if len(self.followed) else 0

    @property
    def tolerance(self) -> float | None:
        """The verdict's tolerance, from the diagnostic's options."""
        for chosen in self.cohort.parts[0].description.get("diagnostics", ()):
            if chosen["name"] == "equilibrium":
                return float(chosen["options"].get("tolerance", 0.01))
        return None

    def value(self, quantity: str, seed: int | None = None) -> float:
        """A seed's final value, by default the listed start's; NaN where there is none."""
        wanted = LISTED if seed is None else seed
        rows = self.final[(self.final["quantity"] == quantity) & (self.final["seed"] == wanted)]
        return float(rows["value"].iloc[-1]) if len(rows) else math.nan

    def moduli(self) -> list[float]:
        """The measured |μ|, largest first."""
        names = sorted(name for name in set(self.final["quantity"]) if name.startswith("multiplier_abs_"))
        return [value for name in names if not math.isnan(value := self.value(name))]

    def word(self, verdict: float) -> str:
        """A verdict in a word; where |μ| = 1 nothing converges geometrically: it shrinks slowly."""
        name = VERDICTS.get(verdict, UNDECIDED)
        slow = name == "converges" and theory.local_stability(self.options) == "neutral"
        return SLOWLY if slow else name

    @property
    def found(self) -> str:
        """The listed start's verdict in a word."""
        return self.word(self.value("verdict"))

    def shares(self) -> Counter[str]:
        """The share of starts by verdict."""
        values = self.verdicts()
        counts = Counter(self.word(value) for value in values)
        return Counter({name: count / len(values) for name, count in counts.items()})

    def verdicts(self) -> list[float]:
        """Every start's verdict; a start whose numbers became infinite diverged."""
        gone = {outcome.seed for outcome in self.cohort.seeds_that("diverged")}
        rows = self.final[self.final["quantity"] == "verdict"]
        return [
            -1.0 if seed in gone else value for seed, value in zip(rows["seed"], rows["value"], strict=True)
        ]

    @cached_property
    def arrays(self) -> dict[str, np.ndarray]:
        """What the diagnostic kept for figures: path, rounds, x, y, field; empty where there is nothing."""
        part = self.cohort.part_with(LISTED)
        held = {} if part is None or part.arrays is None else part.arrays
        found = {name.rsplit("/", 1)[-1]: value for name, value in held.items() if "/" in name}
        return found if {"path", "field", "x", "y"} <= set(found) else {}


def games_of(run: Run) -> list[Game]:
    """Every cohort of the Dirac game, in the suite's order."""
    found = []
    for cohort in run.cohorts:
        chosen, dataset = (cohort.parts[0].description[kind] for kind in ("variant", "dataset"))
        if (chosen["name"], dataset["name"]) != (VARIANT, DATASET):
            continue
        rows = run.records_of(cohort.dataset)
        rows = rows[rows["variant"] == cohort.variant]
        followed = rows[(rows["quantity"] == "distance") & (rows["seed"] == LISTED)]
        if len(rows):
            series = followed.set_index("point")["value"].sort_index()
            options = with_usual_numbers(chosen["options"])
            found.append(Game(cohort, options, rows[rows["final"]], series))
    return found


def place(point: Sequence[float]) -> str:
    """A point as (θ, ψ)."""
    return f"({point[0]:g}, {point[1]:g})".replace("-", "−")


def usual_numbers(options: Mapping[str, Any]) -> Mapping[str, float]:
    """The numbers that a setting of this method and rule has where it names none."""
    rule = theory.NUMBERS.get(str(options["update"]), {})
    return {**theory.NUMBERS.get(str(options["method"]), {}), **rule}


def with_usual_numbers(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with a number for each that the setting has and leaves to the variant."""
    usual = {name: value for name, value in usual_numbers(options).items() if options.get(name) is None}
    return {**options, **usual}


def twins(games: Sequence[Game]) -> dict[str, Game]:
    """The settings of R2 that do as one of R1 does, to rounding, by their words, with that one."""
    found: dict[str, Game] = {}
    for game in games:
        for other in games if game.options["method"] == "r2" else ():
            if other.options == {**game.options, "method": "r1"} and _alike(game, other):
                found[game.words] = other
    return found


def _alike(game: Game, other: Game) -> bool:
    return len(game.followed) == len(other.followed) and np.allclose(
        game.followed, other.followed, rtol=1e-6, atol=1e-12
    )
