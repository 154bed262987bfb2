"""What samples are made from: a game's random inputs, and the data's fields that go with a sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from ganbench.game import DataSpec, Game, RandomInput, Tree
from ganbench.streams import SeedStreams
from ganbench.training.batches import draw_random_input, random_inputs

MAIN = "noise"
"""The input whose stream has the purpose's own name; others have the input's name behind."""


class SamplingInputs:
    """Draws for S seeds of the named random inputs and data fields, going on where the last draw ended.

    Labels are drawn by the data's class shares; other fields are those of held-out examples in order, again
    from the first where they end.
    """

    def __init__(
        self,
        game: Game,
        spec: DataSpec,
        names: Iterable[str],
        streams: Callable[[str], SeedStreams],
        held_out: Callable[[str, int], Tensor],
        purpose: str,
    ) -> None:
        random = random_inputs(game)
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
        self._held_out, self._count = held_out, 0

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
        return {name: torch.cat([each[name] for each in blocks], 1) for name in self.names}


def latents(game: Game, names: Iterable[str]) -> dict[str, RandomInput]:
    """The real-valued random inputs among those names: what a sample is a differentiable function of."""
    whole = ("categorical", "permutation")
    random = random_inputs(game)
    return {name: random[name] for name in names if name in random and random[name].kind not in whole}


def again_from_the_first(examples: Tensor, count: int, seeds: int) -> Tensor:
    """Examples [n, ...] in order for every seed, from the first again where they end: [S, count, ...]."""
    rows = examples[torch.arange(count, device=examples.device) % len(examples)]
    return rows.expand(seeds, *rows.shape)
