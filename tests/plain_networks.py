"""Networks for images in plain torch.nn.functional, on the numbers of a state {name: tensor}.

Nothing of ganbench is used.  Written as in the papers: a shortcut is doubled before its convolution and
halved after it, and resampling is a convolution with a given kernel.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

State = Mapping[str, Tensor]
Norm = Callable[[Tensor, str], Tensor]
"""(images, the norm's name in the state) → normalized images."""


def _convolved(images: Tensor, state: State, name: str) -> Tensor:
    weight = state[f"{name}.weight"]
    return F.conv2d(images, weight, state.get(f"{name}.bias"), padding=weight.shape[2] // 2)


def affine_norm(state: State, kind: str) -> Norm:
    """A normalization with the state's own gain and bias."""

    def norm(images: Tensor, name: str) -> Tensor:
        if kind == "none":
            return images
        gain, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        return _standardized(images, kind) * gain[:, None, None] + bias[:, None, None]

    return norm


def _standardized(images: Tensor, kind: str) -> Tensor:
    channels = images.shape[1]
    if kind == "batch":
        return F.batch_norm(images, None, None, training=True)
    if kind == "layer":
        return F.layer_norm(images, images.shape[1:])
    if kind == "instance":
        return F.instance_norm(images)
    return F.group_norm(images, math.gcd(32, max(1, channels // 4)))


def class_norm(state: State, labels: Tensor) -> Norm:
    """Batch norm of the whole batch once for each class, with that class's gain and bias."""

    def norm(images: Tensor, name: str) -> Tensor:
        tables = state[f"{name}.of_condition.weight"]
        channels = images.shape[1]
        found = torch.zeros_like(images)
        for label in range(tables.shape[1]):
            gain, bias = 1 + tables[:channels, label], tables[channels:, label]
            of_class = F.batch_norm(images, None, None, gain, bias, training=True)
            found = torch.where((labels == label)[:, None, None, None], of_class, found)
        return found

    return norm


def linear_norm(state: State, condition: Callable[[str], Tensor]) -> Norm:
    """Batch norm whose gain and bias are linear, or a perceptron, in a condition [n, size] of the norm."""

    def norm(images: Tensor, name: str) -> Tensor:
        given = condition(name)
        if f"{name}.of_condition.weight" in state:
            both = given @ state[f"{name}.of_condition.weight"].T
        else:
            names = [f"{name}.of_condition.{layer}" for layer in (0, 2)]
            hidden = F.relu(F.linear(given, *(state[f"{names[0]}.{part}"] for part in ("weight", "bias"))))
            both = F.linear(hidden, *(state[f"{names[1]}.{part}"] for part in ("weight", "bias")))
        gain, bias = both[:, :, None, None].split(images.shape[1], 1)
        return _standardized(images, "batch") * (1 + gain) + bias

    return norm


def attention(images: Tensor, state: State, name: str) -> Tensor:
    """Self-attention by torch's own, unscaled, with pooled keys and values."""

    def of_pixels(part: str, pooled: bool) -> Tensor:
        values = _convolved(images, state, f"{name}.{part}")
        return (F.max_pool2d(values, 2) if pooled else values).flatten(2).transpose(1, 2)

    query, key, value = of_pixels("query", False), of_pixels("key", True), of_pixels("value", True)
    attended = F.scaled_dot_product_attention(query, key, value, scale=1.0).transpose(1, 2)
    image = attended.reshape(*attended.shape[:2], *images.shape[2:])
    return images + state[f"{name}.gamma"] * _convolved(image, state, f"{name}.output")


def resnet_generator(
    state: State, first: Tensor, size: int, layers: str, block_norm: Norm, last_norm: Norm
) -> Tensor:
    """SNGAN's generator in [-1, 1]; layers: B for a block, A for attention."""
    images = F.linear(first, state["start.0.weight"], state["start.0.bias"]).reshape(
        len(first), -1, size, size
    )
    for number, layer in enumerate(layers):
        name = f"blocks.{number}"
        if layer == "A":
            images = attention(images, state, name)
            continue
        inner = F.relu(block_norm(images, f"{name}.norm1"))
        inner = _convolved(F.interpolate(inner, scale_factor=2), state, f"{name}.conv1")
        inner = _convolved(F.relu(block_norm(inner, f"{name}.norm2")), state, f"{name}.conv2")
        images = inner + _convolved(F.interpolate(images, scale_factor=2), state, f"{name}.shortcut")
    return torch.tanh(_convolved(F.relu(last_norm(images, "norm")), state, "colors.1"))


def resnet_discriminator(state: State, images: Tensor, layers: str) -> Tensor:
    """SNGAN's discriminator [n, outputs]; layers: D for a block that halves, B for another, A as before."""
    for number, layer in enumerate(layers):
        name = str(number)
        if layer == "A":
            images = attention(images, state, name)
            continue
        inner = _convolved(F.relu(images) if number else images, state, f"{name}.conv1")
        inner = _convolved(F.relu(inner), state, f"{name}.conv2")
        shortcut = _convolved(images, state, f"{name}.shortcut") if layer == "D" else images
        images = F.avg_pool2d(inner + shortcut, 2) if layer == "D" else inner + shortcut
    end = f"{len(layers) + 2}"
    return F.linear(F.relu(images).sum((2, 3)), state[f"{end}.weight"], state[f"{end}.bias"])


def resampled(images: Tensor, up: bool) -> Tensor:
    """R3GAN's interpolation as one convolution with the kernel (1, 3, 3, 1) along each axis."""
    line = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=images.dtype) / 8
    kernel = torch.outer(line, line)[None, None]
    planes = images.reshape(-1, 1, *images.shape[2:])
    if up:
        planes = F.conv_transpose2d(planes, 4 * kernel, stride=2, padding=1)
    else:
        planes = F.conv2d(planes, kernel, stride=2, padding=1)
    return planes.reshape(*images.shape[:2], *planes.shape[2:])


def _r3gan_block(images: Tensor, state: State, name: str) -> Tensor:
    inner = _convolved(images, state, f"{name}.conv1") + state[f"{name}.bias1"]
    weight = state[f"{name}.conv2.weight"]
    groups = inner.shape[1] // weight.shape[1]
    inner = F.conv2d(F.leaky_relu(inner, 0.2), weight, padding=1, groups=groups) + state[f"{name}.bias2"]
    return images + _convolved(F.leaky_relu(inner, 0.2), state, f"{name}.conv3")


def r3gan_generator(state: State, vectors: Tensor, stages: int) -> Tensor:
    """R3GAN's generator of one block a stage, in [-1, 1]."""
    weights = vectors @ state["basis.linear.weight"].T
    images = state["basis.basis"] * weights[:, :, None, None]
    for stage in range(stages):
        images = _r3gan_block(resampled(images, True) if stage else images, state, f"stages.{stage}.0")
    return torch.tanh(_convolved(images, state, "colors.0"))


def r3gan_discriminator(state: State, images: Tensor, stages: int) -> Tensor:
    """R3GAN's discriminator of one block a stage, [n, outputs]."""
    images = _convolved(images, state, "0")
    for stage in range(stages):
        images = _r3gan_block(resampled(images, False) if stage else images, state, f"{1 + 2 * stage}.0")
    basis = state[f"{2 * stages}.weight"]
    values = (images * basis[:, 0]).sum((2, 3))
    return values @ state[f"{2 * stages + 2}.weight"].T
