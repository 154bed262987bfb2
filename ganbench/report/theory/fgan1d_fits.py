"""The Gaussian fits of a run: one divergence's seeds at the end, with their options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ganbench.analysis.cohorts import Cohort
from ganbench.analysis.run import Run
from ganbench.claims.fgan1d import FORMULAS

CLOSE = 0.05
"""The fit is to be this near the exact optimum, in μ and in σ."""
SIGNS = {"mu": "μ", "sigma": "σ", "divergence_at_fit": "D_f"}
EXACT = {"mu": "exact_mu", "sigma": "exact_sigma", "divergence_at_fit": "exact_divergence"}
_NEEDED = {*SIGNS, *EXACT.values(), "bound"}
_KEPT = "divergence_fit/"


@dataclass(frozen=True)
class Fit:
    """One divergence's seeds at the end: `last` has a row a seed and a column a quantity."""

    divergence: str
    name: str
    """The divergence's name, or the variant's label where two fits share one."""
    cohort: Cohort
    last: pd.DataFrame

    def median(self, quantity: str) -> float:
        """The median over seeds."""
        return float(self.last[quantity].median())

    def range(self, quantity: str) -> tuple[float, float]:
        """The least and the largest over seeds."""
        return float(self.last[quantity].min()), float(self.last[quantity].max())

    def miss(self, what: str) -> float:
        """Median of `mu` or `sigma` less the exact one."""
        return self.median(what) - self.median(EXACT[what])

    @property
    def close(self) -> bool:
        """Whether the medians of μ and σ are both near the exact optimum."""
        return max(abs(self.miss("mu")), abs(self.miss("sigma"))) <= CLOSE

    @property
    def seen(self) -> float:
        """The bound's share of the divergence at the fit, both less f(1), that of equal densities."""
        level = FORMULAS[self.divergence].level
        there = self.median("divergence_at_fit") - level
        return max(self.median("bound") - level, 0.0) / there if there > 0 else float("nan")

    @property
    def options(self) -> Mapping[str, Any]:
        """The variant's options."""
        return self.cohort.parts[0].description["variant"].get("options") or {}

    @property
    def start(self) -> tuple[float, float] | None:
        """(μ, σ) before training; None where the network does not tell."""
        network = self.options.get("network")
        given = (network.get("options") or {}) if isinstance(network, Mapping) else {}
        return (float(given["mu"]), float(given["sigma"])) if {"mu", "sigma"} <= set(given) else None

    def slope_left(self) -> list[float]:
        """Each seed's E_Q(1 − (2T)²): what the activation ½ tanh v lets through of a gradient."""
        found = []
        for part in self.cohort.parts:
            kept = {k.removeprefix(_KEPT): v for k, v in (part.arrays or {}).items() if k.startswith(_KEPT)}
            if not kept:
                continue
            x = kept["x"]
            for seed, t in zip(part.description["seeds"], kept["discriminator"], strict=True):
                mu, sigma = (float(self.last.loc[seed, name]) for name in ("mu", "sigma"))
                weights = np.exp(-0.5 * ((x - mu) / sigma) ** 2)
                found.append(float((weights * (1 - (2 * t.astype(float)) ** 2)).sum() / weights.sum()))
        return found


def fits_of(run: Run, dataset: str) -> list[Fit]:
    """The finished fits on a data set, in the run's order."""
    rows = run.records_of(dataset)
    rows = rows[rows["final"] & rows["quantity"].isin(list(_NEEDED))]
    found = []
    for cohort in run.cohorts_of(dataset):
        name = (cohort.parts[0].description["variant"].get("options") or {}).get("divergence")
        own = rows[rows["variant"] == cohort.variant]
        last = own.pivot_table(index="seed", columns="quantity", values="value", dropna=False)
        if name in FORMULAS and set(last.columns) >= _NEEDED and last["exact_mu"].notna().any():
            found.append(Fit(str(name), str(name), cohort, last))
    shared = {fit.divergence for fit in found if sum(each.divergence == fit.divergence for each in found) > 1}
    return [replace(fit, name=fit.cohort.variant) if fit.divergence in shared else fit for fit in found]
