"""dim z against dim x: what a generator's input lets its samples be, on targets of known dimension."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ganbench.analysis.cohorts import Cohort
from ganbench.analysis.numbers import number
from ganbench.analysis.run import Run
from ganbench.report.page import Part, Section
from ganbench.report.style import Figure, Look
from ganbench.report.tables import Table
from ganbench.report.theory import latent_dimension_figures as figures
from ganbench.report.theory.compared import Compared, compared_table

Item = Table | Figure | str
NEEDED = ("dimension_of_input", "dimension_of_manifold", "dimension_of_support", "dimension_two_nn")
ESTIMATES = {
    "dimension_two_nn": "TwoNN",
    "dimension_levina_bickel": "Levina-Bickel",
    "dimension_local_pca": "local PCA",
}


@dataclass(frozen=True)
class Trained:
    """One generator on one target at the end: `last` has a row a seed and a column a quantity."""

    cohort: Cohort
    dim_x: int
    last: pd.DataFrame

    @property
    def target(self) -> str:
        """The data set's label."""
        return self.cohort.dataset

    @property
    def dim_z(self) -> int:
        """Numbers in the generator's input."""
        return int(self.last["dimension_of_input"].median())

    @property
    def manifold(self) -> int:
        """The true dimension of the data before noise."""
        return int(self.last["dimension_of_manifold"].median())

    @property
    def has_density(self) -> bool:
        """Whether the data have a density in the space: with noise in all directions they do."""
        return int(self.last["dimension_of_support"].median()) == self.dim_x

    @property
    def bound(self) -> int:
        """The theorem's bound on the dimension of the samples."""
        return min(self.dim_z, self.dim_x)

    def median(self, quantity: str) -> float:
        """The median over seeds; NaN where it was not measured."""
        return float(self.last[quantity].median()) if quantity in self.last else float("nan")

    def shown(self, quantity: str) -> str:
        """The median with the least and the largest over seeds."""
        values = self.last[quantity].dropna() if quantity in self.last else pd.Series(dtype=float)
        if values.empty:
            return "–"
        low, high = float(values.min()), float(values.max())
        spread = "" if low == high else f" [{number(low)}, {number(high)}]"
        return number(float(values.median())) + spread


