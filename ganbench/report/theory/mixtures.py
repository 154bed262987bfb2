"""Mixtures of Gaussians: a perfect sampler, published results, and what mode counts are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganbench.analysis.run import Run
from ganbench.claims.mixtures import SIGMAS
from ganbench.report.page import Part, Section
from ganbench.report.style import Figure, Look, file_stem
from ganbench.report.tables import Table
from ganbench.report.theory.mixtures_claim import claim_table, claim_words, moments
from ganbench.report.theory.mixtures_courses import Course, by_dataset, read
from ganbench.report.theory.mixtures_figures import saturation
from ganbench.report.theory.mixtures_perfect import (
    perfect_table,
    perfect_words,
    quality_table,
    quality_words,
)
from ganbench.report.theory.mixtures_protocols import protocols_table
from ganbench.report.theory.mixtures_results import results_table, results_words
from ganbench.report.theory.mixtures_saturation import points_table, saturation_table, saturation_words

Item = Table | Figure | str


def section(run: Run, looks: Mapping[str, Look]) -> Section | None:
    """Predicted, published and measured; None where a run is not one on the literature's mixtures."""
    courses = read(run)
    if not courses:
        return None
    own = by_dataset(courses)
    usual = [course for course in courses if course.data.sigmas == SIGMAS]
    saturating: list[Item | None] = [claim_table(moments(courses))]
    for label, group in own.items():
        saturating += [*saturation(label, group, looks), saturation_table(label, group)]
    items: dict[str, Sequence[Item | None]] = {
        "A perfect sampler": [perfect_table([group[0].data for group in own.values()])],
        "Published results": [results_table(courses), protocols_table(courses)],
        "Mode counts and total variation": saturating,
        "Too good to be true": [quality_table(usual)],
        "Every measuring point": [points_table(label, group) for label, group in own.items()],
    }
    kept = {title: [item for item in each if item is not None] for title, each in items.items()}
    return Section(
        label="Mixtures of Gaussians",
        anchor="theory-mixtures",
        about=_ABOUT,
        words=_words(courses, usual),
        parts=[
            Part(title, file_stem("mixtures", title), each, folded=title == "Every measuring point")
            for title, each in kept.items()
            if each
        ],
    )


_ABOUT = (
    "Rings and grids of equal Gaussians, on which every sample is known to be good or bad: what a perfect "
    "sampler scores is computed, what others published stands beside it, and the claim that mode counts "
    "saturate and single seeds mislead is put to the test. The rankings follow below."
)


def _words(courses: Sequence[Course], usual: Sequence[Course]) -> list[str]:
    """What to read first: the claim, then what is too good to be true, and the published numbers."""
    own = by_dataset(courses)
    found = [
        claim_words(moments(courses)),
        " ".join(text for label, group in own.items() for text in saturation_words(label, group)),
        " ".join(
            [
                *perfect_words([group[0].data for group in own.values()]),
                *([quality_words(usual)] if usual else []),
            ]
        ),
        results_words(courses),
    ]
    return [text for text in found if text]
