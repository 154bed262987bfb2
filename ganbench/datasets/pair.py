"""Two domains to translate between, each a data set of its own, unpaired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import torch
from torch import Tensor

from ganbench import registry
from ganbench.datasets.dataset import Dataset, DatasetInfo, Sampler, Split, register_dataset
from ganbench.game import DataSpec
from ganbench.registry import EntryOf
from ganbench.streams import stream_seed

T = TypeVar("T")


class Pair(Dataset):
    """Fields `a` and `b`, and `a_label` and `b_label` where there are classes; `b` is what is judged."""

    def __init__(self, a: Dataset, b: Dataset) -> None:
        self._domains = {"a": a, "b": b}
        one, other = a.info, b.info
        specs = _renamed(self._domains, {"a": one.spec.fields, "b": other.spec.fields})
        self.info = DatasetInfo(
            name="pair",
            title=f"{one.title} → {other.title}",
            spec=DataSpec(specs, target="b", paired=False, quadrature=other.spec.quadrature),
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
        drawn = {name: dataset.fields(split, count, device, dtype) for name, dataset in self._domains.items()}
        return _renamed(self._domains, drawn)

    def examples(self, split: Split, count: int, device: torch.device, dtype: torch.dtype) -> Tensor:
        return self.target_dataset.examples(split, count, device, dtype)


class PairSampler:
    """Draws of two domains, each from streams of its own."""

    def __init__(self, domains: Mapping[str, Dataset], samplers: Mapping[str, Sampler]) -> None:
        self._domains, self._samplers = domains, samplers

    def draw(self, count: int) -> dict[str, Tensor]:
        drawn = {name: sampler.draw(count) for name, sampler in self._samplers.items()}
        return _renamed(self._domains, drawn)

    def state(self) -> dict[str, Any]:
        return {name: sampler.state() for name, sampler in self._samplers.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        for name, sampler in self._samplers.items():
            sampler.restore(state[name])


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
    finite = [sizes for sizes in (one, other) if sizes]
    return {split: min(sizes[split] for sizes in finite) for split in (finite[0] if finite else {})}


@register_dataset("pair")
def pair(
    a: Annotated[str | dict[str, Any], EntryOf("dataset"), "the data set to translate from"],
    b: Annotated[str | dict[str, Any], EntryOf("dataset"), "the data set to translate to, which is judged"],
) -> Pair:
    """Two data sets side by side, unpaired: `pair: {a: ring8, b: {grid25: {sigma: 0.1}}}`.

    A seed draws the two domains from independent streams.  Diagnostics measure domain b.
    """
    return Pair(registry.build("dataset", a), registry.build("dataset", b))
