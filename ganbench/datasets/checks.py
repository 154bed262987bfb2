"""Faulty data, found before anything is trained on them: where, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

import torch
from torch import Tensor

from ganbench.datasets.dataset import Dataset, Split
from ganbench.game import FieldSpec

_OF_A_DISTRIBUTION = 4096
_DRAWN = 2
_CPU = torch.device("cpu")


def data_faults(dataset: Dataset, dtype: torch.dtype = torch.float32) -> Iterator[str]:
    """What is wrong with a data set's examples: all of a finite one's, some thousand of a distribution's."""
    for split in get_args(Split):
        count = dataset.info.split_sizes.get(split, _OF_A_DISTRIBUTION)
        if count < 1:
            yield f"its {split} split has no examples"
            continue
        found = dataset.fields(split, count, _CPU, dtype)
        for fault in fields_faults(found, dataset.info.spec.fields, (count,), dtype):
            yield f"{split} split, {fault}"
        target = found.get(dataset.info.spec.target)
        if (
            target is not None
            and count > 1
            and not dataset.info.constant
            and bool((target == target[:1]).all())
        ):
            yield f"{split} split: all {count:,} examples are the same"
    drawn = dataset.sampler((0,), _CPU, dtype).draw(_DRAWN)
    for fault in fields_faults(drawn, dataset.info.spec.fields, (1, _DRAWN), dtype):
        yield f"training draws, {fault}"


def fields_faults(
    found: Mapping[str, Tensor],
    declared: Mapping[str, FieldSpec],
    lead: Sequence[int],
    dtype: torch.dtype,
) -> Iterator[str]:
    """What is wrong with fields [*lead, ...], where real numbers are to be of a type; one fault a field."""
    odd = sorted(set(found) ^ set(declared))
    if odd:
        yield f"fields: declared and given ones differ in {', '.join(odd)}"
    for name, field in declared.items():
        fault = _fault(found[name], field, (*lead, *field.shape), dtype) if name in found else None
        if fault is not None:
            yield f"field {name!r}: {fault}"


def _fault(values: Tensor, field: FieldSpec, shape: tuple[int, ...], dtype: torch.dtype) -> str | None:
    wanted = field.torch_dtype(dtype)
    if values.shape != shape:
        return f"its shape is {tuple(values.shape)}, not {shape}"
    if values.dtype != wanted:
        return f"its type is {values.dtype}, not {wanted}"
    if not values.isfinite().all():
        return at_worst(values, ~values.isfinite(), "is not finite")
    if field.value_range is None:
        return None
    low, high = field.value_range
    outside = (values < low) | (values > high)
    return at_worst(values, outside, f"leaves the range [{low:g}, {high:g}]") if outside.any() else None


def at_worst(values: Tensor, wrong: Tensor, problem: str) -> str:
    """The first wrong value of [n, ...], with its row and its place in the row, and how many there are."""
    row, *place = (wrong.nonzero()[0]).tolist()
    column = f", column {place[0]}" if len(place) == 1 else f", at {place}" if place else ""
    value, count = values[(row, *place)].item(), int(wrong.sum())
    others = f" ({count:,} such values)" if count > 1 else ""
    return f"row {row}{column}: {value:g} {problem}{others}"
