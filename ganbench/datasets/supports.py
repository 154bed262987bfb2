"""Distributions whose overlap with a known generator is known: Gaussians on flats.

Their partner is the network `flat` before training: N(0, I) on the last `latent_dim` coordinates.
The data set carries the distance, so that one generator meets all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from ganbench.datasets.blocks import Blocks
from ganbench.datasets.dataset import Dataset, DatasetInfo, Split, register_dataset
from ganbench.datasets.primary import perfect_discriminator_error
from ganbench.errors import GanbenchError
from ganbench.game import SampleSpec
from ganbench.streams import SeedStreams, generator

EVALUATION_SAMPLES = 2500
_BLOCK = 4096  # fixed examples are drawn by whole blocks: fewer of them are a prefix of more
_NUMBERS_A_BLOCK = 16_384  # of a seed's training draws; part of the stream
_ROWS_AT_LEAST = 256
_SOURCE = "after Arjovsky & Bottou 2017, section 2"


class FlatGaussian(Dataset):
    """mean + frame·z with z ~ N(0, I_d): a Gaussian on a d-dimensional flat of n-dimensional space.

    `mean` [n] and `frame` [n, d], whose columns are orthonormal, are float64 on the CPU.
    """

    def __init__(self, name: str, title: str, mean: Tensor, frame: Tensor) -> None:
        self.mean, self.frame = mean, frame
        self.info = DatasetInfo(
            name=name,
            title=title,
            spec=SampleSpec((len(mean),)),
            source=_SOURCE,
            licence="synthetic",
            primary=perfect_discriminator_error(),
            evaluation_samples=EVALUATION_SAMPLES,
            ranked=False,
        )

    def sampler(self, seeds: Sequence[int], device: torch.device, dtype: torch.dtype) -> FlatSampler:
        return FlatSampler(self, seeds, device, dtype)

    def examples(self, split: Split, count: int, device: torch.device, dtype: torch.dtype) -> Tensor:
        source = generator(0, f"examples/{split}")
        shape = (_BLOCK, self.frame.shape[1])
        blocks = [
            torch.randn(shape, generator=source, dtype=torch.float64) for _ in range(-(-count // _BLOCK))
        ]
        return (self.mean + torch.cat(blocks)[:count] @ self.frame.T).to(device, dtype)


class FlatSampler:
    """Independent draws for S seeds, each from its own stream `data`."""

    def __init__(
        self, flat: FlatGaussian, seeds: Sequence[int], device: torch.device, dtype: torch.dtype
    ) -> None:
        self._mean, self._frame = flat.mean.to(device, dtype), flat.frame.to(device, dtype)
        self._blocks = Blocks(SeedStreams(seeds, "data", device), self._block)

    def draw(self, count: int) -> dict[str, Tensor]:
        return {"real": self._blocks.take(count)}

    def state(self) -> dict[str, Any]:
        return self._blocks.state()

    def restore(self, state: Mapping[str, Any]) -> None:
        self._blocks.restore(state)

    def _block(self, streams: SeedStreams) -> Tensor:
        """The next examples of every seed [S, rows, n]."""
        dim = self._frame.shape[1]
        normal = streams.normal((max(_ROWS_AT_LEAST, _NUMBERS_A_BLOCK // dim), dim), self._frame.dtype)
        return self._mean + torch.stack([each @ self._frame.T for each in normal])


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
