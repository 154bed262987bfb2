"""Manifolds of known dimension in a space of more dimensions, with and without noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from ganbench.datasets.blocks import Block, Distribution
from ganbench.datasets.dataset import DatasetInfo, Primary, register_dataset
from ganbench.errors import GanbenchError
from ganbench.game import DataSpec
from ganbench.streams import SeedStreams, generator

_ROLL_SCALE = 7.0
_ROLL_FROM, _ROLL_TO, _ROLL_HEIGHT = 1.5 * math.pi, 4.5 * math.pi, 21.0


@dataclass(frozen=True)
class Surface:
    """A manifold in its own few coordinates: `points` maps draws [..., draws] to coordinates [..., width]."""

    dimension: int
    width: int
    draws: int
    normal: bool
    """Whether its draws are standard normal, else uniform on [0, 1)."""
    points: Callable[[Tensor], Tensor]


class EmbeddedManifold(Distribution):
    """A surface, rotated at random into `dim` dimensions, plus isotropic Gaussian noise there.

    `embedding` [dim, width], float64, has orthonormal columns: distances on the surface stay as they are.
    """

    def __init__(self, name: str, title: str, source: str, surface: Surface, embedding: Tensor, noise: float):
        self.surface, self.embedding, self.noise = surface, embedding, noise
        self.intrinsic_dimension = surface.dimension
        self.support_dimension = len(embedding) if noise else surface.dimension
        self.info = DatasetInfo(
            name=name,
            title=title + (f", noise {noise:g}" if noise else ""),
            spec=DataSpec.real((len(embedding),)),
            source=source,
            licence="synthetic",
            primary=Primary("two_sample", "energy_distance"),
        )

    def draw(self, streams: SeedStreams, rows: int, dtype: torch.dtype) -> Block:
        embedding, shape = self.embedding.to(streams.device, dtype), (rows, self.surface.draws)
        drawn = streams.normal(shape, dtype) if self.surface.normal else streams.uniform(shape, dtype)
        points = self.surface.points(drawn) @ embedding.mT
        if self.noise:
            points = points + self.noise * streams.normal((rows, len(embedding)), dtype)
        return {"real": points}


Dim = Annotated[int, Ge(1), "dimensions of the space"]
Noise = Annotated[float, Ge(0), "standard deviation of Gaussian noise in every direction of the space"]
Rotation = Annotated[int, Ge(0), "which random rotation; not the trial's seed"]


@register_dataset("gaussian_subspace")
def gaussian_subspace(
    intrinsic: Annotated[int, Ge(1), "dimensions of the Gaussian"] = 2,
    dim: Dim = 10,
    noise: Noise = 0.0,
    draw: Rotation = 0,
) -> EmbeddedManifold:
    """A standard Gaussian of few dimensions on a random subspace: flat data of known dimension.

    Source: the flat case of Levina & Bickel 2004; a linear generator with as many inputs can be perfect.
    """
    surface = Surface(intrinsic, intrinsic, intrinsic, True, lambda normal: normal)
    title = f"{intrinsic}-dimensional Gaussian in {dim} dimensions"
    return _embedded("gaussian_subspace", title, "after Levina & Bickel 2004", surface, dim, noise, draw)


@register_dataset("sphere")
def sphere(
    intrinsic: Annotated[int, Ge(1), "dimensions of the sphere's surface"] = 2,
    dim: Dim = 10,
    noise: Noise = 0.0,
    draw: Rotation = 0,
) -> EmbeddedManifold:
    """The uniform distribution on a unit sphere: curved, closed, the same everywhere.

    Source: the sphere of Levina & Bickel 2004, here of radius 1 and rotated.
    """

    def points(normal: Tensor) -> Tensor:
        return normal / torch.linalg.vector_norm(normal, dim=-1, keepdim=True)

    surface = Surface(intrinsic, intrinsic + 1, intrinsic + 1, True, points)
    title = f"{intrinsic}-dimensional sphere in {dim} dimensions"
    return _embedded("sphere", title, "after Levina & Bickel 2004", surface, dim, noise, draw)


@register_dataset("swiss_roll")
def swiss_roll(dim: Dim = 10, noise: Noise = 0.0, draw: Rotation = 0) -> EmbeddedManifold:
    """The Swiss roll: a flat sheet, rolled up so that distant parts of it come near.

    (t cos t, h, t sin t)/7 with t uniform on [1.5π, 4.5π] and h uniform on [−10.5, 10.5]: of unit size, its
    turns 0.9 apart.  Source: Tenenbaum et al. 2000, in the form of many later codes, here scaled and rotated.
    """

    def points(uniform: Tensor) -> Tensor:
        turn = _ROLL_FROM + (_ROLL_TO - _ROLL_FROM) * uniform[..., 0]
        height = _ROLL_HEIGHT * (uniform[..., 1] - 0.5)
        return torch.stack([turn * turn.cos(), height, turn * turn.sin()], -1) / _ROLL_SCALE

    surface = Surface(2, 3, 2, False, points)
    title = f"Swiss roll in {dim} dimensions"
    return _embedded("swiss_roll", title, "after Tenenbaum et al. 2000", surface, dim, noise, draw)


def _embedded(
    name: str, title: str, source: str, surface: Surface, dim: int, noise: float, draw: int
) -> EmbeddedManifold:
    if dim < surface.width:
        raise GanbenchError(
            f"{name}: it needs {surface.width} dimensions and does not fit into {dim}; "
            f"`dim: {surface.width}` or more works"
        )
    embedding = random_rotation(dim, generator(draw, f"{name}/rotation"))[:, : surface.width]
    return EmbeddedManifold(name, title, source, surface, embedding.contiguous(), noise)


def random_rotation(dim: int, source: torch.Generator) -> Tensor:
    """A uniformly random orthogonal matrix [dim, dim], float64; Source: Mezzadri 2007, section 5."""
    normal = torch.randn(dim, dim, generator=source, dtype=torch.float64)
    orthogonal, triangular = torch.linalg.qr(normal)
    return orthogonal * triangular.diagonal().sign()
