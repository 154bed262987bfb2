"""Games that are played on smaller images than the data's, as the early stages of a growing GAN are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from torch import Tensor
from torch.nn.functional import avg_pool2d

from ganbench.errors import GanbenchError
from ganbench.game import Batch, DataSpec, Game, Loss, Networks

Build = Callable[[DataSpec], Game]


def at_resolution(build: Build, side: int) -> Build:
    """The same game on images of `side` × `side`: real ones are averaged over squares.

    Samples are enlarged by repeating pixels, and logits are those of the averaged images, so that both are of
    the data as they are.
    """

    def built(spec: DataSpec) -> Game:
        channels, height, width = _image(spec)
        if height != width or height % side:
            raise GanbenchError(f"images of {height} × {width} cannot be averaged to {side} × {side}")
        factor, target = height // side, spec.target
        field = replace(spec.fields[target], shape=(channels, side, side))
        game = build(replace(spec, fields={**spec.fields, target: field}))

        def averaged(batch: Batch) -> Batch:
            return replace(batch, tensors=_Averaged(batch.tensors, target, factor))

        def lowered(loss: Loss) -> Loss:
            return lambda networks, batch: loss(networks, averaged(batch))

        def sample(networks: Networks, batch: Batch) -> Tensor:
            return enlarged(game.sample(networks, averaged(batch)), factor)

        def logits(networks: Networks, batch: Batch, examples: Tensor) -> Tensor:
            return game.logits(networks, averaged(batch), avg_pool2d(examples, factor))

        losses = {player: lowered(loss) for player, loss in game.losses.items()}
        return replace(game, losses=losses, sample=sample, logits=logits)

    return built


def enlarged(images: Tensor, factor: int) -> Tensor:
    """Images [n, c, h, w] with every pixel a square: [n, c, h·factor, w·factor]."""
    return images.repeat_interleave(factor, -1).repeat_interleave(factor, -2)


def _image(spec: DataSpec) -> tuple[int, int, int]:
    if len(spec.shape) != 3:
        raise GanbenchError(f"only images have a resolution, not examples of shape {spec.shape}")
    channels, height, width = spec.shape
    return channels, height, width


class _Averaged(Mapping[str, Tensor]):
    """A batch whose images are averaged when they are read."""

    def __init__(self, tensors: Mapping[str, Tensor], name: str, factor: int) -> None:
        self._tensors, self._name, self._factor = tensors, name, factor

    def __getitem__(self, name: str) -> Tensor:
        value = self._tensors[name]
        return avg_pool2d(value, self._factor) if name == self._name else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)
