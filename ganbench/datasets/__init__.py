"""Data sets: one file a family, each stating value range, modes, licence and origin."""

from ganbench.datasets.arrays import register_array_dataset
from ganbench.datasets.dataset import (
    Dataset,
    DatasetInfo,
    KnownAnomalies,
    KnownDensity,
    KnownDimension,
    KnownEquilibrium,
    KnownModes,
    KnownQuantiles,
    Primary,
    Sampler,
    Split,
    register_dataset,
)
from ganbench.datasets.factors import FactorReading, FactorTable, KnownFactors

__all__ = [
    "Dataset",
    "DatasetInfo",
    "FactorReading",
    "FactorTable",
    "KnownAnomalies",
    "KnownDensity",
    "KnownDimension",
    "KnownEquilibrium",
    "KnownFactors",
    "KnownModes",
    "KnownQuantiles",
    "Primary",
    "Sampler",
    "Split",
    "register_array_dataset",
    "register_dataset",
]
