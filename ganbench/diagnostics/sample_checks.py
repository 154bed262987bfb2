"""Whether samples are samples at all: finite, of the data's range, and not one and the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from ganbench.diagnostics.diagnostic import Dataset, Diagnostic, SampleSnapshot, register_diagnostic
from ganbench.quantities import share

SAMPLE_CHECKS_VERSION = 1
_ROUNDING = 1e-3


@register_diagnostic("sample_checks", by_default=False)
def sample_checks(
    dataset: Dataset,
    samples: Annotated[int | None, Gt(0), "samples; the data set's own number by default"] = None,
) -> SampleChecks:
    """The shares of samples that are finite, that lie in the data's range, and that differ from all before.

    What good looks like: 1 everywhere.  Where data are few and of few values, equal real ones occur: see the
    reference.

    What it is blind to: everything else.  Copies that differ in one bit are distinct.
    """
    return SampleChecks(dataset, samples or dataset.info.evaluation_samples)


class SampleChecks(Diagnostic):
    """The checks of `count` samples."""

    samples_only = True

    def __init__(self, dataset: Dataset, count: int) -> None:
        self._count, self._range = count, dataset.info.spec.value_range
        self._heldout = min(count, dataset.info.split_sizes.get("heldout", count))
        protocol = {"generated": count, "version": SAMPLE_CHECKS_VERSION}
        titles = {
            "finite_samples": "Samples all of whose values are finite",
            "distinct_samples": "Samples that differ from all others before",
        }
        if self._range is not None:
            titles["samples_in_range"] = "Samples all of whose values lie in the data's range"
        self.quantities = tuple(
            share(n, title, "fraction", "higher", protocol=protocol) for n, title in titles.items()
        )

    def measure(self, snapshot: SampleSnapshot) -> Mapping[str, Tensor]:
        """Every declared quantity, float64 [S]."""
        return self._values(snapshot.samples(self._count))

    def references(self, snapshot: SampleSnapshot) -> Mapping[str, float]:
        """The shares of held-out examples."""
        real = snapshot.real("heldout", self._heldout).unsqueeze(0)
        return {name: float(value) for name, value in self._values(real).items()}

    def _values(self, samples: Tensor) -> dict[str, Tensor]:
        rows = samples.flatten(2)
        values = {
            "finite_samples": rows.isfinite().all(2).double().mean(1),
            "distinct_samples": torch.tensor(
                [distinct_share(of_seed) for of_seed in rows], dtype=torch.float64
            ),
        }
        if self._range is not None:
            values["samples_in_range"] = in_range(rows, self._range).double().mean(1)
        return values


def in_range(rows: Tensor, value_range: tuple[float, float]) -> Tensor:
    """Whether all values of a row lie in a range but for rounding; rows [..., F] → bool [...]."""
    low, high = value_range
    slack = _ROUNDING * (high - low)
    return ((rows >= low - slack) & (rows <= high + slack)).all(-1)


def distinct_share(rows: Tensor) -> float:
    """The share of rows [n, F] that differ in some bit from all rows before."""
    arrays = rows.detach().cpu().contiguous().numpy()
    return len({hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in arrays}) / len(rows)
