"""torch-fidelity's own networks under its own names: Inception as FID has it, and VGG-16."""

from __future__ import annotations

import io
from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from ganbench.errors import GanbenchError
from ganbench.extractors.downloads import downloaded
from ganbench.extractors.extractor import FEATURES, LOGITS, register_extractor
from ganbench.extractors.image_extractor import ImageExtractor
from ganbench.extractors.weights_file import load_tensors, load_weights

RESIZE = "bilinear as TensorFlow 1"


@dataclass(frozen=True)
class TorchFidelityExtractor(ImageExtractor):
    """A network of torch-fidelity's, at some of its features; resized within as it does."""

    network: str = ""
    """torch-fidelity's name of it."""
    given: tuple[str, ...] = ()
    """Its names of the features that are compared and, where there are any, of the logits."""
    resolution: int = 224

    @property
    def layers(self) -> tuple[str, ...]:  # type: ignore[override]
        """Features, and logits where it has any."""
        return (FEATURES, LOGITS)[: len(self.given)]

    def load(self) -> nn.Module:
        from torch_fidelity import registry  # slow to import, and of use here alone

        factory = registry.FEATURE_EXTRACTORS_REGISTRY[self.network]
        return self._read(factory)

    def protocol(self, layer: str) -> dict[str, Any]:
        """With torch-fidelity's own names, and how it resizes."""
        of_layer = self.given[self.layers.index(layer)]
        resize = f"{RESIZE}, to {self.resolution}"
        return {**super().protocol(layer), "extractor": self.network, "layer": of_layer, "resize": resize}

    def _read(self, factory: Any) -> nn.Module:
        """A network whose weights are tensors by name.

        torch-fidelity would execute what a file holds besides.  It gets the names and shapes alone, which it
        checks, and the network then takes the tensors.
        """
        name, file = self.network, self.weights.path
        tensors = load_tensors(name, file)
        network = self._made(factory, _described(tensors))
        prefix = "model." if name == "vgg16" else ""
        wanted = network.state_dict()
        renamed = OrderedDict((prefix + key, value) for key, value in tensors.items())
        return load_weights(network, {key: renamed[key] for key in renamed if key in wanted}, name, file)

    def _made(self, factory: Any, described: io.BytesIO) -> nn.Module:
        """The network without weights."""
        try:
            with torch.device("meta"):  # no initial weights, and no global random number for them
                return factory(self.network, list(self.given), feature_extractor_weights_path=described)
        except RuntimeError as error:
            lines = [line.strip() for line in str(error).splitlines()[1:]]
            why = lines[0][:200] if lines else str(error)
            raise GanbenchError(
                f"{self.weights.path}: these are no weights of {self.network}: {why}"
            ) from error


def _described(tensors: OrderedDict[str, Tensor]) -> io.BytesIO:
    """A file with the tensors' names and shapes, which torch-fidelity takes for one of weights."""
    described = OrderedDict((key, value.to("meta")) for key, value in tensors.items())
    described.__dict__.update(tensors.__dict__)  # the modules' versions, where there are any
    file = io.BytesIO()
    torch.save(described, file)
    file.seek(0)
    return file


@register_extractor("inception-v3-compat")
def inception_v3_compat(
    layer: Annotated[
        Literal["64", "192", "768", "2048"], "the features that are compared; FID has 2048"
    ] = "2048",
) -> TorchFidelityExtractor:
    """Inception v3 of 2015, the features of FID, IS and KID as they are published; Apache-2.0.

    2,048 features, and 1,008 logits without bias, as torch-fidelity computes them.  Only these give what is
    called plain `fid`.  `ganbench data fetch inception-v3-compat` downloads the weights, 91 MB.
    Source: Szegedy et al. 2016, in the graph of Heusel et al. 2017; weights converted by torch-fidelity from
    TensorFlow's classify_image_graph_def of 2015-12-05.
    """
    name = "inception-v3-compat"
    given = (layer, "logits_unbiased")
    label = name if layer == "2048" else f"{name}-{layer}"
    return TorchFidelityExtractor(label, downloaded(name), name, given, resolution=299)


@register_extractor("vgg16")
def vgg16() -> TorchFidelityExtractor:
    """VGG-16, trained on ImageNet: 4,096 features, as published precision and recall use; BSD-3-Clause.

    The second hidden layer after its ReLU.  `ganbench data fetch vgg16` downloads the weights, 528 MB.
    Source: Simonyan & Zisserman 2015; weights of torchvision.
    """
    return TorchFidelityExtractor("vgg16", downloaded("vgg16"), "vgg16", ("fc2_relu",))
