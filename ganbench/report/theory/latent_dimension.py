"""dim z against dim x: what a generator's input lets its samples be, on targets of known dimension."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ganbench.analysis.numbers import number
from ganbench.analysis.run import Run
from ganbench.claims.perfect_discriminator import DECADES
from ganbench.report.page import Part, Section
from ganbench.report.style import Figure, Look
from ganbench.report.tables import Table
from ganbench.report.theory import latent_dimension_figures as figures
from ganbench.report.theory.latent_dimension_tables import (
    cases_table,
    dimensions_table,
    overlap_table,
)
from ganbench.report.theory.latent_dimension_trained import ERROR, Trained, trained

Item = Table | Figure | str


def section(run: Run, looks: Mapping[str, Look]) -> Section | None:
    """The section; None where no target of known dimension has generators of several input dimensions."""
    targets = {label: found for label in run.dataset_labels if (found := trained(run, label))}
    everything = [each for found in targets.values() for each in found]
    if len({each.dim_z for each in everything}) < 2:
        return None
    parts: dict[str, Sequence[Item | None]] = {
        "What is known": [*_KNOWN, cases_table()],
        "Dimension": [
            figures.dimensions(targets),
            dimensions_table(everything),
        ],
        "Spectrum of the Jacobian": [figures.spectra(targets)],
        "Supports and discriminators": [
            figures.overlap(targets),
            overlap_table(everything),
            *_perfect(run, everything),
        ],
        "Samples": [figures.samples(run, targets)],
    }
    kept = {title: [item for item in items if item is not None] for title, items in parts.items()}
    return Section(
        label="dim z against dim x",
        anchor="latent-dimension",
        about="Generators with few and with many inputs on data whose true dimension is known: flat, on a "
        "sphere and on a Swiss roll, each turned at random into a larger space.",
        words=[words(everything)],
        parts=[
            Part(title, f"latent-dimension-{i}", items)
            for i, (title, items) in enumerate(kept.items())
            if items
        ],
    )


def words(everything: Sequence[Trained]) -> str:
    """What was found, in sentences made from the numbers."""
    full = [t for t in everything if float(t.last["jacobian_rank"].min()) == t.bound]
    text = (
        f"The Jacobian, a matrix of dim x rows and dim z columns, has full rank for every seed of "
        f"{len(full)} of {len(everything)} generators (it cannot have more). "
    )
    below = [t for t in everything if t.dim_z < t.manifold]
    if below:
        most = max(t.median("dimension_two_nn") - t.dim_z for t in below)
        text += (
            f"With fewer inputs than the data have dimensions, TwoNN of the samples is at most dim z "
            f"{'+' if most >= 0 else '−'} {abs(most):.2f}. "
        )
    seen = [t for t in everything if ERROR in t.last and t.has_density]
    short = [t.median(ERROR) for t in seen if t.dim_z < t.dim_x]
    wide = [t.median(ERROR) for t in seen if t.dim_z >= t.dim_x]
    if short and wide:
        text += (
            "On the noisy targets, which have a density, a fresh discriminator's held-out error is "
            f"{number(min(short))} to {number(max(short))} where dim z < dim x (the optimal one's is 0) and "
            f"{number(min(wide))} to {number(max(wide))} where dim z ≥ dim x."
        )
        if max(short) >= min(wide):
            text += " The ranges overlap: this discriminator does not see which side of dim x it is on."
    return text


def _perfect(run: Run, everything: Sequence[Trained]) -> list[str]:
    """What the discriminators' numbers are worth."""
    if not any(ERROR in t.last for t in everything):
        return []
    updates = sorted({count for t in everything for count in _fresh_updates(run, t.target)})
    trained = f" for {updates[-1]:,} update{'' if updates[-1] == 1 else 's'}" if updates else ""
    paper = f" (Arjovsky and Bottou's: {DECADES.where.protocol['steps']:,})"
    few = paper if updates and updates[-1] < DECADES.where.protocol["steps"] else ""
    return [
        "That a perfect discriminator exists does not mean that one is found. The AUROC is that of the "
        "discriminator of the game, which the generator works against; the fresh one was trained"
        f"{trained}{few} against the frozen generator. Both are smooth functions fitted to finite samples: "
        "they do not see a dimension, but how far the samples are from the data at the scale that they "
        "resolve. So an error above 0 is no evidence against the theorem, and an error of 0 is none for it: "
        "samples in the wrong place give it too."
    ]


def _fresh_updates(run: Run, dataset: str) -> set[int]:
    """How long the fresh discriminators of a data set were trained, as the protocol says."""
    rows = run.records_of(dataset)
    protocols = rows.loc[rows["quantity"] == ERROR, "protocol"].unique()
    return {int(steps) for each in protocols if (steps := json.loads(each).get("steps")) is not None}


_KNOWN = (
    "A Lipschitz map cannot raise Hausdorff dimension; of generators made of affine maps and (leaky) "
    "rectifiers or smooth increasing activations, Arjovsky and Bottou 2017, lemma 1, say that they send "
    "their inputs into a countable union of manifolds of at most dim z dimensions. So G(Z) has at most dim "
    "z dimensions, and where dim z < dim x it has no volume: G(z) has no density in the space of x.",
    "Proposition 1 of Goodfellow et al. 2014, D* = p/(p + q), is proved by an integral over x in which "
    "both distributions have densities. For that dim z ≥ dim x is necessary, and not sufficient: the "
    "Jacobian must have rank dim x almost everywhere, and the data must have a density too. An optimal "
    "discriminator exists without any of this (take densities with respect to p + q); what fails is the "
    "picture of it as a ratio of two densities in x, and with it a Jensen-Shannon divergence that falls as "
    "samples come near: between distributions that are mutually singular it is log 2 at every distance.",
)
