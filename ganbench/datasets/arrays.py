"""One's own data: arrays, tensors, files of them, and torch's map-style data sets."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Gt, Lt
from torch import Tensor

from ganbench import registry
from ganbench.datasets.checks import first_fault
from ganbench.datasets.dataset import DatasetInfo, Primary, Split, register_dataset
from ganbench.datasets.finite import FiniteDataset, Rows
from ganbench.errors import GanbenchError, MissingData, nearest
from ganbench.game import DataSpec, FieldSpec
from ganbench.registry import FilePath
from ganbench.streams import generator

EVALUATION_SAMPLES = 2500
_FEWEST_TRAINED, _FEWEST_HELDOUT = 8, 2
_MOST_CLASSES = 10_000
_CHANNELS = (1, 3, 4)

Range = tuple[float, float]


class ArrayDataset(FiniteDataset):
    """Rows of arrays, {field: [n, ...]}, of which a random share is held out.

    Vectors [n, d] are taken as they are.  Images are bytes [n, H, W] or [n, H, W, C], or numbers with the
    channels first or last, and become [n, C, H, W].  A value range is mapped to [-1, 1]; that of bytes is
    [0, 255], of images within [0, 1] or [-1, 1] just that.  Labels are whole numbers from 0, or any values,
    which are numbered in sorted order.  Raises GanbenchError, with row and column, for what cannot be used.
    """

    def __init__(
        self,
        name: str,
        arrays: Mapping[str, Any],
        *,
        target: str = "real",
        value_range: Range | None = None,
        heldout: float = 0.2,
        title: str = "",
        source: str = "the user's own data",
        licence: str = "not stated",
        files: tuple[Path, ...] = (),
    ) -> None:
        columns, specs = {}, {}
        for field, values in arrays.items():
            what = f"{name}: field {field!r}"
            if field == "label" or field.endswith("_label"):
                columns[field], specs[field] = self._label(field, values, what)
            else:
                columns[field], specs[field] = _numbers(as_tensor(values, what), value_range, what)
        spec = DataSpec(specs, target)
        order = torch.randperm(_length(name, columns), generator=generator(0, f"{name}/split"))
        cut, self._files = round(heldout * len(order)), files
        splits: dict[Split, Tensor] = {"train": order[cut:], "heldout": order[:cut]}
        sizes: dict[Split, int] = {split: len(index) for split, index in splits.items()}
        self._host = {split: Rows(columns).take(index) for split, index in splits.items()}
        self._moved: dict[tuple[Split, torch.device], Rows] = {}
        _refuse_few(name, sizes)
        self.info = DatasetInfo(
            name=name,
            title=title or f"{name}: {len(order):,} rows of {'×'.join(map(str, spec.shape))}",
            spec=spec,
            source=source,
            licence=licence,
            primary=Primary("two_sample", "energy_distance"),
            split_sizes=sizes,
            evaluation_samples=min(EVALUATION_SAMPLES, sizes["train"]),
        )

    def files(self) -> tuple[Path, ...]:
        return self._files

    def rows(self, split: Split, device: torch.device) -> Rows:
        if (split, device) not in self._moved:
            self._moved[split, device] = self._host[split].to(device)
        return self._moved[split, device]

    def _label(self, field: str, values: Any, what: str) -> tuple[Tensor, FieldSpec]:
        labels = _class_numbers(values, what)
        classes = int(labels.max()) + 1
        return labels, FieldSpec.label(classes, lambda: self.shares_of(field, classes))


def as_tensor(values: Any, what: str) -> Tensor:
    """An array, a tensor, nested lists or a torch data set's examples as a tensor."""
    try:
        array = values.detach().cpu() if isinstance(values, Tensor) else torch.from_numpy(np.array(values))
    except (TypeError, ValueError) as error:
        raise GanbenchError(f"{what}: not an array of numbers: {' '.join(str(error).split())}") from error
    if array.is_complex() or array.ndim == 0 or not array.numel():
        raise GanbenchError(f"{what}: its type is {array.dtype} and its shape {tuple(array.shape)}; "
                            "real numbers, one row an example, would work")  # fmt: skip
    return array


