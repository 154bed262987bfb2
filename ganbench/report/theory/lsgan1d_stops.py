"""Where the one-dimensional least-squares games stop: the plateau's criterion, its table and its words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from ganbench.analysis.numbers import listed, number
from ganbench.report.tables import Table
from ganbench.report.theory.lsgan1d_games import Played

SATURATED = 0.9
"""A discriminator is called saturated where 1 − E 4D(1 − D) is above this, on the data and on the samples."""

CREEP = 0.1
"""What moves at less than this share of its top speed is said to creep."""

_SIDE = 0.1
"""D rejects or accepts everything where E D is within this of 0 or 1, on the data and on the samples."""

_COLUMNS = (
    "probability_real",
    "probability_fake",
    "saturation_real",
    "saturation_fake",
    "gradient_most",
    "gradient_norm_generator",
    "plateau_at_generator",
    "moves",
    "distance_first",
    "distance_last",
)


def criterion(game: Played) -> str:
    """What is called a plateau."""
    return (
        "Criterion of a plateau: G rests, that is, from some update on none of its parameters is again "
        f"faster than {slow(game):g} of its own top speed, and D is saturated, 1 − E 4D(1 − D) > "
        f"{SATURATED:g} on the data and on the samples (it is 1 where D is 0 or 1). D's own parameters may "
        "move on: G no longer feels it."
    )


def plateau_table(shown: Sequence[Played]) -> Table:
    """Saturation, gradients, rest and motion of every game, and how far from the data it stops."""
    header = [
        *("game", "updates", "E D, data", "E D, samples", "saturation, data", "saturation, samples"),
        *("G's gradient, most", "at the end", "G rests from", "moves at the end", "W₁ to the data, start"),
        *("end", "plateau"),
    ]
    rows, numbers = [], []
    for game in shown:
        values = stop_of(game)
        failed = failures(game)
        numbers.append({**values, "plateau": not failed})
        cells = [number(float(values[name]), "–") for name in _COLUMNS[:-3]]
        ends = [number(float(values[name]), "–") for name in _COLUMNS[-2:]]
        moves, verdict = str(values["moves"]) or "nothing", "no" if failed else "yes"
        rows.append([game.label, f"{game.updates:,}", *cells, moves, *ends, verdict])
    notes = [
        criterion(shown[0]),
        "Moves at the end: parameters that do not rest, and in brackets their last speed as a share of "
        "their top speed. Numbers of sampled games are medians over runs. W₁ is computed from the quantile "
        "functions at the parameters reached; the ranking and the learning curves estimate it from samples, "
        "and so differ by a few hundredths.",
    ]
    caption = "Where the games stop"
    return Table(
        "lsgan1d-plateau", caption, header, rows, pd.DataFrame(numbers), notes, frozenset({0, 9, 12})
    )


def stop_of(game: Played) -> dict[str, float | str]:
    """The numbers of one game's end."""
    gradients = game.series("gradient_norm_generator").median(axis=1)
    return {
        "game": game.label,
        **{name: game.last(name) for name in _COLUMNS if name not in ("gradient_most", "moves")},
        "gradient_most": float(gradients.max()) if len(gradients) else math.nan,
        "moves": ", ".join(f"{name} ({_percent(share)})" for name, share in moving(game).items()),
        "distance_first": game.distance_left(0),
        "distance_last": game.distance_left(game.updates),
    }


def moving(game: Played) -> dict[str, float]:
    """The parameters that do not rest, each with its last speed as a share of its top speed."""
    shares = {}
    for name in game.free:
        speed, top = game.last(f"speed_{name}"), game.last(f"top_speed_{name}")
        if speed > slow(game) * top:
            shares[name] = speed / top
    return shares


def failures(game: Played) -> list[str]:
    """The conditions of a plateau that do not hold, in words; empty where it is one."""
    found = []
    if math.isnan(game.last("plateau_at_generator")):
        shares = [f"{name} at {_percent(share)}" for name, share in moving(game).items() if name in "gh"]
        found.append(f"G does not rest ({listed(shares)} of its top speed)" if shares else "G does not rest")
    for place, where in (("real", "data"), ("fake", "samples")):
        sure = game.last(f"saturation_{place}")
        if not sure > SATURATED:
            found.append(f"the saturation on the {where} is {number(sure, 'unknown')}")
    return found


def slow(game: Played) -> float:
    """The share of its top speed below which a parameter rests."""
    quantity = game.run.quantity("plateau_at_generator", game.cohort.dataset)
    return float(quantity.protocol.get("slow", 1e-3))


def verdicts(shown: Sequence[Played]) -> list[str]:
    """In words, for the exact games: is it a plateau, why or why not."""
    return [words for game in shown if game.exact and (words := verdict(game))]


def verdict(game: Played) -> str:
    """What the criterion says of one game."""
    values = stop_of(game)
    most, end = (float(values[name]) for name in ("gradient_most", "gradient_norm_generator"))
    sides = [float(values[f"probability_{place}"]) for place in ("real", "fake")]
    if any(math.isnan(each) for each in (*sides, most, end)):
        return ""
    rests, failed = float(values["plateau_at_generator"]), failures(game)
    if failed:
        rest = "" if math.isnan(rests) else f"G rests from update {rests:.0f} on, but "
        found = f"no plateau by the criterion: {rest}{' and '.join(failed)}"
    else:
        found = f"a plateau from update {rests:.0f} on"
    name = game.label[:1].upper() + game.label[1:]
    fell = f"G's gradient fell from {number(most)} to {number(end)}"
    return f"{name}: {found}. {_side(sides)}; {fell}. {_left(game)}"


def _side(sides: Sequence[float]) -> str:
    real, fake = map(number, sides)
    means = f"E D is {real} on the data and {fake} on samples"
    if max(sides) < _SIDE:
        return f"D rejects everything, the data too ({means})"
    return f"D accepts everything ({means})" if min(sides) > 1 - _SIDE else means


def _left(game: Played) -> str:
    """What moves at the end, and how far the data are."""
    shares = moving(game)
    told = [
        f"{name} {'creeps' if share < CREEP else 'moves'} at {_percent(share)} of its top speed"
        for name, share in shares.items()
    ]
    still = f"At the end {listed(told)}" if told else "At the end nothing moves"
    first, last = game.distance_left(0), game.distance_left(game.updates)
    worse = ", farther away than it began" if last > first else ""
    return f"{still}. W₁ to the data went from {number(first)} to {number(last)}{worse}."


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
