"""ONNX files, written field by field: what writes them otherwise is a large package."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

_FLOAT, _INT64 = 1, 7
_OPSET = 13


def onnx_means(file: Path) -> str:
    """A network that pools pictures, with outputs `pooled` [n, 3, 1, 1] and `means` [n, 3]."""
    nodes = [_node("GlobalAveragePool", "pooled", "x"), _node("Flatten", "means", "pooled")]
    outputs = [_value("pooled", *"ncij"), _value("means", *"nc")]
    return _written(file, nodes, _value("x", *"nchw"), outputs)


def onnx_generator(file: Path, weights: np.ndarray, shape: tuple[int, ...], batch: int | None = None) -> str:
    """The hyperbolic tangent of noise [n, latent] times weights [latent, …], in the shape of an example."""
    nodes = [
        _node("MatMul", "m", "z", "w"),
        _node("Tanh", "t", "m"),
        _node("Reshape", "images", "t", "shape"),
    ]
    latent = len(weights)
    constants = [_tensor("w", weights.astype(np.float32)), _tensor("shape", np.array([-1, *shape]))]
    return _written(file, nodes, _value("z", batch or "n", latent), [_value("images", *"nchw")], constants)


def _written(
    file: Path, nodes: list[bytes], input: bytes, outputs: list[bytes], constants: Sequence[bytes] = ()
) -> str:
    parts = (
        [(1, node) for node in nodes] + [(5, each) for each in constants] + [(12, each) for each in outputs]
    )
    graph = b"".join(_field(number, value) for number, value in parts) + _field(2, "g") + _field(11, input)
    file.write_bytes(_field(1, 8) + _field(7, graph) + _field(8, _field(2, _OPSET)))
    return str(file)


def _node(kind: str, output: str, *inputs: str) -> bytes:
    return b"".join(_field(1, name) for name in inputs) + _field(2, output) + _field(4, kind)


def _value(name: str, *sides: str | int) -> bytes:
    """An input or output of floats; a side is a number or a name."""
    dims = b"".join(_field(1, _field(1 if isinstance(side, int) else 2, side)) for side in sides)
    return _field(1, name) + _field(2, _field(1, _field(1, _FLOAT) + _field(2, dims)))


def _tensor(name: str, array: np.ndarray) -> bytes:
    kind = _FLOAT if array.dtype == np.float32 else _INT64
    dims = b"".join(_field(1, side) for side in array.shape)
    return dims + _field(2, kind) + _field(8, name) + _field(9, array.tobytes())


def _field(number: int, value: bytes | str | int) -> bytes:
    """One field of a protocol buffer."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    more, low = divmod(value, 128)
    return bytes([low | 128]) + _varint(more) if more else bytes([low])
