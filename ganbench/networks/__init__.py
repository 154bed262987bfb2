"""Networks: architectures that give a generator and a discriminator for a data set's shape."""

from ganbench.networks.network import Architecture, architecture, register_network

__all__ = ["Architecture", "architecture", "register_network"]
