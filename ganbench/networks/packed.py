"""A discriminator that judges several examples at once."""

from __future__ import annotations

from torch import Tensor, nn

from ganbench.game import DataSpec


class Packed(nn.Module):
    """A discriminator of packs of m examples: [m·k, *shape] → logits [k], neighbours packed together.

    Examples are joined along their first axis: the channels of images.
    """

    def __init__(self, of_packs: nn.Module, packing: int) -> None:
        super().__init__()
        self.of_packs, self.packing = of_packs, packing

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1] * self.packing
        logits: Tensor = self.of_packs(x.reshape(-1, channels, *x.shape[2:]))
        return logits


def spec_of_packs(spec: DataSpec, packing: int) -> DataSpec:
    """What a pack of m examples looks like."""
    return DataSpec.real((spec.shape[0] * packing, *spec.shape[1:]), spec.value_range)