def section(run: Run, looks: Mapping[str, Look]) -> Section | None:
    """The section; None where no target of known dimension has generators of several input dimensions."""
    targets = {label: found for label in run.dataset_labels if (found := _trained(run, label))}
    everything = [each for found in targets.values() for each in found]
    if len({each.dim_z for each in everything}) < 2:
        return None
    parts: dict[str, Sequence[Item | None]] = {
        "What is known": [*_KNOWN, cases_table()],
        "Dimension": [
            figures.dimensions(targets),
            compared_table(
                "latent-dimension-known",
                "Known dimensions and measured ones: median over seeds, in brackets the least and the "
                "largest",
                list(_compared(targets)),
                [_SCALE],
            ),
            dimensions_table(everything),
        ],
        "Spectrum of the Jacobian": [figures.spectra(targets)],
        "Supports and discriminators": [figures.overlap(targets), overlap_table(everything), *_PERFECT],
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


def _trained(run: Run, dataset: str) -> list[Trained]:
    """The generators on a target, by input dimension."""
    rows = run.records_of(dataset)
    rows = rows[rows["final"]]
    found = []
    for cohort in run.cohorts_of(dataset):
        own = rows[rows["variant"] == cohort.variant]
        last = own.pivot_table(index="seed", columns="quantity", values="value")
        if set(NEEDED) <= set(last.columns):
            size = 1
            for length in run.datasets[dataset]["shape"]:
                size *= int(length)
            found.append(Trained(cohort, size, last))
    return sorted(found, key=lambda each: each.dim_z)


def words(everything: Sequence[Trained]) -> str:
    """What was found, in sentences made from the numbers."""
    over = [t for t in everything if float(t.last["jacobian_rank"].max()) > t.bound]
    full = [t for t in everything if float(t.last["jacobian_rank"].min()) == t.bound]
    text = (
        f"The Jacobian's rank is min(dim z, dim x) for every seed of {len(full)} of {len(everything)} "
        f"generators, and exceeds it for {len(over) or 'none'}. "
    )
    below = [t for t in everything if t.dim_z < t.manifold]
    if below:
        most = max(t.median("dimension_two_nn") - t.dim_z for t in below)
        text += (
            f"With fewer inputs than the data have dimensions, TwoNN of the samples is at most dim z "
            f"{'+' if most >= 0 else '−'} {abs(most):.2f}, whatever the network. "
        )
    error = "perfect_discriminator_error"
    short = [t.median(error) for t in everything if error in t.last and t.has_density and t.dim_z < t.dim_x]
    wide = [t.median(error) for t in everything if error in t.last and t.has_density and t.dim_z >= t.dim_x]
    if short and wide:
        text += (
            "On the noisy targets, which have a density, a fresh discriminator's held-out error is "
            f"{number(min(short))} to {number(max(short))} where dim z < dim x (the optimal one's is 0) and "
            f"{number(min(wide))} to {number(max(wide))} where dim z ≥ dim x."
        )
        if max(short) >= min(wide):
            text += " The ranges overlap: this discriminator does not see which side of dim x it is on."
    return text


def _compared(targets: Mapping[str, Sequence[Trained]]) -> Iterator[Compared]:
    for label, found in targets.items():
        first = found[0]
        for name, title in ESTIMATES.items():
            known: float | str = first.manifold
            if first.has_density:
                known = f"{first.manifold} to {first.dim_x}"
            remark = f"noise: {first.dim_x} at small scales" if first.has_density else ""
            measured = first.median(f"{name}_of_real")
            yield Compared(label, f"{title} of real data", known, None, None, measured, remark=remark)
    for dim_z in sorted({t.dim_z for found in targets.values() for t in found}):
        same = [t for found in targets.values() for t in found if t.dim_z == dim_z]
        for bound in sorted({t.bound for t in same}):
            ranks = pd.concat([t.last["jacobian_rank"] for t in same if t.bound == bound])
            middle, low, high = float(ranks.median()), float(ranks.min()), float(ranks.max())
            name = "rank of the Jacobian, all targets and seeds"
            yield Compared(f"dim z = {dim_z}", name, bound, None, None, middle, low, high, "at most this")


def dimensions_table(everything: Sequence[Trained]) -> Table:
    """A row a generator: the bound, the Jacobian's ranks, and the samples' dimension."""
    names = ["jacobian_rank", "jacobian_rank_significant", "jacobian_log_condition", *ESTIMATES]
    header = ["target", "dim z", "at most", "rank", "significant", "log-condition", *ESTIMATES.values()]
    rows = [[t.target, str(t.dim_z), str(t.bound), *(t.shown(name) for name in names)] for t in everything]
    return Table(
        "latent-dimension-measured",
        "The generator's Jacobian, and the intrinsic dimension of its samples",
        header,
        rows,
        _data(everything, names),
        notes=[
            "At most: the theorem's bound, min(dim z, dim x). Rank: singular values above a billionth of "
            "the largest, the most over the points z. Significant: eigenvalues of JᵀJ of at least 5 % of "
            "the largest, mean over the points; log-condition: mean natural logarithm of JᵀJ's largest "
            "over its smallest eigenvalue, those that must vanish left out."
        ],
    )


def overlap_table(everything: Sequence[Trained]) -> Table:
    """A row a generator: densities, the Jensen-Shannon divergence that follows, and what was measured."""
    names = {
        "discriminator_auroc": "AUROC of D",
        "perfect_discriminator_error": "error of a fresh D",
        "precision": "precision",
        "recall": "recall",
        "coverage": "coverage",
        "energy_distance": "energy distance",
    }
    rows = [
        [t.target, str(t.dim_z), _density(t), _divergence(t), *(t.shown(name) for name in names)]
        for t in everything
    ]
    return Table(
        "latent-dimension-overlap",
        "What the supports say of the optimal discriminator, and what trained ones do",
        ["target", "dim z", "have a density", "true JS", *names.values()],
        rows,
        _data(everything, list(names)),
        notes=["Precision, recall and coverage of real data stand in the data sets' own tables."],
        left=frozenset({0, 2, 3}),
    )


def _density(t: Trained) -> str:
    names = [name for name, has in (("data", t.has_density), ("G(z)", _generated_density(t))) if has]
    return " and ".join(names) or "neither"


def _generated_density(t: Trained) -> bool:
    """Whether the samples have a density: as far as can be seen, the rank is dim x at every point tried."""
    return t.dim_z >= t.dim_x and float(t.last["jacobian_rank"].min()) == t.dim_x


def _divergence(t: Trained) -> str:
    if t.has_density and _generated_density(t):
        return "below log 2"
    if t.has_density or _generated_density(t) or t.dim_z < t.manifold:
        return "log 2"
    return "log 2, unless supports coincide"


def cases_table() -> Table:
    """What follows from who has a density."""
    rows = [
        ["data and G(z)", "noise; dim z ≥ dim x", "yes", "p/(p + q), between 0 and 1", "below log 2"],
        ["data alone", "noise; dim z < dim x", "no", "1 on the data, 0 on G(Z)", "log 2"],
        ["G(z) alone", "no noise; dim z ≥ dim x", "no", "1 on the data, 0 elsewhere", "log 2"],
        ["neither", "no noise; dim z < k", "no", "1 on the data but G(Z), 0 on G(Z)", "log 2"],
        [
            "neither",
            "no noise; k ≤ dim z < dim x",
            "no",
            "the same, unless G(Z) holds a part of the data's manifold",
            "log 2, unless supports coincide",
        ],
    ]
    header = [
        "have a density",
        "here",
        "proposition 1 as written",
        "optimal discriminator",
        "true JS",
    ]
    return Table(
        "latent-dimension-cases",
        "Who has a density in the space of x, and what follows",
        header,
        rows,
        pd.DataFrame(rows, columns=header),
        notes=[
            "k: dimension of the data's manifold. G(z) has a density where ∂G/∂z has rank dim x almost "
            "everywhere."
        ],
        left=frozenset(range(5)),
    )


def _data(everything: Sequence[Trained], names: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "target": t.target,
                "seed": seed,
                "dim_z": t.dim_z,
                "dim_x": t.dim_x,
                "manifold": t.manifold,
                **{name: row.get(name) for name in names},
            }
            for t in everything
            for seed, row in t.last.iterrows()
        ]
    )


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
_PERFECT = (
    "That a perfect discriminator exists does not mean that one is found. The AUROC is that of the "
    "discriminator of the game, which the generator works against; the fresh one was trained for a few "
    "hundred updates against the frozen generator. Both are smooth functions fitted to finite samples: "
    "they do not see a dimension, but how far the samples are from the data at the scale that they "
    "resolve. So an error above 0 is no evidence against the theorem, and an error of 0 is none for it: "
    "samples in the wrong place give it too.",
)
_SCALE = (
    "The estimates are made at the scale of neighbours' distances. With noise of about that size they lie "
    "between the manifold's dimension and that of the space, and rise with the number of points."
)
