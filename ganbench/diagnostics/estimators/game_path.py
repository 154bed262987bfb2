"""The field along a straight path through parameter space: the path angle of Berard et al. 2020."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ganbench.diagnostics.diagnostic import Snapshot
from ganbench.diagnostics.estimators.game_jacobian import Layout, cosine
from ganbench.game import Tree

Params = Mapping[str, Tree]
"""Stacked parameters {player: {name: [S, ...]}}."""


def between(start: Params, end: Params, share: float) -> dict[str, Tree]:
    """The parameters at a share of the straight way from `start` to `end`; outside [0, 1]: beyond them."""
    return {
        player: {name: torch.lerp(value, end[player][name], share) for name, value in tree.items()}
        for player, tree in start.items()
    }


def motion_along(snapshot: Snapshot, start: Params, end: Params, shares: Sequence[float]) -> Tensor:
    """The field of motion, minus the gradients, at shares of the way: float64 [shares, S, P]."""
    layout = Layout.of(end)
    fields = (snapshot.field_at(between(start, end, share)) for share in shares)
    return torch.stack([-layout.vectors(field) for field in fields])


def path_cosines(motion: Tensor, start: Params, end: Params) -> Tensor:
    """Cosine of the field [shares, S, P] and the way from `start` to `end`: [shares, S].

    Positive where training goes forward along the path.  Berard et al. (2020, eq. 6) take the gradients
    themselves, so theirs has the opposite sign.  NaN where the way or the field has no length.
    """
    layout = Layout.of(end)
    way = layout.vectors(end) - layout.vectors(start)
    return torch.stack([cosine(field, way) for field in motion])
