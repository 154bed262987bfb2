"""Small classifiers, one an image data set: whose features and class probabilities fidelity compares."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional

WEIGHTS = Path(__file__).parent.parent / "weights"


class DigitsClassifier(nn.Module):
    """Images [n, 1, 8, 8] in [-1, 1] → features [n, 32] and logits [n, 10]."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.hidden = nn.Linear(32 * 4 * 4, 32)
        self.head = nn.Linear(32, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = functional.relu(self.conv1(images))
        x = functional.relu(self.conv2(x))
        features = functional.relu(self.hidden(x.flatten(1)))
        return features, self.head(features)


class SmallConvClassifier(nn.Module):
    """Images [n, 1, 28, 28] in [-1, 1] → features [n, 64] and logits [n, 10]."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 5, stride=2, padding=2)
        self.conv2 = nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.conv3 = nn.Conv2d(32, 64, 3, stride=2, padding=1)
        self.hidden = nn.Linear(64 * 4 * 4, 64)
        self.head = nn.Linear(64, classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = functional.relu(self.conv1(images))
        x = functional.relu(self.conv2(x))
        x = functional.relu(self.conv3(x))
        features = functional.relu(self.hidden(x.flatten(1)))
        return features, self.head(features)


ARCHITECTURES: dict[str, type[nn.Module]] = {
    "digits": DigitsClassifier,
    "mnist": SmallConvClassifier,
    "fashion_mnist": SmallConvClassifier,
}
"""Data set's name to its classifier's architecture."""


def load_classifier(name: str) -> nn.Module:
    """The trained classifier of a data set, float32, in evaluation mode, without gradients."""
    model = ARCHITECTURES[name]()
    held = load(_weights(name))
    model.load_state_dict({key: value.to(torch.float32) for key, value in held.items()})
    return model.eval().requires_grad_(False)


@functools.cache
def weights_hash(name: str) -> str:
    """The sha256 of a classifier's weights file, hexadecimal."""
    return hashlib.sha256(_weights(name)).hexdigest()


def description(name: str) -> dict[str, Any]:
    """How a classifier was made and how well it does, from the file beside its weights."""
    return json.loads((WEIGHTS / f"{name}.json").read_text(encoding="utf-8"))


def _weights(name: str) -> bytes:
    return (WEIGHTS / f"{name}.safetensors").read_bytes()
