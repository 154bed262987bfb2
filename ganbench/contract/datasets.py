"""What a data set promises: its description, fields, draws that repeat, and fixed examples."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from scipy import stats
from torch import Tensor

from ganbench.contract.promise import CPU, FEW, dataset_of, require, same_bits
from ganbench.datasets import Dataset, Split
from ganbench.datasets.checks import fields_faults
from ganbench.diagnostics.diagnostic import primary_quantity
from ganbench.errors import GanbenchError
from ganbench.registry import Entry

_SPLITS: tuple[Split, ...] = ("train", "heldout")
_SHARES_DRAWN, _SHARES_P_VALUE = 4000, 1e-4


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
    """Training draws have the declared fields, each with its shape, range, device and type."""
    dataset, seeds = dataset_of(entry.name), (0, 1, 2)
    for dtype in (torch.float32, torch.float64):
        drawn = dataset.sampler(seeds, CPU, dtype).draw(FEW)
        _check_fields(entry, drawn, (len(seeds), FEW), dataset, dtype)
        target = drawn[dataset.info.spec.target]
        alike = torch.equal(target[0], target[1])
        require(
            alike == dataset.info.constant, entry, "two seeds draw the same examples, or `constant` is wrong"
        )


def draws_repeat(entry: Entry) -> None:
    """A seed draws the same bits again, in any company, in any portions, and from a kept position."""
    dataset = dataset_of(entry.name)
    before = torch.get_rng_state()
    sampler = dataset.sampler((0, 1, 2), CPU, torch.float32)
    first = sampler.draw(FEW)
    kept = sampler.state()
    second = sampler.draw(FEW)
    again = dataset.sampler((2, 0), CPU, torch.float32).draw(FEW)
    same = same_bits(again, {name: values[[2, 0]] for name, values in first.items()})
    require(same, entry, "what a seed draws depends on the seeds beside it, or on the time")
    sampler.restore(kept)
    require(same_bits(sampler.draw(FEW), second), entry, "restore does not go back to a state")
    fresh = dataset.sampler((0, 1, 2), CPU, torch.float32)
    fresh.restore(kept)
    require(same_bits(fresh.draw(FEW), second), entry, "a new sampler cannot take up a state")
    whole = dataset.sampler((0, 1, 2), CPU, torch.float32).draw(2 * FEW)
    portions = {name: torch.cat([values, second[name]], 1) for name, values in first.items()}
    require(same_bits(whole, portions), entry, "what is drawn depends on the sizes of the portions")
    require(torch.equal(torch.get_rng_state(), before), entry, "it draws from torch's global generator")


def holds_examples(entry: Entry) -> None:
    """Fixed examples have the declared fields; fewer are a prefix of more; splits differ."""
    dataset = dataset_of(entry.name)
    target = dataset.info.spec.target
    for split in _SPLITS:
        size = dataset.info.split_sizes.get(split)
        count = min(300, size or 300)
        for dtype in (torch.float64, torch.float32):
            held = dataset.fields(split, count, CPU, dtype)
            _check_fields(entry, held, (count,), dataset, dtype)
        fewer = dataset.fields(split, FEW, CPU, torch.float32)
        prefix = {name: values[:FEW] for name, values in held.items()}
        require(same_bits(fewer, prefix), entry, f"fewer {split} examples are no prefix of more")
        examples = dataset.examples(split, FEW, CPU, torch.float32)
        require(torch.equal(examples, fewer[target]), entry, f"`examples` are not the field {target!r}")
        if size is not None:
            require(_refuses(dataset, split, size + 1), entry, f"it gives more {split} examples than it has")
    one, two = (dataset.examples(split, FEW, CPU, torch.float64) for split in _SPLITS)
    alike = torch.equal(one, two)
    require(alike == dataset.info.constant, entry, "its train and held-out examples are the same")


def shares_match(entry: Entry) -> None:
    """Every class is drawn as often as its share says."""
    dataset = dataset_of(entry.name)
    drawn = dataset.sampler((0,), CPU, torch.float32).draw(_SHARES_DRAWN)
    for name, field in dataset.info.spec.fields.items():
        if field.classes is None:
            continue
        require(field.shares is not None, entry, f"the field {name!r} has classes and no shares")
        assert field.shares is not None
        shares = field.shares()
        sound = (
            shares.shape == (field.classes,) and shares.dtype == torch.float64 and bool((shares >= 0).all())
        )
        require(sound, entry, f"the shares of {name!r} are not float64 [{field.classes}], none below 0")
        require(abs(float(shares.sum()) - 1) < 1e-9, entry, f"the shares of {name!r} do not sum to 1")
        counts = torch.bincount(drawn[name].flatten(), minlength=field.classes).double()
        require(_fit(counts, shares), entry, f"classes of {name!r} are drawn in other shares than declared")


def _fit(counts: Tensor, shares: Tensor) -> bool:
    """Whether counts [classes] may come from shares [classes], by a chi-square test."""
    possible = shares > 0
    if bool((counts[~possible] > 0).any()):
        return False
    expected = shares[possible] / shares[possible].sum() * counts.sum()
    p_value = stats.chisquare(counts[possible].numpy(), expected.numpy()).pvalue
    return int(possible.sum()) == 1 or bool(p_value > _SHARES_P_VALUE)


def _refuses(dataset: Dataset, split: Split, count: int) -> bool:
    try:
        dataset.fields(split, count, CPU, torch.float32)
    except GanbenchError:
        return True
    return False


def _check_fields(
    entry: Entry, found: Mapping[str, Tensor], lead: tuple[int, ...], dataset: Dataset, dtype: torch.dtype
) -> None:
    for fault in fields_faults(found, dataset.info.spec.fields, lead, dtype):
        require(False, entry, fault)
