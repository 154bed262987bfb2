"""“Mode counts saturate and single seeds mislead”: that claim against a run's records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from ganbench.analysis.numbers import listed
from ganbench.claims.mixtures import SATURATION
from ganbench.report.tables import Table
from ganbench.report.theory.mixtures_courses import VARIATION, Course, share


@dataclass(frozen=True)
class Moment:
    """One variant at one measuring point of the claim, and which of its three parts hold."""

    course: Course
    point: int

    @property
    def step(self) -> int:
        """Discriminator updates done."""
        return int(self.course.steps[self.point])

    @property
    def saturated(self) -> bool:
        """Whether most seeds have all modes."""
        return bool(self.course.complete[self.point] > self.course.seeds / 2)

    @property
    def wrong(self) -> bool:
        """Whether the median total variation is still in the claimed range."""
        low, high = SATURATION.variation
        return low <= self.course.median(VARIATION, self.point) <= high

    @property
    def wide(self) -> bool:
        """Whether most pairs of seeds differ by more than what matters."""
        return self.course.apart(self.point) > 1 / 2


def moments(courses: Sequence[Course]) -> list[Moment]:
    """The measuring points of which the claim speaks, on its own ring."""
    first, last = SATURATION.steps
    return [
        Moment(course, point)
        for course in courses
        if course.method in SATURATION.methods and _on_its_ring(course)
        for point, step in enumerate(course.steps)
        if first <= step <= last
    ]


def _on_its_ring(course: Course) -> bool:
    options = course.data.options
    if course.data.name != "ring8" or options.get("modes") != 8:
        return False
    return (options["radius"], options["sigma"]) == (SATURATION.radius, SATURATION.sigma)


def claim_table(found: Sequence[Moment]) -> Table | None:
    """The claim, a row a measuring point that it speaks of."""
    if not found:
        return None
    low, high = SATURATION.variation
    rows, data = [], []
    for each in found:
        course, median = each.course, each.course.median(VARIATION, each.point)
        complete, apart = int(course.complete[each.point]), course.apart(each.point)
        parts = (each.saturated, each.wrong, each.wide)
        cells = [course.variant, f"{each.step:,}", f"{complete} of {course.seeds}"]
        cells += [course.spread(each.point), share(apart)]
        rows.append([*cells, *("yes" if part else "no" for part in parts)])
        data.append(
            {"dataset": course.data.label, "variant": course.variant, "step": each.step}
            | {"seeds": course.seeds, "seeds_with_all_modes": complete, "median": median}
            | {"pairs_apart": apart, "saturated": parts[0], "wrong": parts[1], "wide": parts[2]}
        )
    header = ["variant", "updates", "seeds with all modes", "total variation", "pairs of seeds apart"]
    header += ["most have all?", f"{low:g} to {high:g}?", "wide?"]
    notes = [
        f"The claim: {listed(list(SATURATION.methods))} recover 8 of 8 modes in most seeds after "
        f"{SATURATION.steps[0]:,} to {SATURATION.steps[1]:,} steps while the total variation is still "
        f"{low:g} to {high:g}, widely spread over seeds; {SATURATION.source} with {SATURATION.seeds} seeds. "
        "Total variation: median over seeds, in brackets the least and the largest; the range asked about is "
        "the median's. "
        "Pairs apart: of the pairs of seeds of one variant, the share that differ by more than the "
        f"{found[0].course.data.matters:g} that matters between variants; wide where most do (how wide, the "
        "claim does not say).",
    ]
    caption = "“Mode counts saturate and single seeds mislead”: the claim, point by point"
    return Table("mixtures-claim", caption, header, rows, pd.DataFrame(data), notes, frozenset({0, 5, 6, 7}))


def claim_words(found: Sequence[Moment]) -> str:
    """Whether the claim held, and where not."""
    first, last = SATURATION.steps
    if not found:
        return (
            "The claim that mode counts saturate while the histogram is still wrong speaks of "
            f"{listed(list(SATURATION.methods))} on the ring of radius {SATURATION.radius:g} after "
            f"{first:,} to {last:,} steps; this run has no such measuring point, so it is not tested."
        )
    counted = [each for each in found if each.saturated and each.wrong]
    wide = [each for each in counted if each.wide]
    names = listed(list(dict.fromkeys(each.course.variant for each in found)))
    text = (
        f"“Mode counts saturate” {_held(counted, found)}: at {len(counted)} of {len(found)} measuring "
        f"points ({names} after {first:,} to {last:,} steps on the ring) most seeds have all modes while "
        f"the median total variation is {SATURATION.variation[0]:g} to {SATURATION.variation[1]:g}."
    )
    if counted:
        text += (
            f" “Single seeds mislead” {_held(wide, counted)}: at {len(wide)} of these {len(counted)} most "
            "pairs of seeds of one variant differ by more than what matters between variants."
        )
    return " ".join([text, *_otherwise(found)])


def _held(those: Sequence[Moment], of: Sequence[Moment]) -> str:
    return "held" if len(those) == len(of) else "held in part" if those else "did not hold"


def _otherwise(found: Sequence[Moment]) -> Iterator[str]:
    """Which part failed where."""
    if missed := [each for each in found if not each.saturated]:
        yield f"Not all modes in most seeds: {_where(missed)}."
    low, high = SATURATION.variation
    below = [each for each in found if each.saturated and each.course.median(VARIATION, each.point) < low]
    if below:
        yield f"All modes, and a median total variation already below {low:g}: {_where(below)}."
    if above := [each for each in found if each.saturated and not each.wrong and each not in below]:
        yield f"All modes, and a median total variation above {high:g}: {_where(above)}."
    if alike := [each for each in found if each.saturated and each.wrong and not each.wide]:
        yield f"Seeds alike: {_where(alike)}."


def _where(found: Sequence[Moment]) -> str:
    """Variants with their steps."""
    steps: dict[str, list[str]] = {}
    for each in found:
        steps.setdefault(each.course.variant, []).append(f"{each.step:,}")
    return "; ".join(f"{variant} at {listed(own)}" for variant, own in steps.items())
