"""Data sets: one file a family, each stating value range, modes, licence and origin."""

from ganbench.datasets.dataset import (
    Dataset,
    DatasetInfo,
    KnownModes,
    LabelledClasses,
    Sampler,
    Split,
    register_dataset,
)

__all__ = [
    "Dataset",
    "DatasetInfo",
    "KnownModes",
    "LabelledClasses",
    "Sampler",
    "Split",
    "register_dataset",
]
