"""One Gaussian fitted by every f-divergence: fitted, exact and published side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from ganbench.analysis.cohorts import Cohort
from ganbench.analysis.numbers import listed
from ganbench.analysis.run import Run
from ganbench.published.fgan1d import FORMULAS, published
from ganbench.report.page import Part, Section
from ganbench.report.style import Figure, Look, file_stem
from ganbench.report.tables import Table
from ganbench.report.theory import fgan1d_figures as figures
from ganbench.report.theory.compared import Compared, compared_table

CLOSE = 0.05
"""The fit is to be this near the exact optimum, in μ and in σ."""
NOT_SMOOTH = "total_variation"
_OPTIMA = {"exact_mu": "μ", "exact_sigma": "σ", "exact_divergence": "D"}
Item = Table | Figure | str


@dataclass(frozen=True)
class Fit:
    """One divergence's seeds at the end: `last` has a row a seed and a column a quantity."""

    divergence: str
    name: str
    """The divergence's name, or the variant's label where two fits share one."""
    cohort: Cohort
    last: pd.DataFrame

    def median(self, quantity: str) -> float:
        """The median over seeds."""
        return float(self.last[quantity].median())

    def range(self, quantity: str) -> tuple[float, float]:
        """The least and the largest over seeds."""
        return float(self.last[quantity].min()), float(self.last[quantity].max())

    def miss(self, what: str) -> float:
        """Median of `mu` or `sigma` less the exact one."""
        return self.median(what) - self.median(f"exact_{what}")

    @property
    def close(self) -> bool:
        """Whether the medians of μ and σ are both near the exact optimum."""
        return max(abs(self.miss("mu")), abs(self.miss("sigma"))) <= CLOSE


def section(run: Run, looks: Mapping[str, Look]) -> Section | None:
    """The comparison, and how each fit came about; None where nothing was fitted."""
    for dataset in run.dataset_labels:
        fits = _fits(run, dataset)
        if fits:
            return _section(run, dataset, fits, looks)
    return None


def _fits(run: Run, dataset: str) -> list[Fit]:
    rows = run.records_of(dataset)
    rows = rows[
        rows["final"] & rows["quantity"].isin(["mu", "sigma", "bound", "divergence_at_fit", *_OPTIMA])
    ]
    found = []
    for cohort in run.cohorts_of(dataset):
        name = (cohort.parts[0].description["variant"].get("options") or {}).get("divergence")
        own = rows[rows["variant"] == cohort.variant]
        last = own.pivot_table(index="seed", columns="quantity", values="value", dropna=False)
        if name in FORMULAS and {"mu", "sigma", "bound", "divergence_at_fit", *_OPTIMA} <= set(last.columns):
            found.append(Fit(str(name), str(name), cohort, last))
    shared = {fit.divergence for fit in found if sum(each.divergence == fit.divergence for each in found) > 1}
    found = [replace(fit, name=fit.cohort.variant) if fit.divergence in shared else fit for fit in found]
    return [fit for fit in found if fit.last["exact_mu"].notna().any()]


def _section(run: Run, dataset: str, fits: Sequence[Fit], looks: Mapping[str, Look]) -> Section:
    shown = [figures.Shown(fit.name, fit.cohort, fit.last) for fit in fits]
    drawn = [
        figures.densities(shown, looks),
        figures.along(run, dataset, shown, looks, CLOSE),
        figures.discriminators(shown, looks),
    ]
    parts: dict[str, Sequence[Item | None]] = {
        "Fitted and exact": [fit_table(fits), *_why(fits), drawn[0]],
        "Beside the paper": [paper_table(fits)],
        "Through training": [drawn[1]],
        "What the discriminator learnt": [drawn[2]],
        "The divergences": [formula_table(), _JEFFREY],
    }
    kept = {title: [item for item in items if item is not None] for title, items in parts.items()}
    return Section(
        label="Fits by f-divergence",
        anchor="fgan1d",
        about="One Gaussian N(μ, σ²) fitted to a mixture of two by the variational bound of each "
        "f-divergence (Nowozin et al. 2016, section 2.3), beside the exact optimum by quadrature and the "
        "published numbers.",
        words=[words(fits)],
        parts=[Part(title, file_stem("fgan1d", title), items) for title, items in kept.items() if items],
    )


def words(fits: Sequence[Fit]) -> str:
    """Which fits are near their exact optimum, which are not and by how much."""
    near = [fit.name for fit in fits if fit.close]
    text = (
        f"Medians of μ and σ lie within {CLOSE:g} of the exact optimum for {listed(near) or 'no divergence'}."
    )
    for fit in (fit for fit in fits if not fit.close):
        text += f" {fit.name} misses by {fit.miss('mu'):+.3f} in μ and {fit.miss('sigma'):+.3f} in σ."
    return text


