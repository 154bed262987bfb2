"""The hash of data: other contents of a file, named or not, are other data."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from ganbench import registry
from ganbench.datasets import checks
from ganbench.datasets.arrays import ArrayDataset, array
from ganbench.datasets.digest import data_digest, file_digest
from ganbench.datasets.images import digits
from ganbench.datasets.mixtures import ring8
from ganbench.datasets.pair import Pair
from ganbench.errors import MissingData

pytestmark = pytest.mark.usefixtures("forgotten_names")

POINTS = np.random.default_rng(0).normal(size=(100, 3))


def changed(row: int) -> np.ndarray:
    other = POINTS.copy()
    other[row, 1] = np.nextafter(other[row, 1], 9)
    return other


def test_the_contents_of_a_named_file_count(tmp_path: Path) -> None:
    first = tmp_path / "x.npy"
    np.save(first, POINTS)
    before = data_digest(array(str(first)))
    assert data_digest(array(str(first))) == before
    np.save(tmp_path / "y.npy", POINTS)
    assert data_digest(array(str(tmp_path / "y.npy"))) == before
    np.save(first, changed(3))
    assert data_digest(array(str(first))) != before


def test_a_file_is_read_again_only_where_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"one")
    before = file_digest(file)
    monkeypatch.setattr(Path, "open", None)
    assert file_digest(file) == before
    monkeypatch.undo()
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    assert file_digest(file) != before
    file.unlink()
    with pytest.raises(MissingData, match="x: cannot be read"):
        file_digest(file)


@pytest.mark.parametrize("row", [0, 57, 99])
def test_every_row_of_unnamed_data_counts(row: int) -> None:
    one, other = (data_digest(ArrayDataset("mine", {"real": rows})) for rows in (POINTS, changed(row)))
    assert one != other
    assert one == data_digest(ArrayDataset("mine", {"real": POINTS}))


READS = """
import csv, pathlib, torch
from ganbench.datasets import Dataset, DatasetInfo, Primary, register_dataset
from ganbench.datasets.arrays import ArrayDataset
from ganbench.datasets.mixtures import GaussianMixture

numbers = [float(x) for x in pathlib.Path(__file__).with_name("x.csv").read_text().split()]

class Mine(GaussianMixture):
    pass

@register_dataset("finite")
def finite():
    return ArrayDataset("finite", {"real": numbers})

@register_dataset("endless")
def endless():
    means = torch.tensor(numbers, dtype=torch.float64).unsqueeze(1)
    weights = torch.full((len(numbers),), 1 / len(numbers), dtype=torch.float64)
    return Mine("endless", "Endless", "us", means, weights, 0.1)
"""


@pytest.mark.parametrize("name", ["finite", "endless"])
def test_a_file_that_a_plug_in_reads_unnamed_counts(tmp_path: Path, name: str) -> None:
    digests = []
    for number, last in enumerate(("49", "49", "49.0000001")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "d.py").write_text(READS)
        (folder / "x.csv").write_text(" ".join(map(str, range(49))) + f" {last}")
        registry._entries.pop(("dataset", "finite"), None)
        registry._entries.pop(("dataset", "endless"), None)
        registry.include(folder / "d.py")
        digests.append(data_digest(registry.build("dataset", name)))
    assert digests[0] == digests[1] != digests[2]


def test_our_distributions_have_nothing_to_hash_and_pairs_hash_their_domains(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert data_digest(ring8()) == data_digest(ring8(sigma=0.1))
    mine, other = (ArrayDataset("mine", {"real": rows}) for rows in (POINTS, changed(1)))
    assert data_digest(Pair(mine, ring8())) != data_digest(Pair(other, ring8()))
    assert data_digest(Pair(ring8(), mine)) not in (data_digest(Pair(mine, ring8())), data_digest(mine))
    whole = data_digest(digits())
    monkeypatch.setattr(checks, "_MOST_NUMBERS", 65 * 100)
    assert data_digest(digits()) != whole
