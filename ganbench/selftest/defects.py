"""All planted defects, cheap and common ones first."""

from __future__ import annotations

from collections.abc import Sequence

from ganbench.errors import UnknownName
from ganbench.selftest.defect import Defect
from ganbench.selftest.defects_of_data import OF_DATA
from ganbench.selftest.defects_of_methods import OF_METHODS
from ganbench.selftest.defects_of_training import OF_TRAINING

DEFECTS: tuple[Defect, ...] = tuple(
    sorted((*OF_METHODS, *OF_TRAINING, *OF_DATA), key=lambda defect: len(defect.cells))
)
"""By how many cohorts they touch; a sort keeps the order of the lists, the issue's own first."""


def chosen(names: Sequence[str] | None) -> tuple[Defect, ...]:
    """The defects of these names, or all; UnknownName says which is near."""
    if names is None:
        return DEFECTS
    known = {defect.name: defect for defect in DEFECTS}
    for name in names:
        if name not in known:
            raise UnknownName("planted defect", name, known)
    return tuple(known[name] for name in names)
