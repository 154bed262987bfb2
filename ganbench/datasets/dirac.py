"""The smallest data set: one point, at the origin."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from ganbench.datasets.blocks import Block, Distribution
from ganbench.datasets.dataset import DatasetInfo, Primary, register_dataset
from ganbench.game import DataSpec, Tree
from ganbench.streams import SeedStreams


class PointMass(Distribution):
    """All mass at 0 on the line; the games played on it come to rest at θ = ψ = 0."""

    def __init__(self) -> None:
        self.info = DatasetInfo(
            name="dirac",
            title="Point mass at 0 (Dirac-GAN)",
            spec=DataSpec.real((1,)),
            source="Mescheder et al. 2018, definition 2.1",
            licence="synthetic",
            primary=Primary("equilibrium", "distance"),
            evaluation_samples=1,
            constant=True,
            ranked=False,
        )
        rest = torch.zeros((), dtype=torch.float64)
        self.equilibrium: Mapping[str, Tree] = {"generator": {"theta": rest}, "discriminator": {"psi": rest}}

    def draw(self, streams: SeedStreams, rows: int, dtype: torch.dtype) -> Block:
        return {"real": torch.zeros(len(streams.generators), rows, 1, device=streams.device, dtype=dtype)}


@register_dataset("dirac")
def dirac() -> PointMass:
    """One point at 0: the data of Dirac-GAN, on which a whole GAN is two numbers.

    Source: Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?", definition 2.1.
    """
    return PointMass()
