"""What a figure needs of a last generator that no diagnostic measures: walks between latents, and classes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ganbench.diagnostics.diagnostic import arrays_of, image_bytes
from ganbench.game import FieldSpec, RandomInput, Tree
from ganbench.training.snapshot import Snapshot

STEPS = 8
"""Walks, pictures of a walk, and pictures of a class."""
_MOST_CLASSES = 16


def pictures(snapshot: Snapshot) -> dict[str, np.ndarray]:
    """Images as bytes: `walks` [S, 8, 8, *shape] and, of conditional ones, `classes` [S, K, 8, *shape].

    A row of `walks` leads from one latent to another, all else as it was drawn with the first; a row of
    `classes` is one class that was trained on, by `class_numbers` [S, K]; a column one draw of all else.
    """
    found = {}
    if snapshot.latents:
        found["walks"] = _images(snapshot, _walks(snapshot))
    if (label := _label(snapshot)) is not None:
        numbers = _classes(snapshot.dataset.info.spec.fields[label])
        found["classes"] = _images(snapshot, _by_class(snapshot, label, numbers))
        found["class_numbers"] = numbers.repeat(len(snapshot.seeds), 1)
    return arrays_of(found)


def _images(snapshot: Snapshot, inputs: Tree) -> Tensor:
    """Samples of inputs [S, R, 8, ...] as bytes [S, R, 8, *shape]."""
    flat = {name: value.flatten(1, 2) for name, value in inputs.items()}
    images = snapshot.evaluate(snapshot.game.sample, flat, averaged=True)
    return image_bytes(images).unflatten(1, (-1, STEPS))


def _walks(snapshot: Snapshot) -> Tree:
    """Inputs [S, walks, steps, ...]."""
    ends = snapshot.sampling_inputs("walks").draw(2 * STEPS, snapshot.dtype)
    return {
        name: walk(value[:, :STEPS], value[:, STEPS:], snapshot.latents[name])
        if name in snapshot.latents
        else value[:, :STEPS].unsqueeze(2).expand(-1, -1, STEPS, *value.shape[2:])
        for name, value in ends.items()
    }


def walk(start: Tensor, end: Tensor, latent: RandomInput) -> Tensor:
    """Evenly from `start` to `end`, both [S, n, ...]: [S, n, 8, ...].

    Normal latents along the great circle, on which the norm of a typical one is kept (White 2016, arXiv
    1609.04468); others straight.
    """
    first, last = (value.reshape(*start.shape[:2], -1) for value in (start, end))
    along = torch.linspace(0, 1, STEPS, dtype=start.dtype, device=start.device).view(1, 1, STEPS, 1)
    straight = (1 - along, along)
    weights: tuple[Tensor, ...] = straight
    if latent.kind == "normal":
        cosine = torch.nn.functional.cosine_similarity(first, last, dim=-1)[..., None, None]
        angle = cosine.clamp(-1, 1).acos()
        on_a_line = torch.sin(angle) < 1e-6  # in one dimension there is no circle
        curved = (torch.sin(share * angle) / torch.sin(angle) for share in straight)
        weights = tuple(torch.where(on_a_line, s, c) for s, c in zip(straight, curved, strict=True))
    path = weights[0] * first.unsqueeze(2) + weights[1] * last.unsqueeze(2)
    return path.reshape(*path.shape[:3], *start.shape[2:])


def _label(snapshot: Snapshot) -> str | None:
    """The field of classes that a sample is made from, if any."""
    fields = snapshot.dataset.info.spec.fields
    return next((n for n in snapshot.sample_reads if n in fields and fields[n].classes), None)


def _classes(label: FieldSpec) -> Tensor:
    """The first classes that have examples to train on, int64 [K]."""
    shares = torch.ones(label.classes or 0) if label.shares is None else label.shares()
    return torch.where(shares > 0)[0][:_MOST_CLASSES]


def _by_class(snapshot: Snapshot, label: str, numbers: Tensor) -> Tree:
    """Inputs [S, K, 8, ...]: the same draws for every one of the classes [K]."""
    drawn = snapshot.sampling_inputs("classes").draw(STEPS, snapshot.dtype)
    inputs = {n: v.unsqueeze(1).expand(-1, len(numbers), *v.shape[1:]) for n, v in drawn.items()}
    classes = numbers.to(drawn[label].device, drawn[label].dtype)
    inputs[label] = classes.view(1, -1, *[1] * (drawn[label].ndim - 1)).expand_as(inputs[label])
    return inputs
