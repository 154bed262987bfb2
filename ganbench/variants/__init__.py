"""Variants: one file per published method, each a recipe with its source."""

from ganbench.variants.two_player import register_variant, two_player
from ganbench.variants.variant import Variant

__all__ = ["Variant", "register_variant", "two_player"]
