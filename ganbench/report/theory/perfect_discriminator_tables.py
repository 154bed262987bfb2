"""Tables of fresh discriminators: a row a data set of known overlap, a row a trained generator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ganbench.analysis.numbers import listed, number
from ganbench.claims.perfect_discriminator import DECADES, SAME, Overlap
from ganbench.report.tables import Table
from ganbench.report.theory.compared import signed
from ganbench.report.theory.perfect_discriminator_curves import PERFECT, Array, Measured


def overlap_table(known: Sequence[Measured]) -> Table:
    """Error and divergence, a row a data set: exact beside measured."""
    rows, data = [], []
    for each in known:
        assert each.overlap is not None
        errors, exact = each.last("error"), each.overlap.error
        deviation, noise = float(np.median(errors)) - exact, each.noise(exact)
        cells = [each.dataset, number(exact), shown(errors), signed(deviation), _number(noise)]
        rows.append([*cells, number(each.overlap.jsd), shown(each.last("jsd_bound"))])
        data.append(
            {"dataset": each.dataset, "error_exact": exact, "deviation": deviation, "noise": noise}
            | _numbers("error", errors)
            | {"jsd_exact": each.overlap.jsd}
            | _numbers("jsd_bound", each.last("jsd_bound"))
        )
    header = ["data set", "best error", "error", "deviation", "its noise", "JSD (nats)", "its lower bound"]
    notes = [
        "Best error and JSD: exact. The rest: median over seeds after the last update, in brackets the least "
        "and the largest. Noise: √(p(1 − p)/n) for the best error p and n held-out examples of both kinds; a "
        "deviation of its size says nothing. All seeds and distances share the real ones, so that their "
        "deviations go together. log 2 = 0.693.",
        *_why(known),
    ]
    caption = "Known overlap: error and divergence"
    return Table("perfect-overlap", caption, header, rows, pd.DataFrame(data), notes)


def gradient_table(known: Sequence[Measured]) -> Table:
    """Gradient norms in the generator's location and their decades, a row a data set."""
    rows, data = [], []
    for each in known:
        assert each.overlap is not None
        cells = [each.dataset]
        numbers: dict[str, Any] = {"dataset": each.dataset}
        for cost, limit, decades in (
            ("minimax", _limit(each.overlap, each.overlap.minimax, "falls"), each.decay),
            ("nonsaturating", _limit(each.overlap, each.overlap.nonsaturating, "grows"), each.growth),
        ):
            norms = 10.0 ** each.last(f"log10_gradient_{cost}")
            cells += [limit, shown(norms), shown(decades)]
            numbers |= {f"{cost}_predicted": limit} | _numbers(cost, norms)
            numbers |= _numbers(f"{cost}_decades", decades)
        rows.append(cells)
        data.append(numbers)
    header = ["data set"]
    for cost, change in (("‖∇ E log(1 − D)‖", "lost"), ("‖∇ E (−log D)‖", "gained")):
        header += [f"{cost}, predicted", "measured", f"decades {change}"]
    caption = "Known overlap: what is left of the gradient"
    notes = list(_gradient_notes(known))
    return Table("perfect-gradients", caption, header, rows, pd.DataFrame(data), notes)


def _limit(overlap: Overlap, value: float | None, tends: str) -> str:
    """Where theory says that a norm ends."""
    if overlap.gap:
        return f"{tends} without end"
    return "no limit predicted" if value is None else number(value)


def _gradient_notes(known: Sequence[Measured]) -> Iterator[str]:
    yield (
        "Predicted under the best discriminator by quadrature: ∇ E log(1 − D) = ∇ 2 JSD and ∇ E (−log D) = "
        "∇ (KL − 2 JSD), in the location of the generator (theorem 2.5 of the paper). A network of finite "
        "slope, after so many updates, stays below −log D's gradient where the data are far. Decades lost: "
        "from the peak to the end; gained: from before the first update."
    )
    overlaps = [each.overlap for each in known if each.overlap is not None]
    if any(overlap.gap for overlap in overlaps):
        yield "With a gap there is no best discriminator: every steeper one is better, without end."
    if any(overlap.perfect and not overlap.gap for overlap in overlaps):
        yield (
            "Flats that cross have no gap. Within ε of the crossing, where a discriminator of slope 1/ε "
            "still errs, the generator has a mass of order ε^c (c: dimensions of its flat across the "
            "crossing), so that what it leaves of the gradient is of order ε^(c−1). Where c = 1, as for "
            "lines and for hyperplanes, that does not fall however steep the discriminator: no limit is "
            "predicted."
        )
    same = [float(np.median(each.decay)) for each in known if each.overlap == SAME]
    if same:
        yield (
            f"Where both laws are the same the gradient has fallen by up to {max(same):.1f} decades too: it "
            "should be 0, and what is left is the network's noise. Read decades beside the error."
        )


