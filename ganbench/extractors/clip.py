"""CLIP's networks of images, as torch-fidelity has them, with weights from OpenAI's archives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from ganbench.errors import GanbenchError
from ganbench.extractors.downloads import downloaded
from ganbench.extractors.extractor import register_extractor
from ganbench.extractors.torch_fidelity_extractors import TorchFidelityExtractor

_UNREADABLE = (OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError, IndexError, AttributeError)


class Architecture(NamedTuple):
    """Features, pixels along a side, blocks, and the first convolution's channels and kernel."""

    features: int
    resolution: int
    blocks: int
    channels: int
    kernel: int


ARCHITECTURES = {
    "clip-rn50": Architecture(1024, 224, 16, 32, 3),
    "clip-rn101": Architecture(512, 224, 33, 32, 3),
    "clip-rn50x4": Architecture(640, 288, 26, 40, 3),
    "clip-rn50x16": Architecture(768, 384, 40, 48, 3),
    "clip-rn50x64": Architecture(1024, 448, 64, 64, 3),
    "clip-vit-b-32": Architecture(512, 224, 12, 768, 32),
    "clip-vit-b-16": Architecture(512, 224, 12, 768, 16),
    "clip-vit-l-14": Architecture(768, 224, 24, 1024, 14),
    "clip-vit-l-14-336px": Architecture(768, 336, 24, 1024, 14),
}
"""torch-fidelity makes whatever network a file has the weights of; here it is compared with these."""


@dataclass(frozen=True)
class ClipExtractor(TorchFidelityExtractor):
    """A published CLIP, of a TorchScript archive: its tensors are read, its code is not run."""

    def _read(self, factory: Any) -> nn.Module:
        name, path = self.network, str(self.weights.path)
        try:
            with torch.random.fork_rng(devices=[]):  # it draws initial weights
                network = factory(name, list(self.given), feature_extractor_weights_path=path)
        except _UNREADABLE as error:
            raise GanbenchError(
                f"{path}: these are no weights of {name}: damaged, or no TorchScript archive of it"
            ) from error
        if (architecture := _architecture(network.model.visual)) != ARCHITECTURES[name]:
            raise GanbenchError(f"{path}: these are no weights of {name}: {_other(architecture)}")
        return network.eval().requires_grad_(False)


def _architecture(visual: Any) -> Architecture:
    """That of torch-fidelity's network, a transformer or a residual network."""
    if transformer := getattr(visual, "transformer", None):
        blocks = len(transformer.resblocks)
    else:
        blocks = sum(len(getattr(visual, f"layer{stage}")) for stage in (1, 2, 3, 4))
    first = visual.conv1
    return Architecture(
        visual.output_dim, visual.input_resolution, blocks, first.out_channels, first.kernel_size[0]
    )


def _other(architecture: Architecture) -> str:
    """Which one a file is of that is not of the one that is asked for."""
    names = {value: name for name, value in ARCHITECTURES.items()}
    if architecture in names:
        return f"they are those of {names[architecture]}"
    text = ", ".join(f"{key} {value}" for key, value in architecture._asdict().items())
    return f"they are of a network with {text}"


def _made(name: str) -> ClipExtractor:
    return ClipExtractor(name, downloaded(name), name, ("clip",), ARCHITECTURES[name].resolution)


@register_extractor("clip-rn50")
def clip_rn50() -> ClipExtractor:
    """CLIP's ResNet-50 of images: 1,024 features, trained on pictures with their captions; MIT.

    `ganbench data fetch clip-rn50` downloads the weights.  Source: Radford et al. 2021.
    """
    return _made("clip-rn50")


@register_extractor("clip-rn101")
def clip_rn101() -> ClipExtractor:
    """CLIP's ResNet-101 of images: 512 features, trained on pictures with their captions; MIT.

    `ganbench data fetch clip-rn101` downloads the weights.  Source: Radford et al. 2021.
    """
    return _made("clip-rn101")


@register_extractor("clip-rn50x4")
def clip_rn50x4() -> ClipExtractor:
    """CLIP's ResNet-50x4 of images: 640 features, trained on pictures with their captions; MIT.

    `ganbench data fetch clip-rn50x4` downloads the weights.  Source: Radford et al. 2021.
    """
    return _made("clip-rn50x4")


@register_extractor("clip-rn50x16")
def clip_rn50x16() -> ClipExtractor:
    """CLIP's ResNet-50x16 of images: 768 features, trained on pictures with their captions; MIT.

    `ganbench data fetch clip-rn50x16` downloads the weights.  Source: Radford et al. 2021.
    """
    return _made("clip-rn50x16")


@register_extractor("clip-rn50x64")
def clip_rn50x64() -> ClipExtractor:
    """CLIP's ResNet-50x64 of images: 1,024 features, trained on pictures with their captions; MIT.

    `ganbench data fetch clip-rn50x64` downloads the weights.  Source: Radford et al. 2021.
    """
    return _made("clip-rn50x64")


@register_extractor("clip-vit-b-32")
def clip_vit_b_32() -> ClipExtractor:
    """CLIP's ViT-B/32 of images: 512 features, trained on pictures with their captions; MIT.

    `ganbench data fetch clip-vit-b-32` downloads the weights.  Source: Radford et al. 2021.
    """
    return _made("clip-vit-b-32")


@register_extractor("clip-vit-b-16")
def clip_vit_b_16() -> ClipExtractor:
    """CLIP's ViT-B/16 of images: 512 features, trained on pictures with their captions; MIT.

    `ganbench data fetch clip-vit-b-16` downloads the weights.  Source: Radford et al. 2021.
    """
    return _made("clip-vit-b-16")


@register_extractor("clip-vit-l-14")
def clip_vit_l_14() -> ClipExtractor:
    """CLIP's ViT-L/14 of images: 768 features, trained on pictures with their captions; MIT.

    `ganbench data fetch clip-vit-l-14` downloads the weights.  Source: Radford et al. 2021.
    """
    return _made("clip-vit-l-14")


@register_extractor("clip-vit-l-14-336px")
def clip_vit_l_14_336px() -> ClipExtractor:
    """CLIP's ViT-L/14@336px of images: 768 features, trained on pictures with their captions; MIT.

    `ganbench data fetch clip-vit-l-14-336px` downloads the weights.  Source: Radford et al. 2021.
    """
    return _made("clip-vit-l-14-336px")
