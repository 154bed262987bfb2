"""What networks for images ask of a data set's shape."""

from __future__ import annotations

from ganbench.errors import GanbenchError
from ganbench.game import DataSpec


def image_shape(network: str, spec: DataSpec) -> tuple[int, int, int]:
    """Channels, height and width; raises GanbenchError where sides do not divide by 4."""
    if len(spec.shape) != 3 or spec.shape[1] % 4 or spec.shape[2] % 4:
        raise GanbenchError(
            f"network {network} needs images whose sides divide by 4, not examples of shape {spec.shape}; "
            "use mlp"
        )
    channels, height, width = spec.shape
    return channels, height, width


def halvings(height: int, width: int) -> int:
    """How often both sides can be halved without falling below 4: 64 → 4, 28 → 7."""
    if height % 2 or width % 2 or min(height, width) < 8:
        return 0
    return 1 + halvings(height // 2, width // 2)
