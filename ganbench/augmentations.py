"""Augmentations: random transformations of examples as pure functions of the examples and random numbers.

All are differentiable in the examples, and at strength 0 none changes anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from ganbench.errors import GanbenchError, UnknownName
from ganbench.game import Batch, DataSpec, RandomInput

Transformation = Callable[[Tensor, Tensor, float], Tensor]
"""(examples [n, *shape], random numbers [n, ...], strength) → [n, *shape]."""
_NOISE_STD = 0.1


def color(images: Tensor, uniform: Tensor, strength: float) -> Tensor:
    """Brightness ± 0.5, saturation × 0 to 2, contrast × 0.5 to 1.5.  Zhao et al. 2020, the authors' code."""
    brightness, saturation, contrast = (strength * (uniform - 0.5)).reshape(-1, 3, 1, 1, 1).unbind(1)
    images = images + brightness
    grey = images.mean(1, keepdim=True)
    images = (images - grey) * (1 + 2 * saturation) + grey
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * (1 + contrast) + mean


def translation(images: Tensor, uniform: Tensor, strength: float) -> Tensor:
    """By whole pixels, up to an eighth of each side; zeros move in.  Zhao et al. 2020, the authors' code."""
    for axis, place in ((2, 0), (3, 1)):
        side = images.shape[axis]
        most = int(side * strength / 8 + 0.5)
        shift = (uniform[:, place] * (2 * most + 1)).floor().long() - most
        wanted = torch.arange(side, device=images.device) + shift.unsqueeze(1) + 1
        index = wanted.clamp(0, side + 1).reshape(-1, *(side if a == axis else 1 for a in (1, 2, 3)))
        framed = pad(images, (0, 0, 1, 1) if axis == 2 else (1, 1))
        images = framed.gather(axis, index.expand(-1, *images.shape[1:]))
    return images


def cutout(images: Tensor, uniform: Tensor, strength: float) -> Tensor:
    """Zeros in a box of half of each side, whose centre is anywhere.  Zhao et al. 2020, the authors' code."""
    inside = torch.ones((), dtype=torch.bool, device=images.device)
    for axis, place in ((2, 0), (3, 1)):
        side = images.shape[axis]
        box = int(side * strength / 2 + 0.5)
        centre = (uniform[:, place] * (side + 1 - box % 2)).floor()
        first = (centre - box // 2).reshape(-1, 1, 1, 1)
        pixels = torch.arange(side, device=images.device).reshape(
            *(side if a == axis else 1 for a in range(4))
        )
        inside = inside & (pixels >= first) & (pixels < first + box)
    return torch.where(inside, 0.0, images)


def flip(images: Tensor, uniform: Tensor, strength: float) -> Tensor:
    """Left to right, with chance 0.5.  Karras et al. 2020, appendix B."""
    return torch.where(_per_image(uniform) < strength / 2, images.flip(3), images)


def rotation(images: Tensor, uniform: Tensor, strength: float) -> Tensor:
    """By 0, 90, 180 or 270 degrees, equally likely.  Karras et al. 2020, appendix B."""
    chance = _per_image(uniform)
    turned = images
    for turns in (1, 2, 3):
        turned = torch.where(chance < strength * (4 - turns) / 4, torch.rot90(images, turns, (2, 3)), turned)
    return turned


def noise(examples: Tensor, normal: Tensor, strength: float) -> Tensor:
    """Gaussian noise of standard deviation 0.1 on every number.  Zhang et al. 2020, section 3.3."""
    return examples + strength * _NOISE_STD * normal


def _per_image(values: Tensor) -> Tensor:
    return values.reshape(-1, 1, 1, 1)


_OF_IMAGES: dict[str, tuple[Transformation, int]] = {
    "color": (color, 3),
    "translation": (translation, 2),
    "cutout": (cutout, 2),
    "flip": (flip, 1),
    "rotation": (rotation, 1),
}
"""Name → the function, and how many uniform numbers it takes per image."""
NAMES = (*_OF_IMAGES, "noise")
TEXT = f"comma-separated, of {', '.join(NAMES)}"


@dataclass(frozen=True)
class Augmentations:
    """Some of them, one after another: `chosen` by a user, or else those `on_images`, and noise on vectors.

    `chance` names an input [] of the batch: then each is applied with that probability, else always.
    """

    chosen: str | None
    on_images: tuple[str, ...]
    strength: float = 1.0
    chance: str | None = None

    def __post_init__(self) -> None:
        for name in self._names(3):
            if name not in NAMES:
                raise UnknownName("augmentation", name, NAMES)

    def inputs(self, spec: DataSpec, group: str) -> dict[str, RandomInput]:
        """The random numbers for a group of examples; raises GanbenchError where one does not fit."""
        names = self._names(len(spec.shape))
        for name in names:
            _require_fit(name, spec.shape)
        inputs = {
            f"{group}_{name}": RandomInput((_OF_IMAGES[name][1],), "uniform")
            if name in _OF_IMAGES
            else RandomInput(spec.shape)
            for name in names
        }
        chances = {f"{group}_chance": RandomInput((len(names),), "uniform")} if self.chance else {}
        return inputs | chances

    def __call__(self, batch: Batch, group: str, examples: Tensor) -> Tensor:
        """Examples [n, *shape], augmented by that group's numbers."""
        for place, name in enumerate(self._names(examples.ndim - 1)):
            transformation = _OF_IMAGES[name][0] if name in _OF_IMAGES else noise
            augmented = transformation(examples, batch[f"{group}_{name}"], self.strength)
            if self.chance is not None:
                chance = batch[f"{group}_chance"][:, place].reshape(-1, *[1] * (examples.ndim - 1))
                augmented = torch.where(chance < batch[self.chance], augmented, examples)
            examples = augmented
        return examples

    def _names(self, dimensions: int) -> tuple[str, ...]:
        if self.chosen is None:
            return self.on_images if dimensions == 3 else ("noise",)
        return tuple(name.strip() for name in self.chosen.split(","))


def _require_fit(name: str, shape: tuple[int, ...]) -> None:
    if name in _OF_IMAGES and len(shape) != 3:
        raise GanbenchError(
            f"augmentation {name!r} is of images, not of examples of shape {shape}; try noise"
        )
    if name == "rotation" and shape[1] != shape[2]:
        raise GanbenchError(f"augmentation 'rotation' is of square images, not of {shape[1]} × {shape[2]}")
