"""A discriminator that reconstructs what it is shown."""

from __future__ import annotations

from torch import Tensor, nn

from ganbench.game import DataSpec
from ganbench.networks.network import Architecture


class Autoencoder(nn.Module):
    """x [n, *shape] → its reconstruction [n, *shape], and its code [n, code_dim]."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, examples: Tensor) -> tuple[Tensor, Tensor]:
        """The reconstruction and the code."""
        code = self.encoder(examples).reshape(len(examples), -1)
        return self.decoder(code), code


def autoencoder(pair: Architecture, code_dim: int, spec: DataSpec) -> nn.Module:
    """The architecture's discriminator as encoder, with `code_dim` outputs, and its generator as decoder."""
    return Autoencoder(pair.discriminator(spec, code_dim), pair.generator(code_dim, spec))
