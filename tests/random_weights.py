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
    if key.endswith(("bn.weight", "gamma")) or ("norm" in key and key.endswith("weight")):
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
