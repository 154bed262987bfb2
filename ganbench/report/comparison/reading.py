"""How to read a comparison: the same words on each page."""

from __future__ import annotations

from ganbench.report.comparison.sheet import Chapter
from ganbench.report.comparison.verdicts import ENDINGS, KINDS

_METHODS = (
    (
        "Effect",
        "The Hodges–Lehmann effect: the median of all differences between a new seed and one of the base, or "
        "of all ratios where the quantity is told on a log scale; for a target, of the distances to it. Its "
        "interval holds the values that the exact rank test does not reject at 5 %. A seed that diverged is "
        "worse than every number and is never dropped, so an end may be infinite.",
    ),
    (
        "Tests",
        "Rank tests, exact where the seeds are few enough to count. They compare the two groups of seeds as "
        "such: seeds that both sides share are not paired, and a figure that joins them only illustrates. "
        "Several tests of one family are adjusted for their number, so “worse” on many cells is not a matter "
        "of having looked often.",
    ),
    (
        "Could have seen",
        "The smallest worsening that the same test, at the same threshold and with as many seeds, would have "
        "found four times in five, given the spread of the base. “No difference seen” says no more than that "
        "the change is probably smaller than this.",
    ),
    (
        "P(better)",
        "How likely a seed of the new side beats one of the base, ties by half: 50 % where nothing changed.",
    ),
    (
        "Interquartile mean",
        "The mean of the middle half of the seeds; a value that a quartile cuts counts in part.",
    ),
)


def _chapter() -> Chapter:
    verdicts = [(kind.signed, kind.meaning, kind.style) for kind in KINDS.values()]
    codes = [
        (f"{code}: {each.title}", f"{each.meaning[:1].upper()}{each.meaning[1:]}.", each.style)
        for code, each in ENDINGS.items()
    ]
    methods = [(title, text, "") for title, text in _METHODS]
    about = "Verdicts, exit codes of the gate (the first that holds of 130, 2, 4, 3, 1, 5, 0), and methods."
    return Chapter("How to read this", "reading", about, [], [*verdicts, *codes, *methods])


HOW_TO_READ = _chapter()
"""The last chapter of a comparison."""
