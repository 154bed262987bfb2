"""Dirac-GAN in the report: which methods converge, and whether theory and literature say so too."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from ganbench.analysis.numbers import percent
from ganbench.analysis.run import Run
from ganbench.published import Published
from ganbench.published import dirac as theory
from ganbench.report.page import Part, Section
from ganbench.report.style import Look
from ganbench.report.tables import Table
from ganbench.report.theory.compared import Compared, compared_table
from ganbench.report.theory.dirac_figures import distances, portraits
from ganbench.report.theory.dirac_games import Game, games_of

_VERDICTS = {1.0: "converges", 0.0: "cycles", -1.0: "diverges"}
_UNDECIDED = "undecided"
_MOST = 0.99
_INDEX = "₁₂₃₄₅₆₇₈₉"
_FOLLOWS = {"attracts": "converges", "repels": "diverges"}


def section(run: Run, looks: Mapping[str, Look]) -> Section | None:
    """Figures, verdicts and numbers of the suite `dirac`; None where the run has no such game."""
    games = games_of(run)
    if not games:
        return None
    parts = [
        Part("Which methods converge?", "dirac-verdicts", [_verdicts(games), *distances(games)]),
        Part("Phase portraits", "dirac-portraits", portraits(games)),
        Part(
            "Predicted, published and measured",
            "dirac-numbers",
            [_eigenvalues(games), _multipliers(games), _distances(games)],
        ),
    ]
    about = (
        "Dirac-GAN (Mescheder et al. 2018): data at 0, a generator at θ, a discriminator of slope ψ "
        "(published "
        "sign: D = −ψx where D is to be high on real data), plain gradient steps. Everything near the "
        "equilibrium (0, 0) is known in closed form."
    )
    return Section("Dirac-GAN against theory", "theory-dirac", about, [_words(games)], parts)


def _words(games: Sequence[Game]) -> str:
    """What to read first."""
    judged = [(game, theory.locally(game.options), _verdict(game)) for game in games]
    clear = [(near, found) for _, near, found in judged if near in _FOLLOWS]
    kept = sum(_FOLLOWS[near] == found for near, found in clear)
    bent = [game.words for game, near, found in judged if _bent(near, found)]
    mixed = [
        f"{game.words} ({percent(share)} do)"
        for game, _, found in judged
        if (share := _shares(game)[found]) < _MOST
    ]
    text = (
        f"Of {len(games)} settings, linear theory decides {len(clear)}; from the listed start the "
        f"trajectory does "
        f"as predicted in {kept}."
    )
    if bent:
        text += f" Away from the equilibrium the field bends, and it does otherwise: {'; '.join(bent)}."
    if mixed:
        text += f" Not all starts do as the listed one: {'; '.join(mixed)}."
    return text


def _bent(near: str, found: str) -> bool:
    return near in _FOLLOWS and _FOLLOWS[near] != found


def _verdict(game: Game, seed: int | None = None) -> str:
    value = game.value("verdict", seed)
    return _VERDICTS.get(value, _UNDECIDED)


def _verdicts(games: Sequence[Game]) -> Table:
    """Predicted near the equilibrium, found from the listed start, and the share of all starts."""
    rows, data = [], []
    for game in games:
        near, found = theory.locally(game.options), _verdict(game)
        multipliers, predicted = theory.multipliers(game.options), theory.growth_per_turn(game.options)
        growth, shares = game.value("growth_per_turn"), _shares(game)
        rows.append(
            [
                game.words,
                "undefined" if multipliers is None else f"{abs(multipliers[0]):.5f}",
                near,
                _signed(predicted),
                _signed(growth),
                found,
                *(
                    percent(shares[name]) if shares[name] else "–"
                    for name in (*_VERDICTS.values(), _UNDECIDED)
                ),
                _remark(near, found),
            ]
        )
        data.append(
            {
                "setting": game.words,
                "largest_multiplier": None if multipliers is None else abs(multipliers[0]),
                "near_the_equilibrium": near,
                "growth_per_turn_predicted": predicted,
                "growth_per_turn": growth,
                "verdict": found,
                **{f"share_{name}": shares[name] for name in (*_VERDICTS.values(), _UNDECIDED)},
            }
        )
    return Table(
        name="dirac-verdicts",
        caption="Dirac-GAN: what theory says near the equilibrium, and what trajectories do",
        header=[
            *("setting", "largest |μ|, predicted", "near (0, 0)", "growth per turn, predicted near (0, 0)"),
            *(
                "growth per turn, measured",
                "listed start",
                "converges",
                "cycles",
                "diverges",
                "undecided",
                "",
            ),
        ],
        rows=rows,
        data=pd.DataFrame(data),
        notes=_criterion(games),
        left=frozenset({0, 2, 5, 10}),
    )


def _criterion(games: Sequence[Game]) -> list[str]:
    tolerance = next((game.tolerance for game in games if game.tolerance is not None), 0.01)
    starts = max(len(game.verdicts()) for game in games)
    return [
        f"Criterion: growth per turn is by how much the mean of ln distance over one turn around (0, 0) "
        f"grows to "
        f"the next, between the last turn and the earliest whole one in the second half of the updates. "
        f"Below "
        f"−{tolerance:g} a trajectory converges (also when it is within 1e-9 of its start's distance), above "
        f"{tolerance:g} it diverges, between them it cycles. After less than 1.1 turns the largest "
        f"distance of "
        f"the last quarter against the third decides; where these agree to {tolerance:g}, nothing is "
        f"decided.",
        "Near (0, 0): the multipliers μ of the update map all below 1 in modulus attract, one above "
        "repels; at "
        "modulus 1 linear theory says nothing (neutral). The predicted growth is 2π ln|μ|/|arg μ|, for "
        "orbits so "
        "small that the field is linear.",
        f"Shares are of {starts:,} starts: the listed one, the others drawn uniformly from a square around "
        f"(0, 0).",
        *_on_consensus(games),
    ]


def _on_consensus(games: Sequence[Game]) -> list[str]:
    """Why consensus can lose a start that lies far out, where it does."""
    lost = [game for game in games if game.options["update"] == "consensus" and _shares(game)["diverges"] > 0]
    text = (
        "Consensus also descends ‖v‖², which vanishes not at (0, 0) alone but wherever the discriminator "
        "saturates: starts with a large θψ run off along that valley, ψ growing without end."
    )
    return [text] if lost else []


def _remark(near: str, found: str) -> str:
    if near in _FOLLOWS:
        return "as predicted" if _FOLLOWS[near] == found else "the field bends"
    return {"neutral": "linear theory is silent", "undefined": "no Jacobian at (0, 0)"}[near]


def _shares(game: Game) -> Counter[str]:
    values = game.verdicts()
    counts = Counter(_VERDICTS.get(value, _UNDECIDED) for value in values)
    return Counter({name: count / len(values) for name, count in counts.items()})


def _eigenvalues(games: Sequence[Game]) -> Table:
    """Real and imaginary parts for each field; the update rule does not change it, but for consensus."""
    rows: list[Compared] = []
    first: dict[str, Game] = {}
    for game in games:
        first.setdefault(game.field_words, game)
    for game in first.values():
        predicted = theory.eigenvalues(game.options)
        shown = 2 if predicted is not None and predicted[0].real != predicted[1].real else 1
        for k in range(shown):
            for part, word in (("real", "real part of λ"), ("imag", "imaginary part of λ")):
                exact = "undefined" if predicted is None else getattr(predicted[k], part)
                name = f"{word}{_INDEX[k]}"
                rows.append(_compared(game.field_words, name, exact, game, f"eigenvalue_{part}_{k + 1}"))
    notes = [
        "Predicted: λ = −c/2 ± √(c²/4 − f′(0)²) with f′(0) = ½ (WGAN: 1), c = 0 without a penalty, γ with "
        "R1 or R2, "
        "s²/2 with instance noise of standard deviation s (exact at the equilibrium, for every s); "
        "consensus of "
        "weight γ: −γ/4 ± i/2. WGAN-GP's field has sign ψ in it, so it has no Jacobian at ψ = 0. λ₂, where "
        "it is not "
        "shown, is the conjugate of λ₁. Measured: by automatic differentiation of the losses that were "
        "trained on.",
    ]
    caption = "Dirac-GAN: eigenvalues of the field of motion at the equilibrium"
    return compared_table("dirac-eigenvalues", caption, rows, notes)


def _multipliers(games: Sequence[Game]) -> Table:
    """The moduli that differ, for each setting."""
    rows = []
    for game in games:
        predicted = theory.multipliers(game.options)
        moduli: list[float | str] = ["undefined"] if predicted is None else [abs(root) for root in predicted]
        for k, exact in enumerate(moduli):
            if k == 0 or not math.isclose(float(exact), float(moduli[k - 1]), rel_tol=1e-9):
                rows.append(_compared(game.words, f"|μ{_INDEX[k]}|", exact, game, f"multiplier_abs_{k + 1}"))
    notes = [
        "Predicted: simultaneous 1 + hλ, extragradient 1 + hλ + h²λ², optimistic the roots of μ² − (1 + "
        "2hλ)μ + hλ, "
        "alternating the product of the players' linear steps. A modulus that is not shown equals the one "
        "before. "
        "Measured: one round of the real update rule from points beside the equilibrium, optimisers' state "
        "included, by central differences.",
    ]
    caption = "Dirac-GAN: multipliers of the update map at the equilibrium"
    return compared_table("dirac-multipliers", caption, rows, notes)


def _distances(games: Sequence[Game]) -> Table:
    rows = []
    for game in games:
        known = theory.published_distance(game.options) if game.rounds == theory.UPDATES else None
        what = f"distance after {game.rounds} rounds"
        rows.append(_compared(game.words, what, None, game, "distance", known))
    notes = [
        "The published values' error is half of their last digit. The rows without one are what the same "
        "code "
        "gives; no closed form predicts them."
    ]
    return compared_table(
        "dirac-distances", "Dirac-GAN: distance at the end, from the listed start", rows, notes
    )


def _compared(
    setting: str,
    what: str,
    predicted: float | str | None,
    game: Game,
    quantity: str,
    known: Published | None = None,
) -> Compared:
    value = game.value(quantity)
    measured = "undefined" if math.isnan(value) else value + 0.0  # no "-0"
    if known is None:
        return Compared(setting, what, predicted, None, None, measured)
    return Compared(setting, what, predicted, known.value, known.error, measured)


def _signed(value: float | None) -> str:
    """Three decimals with a sign; a dash where there is nothing."""
    if value is None or math.isnan(value):
        return "–"
    text = f"{value:+.3f}".replace("-", "−")
    return text if float(f"{value:.3f}") else "0.000"
