"""A small game's own numbers after every round, and which of them have come to rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import torch
from annotated_types import Interval
from torch import Tensor

from ganbench.diagnostics.diagnostic import (
    CohortState,
    Dataset,
    Diagnostic,
    Quantity,
    Snapshot,
    register_diagnostic,
)
from ganbench.game import Tree


@register_diagnostic("parameters")
def parameters(
    dataset: Dataset,
    slow: Annotated[
        float, Interval(gt=0, lt=1), "a parameter rests while it is slower than this share of its top speed"
    ] = 1e-3,
) -> Diagnostic:
    """Every single-number parameter by its name, its speed, and the update at which it came to rest.

    A parameter's speed is |change| per round.  It has *settled* at the first round from which on it never
    again is faster than `slow` times its top speed; while its last speed is above that, it creeps, and
    `settled_at_...` is undefined (NaN).  A parameter that never moved settled at 0.  `plateau_at_...` is the
    round at which all of a player's parameters have settled.  Of games whose parameters are matrices nothing
    is measured.

    What good looks like: all players settle, and the quantity that ranks says that they did so at the data.
    One player at rest while another creeps is a plateau: compare `saturation` and the gradient norms.

    Blind to: why a parameter rests (an equilibrium and a dead gradient look alike), slow cycles, and motion
    after the end of the budget; a parameter that gathers speed at the very end makes its past look slow.
    """
    return Parameters(slow)


class Parameters(Diagnostic):
    """The parameters of one cohort that are a single number each, after every round."""

    def __init__(self, slow: float) -> None:
        self.slow = slow
        self._path: dict[str, list[Tensor]] = {}
        self.quantities = ()  # complete after the last snapshot

    def on_round(self, state: CohortState) -> dict[str, Tensor]:
        """Each parameter's value, [S]; copies, as the parameters move on."""
        values = {name: value.detach().double().clone() for _, name, value in single_numbers(state.params)}
        for name, value in values.items():
            self._declare(name, f"Parameter {name}")
            self._path.setdefault(name, []).append(value)
        return values

    def measure(self, snapshot: Snapshot) -> dict[str, Tensor]:
        """The values; after the last round also speeds and where each parameter and player settled, [S]."""
        measured: dict[str, Tensor] = {}
        players: dict[str, list[Tensor]] = {}
        for player, name, value in single_numbers(snapshot.parameters()):
            self._declare(name, f"Parameter {name}")
            measured[name] = value.double()
            if snapshot.moment.final and len(self._path.get(name, ())) > 1:
                speeds = torch.stack(self._path[name]).diff(dim=0).abs()
                settled = settled_at(speeds, self.slow)
                measured |= self._of_motion(name, speeds, settled)
                players.setdefault(player, []).append(settled)
        for player, rests in players.items():
            name = f"plateau_at_{player}"
            self._declare(name, f"Round at which the {player} came to rest", "rounds", slow=self.slow)
            measured[name] = torch.stack(rests).amax(0)  # NaN where one of them creeps
        return measured

    def state(self) -> dict[str, Any]:
        """The path of every parameter so far, [rounds, S]."""
        return {"path": {name: torch.stack(values) for name, values in self._path.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from it."""
        self._path = {name: list(values) for name, values in state["path"].items()}
        for name in self._path:
            self._declare(name, f"Parameter {name}")

    def _of_motion(self, name: str, speeds: Tensor, settled: Tensor) -> dict[str, Tensor]:
        self._declare(f"speed_{name}", f"Last speed of {name}", "1/round")
        self._declare(f"top_speed_{name}", f"Top speed of {name}", "1/round")
        self._declare(f"settled_at_{name}", f"Round at which {name} came to rest", "rounds", slow=self.slow)
        return {
            f"speed_{name}": speeds[-1],
            f"top_speed_{name}": speeds.amax(0),
            f"settled_at_{name}": settled,
        }

    def _declare(self, name: str, title: str, unit: str = "", **protocol: float) -> None:
        if name not in {declared.name for declared in self.quantities}:
            self.quantities = (*self.quantities, Quantity(name, title, unit, protocol=protocol))


def single_numbers(params: Mapping[str, Tree]) -> Iterator[tuple[str, str, Tensor]]:
    """(player, name, values [S]) of the parameters that are one number; a name of two players is prefixed."""
    single = [(p, n, v) for p, tree in params.items() for n, v in tree.items() if v.ndim == 1]
    names = [name for _, name, _ in single]
    for player, name, value in single:
        yield player, name if names.count(name) == 1 else f"{player}_{name}", value


def settled_at(speeds: Tensor, slow: float) -> Tensor:
    """The first round from which on a speed [rounds, S] stays at or below `slow` times its top; NaN: never.

    Speed number t is the change made by round t + 1.
    """
    rounds = torch.arange(1, len(speeds) + 1, device=speeds.device, dtype=speeds.dtype).unsqueeze(1)
    fast = ~(speeds <= slow * speeds.amax(0))  # also where a speed is not a number
    last_fast = torch.where(fast, rounds, 0.0).amax(0)
    return torch.where(fast[-1], torch.nan, last_fast)
