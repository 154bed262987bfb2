"""Sections on suites whose right answers are known: predicted, published and measured side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ganbench.analysis.run import Run
from ganbench.report.page import Section
from ganbench.report.style import Look
from ganbench.report.theory import dirac, fgan1d, latent_dimension, lsgan1d, mixtures, perfect_discriminator

SECTIONS: tuple[Callable[[Run, Mapping[str, Look]], Section | None], ...] = (
    lsgan1d.section,
    dirac.section,
    fgan1d.section,
    latent_dimension.section,
    perfect_discriminator.section,
    mixtures.section,
)


def theory_sections(run: Run, looks: Mapping[str, Look]) -> list[Section]:
    """The sections that have something to say about a run."""
    made = (section(run, looks) for section in SECTIONS)
    return [section for section in made if section is not None]
