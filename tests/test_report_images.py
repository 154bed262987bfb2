"""What diagnostics and generators stored for figures: whose curve it is, and which class a row is of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_run import Fake, build
from matplotlib.axes import Axes

from ganbench.analysis.run import Run, load_run
from ganbench.report.images import class_grids
from ganbench.report.sample_size import bias_curves, fid_against_samples
from ganbench.report.style import looks

COUNTS = np.array([30, 100, 200, 300])
SMALL = Fake(points=2, samples=16, seeds=2, variants=("a", "b"), failed=())


def with_arrays(tmp_path: Path, **arrays: Any) -> Run:
    """A run whose image cohorts stored these arrays, too."""
    folder = build(tmp_path, SMALL)
    for file in folder.glob("cohorts/digits*/arrays.npz"):
        stored = dict(np.load(file))
        np.savez_compressed(file, **stored, **arrays)
    return load_run(folder)


def curve(limit: float, slopes: tuple[float, ...]) -> np.ndarray:
    """Distances [S, K] on straight lines in 1/n."""
    return limit + np.array(slopes)[:, None] / COUNTS


def test_two_settings_of_one_diagnostic_have_a_curve_and_a_limit_each(tmp_path: Path) -> None:
    names = {"fid_infinity": curve(5.0, (10.0, 30.0)), "pixels": curve(70.0, (900.0, np.nan))}
    arrays = {f"{label}/fid_counts": COUNTS for label in names}
    run = with_arrays(tmp_path, **arrays, **{f"{n}/fid_against_n": values for n, values in names.items()})
    found = bias_curves(run, "digits", "a")
    assert list(found) == ["fid_infinity", "pixels"]
    for label, limit, slope in (("fid_infinity", 5.0, 20.0), ("pixels", 70.0, 900.0)):
        np.testing.assert_allclose(found[label].distances, limit + slope / COUNTS)
        assert found[label].limit == pytest.approx(limit)
    figures = fid_against_samples(run, "digits", looks(run.variants), run.variants)
    assert [f"`{label}`" in figure.caption for label, figure in zip(names, figures, strict=True)] == [
        True
    ] * 2
    assert len({figure.name for figure in figures}) == 2
    assert fid_against_samples(run, "ring8", looks(run.variants), run.variants) == []


def test_a_row_of_a_class_is_named_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = np.zeros((2, 3, 8, 1, 8, 8), dtype=np.uint8)
    run = with_arrays(tmp_path, classes=pictures, class_numbers=np.array([[0, 2, 7]] * 2))
    rows: list[list[str]] = []
    original = Axes.set_yticks

    def watched(self: Axes, ticks: Any, labels: Any = (), **others: Any) -> Any:
        rows.append(list(labels))
        return original(self, ticks, labels, **others)

    monkeypatch.setattr(Axes, "set_yticks", watched)
    assert class_grids(run, "digits", looks(run.variants), run.variants) is not None
    assert rows == [["0", "2", "7"]] * 2
