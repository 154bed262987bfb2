"""Small classifiers, one an image data set: penultimate features, and the logits of the classes."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor, nn
from torch.nn import functional

from ganbench.extractors.extractor import FEATURES, LOGITS, Extractor, register_extractor
from ganbench.game import DataSpec

PREFIX = "ganbench-classifier-"
WEIGHTS = Path(__file__).parent / "weights"


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
SHAPES: dict[type[nn.Module], tuple[int, ...]] = {
    DigitsClassifier: (1, 8, 8),
    SmallConvClassifier: (1, 28, 28),
}


@dataclass(frozen=True)
class Classifier(Extractor):
    """The classifier of a data set, trained on its train split; its accuracy stands beside its weights.

    Takes images in [-1, 1], or uint8 in 0..255 (MNIST's own coding), with one channel or three equal ones.
    """

    name: str
    layers = (FEATURES, LOGITS)

    @property
    def classifies(self) -> str:  # type: ignore[override]
        """The data set that it is of."""
        return self.name

    def __call__(self, examples: Tensor) -> dict[str, Tensor]:
        images = examples.float() / 127.5 - 1 if examples.dtype == torch.uint8 else examples.float()
        values = _classifier_on(self.name, str(examples.device))(images.mean(1, keepdim=True))
        return dict(zip(self.layers, values, strict=True))

    def refusal(self, spec: DataSpec) -> str | None:
        """Images of other shapes."""
        shape = SHAPES[ARCHITECTURES[self.name]]
        return None if spec.shape == shape else f"the classifier {self.name!r} is of images {shape}"

    def protocol(self, layer: str) -> dict[str, Any]:
        """With the name that torch-fidelity knows it by."""
        weights = weights_hash(self.name)
        return {"extractor": f"{PREFIX}{self.name}", "weights_sha256": weights, "layer": layer}


@register_extractor("digits")
def digits() -> Classifier:
    """The classifier of `digits`: 32 features, 99 % right on held-out images."""
    return Classifier("digits")


@register_extractor("mnist")
def mnist() -> Classifier:
    """The classifier of `mnist`: 64 features, 99 % right on held-out images."""
    return Classifier("mnist")


@register_extractor("fashion_mnist")
def fashion_mnist() -> Classifier:
    """The classifier of `fashion_mnist`: 64 features, 92 % right on held-out images."""
    return Classifier("fashion_mnist")


def load_classifier(name: str) -> nn.Module:
    """The trained classifier of a data set, float32, in evaluation mode, without gradients."""
    with torch.device("meta"):  # no initial weights, and no global random number for them
        model = ARCHITECTURES[name]()
    stored = load(_weights(name))
    model.load_state_dict({key: value.to(torch.float32) for key, value in stored.items()}, assign=True)
    return model.eval().requires_grad_(False)


@functools.cache
def _classifier_on(name: str, device: str) -> nn.Module:
    return load_classifier(name).to(device)


@functools.cache
def weights_hash(name: str) -> str:
    """The sha256 of a classifier's weights file, hexadecimal."""
    return hashlib.sha256(_weights(name)).hexdigest()


def description(name: str) -> dict[str, Any]:
    """How a classifier was made and how well it does, from the file beside its weights."""
    return json.loads((WEIGHTS / f"{name}.json").read_text(encoding="utf-8"))


def _weights(name: str) -> bytes:
    return (WEIGHTS / f"{name}.safetensors").read_bytes()
