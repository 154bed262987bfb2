"""Anomalies by planted networks: areas and errors of reproduction that are known by construction."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fake_snapshot import CPU, snapshot_of_game
from torch import Tensor, nn

from ganbench import registry
from ganbench.contract.cohorts import trained
from ganbench.datasets.images import digits
from ganbench.datasets.without_class import without_class
from ganbench.diagnostics.anomaly_detection import anomaly_detection, greatest_logits
from ganbench.diagnostics.diagnostic import NotApplicable
from ganbench.diagnostics.estimators.latent_inversion import reconstruction_errors
from ganbench.errors import GanbenchError
from ganbench.game import DataSpec, Game, RandomInput, Tree
from ganbench.networks.layers import Linear
from ganbench.training.sampling import RealExamples
from ganbench.training.snapshot import Snapshot

T = torch.linspace(-1, 1, 20, dtype=torch.float64)
HEIGHT = 0.75


class Line:
    """Points (t, 0); its anomalies are (t, h)."""

    info = SimpleNamespace(name="line", spec=DataSpec.real((2,)), split_sizes={"train": 20, "heldout": 20})
    anomalies = 20

    def fields(self, split: str, count: int, *_: Any) -> Tree:
        return {"real": torch.stack([T, 0 * T], 1)[:count]}

    def anomaly_fields(self, count: int, *_: Any) -> Tree:
        return {"real": torch.stack([T, 0 * T + HEIGHT], 1)[:count]}


class Judge(nn.Module):
    """The logit v · x."""

    def __init__(self) -> None:
        super().__init__()
        self.direction = nn.Parameter(torch.empty(2))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.direction


def no_loss(*_: Any) -> Tensor:
    raise AssertionError("nothing is trained here")


def line_snapshot(directions: list[list[float]], axes: list[list[float]], kind: Any = "normal") -> Snapshot:
    game = Game(
        {"generator": Linear(1, 2, bias=False), "discriminator": Judge()},
        {
            "generator": lambda networks, batch: networks.generator(batch.noise).sum(),
            "discriminator": lambda networks, batch: networks.discriminator(batch.real).sum(),
        },
        {"noise": RandomInput((1,), kind)},
    )
    params: dict[str, Tree] = {
        "generator": {"weight": torch.tensor(axes, dtype=torch.float64).unsqueeze(2)},
        "discriminator": {"direction": torch.tensor(directions, dtype=torch.float64)},
    }
    snapshot = snapshot_of_game(game, params, (2,))
    snapshot.dataset = Line()  # type: ignore[assignment]
    snapshot._real = RealExamples(snapshot.dataset, CPU, torch.float64)
    return snapshot


def test_areas_of_planted_networks() -> None:
    snapshot = line_snapshot(
        [[0, -1], [0, 1], [0, 0], [0, torch.nan]], [[1, 0], [1, 0], [1, 0], [torch.nan, 0]]
    )
    values = anomaly_detection(Line()).measure(snapshot)  # type: ignore[arg-type]
    by_logit, by_error = (values[f"anomaly_auroc_{kind}"] for kind in ("discriminator", "inversion"))
    assert by_logit[:3].tolist() == [1.0, 0.0, 0.5]
    assert by_error[:3].tolist() == [1.0] * 3
    assert by_logit[3].isnan()
    assert by_error[3].isnan()


def test_area_of_a_half_blind_discriminator_is_the_share_of_right_pairs() -> None:
    snapshot = line_snapshot([[-1, -0.3]], [[1, 0]])
    value = anomaly_detection(Line()).measure(snapshot)["anomaly_auroc_discriminator"].item()  # type: ignore[arg-type]
    scores = T.unsqueeze(1) + 0.3 * HEIGHT - T.unsqueeze(0)
    assert value == pytest.approx(((scores > 0).double() + (scores == 0) / 2).mean().item(), abs=1e-12)


def test_errors_of_reproduction_are_distances_to_the_generators_range() -> None:
    snapshot = line_snapshot([[0, 0]] * 2, [[1, 0], [0, 1]])
    examples = torch.cat([Line().fields("heldout", 20)["real"], Line().anomaly_fields(20)["real"]])
    errors = reconstruction_errors(snapshot, examples, 50, 2, 150, 0.05)
    expected = torch.stack([examples[:, 1] ** 2 / 2, examples[:, 0] ** 2 / 2])
    torch.testing.assert_close(errors, expected, rtol=1e-3, atol=1e-4)
    begun = reconstruction_errors(snapshot, examples, 50, 2, 0, 0.05)
    assert (begun >= errors - 1e-12).all()
    assert (begun > errors + 1e-4).any()
    wild = reconstruction_errors(snapshot, examples, 50, 2, 3, 100.0)
    assert (wild <= begun + 1e-12).all()  # the best on the way counts, not the last
    points = snapshot.sampling_inputs("inversion").draw(50, torch.float64)["noise"]
    nearest = (points - examples[:, 0]).abs().amin(1)[0]  # [n], along the first axis
    torch.testing.assert_close(begun[0], (nearest**2 + examples[:, 1] ** 2) / 2)


def test_uniform_latents_stay_in_their_range() -> None:
    snapshot = line_snapshot([[0, 0]], [[0.5, 0]], "symmetric")
    far = torch.tensor([[2.0, 0.0]], dtype=torch.float64)
    assert reconstruction_errors(snapshot, far, 20, 1, 100, 0.1).item() == pytest.approx(1.5**2 / 2)


def test_without_a_real_valued_latent_inversion_is_undefined() -> None:
    snapshot = line_snapshot([[0, -1]], [[1, 0]])
    snapshot._program.game.inputs.clear()  # type: ignore[attr-defined]
    assert snapshot.latents == {}
    assert reconstruction_errors(snapshot, torch.zeros(3, 2, dtype=torch.float64), 5, 1, 1, 0.1).isnan().all()


def test_labels_are_those_that_make_an_example_most_real() -> None:
    snapshot = trained(registry.get("variant", "cgan"), "without_class").snapshot(0, False)
    assert "label" in snapshot.logits_reads
    images = snapshot.real("heldout", 7)
    by_label = [
        snapshot.discriminator(images, {"label": torch.full((7,), number)}) for number in range(1, 10)
    ]
    torch.testing.assert_close(greatest_logits(snapshot, images), torch.stack(by_label).max(0).values)
    diagnostic = anomaly_detection(snapshot.dataset, examples=5, steps=2, samples=20)
    values = diagnostic.measure(snapshot)
    assert set(values) == {quantity.name for quantity in diagnostic.quantities}
    assert all(((value >= 0) & (value <= 1)).all() for value in values.values())


def test_measuring_changes_no_latent_draw() -> None:
    snapshot = line_snapshot([[0, -1]], [[1, 0]])
    one, two = (anomaly_detection(Line()).measure(snapshot) for _ in range(2))  # type: ignore[arg-type]
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_where_it_has_nothing_to_say() -> None:
    with pytest.raises(NotApplicable, match="digits: lacks no class; the data set `without_class`"):
        anomaly_detection(digits())
    with pytest.raises(GanbenchError, match="5 starts need as many samples"):
        anomaly_detection(without_class(), starts=5, samples=4)
