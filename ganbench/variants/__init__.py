"""Variants: one file per published method, each a recipe with its source."""

from ganbench.variants.recipe import register_variant, two_player
from ganbench.variants.variant import Variant

__all__ = ["Variant", "register_variant", "two_player"]
