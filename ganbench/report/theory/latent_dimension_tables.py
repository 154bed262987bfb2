"""Tables of dim z against dim x: densities, Jacobians, dimensions and overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import pandas as pd

from ganbench.report.tables import Table
from ganbench.report.theory.latent_dimension_trained import Trained

ESTIMATES = {
    "dimension_two_nn": "TwoNN",
    "dimension_levina_bickel": "Levina-Bickel",
    "dimension_local_pca": "local PCA",
}


def dimensions_table(everything: Sequence[Trained]) -> Table:
    """A row a generator: the bound, the Jacobian's ranks, the samples' dimension; first the data's."""
    names = ["jacobian_rank", "jacobian_rank_significant", "jacobian_log_condition", *ESTIMATES]
    header = ["target", "dim z", "dimension", "rank", "significant", "log-condition", *ESTIMATES.values()]
    rows = []
    for target, found in groupby(everything, lambda t: t.target):
        own = list(found)
        real = [own[0].reference(name) for name in ESTIMATES]
        rows.append([target, "real data", _true_dimension(own[0]), "", "", "", *real])
        rows += [[target, str(t.dim_z), str(t.bound), *(t.shown(name) for name in names)] for t in own]
    return Table(
        "latent-dimension-measured",
        "The generator's Jacobian, and the intrinsic dimension of its samples",
        header,
        rows,
        _data(everything, names),
        notes=[
            "Dimension: of real data the true one, with noise the manifold's and that of the space; of "
            "samples the theorem's bound, at most min(dim z, dim x). Estimates are made at the scale of "
            "neighbours' distances: with noise of about that size they lie between the two, and rise with "
            "the number of points. Rank: singular values above a billionth of "
            "the largest, the most over the points z. Significant: eigenvalues of JᵀJ of at least 5 % of "
            "the largest, mean over the points; log-condition: mean natural logarithm of JᵀJ's largest "
            "over its smallest eigenvalue, those that must vanish left out."
        ],
    )


def _true_dimension(t: Trained) -> str:
    return f"{t.manifold} to {t.dim_x}" if t.has_density else str(t.manifold)


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
    rows = []
    for target, found in groupby(everything, lambda t: t.target):
        own = list(found)
        real = [own[0].reference(name) for name in names]
        rows += [[target, "real data", "", "0", *real]] if set(real) != {"–"} else []
        rows += [
            [target, str(t.dim_z), _density(t), _divergence(t), *(t.shown(name) for name in names)]
            for t in own
        ]
    return Table(
        "latent-dimension-overlap",
        "What the supports say of the optimal discriminator, and what trained ones do",
        ["target", "dim z", "have a density", "true JS", *names.values()],
        rows,
        _data(everything, list(names)),
        notes=[
            "Real data: fresh real points in place of samples, where that can be measured. They do not "
            "reach 1; coverage by as many points of the same distribution is 1 − 2⁻ᵏ on average, 0.969 for "
            "the k = 5 nearest neighbours used."
        ],
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
                **{f"{name}, reference": t.references.get(name) for name in names},
            }
            for t in everything
            for seed, row in t.last.iterrows()
        ]
    )
