"""Mixtures of isotropic Gaussians: exact density, sampling and mode labels; a point's label is its mode."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from ganbench.datasets.blocks import FIXED, Block, BlockSampler, first_of_blocks, moved, rows_of_a_block
from ganbench.datasets.dataset import Dataset, DatasetInfo, Primary, Sampler, Split, register_dataset
from ganbench.errors import GanbenchError
from ganbench.game import DataSpec, FieldSpec
from ganbench.streams import SeedStreams, generator

EVALUATION_SAMPLES = 2500
_DISTANCES_AT_ONCE = 4_000_000  # bounds the memory of labels() at 32 MB
_TRIES = 200


class GaussianMixture(Dataset):
    """K isotropic Gaussians in d dimensions; all parameters are float64 on the CPU.

    `means` [K, d], `weights` [K] summing to one, `sigma` one standard deviation for all or [K].
    """

    def __init__(
        self, name: str, title: str, source: str, means: Tensor, weights: Tensor, sigma: float | Tensor
    ) -> None:
        assert means.dtype == weights.dtype == torch.float64
        assert means.shape[:1] == weights.shape
        self.means, self.weights = means, weights
        self.sigma = torch.as_tensor(sigma, dtype=torch.float64).expand_as(weights).clone()
        self.info = DatasetInfo(
            name=name,
            title=title,
            spec=DataSpec.real((means.shape[1],), label=FieldSpec.label(len(means), lambda: self.weights)),
            source=source,
            licence="synthetic",
            primary=Primary("modes", "mode_total_variation"),
            modes=len(means),
            evaluation_samples=EVALUATION_SAMPLES,
        )

    def sampler(self, seeds: Sequence[int], device: torch.device, dtype: torch.dtype) -> Sampler:
        means, sigma = self.means.to(device, dtype), self.sigma.to(device, dtype).unsqueeze(1)
        steps = self.weights.cumsum(0)[:-1].to(device, dtype)
        dim = means.shape[1]
        rows = rows_of_a_block(dim)

        def block(streams: SeedStreams) -> Block:
            component = torch.searchsorted(steps, streams.uniform((rows,), dtype), right=True)
            noise = streams.normal((rows, dim), dtype)
            return {"real": torch.addcmul(means[component], sigma[component], noise), "label": component}

        return BlockSampler(seeds, device, block)

    def fields(self, split: Split, count: int, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
        source = generator(0, f"examples/{split}")
        return moved(first_of_blocks(count, lambda: self._block(source)), device, dtype)

    def log_density(self, x: Tensor) -> Tensor:
        """Natural logarithm of the density at x [..., d], float64 [...]."""
        means, weights, sigma = (t.to(x.device) for t in (self.means, self.weights, self.sigma))
        squares = (x.to(torch.float64).unsqueeze(-2) - means).square().sum(-1)
        log_peak = weights.log() - means.shape[1] * (sigma * math.sqrt(2 * math.pi)).log()
        return torch.logsumexp(log_peak - squares / (2 * sigma**2), -1)

    def labels(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Nearest mode (int64) and distance to it in its sigmas (float64), each [...]; x [..., d]."""
        means, sigma = self.means.to(x.device), self.sigma.to(x.device)
        rows = max(1, _DISTANCES_AT_ONCE // len(means))
        nearest = [
            (torch.cdist(part.to(torch.float64), means) / sigma).min(-1)
            for part in x.reshape(-1, x.shape[-1]).split(rows)
        ]
        index = torch.cat([found.indices for found in nearest])
        distance = torch.cat([found.values for found in nearest])
        return index.view(x.shape[:-1]), distance.view(x.shape[:-1])

    def _block(self, source: torch.Generator) -> Block:
        uniform = torch.rand(FIXED, generator=source, dtype=torch.float64)
        normal = torch.randn(FIXED, self.means.shape[1], generator=source, dtype=torch.float64)
        component = torch.searchsorted(self.weights.cumsum(0)[:-1], uniform, right=True)
        return {"real": self.means[component] + self.sigma[component, None] * normal, "label": component}


@register_dataset("ring8")
def ring8(
    modes: Annotated[int, Ge(2), "Gaussians on the circle"] = 8,
    radius: Annotated[float, Gt(0), "radius of the circle"] = 2.0,
    sigma: Annotated[float, Gt(0), "standard deviation of each Gaussian"] = 0.02,
) -> GaussianMixture:
    """Eight equal Gaussians on a circle: the smallest test of mode collapse.

    Source: the ring of PacGAN (Lin et al. 2018: radius 1, σ 0.01) and of Unrolled GAN's demo, here twice
    as large, as much later code has it; σ/radius = 0.01 is the same.  PacGAN's own is radius 1, sigma 0.01.
    """
    angle = torch.arange(modes, dtype=torch.float64) * (2 * math.pi / modes)
    means = radius * torch.stack([angle.cos(), angle.sin()], 1)
    source = "after Lin et al. 2018 (PacGAN)"
    return GaussianMixture("ring8", f"Ring of {modes} Gaussians", source, means, _equal(modes), sigma)


@register_dataset("grid25")
def grid25(
    side: Annotated[int, Ge(2), "Gaussians along each side"] = 5,
    spacing: Annotated[float, Gt(0), "distance between neighbours"] = 2.0,
    sigma: Annotated[float, Gt(0), "standard deviation of each Gaussian"] = 0.05,
) -> GaussianMixture:
    """Twenty-five equal Gaussians on the grid {-4, -2, 0, 2, 4}².

    Source: PacGAN (Lin et al. 2018), σ 0.05.
    """
    line = (torch.arange(side, dtype=torch.float64) - (side - 1) / 2) * spacing
    means = torch.cartesian_prod(line, line)
    title = f"Grid of {side * side} Gaussians"
    return GaussianMixture("grid25", title, "Lin et al. 2018 (PacGAN)", means, _equal(side * side), sigma)


@register_dataset("random_mixture")
def random_mixture(
    modes: Annotated[int, Ge(2), "number of Gaussians"] = 10,
    dim: Annotated[int, Ge(1), "dimensions of the space"] = 2,
    spread: Annotated[float, Gt(0), "means lie in the cube [-spread, spread]^dim"] = 4.0,
    sigma: Annotated[float, Gt(0), "standard deviation of each Gaussian"] = 0.05,
    weights: Annotated[Literal["equal", "dirichlet"], "equal, or drawn from the flat Dirichlet"] = "equal",
    draw: Annotated[int, Ge(0), "which random mixture; not the trial's seed"] = 0,
) -> GaussianMixture:
    """Gaussians at random places, at least eight sigmas apart, in any dimension.

    Means are uniform in the cube, redrawn while nearer than 8σ to an earlier one, so that within 4σ the
    nearest mode is the true one.
    """
    source = generator(draw, "random_mixture")
    means = _apart(modes, dim, spread, 8 * sigma, source)
    chosen = _equal(modes) if weights == "equal" else _flat_dirichlet(modes, source)
    title = f"Random mixture of {modes} Gaussians in {dim} dimensions"
    return GaussianMixture("random_mixture", title, f"drawn by ganbench, draw {draw}", means, chosen, sigma)


def _equal(modes: int) -> Tensor:
    return torch.full((modes,), 1 / modes, dtype=torch.float64)


def _flat_dirichlet(modes: int, source: torch.Generator) -> Tensor:
    exponential = -torch.log1p(-torch.rand(modes, generator=source, dtype=torch.float64))
    return exponential / exponential.sum()


def _apart(modes: int, dim: int, spread: float, separation: float, source: torch.Generator) -> Tensor:
    """Means [modes, dim], uniform in the cube but no two nearer than `separation`."""
    means = torch.empty(0, dim, dtype=torch.float64)
    for _ in range(_TRIES * modes):
        point = spread * (2 * torch.rand(1, dim, generator=source, dtype=torch.float64) - 1)
        if (torch.cdist(point, means) >= separation).all():
            means = torch.cat([means, point])
        if len(means) == modes:
            return means
    raise GanbenchError(
        f"random_mixture: {modes} modes do not fit at 8 sigma = {separation:g} from each other into "
        f"[-{spread:g}, {spread:g}]^{dim}; fewer modes, a smaller sigma or a larger spread would"
    )
