"""One's own data: arrays, files, tables and torch's data sets, and what is said where they are faulty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fake_snapshot import CPU
from torch import Tensor

from ganbench import registry
from ganbench.contract import CHECKS, check_file
from ganbench.datasets import Dataset
from ganbench.datasets.arrays import ArrayDataset, array
from ganbench.datasets.tables import csv
from ganbench.errors import GanbenchError, SuiteError
from ganbench.suite import load_suite

pytestmark = pytest.mark.usefixtures("forgotten_names")

POINTS = np.random.default_rng(0).normal(size=(100, 3))
CLASSES = np.arange(100) % 4


def everything(dataset: Dataset, field: str = "real") -> Tensor:
    """All rows of both splits, float64."""
    sizes = dataset.info.split_sizes
    parts = [dataset.fields(split, count, CPU, torch.float64)[field] for split, count in sizes.items()]
    return torch.cat(parts)


def sorted_rows(rows: Any) -> list[tuple[float, ...]]:
    return sorted(map(tuple, np.asarray(rows).reshape(len(rows), -1).tolist()))


def test_every_row_is_in_one_split_and_the_split_is_fixed() -> None:
    one, again = (ArrayDataset("mine", {"real": POINTS}, heldout=0.25) for _ in range(2))
    assert one.info.split_sizes == {"train": 75, "heldout": 25}
    assert sorted_rows(everything(one)) == sorted_rows(POINTS)
    assert torch.equal(everything(one), everything(again))
    order = [POINTS[:, 0].tolist().index(value) for value in everything(one)[:, 0].tolist()]
    assert order != sorted(order)


def test_classes_stay_with_their_rows() -> None:
    dataset = ArrayDataset("mine", {"real": POINTS, "label": CLASSES})
    of_row = dict(zip(map(tuple, POINTS.tolist()), CLASSES.tolist(), strict=True))
    rows, labels = everything(dataset), everything(dataset, "label")
    assert [of_row[tuple(row)] for row in rows.tolist()] == labels.tolist()
    drawn = dataset.sampler((3,), CPU, torch.float64).draw(90)
    assert [of_row[tuple(row)] for row in drawn["real"][0].tolist()] == drawn["label"][0].tolist()
    assert dataset.info.spec.class_shares is not None
    held = dataset.fields("train", 80, CPU, torch.float32)["label"]
    assert held.dtype == torch.int64
    torch.testing.assert_close(dataset.info.spec.class_shares * 80, torch.bincount(held).double())


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        ([0, 2, 2, 5] * 25, 6, [0, 2, 5]),
        ([1.0, 3.0] * 50, 4, [1, 3]),
        (["cat", "ant"] * 50, 2, [0, 1]),
        ([-1, 1] * 50, 2, [0, 1]),
        ([0.5, 1.5] * 50, 2, [0, 1]),
        (torch.tensor([[1], [0]] * 50), 2, [0, 1]),
    ],
)
def test_labels_become_numbers_from_zero(labels: Any, classes: int, expected: list[int]) -> None:
    dataset = ArrayDataset("mine", {"real": POINTS, "label": labels})
    assert dataset.info.spec.fields["label"].classes == classes
    assert everything(dataset, "label").unique().tolist() == expected


BYTES = np.random.default_rng(1).integers(0, 256, (50, 8, 6, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("images", "value_range"),
    [
        (BYTES, None),
        (BYTES.transpose(0, 3, 1, 2), None),
        (torch.from_numpy(BYTES), (0, 255)),
        (BYTES / 255, None),
        (BYTES / 127.5 - 1, None),
        (BYTES.astype(np.float32), (0, 255)),
        (BYTES.astype(np.int32), (0, 255)),
    ],
)
def test_images_of_every_make_are_the_same_images(images: Any, value_range: Any) -> None:
    dataset = ArrayDataset("mine", {"real": images}, value_range=value_range)
    assert (dataset.info.spec.shape, dataset.info.spec.value_range) == ((3, 8, 6), (-1.0, 1.0))
    expected = ArrayDataset("mine", {"real": BYTES})
    torch.testing.assert_close(everything(dataset), everything(expected), atol=1e-6, rtol=0)
    raw = (everything(expected).permute(0, 2, 3, 1) + 1) * 127.5
    assert sorted_rows(raw.round()) == sorted_rows(BYTES)


def test_grey_images_have_one_channel_and_vectors_are_mapped_from_their_range() -> None:
    assert ArrayDataset("mine", {"real": BYTES[..., 0]}).info.spec.shape == (1, 8, 6)
    vectors = ArrayDataset("mine", {"real": np.linspace(2.0, 4.0, 100)}, value_range=(2.0, 4.0))
    assert vectors.info.spec.shape == (1,)
    assert (everything(vectors).min().item(), everything(vectors).max().item()) == (-1.0, 1.0)


def spoilt(row: int, column: int, value: float) -> np.ndarray:
    rows = POINTS.copy()
    rows[row, column] = value
    return rows


@pytest.mark.parametrize(
    ("arrays", "settings", "message"),
    [
        ({"real": spoilt(17, 1, np.nan)}, {}, r"'real': row 17, column 1: nan is not finite"),
        ({"real": spoilt(17, 2, -np.inf)}, {}, r"row 17, column 2: -inf is not finite"),
        (
            {"real": spoilt(17, 2, 9.0)},
            {"value_range": (-5.0, 5.0)},
            r"row 17, column 2: 9 leaves .* \[-5, 5\]",
        ),
        ({"real": POINTS}, {"value_range": (1.0, 1.0)}, r"value_range \[1, 1\] is empty"),
        ({"real": BYTES * 2.0}, {}, "images from 0 to 510; say of which range .*`value_range: "),
        ({"real": np.array(["a", "b"])}, {}, "not an array of numbers"),
        ({"real": [[1.0], [1.0, 2.0]]}, {}, "not an array of numbers"),
        ({"real": POINTS * 1j}, {}, "complex"),
        ({"real": np.zeros((0, 3))}, {}, r"\(0, 3\)"),
        ({"real": POINTS[:9]}, {}, "7 rows to train on and 2 held out; at least 8 and 2"),
        ({"real": POINTS}, {"heldout": 0.005}, "100 rows to train on and 0 held out"),
        ({"real": POINTS, "label": CLASSES[:-1]}, {}, "real has 100, label has 99"),
        ({"real": POINTS, "label": spoilt(3, 0, np.nan)[:, 0]}, {}, "'label': row 3: nan"),
        ({"real": POINTS, "label": POINTS}, {}, r"\(100, 3\); one class a row"),
        ({"x": POINTS}, {}, "target 'real' is none of x"),
    ],
)
def test_faulty_arrays_are_refused_by_name(arrays: Any, settings: Any, message: str) -> None:
    with pytest.raises(GanbenchError, match=message):
        ArrayDataset("mine", arrays, **settings)


# Files


def test_a_npy_file_and_named_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", POINTS)
    np.savez(tmp_path / "one.npz", x=POINTS, label=CLASSES)
    np.savez(tmp_path / "two.npz", left=POINTS, right=-POINTS)
    for file in ("x.npy", "one.npz"):
        assert sorted_rows(everything(array(str(tmp_path / file)))) == sorted_rows(POINTS)
    assert array(str(tmp_path / "one.npz")).info.spec.fields["label"].classes == 4
    paired = array(str(tmp_path / "two.npz"), fields={"a": "left", "b": "right"}, target="b")
    assert paired.info.spec.paired
    assert torch.equal(everything(paired, "a"), -everything(paired, "b"))
    assert paired.files() == (tmp_path / "two.npz",)


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ("none.npy", {}, "no such file"),
        ("two.npz", {}, "its arrays are left, right; say which is which"),
        ("two.npz", {"fields": {"real": "rigth"}}, "no array 'rigth' in it; did you mean 'right'"),
        ("x.npy", {"fields": {"real": "x"}}, "a .npy file is one array"),
        ("text.npy", {}, "not a .npy or .npz file"),
        ("objects.npy", {}, "not a .npy or .npz file of plain arrays"),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, file: str, options: Any, message: str) -> None:
    np.save(tmp_path / "x.npy", POINTS)
    np.savez(tmp_path / "two.npz", left=POINTS, right=-POINTS)
    np.save(tmp_path / "objects.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("1, 2, 3")
    with pytest.raises(GanbenchError, match=message):
        array(str(tmp_path / file), **options)


def table(tmp_path: Path, heading: str = "", rows: Any = None, encoding: str = "utf-8") -> str:
    lines = [f"{x:.17g},{y:.17g},{c}" for (x, y, _), c in zip(POINTS, CLASSES, strict=True)]
    for number, line in (rows or {}).items():
        lines[number] = line
    file = tmp_path / "points.csv"
    file.write_text("\n".join(([heading] if heading else []) + lines) + "\n", encoding=encoding)
    return str(file)


def test_tables_with_and_without_a_heading(tmp_path: Path) -> None:
    bare = csv(table(tmp_path), columns=["0", "1"])
    assert sorted_rows(everything(bare)) == sorted_rows(POINTS[:, :2])
    headed = csv(table(tmp_path, "x, y ,kind", encoding="utf-8-sig"), label="kind")
    assert torch.equal(everything(headed), everything(bare))
    assert headed.info.spec.fields["label"].classes == 4
    texts = csv(table(tmp_path, "x,y,kind", {0: "0,0,cat"}), columns=["x"], label="kind")
    assert texts.info.spec.shape == (1,)
    assert texts.info.spec.fields["label"].classes == 5


@pytest.mark.parametrize(
    ("heading", "rows", "options", "message"),
    [
        ("x,y,z", {41: "1,nan,2"}, {}, "row 41, column 'y': 'nan' is not a finite number"),
        ("x,y,z", {41: "1,,2"}, {}, "row 41, column 'y': '' is not a finite number"),
        ("x,y,z", {41: "1,oops,2", 50: "1,oops,2"}, {}, r"row 41, column 'y': 'oops' .*\(2 such rows\)"),
        ("", {41: "1,oops,2"}, {}, "row 41, column '1': 'oops'"),
        ("x,y,z", {41: "1,2,"}, {"label": "z"}, "row 41, column 'z': '' is no class"),
        ("x,y,z", {}, {"label": "zz"}, "no column 'zz'; did you mean 'z'"),
        ("x,y,x", {}, {}, "two columns are called 'x'"),
        ("x,y,z", {41: "1,2,3,4"}, {}, "not a table: .* line 43"),
        ("x,y,z", {}, {"separator": ";"}, "row 0, column 'x,y,z'"),
    ],
)
def test_tables_that_cannot_be_used(
    tmp_path: Path, heading: str, rows: Any, options: Any, message: str
) -> None:
    with pytest.raises(GanbenchError, match=message):
        csv(table(tmp_path, heading, rows), **options)


# In a suite and in a plug-in

SUITE = """
datasets: [{array: {path: data/x.npy}}]
variants: [nsgan: {batch_size: 16}]
seeds: 1
budget: {steps: 4}
diagnostics: [two_sample]
"""


def suite(tmp_path: Path, points: np.ndarray, text: str = SUITE) -> Path:
    (tmp_path / "data").mkdir(exist_ok=True)
    np.save(tmp_path / "data" / "x.npy", points)
    (tmp_path / "s.yaml").write_text(text)
    return tmp_path / "s.yaml"


def test_a_path_is_relative_to_the_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = suite(tmp_path, POINTS, SUITE.replace("}}]", "}}, {array: {path: data/x.npy, heldout: 0.5}}]"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    one, other = load_suite(file).datasets
    assert one.options["path"] == str(tmp_path / "data" / "x.npy")
    assert one.label == "array[path=data/x.npy]"
    assert other.label == "array[path=data/x.npy,heldout=0.5]"


@pytest.mark.parametrize(
    ("points", "old", "new", "message"),
    [
        (spoilt(17, 1, np.nan), "", "", "s.yaml:2:13: .* row 17, column 1: nan"),
        (np.ones((50, 2)), "", "", "train split: all 40 examples are the same"),
        (POINTS[:12], "", "", "shows 16 real examples a batch, and data set 'array' has 10"),
        (POINTS, "x.npy", "y.npy", "s.yaml:2:13: .*y.npy: no such file"),
        (POINTS, "path: data/x.npy", "file: data/x.npy", "unknown option 'file'"),
        (POINTS, "{path: data/x.npy}", "{heldout: 0.3}", "lacks the option 'path'"),
    ],
)
def test_a_suite_on_faulty_data_is_refused_before_training(
    tmp_path: Path, points: np.ndarray, old: str, new: str, message: str
) -> None:
    with pytest.raises(SuiteError, match=message):
        load_suite(suite(tmp_path, points, SUITE.replace(old, new) if old else SUITE))


PLUGIN = """
import numpy as np
from ganbench.datasets import register_array_dataset
register_array_dataset("mine", np.random.default_rng(0).normal(size=(300, 2)), labels=np.arange(300) % 3)
"""
IMAGES = """
import numpy as np, torch
from PIL import Image
from ganbench.datasets import register_array_dataset

