"""Whether samples are copies: nearest training examples against nearest held-out ones.

Everywhere real points [N, F] are one pool, the training examples first.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import hypergeom
from torch import Tensor
from torch.nn.functional import normalize

from ganbench.diagnostics.estimators.neighbours import rows_per_pass
from ganbench.streams import generator

_SPARE = 8  # candidates beyond those asked for, as products round
_FEWEST, _GROWTH = 5, 1.25  # the numbers of points that are looked at: 5 and each a quarter more
LABELLINGS = 9_999
"""Random labellings behind a p-value."""


@dataclass(frozen=True)
class Nearest:
    """The nearest real points of samples: distances [n, K] ascending, and their places in the pool, int64."""

    distances: Tensor
    places: Tensor


def nearest_points(samples: Tensor, pool: Tensor, count: int = 2) -> Nearest:
    """The `count` nearest of a pool [N, F] to samples [n, F], float64.

    Candidates come from inner products; their distances are from differences, so that a copy has distance 0.
    """
    centre = pool.mean(0)
    points, squares = pool - centre, (pool - centre).square().sum(1)
    parts = []
    for part in samples.split(rows_per_pass(len(pool))):
        approximate = torch.addmm(squares, part - centre, points.mT, alpha=-2)
        candidates = approximate.topk(min(count + _SPARE, len(pool)), dim=1, largest=False).indices
        apart = torch.stack([(part - pool[column]).square().sum(1).sqrt() for column in candidates.mT], 1)
        chosen = apart.topk(count, dim=1, largest=False)
        parts.append((chosen.values, candidates.gather(1, chosen.indices)))
    distances, places = (torch.cat(values) for values in zip(*parts, strict=True))
    return Nearest(distances, places)


def joined(first: Nearest, second: Nearest, size: int) -> Nearest:
    """The nearest points of two pools put together, of which the first has `size` points."""
    distances = torch.cat([first.distances, second.distances], 1)
    places = torch.cat([first.places, second.places + size], 1)
    nearest, order = distances.topk(first.distances.shape[1], dim=1, largest=False)
    return Nearest(nearest, places.gather(1, order))


def cosine_distance(samples: Tensor, train: Tensor) -> float:
    """Mean over samples [n, F] of 1 − |cos| to the most similar training example [N, F], float64.

    A vector of zeros has no direction: its cosine with everything is 0.
    """
    unit, others = (normalize(points.double(), dim=1) for points in (samples, train))
    parts = unit.split(rows_per_pass(len(others)))
    return float(1 - torch.cat([(part @ others.mT).abs().amax(1) for part in parts]).mean())


def memorization_penalty(distance: Tensor, threshold: float) -> Tensor:
    """What MiFID multiplies the distance with: 1/(s + 1e-15) where the cosine distance s < τ, else 1.

    Source: Bai et al. 2021 (arXiv 2106.03062), section 3.2.
    """
    return torch.where(distance < threshold, 1 / (distance.clamp_min(0) + 1e-15), 1.0)


def copying_p_value(nearest: Nearest, train: int, heldout: int) -> float:
    """Whether samples lean to the training examples, of which held-out ones are another random part.

    Real points that are nearest to some sample are ordered by how much nearer than the second nearest they
    are to it, which no labels enter.  If it made no difference which points were trained on, their labels are
    drawn without replacement, so the numbers of training examples among the first k are hypergeometric.  The
    statistic is the largest −log P(at least that number) over some k from five to all of
    them: so a few copies show, and so do many samples that lie a little too near.  The p-value is the
    share of random labellings, the true one counted in, whose statistic is at least as large.
    """
    ratios = (nearest.distances[:, 0] / nearest.distances[:, 1]).nan_to_num(1.0)  # 0/0: two are as near
    order = ratios.argsort(stable=True)
    places = np.array(list(dict.fromkeys(nearest.places[order, 0].tolist())))
    sizes, null = _null_statistics(train, heldout)
    looked_at = int((sizes <= len(places)).sum())
    if looked_at == 0:
        return 1.0  # so few real points are nearest to any sample that nothing could be seen
    hits = (places < train).cumsum()[sizes[:looked_at] - 1]
    true = _surprises(hits[None], sizes[:looked_at], train, heldout).max()
    return (1 + int((null[:, looked_at - 1] >= true).sum())) / (1 + len(null))


@functools.lru_cache(maxsize=8)
def _null_statistics(train: int, heldout: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The numbers of points that are looked at [G], and statistics of random labellings up to each [P, G]."""
    pool = train + heldout
    steps = int(np.log(pool / _FEWEST) / np.log(_GROWTH)) + 1
    sizes = np.unique([round(_FEWEST * _GROWTH**step) for step in range(steps)])
    seed = torch.randint(2**62, (), generator=generator(0, "memorization/labellings"))
    source = np.random.default_rng(int(seed))
    hits = np.zeros((LABELLINGS, len(sizes)), dtype=np.int64)
    drawn, so_far = 0, np.zeros(LABELLINGS, dtype=np.int64)
    for column, size in enumerate(sizes):
        left = train - so_far
        so_far = so_far + source.hypergeometric(left, pool - drawn - left, size - drawn)
        hits[:, column], drawn = so_far, size
    return sizes, np.maximum.accumulate(_surprises(hits, sizes, train, heldout), axis=1)


def _surprises(hits: NDArray[Any], sizes: NDArray[Any], train: int, heldout: int) -> NDArray[Any]:
    """−log P(at least so many training examples) of numbers of hits [P, G] among the first points [G]."""
    surprises = np.empty(hits.shape)
    for column, size in enumerate(sizes):
        values, inverse = np.unique(hits[:, column], return_inverse=True)
        surprises[:, column] = -hypergeom.logsf(values - 1, train + heldout, train, size)[inverse]
    return surprises


def authenticity(samples: Nearest, own_distances: Tensor) -> float:
    """The share of samples that are further from their nearest training example than its own neighbour is.

    `samples` are nearest training examples; `own_distances` [N] those of each training example's nearest
    other.  Copies have 0.  Source: Alaa et al. 2022, section 4.3.  Deviation: their code compares with the
    neighbour of another example (evaluating-generative-models, issue 4).
    """
    return float((samples.distances[:, 0] > own_distances[samples.places[:, 0]]).double().mean())
