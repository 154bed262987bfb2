"""Update rules: how the players move along the field in one round; one file each.

A rule is a function that may do anything with the field; it sees stacked trees [S, ...].
"""

from ganbench.updates.rule import Field, FirstPlayer, Turns, UpdateRule, register_update, update_rule

__all__ = ["Field", "FirstPlayer", "Turns", "UpdateRule", "register_update", "update_rule"]
