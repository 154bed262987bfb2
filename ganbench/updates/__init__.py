"""Update rules: how the players move along the field in one round.

A rule is a function that may do anything with the field; it sees stacked trees [S, ...].
"""

from ganbench.updates.choice import IN_WORDS, RULES, update_rule
from ganbench.updates.rule import Field, FirstPlayer, UpdateRule

__all__ = ["IN_WORDS", "RULES", "Field", "FirstPlayer", "UpdateRule", "update_rule"]
