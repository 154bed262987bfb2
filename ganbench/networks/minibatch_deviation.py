"""The standard deviation over a minibatch as one more channel, so that a discriminator sees variety."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MinibatchDeviation(nn.Module):
    """Appends channels that hold the mean standard deviation over groups of examples.

    Examples i, i + n/g, i + 2n/g, … make a group of g = `group_size`; a batch smaller than that is one group.
    Channels are split into `features` parts, each with a mean of its own.  Deviation: where g does not divide
    n, the last places are filled from the first examples.
    Source: Karras et al. 2018, "Progressive Growing of GANs", section 3, and their code.
    """

    def __init__(self, group_size: int = 4, features: int = 1, epsilon: float = 1e-8) -> None:
        super().__init__()
        self.group_size, self.features, self.epsilon = group_size, features, epsilon

    def forward(self, inputs: Tensor) -> Tensor:
        """[n, channels, height, width] → [n, channels + features, height, width]."""
        count, _, height, width = inputs.shape
        group = min(self.group_size, count)
        filled = torch.cat([inputs, inputs[: -count % group]])
        parts = filled.reshape(group, -1, self.features, inputs.shape[1] // self.features, height, width)
        variance = parts.var(0, correction=0)
        deviation = (variance + self.epsilon).sqrt().mean((2, 3, 4))
        channels = deviation.repeat(group, 1)[:count, :, None, None].expand(-1, -1, height, width)
        return torch.cat([inputs, channels], 1)