def _why(fits: Sequence[Fit]) -> list[str]:
    """Sentences on fits that miss, from their own numbers."""
    found = []
    for fit in (fit for fit in fits if not fit.close):
        bound, there = fit.median("bound"), fit.median("divergence_at_fit")
        text = (
            f"Why {fit.name} misses: at its fit the bound is {bound:.4f}, where the divergence is "
            f"{there:.4f}: the generator follows a discriminator that sees {max(bound, 0) / there:.0%} of it."
            if there > 0
            else f"{fit.name} misses: its bound is {bound:.4f} at a divergence of {there:.4f}."
        )
        if fit.divergence == NOT_SMOOTH:
            text += (
                " Total variation is the one divergence here that is not smooth: its best T jumps between −½ "
                "and ½, so the activation ½ tanh v saturates and the gradient, which carries 1 − tanh² v, "
                "vanishes. A discriminator at one edge everywhere has the bound 0 and stays there."
            )
        found.append(text)
    return found


def fit_table(fits: Sequence[Fit]) -> Table:
    """A row a divergence: exact and fitted μ and σ, the least divergence, that of the fit, and the bound."""
    rows, data = [], []
    for fit in fits:
        seeds = len(fit.last)
        cells = [fit.name, str(seeds)]
        for what in ("mu", "sigma"):
            low, high = fit.range(what)
            cells += [f"{fit.median(f'exact_{what}'):.4f}", f"{fit.median(what):.4f} [{low:.3f}, {high:.3f}]"]
            cells.append(f"{fit.miss(what):+.4f}")
        numbers = [fit.median(q) for q in ("exact_divergence", "divergence_at_fit", "bound")]
        rows.append([*cells, *(f"{value:.4f}" for value in numbers), "yes" if fit.close else "no"])
        data.append(
            {"variant": fit.name, "divergence": fit.divergence, "seeds": seeds}
            | {f"{q}_median": fit.median(q) for q in fit.last.columns}
            | {f"{q}_{end}": v for q in ("mu", "sigma", "bound") for end, v in _ends(fit, q)}
        )
    names = ("exact μ", "fitted μ", "miss", "exact σ", "fitted σ", "miss")
    return Table(
        "fgan1d-fits",
        "The exact optimum and the fit: medians over seeds, in brackets the least and the largest",
        ["divergence", "seeds", *names, "least D", "D at the fit", "bound", f"within {CLOSE:g}"],
        rows,
        pd.DataFrame(data),
        notes=[
            "D is the divergence of the data from the model. The bound is E T − E f*(T) at the trained "
            "discriminator, by quadrature, so it is at most D at the fit; what is missing is what the "
            "discriminator did not learn. D of `gan` is that of `js` less 2 log 2."
        ],
        left=frozenset({0}),
    )


def _ends(fit: Fit, quantity: str) -> list[tuple[str, float]]:
    return list(zip(("least", "largest"), fit.range(quantity), strict=True))


def paper_table(fits: Sequence[Fit]) -> Table:
    """The paper's optima against ours by quadrature."""
    rows = []
    for fit in fits:
        for exact, sign in _OPTIMA.items():
            known = published(fit.divergence, exact)
            if known is not None:
                numbers = (None, known.value, known.error, fit.median(exact))
                rows.append(Compared(fit.name, f"optimal {sign}", *numbers))
    return compared_table(
        "fgan1d-published", "The optima of Nowozin et al. 2016, and ours by quadrature", rows
    )


def formula_table() -> Table:
    """Every f with its conjugate and activation, as computed."""
    rows = [
        [name, row.f, row.at_one, row.conjugate, row.domain, row.activation, row.composed, row.threshold]
        for name, row in FORMULAS.items()
    ]
    header = [
        "divergence",
        "f(u)",
        "f(1)",
        "f*(t)",
        "domain",
        "activation g(v)",
        "f*(g(v)), as computed",
        "v at p = q",
    ]
    data = pd.DataFrame(rows, columns=header)
    caption = "The family: D_f(P ‖ Q) = E_Q f(p/q), and how its bound is computed"
    return Table("fgan1d-divergences", caption, header, rows, data, left=frozenset(range(len(header))))


_JEFFREY = (
    "Jeffrey's conjugate has no elementary form: with W Lambert's function, f*(t) = W + 1/W + t − 2 at W "
    "= W(exp(1 − t)). Here ℓ = −log W is found by eight Newton steps on ℓ + 1 − exp(−ℓ) = t, from a start "
    "on the side from which they approach monotonically, and f*(t) = exp ℓ − 1 + ℓ; exp(1 − t) is never "
    "formed, and derivatives of every order are those of the steps. Activations increase, as the paper "
    "asks. Pearson's f* is that of f on all "
    "reals, as in the paper: below t = −2 it exceeds the conjugate of f on u ≥ 0, so the bound holds but "
    "is looser there."
)
