"""A user's own network from a file: TorchScript or ONNX."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge
from torch import Tensor, nn
from torch.nn import functional

from ganbench.errors import GanbenchError
from ganbench.extractors.extractor import register_extractor
from ganbench.extractors.image_extractor import ImageExtractor
from ganbench.extractors.weights_file import recorded
from ganbench.game import DataSpec
from ganbench.registry import FilePath
from ganbench.user_code import one_line

Range = Literal["-1..1", "0..1", "0..255"]
_SCALES: dict[Range, tuple[float, float]] = {
    "-1..1": (127.5, -1.0),
    "0..1": (255.0, 0.0),
    "0..255": (1.0, 0.0),
}
"""What a byte is divided by, and what is added then."""
_PROBE = 2

Layer = Annotated[int | str | None, "which of several outputs: its number or its name; null: the only one"]
Size = Annotated[int | None, Ge(1), "pixels along a side after resizing, bilinear; null: as they are"]
Values = Annotated[Range, "the range of values that the network expects"]


@dataclass(frozen=True)
class UserNetwork(ImageExtractor):
    """A network of the user's that takes pictures [n, 3, H, W] and gives features [n, F]."""

    kind: Literal["torchscript", "onnx"] = "torchscript"
    layer: int | str | None = None
    size: int | None = None
    range: Range = "-1..1"

    def refusal(self, spec: DataSpec) -> str | None:
        """With GanbenchError where the network fails on images of the data's shape."""
        refusal = super().refusal(spec)
        if refusal is None:
            self(torch.zeros(_PROBE, *spec.shape))
        return refusal

    def load(self) -> nn.Module:
        read = _torchscript if self.kind == "torchscript" else _Onnx
        return _OfBytes(self, read(self.weights.path))

    def protocol(self, layer: str) -> dict[str, Any]:
        """With all that changes what the network sees and which of its outputs is taken."""
        return {
            **super().protocol(layer),
            "extractor": self.kind,
            **settings(self.layer, self.size, self.range),
        }


def settings(layer: int | str | None, size: int | None, range: Range) -> dict[str, Any]:
    """The options by the protocol's names."""
    resize = "none" if size is None else f"bilinear, antialiased, to {size}"
    return {"output": layer, "resize": resize, "range": range}


@register_extractor("torchscript")
def torchscript(
    path: Annotated[str, FilePath(), "a TorchScript archive; its code is run"],
    layer: Layer = None,
    size: Size = None,
    range: Values = "-1..1",
) -> UserNetwork:
    """A network of one's own, saved by torch.jit: pictures [n, 3, H, W] → features [n, F].

    Grey pictures are repeated in three channels.  The hash of the file is in the name of every number.
    """
    return _made("torchscript", path, layer, size, range)


@register_extractor("onnx")
def onnx(
    path: Annotated[str, FilePath(), "an ONNX file of one input"],
    layer: Layer = None,
    size: Size = None,
    range: Values = "-1..1",
) -> UserNetwork:
    """A network of one's own in ONNX: pictures [n, 3, H, W] → features [n, F]; pip install 'ganbench[onnx]'.

    Grey pictures are repeated in three channels.  It runs on the CPU.  The hash of the file is in the name of
    every number.
    """
    return _made("onnx", path, layer, size, range)


def _made(
    kind: Literal["torchscript", "onnx"], path: str, layer: int | str | None, size: int | None, range: Range
) -> UserNetwork:
    file = Path(path)
    weights = recorded(f"{kind} {file.name}", file)
    identity = json.dumps([weights.sha256, settings(layer, size, range)])
    name = f"{file.stem}-{hashlib.sha256(identity.encode()).hexdigest()[:6]}"
    return UserNetwork(name, weights, kind, layer, size, range)


class _OfBytes(nn.Module):
    """Bytes [n, 3, H, W] → the features, a tuple of one."""

    def __init__(self, extractor: UserNetwork, network: Any) -> None:
        super().__init__()
        self.network, self._extractor = network, extractor

    def forward(self, images: Tensor) -> tuple[Tensor]:
        divisor, shift = _SCALES[self._extractor.range]
        pixels, size = images.float(), self._extractor.size
        if size is not None:
            pixels = functional.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
        file = self._extractor.weights.path
        try:
            values = self.network(pixels / divisor + shift)
        except Exception as error:  # the network is the user's, and may fail in any way
            text = f"{file}: fails on pictures {list(pixels.shape)}: {one_line(error)}"
            raise GanbenchError(text) from error
        return (_features(values, self._extractor.layer, len(images), file),)


def _features(values: Any, layer: int | str | None, count: int, file: Path) -> Tensor:
    """The output that is asked for, where it is [n, F]."""
    if layer is not None:
        try:
            values = values[layer]
        except (KeyError, IndexError, TypeError) as error:
            raise GanbenchError(f"{file}: it has no output {layer!r}") from error
    if not isinstance(values, Tensor):
        raise GanbenchError(f"{file}: it gives a {type(values).__name__}; `layer` says which of its outputs")
    if values.dim() != 2 or len(values) != count or not values.is_floating_point():
        shape = f"{list(values.shape)} of {values.dtype}"
        raise GanbenchError(f"{file}: it gives {shape} of {count} pictures, not features [{count}, F]")
    return values


def _torchscript(file: Path) -> nn.Module:
    try:
        return torch.jit.load(str(file), map_location="cpu").eval()
    except (RuntimeError, ValueError, OSError) as error:
        raise GanbenchError(f"{file}: no TorchScript archive, or a damaged one") from error


class _Onnx(nn.Module):
    """An ONNX file's outputs: the only one, or all by number and by name."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        try:
            import onnxruntime
        except ImportError as error:
            raise GanbenchError(f"{file}: pip install 'ganbench[onnx]' brings what runs it") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        try:
            self._session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's exceptions share no class
            raise GanbenchError(f"{file}: no ONNX file, or a damaged one: {one_line(error)}") from error

    def forward(self, images: Tensor) -> Any:
        asked = self._session.get_inputs()[0].name
        arrays = self._session.run(None, {asked: images.cpu().numpy()})
        values = [torch.from_numpy(array).to(images.device) for array in arrays]
        names = [output.name for output in self._session.get_outputs()]
        return (
            values[0] if len(values) == 1 else dict(enumerate(values)) | dict(zip(names, values, strict=True))
        )
