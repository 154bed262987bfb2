"""Whether the parts of a suite go together: every variant on every data set, every diagnostic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from ganbench import registry
from ganbench.datasets import Dataset
from ganbench.datasets.checks import data_faults
from ganbench.errors import GanbenchError, nearest
from ganbench.game import DataSpec
from ganbench.suite.labels import LocatedChoice
from ganbench.suite.locations import ErrorCollector, Location
from ganbench.training.budget import round_cost
from ganbench.training.description import Budget, Choice
from ganbench.updates import UpdateRule
from ganbench.user_code import location_of, one_line


def make_datasets(placed: Sequence[LocatedChoice], collector: ErrorCollector) -> dict[str, Dataset]:
    """The data sets by label; notes those that cannot be made, lack files, or hold faulty data."""
    made = {}
    for item in placed:
        try:
            dataset = registry.get("dataset", item.choice.name).factory(**item.choice.options)
            dataset.require()
            faults = list(data_faults(dataset))
        except GanbenchError as error:
            collector.add(item.location, f"data set {item.choice.label!r}: {error}")
        except (Exception, SystemExit) as error:  # a factory may fail in any way on values its types allow
            location = location_of(error)
            where = f" ({location})" if location else ""
            text = f"data set {item.choice.label!r} cannot be made: {one_line(error)}{where}"
            collector.add(item.location, f"{text}; change its options")
        else:
            made[item.choice.label] = dataset
            for fault in faults:
                collector.add(item.location, f"data set {item.choice.label!r}: {fault}")
    return made


def check_on(
    variants: Sequence[LocatedChoice], datasets: Sequence[LocatedChoice], collector: ErrorCollector
) -> None:
    """Note names under `on` that are no data set of the suite, and data sets that no variant is for."""
    known = list(dict.fromkeys(x for each in datasets for x in (each.choice.label, each.choice.name)))
    noted: set[Location] = set()
    for item in variants:
        for name, location in zip(item.overrides.on or (), item.on_locations, strict=True):
            if name not in known and location not in noted:
                noted.add(location)
                collector.add(location, f"on: {name!r} is no data set of this suite{nearest(name, known)}")
    for each in datasets:
        if not noted and not any(item.overrides.is_for(each.choice) for item in variants):
            text = (
                f"no variant is for data set {each.choice.label!r}; add it to a variant's `on`, or remove it"
            )
            collector.add(each.location, text)


def check_variants(
    variants: Sequence[LocatedChoice],
    choices: Sequence[Choice],
    datasets: dict[str, Dataset],
    budget: tuple[Budget, Location] | None,
    collector: ErrorCollector,
) -> None:
    """Build every variant for the data sets that it is for, without training; note what is refused.

    `choices` are the suite's data sets, `datasets` those that could be made, by label.
    """
    for item in variants:
        before = len(collector.mistakes)
        variant = _make_variant(item, collector)
        if variant is None:
            continue
        wanted = {
            c.label: datasets[c.label] for c in choices if c.label in datasets and item.overrides.is_for(c)
        }
        for label, spec in _distinct(wanted):
            _check_pair(item, variant, label, spec, collector)
        _check_batch(item, variant, wanted, collector)
        within = _own_budget(item) or budget
        if within is not None and len(collector.mistakes) == before:
            _check_budget(item, variant, *within, collector)


def _own_budget(item: LocatedChoice) -> tuple[Budget, Location] | None:
    budget, location = item.overrides.budget, item.budget_location
    return None if budget is None or location is None else (budget, location)


def _distinct(datasets: dict[str, Dataset]) -> Iterator[tuple[str, DataSpec]]:
    """One data set of each shape and range: a variant cannot tell the others apart."""
    specs: list[DataSpec] = []
    for label, dataset in datasets.items():
        if dataset.info.spec not in specs:
            specs.append(dataset.info.spec)
            yield label, dataset.info.spec


def _make_variant(item: LocatedChoice, collector: ErrorCollector) -> Any:
    try:
        return registry.get("variant", item.choice.name).factory(**item.choice.options)
    except GanbenchError as error:
        location, part = _at_fault(item, None)
        collector.add(location, f"{part}variant {item.choice.label!r}: {error}")
    except (Exception, SystemExit):
        return None  # a variant's own failure is an outcome: the run stores its traceback and goes on
    return None


def _check_pair(
    item: LocatedChoice, variant: Any, label: str, spec: DataSpec, collector: ErrorCollector
) -> None:
    try:
        with torch.device("meta"):  # shapes alone: no numbers are drawn
            variant.build(spec)
    except GanbenchError as error:
        location, part = _at_fault(item, spec)
        text = f"{part}variant {item.choice.label!r} cannot be used on data set {label!r}: {error}"
        collector.add(location, text)
    except (Exception, SystemExit):
        return  # as above


def _check_batch(
    item: LocatedChoice, variant: Any, datasets: dict[str, Dataset], collector: ErrorCollector
) -> None:
    """A batch must not show an example twice."""
    batch = getattr(variant, "reals_per_batch", 1)
    for label, dataset in datasets.items():
        size = dataset.info.split_sizes.get("train", batch)
        if size < batch:
            text = (
                f"variant {item.choice.label!r} shows {batch:,} real examples a batch, and data set {label!r}"
            )
            collector.add(item.location, f"{text} has {size:,} to train on; a smaller batch_size works")


def _at_fault(item: LocatedChoice, spec: DataSpec | None) -> tuple[Location, str]:
    """The network's place where the network by itself is refused, else the variant's."""
    network = item.choice.options.get("network")
    if item.network_location is None or not isinstance(network, dict):
        return item.location, ""
    try:
        pair = registry.get("network", network["name"]).factory(**network["options"])
        if spec is not None:
            with torch.device("meta"):
                pair.generator(item.choice.options.get("latent_dim", 2), spec)
                pair.discriminator(spec)
    except GanbenchError:
        return item.network_location, f"network {network['name']!r} of "
    except (Exception, SystemExit):
        return item.location, ""
    return item.location, ""


def _check_budget(
    item: LocatedChoice, variant: Any, budget: Budget, location: Location, collector: ErrorCollector
) -> None:
    """A round that would exceed the budget is not taken, so the budget must hold one."""
    if budget.unit == "flops" or not isinstance(getattr(variant, "update", None), UpdateRule):
        return  # FLOPs are counted in training; a plug-in's own failure is an outcome
    try:
        cost = round_cost(budget, variant, lambda: 0.0) or 0
    except GanbenchError as error:
        collector.add(item.location, f"variant {item.choice.label!r}: {error}")
        return
    if budget.amount < cost:
        text = f"budget: {budget.amount:g} {budget.unit} are less than one round of variant"
        collector.add(location, f"{text} {item.choice.label!r}; give at least {cost}")
