"""A planted defect: one line of ganbench's own sources, wrong in a way that real repositories have been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ganbench.errors import GanbenchError

Kind = Literal["loss", "penalty", "update", "setting", "randomness", "data", "metric", "budget"]
MIXTURES, DIGITS = ("ring8", "grid25"), ("digits",)
EVERYWHERE = (*MIXTURES, *DIGITS)
"""The data sets of the suite `ci`."""
ALL_VARIANTS = ("nsgan", "lsgan", "wgan", "wgan-gp", "gan-r1", "rpgan-r1r2")
"""The variants of the suite `ci`."""
SOME_VARIANTS = ("nsgan", "wgan-gp", "rpgan-r1r2")
"""Those that are trained again where a defect touches all of them: training costs hours."""


@dataclass(frozen=True)
class Defect:
    """One line to change in a copy of the package, and the cohorts of the suite `ci` to train again."""

    name: str
    title: str
    """What is wrong, in a few words."""
    file: str
    """Within the package."""
    before: str
    """Occurs exactly once in the file, on one line."""
    after: str
    variants: tuple[str, ...]
    datasets: tuple[str, ...]
    kind: Kind
    beyond: str = ""
    """What else it touches; that is not trained again, and stands for itself unchanged: a lower bound."""
    explanation: str = ""
    """Where the gate does not see it: why."""

    @property
    def cells(self) -> tuple[tuple[str, str], ...]:
        """The (variant, data set) pairs to train again."""
        return tuple((variant, dataset) for variant in self.variants for dataset in self.datasets)

    def planted(self, source: str) -> str:
        """The file's source with the defect in it; GanbenchError where the line is not there once."""
        count = source.count(self.before)
        if count != 1 or "\n" in self.before + self.after:
            raise GanbenchError(
                f"defect {self.name}: {self.file} has {count} places that read {self.before!r}, not one; "
                "the file has changed: bring the defect up to date"
            )
        return source.replace(self.before, self.after)
