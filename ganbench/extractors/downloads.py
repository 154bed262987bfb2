"""Weights to download: from where, and where they lie, for torch-fidelity and for ganbench."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from ganbench.errors import GanbenchError, UnknownName
from ganbench.extractors.weights_file import WeightsFile, weights_file

_DINOV2 = "https://dl.fbaipublicfiles.com/dinov2/{0}/{0}_pretrain.pth"
_DINOV2_MODELS = {f"dinov2-vit-{size}-14": f"dinov2_vit{size}14" for size in "sbl"}
_INCEPTION, _VGG = "inception-v3-compat", "vgg16"


@dataclass(frozen=True)
class Download:
    """An address, and the name of its file among torch.hub's checkpoints, with how its sha256 begins."""

    url: str
    file: str
    prefix: str | None = None

    @property
    def place(self) -> Path:
        """Where the file lies once it is there."""
        return Path(torch.hub.get_dir()) / "checkpoints" / self.file


def downloaded(name: str) -> WeightsFile:
    """The weights of an extractor that are downloaded; MissingData where they are not there yet."""
    place = downloads()[name].place
    return weights_file(name, place, f"`ganbench data fetch {name}` downloads them where there is a network")


def fetch_weights(name: str) -> Path:
    """Download an extractor's weights where they are not there yet; GanbenchError where that fails."""
    if name not in downloads():
        raise UnknownName("weights to fetch", name, downloads())
    download = downloads()[name]
    if not download.place.is_file():
        try:
            download.place.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(download.url, str(download.place), download.prefix)
        except (OSError, RuntimeError, ValueError) as error:
            why = " ".join(str(error).split())
            raise GanbenchError(f"{name} could not be downloaded from {download.url}: {why}") from error
    return download.place


@functools.cache
def downloads() -> Mapping[str, Download]:
    """Extractor's name to its weights, as torch-fidelity, torchvision and DINOv2 name and place them."""
    from torch_fidelity import feature_extractor_clip as clip  # slow to import
    from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3
    from torchvision.models import VGG16_Weights

    addresses = {_INCEPTION: URL_INCEPTION_V3, _VGG: VGG16_Weights.IMAGENET1K_V1.url}
    addresses |= {name: _DINOV2.format(model) for name, model in _DINOV2_MODELS.items()}
    files = {name: _of_file(url) for name, url in addresses.items()}
    hashes = {name: data["hash"] for name, data in clip.MODEL_METADATA.items()}
    scripted = {name: Download(clip.MODEL_URLS[name], f"{name}-{h}.pt", h) for name, h in hashes.items()}
    return files | scripted


def _of_file(url: str) -> Download:
    """A file under the name that it has at its address, which may end with how its hash begins."""
    file = url.rpartition("/")[2]
    prefix = re.search(r"-([a-f0-9]{8,})\.pth$", file)
    return Download(url, file, prefix[1] if prefix else None)
