"""What samples are made from: a game's random inputs, and the data's fields that go with a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from ganbench.datasets import Dataset, Split
from ganbench.game import Game, RandomInput, Tree
from ganbench.streams import SeedStreams
from ganbench.training.batches import WHOLE, draw_random_input, random_inputs

MAIN = "noise"
"""The input whose stream has the purpose's own name; others have the input's name behind."""


class RealExamples:
    """A data set's fixed examples on a device, kept: every field of the first `count` of a split."""

    def __init__(self, dataset: Dataset, device: torch.device, dtype: torch.dtype) -> None:
        self.dataset, self._device, self._dtype = dataset, device, dtype
        self._kept: dict[Split, Tree] = {}

    def fields(self, split: Split, count: int) -> Tree:
        """{name: [count, ...]}."""
        kept = self._kept.get(split)
        if kept is None or len(next(iter(kept.values()))) < count:
            kept = self._kept[split] = dict(self.dataset.fields(split, count, self._device, self._dtype))
        return {name: value[:count] for name, value in kept.items()}


class SamplingInputs:
    """Draws for S seeds of the named random inputs and data fields, going on where the last draw ended.

    Labels are drawn by the data's class shares; other fields are those of held-out examples in order, again
    from the first where they end.
    """

    def __init__(
        self,
        game: Game,
        names: Iterable[str],
        streams: Callable[[str], SeedStreams],
        real: RealExamples,
        seeds: int,
        purpose: str,
    ) -> None:
        random, spec = random_inputs(game), real.dataset.info.spec
        self._drawn: dict[str, RandomInput] = {}
        self._given: list[str] = []
        for name in dict.fromkeys(names):
            shares = spec.fields[name].shares if name in spec.fields else None
            if name in random:
                self._drawn[name] = random[name]
            elif shares is not None:
                self._drawn[name] = RandomInput((), "categorical", shares())
            elif name in spec.fields:
                self._given.append(name)
        self._streams = {n: streams(purpose if n == MAIN else f"{purpose}/{n}") for n in self._drawn}
        self._real, self._seeds, self._count = real, seeds, 0

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that is drawn or given."""
        return (*self._drawn, *self._given)

    def draw(self, count: int, dtype: torch.dtype) -> Tree:
        """The next `count` of everything, {name: [S, count, ...]}."""
        batch = {
            name: draw_random_input(self._streams[name], item, count, dtype)
            for name, item in self._drawn.items()
        }
        for name in self._given:
            batch[name] = self._held_out(name, self._count + count)[:, self._count :]
        self._count += count
        return batch

    def in_blocks(self, count: int, block: int, dtype: torch.dtype) -> Tree:
        """`count` of everything by whole blocks: fewer are a prefix of more in every bit."""
        blocks = [self.draw(block, dtype) for _ in range(-(-count // block))]
        return {name: torch.cat([part[name] for part in blocks], 1) for name in self.names}

    def _held_out(self, name: str, count: int) -> Tensor:
        available = min(count, self._real.dataset.info.split_sizes.get("heldout", count))
        examples = self._real.fields("heldout", available)[name]
        rows = examples[torch.arange(count, device=examples.device) % available]
        return rows.expand(self._seeds, *rows.shape)


def latents(game: Game, names: Iterable[str]) -> dict[str, RandomInput]:
    """The real-valued random inputs among those names: what a sample is a differentiable function of."""
    random = random_inputs(game)
    return {name: random[name] for name in names if name in random and random[name].kind not in WHOLE}
