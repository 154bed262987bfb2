"""Fresh discriminators against frozen generators: exact, published and measured side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ganbench.analysis.run import Run
from ganbench.published.perfect_discriminator import DECADES
from ganbench.report.page import Part, Section
from ganbench.report.style import Figure, Look, file_stem
from ganbench.report.tables import Table
from ganbench.report.theory import perfect_discriminator_figures as figures
from ganbench.report.theory.compared import Compared, compared_table
from ganbench.report.theory.perfect_discriminator_curves import Array, Measured, read

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
    """What fresh discriminators reached; None where none was trained."""
    found = read(run)
    if not found:
        return None
    known = [each for each in found if each.overlap is not None]
    trained = [each for each in found if each.overlap is None]
    parts: dict[str, list[Item]] = {"Known overlap": [], "Trained generators": []}
    if known:
        parts["Known overlap"] = [
            _known_figure(known),
            overlap_table(known),
            gradient_table(known),
            *_why(known),
        ]
    if trained:
        parts["Trained generators"] = [*_trained_figures(trained), trained_table(trained), _PAPER]
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
        "ends. Overlapping Gaussians keep an error of Φ(−distance/2) and a gradient; supports that can be "
        "told apart lose both, whatever their distance, and the −log D cost's gradient grows instead. "
        + _READING
    )
    return figures.grid("perfect-known-overlap", columns, caption)


def _short(each: Measured, option: str) -> str:
    """`distance 0.5` of a label like `gaussian_pair[distance=0.5]`; the label where it says nothing."""
    inside = each.dataset.partition("[")[2].rstrip("]")
    return inside.replace("=", " ") if inside.startswith(option) else each.dataset


def _trained_figures(trained: Sequence[Measured]) -> list[Figure]:
    datasets = list(dict.fromkeys(each.dataset for each in trained))
    caption = (
        "Against generators that were trained, at several ages, as in the paper's figures 1 to 3. " + _READING
    )
    columns = {
        dataset: figures.coloured(
            [(each, f"{each.variant}, {each.age}") for each in trained if each.dataset == dataset]
        )
        for dataset in datasets
    }
    wide = [dict(list(columns.items())[i : i + 3]) for i in range(0, len(columns), 3)]
    return [
        figures.grid(f"perfect-trained-{i}" if len(wide) > 1 else "perfect-trained", group, caption)
        for i, group in enumerate(wide, 1)
    ]


def overlap_table(known: Sequence[Measured]) -> Table:
    """Error and divergence: exact beside measured."""
    rows = []
    for each in known:
        assert each.overlap is not None
        rows += [
            _compared(each, "held-out error", each.overlap.error, each.last("error")),
            _compared(each, "JSD, lower bound (nats)", each.overlap.jsd, each.last("jsd_bound")),
        ]
    notes = [
        "Predicted: the best possible discriminator's. Measured: median over seeds after the last update, in "
        "brackets the least and the largest. log 2 = 0.69315. All seeds and distances share held-out real "
        "examples, so that their deviations go together: they are of one sample.",
    ]
    return compared_table("perfect-overlap", "Known overlap: error and divergence", rows, notes)


def gradient_table(known: Sequence[Measured]) -> Table:
    """Gradient norms in the generator's location, and their decades."""
    rows = []
    for each in known:
        assert each.overlap is not None
        limit = "falls without end" if each.overlap.perfect else each.overlap.minimax
        grows = "grows without end" if each.overlap.perfect else each.overlap.nonsaturating
        rows += [
            _compared(each, "‖∇ E log(1 − D)‖", limit, 10.0 ** each.last("log10_gradient_minimax")),
            _compared(each, "‖∇ E (−log D)‖", grows, 10.0 ** each.last("log10_gradient_nonsaturating")),
        ]
        if each.overlap.perfect:
            what = "decay of ‖∇ E log(1 − D)‖, decades from its peak"
            rows.append(_compared(each, what, "grows without end", each.decay))
    notes = [
        "Predicted under the best discriminator by quadrature: ∇ E log(1 − D) = ∇ 2 JSD and ∇ E (−log D) = "
        "∇ (KL − 2 JSD), in the location of the generator (theorem 2.5 of the paper). Where the supports can "
        "be told apart there is no best discriminator: every steeper one is better. A network of finite "
        "slope, after so many updates, stays below −log D's gradient where the data are far.",
    ]
    return compared_table("perfect-gradients", "Known overlap: what is left of the gradient", rows, notes)


