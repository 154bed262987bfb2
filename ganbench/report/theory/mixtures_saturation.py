"""When mode counts saturate on a mixture, what the histogram is worth then, and what one seed would say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from ganbench.analysis.numbers import number
from ganbench.report.style import file_stem
from ganbench.report.tables import Table
from ganbench.report.theory.mixtures_courses import LOST, MODES, VARIATION, Array, Course, share
from ganbench.store import file_name


def saturation_table(label: str, courses: Sequence[Course]) -> Table:
    """When most seeds had all modes, and the total variation then and at the end, a row a variant."""
    rows, data = [], []
    for course in courses:
        at = course.saturated
        cells = [course.variant, str(course.cohort.budget.short)]
        if at is None:
            cells += ["never", "", ""]
        else:
            cells += [f"{int(course.steps[at]):,}", f"{course.complete[at]} of {course.seeds}"]
            cells += [course.spread(at)]
        cells += [f"{course.complete[-1]} of {course.seeds}", course.spread()]
        rows.append([*cells, share(course.apart())])
        data.append(
            {"dataset": label, "variant": course.variant, "budget": str(course.cohort.budget)}
            | {"saturated_at": None if at is None else int(course.steps[at])}
            | {"median_then": None if at is None else course.median(VARIATION, at)}
            | {"seeds": course.seeds, "seeds_with_all_modes": int(course.complete[-1])}
            | {"median": course.median(VARIATION), "pairs_apart": course.apart()}
        )
    header = ["variant", "budget", "most seeds have all modes from", "seeds then", "total variation then"]
    header += ["seeds with all at the end", "total variation at the end", "pairs of seeds apart"]
    law, matters = courses[0].data.perfect, courses[0].data.matters
    floor = "" if law is None else f" A perfect sampler's mean is {number(law[VARIATION].mean)}."
    note = (
        "From: the first measuring point (in discriminator updates) at which more than half of the seeds "
        "have all modes. Total variation: median over seeds, in brackets the least and the largest. Pairs "
        "apart: of the pairs of seeds of one variant, the share that differ at the end by more than the "
        f"{matters:g} that matters between variants.{floor}"
    )
    caption = f"{label}: when the mode count saturates, and what the histogram is worth then"
    name = file_stem("mixtures-saturation", file_name(label))
    return Table(name, caption, header, rows, pd.DataFrame(data), [note], frozenset({0, 1}))


def points_table(label: str, courses: Sequence[Course]) -> Table:
    """Modes and total variation at every measuring point."""
    rows, data = [], []
    for course in courses:
        for point, step in enumerate(course.steps):
            complete, modes = int(course.complete[point]), course.median(MODES, point)
            values = course.values[VARIATION][:, point]
            known = values[np.isfinite(values)]
            cells = [course.variant, f"{int(step):,}", f"{complete} of {course.seeds}"]
            rows.append([*cells, number(modes), course.spread(point)])
            data.append(
                {"dataset": label, "variant": course.variant, "step": int(step), "seeds": course.seeds}
                | {"seeds_with_all_modes": complete, "modes_median": modes}
                | {"median": course.median(VARIATION, point), "undefined": values.size - known.size}
                | {"least": known.min() if known.size else np.nan}
                | {"largest": known.max() if known.size else np.nan}
            )
    header = ["variant", "updates", "seeds with all modes", "modes, median", "total variation"]
    caption = f"{label}: all measuring points; total variation as median, least and largest over seeds"
    name = file_stem("mixtures-points", file_name(label))
    return Table(name, caption, header, rows, pd.DataFrame(data))


def saturation_words(label: str, courses: Sequence[Course]) -> Iterator[str]:
    """What the counts and single seeds would have said on one data set."""
    found = [(c, at) for c in courses if (at := c.saturated) is not None]
    law, matters = courses[0].data.perfect, courses[0].data.matters
    if not found:
        yield f"On {label} no variant has all {courses[0].data.modes} modes in most seeds at any point."
    elif law is not None:
        bound = law[VARIATION].mean + matters
        wrong = [course for course, at in found if not course.median(VARIATION, at) <= bound]
        yield (
            f"On {label} {len(found)} of {len(courses)} variants have all modes in most seeds at some point; "
            f"for {len(wrong) or 'none'} of these the median total variation is then still more than "
            f"{matters:g} above a perfect sampler's."
        )
    pairs = [pair for c, d in combinations([c for c in courses if c.full], 2) if (pair := _pair(c, d))]
    if pairs:
        worst = max(pairs, key=lambda pair: pair.reversed)
        many = len(pairs) > 1
        most = f" on average, at worst in {share(worst.reversed)}" if many else ""
        yield (
            f"One seed each puts {f'the {len(pairs)} pairs' if many else 'the one pair'} of full-budget "
            f"variants there in another order than their medians in "
            f"{share(float(np.mean([pair.reversed for pair in pairs])))} of cases{most} ({worst.names}); by "
            f"the number of modes {share(float(np.mean([pair.tied for pair in pairs])))} of such pairs of "
            "seeds tie."
        )


@dataclass(frozen=True)
class _Pair:
    """Two variants, each by one seed: shares of all pairs of seeds."""

    names: str
    reversed: float
    """Whose total variations stand in another order than the medians."""
    tied: float
    """Whose mode counts are equal."""


def _pair(one: Course, other: Course) -> _Pair | None:
    """None where the medians are in no order, or one seed is all there is."""
    order = np.sign(_lost_last(one.median(VARIATION)) - _lost_last(other.median(VARIATION)))
    if order == 0 or min(one.seeds, other.seeds) < 2:
        return None
    signs = np.sign(np.subtract.outer(_lost_last(one.last(VARIATION)), _lost_last(other.last(VARIATION))))
    counts = (np.nan_to_num(each.last(MODES), nan=-1.0) for each in (one, other))
    tied = np.equal.outer(*counts)
    return _Pair(f"{one.variant} and {other.variant}", float((signs == -order).mean()), float(tied.mean()))


def _lost_last(values: Array | float) -> Array:
    """With a value above all that are possible in place of a lost seed's."""
    return np.nan_to_num(np.asarray(values, dtype=float), nan=LOST)
