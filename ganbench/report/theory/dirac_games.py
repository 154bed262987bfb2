"""The Dirac games of a run: their options in words, their measured numbers, their trajectories."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from ganbench.analysis.cohorts import Cohort
from ganbench.analysis.run import Run

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
_USUAL_START = (1.0, 1.0)


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
        """What decides the field: the method with its numbers, and consensus."""
        numbers = {_NUMBERS[n]: self.options[n] for n in _NUMBERS if self.options.get(n) is not None}
        text = ", ".join(f"{name} {value:g}" for name, value in numbers.items())
        rule = " with consensus" if self.options["update"] == "consensus" else ""
        return f"{self.method}{rule}" + (f" ({text})" if text else "")

    @property
    def rule(self) -> str:
        """The update rule: simultaneous, alternating with k, or another's name."""
        if self.options["update"] != "plain":
            return str(self.options["update"])
        if self.options["order"] == "simultaneous":
            return "simultaneous"
        k = int(self.options["n_critic"])
        first = ", discriminator first" if self.options.get("first") == "discriminator" else ""
        return "alternating" + (f", k = {k}" if k > 1 else "") + first

    @property
    def words(self) -> str:
        """The whole setting."""
        start = tuple(self.options["start"])
        beside = "" if start == _USUAL_START else f", from ({start[0]:g}, {start[1]:g})"
        rule = "" if self.rule == "consensus" else f", {self.rule}"
        return f"{self.field_words}{rule}{beside}".replace("-", "−" if beside else "-").replace(
            "WGAN−GP", "WGAN-GP"
        )

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
            found.append(Game(cohort, chosen["options"], rows[rows["final"]], series))
    return found
