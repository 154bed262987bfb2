"""Two domains to translate between, each a data set of its own, unpaired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import torch
from torch import Tensor

from ganbench import registry
from ganbench.datasets.dataset import Dataset, DatasetInfo, Sampler, Split, register_dataset
from ganbench.game import DataSpec, FieldSpec
from ganbench.registry import EntryOf
from ganbench.streams import stream_seed

T = TypeVar("T")


class Pair(Dataset):
    """Fields `a` and `b`, and `a_label` and `b_label` where there are classes; `b` is what is judged."""

    def __init__(self, a: Dataset, b: Dataset) -> None:
        self._domains = {"a": a, "b": b}
        one, other = a.info, b.info
        self.info = DatasetInfo(
            name="pair",
            title=f"{one.title} → {other.title}",
            spec=DataSpec(self._specs(), target="b", paired=False, quadrature=other.spec.quadrature),
            source="; ".join(dict.fromkeys((one.source, other.source))),
            licence="; ".join(dict.fromkeys((one.licence, other.licence))),
            primary=other.primary,
            modes=other.modes,
            split_sizes=_fewer(one.split_sizes, other.split_sizes),
            evaluation_samples=other.evaluation_samples,
            constant=other.constant,
            ranked=other.ranked,
        )

    @property
    def domains(self) -> Mapping[str, Dataset]:
        return self._domains

    def require(self) -> None:
        for dataset in self._domains.values():
            dataset.require()

    def files(self) -> tuple[Path, ...]:
        return tuple(file for dataset in self._domains.values() for file in dataset.files())

    def sampler(self, seeds: Sequence[int], device: torch.device, dtype: torch.dtype) -> PairSampler:
        samplers = {
            domain: dataset.sampler([stream_seed(seed, f"pair/{domain}") for seed in seeds], device, dtype)
            for domain, dataset in self._domains.items()
        }
        return PairSampler(self._domains, samplers)

    def fields(self, split: Split, count: int, device: torch.device, dtype: torch.dtype) -> dict[str, Tensor]:
        return _renamed(
            self._domains,
            {domain: each.fields(split, count, device, dtype) for domain, each in self._domains.items()},
        )

    def examples(self, split: Split, count: int, device: torch.device, dtype: torch.dtype) -> Tensor:
        return self.target_dataset.examples(split, count, device, dtype)

    def _specs(self) -> dict[str, FieldSpec]:
        return _renamed(
            self._domains, {domain: each.info.spec.fields for domain, each in self._domains.items()}
        )


class PairSampler:
    """Draws of two domains, each from streams of its own."""

    def __init__(self, domains: Mapping[str, Dataset], samplers: Mapping[str, Sampler]) -> None:
        self._domains, self._samplers = domains, samplers

    def draw(self, count: int) -> dict[str, Tensor]:
        return _renamed(self._domains, {domain: each.draw(count) for domain, each in self._samplers.items()})

    def state(self) -> dict[str, Any]:
        return {domain: each.state() for domain, each in self._samplers.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        for domain, each in self._samplers.items():
            each.restore(state[domain])


def _renamed(domains: Mapping[str, Dataset], fields: Mapping[str, Mapping[str, T]]) -> dict[str, T]:
    """Each domain's target under the domain's name, and its label as `<domain>_label`."""
    named = {}
    for domain, dataset in domains.items():
        spec = dataset.info.spec
        named[domain] = fields[domain][spec.target]
        if spec.label is not None:
            named[f"{domain}_label"] = fields[domain][spec.label]
    return named


def _fewer(one: Mapping[Split, int], other: Mapping[Split, int]) -> dict[Split, int]:
    """The sizes of the splits of both: those of the smaller one."""
    sizes = [each for each in (one, other) if each]
    return {split: min(each[split] for each in sizes) for split in (sizes[0] if sizes else {})}


@register_dataset("pair")
def pair(
    a: Annotated[str | dict[str, Any], EntryOf("dataset"), "the data set to translate from"],
    b: Annotated[str | dict[str, Any], EntryOf("dataset"), "the data set to translate to, which is judged"],
) -> Pair:
    """Two data sets side by side, unpaired: `pair: {a: ring8, b: {grid25: {sigma: 0.1}}}`.

    A seed draws the two domains from independent streams.  Diagnostics measure domain b.
    """
    return Pair(registry.build("dataset", a), registry.build("dataset", b))
