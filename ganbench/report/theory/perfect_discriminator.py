"""Fresh discriminators against frozen generators: exact, published and measured side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ganbench.analysis.run import Run
from ganbench.claims.perfect_discriminator import DECADES
from ganbench.report.page import Part, Section
from ganbench.report.style import Figure, Look, file_stem
from ganbench.report.tables import Table
from ganbench.report.theory import perfect_discriminator_figures as figures
from ganbench.report.theory.latent_dimension_trained import reported
from ganbench.report.theory.perfect_discriminator_curves import PERFECT, Measured, read
from ganbench.report.theory.perfect_discriminator_tables import (
    gradient_table,
    many,
    overlap_table,
    trained_table,
)

Item = Table | Figure | str
_FAMILIES: Mapping[str, tuple[str, str]] = {
    "gaussian_pair": ("Two Gaussians at a distance", "distance"),
    "parallel_lines": ("Two lines at a distance", "distance"),
    "manifold_pair": ("Two d-flats in n dimensions", "dimension"),
}
_READING = (
    "Line: median over seeds; band: all of them. An error of 0 is drawn at the foot of its axis. The first "
    "point of each curve is the discriminator before any update."
)


def section(run: Run, looks: Mapping[str, Look]) -> Section | None:
    """What fresh discriminators reached; None where none was trained, or another section says all of it."""
    elsewhere = reported(run)
    found = [each for each in read(run) if each.dataset not in elsewhere]
    if not found:
        return None
    known = [each for each in found if each.overlap is not None]
    trained = [each for each in found if each.overlap is None]
    parts: dict[str, list[Item]] = {"Known overlap": [], "Trained generators": []}
    if known:
        parts["Known overlap"] = [_known_figure(known), overlap_table(known), gradient_table(known)]
    if trained:
        parts["Trained generators"] = [*_trained_figures(trained), trained_table(trained)]
    return Section(
        label="Perfect discriminators",
        anchor="perfect-discriminator",
        about="The generator is frozen and a fresh discriminator is trained on copies (Arjovsky and Bottou "
        "2017): its error on held-out real and fresh generated examples, and the norm of the gradient "
        "that it leaves the generator under the original cost E log(1 − D) and under −log D.",
        words=list(_words(known, trained)),
        parts=[Part(title, file_stem("perfect", title), items) for title, items in parts.items() if items],
    )


def _known_figure(known: Sequence[Measured]) -> Figure:
    columns = {}
    for family, (heading, option) in _FAMILIES.items():
        own = [each for each in known if each.family == family]
        if own:
            columns[heading] = figures.coloured([(each, _short(each, option)) for each in own])
    caption = (
        "Against a generator whose law is known. Dotted: where theory says that the best discriminator "
        "ends. Gaussians overlap and keep an error of Φ(−distance/2) and a gradient. Lines with a gap lose "
        "both, however small it is, and the −log D cost's gradient grows instead. Flats that cross lose the "
        "error, and not always the gradient. " + _READING
    )
    return figures.grid("perfect-known-overlap", columns, caption)


def _short(each: Measured, option: str) -> str:
    """`distance 0.5` of a label like `gaussian_pair[distance=0.5]`; the label where it says nothing."""
    inside = each.dataset.partition("[")[2].rstrip("]")
    return inside.replace("=", " ") if inside.startswith(option) else each.dataset


def _trained_figures(trained: Sequence[Measured]) -> list[Figure]:
    caption = (
        "Against generators that were trained, at several ages, as in the paper's figures 1 to 3. " + _READING
    )
    columns = {}
    for dataset in dict.fromkeys(each.dataset for each in trained):
        own = [each for each in trained if each.dataset == dataset]
        shared = [own[0].variant] if len({each.variant for each in own}) == 1 < len(own) else []
        shared += [own[0].age] if len({each.age for each in own}) == 1 < len(own) else []
        columns[", ".join([dataset, *shared])] = figures.crossed(own)
    wide = [dict(list(columns.items())[i : i + 3]) for i in range(0, len(columns), 3)]
    return [
        figures.grid(f"perfect-trained-{i}" if len(wide) > 1 else "perfect-trained", group, caption)
        for i, group in enumerate(wide, 1)
    ]


def _words(known: Sequence[Measured], trained: Sequence[Measured]) -> Iterator[str]:
    """The verdict in sentences made from the numbers."""
    if known:
        misses = [
            abs(float(np.median(each.last("error"))) - each.overlap.error) for each in known if each.overlap
        ]
        worst = known[int(np.argmax(misses))]
        noise = [found for each in known if each.overlap and (found := each.noise(each.overlap.error))]
        doubt = f"; held-out examples alone leave a noise of up to {max(noise):.4f}" if noise else ""
        yield (
            f"On {len(known)} setting{'' if len(known) == 1 else 's'} of known overlap the fresh "
            f"discriminator's median error is within {max(misses):.4f} of the best possible one (farthest on "
            f"{worst.dataset}){doubt}."
        )
    if trained:
        perfect = [each for each in trained if np.median(each.last("error")) <= PERFECT]
        decays = [float(np.median(each.decay)) for each in trained]
        paper = f" (the paper's best case: {DECADES.expected:g})" if trained[0].as_published else ""
        yield (
            f"Of {len(trained)} trained generator{'' if len(trained) == 1 else 's'} {len(perfect)} "
            f"{'is' if len(perfect) == 1 else 'are'} told from the data with an error of at most 0.01; the "
            f"gradient of E log(1 − D) fell by {min(decays):.1f} to {max(decays):.1f} decades from its peak "
            f"in {many(int(trained[0].steps[-1]))}{paper}."
        )
