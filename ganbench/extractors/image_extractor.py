"""Networks that were trained on pictures of any size: what they take, and when their weights are read."""

from __future__ import annotations

import functools
import warnings
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ganbench.extractors.extractor import Extractor
from ganbench.extractors.weights_file import WeightsFile
from ganbench.game import DataSpec


@dataclass(frozen=True)
class ImageExtractor(Extractor):
    """A network with weights from a file, which sees images as image files hold them: bytes, three channels.

    A subclass loads the network and says its layers; GanbenchError where the file holds other weights.
    """

    name: str
    weights: WeightsFile
    examples_per_pass = 16  # large pictures inside, whatever the size of the examples

    def __post_init__(self) -> None:
        _network(self, "cpu")  # wrong weights are told of before anything is trained

    @abstractmethod
    def load(self) -> nn.Module:
        """The network on the CPU: bytes [n, 3, H, W] → the values of each layer, a tuple of [n, F]."""

    def __call__(self, examples: Tensor) -> Mapping[str, Tensor]:
        values = _network(self, str(examples.device))(image_bytes(examples))
        return dict(zip(self.layers, values, strict=True))

    def refusal(self, spec: DataSpec) -> str | None:
        """What is no image of one channel or three in [-1, 1]."""
        if len(spec.shape) == 3 and spec.shape[0] in (1, 3) and spec.value_range == (-1.0, 1.0):
            return None
        return f"{self.name} takes images of one channel or three with values in [-1, 1]"

    def protocol(self, layer: str) -> dict[str, Any]:
        """With the hash of the weights."""
        return {**super().protocol(layer), "weights_sha256": self.weights.sha256, "input": "uint8"}


def image_bytes(images: Tensor) -> Tensor:
    """Images [n, 1 or 3, H, W] in [-1, 1], or bytes, as bytes [n, 3, H, W]; what is not finite is 0."""
    if images.dtype != torch.uint8:
        scaled = ((images.float() + 1) * 127.5).round().clamp(0, 255)
        images = torch.where(images.isfinite(), scaled, 0.0).byte()
    return images.expand(-1, 3, -1, -1)


@functools.lru_cache(maxsize=8)
def _network(extractor: ImageExtractor, device: str) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of old formats, which are what people have
        return extractor.load().to(device)
