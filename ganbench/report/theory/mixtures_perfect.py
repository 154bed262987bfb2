"""What a perfect sampler scores on a mixture, beside real data; and who scores better than that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from ganbench.analysis.numbers import listed, number
from ganbench.claims import Claim
from ganbench.claims.mixtures import COLLAPSE, ONE_RUN, PERFECT, SAMPLES, SIGMAS, variation_without_none
from ganbench.report.tables import Table
from ganbench.report.theory.compared import signed
from ganbench.report.theory.mixtures_courses import (
    KL,
    QUALITY,
    VARIATION,
    Course,
    Data,
    by_dataset,
    in_errors,
    mean,
)

TITLES: Mapping[str, str] = {
    QUALITY: "high-quality fraction",
    KL: "reverse KL (nats)",
    VARIATION: "total variation",
}
_DECIMALS: Mapping[str, int] = {QUALITY: 5, KL: 5, VARIATION: 4}
_CHANCE = 3.0
"""Standard deviations within which a deviation is put down to the draw."""


def perfect_table(data: Sequence[Data]) -> Table | None:
    """Predicted, published and real data's numbers, three rows a mixture."""
    rows, numbers = [], []
    for each, what in ((each, what) for each in data if each.perfect for what in TITLES):
        assert each.perfect is not None
        law, known, real = each.perfect[what], published(each, what), each.real.get(what)
        off = None if real is None else real - law.mean
        cells = [each.label, TITLES[what], _shown(law.mean, what)]
        cells += ["" if known is None else f"{known.expected:g} ({known.kind})", _shown(real, what)]
        cells += ["" if off is None else signed(off), number(law.spread)]
        cells += ["" if off is None else in_errors(off / law.spread)]
        cells += ["" if real is None or known is None else signed(real - known.expected)]
        rows.append(cells)
        numbers.append(
            {"dataset": each.label, "quantity": what, "samples": each.samples, "predicted": law.mean}
            | {"published": None if known is None else known.expected, "real": real, "deviation": off}
            | {"standard_deviation": law.spread}
            | {"deviations": None if off is None else off / law.spread}
        )
    header = ["data set", "quantity", "predicted", "published", "real data", "deviation"]
    header += ["its standard deviation", "in standard deviations", "from the published"]
    caption = "A perfect sampler, predicted, and as many real points"
    frame = pd.DataFrame(numbers)
    left = frozenset({0, 1})
    return Table("mixtures-perfect", caption, header, rows, frame, list(_notes(data)), left) if rows else None


def published(data: Data, what: str) -> Claim | None:
    """The published mean of a perfect sampler, where this is its setting."""
    for each in PERFECT:
        here = {"modes": data.modes, "samples": data.samples, "within_sigmas": data.sigmas}
        if each.measured == what and all(here[name] == value for name, value in each.where.protocol.items()):
            return each
    return None


def _notes(data: Sequence[Data]) -> Iterator[str]:
    yield (
        "Predicted, for N points and K equal modes: high quality 1 − exp(−9/2) in two dimensions at 3σ; "
        "reverse KL (K − 1)/2N over the N high-quality ones; total variation ½ E|p̂ − p| by exact binomial "
        "means, with the points of no mode as a class of its own. Deviation: real less predicted."
    )
    yield (
        "Real data are one draw of held-out points, the same for all variants and seeds: there is no spread "
        "over seeds, so the standard deviation is that of one draw as theory has it"
        f"{_one_run(data)}. {_shared(data)}"
    )
    for each in data:
        known, law = published(each, VARIATION), each.perfect
        if known is not None and law is not None:
            without = variation_without_none(each.modes, each.samples)
            yield (
                f"The published total variation of {known.expected:g} ({each.label}) is that of a histogram "
                f"in which every point counts for its nearest mode: exactly {without:.4f}. Here points of no "
                f"mode are a class, which a perfect sampler fills with {100 * (1 - each.share):.1f} % of its "
                f"points and the truth with none: {law[VARIATION].mean:.4f}."
            )


def _one_run(data: Sequence[Data]) -> str:
    """The published standard error, where it is of this setting."""
    here = [d for d in data if (d.samples, d.sigmas) == (SAMPLES, SIGMAS)]
    return f" (published for the high-quality fraction: {100 * ONE_RUN:g} %)" if here else ""


def _shared(data: Sequence[Data]) -> str:
    """That the draws on two mixtures come from one stream, where the numbers show it."""
    found = [each.real.get(QUALITY) for each in data if each.perfect]
    if len(found) < 2 or len(set(found)) > 1:
        return ""
    return "The draws on all data sets come from one stream of numbers, so their deviations go together."


