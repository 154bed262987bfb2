"""What is kept of the last generator for figures: walks between latents, and a row for each class."""

from __future__ import annotations

import numpy as np
import torch
from engine_cohorts import cohort

from ganbench.diagnostics.diagnostic import image_bytes
from ganbench.execution.measurements import Measurements
from ganbench.execution.pictures import STEPS, pictures, walk
from ganbench.game import RandomInput
from ganbench.training.description import Choice
from ganbench.training.trainer import Trainer

SMALL = {"network": {"mlp": {"width": 8}}, "latent_dim": 4, "batch_size": 8}


def trained(variant: str, dataset: str = "digits", diagnostics: tuple[str, ...] = ()) -> Trainer:
    return cohort(
        variant,
        SMALL,
        dataset=dataset,
        mode="plain",
        budget=("steps", 3),
        measure=(0.0, 1.0),
        diagnostics=diagnostics,
    )


def ends(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    source = torch.Generator().manual_seed(1)
    start, end = (torch.randn(2, 3, *shape, generator=source, dtype=torch.float64) for _ in range(2))
    return start, end


def test_walks_lead_from_one_latent_to_the_other() -> None:
    for kind in ("normal", "uniform"):
        for shape in ((5,), (2, 3), ()):
            start, end = ends(*shape)
            path = walk(start, end, RandomInput(shape, kind))
            assert path.shape == (2, 3, STEPS, *shape)
            torch.testing.assert_close(path[:, :, 0], start, rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(path[:, :, -1], end, rtol=1e-12, atol=1e-12)


def test_normal_latents_keep_to_the_sphere_and_turn_evenly_and_uniform_ones_go_straight() -> None:
    start, end = (value / value.norm(dim=-1, keepdim=True) for value in ends(6))
    path = walk(start, end, RandomInput((6,), "normal"))
    torch.testing.assert_close(path.norm(dim=-1), torch.ones(2, 3, STEPS, dtype=torch.float64))
    turns = (path[:, :, 1:] * path[:, :, :-1]).sum(-1).acos()
    torch.testing.assert_close(turns, (start * end).sum(-1).acos()[..., None].expand_as(turns) / (STEPS - 1))
    straight = walk(start, end, RandomInput((6,), "uniform"))
    torch.testing.assert_close(straight.diff(n=2, dim=2), torch.zeros_like(straight[:, :, 2:]))


def test_rows_of_classes_are_what_the_generator_makes_of_them() -> None:
    training = trained("cgan")
    *_, snapshot = training.train()
    kept = pictures(snapshot)
    assert kept["walks"].shape == (2, STEPS, STEPS, 1, 8, 8)
    assert kept["classes"].shape == (2, 10, STEPS, 1, 8, 8)
    drawn = snapshot.sampling_inputs("classes").draw(STEPS, snapshot.dtype)
    for label in (0, 7):
        drawn["label"] = torch.full_like(drawn["label"], label)
        images = snapshot.evaluate(snapshot.game.sample, drawn, averaged=True)
        np.testing.assert_array_equal(kept["classes"][:, label], image_bytes(images).numpy())
    assert len(np.unique(kept["classes"][0, :, 0], axis=0)) > 1


def test_a_class_that_is_not_trained_on_has_no_row() -> None:
    *_, snapshot = trained("cgan", "without_class").train()  # without the class 0
    kept = pictures(snapshot)
    assert kept["class_numbers"].tolist() == [[1, 2, 3, 4, 5, 6, 7, 8, 9]] * 2
    assert kept["classes"].shape == (2, 9, STEPS, 1, 8, 8)
    drawn = snapshot.sampling_inputs("classes").draw(STEPS, snapshot.dtype)
    drawn["label"] = torch.full_like(drawn["label"], 4)
    images = snapshot.evaluate(snapshot.game.sample, drawn, averaged=True)
    np.testing.assert_array_equal(kept["classes"][:, 3], image_bytes(images).numpy())


def test_what_has_no_classes_has_no_rows_of_them_and_vectors_have_no_pictures() -> None:
    *_, snapshot = trained("nsgan").train()
    assert set(pictures(snapshot)) == {"walks"}
    measurements = Measurements(training := trained("nsgan", "ring8"))
    for snapshot in training.train():
        measurements.take(snapshot)
    assert "walks" not in measurements.arrays()


def test_pictures_are_kept_of_the_end_alone_and_change_no_number() -> None:
    plain, watched = trained("cgan"), trained("cgan")
    measurements = Measurements(watched)
    for one, other in zip(plain.train(), watched.train(), strict=True):
        measurements.take(other)
        assert ("walks" in measurements.arrays()) == other.moment.final
        assert torch.equal(one.samples(16), other.samples(16))


def test_a_diagnostic_that_keeps_pictures_is_read_by_the_report() -> None:
    """Each array of the cohort has the seeds first, as figures read them."""
    training = trained("nsgan", "stacked_digits", (Choice("factors", "factors", {"samples": 200}),))  # type: ignore[arg-type]
    measurements = Measurements(training)
    for snapshot in training.train():
        measurements.take(snapshot)
    arrays = measurements.arrays()
    assert arrays["factors/examples"].shape == (2, 3, 10, 3, 8, 8)
    assert arrays["factors/validity"].shape == (2, 3, 10)