def trained_table(trained: Sequence[Measured]) -> Table:
    """Error, updates to perfection and decades, the paper's beside them."""
    rows = []
    for each in trained:
        steps = each.first_perfect()
        never = int(np.isnan(steps).sum())
        remark = f"{never} of {len(steps)} seeds never" if never else "paper: tens of updates"
        rows += [
            _compared(each, "held-out error", None, each.last("error"), remark="paper: 0"),
            _compared(each, "updates to an error of 0.01", None, steps, remark=remark),
            _compared(
                each, "JSD, lower bound (nats)", None, each.last("jsd_bound"), remark="at most 0.69315"
            ),
            _compared(
                each,
                "decay of ‖∇ E log(1 − D)‖, decades from its peak",
                None,
                each.decay,
                published=DECADES.value,
                remark=f"paper: best case, {DECADES.setting['steps']:,} updates",
            ),
            _compared(each, "the same from before the first update", None, each.decay_from_first()),
            _compared(each, "growth of ‖∇ E (−log D)‖, decades", None, each.growth(), remark="paper: grows"),
            _compared(
                each, "growth of its minibatch noise, decades", None, each.noise_growth, remark="paper: grows"
            ),
        ]
    notes = ["Measured: median over seeds, in brackets the least and the largest."]
    return compared_table("perfect-trained", "Trained generators", rows, notes)


def _compared(
    each: Measured,
    what: str,
    predicted: float | str | None,
    values: Array,
    published: float | None = None,
    remark: str = "",
) -> Compared:
    kept = values[np.isfinite(values)]
    if not kept.size:
        return Compared(each.setting, what, predicted, published, None, "never", remark=remark)
    low, high = float(kept.min()), float(kept.max())
    median = float(np.median(kept))
    return Compared(each.setting, what, predicted, published, None, median, low, high, remark)


def _words(known: Sequence[Measured], trained: Sequence[Measured]) -> Iterator[str]:
    """The verdict in sentences made from the numbers."""
    if known:
        misses = [
            abs(float(np.median(each.last("error"))) - each.overlap.error) for each in known if each.overlap
        ]
        worst = known[int(np.argmax(misses))]
        yield (
            f"On {len(known)} settings of known overlap the fresh discriminator's median error is within "
            f"{max(misses):.4f} of the best possible one (farthest on {worst.dataset})."
        )
    if trained:
        perfect = [each for each in trained if np.median(each.last("error")) <= 0.01]
        decays = [float(np.median(each.decay)) for each in trained]
        yield (
            f"Of {len(trained)} trained generators {len(perfect)} are told from the data with an error of at "
            f"most 0.01; the gradient of E log(1 − D) fell by {min(decays):.1f} to {max(decays):.1f} decades "
            f"from its peak in {trained[0].steps[-1]:,} updates (the paper: up to {DECADES.value:g})."
        )


def _why(known: Sequence[Measured]) -> list[str]:
    apart = [each for each in known if each.overlap is not None and each.overlap.perfect]
    above = [each for each in apart if np.median(each.last("error")) > 0]
    if not above:
        return []
    names = ", ".join(f"{each.dataset} ({np.median(each.last('error')):.4f})" for each in above)
    return [
        f"Errors above 0 where theory has 0: {names}. There the supports come arbitrarily near each other, "
        "and a network of finite slope, after so many updates, decides wrongly on what lies close to the "
        "meeting point; the theorem speaks of the best of all discriminators."
    ]


_PAPER = (
    "The paper's figures are of a DCGAN on natural images; it counts decades on a curve whose first point "
    "it does not define. A fresh discriminator with small weights has a small gradient of its own before the "
    "first update, so decades counted from there understate the fall; those from the peak do not."
)
