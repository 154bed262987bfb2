"""The smallest data set: one point, at the origin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ganbench.datasets.dataset import Dataset, DatasetInfo, Primary, Split, register_dataset
from ganbench.game import DataSpec, Tree


class PointMass(Dataset):
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

    def sampler(self, seeds: Sequence[int], device: torch.device, dtype: torch.dtype) -> PointSampler:
        return PointSampler(len(seeds), device, dtype)

    def fields(self, split: Split, count: int, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
        return {"real": torch.zeros(count, 1, device=device, dtype=dtype)}


class PointSampler:
    """Zeros for S seeds; nothing is drawn."""

    def __init__(self, seeds: int, device: torch.device, dtype: torch.dtype) -> None:
        self._seeds, self._device, self._dtype = seeds, device, dtype

    def draw(self, count: int) -> dict[str, Tensor]:
        return {"real": torch.zeros(self._seeds, count, 1, device=self._device, dtype=self._dtype)}

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        pass


@register_dataset("dirac")
def dirac() -> PointMass:
    """One point at 0: the data of Dirac-GAN, on which a whole GAN is two numbers.

    Source: Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?", definition 2.1.
    """
    return PointMass()
