"""Gaussians on flats: the draws fill the flat that they claim, and the partner the last axes."""

from __future__ import annotations

import math

import pytest
import torch

from ganbench import registry
from ganbench.claims.perfect_discriminator import CROSSING, DISJOINT, SAME, gaussians, known_overlap
from ganbench.datasets.supports import FlatGaussian, gaussian_pair, manifold_pair, parallel_lines
from ganbench.diagnostics.diagnostic import primary_quantity
from ganbench.errors import GanbenchError
from ganbench.execution.dataset_artifacts import dataset_card
from ganbench.game import DataSpec
from ganbench.networks.flat import FlatGenerator

CPU = torch.device("cpu")
COUNT = 20_000
FLATS = {
    "pair": gaussian_pair(distance=3.0, dim=2),
    "lines": parallel_lines(distance=0.5),
    "manifold": manifold_pair(dimension=3, ambient=5, distance=2.0),
    "full": manifold_pair(dimension=4, ambient=4),
}


@pytest.mark.parametrize("name", FLATS)
def test_draws_and_examples_have_the_flats_moments(name: str) -> None:
    flat = FLATS[name]
    drawn = flat.sampler((0, 1), CPU, torch.float64).draw(COUNT)["real"]
    for x in (*drawn, flat.examples("heldout", COUNT, CPU, torch.float64)):
        spread = 5 / math.sqrt(COUNT)
        assert (x.mean(0) - flat.mean).abs().max() < spread
        assert (x.T.cov() - flat.frame @ flat.frame.T).abs().max() < 2 * spread


@pytest.mark.parametrize("name", FLATS)
def test_no_draw_leaves_the_flat(name: str) -> None:
    flat = FLATS[name]
    n, d = flat.frame.shape
    torch.testing.assert_close(flat.frame.T @ flat.frame, torch.eye(d, dtype=torch.float64))
    x = flat.sampler((5,), CPU, torch.float64).draw(100)["real"][0] - flat.mean
    assert (x - x @ flat.frame @ flat.frame.T).abs().max() < 1e-14
    assert torch.linalg.matrix_rank(x) == d <= n


def test_distance_lies_along_the_first_axis_away_from_the_partners_flat() -> None:
    lines = parallel_lines(distance=0.25)
    assert (lines.examples("train", 50, CPU, torch.float64)[:, 0] == 0.25).all()
    assert FLATS["pair"].mean.tolist() == [3.0, 0.0]


def test_two_random_flats_differ_and_repeat() -> None:
    one, again = (manifold_pair(draw=1).frame for _ in range(2))
    assert torch.equal(one, again)
    assert not torch.equal(one, manifold_pair(draw=2).frame)
    with pytest.raises(GanbenchError, match="does not fit"):
        manifold_pair(dimension=9, ambient=8)


def test_the_partner_fills_the_last_axes_at_its_location() -> None:
    generator = FlatGenerator(2, (2, 2))
    generator.location.data.copy_(torch.tensor([1.0, 0.0, 0.0, -1.0]))
    made = generator(torch.tensor([[5.0, 7.0]]))
    assert made.tolist() == [[[1.0, 0.0], [5.0, 6.0]]]
    pair = registry.get("network", "flat").factory()
    with pytest.raises(GanbenchError, match="latent_dim cannot be 3"):
        pair.generator(3, DataSpec.real((2,)))


def test_known_truths_rank_nothing() -> None:
    """The card that a run keeps says so."""
    known = ("gaussian_pair", "parallel_lines", "manifold_pair", "dirac", "exponential", "normal")
    cards = {name: dataset_card(registry.get("dataset", name).factory()) for name in (*known, "ring8")}
    assert [name for name, card in cards.items() if not card["ranked"]] == list(known)


def test_known_overlaps() -> None:
    assert known_overlap("parallel_lines", {"distance": 0.0}, 1) == SAME
    assert known_overlap("parallel_lines", {"distance": 1e-9}, 1) == DISJOINT
    assert known_overlap("parallel_lines", {"distance": 1.0}, 2) is None
    flats = {"dimension": 4, "ambient": 4, "distance": 0.0}
    assert known_overlap("manifold_pair", flats, 4) == SAME
    assert known_overlap("manifold_pair", flats, 3) == CROSSING
    assert known_overlap("manifold_pair", {**flats, "dimension": 3}, 4) == CROSSING
    assert known_overlap("manifold_pair", {**flats, "dimension": 1}, 1) == CROSSING
    lines = {"dimension": 1, "ambient": 3, "distance": 0.5}
    assert known_overlap("manifold_pair", lines, 1) == DISJOINT, "two lines in space miss each other"
    assert known_overlap("manifold_pair", lines, 2) == CROSSING, "a line meets a plane"
    assert (DISJOINT.gap, CROSSING.gap, SAME.gap) == (True, False, False)
    assert CROSSING.perfect
    assert known_overlap("ring8", {}, 1) is None


@pytest.mark.parametrize("distance", [0.3, 2.0, 8.0, 20.0])
def test_overlap_of_gaussians_by_another_way(distance: float) -> None:
    """Against sums over a fine grid, and Pinsker-like bounds between error and divergence."""
    found = gaussians(distance)
    x = torch.linspace(-15, distance + 15, 400_001, dtype=torch.float64)
    logit = distance * x - distance**2 / 2
    step = float(x[1] - x[0]) / math.sqrt(2 * math.pi)
    q, p = (-(x**2) / 2).exp() * step, (-((x - distance) ** 2) / 2).exp() * step
    log_sigmoid = torch.nn.functional.logsigmoid
    jsd = math.log(2) + float((p * log_sigmoid(logit) + q * log_sigmoid(-logit)).sum()) / 2
    assert found.jsd == pytest.approx(jsd, rel=1e-9)
    assert found.error == pytest.approx(float(torch.minimum(p, q).sum()) / 2, rel=1e-6)
    assert found.minimax == pytest.approx(distance * float((q * logit.sigmoid()).sum()), rel=1e-7)
    assert found.nonsaturating == pytest.approx(distance * float((q * (-logit).sigmoid()).sum()), rel=1e-7)


def test_a_flat_is_described_as_a_data_set() -> None:
    for flat in FLATS.values():
        assert isinstance(flat, FlatGaussian)
        assert primary_quantity(flat).name == "perfect_discriminator_error"
