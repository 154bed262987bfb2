"""Dirac-GAN's tables of numbers: eigenvalues at the equilibrium, and distances at the end."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from ganbench.analysis.numbers import number
from ganbench.claims import dirac as theory
from ganbench.report.tables import Table
from ganbench.report.theory.compared import Compared, compared_table
from ganbench.report.theory.dirac_games import Game, twins

_PARTS = [(part, k) for k in (1, 2) for part in ("real", "imag")]
_UNDEFINED = "undefined"


def eigenvalues(games: Sequence[Game]) -> Table:
    """A row a field: the update rule does not change it, but for consensus."""
    first: dict[str, Game] = {}
    for game in games:
        first.setdefault(game.field_words, game)
    same = {game.words: twin for game in first.values() for twin in [twins(games).get(game.words)] if twin}
    shown = [game for game in first.values() if game.words not in same]
    named = {twin.field_words: "R1 and R2" for twin in same.values()}
    rows, data = [], []
    for game in first.values():
        predicted, measured = _predicted(game), _measured(game)
        apart = (
            [abs(m - p) for m, p in zip(measured, predicted, strict=True)] if predicted and measured else []
        )
        if game in shown:
            name = game.field_words.replace("R1", named.get(game.field_words, "R1"), 1)
            off = number(max(apart)) if apart else "–"
            rows.append([name, _pair(predicted), _pair(measured), off])
        data += [
            {
                "field": game.field_words,
                "part": f"eigenvalue_{part}_{k}",
                "predicted": predicted[i] if predicted else None,
                "measured": measured[i] if measured else None,
            }
            for i, (part, k) in enumerate(_PARTS)
        ]
    return Table(
        name="dirac-eigenvalues",
        caption="Dirac-GAN: eigenvalues λ of the field of motion at the equilibrium",
        header=["field", "predicted", "measured", "largest |deviation|"],
        rows=rows,
        data=pd.DataFrame(data),
        notes=_on_eigenvalues(games),
    )


def _on_eigenvalues(games: Sequence[Game]) -> list[str]:
    notes = [
        "Predicted: λ = −c/2 ± √(c²/4 − f′(0)²) with f′(0) = ½ (WGAN: 1) and c = 0 without a "
        "penalty, γ with R1 "
        "or R2, s²/2 with instance noise of standard deviation s (exact at the equilibrium, for every s); "
        "consensus of weight γ: −γ/4 ± i/2. Measured: by automatic differentiation of the losses that were "
        "trained on. |deviation|: measured less predicted, the larger of real and imaginary part."
    ]
    if any(theory.critical(game.options) for game in games):
        notes.append("Critical: γ = 2f′(0), where both eigenvalues meet and nothing turns any more.")
    if any(game.options["method"] == "wgan-gp" for game in games):
        notes.append(
            "WGAN-GP has sign ψ in its field, so no Jacobian at ψ = 0: undefined. Its γ is that of "
            "the published "
            "field, of a penalty γ/2·(|ψ| − target)²: twice a gp_weight that stands before the square "
            "without the half."
        )
    return notes


def _predicted(game: Game) -> list[float]:
    """Real and imaginary parts in turn; empty where there are none."""
    found = theory.eigenvalues(game.options)
    return [part for root in found for part in (root.real, root.imag)] if found else []


def _measured(game: Game) -> list[float]:
    values = [game.value(f"eigenvalue_{part}_{k}") for part, k in _PARTS]
    return [] if any(math.isnan(value) for value in values) else values


def _pair(parts: Sequence[float]) -> str:
    """Two eigenvalues in short: a ± bi where they are conjugate."""
    if not parts:
        return _UNDEFINED
    real, imag = parts[0], abs(parts[1])
    if max(imag, abs(parts[3])) < 1e-9:
        both = math.isclose(real, parts[2], rel_tol=1e-7)
        return f"{number(real)} twice" if both else f"{number(real)} and {number(parts[2])}"
    turning = "i" if imag == 1 else f"{number(imag)}i"
    return f"{number(real)} ± {turning}" if abs(real) > 1e-12 else f"±{turning}"


def distances(games: Sequence[Game]) -> Table | None:
    """The settings with a published distance, and those whose linear map gives it in closed form."""
    rows = [row for game in games for row in [_distance(game)] if row]
    notes = [
        "The error is half of the last digit given. Predicted: ‖Mⁿ(θ₀, ψ₀)‖ for the update map M, where the "
        "field is linear as far as the orbit goes: that of WGAN while |ψ| stays below the clip, and with R1. "
        "For all other settings no closed form predicts the distance; theirs are in the first table."
    ]
    caption = "Dirac-GAN: distance at the end (published fields, iterated in double precision)"
    return compared_table("dirac-distances", caption, rows, notes) if rows else None


def _distance(game: Game) -> Compared | None:
    known = theory.published_distance(game.options) if game.rounds == theory.UPDATES else None
    predicted, value = theory.linear_distance(game.options, game.rounds), game.value("distance")
    what, measured = f"distance after {game.rounds:,} rounds", _UNDEFINED if math.isnan(value) else value
    if known is not None:
        numbers = (predicted, known.expected, known.tolerance, measured)
        return Compared(game.cell, what, *numbers, kind=known.kind, source=known.source)
    if predicted is not None:
        return Compared(game.cell, what, predicted, None, None, measured, digits=6)
    return None
