"""Self-attention over the positions of an image."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, softmax

from ganbench.networks.layers import Conv2d


class SelfAttention(nn.Module):
    """x + γ·attention(x); γ starts at 0, so that attention comes in as training goes on.

    Source: Zhang et al. 2019, "Self-Attention Generative Adversarial Networks", section 3, as in the authors'
    code: keys and values are pooled 2×2, queries and keys have an eighth of the channels, values a half.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow, half = max(1, channels // 8), max(1, channels // 2)
        self.query = Conv2d(channels, narrow, 1, bias=False)
        self.key = Conv2d(channels, narrow, 1, bias=False)
        self.value = Conv2d(channels, half, 1, bias=False)
        self.output = Conv2d(half, channels, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, inputs: Tensor) -> Tensor:
        """[n, channels, height, width], the same shape."""
        query = self.query(inputs).flatten(2)
        key = max_pool2d(self.key(inputs), 2).flatten(2)
        value = max_pool2d(self.value(inputs), 2).flatten(2)
        weights = softmax(query.mT @ key, dim=2)  # [n, positions, pooled positions]
        attended = (value @ weights.mT).unflatten(2, inputs.shape[2:])
        output: Tensor = self.output(attended)
        return inputs + self.gamma * output
