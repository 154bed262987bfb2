"""The figures of image data sets: each of the arrays that a cohort stored, and none where it stored none."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_run import Fake, build
from PIL import Image

from ganbench.analysis.run import Run, load_run
from ganbench.report import images
from ganbench.report.samples import Array, Samples
from ganbench.report.style import Figure, Look, looks, styled

VARIANTS = ("nsgan", "lsgan")
Maker = Callable[[Run, str, Mapping[str, Look], Sequence[str]], Figure | None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fake = Fake(datasets=("digits",), variants=VARIANTS, failed=(), diverged={}, samples=64, points=3)
    build(tmp_path, fake)
    return tmp_path


def stored(folder: Path, **arrays: Array) -> Run:
    """The run with arrays [S, ...] beside those of every cohort, `/` written as two underscores."""
    for file in folder.glob("cohorts/*/arrays.npz"):
        with np.load(file) as present:
            kept = {name: present[name] for name in present.files}
        seeds = len(kept["seeds"])
        new = {k.replace("__", "/"): v if v.ndim == 1 else v[:seeds] for k, v in arrays.items()}
        every: dict[str, Any] = kept | new
        np.savez(file, **every)
    return load_run(folder)


def drawn(make: Maker, run: Run) -> Figure | None:
    with styled():
        return make(run, "digits", looks(VARIANTS), list(VARIANTS))


def noise(*shape: int) -> Array:
    return np.random.default_rng(0).integers(0, 255, (20, *shape, 1, 8, 8), dtype=np.uint8)


@pytest.mark.parametrize(
    "make",
    [images.class_grids, images.walks, images.nearest, images.factor_examples],
)
def test_what_was_not_stored_is_not_drawn(folder: Path, make: Maker) -> None:
    assert drawn(make, load_run(folder)) is None


@pytest.mark.parametrize(
    ("make", "name", "array"),
    [
        (images.class_grids, "classes", noise(10, 8)),
        (images.walks, "walks", noise(8, 8)),
        (images.nearest, "memorization__closest", noise(32, 2)),
    ],
)
def test_what_was_stored_is_drawn_once_for_every_variant(
    folder: Path, make: Maker, name: str, array: Array
) -> None:
    figure = drawn(make, stored(folder, **{name: array}))
    assert figure is not None
    picture = Image.open(io.BytesIO(figure.png))
    colours = {c for _, c in picture.convert("RGB").getcolors(1 << 24) or []}
    for look in looks(VARIANTS).values():
        assert tuple(int(look.colour[i : i + 2], 16) for i in (1, 3, 5)) in colours


def test_a_sample_stands_above_its_nearest_training_example(folder: Path) -> None:
    pairs = noise(32, 2)[0]
    run = stored(folder, memorization__closest=np.tile(pairs, (20, 1, 1, 1, 1, 1)))
    _, kept = Samples(run, "digits").last("nsgan", "closest") or (0, np.empty(0))
    lines = images.pair_lines(kept)
    assert lines.shape == (8, 8, 1, 8, 8)
    for row in range(4):
        np.testing.assert_array_equal(lines[2 * row], pairs[8 * row : 8 * row + 8, 0])
        np.testing.assert_array_equal(lines[2 * row + 1], pairs[8 * row : 8 * row + 8, 1])


def test_factors_are_named_and_their_classes_counted(folder: Path) -> None:
    validity = np.tile(np.array([[2, 1, 0], [2, 2, -1]], dtype=np.int8), (20, 1, 1))
    run = stored(folder, factors__examples=noise(2, 3), factors__validity=validity)
    figure = drawn(images.factor_examples, run)
    assert figure is not None
    title = images.classes_shown(Samples(run, "digits"), "nsgan")
    assert title.endswith("of 5 classes 4 in some sample, 3 in a valid one")