def _numbers(values: Tensor, value_range: Range | None, what: str) -> tuple[Tensor, FieldSpec]:
    """Examples [n, *shape], bytes or floats in [-1, 1] or unbounded, and what they are."""
    images = values.ndim > 2
    values = _channels_first(values) if images else values.reshape(len(values), -1)
    shape = tuple(values.shape[1:])
    if images and values.dtype == torch.uint8 and value_range in (None, (0, 255)):
        return values, FieldSpec(shape, value_range=(-1.0, 1.0))
    if not values.is_floating_point() or values.dtype in (torch.float16, torch.bfloat16):
        values = values.to(torch.float32)
    fault = first_fault(values, None)
    if fault is not None:
        raise GanbenchError(f"{what}: {fault}")
    if images and value_range is None:
        value_range = _usual_range(values, what)
    if value_range is None:
        return values, FieldSpec(shape)
    low, high = value_range
    fault = first_fault(values, value_range) if low < high else f"value_range [{low:g}, {high:g}] is empty"
    if fault is not None:
        raise GanbenchError(f"{what}: {fault}")
    return 2 * ((values - low) / (high - low)) - 1, FieldSpec(shape, value_range=(-1.0, 1.0))


def _channels_first(images: Tensor) -> Tensor:
    if images.ndim == 3:
        return images.unsqueeze(1)
    last = images.ndim == 4 and images.shape[-1] in _CHANNELS and images.shape[1] not in _CHANNELS
    return images.permute(0, 3, 1, 2).contiguous() if last else images


def _usual_range(images: Tensor, what: str) -> Range:
    """[0, 1] or [-1, 1], whichever holds the values first."""
    for low, high in ((0.0, 1.0), (-1.0, 1.0)):
        if first_fault(images, (low, high)) is None:
            return low, high
    raise GanbenchError(
        f"{what}: images from {images.min():g} to {images.max():g}; say of which range they are, as "
        "`value_range: [0, 255]`"
    )


def _class_numbers(values: Any, what: str) -> Tensor:
    """Labels [n] as whole numbers from 0, int64."""
    labels = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
    labels = labels.reshape(len(labels)) if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.ndim != 1 or not len(labels):
        raise GanbenchError(f"{what}: its shape is {labels.shape}; one class a row would work")
    if labels.dtype.kind == "f":
        fault = first_fault(torch.from_numpy(labels.astype(np.float64)), None)
        if fault is not None:
            raise GanbenchError(f"{what}: {fault}")
        labels = labels.astype(np.int64) if (labels == np.round(labels)).all() else labels
    kept = labels.dtype.kind in "iub" and labels.min() >= 0 and labels.max() < _MOST_CLASSES
    return torch.from_numpy(labels.astype(np.int64) if kept else np.unique(labels, return_inverse=True)[1])


