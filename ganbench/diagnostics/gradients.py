"""Gradient norms: what each player still has to learn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from ganbench.diagnostics.diagnostic import Dataset, Diagnostic, Quantity, Snapshot, register_diagnostic
from ganbench.game import PLAYERS, Tree

_QUANTILES = {"q10": 0.1, "q50": 0.5, "q90": 0.9}
_PLACES = {
    "real": "at real points",
    "fake": "at generated points",
    "between": "between real and generated points",
}


@register_diagnostic("gradients")
def gradients(
    dataset: Dataset,
    points: Annotated[int, Ge(1), "points at which ‖∇ₓD‖ is taken"] = 256,
) -> Diagnostic:
    """Norm of each player's gradient of its own loss, and ‖∇ₓD‖ at real, generated and in-between points.

    What good looks like: norms that settle at a level above rounding.  A generator's norm that
    falls by orders of magnitude while the discriminator's AUROC nears 1 is a starved generator;
    ‖∇ₓD‖ near 1 between the points is what a gradient penalty with target 1 asks for.

    Blind to: whether the gradient points anywhere useful; norms also scale with the loss and with the
    number of parameters, so compare one variant with itself, not two variants with each other.

    Protocol: gradients on one measuring batch of the variant's own size, the same at every moment,
    before any projection and without optimizer scaling, training mode; ‖∇ₓD‖ in evaluation mode at
    held-out real points, fresh samples, and one uniform point on the segment of each pair.
    """
    return _Gradients(points)


class _Gradients(Diagnostic):
    def __init__(self, points: int) -> None:
        self._points = points
        described = partial(Quantity, protocol={"points": points})
        self._per_place = tuple(
            described(f"input_gradient_norm_{place}_{statistic}", f"‖∇ₓD‖ {text}, {statistic}")
            for place, text in _PLACES.items()
            for statistic in ("mean", *_QUANTILES)
        )
        self.quantities = self._declared(PLAYERS)

    def measure(self, snapshot: Snapshot) -> Mapping[str, Tensor]:
        """Each norm or statistic of norms, [S]."""
        field = snapshot.field()
        self.quantities = self._declared(field)
        values = {f"gradient_norm_{player}": norm_per_seed(tree) for player, tree in field.items()}
        for place, (inputs, fields) in self._inputs(snapshot).items():
            slopes = snapshot.input_gradient(inputs, fields).flatten(2)
            norms = torch.linalg.vector_norm(slopes, dim=2).double()
            values[f"input_gradient_norm_{place}_mean"] = norms.mean(1)
            for name, level in _QUANTILES.items():
                values[f"input_gradient_norm_{place}_{name}"] = norms.quantile(level, dim=1)
        return values

    def _declared(self, players: Iterable[str]) -> tuple[Quantity, ...]:
        """A norm for each player of the game, which only a snapshot knows."""
        norms = (
            Quantity(f"gradient_norm_{player}", f"Norm of the {player}'s gradient", scale="log")
            for player in players
        )
        return (*norms, *self._per_place)

    def _inputs(self, snapshot: Snapshot) -> dict[str, tuple[Tensor, Tree]]:
        """Examples at every place, and the data's other fields that go with them; between: the real ones'."""
        available = snapshot.dataset.info.split_sizes.get("heldout", self._points)
        fake = snapshot.samples()[:, : min(self._points, available)]
        count = fake.shape[1]
        real = snapshot.real("heldout", count).expand_as(fake)
        shares = snapshot.streams("between").uniform((count, *[1] * (fake.ndim - 2)), fake.dtype)
        fields = snapshot.real_fields("heldout", count)
        return {
            "real": (real, fields),
            "fake": (fake, snapshot.sampled_fields(count)),
            "between": (torch.lerp(fake, real, shares), fields),
        }


def norm_per_seed(tree: Tree) -> Tensor:
    """Euclidean norm over all of a stacked tree's numbers, float64 [S]."""
    squares = [value.reshape(len(value), -1).double().square().sum(1) for value in tree.values()]
    return torch.stack(squares).sum(0).sqrt()
