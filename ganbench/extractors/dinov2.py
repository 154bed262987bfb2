"""DINOv2's vision transformers: class tokens of pictures, with weights from a file and no code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganbench.extractors.downloads import downloaded
from ganbench.extractors.extractor import register_extractor
from ganbench.extractors.image_extractor import ImageExtractor
from ganbench.extractors.weights_file import load_tensors, load_weights

_RESOLUTION, _PATCH, _HEAD = 224, 14, 64
_TRAINED_GRID = 518 // _PATCH
"""Patches along a side at the resolution that training ended with, which the position embeddings are of."""
_OFFSET = 0.1
"""What the published network adds to the grid before it scales the position embeddings."""
_EPSILON = 1e-6
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's red, green and blue, of values in [0, 1]."""


class Size(NamedTuple):
    """Width of the tokens and number of blocks."""

    width: int
    depth: int


SIZES = {
    "dinov2-vit-s-14": Size(384, 12),
    "dinov2-vit-b-14": Size(768, 12),
    "dinov2-vit-l-14": Size(1024, 24),
}


class Attention(nn.Module):
    """Self-attention with heads of 64 channels: tokens [n, t, width] → [n, t, width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        query, key, value = self.qkv(tokens).unflatten(2, (3, -1, _HEAD)).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class Perceptron(nn.Module):
    """Token by token through a hidden layer four times as wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.fc2(functional.gelu(self.fc1(tokens)))


class LayerScale(nn.Module):
    """A factor for each channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens * self.gamma


class Block(nn.Module):
    """Attention and perceptron, each of normalized tokens, scaled and added."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.attn, self.ls1 = _norm(width), Attention(width), LayerScale(width)
        self.norm2, self.mlp, self.ls2 = _norm(width), Perceptron(width), LayerScale(width)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        return tokens + self.ls2(self.mlp(self.norm2(tokens)))


class Patches(nn.Module):
    """Pictures [n, 3, H, W] → one token for each patch, [n, H/14 · W/14, width]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, _PATCH, _PATCH)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.proj(pictures).flatten(2).transpose(1, 2)


class DinoV2(nn.Module):
    """Normalized pictures [n, 3, s, s], s a multiple of 14 → the normalized class token [n, width].

    Source: Oquab et al. 2023; the published networks without registers.  Names are those of their weights.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        width = size.width
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + _TRAINED_GRID**2, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # of training alone, but among the weights
        self.patch_embed = Patches(width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(size.depth)))
        self.norm = _norm(width)

    def forward(self, pictures: Tensor) -> Tensor:
        patches = self.patch_embed(pictures)
        tokens = torch.cat([self.cls_token.expand(len(pictures), -1, -1), patches], 1)
        tokens = tokens + positions(self.pos_embed, pictures.shape[-1] // _PATCH)
        return self.norm(self.blocks(tokens)[:, 0])


def positions(embeddings: Tensor, grid: int) -> Tensor:
    """Position embeddings [1, 1 + 37², width] for another grid of patches, [1, 1 + grid², width].

    Bicubic, not antialiased, with the offset of the published network.
    """
    square = embeddings[:, 1:].unflatten(1, (_TRAINED_GRID, _TRAINED_GRID)).permute(0, 3, 1, 2)
    factor = (grid + _OFFSET) / _TRAINED_GRID
    scaled = functional.interpolate(square, scale_factor=(factor, factor), mode="bicubic")
    return torch.cat([embeddings[:, :1], scaled.flatten(2).transpose(1, 2)], 1)


def _norm(width: int) -> nn.LayerNorm:
    return nn.LayerNorm(width, eps=_EPSILON)


class OfBytes(nn.Module):
    """Bytes [n, 3, H, W] → the features, a tuple of one, of pictures resized to a square."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        return (self.network((resized(images) / 255 - self.mean) / self.deviation),)


def resized(images: Tensor) -> Tensor:
    """Bytes [n, 3, H, W] → whole numbers in 0..255 [n, 3, 224, 224], float32, as Pillow's bicubic filter.

    Pillow rounds to bytes after the rows and again after the columns, which differs from once by up to 24 in
    noise.  Since version 13 it takes the columns of tall pictures first; this does not.
    """
    pixels = images.float()
    for size in ((images.shape[-2], _RESOLUTION), (_RESOLUTION, _RESOLUTION)):
        pixels = functional.interpolate(pixels, size, mode="bicubic", antialias=True).round().clamp(0, 255)
    return pixels


@dataclass(frozen=True)
class DinoV2Extractor(ImageExtractor):
    """A published DINOv2 network, by torch-fidelity's name of it."""

    def load(self) -> nn.Module:
        with torch.device("meta"):  # no initial weights, and no global random number for them
            network = DinoV2(SIZES[self.name])
        tensors = load_tensors(self.name, self.weights.path)
        return OfBytes(load_weights(network, tensors, self.name, self.weights.path))

    def protocol(self, layer: str) -> dict[str, Any]:
        """With DINOv2's own name of the features, and how the pictures are resized."""
        resize = f"bicubic, antialiased, to {_RESOLUTION}, in bytes"
        return {**super().protocol(layer), "layer": "x_norm_clstoken", "resize": resize}


def _made(name: str) -> DinoV2Extractor:
    return DinoV2Extractor(name, downloaded(name))


@register_extractor("dinov2-vit-s-14")
def dinov2_vit_s_14() -> DinoV2Extractor:
    """DINOv2's ViT-S/14 of images: 384 features, trained on pictures alone; Apache-2.0.

    Resized as dgm-eval does, with Pillow's bicubic filter; torch-fidelity resizes bilinearly, and has other
    values.  `ganbench data fetch dinov2-vit-s-14` downloads the weights, 84 MB.  Source: Oquab et al. 2023.
    """
    return _made("dinov2-vit-s-14")


@register_extractor("dinov2-vit-b-14")
def dinov2_vit_b_14() -> DinoV2Extractor:
    """DINOv2's ViT-B/14 of images: 768 features, trained on pictures alone; Apache-2.0.

    Resized as dgm-eval does, with Pillow's bicubic filter; torch-fidelity resizes bilinearly, and has other
    values.  `ganbench data fetch dinov2-vit-b-14` downloads the weights, 330 MB.  Source: Oquab et al. 2023.
    """
    return _made("dinov2-vit-b-14")


@register_extractor("dinov2-vit-l-14")
def dinov2_vit_l_14() -> DinoV2Extractor:
    """DINOv2's ViT-L/14 of images: 1,024 features, as dgm-eval's FD has them; Apache-2.0.

    Trained on pictures alone.  Resized as dgm-eval does, with Pillow's bicubic filter; torch-fidelity resizes
    bilinearly, and has other values.  `ganbench data fetch dinov2-vit-l-14` downloads the weights, 1.2 GB.
    Source: Oquab et al. 2023; Stein et al. 2023, who recommend it in Inception's place.
    """
    return _made("dinov2-vit-l-14")