def _length(name: str, columns: Mapping[str, Tensor]) -> int:
    lengths = {field: len(values) for field, values in columns.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{field} has {length:,}" for field, length in lengths.items())
        raise GanbenchError(f"{name}: its fields have different numbers of rows: {counts}")
    return next(iter(lengths.values()))


def _refuse_few(name: str, sizes: Mapping[Split, int]) -> None:
    if sizes["train"] < _FEWEST_TRAINED or sizes["heldout"] < _FEWEST_HELDOUT:
        raise GanbenchError(
            f"{name}: {sizes['train']} rows to train on and {sizes['heldout']} held out; at least "
            f"{_FEWEST_TRAINED} and {_FEWEST_HELDOUT} are needed: give more rows, or another `heldout`"
        )


Heldout = Annotated[float, Gt(0), Lt(1), "share of the rows that is held out, at random"]
ValueRange = Annotated[
    tuple[float, float] | None,
    "range of the values, mapped to [-1, 1]; null: vectors as they are, images by what they look like",
]


@register_dataset("array")
def array(
    path: Annotated[str, FilePath(), "a .npy file, or an .npz file with arrays by name"],
    fields: Annotated[
        dict[str, str] | None, "the file's arrays by field; null: `real`, or the only one, and `label`"
    ] = None,
    target: Annotated[str, "the field that is generated and judged"] = "real",
    heldout: Heldout = 0.2,
    value_range: ValueRange = None,
) -> ArrayDataset:
    """Examples of one's own from a NumPy file: one row an example, vectors or images.

    A field `label` (or `b_label` beside a target `b`) holds classes.  Other fields beside the target are
    paired with it, as for translation: `fields: {a: photos, b: maps}, target: b`.
    """
    file = Path(path)
    contents = load_arrays(file)
    if isinstance(contents, np.ndarray):
        if fields is not None:
            raise GanbenchError(
                f"{file}: a .npy file is one array; `fields` choose among those of an .npz file"
            )
        contents = {"real": contents}
    arrays = _chosen(file, contents, fields)
    return ArrayDataset(
        "array", arrays, target=target, value_range=value_range, heldout=heldout,
        title=f"{file.name}: {len(next(iter(arrays.values()))):,} rows", source=file.name, files=(file,),
    )  # fmt: skip


def load_arrays(file: Path) -> Any:
    """A .npy file's array, or an .npz file's arrays by name; GanbenchError where it is neither."""
    require_file(file)
    try:
        loaded = np.load(file, allow_pickle=False)
        return loaded if isinstance(loaded, np.ndarray) else {name: loaded[name] for name in loaded.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        why = " ".join(str(error).split())
        raise GanbenchError(f"{file}: not a .npy or .npz file of plain arrays: {why}") from error


def require_file(file: Path) -> None:
    """Raise MissingData where a file is not there."""
    if not file.is_file():
        raise MissingData(f"{file}: no such file; a relative path is relative to the suite's folder")


def _chosen(file: Path, contents: Mapping[str, Any], fields: Mapping[str, str] | None) -> dict[str, Any]:
    """The arrays by field."""
    if fields is None:
        others = [name for name in contents if name != "label"]
        real = "real" if "real" in contents else others[0] if len(others) == 1 else None
        if real is None:
            raise GanbenchError(
                f"{file}: its arrays are {', '.join(contents) or 'none'}; say which is which, as "
                f"`fields: {{real: {others[0] if others else 'x'}}}`"
            )
        fields = {"real": real} | ({"label": "label"} if "label" in contents else {})
    for name in fields.values():
        if name not in contents:
            raise GanbenchError(f"{file}: no array {name!r} in it{nearest(name, contents)}")
    return {field: contents[name] for field, name in fields.items()}


def register_array_dataset(name: str, data: Any, labels: Any = None, **settings: Any) -> None:
    """Register rows of one's own as a data set: an array, a tensor, or a map-style torch data set.

    `data` may also be {field: rows}.  `labels` are the classes of the target; a torch data set whose items
    are (example, class) brings its own.  `settings` are those of `ArrayDataset`.
    """
    caller = Path(sys._getframe(1).f_code.co_filename)

    @cache
    def factory() -> ArrayDataset:
        return ArrayDataset(name, _fields_of(name, data, labels, settings.get("target", "real")), **settings)

    factory.__doc__ = settings.get("title") or f"Rows that {caller.name} gives."
    registry.register("dataset", name, file=caller)(factory)


def _fields_of(name: str, data: Any, labels: Any, target: str) -> dict[str, Any]:
    if isinstance(data, Mapping):
        fields = dict(data)
    elif isinstance(data, torch.utils.data.Dataset):
        fields = _stacked(name, data)
    else:
        fields = {"real": data}
    return (
        fields if labels is None else {**fields, "label" if target == "real" else f"{target}_label": labels}
    )


def _stacked(name: str, data: Any) -> dict[str, Any]:
    """The items of a torch data set, stacked: `real`, and `label` where items are (example, class)."""
    if not hasattr(data, "__len__"):
        raise GanbenchError(f"{name}: {type(data).__name__} has no length; a map-style data set would work")
    items = [data[row] for row in range(len(data))]
    labelled = bool(items) and isinstance(items[0], tuple | list)
    examples = [
        as_tensor(item[0] if labelled else item, f"{name}: row {row}") for row, item in enumerate(items)
    ]
    for row, example in enumerate(examples):
        if example.shape != examples[0].shape:
            shapes = f"{tuple(example.shape)}, that of row 0 {tuple(examples[0].shape)}"
            raise GanbenchError(f"{name}: row {row} has the shape {shapes}; all must have one shape")
    fields: dict[str, Any] = {"real": torch.stack(examples)} if examples else {"real": []}
    return fields | ({"label": np.array([int(item[1]) for item in items])} if labelled else {})
