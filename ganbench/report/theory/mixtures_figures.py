"""Modes recovered, which saturate, above the total variation, which does not: every seed and the median."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

from ganbench.analysis.numbers import compact
from ganbench.report.curve import REAL_DASHES
from ganbench.report.labels import lines
from ganbench.report.style import INK, QUIET, Figure, Look, file_stem, fitting_columns, panels, png
from ganbench.report.theory.mixtures_courses import MODES, VARIATION, Course
from ganbench.store import file_name

_AT_MOST = 8
"""Variants of one figure: two rows of four pairs."""


def saturation(label: str, courses: Sequence[Course], looks: Mapping[str, Look]) -> list[Figure]:
    """The variants of the largest budget on one data set, a column each."""
    full = [course for course in courses if course.full and len(course.steps) > 1]
    groups = [full[i : i + _AT_MOST] for i in range(0, len(full), _AT_MOST)]
    name = f"mixtures-{file_name(label)}"
    names = [name + (f"-{i}" if len(groups) > 1 else "") for i in range(1, len(groups) + 1)]
    return [_figure(name, group, looks) for name, group in zip(names, groups, strict=True)]


def _figure(name: str, courses: Sequence[Course], looks: Mapping[str, Look]) -> Figure:
    columns = fitting_columns(len(courses))
    rows = -(-len(courses) // columns)
    figure, axes = panels(2 * rows * columns, columns, 1.75)
    for i in range(rows * columns):
        above = axes[2 * (i // columns) * columns + i % columns]
        below = axes[(2 * (i // columns) + 1) * columns + i % columns]
        if i >= len(courses):
            above.remove()
            below.remove()
            continue
        _pair(above, below, courses[i], looks[courses[i].variant], i % columns == 0)
        if i + columns >= len(courses):
            below.set_xlabel("discriminator updates")
    data = courses[0].data
    floor = "" if data.perfect is None else " Dashed: a perfect sampler."
    caption = (
        f"{data.label}: modes recovered, of {data.modes}, and below it the total variation of the mode "
        "histogram, for the variants of the largest budget. Thin: single seeds; thick: their median. A count "
        "at its top says no more; where the curves below still fall, or seeds lie apart, it hides that."
        f"{floor}"
    )
    return Figure(file_stem(name), caption, png(figure))


def _pair(above: Axes, below: Axes, course: Course, look: Look, first: bool) -> None:
    """One variant's two panels."""
    law = course.data.perfect
    best = None if law is None else law[VARIATION].mean
    for axes, what, floor in ((above, MODES, float(course.data.modes)), (below, VARIATION, best)):
        for values in course.values[what]:
            axes.plot(course.steps, values, color=look.colour, linewidth=0.8, alpha=0.5, zorder=3)
        medians = [course.median(what, point) for point in range(len(course.steps))]
        axes.plot(course.steps, medians, color=look.colour, linewidth=2.6, zorder=4)
        if floor is not None:
            axes.axhline(floor, color=QUIET, linestyle=REAL_DASHES, linewidth=1.3, zorder=2)
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
        axes.tick_params(labelleft=first)
    above.set_ylim(-0.04 * course.data.modes, 1.06 * course.data.modes)
    above.yaxis.set_major_locator(MultipleLocator(max(1, round(course.data.modes / 5))))
    above.tick_params(labelbottom=False)
    above.set_title(lines(course.variant, 30), color=INK)
    below.set_ylim(-0.03, 1.03)
    if first:
        above.set_ylabel("modes recovered")
        below.set_ylabel("total variation")
