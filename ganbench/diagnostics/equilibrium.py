"""A small game and where it comes to rest: how far away it is, how it moves there, whether it arrives."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Ge, Gt
from torch import Tensor

from ganbench.datasets import KnownEquilibrium
from ganbench.diagnostics.diagnostic import (
    CohortState,
    Dataset,
    Diagnostic,
    NotApplicable,
    Quantity,
    Snapshot,
    arrays_of,
    register_diagnostic,
)
from ganbench.diagnostics.estimators.game_jacobian import Layout
from ganbench.diagnostics.estimators.linearization import eigenvalues, motion_at, multipliers
from ganbench.diagnostics.estimators.trajectory import Trajectory, growth_per_turn, verdict
from ganbench.game import Tree
from ganbench.training.replicas import lone

EQUILIBRIUM_VERSION = 1
_MOST_KEPT = 2048
"""Points of a trajectory that are kept; a longer one is thinned by halves."""
_GRID = 21
_FARTHEST = 4.0


@register_diagnostic("equilibrium")
def equilibrium(
    dataset: Dataset,
    followed: Annotated[int, Ge(1), "distance after every round is recorded of seeds below this"] = 1,
    drawn: Annotated[int, Ge(1), "trajectories are kept for the figures of seeds below this"] = 12,
    tolerance: Annotated[float, Gt(0), "growth of ln distance per turn that counts as none"] = 0.01,
) -> Diagnostic:
    """Distance to a known equilibrium, the field's eigenvalues and the update's multipliers there, a verdict.

    `eigenvalue_real_k`, `eigenvalue_imag_k` are of the Jacobian of the field of motion (minus the gradients):
    a negative real part attracts.  `multiplier_abs_k` are of the Jacobian of one round of the update rule,
    optimizers' state included: all below 1 attract.  Both are undefined where the field has a corner or a
    jump.  `verdict` is 1 converges, 0 cycles, -1 diverges, by `growth_per_turn`, the change of the mean of
    ln distance from one turn around the equilibrium to the next, late in the training.

    What good looks like: verdict 1 and a distance that falls to rounding.  A verdict against what the
    multipliers say is the field's bend: they speak of the smallest neighbourhood of the equilibrium only.

    Which seeds are recorded and drawn goes by their numbers: so it does not depend on how a suite's seeds are
    shared among workers.

    Blind to: games with other parameters than the data set means (all quantities are undefined), and what
    happens after the end of the budget; a verdict needs a little more than one turn, or a clear trend.
    """
    if not isinstance(dataset, KnownEquilibrium):
        raise NotApplicable(f"{dataset.info.name} declares no equilibrium")
    return Equilibrium(dataset.equilibrium, followed, drawn, tolerance)


class Equilibrium(Diagnostic):
    """One cohort's distance to a place `rest` {player: {parameter: value}}, after every round."""

    def __init__(self, rest: Mapping[str, Tree], followed: int, drawn: int, tolerance: float) -> None:
        self._rest, self.seeds_by_round, self._drawn, self._tolerance = rest, followed, drawn, tolerance
        self._layout = Layout({p: {n: v.shape for n, v in tree.items()} for p, tree in rest.items()})
        self._origin = self._layout.vectors(lone(rest, torch.device("cpu")))[0]
        self._path = Trajectory(self._layout.size, _MOST_KEPT)
        self._seeds: tuple[int, ...] = ()
        self._field: dict[str, Tensor] = {}
        self.quantities = self._declared(self._layout.size)

    def _declared(self, multipliers: int) -> tuple[Quantity, ...]:
        """As many multipliers as a snapshot finds."""
        protocol = {"version": EQUILIBRIUM_VERSION}
        described = partial(Quantity, protocol=protocol)
        distance = described(
            "distance",
            "Distance to the equilibrium",
            direction="lower",
            scale="log",
            smallest_difference=0.05,
            lowest=0,
        )
        field = [
            described(f"eigenvalue_{part}_{k + 1}", f"{word} part of eigenvalue {k + 1}")
            for part, word in (("real", "Real"), ("imag", "Imaginary"))
            for k in range(self._layout.size)
        ]
        update = [
            described(f"multiplier_abs_{k}", f"Modulus of multiplier {k} at the equilibrium")
            for k in range(1, multipliers + 1)
        ]
        growth = described("growth_per_turn", "Growth of ln distance per turn")
        judged = {**protocol, "tolerance": self._tolerance}
        title = "Verdict: 1 converges, 0 cycles, −1 diverges"
        return (distance, *field, *update, growth, Quantity("verdict", title, protocol=judged))

    def on_round(self, state: CohortState) -> dict[str, Tensor]:
        """The distance of every seed, [S]."""
        if not self._knows(state.params):
            return {}
        away = self._away(state.params)
        self._path.add(away)
        return {"distance": torch.linalg.vector_norm(away, dim=1)}

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """All quantities [S]; growth and verdict from the trajectory so far."""
        params, seeds = snapshot.parameters(), len(snapshot.seeds)
        self._seeds = snapshot.seeds
        if not self._knows(params):
            undefined = torch.full((seeds,), math.nan, dtype=torch.float64)
            return {quantity.name: undefined for quantity in self.quantities}
        roots, factors = eigenvalues(snapshot, self._rest), multipliers(snapshot, self._rest).abs()
        self.quantities = self._declared(len(factors))
        values = {"distance": torch.linalg.vector_norm(self._away(params), dim=1)}
        values |= {f"eigenvalue_real_{k + 1}": v.real.expand(seeds) for k, v in enumerate(roots)}
        values |= {f"eigenvalue_imag_{k + 1}": v.imag.expand(seeds) for k, v in enumerate(roots)}
        values |= {f"multiplier_abs_{k + 1}": v.expand(seeds) for k, v in enumerate(factors)}
        if snapshot.moment.final and self._layout.size == 2 and self._places_drawn():
            self._field = self._portrait(snapshot)
        return values | self._judged(seeds)

    def arrays(self) -> dict[str, np.ndarray]:
        """`path` [T, drawn seeds, P] around the equilibrium, its `rounds` [T]; in a plane the field on a grid

        [G, G, 2] at (x[i], y[j]).  Nothing where none of the seeds is drawn.
        """
        if not self._places_drawn():
            return {}
        return {"path": self._drawn_paths(), "rounds": self._path.rounds, **arrays_of(self._field)}

    def state(self) -> dict[str, Any]:
        """The trajectory, whose it is, and the field around its end."""
        return {"path": self._path.state(), "seeds": self._seeds, "field": self._field}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from them."""
        self._path.restore(state["path"])
        self._seeds, self._field = tuple(state["seeds"]), state["field"]

    def _knows(self, params: Mapping[str, Tree]) -> bool:
        return Layout.of(params) == self._layout

    def _away(self, params: Mapping[str, Tree]) -> Tensor:
        """From the equilibrium to every seed [S, P]."""
        vectors = self._layout.vectors(params)
        if self._origin.device != vectors.device:  # copied once: this is done after every round
            self._origin = self._origin.to(vectors.device)
        return vectors - self._origin

    def _places_drawn(self) -> list[int]:
        """Where the seeds below `drawn` stand in the cohort."""
        return [place for place, seed in enumerate(self._seeds) if seed < self._drawn]

    def _drawn_paths(self) -> np.ndarray:
        paths = self._path.places()
        return paths[:, self._places_drawn()] if len(paths) else paths

    def _judged(self, seeds: int) -> dict[str, Tensor]:
        """Growth and verdict [S]; NaN before there is a trajectory."""
        paths, angles = self._path.places(), self._path.angles()
        if len(paths) < 8:
            growth = [math.nan] * seeds
        else:
            turned = [None] * seeds if angles is None else list(angles.T)
            growth = [growth_per_turn(paths[:, seed], self._tolerance, turned[seed]) for seed in range(seeds)]
        verdicts = torch.tensor([verdict(rate, self._tolerance) for rate in growth], dtype=torch.float64)
        rates = torch.tensor(growth, dtype=torch.float64)
        return {"growth_per_turn": rates.where(rates.isfinite(), math.nan), "verdict": verdicts}

    def _portrait(self, snapshot: Snapshot) -> dict[str, Tensor]:
        """The field of motion around the equilibrium, as far as the kept trajectories go."""
        reach = float(np.nanmax(np.abs(self._drawn_paths()), initial=1.0)) * 1.08
        line = torch.linspace(-1, 1, _GRID, dtype=torch.float64) * min(reach, _FARTHEST)
        points = torch.cartesian_prod(line, line) + self._origin.cpu()
        trees = torch.func.vmap(self._layout.trees)(points.to(snapshot.device))
        motion = motion_at(snapshot, trees).value()
        return {"x": line, "y": line, "field": motion.reshape(_GRID, _GRID, 2)}
