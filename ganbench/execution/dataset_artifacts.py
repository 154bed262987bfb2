"""What figures need of a data set: its card, real examples, and a density where it is known."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import torch

from ganbench.datasets import Dataset
from ganbench.diagnostics.diagnostic import image_bytes
from ganbench.execution.measurements import npz

_EXAMPLES, _GRID = 512, 400
_HASHED = 64
_OFF_GRID = 0.137
"""Keeps pixels, which are multiples of a fraction, off the edges of rounding."""
_CPU = torch.device("cpu")


def dataset_card(dataset: Dataset) -> dict[str, Any]:
    """The data set's description as plain JSON values."""
    info = dataset.info
    return {
        "name": info.name,
        "title": info.title,
        "source": info.source,
        "licence": info.licence,
        "shape": list(info.spec.shape),
        "value_range": None if info.spec.value_range is None else list(info.spec.value_range),
        "fields": {
            name: {"shape": list(field.shape), "dtype": field.dtype, "classes": field.classes}
            for name, field in info.spec.fields.items()
        },
        "target": info.spec.target,
        "paired": info.spec.paired,
        "modes": info.modes,
        "split_sizes": dict(info.split_sizes),
        "primary": info.primary.quantity,
        "evaluation_samples": info.evaluation_samples,
        "ranked": info.ranked,
        "hash": data_hash(dataset),
    }


def data_hash(dataset: Dataset) -> str:
    """A BLAKE2 hash of the held-out examples that stand for the data: other data, another hash.

    Of 64 examples to two decimals: machines differ in the last digit of what they draw, and of so few and
    so rough numbers hardly one (three hashes in a thousand, at worst) lies where that digit decides.
    """
    real = _stand_ins(dataset)[:_HASHED].double().numpy()
    whole = np.floor(real * 100 + _OFF_GRID).astype("<i8")
    text = f"{whole.shape}".encode() + np.ascontiguousarray(whole).tobytes()
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def _stand_ins(dataset: Dataset) -> torch.Tensor:
    """The held-out examples that figures show."""
    count = min(_EXAMPLES, dataset.info.split_sizes.get("heldout", _EXAMPLES))
    return dataset.examples("heldout", count, _CPU, torch.float32)


def dataset_arrays(dataset: Dataset) -> bytes:
    """A compressed .npz: held-out `real` examples; for planar densities `density`, `extent`, `means`."""
    real, shape = _stand_ins(dataset), dataset.info.spec.shape
    arrays = {"real": image_bytes(real).numpy() if len(shape) == 3 else real.numpy()}
    judged = dataset.target_dataset
    log_density, means = getattr(judged, "log_density", None), getattr(judged, "means", None)
    if log_density is not None and means is not None and shape == (2,):
        arrays |= _planar(log_density, means)
    return npz(arrays)


def _planar(log_density: Any, means: torch.Tensor) -> dict[str, np.ndarray]:
    """The density on a square grid around the modes [H, W], lowest row first, and its extent."""
    low, high = means.min(0).values, means.max(0).values
    centre, half = (low + high) / 2, float((high - low).max()) / 2 * 1.3 + 1e-3
    x, y = (torch.linspace(at - half, at + half, _GRID, dtype=torch.float64) for at in centre.tolist())
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
    return {
        "density": log_density(grid).exp().float().numpy(),
        "extent": np.array([x[0], x[-1], y[0], y[-1]]),
        "means": means.numpy(),
    }
