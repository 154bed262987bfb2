"""Dirac-GAN in the report: which methods converge, and whether theory and literature say so too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from ganbench.analysis.numbers import number, percent
from ganbench.analysis.run import Run
from ganbench.claims import dirac as theory
from ganbench.report.page import Part, Section
from ganbench.report.style import Look
from ganbench.report.tables import Table
from ganbench.report.theory.dirac_figures import PORTRAITS, distance_figures, portraits
from ganbench.report.theory.dirac_games import SLOWLY, USUAL_START, WORDS, Game, games_of, place, twins
from ganbench.report.theory.dirac_numbers import distances, eigenvalues

_MOST = 0.99
_FOLLOWS = {"attracts": "converges", "repels": "diverges"}


def section(run: Run, looks: Mapping[str, Look]) -> Section | None:
    """Figures, verdicts and numbers of the suite `dirac`; None where the run has no such game."""
    games = games_of(run)
    if not games:
        return None
    numbers = [eigenvalues(games), *(table for table in [distances(games)] if table)]
    drawn = portraits(games)
    parts = [
        Part("Which methods converge?", "dirac-verdicts", [_verdicts(games), *distance_figures(games)]),
        Part("Predicted, published and measured", "dirac-numbers", numbers),
        *([Part("Phase portraits", "dirac-portraits", [PORTRAITS, *drawn])] if drawn else []),
    ]
    about = (
        "Dirac-GAN (Mescheder et al. 2018): data at 0, a generator at θ, a discriminator of slope ψ "
        "(published sign: D = −ψx where D is to be high on real data), plain gradient steps. Everything near "
        "the equilibrium (0, 0) is known in closed form."
    )
    return Section("Dirac-GAN against theory", "theory-dirac", about, [_words(games)], parts)


def _words(games: Sequence[Game]) -> str:
    """What to read first."""
    clear = [game for game in games if _expected(game)]
    kept = sum(_expected(game) == game.found for game in clear)
    otherwise = [f"{game.words} ({why})" for game in clear if (why := _why_not(game))]
    slow = [game.words for game in games if game.found == SLOWLY]
    mixed = [
        f"{game.words} ({percent(share)} do)"
        for game in games
        if (share := game.shares()[game.found]) < _MOST and game.words not in twins(games)
    ]
    text = (
        f"Of {len(games)} settings, linear theory decides {len(clear)}; from {place(USUAL_START)} "
        "the trajectory "
        f"does as predicted in {kept}."
    )
    if otherwise:
        text += f" It does otherwise in {'; '.join(otherwise)}."
    if slow:
        text += f" Where linear theory is silent (|μ| = 1), these shrink slowly: {'; '.join(slow)}."
    if mixed:
        text += f" Not all other starts do as this one: {'; '.join(mixed)}."
    return text


def _expected(game: Game) -> str | None:
    """The verdict that linear theory predicts; None where it is silent."""
    return _FOLLOWS.get(theory.local_stability(game.options))


def _why_not(game: Game) -> str:
    """Why the verdict is not the predicted one; empty where it is, or where none is predicted."""
    expected = _expected(game)
    if expected is None or expected == game.found:
        return ""
    return "the clip holds it" if game.options["method"] == "wgan" else "away from (0, 0) the field bends"


def _verdicts(games: Sequence[Game]) -> Table:
    """Predicted near the equilibrium, found from the usual start, and the share of all starts."""
    same = twins(games)
    return Table(
        name="dirac-verdicts",
        caption="Dirac-GAN: what theory says near the equilibrium, and what trajectories do in "
        f"{max(game.rounds for game in games):,} rounds",
        header=[
            *("setting", "locally", "|μ|\u00a0predicted", "|μ|\u00a0measured"),
            *("growth per turn, predicted", "growth per turn, measured", f"from {_tied(place(USUAL_START))}"),
            *("distance at the end", "share of starts"),
        ],
        rows=[_row(game) for game in games if game.words not in same],
        data=pd.DataFrame([_data(game) for game in games]),
        notes=[*_criterion(games), *_remarks(games)],
        left=frozenset({0, 1, 6, 8}),
    )


def _row(game: Game) -> list[str]:
    multipliers, measured = theory.multipliers(game.options), game.moduli()
    shares = game.shares()
    single = [word for word in WORDS if shares[word] == 1]
    why = _why_not(game)
    return [
        game.cell,
        theory.local_stability(game.options),
        "undefined" if multipliers is None else f"{abs(multipliers[0]):.5f}",
        f"{measured[0]:.5f}" if measured else "undefined",
        _signed(theory.growth_per_turn(game.options)),
        "arrived" if _arrived(game) else _signed(game.value("growth_per_turn")),
        game.found + (f": {why}" if why else ""),
        number(game.value("distance"), "undefined"),
        f"all: {single[0]}"
        if single
        else ", ".join(f"{w} {_tied(percent(shares[w]))}" for w in WORDS if shares[w]),
    ]


def _arrived(game: Game) -> bool:
    """Whether it is so near that growth is only rounding."""
    return math.isnan(game.value("growth_per_turn")) and game.found == "converges" and game.rounds > 0


def _data(game: Game) -> dict[str, object]:
    predicted, measured, shares = theory.multipliers(game.options), game.moduli(), game.shares()
    moduli = [abs(root) for root in predicted or ()]
    return {
        "setting": game.words,
        "near_the_equilibrium": theory.local_stability(game.options),
        **{f"multiplier_abs_{k}_predicted": value for k, value in enumerate(moduli, 1)},
        **{f"multiplier_abs_{k}": value for k, value in enumerate(measured, 1)},
        "growth_per_turn_predicted": theory.growth_per_turn(game.options),
        "growth_per_turn": game.value("growth_per_turn"),
        "verdict": game.found,
        "distance": game.value("distance"),
        **{f"share_{name.replace(' ', '_')}": shares[name] for name in WORDS},
    }


def _criterion(games: Sequence[Game]) -> list[str]:
    tolerance = next((game.tolerance for game in games if game.tolerance is not None), 0.01)
    starts = max(len(game.verdicts()) for game in games)
    squares = sorted({float(game.options["spread"]) for game in games})
    square = " or ".join(f"[−{half:g}, {half:g}]²" for half in squares)
    return [
        "Locally, near (0, 0): the multipliers μ of the update map all below 1 in modulus attract, one above "
        "repels; at "
        "modulus 1 linear theory is silent (neutral). |μ| is the largest. Predicted: simultaneous 1 + hλ, "
        "extragradient 1 + hλ + h²λ², optimistic the roots of μ² − (1 + 2hλ)μ + hλ, alternating those of the "
        "product of the players' linear steps. Measured: one round of the real update rule from "
        "points beside "
        "the equilibrium, optimizers' state included, by central differences. "
        f"{_multipliers_apart(games)}The predicted growth is 2π ln|μ|/|arg μ|, for orbits so small that the "
        "field is linear (–: nothing turns).",
        "Criterion: growth per turn is by how much the mean of ln distance over one turn around (0, "
        "0) grows to "
        "the next, between the last turn and the earliest whole one in the second half of the rounds. Below "
        f"−{tolerance:g} a trajectory converges (also when it has arrived: within 1e-9 of its "
        "start's distance), "
        f"above {tolerance:g} it diverges, between them it cycles. After less than 1.1 turns the largest "
        "distance of the last quarter against the third decides; where these agree to "
        f"{tolerance:g}, nothing is decided.",
        f"Shares are of {starts:,} starts: {place(USUAL_START)} or the start that the setting "
        "names, from which "
        f"growth and distance are measured, and others drawn uniformly from the square {square}.",
    ]


def _multipliers_apart(games: Sequence[Game]) -> str:
    """The largest difference of a measured modulus from the predicted one."""
    apart = [
        abs(abs(root) - value)
        for game in games
        if game.moduli()
        for root, value in zip(theory.multipliers(game.options) or (), game.moduli(), strict=True)
    ]
    return f"The largest difference of all moduli is {number(max(apart))}. " if apart else ""


def _remarks(games: Sequence[Game]) -> list[str]:
    """What some settings need to have said, where they are in the run."""
    named = dict.fromkeys(game.field_words for game in games if "(" in game.field_words)
    found = [f"Numbers: {'; '.join(named)}. Critical is γ = 2f′(0)."] if named else []
    if any(theory.local_stability(game.options) == "neutral" for game in games):
        rounds = max(game.rounds for game in games)
        found.append(
            f"A verdict is one on these {rounds:,} rounds. Where |μ| = 1, nothing shrinks "
            "geometrically: it may "
            "shrink as NSGAN alternating does, like 1/√rounds, so that its growth per turn tends to 0 (eight "
            "times the rounds, an eighth of the growth) and a longer run would be said to cycle. “Shrinks "
            "slowly” stands for “converges” there."
        )
    uneven = [g for g in games if _plays(g, "gan", "alternating") and 0 < g.shares()[SLOWLY] < 1]
    if uneven:
        shares = ", ".join(f"{percent(g.shares()[SLOWLY])} of {g.words}" for g in uneven)
        found.append(
            "With several discriminator steps to one of the generator, GAN's orbits shrink too, the "
            "wide ones "
            f"fastest, and only these by more than the tolerance in a turn: {shares}. As they "
            "narrow, they too "
            "come to cycle by this criterion. A few of the widest seem to grow on 500 rounds; on "
            "2,000 none does."
        )
    if any(g.options["update"] == "consensus" and g.shares()["diverges"] > 0 for g in games):
        found.append(
            "Consensus also descends ‖v‖², which vanishes not at (0, 0) alone but wherever the discriminator "
            "saturates: starts with a large θψ run off along that valley, ψ growing without end."
        )
    same = twins(games)
    if same:
        found.append(
            f"R2 does as R1 does in all {len(same)} settings, as predicted: its rows are left out "
            "here, and in "
            "the figures; the CSV file has them."
        )
    return found


def _plays(game: Game, method: str, order: str) -> bool:
    return game.options["method"] == method and game.options["order"] == order


def _tied(text: str) -> str:
    return text.replace(" ", "\u00a0")


def _signed(value: float | None) -> str:
    """Three decimals with a sign; a dash where there is nothing."""
    if value is None or math.isnan(value):
        return "–"
    text = f"{value:+.3f}".replace("-", "−")
    return "0" if abs(value) < 1e-12 else text if float(f"{value:.3f}") else "0.000"
