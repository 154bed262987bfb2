"""What a discriminator is shown: examples one by one or in packs, as they are, in noise or augmented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ganbench.augmentations import Augmentations
from ganbench.game import Batch, DataSpec, Networks, RandomInput
from ganbench.networks.network import Architecture


class Packed(nn.Module):
    """A discriminator of packs of m examples: [m·k, *shape] → logits [k], neighbours packed together.

    Examples are joined along their first axis: the channels of images.
    """

    def __init__(self, of_packs: nn.Module, packing: int) -> None:
        super().__init__()
        self.of_packs, self.packing = of_packs, packing

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1] * self.packing
        logits: Tensor = self.of_packs(x.reshape(-1, channels, *x.shape[2:]))
        return logits


@dataclass(frozen=True)
class DiscriminatorInput:
    """`packing` examples at a time, each in Gaussian noise of standard deviation `noise_std`."""

    packing: int = 1
    noise_std: float = 0.0

    def discriminator(self, pair: Architecture, spec: DataSpec) -> nn.Module:
        """The architecture's discriminator of what is shown."""
        if self.packing == 1:
            return pair.discriminator(spec)
        shape = (spec.shape[0] * self.packing, *spec.shape[1:])
        return Packed(pair.discriminator(DataSpec.real(shape, spec.value_range)), self.packing)

    def inputs(self, spec: DataSpec) -> Mapping[str, RandomInput]:
        """The random inputs that showing needs."""
        if not self.noise_std:
            return {}
        return {"real_perturbation": RandomInput(spec.shape), "fake_perturbation": RandomInput(spec.shape)}

    def real(self, batch: Batch) -> Tensor:
        """Real examples as they are shown."""
        return batch.real + self.noise_std * batch["real_perturbation"] if self.noise_std else batch.real

    def fake(self, networks: Networks, batch: Batch) -> Tensor:
        """Generated examples as they are shown."""
        fake = networks.generator(batch.noise)
        return fake + self.noise_std * batch["fake_perturbation"] if self.noise_std else fake

    def logits(self, networks: Networks, _batch: Batch, examples: Tensor) -> Tensor:
        """The logits [n] of examples by themselves: each has its pack's.

        The last pack is filled up from the first examples.  A pack's logit is repeated for its examples, but
        only once with a gradient: the gradient of the sum is that of each pack's one logit.
        """
        if self.packing == 1:
            return networks.discriminator(examples)
        count = len(examples)
        missing = -count % self.packing
        filled = torch.cat([examples, *[examples.detach()] * missing])[: count + missing]
        logits = networks.discriminator(filled)
        rest = logits.detach().unsqueeze(1).expand(-1, self.packing - 1)
        return torch.cat([logits.unsqueeze(1), rest], 1).reshape(-1)[:count]


@dataclass(frozen=True)
class AugmentedInput(DiscriminatorInput):
    """Single examples, real and generated ones each augmented; logits are of examples as they are."""

    augmentations: Augmentations = field(kw_only=True)

    def inputs(self, spec: DataSpec) -> Mapping[str, RandomInput]:
        return {**self.augmentations.inputs(spec, "real"), **self.augmentations.inputs(spec, "fake")}

    def real(self, batch: Batch) -> Tensor:
        return self.augmentations(batch, "real", batch.real)

    def fake(self, networks: Networks, batch: Batch) -> Tensor:
        return self.augmentations(batch, "fake", networks.generator(batch.noise))


SINGLE_EXAMPLES = DiscriminatorInput()
