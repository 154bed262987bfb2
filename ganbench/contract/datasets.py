"""What a data set promises: its description, draws that repeat, and fixed examples."""

from __future__ import annotations

import torch
from torch import Tensor

from ganbench.contract.promise import CPU, FEW, dataset_of, require
from ganbench.datasets import Dataset, Split
from ganbench.diagnostics.diagnostic import primary_quantity
from ganbench.errors import GanbenchError
from ganbench.game import DataSpec
from ganbench.registry import Entry


def describes_itself(entry: Entry) -> None:
    """It says its title, source, licence and primary quantity."""
    dataset = dataset_of(entry.name)
    info = dataset.info
    for what in ("name", "title", "source", "licence"):
        require(getattr(info, what), entry, f"its info has no {what}")
    primary = primary_quantity(dataset)
    require(primary.direction in ("higher", "lower", "target"), entry, "its primary has no direction")
    require(primary.smallest_difference, entry, "its primary quantity has no smallest difference")
    require(info.evaluation_samples > 0, entry, "its info asks for no evaluation samples")


def draws_examples(entry: Entry) -> None:
    """Training draws have the declared shape, range, device and type."""
    dataset, seeds = dataset_of(entry.name), (0, 1, 2)
    for dtype in (torch.float32, torch.float64):
        real = dataset.sampler(seeds, CPU, dtype).draw(FEW)["real"]
        _check_examples(entry, real, (len(seeds), FEW), dataset.info.spec, dtype)
        alike = torch.equal(real[0], real[1])
        require(
            alike == dataset.info.constant, entry, "two seeds draw the same examples, or `constant` is wrong"
        )


def draws_repeat(entry: Entry) -> None:
    """A seed draws the same bits again, in any company, in any portions, and from a kept position."""
    dataset = dataset_of(entry.name)
    before = torch.get_rng_state()
    sampler = dataset.sampler((0, 1, 2), CPU, torch.float32)
    first = sampler.draw(FEW)["real"]
    kept = sampler.state()
    second = sampler.draw(FEW)["real"]
    other = dataset.sampler((2, 0), CPU, torch.float32)
    again = other.draw(FEW)["real"]
    same = torch.equal(again[0], first[2]) and torch.equal(again[1], first[0])
    require(same, entry, "what a seed draws depends on the seeds beside it, or on the time")
    sampler.restore(kept)
    require(torch.equal(sampler.draw(FEW)["real"], second), entry, "restore does not go back to a state")
    fresh = dataset.sampler((0, 1, 2), CPU, torch.float32)
    fresh.restore(kept)
    require(torch.equal(fresh.draw(FEW)["real"], second), entry, "a new sampler cannot take up a state")
    require(torch.equal(torch.get_rng_state(), before), entry, "it draws from torch's global generator")


def holds_examples(entry: Entry) -> None:
    """Fixed examples have the declared shape and range; fewer are a prefix of more; splits differ."""
    dataset = dataset_of(entry.name)
    splits: tuple[Split, ...] = ("train", "heldout")
    for split in splits:
        size = dataset.info.split_sizes.get(split)
        count = min(300, size or 300)
        held = dataset.examples(split, count, CPU, torch.float32)
        _check_examples(entry, held, (count,), dataset.info.spec, torch.float32)
        fewer = dataset.examples(split, FEW, CPU, torch.float32)
        require(torch.equal(fewer, held[:FEW]), entry, f"fewer {split} examples are no prefix of more")
        if size is not None:
            require(_refuses(dataset, split, size + 1), entry, f"it gives more {split} examples than it has")
    one, two = (dataset.examples(split, FEW, CPU, torch.float64) for split in splits)
    alike = torch.equal(one, two)
    require(alike == dataset.info.constant, entry, "its train and held-out examples are the same")


def _refuses(dataset: Dataset, split: Split, count: int) -> bool:
    try:
        dataset.examples(split, count, CPU, torch.float32)
    except GanbenchError:
        return True
    return False


def _check_examples(
    entry: Entry, examples: Tensor, lead: tuple[int, ...], spec: DataSpec, dtype: torch.dtype
) -> None:
    shape = (*lead, *spec.shape)
    require(examples.shape == shape, entry, f"examples have shape {tuple(examples.shape)}, not {shape}")
    require(examples.dtype == dtype, entry, f"examples are {examples.dtype} where {dtype} was asked for")
    require(examples.isfinite().all(), entry, "examples are not finite")
    if spec.value_range is not None:
        low, high = spec.value_range
        inside = bool((examples >= low).all()) and bool((examples <= high).all())
        require(inside, entry, f"examples leave the declared range [{low:g}, {high:g}]")
