"""Labels as vectors, and conditional players of networks that have no conditional layers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from ganbench.game import DataSpec


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
    """A discriminator of examples that are joined with the one-hot label: channels of images, coordinates of

    vectors.  Source: as above.
    """

    def __init__(self, of_joined: nn.Module, classes: int) -> None:
        super().__init__()
        self.of_joined, self.classes = of_joined, classes

    def forward(self, examples: Tensor, labels: Tensor) -> Tensor:
        """Logits [n] of examples [n, *shape] and labels int64 [n]."""
        vectors = label_vectors(labels, self.classes, examples)
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


def spec_of_joined(spec: DataSpec, classes: int) -> DataSpec:
    """What examples joined with their label look like."""
    return DataSpec.real((spec.shape[0] + classes, *spec.shape[1:]), spec.value_range)


def label_vectors(labels: Tensor, classes: int, like: Tensor) -> Tensor:
    """One-hot vectors [n, classes] of labels int64 [n], in the type of another tensor."""
    return one_hot(labels, classes).to(like.dtype)
