"""Weights files in the formats of published networks, with random numbers in them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn


def random_tensors(network: nn.Module, seed: int = 0) -> dict[str, Tensor]:
    """Its state with random numbers that let signals through a deep network."""
    source = torch.Generator().manual_seed(seed)
    return {key: _random(key, value, source) for key, value in network.state_dict().items()}


def _random(key: str, value: Tensor, source: torch.Generator) -> Tensor:
    if not value.is_floating_point():
        return torch.zeros(value.shape, dtype=value.dtype)
    if key.endswith("running_var"):
        return 1 + 0.1 * torch.rand(value.shape, generator=source)
    numbers = torch.randn(value.shape, generator=source)
    if value.dim() == 1 and key.endswith(("weight", "gamma")):  # of a norm, or a layer's scale
        return 1 + 0.1 * numbers
    return numbers * math.sqrt(2 / value[0].numel()) if value.dim() > 1 else 0.1 * numbers


@contextmanager
def _without_weights(module: Any, network: type[nn.Module]) -> Iterator[None]:
    with (
        mock.patch.object(module, "load_state_dict_from_url", return_value={}),
        mock.patch.object(network, "load_state_dict", return_value=None),
        torch.device("meta"),
    ):
        yield


def write_inception(file: Path) -> Path:
    """Inception's weights file, as torch-fidelity has it, of random numbers."""
    from torch_fidelity import feature_extractor_inceptionv3 as module

    network = module.FeatureExtractorInceptionV3
    with _without_weights(module, network):
        empty = network("inception-v3-compat", ["2048"])
    torch.save(random_tensors(empty), file)
    return file


def write_vgg16(file: Path) -> Path:
    """VGG-16's weights file, as torchvision has it; see `_overlapping`."""
    from torchvision.models import vgg16

    with torch.device("meta"):
        shapes = vgg16().state_dict()
    torch.save(_overlapping(shapes), file)
    return file


CLIPS: dict[str, tuple[Any, ...]] = {
    "clip-rn50": (1024, 224, (3, 4, 6, 3), 64, None),
    "clip-vit-b-32": (512, 224, 12, 768, 32),
}
"""Features, resolution, layers, width and patch."""


def write_clip(file: Path, name: str, replaced: dict[str, Tensor] | None = None) -> Path:
    """A TorchScript archive as those of CLIP, in half precision and with a text part; see `_overlapping`."""
    from torch_fidelity.feature_extractor_clip import CLIPVisual

    features, *others = CLIPS[name]
    with torch.device("meta"):
        shapes = CLIPVisual(features, *others).state_dict()
    tensors = _overlapping(shapes, torch.half)
    text = {
        "text_projection": torch.zeros(8, features),
        "ln_final.weight": torch.ones(8),
        "logit_scale": torch.ones(()),
    }
    torch.jit.save(torch.jit.script(_holder(tensors | text | (replaced or {}))), file)
    return file


def _holder(tensors: dict[str, Tensor]) -> nn.Module:
    """A module whose state is these tensors."""
    root = nn.Module()
    for key, value in tensors.items():
        *path, leaf = key.split(".")
        module = root
        for part in path:
            if not hasattr(module, part):
                module.add_module(part, nn.Module())
            module = getattr(module, part)
        module.register_buffer(leaf, value)
    return root


def _overlapping(shapes: dict[str, Tensor], dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Random tensors of these shapes; rows of large ones are one another, shifted: full rank, few bytes."""
    source, tensors = torch.Generator().manual_seed(0), {}
    for key, value in shapes.items():
        if value.numel() < 10**6:
            tensors[key] = _random(key, value, source).to(dtype)
            continue
        row = value[0].numel()
        numbers = torch.randn(len(value) + row - 1, generator=source) * math.sqrt(2 / row)
        strides = torch.empty(value.shape[1:], device="meta").stride()
        tensors[key] = numbers.to(dtype).as_strided(value.shape, (1, *strides))
    return tensors


def write_dinov2(file: Path, width: int = 384, depth: int = 12) -> Path:
    """DINOv2's weights file as it is published, of random numbers; of ViT-S/14 by default."""
    block = {
        "norm1.weight": (width,),
        "norm1.bias": (width,),
        "attn.qkv.weight": (3 * width, width),
        "attn.qkv.bias": (3 * width,),
        "attn.proj.weight": (width, width),
        "attn.proj.bias": (width,),
        "ls1.gamma": (width,),
        "norm2.weight": (width,),
        "norm2.bias": (width,),
        "mlp.fc1.weight": (4 * width, width),
        "mlp.fc1.bias": (4 * width,),
        "mlp.fc2.weight": (width, 4 * width),
        "mlp.fc2.bias": (width,),
        "ls2.gamma": (width,),
    }
    shapes = {
        "cls_token": (1, 1, width),
        "pos_embed": (1, 1 + 37 * 37, width),
        "mask_token": (1, width),
        "patch_embed.proj.weight": (width, 3, 14, 14),
        "patch_embed.proj.bias": (width,),
        "norm.weight": (width,),
        "norm.bias": (width,),
        **{f"blocks.{number}.{key}": shape for number in range(depth) for key, shape in block.items()},
    }
    source = torch.Generator().manual_seed(0)
    torch.save({key: _random(key, torch.empty(shape), source) for key, shape in shapes.items()}, file)
    return file
