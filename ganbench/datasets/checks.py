"""Faulty data, found before anything is trained on them: where, and what is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

import torch
from torch import Tensor

from ganbench.datasets.dataset import Dataset, Split
from ganbench.game import FieldSpec

_OF_A_DISTRIBUTION = 4096
_MOST_NUMBERS = 1 << 26
_DRAWN = 2
_CPU = torch.device("cpu")


def data_faults(dataset: Dataset, dtype: torch.dtype = torch.float32) -> Iterator[str]:
    """What is wrong with a data set's examples: as many of each split as `examples_checked`."""
    for split in get_args(Split):
        count = examples_checked(dataset, split)
        if count < 1:
            yield f"its {split} split has no examples"
            continue
        fields = dataset.fields(split, count, _CPU, dtype)
        for fault in fields_faults(fields, dataset.info.spec.fields, (count,), dtype):
            yield f"{split} split, {fault}"
        target = fields.get(dataset.info.spec.target)
        if target is not None and count > 1 and not dataset.info.constant and _constant(target):
            yield f"{split} split: all {count:,} examples are the same"
    drawn = dataset.sampler((0,), _CPU, dtype).draw(_DRAWN)
    for fault in fields_faults(drawn, dataset.info.spec.fields, (1, _DRAWN), dtype):
        yield f"training draws, {fault}"


def examples_checked(dataset: Dataset, split: Split) -> int:
    """All of a finite split (as many as make 67 million numbers), 4,096 of a distribution's."""
    numbers = sum(math.prod(field.shape) for field in dataset.info.spec.fields.values())
    return min(dataset.info.split_sizes.get(split, _OF_A_DISTRIBUTION), _MOST_NUMBERS // max(numbers, 1))


def fields_faults(
    fields: Mapping[str, Tensor],
    declared: Mapping[str, FieldSpec],
    lead: Sequence[int],
    dtype: torch.dtype,
) -> Iterator[str]:
    """What is wrong with fields [*lead, ...], where real numbers are to be of a type; one fault a field."""
    odd = sorted(set(fields) ^ set(declared))
    if odd:
        yield f"fields: declared and given ones differ in {', '.join(odd)}"
    for name, field in declared.items():
        fault = _fault(fields[name], field, (*lead, *field.shape), dtype) if name in fields else None
        if fault is not None:
            yield f"field {name!r}: {fault}"


def _constant(rows: Tensor) -> bool:
    return torch.equal(rows[0], rows[1]) and bool((rows == rows[:1]).all())


def _fault(values: Tensor, field: FieldSpec, shape: tuple[int, ...], dtype: torch.dtype) -> str | None:
    wanted = field.torch_dtype(dtype)
    if values.shape != shape:
        return f"its shape is {tuple(values.shape)}, not {shape}"
    if values.dtype != wanted:
        return f"its type is {values.dtype}, not {wanted}"
    return first_fault(values, field.value_range)


def first_fault(values: Tensor, value_range: tuple[float, float] | None) -> str | None:
    """The first of values [n, ...] that is not finite or leaves the range; None: all are fine.

    It names row and column (its place in the row), and how many there are.
    """
    least, most = (float(end) for end in values.aminmax())  # neither is finite where a value is not
    low, high = value_range or (-math.inf, math.inf)
    if math.isfinite(least) and math.isfinite(most):
        if low <= least and most <= high:
            return None
        wrong, problem = (values < low) | (values > high), f"leaves the range [{low:g}, {high:g}]"
    else:
        wrong, problem = ~values.isfinite(), "is not finite"
    row, *place = wrong.nonzero()[0].tolist()
    column = f", column {place[0]}" if len(place) == 1 else f", at {place}" if place else ""
    value, count = values[(row, *place)].item(), int(wrong.sum())
    others = f" ({count:,} such values)" if count > 1 else ""
    return f"row {row}{column}: {value:g} {problem}{others}"
