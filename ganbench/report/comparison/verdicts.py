"""Every verdict and every exit code: how it is called, what it means, how it looks."""

from __future__ import annotations

from dataclasses import dataclass

from ganbench.comparison.model import CellStatus, VerdictKind


@dataclass(frozen=True)
class Kind:
    """A verdict's word, its sign and marker beside the colour, and what it means."""

    word: str
    sign: str
    marker: str
    colour: str
    style: str
    """The page's class for it."""
    meaning: str

    @property
    def signed(self) -> str:
        """Sign and word, as figures and tables show them."""
        return f"{self.sign} {self.word}"


KINDS: dict[VerdictKind, Kind] = {
    "worse": Kind(
        "worse", "▼", "v", "#c14b00", "worse",
        "The new side is worse: the exact test says so at its threshold, and the effect is at least the "
        "smallest difference that matters, where one is declared.",
    ),
    "better": Kind(
        "better", "▲", "^", "#0072b2", "better",
        "The mirror image of worse: the same test, the same threshold, the same margin. An improvement that "
        "nobody expected is worth a look too: a bug can flatter a result.",
    ),
    "changed": Kind(
        "changed", "◆", "s", "#00796b", "changed",
        "A quantity without a better side differs between the sides, by the two-sided test. It is neither "
        "good nor bad by itself, and decides nothing.",
    ),
    "no difference": Kind(
        "no difference seen", "●", "o", "#6a737d", "same",
        "Neither test reached its threshold. That does not show that the sides are equal: read it with the "
        "smallest effect that these seeds would have shown four times in five.",
    ),
    "too small to matter": Kind(
        "too small to matter", "○", "o", "#6a737d", "same",
        "A difference was found, but it is smaller than the one that the quantity declares to matter; it is "
        "never called a regression.",
    ),
    "insufficient": Kind(
        "insufficient evidence", "◇", "D", "#8f6400", "unsure",
        "With so few seeds, or so many ties, not even the worst possible outcome could have reached the "
        "threshold. The test was blind here, whatever the numbers look like.",
    ),
    "not comparable": Kind(
        "not comparable", "✕", "x", "#7a4a96", "apart",
        "Protocol, device type, precision, budget or data differ between the sides, or only one of them has "
        "the cell; no test was made. Timings are refused across hardware.",
    ),
}  # fmt: skip
"""Those that ask for a reader's attention come first."""


@dataclass(frozen=True)
class Standing:
    """What a cell is called where something stands above its verdict."""

    word: str
    sign: str
    style: str

    @property
    def signed(self) -> str:
        """Sign and word, as tables show them."""
        return f"{self.sign} {self.word}"


STANDINGS: dict[CellStatus, Standing] = {
    "incomplete": Standing("incomplete", "◌", "unsure"),
    "no baseline": Standing("no baseline yet", "+", "same"),
    "regression": Standing("regression", "▼", "worse"),
}
"""A regression that is not in the primary quantity is one of a rate, or of a confirmed suspect."""
STYLES: dict[str, str] = {
    **{kind.signed: kind.style for kind in KINDS.values()},
    **{standing.signed: standing.style for standing in STANDINGS.values()},
}
"""Every signed word to the page's class for it."""


@dataclass(frozen=True)
class Ending:
    """What an exit code of the gate means; `style` as in `Kind`."""

    title: str
    meaning: str
    style: str


ENDINGS: dict[int, Ending] = {
    0: Ending(
        "Pass",
        "no primary quantity is worse by more than chance and its margin, and every cell had the seeds to "
        "show it, unless insufficient evidence was set to pass",
        "better",
    ),
    1: Ending("Regression", "the new side is worse where it counts", "worse"),
    2: Ending("Bad input", "the sides could not be read", "apart"),
    3: Ending("Incomplete", "trials failed, timed out or are missing, so nothing else was decided", "unsure"),
    4: Ending("Not comparable", "a baseline is missing, or the two sides were not made alike", "apart"),
    5: Ending(
        "Insufficient evidence",
        "nothing was found worse, but there are cells in which nothing could have been", "unsure",
    ),
    130: Ending("Interrupted", "the gate was stopped before it decided", "unsure"),
}  # fmt: skip
"""The first that holds decides: 130, 2, 4, 3, 1, 5, 0."""
