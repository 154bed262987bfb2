"""The cohorts of the one-dimensional least-squares game: their paths, and the closed form's beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from ganbench.analysis.cohorts import Cohort
from ganbench.analysis.least_squares_game import (
    NAMES,
    ClosedGame,
    ExponentialLaw,
    NormalLaw,
    distance_to_exponential,
)
from ganbench.analysis.run import Run
from ganbench.claims.lsgan1d import CASE_A

VARIANT = "lsgan1d"
PANELS = 64
"""The variant's own number of panels: others are there to show the quadrature's convergence."""


@dataclass(frozen=True)
class Played:
    """One cohort of the game with its options and its records."""

    run: Run
    cohort: Cohort

    @property
    def label(self) -> str:
        """The variant's label, and the data set's where it is not the plain exponential."""
        plain = self.data_name == "exponential" and self.points is None
        return self.cohort.variant if plain else f"{self.cohort.variant} ({self.cohort.dataset})"

    @property
    def options(self) -> Mapping[str, Any]:
        """The variant's options."""
        options: Mapping[str, Any] = self.cohort.parts[0].description["variant"]["options"]
        return options

    @property
    def data_name(self) -> str:
        """The data set's registered name."""
        return str(self.cohort.parts[0].description["dataset"]["name"])

    @property
    def data_options(self) -> Mapping[str, Any]:
        """The data set's options."""
        options: Mapping[str, Any] = self.cohort.parts[0].description["dataset"]["options"]
        return options

    @property
    def points(self) -> int | None:
        """The size of a run's training set, where it has one."""
        return self.data_options.get("points")

    @property
    def exact(self) -> bool:
        """Whether expectations are quadratures."""
        return bool(self.options["expectation"] == "quadrature")

    @property
    def usual(self) -> bool:
        """Whether its quadrature, if it has one, is the variant's own."""
        return bool(self.options["panels"] == PANELS)

    @property
    def repeats_another(self) -> bool:
        """An exact game reads no data: a training set's size changes nothing."""
        return self.exact and self.points is not None

    @property
    def free(self) -> tuple[str, ...]:
        """The parameters that move, in the order a, b, g, h."""
        return tuple(name for name in NAMES if name in self.options["free"])

    @property
    def start(self) -> dict[str, float]:
        """Where it starts."""
        return {name: float(self.options[name]) for name in NAMES}

    @property
    def case_a(self) -> bool:
        """Whether it is the published game, apart from how expectations are taken."""
        same = all(self.start[name] == CASE_A[name] for name in NAMES) and self.free == CASE_A["free"]
        published = self.options["objective"] == "pulford" and self.options["latent"] == "rayleigh"
        data = self.data_name == "exponential" and self.data_options["rate"] == CASE_A["rate"]
        return same and published and data and self.options["step_size"] == CASE_A["step_size"]

    @cached_property
    def records(self) -> pd.DataFrame:
        """Its rows."""
        rows = self.run.records_of(self.cohort.dataset)
        return rows[rows["variant"] == self.cohort.variant]

    @cached_property
    def _tables(self) -> dict[str, pd.DataFrame]:
        kept = self.records[["quantity", "step", "seed", "value"]]
        return {
            str(quantity): rows.set_index(["step", "seed"])["value"].unstack("seed").sort_index()
            for quantity, rows in kept.groupby("quantity", observed=True)
        }

    def path(self, name: str) -> pd.DataFrame:
        """A followed parameter: updates down, seeds across."""
        return self._tables[name]

    def series(self, quantity: str) -> pd.DataFrame:
        """A quantity: discriminator updates down, seeds across."""
        return self._tables.get(quantity, pd.DataFrame(dtype=float))

    def last(self, quantity: str) -> float:
        """The median over seeds at the end; NaN where it was not measured or is undefined."""
        rows = self.records[(self.records["quantity"] == quantity) & self.records["final"]]
        return float(rows["value"].median()) if len(rows) else float("nan")

    @property
    def updates(self) -> int:
        """Updates that were made."""
        return int(self.records["step"].max())

    @cached_property
    def closed_path(self) -> np.ndarray | None:
        """The closed form's path [updates + 1, 4]; None where it loses its digits."""
        try:
            return self.closed_game.trajectory(
                self.start, self.free, float(self.options["step_size"]), self.updates
            )
        except (ArithmeticError, ValueError):
            return None

    @property
    def closed_game(self) -> ClosedGame:
        """The game in closed form."""
        return ClosedGame(self._data_law, self._latent_law, self.options["objective"])

    @property
    def _latent_law(self) -> ExponentialLaw | NormalLaw:
        return ExponentialLaw(1.0) if self.options["latent"] == "rayleigh" else NormalLaw(1.0, 1.0)

    @property
    def _data_law(self) -> ExponentialLaw | NormalLaw:
        options = self.data_options
        if self.data_name == "exponential":
            return ExponentialLaw(float(options["rate"]))
        return NormalLaw(float(options["mean"]), float(options["std"]))

    def from_closed(self) -> pd.Series | None:
        """The largest distance of any parameter from the closed form after each update."""
        closed = self.closed_path
        if closed is None or not self.exact:
            return None
        ours = np.stack([self.path(name).iloc[:, 0].to_numpy() for name in NAMES], 1)
        return pd.Series(np.abs(ours - closed[: len(ours)]).max(1), index=range(len(ours)))

    def distance_left(self, update: int) -> float:
        """Wasserstein-1 distance of the generator from the data after an update; the median over runs."""
        at = zip(*(self.path(name).loc[update] for name in ("g", "h")), strict=True)
        laws = self._data_law, self._latent_law
        return float(np.median([distance_between(*laws, float(g), float(h)) for g, h in at]))


def distance_between(
    data: ExponentialLaw | NormalLaw, latent: ExponentialLaw | NormalLaw, g: float, h: float
) -> float:
    """Wasserstein-1 distance of g·e + h from the data, e of the latent law.

    Exact between exponentials of g ≥ 0; else the mean distance of 20,000 quantiles, exact to 1e-3.
    """
    if isinstance(data, ExponentialLaw) and latent == ExponentialLaw(1.0) and g >= 0:
        return distance_to_exponential(g, h, data.rate)
    levels = (np.arange(_LEVELS) + 0.5) / _LEVELS
    samples = np.sort(g * _quantiles(latent, levels) + h)
    return float(np.abs(samples - _quantiles(data, levels)).mean())


_LEVELS = 20_000


def _quantiles(law: ExponentialLaw | NormalLaw, levels: np.ndarray) -> np.ndarray:
    """A law's quantiles at some levels."""
    if isinstance(law, ExponentialLaw):
        return np.asarray(-np.log1p(-levels) / law.rate)
    return np.asarray(law.mean + law.std * ndtri(levels))


def games(run: Run) -> list[Played]:
    """The finished cohorts of the game whose parameters were followed, in the run's order."""
    found = [
        Played(run, cohort)
        for cohort in run.cohorts
        if cohort.method == VARIANT
        and cohort.parts[0].description["dataset"]["name"] in ("exponential", "normal")
        and not cohort.failures
    ]
    return [game for game in found if set(NAMES) <= set(game.records["quantity"])]
