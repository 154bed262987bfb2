"""Labels as vectors, and conditional players of networks that have no conditional layers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ganbench.game import DataSpec
from ganbench.networks.layers import Linear


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


class LabelChannels(nn.Module):
    """A discriminator of examples joined with their label: as channels of images, coordinates of vectors.

    `build` makes the discriminator of what they look like together.  Up to `most` classes the label is
    one-hot; more are embedded in `most` numbers by a linear map, which is learnt: one-hot channels of 1,000
    classes cost a small network ten times all else.
    Source: as above, where there are ten classes.
    """

    def __init__(
        self, build: Callable[[DataSpec], nn.Module], spec: DataSpec, classes: int, most: int = 32
    ) -> None:
        super().__init__()
        size = min(classes, most)
        self.classes, self.embedding = (
            classes,
            nn.Identity() if size == classes else _embedding(classes, size),
        )
        self.of_joined = build(DataSpec.real((spec.shape[0] + size, *spec.shape[1:]), spec.value_range))

    def forward(self, examples: Tensor, labels: Tensor) -> Tensor:
        """Logits [n] of examples [n, *shape] and labels int64 [n]."""
        vectors = self.embedding(label_vectors(labels, self.classes, examples))
        constant = vectors.reshape(*vectors.shape, *[1] * (examples.ndim - 2)).expand(
            -1, -1, *examples.shape[2:]
        )
        logits: Tensor = self.of_joined(torch.cat([examples, constant], 1))
        return logits


class Projection(nn.Module):
    """A discriminator ψ(φ(x)) + ⟨e_y, φ(x)⟩: ψ and the classes' e_y are the rows of the last layer.

    Source: Miyato & Koyama 2018, "cGANs with Projection Discriminator", eq. (3).
    """

    def __init__(self, of_examples: nn.Module) -> None:
        super().__init__()
        self.of_examples = of_examples

    def forward(self, examples: Tensor, labels: Tensor) -> Tensor:
        """Logits [n] of examples [n, *shape] and labels int64 [n]."""
        outputs: Tensor = self.of_examples(examples)
        return outputs[:, 0] + outputs.gather(1, labels.unsqueeze(1) + 1).squeeze(1)


def _embedding(classes: int, size: int) -> Linear:
    """One-hot vectors [n, classes] → [n, size], at first of length about 1 as they are."""
    layer = Linear(classes, size, bias=False)
    layer.initial_std = size**-0.5
    return layer


def label_vectors(labels: Tensor, classes: int, like: Tensor) -> Tensor:
    """One-hot vectors [n, classes] of labels int64 [n], in the type of another tensor."""
    return one_hot(labels, classes).to(like.dtype)
