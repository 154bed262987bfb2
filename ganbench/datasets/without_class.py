"""A data set without one of its classes, whose held-out examples are there as anomalies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import torch
from annotated_types import Ge
from torch import Tensor

from ganbench import registry
from ganbench.datasets.dataset import Primary, Split, register_dataset
from ganbench.datasets.finite import FiniteDataset, Rows
from ganbench.errors import GanbenchError
from ganbench.game import FieldSpec
from ganbench.registry import EntryOf

_CPU = torch.device("cpu")


class WithoutClass(FiniteDataset):
    """The rows of a data set that are of other classes than one; it keeps its classes' numbers."""

    def __init__(self, source: FiniteDataset, label: int) -> None:
        self._source, self._label, self.flips = source, label, source.flips
        self._kept: dict[tuple[Split, torch.device], Rows] = {}
        info, name = source.info, source.info.spec.label or ""
        field = info.spec.fields[name]
        assert field.classes is not None
        classes = field.classes
        label_field = FieldSpec.label(classes, lambda: self.shares_of(name, classes))
        sizes: dict[Split, int] = {split: len(self.rows(split, _CPU)) for split in info.split_sizes}
        samples = min(info.evaluation_samples, sizes["train"])
        self.info = replace(
            info,
            title=f"{info.title}, without class {label}",
            spec=replace(info.spec, fields={**info.spec.fields, name: label_field}),
            split_sizes=sizes,
            evaluation_samples=samples,
            primary=_of_fewer(info.primary, info.evaluation_samples, samples),
        )

    def require(self) -> None:
        self._source.require()

    def files(self) -> tuple[Path, ...]:
        return self._source.files()

    def rows(self, split: Split, device: torch.device) -> Rows:
        if (split, device) not in self._kept:
            if device == _CPU:
                rows = self._source.rows(split, device)
                self._kept[split, device] = rows.take(torch.where(~self._of_class(rows))[0])
            else:
                self._kept[split, device] = self.rows(split, _CPU).to(device)
        return self._kept[split, device]

    @property
    def anomalies(self) -> int:
        """How many held-out examples the class has."""
        return int(self._of_class(self._source.rows("heldout", _CPU)).sum())

    def anomaly_fields(self, count: int, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
        """The first `count` held-out examples of the class, every field [count, ...]."""
        rows = self._source.rows("heldout", _CPU)
        chosen = torch.where(self._of_class(rows))[0][:count]
        return rows.take(chosen).to(device).at(torch.arange(len(chosen), device=device), dtype)

    def _of_class(self, rows: Rows) -> Tensor:
        return rows.columns[self._source.info.spec.label or ""] == self._label


def _of_fewer(primary: Primary, before: int, samples: int) -> Primary:
    """The same quantity of fewer samples, where its name has their number."""
    return replace(primary, quantity=primary.quantity.replace(f"_{before}", f"_{samples}"))


@register_dataset("without_class")
def without_class(
    of: Annotated[
        str | dict[str, Any], EntryOf("dataset"), "the data set, finite and with labels"
    ] = "digits",
    label: Annotated[int, Ge(0), "the class that is left out"] = 0,
) -> WithoutClass:
    """A data set without the examples of one class, trained on or held out: `{of: mnist, label: 3}`.

    Whether the left-out class is told from the others is what `anomaly_detection` measures.  The other
    classes keep their numbers; the left-out one has the share 0.
    """
    source = registry.build("dataset", of)
    spec, name = source.info.spec, source.info.name
    if not isinstance(source, FiniteDataset) or spec.label is None:
        raise GanbenchError(f"without_class: {name} has no finite set of labelled examples to leave out of")
    shares = spec.class_shares
    assert shares is not None
    if label >= len(shares) or not 0 < float(shares[label]) < 1:
        known = ", ".join(str(number) for number in torch.where((shares > 0) & (shares < 1))[0].tolist()[:20])
        raise GanbenchError(f"without_class: {name} cannot lose class {label}; of {known} it can")
    return WithoutClass(source, label)
