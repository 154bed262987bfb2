"""One Gaussian fitted by every f-divergence: fitted, exact and published side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from ganbench.analysis.numbers import listed
from ganbench.analysis.run import Run
from ganbench.claims.fgan1d import FORMULAS, published
from ganbench.report.page import Part, Section
from ganbench.report.style import Figure, Look, file_stem
from ganbench.report.tables import Table
from ganbench.report.theory import fgan1d_figures as figures
from ganbench.report.theory.compared import Compared, compared_table, signed
from ganbench.report.theory.fgan1d_fits import CLOSE, EXACT, SIGNS, Fit, fits_of
from ganbench.report.theory.fgan1d_why import decimals, misses, notes, percent

Item = Table | Figure | str


def section(run: Run, looks: Mapping[str, Look]) -> Section | None:
    """The comparison, and how each fit came about; None where nothing was fitted."""
    for dataset in run.dataset_labels:
        fits = fits_of(run, dataset)
        if fits:
            return _section(run, dataset, fits, looks)
    return None


def _section(run: Run, dataset: str, fits: Sequence[Fit], looks: Mapping[str, Look]) -> Section:
    shown = [figures.Shown(fit.name, fit.cohort, fit.last) for fit in fits]
    drawn = [
        figures.densities(shown, looks),
        figures.along(run, dataset, shown, looks, CLOSE),
        figures.discriminators(shown, looks),
    ]
    parts: dict[str, Sequence[Item | None]] = {
        "Exact, published and fitted": [fit_table(fits), *misses(fits), drawn[0]],
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
        "paper's optima, known from memory and equal to our quadrature to 1e−4.",
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
        mu, sigma = (signed(fit.miss(what)) for what in ("mu", "sigma"))
        text += f" The fit of {fit.name} misses by {mu} in μ and {sigma} in σ."
    return text


def fit_table(fits: Sequence[Fit]) -> Table:
    """Three rows a divergence: μ, σ and D_f, exact, published and fitted."""
    seeds = listed([f"{count}" for count in sorted({len(fit.last) for fit in fits})])
    caption = f"The Gaussian of least D_f, exact, published and fitted by the bound ({seeds} seeds)"
    rows = [_row(fit, what) for fit in fits for what in SIGNS]
    return compared_table("fgan1d-fits", caption, rows, list(notes(fits)))


def _row(fit: Fit, what: str) -> Compared:
    known = published(fit.divergence, EXACT[what])
    if what == "divergence_at_fit":
        remark = f"bound {decimals(fit.median('bound'))}: {percent(fit.seen)} of it"
        remark += " above −2 log 2" if FORMULAS[fit.divergence].level else ""
    else:
        remark = "" if abs(fit.miss(what)) <= CLOSE else f"beyond {CLOSE:g}"
    low, high = fit.range(what)
    return Compared(
        setting=fit.name,
        what=SIGNS[what],
        predicted=fit.median(EXACT[what]),
        published=None if known is None else known.expected,
        error=None,
        measured=fit.median(what),
        low=low,
        high=high,
        remark=remark,
        kind="published" if known is None else known.kind,
        source="" if known is None else known.source,
        digits=5,
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
