"""Distributions whose overlap with a known generator is known: Gaussians on flats.

Their partner is the network `flat` before training: N(0, I) on the last `latent_dim` coordinates.
The data set carries the distance, so that one generator meets all of them.
"""

from __future__ import annotations

from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from ganbench.datasets.blocks import Block, Distribution
from ganbench.datasets.dataset import DatasetInfo, Primary, register_dataset
from ganbench.errors import GanbenchError
from ganbench.game import DataSpec
from ganbench.streams import SeedStreams, generator

_SOURCE = "after Arjovsky & Bottou 2017, section 2"


class FlatGaussian(Distribution):
    """mean + frame·z with z ~ N(0, I_d): a Gaussian on a d-dimensional flat of n-dimensional space.

    `mean` [n] and `frame` [n, d], whose columns are orthonormal, are float64 on the CPU.
    """

    def __init__(self, name: str, title: str, mean: Tensor, frame: Tensor) -> None:
        self.mean, self.frame = mean, frame
        self.info = DatasetInfo(
            name=name,
            title=title,
            spec=DataSpec.real((len(mean),)),
            source=_SOURCE,
            licence="synthetic",
            primary=Primary("perfect_discriminator", "perfect_discriminator_error"),
            ranked=False,
        )

    @property
    def numbers_drawn(self) -> int:
        return self.frame.shape[1]

    def draw(self, streams: SeedStreams, rows: int, dtype: torch.dtype) -> Block:
        mean, frame = (t.to(streams.device, dtype) for t in (self.mean, self.frame))
        normal = streams.normal((rows, frame.shape[1]), dtype)
        return {"real": mean + torch.stack([of_seed @ frame.T for of_seed in normal])}


@register_dataset("gaussian_pair")
def gaussian_pair(
    distance: Annotated[float, Ge(0), "distance of the mean from the origin, in standard deviations"] = 1.0,
    dim: Annotated[int, Ge(1), "dimensions of the space"] = 1,
) -> FlatGaussian:
    """N(distance·e₁, I) against a generator N(0, I): the best error is Φ(−distance/2).

    With `network: flat` and latent_dim = dim.  The supports are the whole space at every distance.
    """
    title = f"Gaussian at distance {distance:g}" + (f" in {dim} dimensions" if dim > 1 else "")
    return FlatGaussian("gaussian_pair", title, _along_first(distance, dim), _last_axes(dim, dim))


@register_dataset("parallel_lines")
def parallel_lines(
    distance: Annotated[float, Ge(0), "distance between the two lines"] = 1.0,
) -> FlatGaussian:
    """A line in the plane beside a generator on a parallel one: disjoint at every distance above zero.

    With `network: flat` and latent_dim 1.  Jensen-Shannon divergence: 0 at distance 0, else log 2.
    Source: Arjovsky et al. 2017 (WGAN), example 1; a Gaussian along the line, theirs is uniform.
    """
    title = f"Line at distance {distance:g}"
    return FlatGaussian("parallel_lines", title, _along_first(distance, 2), _last_axes(2, 1))


@register_dataset("manifold_pair")
def manifold_pair(
    dimension: Annotated[int, Ge(1), "dimension d of the flat that the data fill"] = 4,
    ambient: Annotated[int, Ge(1), "dimension n of the space"] = 8,
    distance: Annotated[float, Ge(0), "of the flat's centre from the origin, along the first axis"] = 0.0,
    draw: Annotated[int, Ge(0), "which random flat; not the trial's seed"] = 0,
) -> FlatGaussian:
    """N(0, I_d) on a random d-dimensional flat in n dimensions, against a generator on another flat.

    With `network: flat` the generator fills the last latent_dim axes.  Unless both fill the whole space, one
    support is a null set of the other: the best error is 0 and the Jensen-Shannon divergence log 2.
    """
    if dimension > ambient:
        raise GanbenchError(
            f"manifold_pair: a flat of dimension {dimension} does not fit into {ambient} dimensions"
        )
    normal = torch.randn(ambient, dimension, generator=generator(draw, "manifold_pair"), dtype=torch.float64)
    frame = torch.linalg.qr(normal).Q
    title = f"Random {dimension}-dimensional flat in {ambient} dimensions"
    return FlatGaussian("manifold_pair", title, _along_first(distance, ambient), frame)


def _along_first(distance: float, dim: int) -> Tensor:
    mean = torch.zeros(dim, dtype=torch.float64)
    mean[0] = distance
    return mean


def _last_axes(dim: int, count: int) -> Tensor:
    return torch.eye(dim, dtype=torch.float64)[:, dim - count :]
