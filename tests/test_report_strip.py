"""The strip through training: cells stand under the examples shown, and an empty one says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from fake_run import Fake, build
from matplotlib.axes import Axes

from ganbench.analysis.run import load_run
from ganbench.report import images, planar, strip
from ganbench.report.samples import Samples
from ganbench.report.style import looks, styled

TIMES = {"nsgan": (0, 16, 32, 160, 624, 10_000), "wgan": (0, 160, 640, 10_020), "lsgan": (0, 32, 700, 9_000)}
"""Examples shown at each variant's measuring points; `lsgan`'s third is as near to 624 as not near enough."""
EXPECTED: Mapping[str, Sequence[int | str]] = {
    "nsgan": (0, 1, 2, 3, 4, 5),
    "wgan": (0, "not measured", "not measured", 1, 2, 3),
    "lsgan": (0, "not measured", 1, "not measured", "not measured", "diverged"),
}
"""Variant to the measuring point in each column, or why there is none."""


@pytest.fixture(scope="module", params=["ring8", "digits"])
def samples(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """Three variants that were measured at other times; the only seed of the last is lost after 1,000."""
    fake = Fake(
        variants=tuple(TIMES),
        datasets=(request.param,),
        seeds=1,
        points=6,
        samples=32,
        failed=(),
        diverged={},
    )
    folder = build(tmp_path_factory.mktemp("run"), fake)
    for i, times in enumerate(TIMES.values()):
        file = folder / "cohorts" / f"{request.param}-{i:02d}-0" / "arrays.npz"
        with np.load(file) as stored:
            arrays = dict(stored)
        kept = arrays["samples"][: len(times)]
        np.savez(
            file, **arrays | {"images": np.array(times), "samples": kept, "points": np.arange(len(times))}
        )
    outcome = folder / "cohorts" / f"{request.param}-02-0" / "outcome.json"
    text = outcome.read_text(encoding="utf-8")
    lost = '{"outcome": "diverged", "step": 9, "images": 1000, "player": "generator"}'
    finished = '{"outcome": "finished", "step": null, "images": null, "player": null}'
    assert finished in text
    outcome.write_text(text.replace(finished, lost), encoding="utf-8")
    return Samples(load_run(folder), request.param)


def words(axes: Axes) -> dict[tuple[int, int], str]:
    """(row, column) to what is written in the cell."""
    found = [(text.get_position(), text.get_text()) for text in axes.texts]
    return {(int(y), int(x)): text for (x, y), text in found if x > 0 and y > 0}


def test_cells_stand_under_the_examples_shown(samples: Samples) -> None:
    histories = strip.histories(samples, tuple(TIMES))
    with styled():
        _, axes, cells = strip.empty_strip(histories, looks(tuple(TIMES)))
    headings = [text.get_text() for text in axes.texts if text.get_position()[1] < 0]
    assert headings == ["shown so far", "0", "16", "32", "160", "624", "10k"]
    filled = {(cell.row, cell.column): cell for cell in cells}
    told = words(axes)
    for row, (variant, expected) in enumerate(EXPECTED.items()):
        for column, point in enumerate(expected):
            if isinstance(point, str):
                assert told.pop((row, column)) == point
            else:
                cell = filled.pop((row, column))
                assert cell.variant == variant
                assert np.array_equal(cell.samples, histories[variant].samples[point], equal_nan=True)
    assert not filled
    assert not told


def test_no_sample_stands_twice_or_far_from_its_column(samples: Samples) -> None:
    history = strip.histories(samples, tuple(TIMES))["wgan"]
    dense = [0.0, 150.0, 158.0, 165.0, 580.0, 10_000.0]
    found = [history.near(column, dense) for column in dense]
    assert [each is not None for each in found] == [True, False, True, False, False, True]


def test_the_figure_of_uneven_points_is_drawn(samples: Samples) -> None:
    draw = planar.training_strip if samples.dataset == "ring8" else images.training_strip
    with styled():
        figure = draw(samples.run, samples.dataset, looks(tuple(TIMES)), tuple(TIMES))
    assert figure is not None
    assert "at most 10% away" in figure.caption
