"""PacGAN's published results on the ring beside ours: for orientation, for the protocols differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from ganbench.analysis.numbers import listed
from ganbench.claims import Claim
from ganbench.claims.mixtures import PROTOCOLS, PUBLISHED_AS, RESULTS, SAMPLES, SIGMAS, from_the_literature
from ganbench.report.tables import Table
from ganbench.report.theory.mixtures_courses import KL, MODES, QUALITY, Course, Mean, in_errors, mean
from ganbench.report.theory.mixtures_protocols import deviations

_SHOWN = {
    MODES: ("modes recovered, of 8", 1.0, 1, ""),
    QUALITY: ("high quality", 100.0, 1, " %"),
    KL: ("reverse KL (nats)", 1.0, 2, ""),
}
"""Title, factor, the published decimals and the unit."""
_PACGAN = PROTOCOLS[0]


def comparable(courses: Sequence[Course], packing: int) -> list[Course]:
    """Non-saturating GANs on a published ring whose discriminator judges so many samples together."""
    return [
        course
        for course in courses
        if course.full and course.data.name == "ring8"
        if from_the_literature(course.data.name, course.data.options)
        if (course.data.samples, course.data.sigmas) == (SAMPLES, SIGMAS)
        if _packing(course) == packing
    ]


def _packing(course: Course) -> int | None:
    if course.method == "pacgan":
        return int(course.options.get("packing") or 1)
    return 1 if course.method == "nsgan" else None


def results_table(courses: Sequence[Course]) -> Table | None:
    """The published numbers with ours, a row each; ours is empty where this run has no such variant."""
    rows, numbers = [], []
    used: list[Course] = []
    for known in RESULTS:
        own: list[Course | None] = [*comparable(courses, _packed(known))]
        used += [course for course in own if course is not None and course not in used]
        for course in own or [None]:
            found = None if course is None else mean(course.last(_quantity(known)))
            rows.append(_cells(known, course, found))
            numbers.append(_numbers(known, course, found))
    if not used:
        return None
    header = ["published as", "quantity", "published", "here", "ours", "seeds", "deviation"]
    caption = "PacGAN's results on the ring of eight, for orientation: mean ± standard error"
    frame, notes = pd.DataFrame(numbers), list(_notes(used, rows))
    header.append("in combined standard errors")
    return Table("mixtures-results", caption, header, rows, frame, notes, frozenset({0, 1, 3}))


def _quantity(known: Claim) -> str:
    """The quantity whose mean over runs is published."""
    return known.measured.removeprefix("mean(").removesuffix(")")


def _packed(known: Claim) -> int:
    """How many samples the discriminator judges together."""
    return int(known.where.options.get("packing", 1))


def _cells(known: Claim, course: Course | None, found: Mean | None) -> list[str]:
    title, factor, decimals, unit = _SHOWN[_quantity(known)]
    assert known.tolerance is not None
    first = [PUBLISHED_AS[_packed(known)], title]
    first.append(f"{factor * known.expected:.{decimals}f} ± {factor * known.tolerance:.{decimals}f}{unit}")
    if course is None or found is None:
        return [*first, "not in this run", "", "", "", ""]
    here, seeds = f"{course.variant}", f"{found.count} of {course.seeds}"
    if not found.count:
        return [*first, here, "undefined", seeds, "", ""]
    error = "" if math.isnan(found.error) else f" ± {factor * found.error:.{decimals + 1}f}"
    ours = f"{factor * found.value:.{decimals + 1}f}{error}{unit}"
    off = found.value - known.expected
    mark = "*" if abs(off) > known.tolerance else ""
    errors = _combined(known, found)
    relative = "" if math.isnan(errors) else in_errors(off / errors)
    deviation = f"{factor * off:+.{decimals + 1}f}{mark}".replace("-", "−")
    return [*first, here, ours, seeds, deviation, relative]


def _numbers(known: Claim, course: Course | None, found: Mean | None) -> dict[str, object]:
    return {
        "published_as": PUBLISHED_AS[_packed(known)],
        "quantity": _quantity(known),
        "published": known.expected,
        "published_error": known.tolerance,
        "source": known.source,
        "variant": None if course is None else course.variant,
        "dataset": None if course is None else course.data.label,
        "measured": None if found is None else found.value,
        "standard_error": None if found is None else found.error,
        "seeds": None if found is None else found.count,
        "deviation": None if found is None else found.value - known.expected,
    }


def _combined(known: Claim, found: Mean) -> float:
    return math.hypot(known.tolerance or 0.0, found.error)


def _notes(used: Sequence[Course], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield (
        f"Published: {RESULTS[0].source}. A seed without a value is left out and counted. The reverse KL is "
        "over high-quality samples alone: of N it has (K − 1)/2N by chance, which is much where they are few."
    )
    apart = deviations(_PACGAN, used)
    if apart:
        own = listed(list(dict.fromkeys(course.variant for course in used)))
        yield f"{own} against PacGAN's protocol: {'; '.join(apart)}. {_hardness(used)}".rstrip()
    if any("*" in cell for row in rows for cell in row[6:7]):
        why = "the settings above differ, and no single one of them is shown to be the cause"
        same = "the protocol is the same, so this is a difference to explain"
        yield f"* beyond the published standard error: {why if apart else same}."


def _hardness(used: Sequence[Course]) -> str:
    """How sharp the ring is against PacGAN's, as modes recovered and high quality count in sigmas."""
    assert _PACGAN.ring is not None
    theirs = _PACGAN.ring[1] / _PACGAN.ring[0]
    ours = {course.data.options["sigma"] / course.data.options["radius"] for course in used}
    said = listed([f"{ratio:.3g}" for ratio in sorted(ours)])
    same = all(math.isclose(ratio, theirs) for ratio in ours)
    return "" if same else f"By its radius a mode's σ is {said} here and {theirs:g} there."


