"""Labels as vectors, and conditional generators of networks that have no conditional layers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot


class LabelInput(nn.Module):
    """A generator of latents that are joined with the one-hot label.

    Source: Mirza & Osindero 2014, "Conditional Generative Adversarial Nets", section 3.2.
    """

    def __init__(self, of_vectors: nn.Module, classes: int) -> None:
        super().__init__()
        self.of_vectors, self.classes = of_vectors, classes

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        """Examples [n, *shape] of latents [n, latent_dim] and labels int64 [n]."""
        examples: Tensor = self.of_vectors(torch.cat([noise, label_vectors(labels, self.classes, noise)], 1))
        return examples


def with_label_input(build: Callable[[int], nn.Module], latent_dim: int, classes: int | None) -> nn.Module:
    """The generator that `build` makes for a size of its input; with classes, one of latents and labels."""
    return build(latent_dim) if classes is None else LabelInput(build(latent_dim + classes), classes)


def label_vectors(labels: Tensor, classes: int, like: Tensor) -> Tensor:
    """One-hot vectors [n, classes] of labels int64 [n], in the type of another tensor."""
    return one_hot(labels, classes).to(like.dtype)