def perfect_words(data: Sequence[Data]) -> Iterator[str]:
    """Whether real data score as predicted."""
    off = {
        f"{TITLES[what]} on {each.label}": (each.real[what] - law.mean) / law.spread
        for each in data
        for what, law in (each.perfect or {}).items()
        if what in each.real
    }
    if not off:
        return
    wrong = [f"{name} ({in_errors(value)})" for name, value in off.items() if not abs(value) <= _CHANCE]
    if wrong:
        yield (
            f"Real data do not score as a perfect sampler should: in standard deviations of one draw, "
            f"{listed(wrong)} off the prediction. Distrust the numbers below."
        )
    else:
        most = max(map(abs, off.values()))
        yield (
            f"Real data score as predicted for a perfect sampler: {len(off)} numbers, none more than "
            f"{most:.1f} standard deviations of one draw off."
        )


def quality_table(courses: Sequence[Course]) -> Table | None:
    """The mean high-quality fraction of each variant at the end, and whether it is too good."""
    rows, numbers = [], []
    for course in courses:
        found, above = mean(course.last(QUALITY)), _seeds_above(course)
        law = course.data.perfect
        excess = None if law is None else (found.value - law[QUALITY].mean) / law[QUALITY].spread
        excess = None if excess is None else excess * math.sqrt(found.count)
        flag = _flag(found.value, excess)
        cells = [course.data.label, course.variant, f"{found.count} of {course.seeds}"]
        cells += [_percent(found.value), _percent(found.error)]
        higher = in_errors(excess) if excess is not None and excess > 0 else ""
        rows.append([*cells, higher, str(above), flag])
        numbers.append(
            {"dataset": course.data.label, "variant": course.variant, "seeds": found.count}
            | {"mean": found.value, "standard_error": found.error, "excess": excess}
            | {"seeds_above": above, "collapse": found.value > COLLAPSE}
        )
    header = ["data set", "variant", "seeds", "mean high quality", "standard error"]
    header += ["above a perfect sampler's, in standard errors", "seeds too good", "verdict"]
    caption = "High-quality samples at the end: more than a perfect sampler has is collapse, not excellence"
    note = (
        f"A perfect sampler has 98.89 % within 3σ; a mean over seeds above {100 * COLLAPSE:g} % says that "
        "the modes have shrunk. In standard errors: of a perfect sampler's mean over as many seeds. Too "
        f"good: how many single seeds lie more than {_CHANCE:g} standard deviations of one run above a "
        "perfect sampler, for a mean can hide a shrunken seed among bad ones. Seeds without a value are "
        "left out and counted. A share below the bound does not clear a variant: shrunken modes may have "
        "samples of no mode beside them."
    )
    frame, left = pd.DataFrame(numbers), frozenset({0, 1, 7})
    return Table("mixtures-quality", caption, header, rows, frame, [note], left) if rows else None


def quality_words(courses: Sequence[Course]) -> str:
    """Which variants are better than perfect, data set by data set."""
    bound = f"{100 * COLLAPSE:g} %"
    flagged = {
        label: [f"{c.variant} ({_percent(m)})" for c in own if (m := mean(c.last(QUALITY)).value) > COLLAPSE]
        for label, own in by_dataset(courses).items()
    }
    kept = [f"on {label} {listed(names)}" for label, names in flagged.items() if names]
    if not kept:
        return (
            f"No variant's mean share of high-quality samples is above {bound}: none is too good to be true."
        )
    return (
        f"A mean share of high-quality samples above {bound} is collapse within the modes, not excellence: "
        f"{'; '.join(kept)}."
    )


def _seeds_above(course: Course) -> int:
    law = course.data.perfect
    bound = COLLAPSE if law is None else law[QUALITY].mean + _CHANCE * law[QUALITY].spread
    return int((course.last(QUALITY) > bound).sum())


def _flag(value: float, excess: float | None) -> str:
    if not value > COLLAPSE:
        return ""
    chance = excess is not None and excess < _CHANCE
    return "collapse within modes" + (", if it is not chance" if chance else "")


def _shown(value: float | None, what: str) -> str:
    return "" if value is None else f"{value:.{_DECIMALS[what]}f}"


def _percent(value: float) -> str:
    """Per cent to two decimals: a tenth decides."""
    return "–" if math.isnan(value) else f"{100 * value:.2f} %"