def results_words(courses: Sequence[Course]) -> str | None:
    """How many published numbers ours agree with, and whether packing does here what it did there."""
    pairs = [(k, c, mean(c.last(_quantity(k)))) for k in RESULTS for c in comparable(courses, _packed(k))]
    pairs = [pair for pair in pairs if pair[2].count]
    if not pairs:
        return None
    near = sum(abs(found.value - known.expected) <= (known.tolerance or 0.0) for known, _, found in pairs)
    text = (
        f"Of our {len(pairs)} numbers that stand beside PacGAN's, {near or 'none'} "
        f"{'is' if near < 2 else 'are'} within its standard error; {_why(courses)}"
    )
    return " ".join([text, *_packing_helps(courses)])


def _why(courses: Sequence[Course]) -> str:
    """What the comparison is worth."""
    used = [course for packing in (1, 2, 4) for course in comparable(courses, packing)]
    count = len(deviations(_PACGAN, used))
    if not count:
        return "the protocol is the same."
    return f"{count} settings differ, so they stand for orientation."


def _packing_helps(courses: Sequence[Course]) -> Iterator[str]:
    """The effect of packing two samples, there and here."""
    alone, packed = comparable(courses, 1), comparable(courses, 2)
    if len(alone) != 1 or len(packed) != 1 or alone[0].data.label != packed[0].data.label:
        return
    parts = []
    for what, good, noun in ((MODES, 1, "modes"), (KL, -1, "nats of reverse KL")):
        one, two = mean(alone[0].last(what)), mean(packed[0].last(what))
        there = {_packed(p): p for p in RESULTS if _quantity(p) == what}
        published = there[2].expected - there[1].expected
        effect, error = two.value - one.value, math.hypot(one.error, two.error)
        if math.isfinite(effect) and math.isfinite(error):
            said = f"{_signed(effect)} ± {error:.2f} {noun} (there {_signed(published)})"
            parts.append(f"{said}, {_verdict(good * effect, error)}")
    if parts:
        names = f"{packed[0].variant} from {alone[0].variant}"
        yield f"Packing two samples changes {names} by {'; '.join(parts)}."


def _signed(effect: float) -> str:
    """To two decimals; zero has no sign."""
    text = f"{effect:+.2f}".replace("-", "−")
    return text[1:] if text[1:] == "0.00" else text


def _verdict(effect: float, error: float) -> str:
    if abs(effect) <= 2 * error:
        return "which two standard errors do not tell from none"
    return "better as there" if effect > 0 else "worse, against what was published"