def trained_table(trained: Sequence[Measured]) -> Table:
    """A row a generator at an age: error, updates to perfection, divergence and decades."""
    rows, data = [], []
    published = any(each.as_published for each in trained)
    for each in trained:
        errors, steps = each.last("error"), each.first_perfect()
        noise = each.noise(float(np.nanmedian(errors))) if np.isfinite(errors).any() else None
        cells = [each.dataset, each.variant, each.age, shown(errors), _number(noise), _updates(steps)]
        cells += [shown(each.last("jsd_bound")), shown(each.decay), shown(each.growth)]
        rows.append([*cells, *([f"{DECADES.expected:g}" if each.as_published else ""] if published else [])])
        data.append(
            {"dataset": each.dataset, "variant": each.variant, "age": each.age, "noise": noise}
            | _numbers("error", errors)
            | _numbers("steps_to_perfect", steps)
            | _numbers("jsd_bound", each.last("jsd_bound"))
            | _numbers("decades_minimax", each.decay)
            | _numbers("decades_nonsaturating", each.growth)
            | {"decades_minimax_published": DECADES.expected if each.as_published else None}
        )
    header = ["data set", "generator", "age", "error", "its noise", "updates to an error of 0.01"]
    header += ["JSD, lower bound (nats)", "decades lost, E log(1 − D)", "decades gained, −log D"]
    header += ["decades lost, the paper's best case"] if published else []
    caption = "Trained generators: median over seeds, in brackets the least and the largest"
    left = frozenset({0, 1, 2})
    frame, notes = pd.DataFrame(data), list(_trained_notes(trained))
    return Table("perfect-trained", caption, header, rows, frame, notes, left)


def _trained_notes(trained: Sequence[Measured]) -> Iterator[str]:
    yield (
        "Noise: √(p(1 − p)/n) of an error p counted on n held-out examples. JSD: at most log 2 = 0.693. "
        "Decades lost: of ‖∇ E log(1 − D)‖, from its peak to the end; gained: of ‖∇ E (−log D)‖, from before "
        "the first update. Read decades beside the error."
    )
    asked, here = DECADES.where.protocol["steps"], max(int(each.steps[-1]) for each in trained)
    paper = (
        f"In the paper the error is 0 after some tens of updates, and the gradient of E log(1 − D) falls by "
        f"{DECADES.expected:g} decades in the best case, a DCGAN on natural images after {asked:,} "
        "updates; it does not define the first point of its curve."
    )
    if here < asked:
        paper += (
            f" Here the fresh discriminators had {many(here)}, too few to compare decades with the paper's."
        )
    elif not any(each.as_published for each in trained):
        paper += " Here networks and data are smaller."
    yield paper
    yield from _not_reproduced([each for each in trained if each.as_published])


def _not_reproduced(trained: Sequence[Measured]) -> Iterator[str]:
    """Where the paper's own experiment comes out otherwise, by how much, and what may be why."""
    told = [(each, float(np.median(each.last("error"))), float(np.median(each.decay))) for each in trained]
    imperfect = [f"{number(error)} after {each.age}" for each, error, _ in told if error > PERFECT]
    if imperfect:
        yield (
            f"Not reproduced: an error of 0 at every age. Here it is {listed(imperfect)}. The "
            "better the generator, the longer a fresh discriminator takes: the theorem speaks "
            "of the best one, and a small network with a rate of its own, on grey digits in place of natural "
            "images, is far from it after so many updates. The error is counted on held-out images, so "
            "learning the training images by heart does not lower it."
        )
    short = [f"{number(lost)} after {each.age}" for each, _, lost in told if lost < DECADES.expected / 2]
    if short:
        yield (
            f"Not reproduced: a fall by {DECADES.expected:g} decades, which the paper calls its best case. "
            f"Here it is {listed(short)}. The gradient of E log(1 − D) is an average weighted by D over the "
            "samples: it falls with the share that D still takes for real, and rises before with D's slope. "
            "So it falls far only where the error has been near 0 for long. "
            "That −log D's gradient grows does show, by "
            f"{listed([number(float(np.median(each.growth))) for each in trained])} decades."
        )


def _updates(steps: Array) -> str:
    """Updates until the error was small, and how many seeds never had one."""
    never = int(np.isnan(steps).sum())
    if never == len(steps):
        return "never"
    return shown(steps) + (f" ({never} of {len(steps)} never)" if never else "")


def shown(values: Array) -> str:
    """The median with the least and the largest over seeds, where they differ."""
    kept = values[np.isfinite(values)]
    if not kept.size:
        return "–"
    low, high = number(float(kept.min())), number(float(kept.max()))
    return number(float(np.median(kept))) + (f" [{low}, {high}]" if low != high else "")


def _number(value: float | None) -> str:
    return "" if value is None else number(value)


def _numbers(name: str, values: Array) -> dict[str, float]:
    """The median, the least and the largest under their names, unrounded."""
    kept = values[np.isfinite(values)]
    found = (np.median(kept), kept.min(), kept.max()) if kept.size else (np.nan,) * 3
    return {n: float(v) for n, v in zip((name, f"{name}_low", f"{name}_high"), found, strict=True)}


def many(updates: int) -> str:
    """A number of updates with its noun."""
    return f"{updates:,} update{'' if updates == 1 else 's'}"


def _why(known: Sequence[Measured]) -> list[str]:
    apart = [each for each in known if each.overlap is not None and each.overlap.perfect]
    above = [each for each in apart if np.median(each.last("error")) > 0]
    if not above:
        return []
    names = ", ".join(f"{each.dataset} ({number(float(np.median(each.last('error'))))})" for each in above)
    return [
        f"Errors above 0 where theory has 0: {names}. There the supports meet or nearly do, and a network of "
        "finite slope, after so many updates, decides wrongly on what lies close by; the theorem speaks of "
        "the best of all discriminators."
    ]