class Photos(torch.utils.data.Dataset):
    def __len__(self):
        return 60
    def __getitem__(self, row):
        return Image.fromarray(np.full((8, 8, 3), row, dtype=np.uint8)), row % 2

register_array_dataset("photos", Photos(), title="Photos")
"""


@pytest.mark.parametrize("text", [PLUGIN, IMAGES])
def test_three_lines_are_a_data_set_that_keeps_every_promise(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    assert len(list(check_file(file))) == len(CHECKS["dataset"])


def test_images_of_a_torch_data_set(tmp_path: Path) -> None:
    (tmp_path / "photos.py").write_text(IMAGES)
    registry.include(tmp_path / "photos.py")
    photos = registry.build("dataset", "photos")
    assert photos.info.spec.shape == (3, 8, 8)
    rows = (everything(photos)[:, 0, 0, 0] + 1) * 127.5
    assert sorted(rows.round().long().tolist()) == list(range(60))
    assert torch.equal(rows.round().long() % 2, everything(photos, "label"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("(8, 8, 3)", "(8, 8 + row // 30, 3)", r"row 30 has the shape \(8, 9, 3\)"),
        ("    def __len__(self):\n        return 60\n", "", "has no length"),
        ("Image.fromarray(np.full((8, 8, 3), row, dtype=np.uint8))", "'x'", "row 0: not an array"),
    ],
)
def test_torch_data_sets_that_cannot_be_used(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "photos.py").write_text(IMAGES.replace(old, new))
    with pytest.raises(GanbenchError, match=message):
        list(check_file(tmp_path / "photos.py"))


FILES = """
from ganbench.datasets import register_dataset
from ganbench.datasets.arrays import array
from ganbench.datasets.tables import csv

@register_dataset("of_table")
def of_table():
    '''A table.'''
    return csv("{folder}/points.csv", label="kind")

@register_dataset("of_arrays")
def of_arrays():
    '''Images in pairs.'''
    return array("{folder}/two.npz", {{"a": "left", "b": "right"}}, target="b")
"""


def test_files_that_keep_every_promise(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", left=BYTES, right=255 - BYTES)
    table(tmp_path, "x,y,kind")
    (tmp_path / "mine.py").write_text(FILES.format(folder=tmp_path))
    assert len(list(check_file(tmp_path / "mine.py"))) == 2 * len(CHECKS["dataset"])
