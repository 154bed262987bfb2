"""What is to be known of the Gaussian fits, and why one of them misses: from their own numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ganbench.analysis.numbers import listed, number
from ganbench.claims.fgan1d import SECOND_OPTIMA
from ganbench.report.theory.fgan1d_fits import CLOSE, Fit

NOT_SMOOTH = "total_variation"
_FLOOR = 1e-6
"""T is kept in float32: a smaller 1 − (2T)² is rounding."""


def misses(fits: Sequence[Fit]) -> list[str]:
    """Sentences on fits that miss."""
    found = []
    for fit in (fit for fit in fits if not fit.close):
        bound, there = fit.median("bound"), fit.median("divergence_at_fit")
        text = (
            f"Why {fit.name} misses: at its fit the bound is {decimals(bound)}, where D_f is "
            f"{decimals(there)}. The generator follows a discriminator that sees {percent(fit.seen)} of it."
        )
        found.append(text + (_saturated(fit) if fit.divergence == NOT_SMOOTH else ""))
    return found


def _saturated(fit: Fit) -> str:
    """The explanation of total variation, with the factor that it is about."""
    left = fit.slope_left()
    measured = ""
    if left:
        middle = float(np.median(left))
        size = "below 1e−6" if middle < _FLOOR else number(middle)
        measured = f" At the end its mean over the model is {size} (median over seeds)."
    return (
        " Total variation is the one divergence here that is not smooth: its best T jumps between −½ and ½, "
        "so V grows and the activation ½ tanh V saturates; every gradient of both players carries the factor "
        f"1 − tanh² V.{measured} So both players starve: the miss is the training's, not the bound's."
    )


def notes(fits: Sequence[Fit]) -> Iterator[str]:
    """What a reader of the table must know."""
    yield (
        "D_f is the divergence of the data from the model. Predicted: its least value over all Gaussians and "
        "where that is, by quadrature, downhill from the start. Measured: the medians over seeds at the end, "
        "in brackets the least and the largest; D_f is then the exact divergence at the fit. The bound is "
        "E T − E f*(T) at the trained discriminator, by quadrature: at most D_f; what is missing was not "
        "learnt."
    )
    yield from _on_the_start(fits)
    yield from _on_twins(fits)
    yield from _on_settings(fits)


def _on_the_start(fits: Sequence[Fit]) -> Iterator[str]:
    starts = {fit.start for fit in fits}
    start = starts.pop() if len(starts) == 1 else None
    names = {fit.divergence for fit in fits}
    text = "" if start is None else f"All start at μ = {start[0]:g}, σ = {start[1]:g}. "
    text += "Pearson's divergence is infinite for σ ≤ 1, Neyman's for σ ≥ 2. " if names & _BOUNDED else ""
    seconds: dict[str, dict[str, float]] = {}
    for each in SECOND_OPTIMA:
        seconds.setdefault(each.where.options["divergence"], {})[each.measured] = each.expected
    told = [
        f"{name} at μ = {at['exact_mu']:.3f}, σ = {at['exact_sigma']:.3f} (D_f {at['exact_divergence']:.3f})"
        for name, at in seconds.items()
        if name in names
    ]
    if told:
        text += (
            "A second, local optimum lies in the data's narrow mode, not downhill of the start, for "
            f"{listed(told)}."
        )
    if text:
        yield text.strip().replace("= -", "= −")


_BOUNDED = {"pearson", "neyman"}


def _on_twins(fits: Sequence[Fit]) -> Iterator[str]:
    """`gan` and `js` are one game."""
    found = {fit.divergence: fit for fit in fits if fit.divergence in ("js", "gan")}
    if len(found) == 2:
        one, two = found["js"].last, found["gan"].last
        apart = max(float((one[what] - two[what]).abs().max()) for what in ("mu", "sigma"))
        same = "are the same" if apart < CLOSE / 50 else f"should be the same, but differ by {number(apart)}"
        yield (
            "`gan` is `js` less the constant 2 log 2: gradients are equal, so the runs of the two "
            f"{same} but for rounding. They are one confirmation, not two."
        )


def _on_settings(fits: Sequence[Fit]) -> Iterator[str]:
    """Which fits were trained otherwise than most."""
    settings = {
        fit.name: (
            f"{fit.cohort.budget} at learning rates {fit.options.get('learning_rate')} (G) and "
            f"{fit.options.get('discriminator_learning_rate')} (D)"
        )
        for fit in fits
    }
    kinds = list(settings.values())
    most = max(kinds, key=kinds.count)
    others = [f"{name}: {how}" for name, how in settings.items() if how != most]
    if others:
        yield f"Training: {most}; {'; '.join(others)}."


def percent(share: float) -> str:
    """A share to one decimal."""
    return "an unknown part" if np.isnan(share) else f"{100 * share:.1f} %"


def decimals(value: float) -> str:
    """Four decimals, and no minus before zero."""
    text = f"{value:.4f}"
    return (text if float(text) else text.lstrip("-")).replace("-", "−")
