"""Samples from elsewhere to the values that a data set has: their layout and their range, never guessed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ganbench.errors import GanbenchError
from ganbench.game import DataSpec

Range = tuple[float, float]
_BYTES: Range = (0.0, 255.0)
_ROUNDING = 1e-3
"""Share of a range by which float16 and a resize that sharpens may leave it."""


@dataclass(frozen=True)
class Target:
    """What samples are to become: examples of a data set."""

    spec: DataSpec
    value_range: Range | None = None
    """Of the samples as they are given."""

    def examples(self, values: Any, source: str) -> Tensor:
        """Samples [n, ...] as float32 [n, *shape] in the data's range; refuses to guess it."""
        array = _numbers(values, source)
        return self._scaled(self._laid_out(array, source), source)

    def _laid_out(self, array: Tensor, source: str) -> Tensor:
        """Channels first, whatever they were."""
        shape, given = self.spec.shape, tuple(array.shape[1:])
        if given == shape:
            return array
        if len(shape) == 3 and given == (*shape[1:], shape[0]):
            return array.permute(0, 3, 1, 2)
        if math.prod(given) == math.prod(shape) and (shape[0] == 1 or len(shape) == 1) and len(given) <= 2:
            return array.reshape(len(array), *shape)
        raise GanbenchError(
            f"{source}: its samples are {_words(given)}, the real ones {_words(shape)}{_hint(given, shape)}"
        )

    def _scaled(self, array: Tensor, source: str) -> Tensor:
        wanted = self.spec.value_range
        stated = self.value_range or (_BYTES if array.dtype == torch.uint8 and wanted is not None else None)
        values = array.to(torch.float32)
        if wanted is None:
            return values
        given = stated or self._range_of(values, array.dtype.is_floating_point, source)
        scale = (wanted[1] - wanted[0]) / (given[1] - given[0])
        return values if given == wanted else (values - given[0]) * scale + wanted[0]

    def _range_of(self, values: Tensor, floating: bool, source: str) -> Range:
        """The data's own range, where the values can be of no other that is usual."""
        assert self.spec.value_range is not None
        low, high = self.spec.value_range
        finite = values[values.isfinite()]
        least, most = (float(finite.min()), float(finite.max())) if len(finite) else (low, high)
        slack = _ROUNDING * (high - low)
        if floating and low - slack <= least and most <= high + slack and (least < 0 or low >= 0):
            return low, high
        if not floating:
            likely = f"--range {_BYTES[0]:g} {_BYTES[1]:g}, say, or save them as uint8"
        elif most <= high + slack and least >= low - slack:
            likely = f"--range 0 1, or --range {low:g} {high:g}: they could be of either"
        else:
            bytes_ = least >= 0 and most > 2
            likely = f"--range {min(math.floor(least), 0)} {255 if bytes_ else math.ceil(most)}, say"
        raise GanbenchError(
            f"{source}: values from {least:g} to {most:g}, of real data in [{low:g}, {high:g}]; say of which "
            f"range they are: {likely}"
        )


def _numbers(values: Any, source: str) -> Tensor:
    """Any array [n, ...] of real numbers."""
    try:
        array = values.detach().cpu() if isinstance(values, Tensor) else torch.from_numpy(np.array(values))
    except (TypeError, ValueError) as error:
        raise GanbenchError(f"{source}: not an array of numbers: {' '.join(str(error).split())}") from error
    if array.is_complex() or array.dtype == torch.bool or array.ndim == 0:
        raise GanbenchError(
            f"{source}: {array.dtype} of shape {tuple(array.shape)}; give real numbers, one row a sample"
        )
    if not array.numel():
        raise GanbenchError(f"{source}: there are no samples in it (its shape is {tuple(array.shape)})")
    return array.reshape(-1, 1) if array.ndim == 1 else array


def _words(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "single numbers"


def _hint(given: tuple[int, ...], shape: tuple[int, ...]) -> str:
    """What differs, where it is one thing."""
    if len(shape) != 3 or len(given) not in (2, 3):
        return ""
    channels = 1 if len(given) == 2 else given[0] if given[0] in (1, 3, 4) else given[-1]
    if channels != shape[0]:
        return f": {channels} channel{'s' * (channels != 1)} in place of {shape[0]}"
    return "; resizing changes every number: `--real 'FOLDER:size=N'` names the size of real ones"
