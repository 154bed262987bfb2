"""The exact game: published, closed-form and measured paths, and the plateau on which it stops."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from ganbench.analysis.numbers import number
from ganbench.analysis.run import Run
from ganbench.published.lsgan1d import EXACT_END, ON_THE_WAY, SAMPLED_END, UPDATES
from ganbench.published.published import Published
from ganbench.report.page import Part, Section
from ganbench.report.style import Figure, Look
from ganbench.report.tables import Table
from ganbench.report.theory.compared import Compared, compared_table
from ganbench.report.theory.lsgan1d_figures import paths, plane
from ganbench.report.theory.lsgan1d_games import Played, games
from ganbench.report.theory.lsgan1d_plateau import accuracy, plateau

SATURATED = 0.9
"""A discriminator is called saturated where 1 − E 4D(1 − D) is above this, on the data and on the samples."""

LIKE = 0.25
"""Two standard deviations of a hundred runs each differ by more than this share in one case of a hundred."""


def section(run: Run, looks: Mapping[str, Look]) -> Section | None:
    """All on the game; None where a run has none of it."""
    found = [game for game in games(run) if not game.repeats_another]
    if not found:
        return None
    shown = [game for game in found if game.usual]
    items: dict[str, Sequence[Table | Figure | str | None]] = {
        "Published and measured": [published_table(found)],
        "Paths": [*paths(shown), plane(shown)],
        "The plateau": [*_verdicts(shown), plateau_table(shown), plateau(shown)],
        "A third opinion: the closed form": [_CLOSED, closed_table(found), accuracy(found)],
    }
    kept = {title: [item for item in each if item is not None] for title, each in items.items()}
    parts = [Part(title, f"lsgan1d-{i}", each) for i, (title, each) in enumerate(kept.items()) if each]
    return Section(
        "The exact one-dimensional least-squares game", "theory-lsgan1d", _ABOUT, _words(found), parts
    )


_ABOUT = (
    "D(x) = (1 + erf(ax + b))/2, G = gz² + h with z² standard exponential; J = E D(x)² + E (1 − D(G))² is "
    "climbed in (a, b) and descended in (g, h), both at once. Source: Pulford and Kondrashov 2021."
)
_CLOSED = (
    "As D(x) = Φ(√2(ax + b)), integration by parts turns every expectation under an exponential law into a "
    "bivariate normal probability, and under a Gaussian law into Φ(k) and Φ(k) − 2T(k, q), with Owen's T. So "
    "loss and gradient have closed forms, which share no line of code with the engine: no quadrature, no "
    "automatic differentiation. The Gaussian game has the exponentials' means and variances."
)


def published_table(found: Sequence[Played]) -> Table | None:
    """Published, closed-form and measured numbers of the published case."""
    case = [game for game in found if game.case_a and game.usual and game.updates >= UPDATES]
    rows: list[Compared] = []
    for game in case:
        if game.exact:
            rows += [_exact_row(game, each) for each in (*ON_THE_WAY, *EXACT_END)]
        else:
            rows += [row for each in SAMPLED_END for row in _sampled_rows(game, each)]
    notes = [
        "Predicted: the closed form's path. The path on the way is published to five digits without an "
        "error; ours and the closed form agree to rounding, so what is left there is the published path's "
        "own error. A deterministic game has no standard deviation: the ± of its end can only be an error.",
    ]
    return (
        compared_table("lsgan1d-published", "Case A: published and measured", rows, notes) if rows else None
    )


def _exact_row(game: Played, published: Published) -> Compared:
    update = published.setting["update"]
    closed = game.closed_path
    column = "abgh".index(published.what)
    return Compared(
        setting=f"{game.label}, {update} updates",
        what=published.what,
        predicted=None if closed is None else float(closed[update, column]),
        published=published.value,
        error=published.error,
        measured=float(game.path(published.what).loc[update].median()),
    )


def _sampled_rows(game: Played, published: Published) -> list[Compared]:
    """The mean over runs against the published one, and the standard deviation against the published ±."""
    ends = game.path(published.what).loc[published.setting["update"]].dropna()
    exact, points = game.closed_path, game.options["batch_size"]
    how = f"one sample of {game.points:,} a run" if game.points else f"{points:,} fresh points an update"
    setting = f"{game.label}: {len(ends)} runs, {how}"
    predicted = (
        None if exact is None else float(exact[published.setting["update"], "abgh".index(published.what)])
    )
    rows = (
        [
            Compared(
                setting,
                f"mean of {published.what}",
                predicted,
                published.value,
                published.error,
                float(ends.mean()),
                remark=f"standard error {ends.std(ddof=1) / math.sqrt(len(ends)):.1e}",
            )
        ]
        if len(ends) > 1
        else []
    )
    if len(ends) > 2 and published.error:
        spread = float(ends.std(ddof=1))
        rows.append(
            Compared(
                setting,
                f"standard deviation of {published.what}",
                None,
                published.error,
                2 * published.error / math.sqrt(2 * (len(ends) - 1)),
                spread,
                remark=f"{spread / published.error:.2f} of the published ±",
            )
        )
    return rows


def plateau_table(shown: Sequence[Played]) -> Table:
    """Saturation, gradients, rest and creep of every game, and how far from the data it stops."""
    header = [
        *("game", "updates", "E D, data", "E D, samples", "saturation, data", "saturation, samples"),
        *("G's gradient, most", "at the end", "G rests from", "still creeps", "W₁ to the data, start", "end"),
    ]
    rows, numbers = [], []
    for game in shown:
        values = _plateau_values(game)
        numbers.append(values)
        cells = [number(float(values[name]), "–") for name in _COLUMNS[:-3]]
        ends = [number(float(values[name]), "–") for name in _COLUMNS[-2:]]
        rows.append([game.label, f"{game.updates:,}", *cells, str(values["creeps"]) or "nothing", *ends])
    slow = _slow(shown[0])
    notes = [
        "Saturation: 1 − E 4D(1 − D), 1 where D is 0 or 1. Gradients, saturation and W₁ of sampled games are "
        "medians over runs. G rests from the update on after which none of its parameters is again faster "
        f"than {slow:g} of its top speed; a parameter creeps if it is faster than that at the end (in "
        "brackets: its speed per update, and its top speed). W₁ is exact for exponential data and latent, "
        "else of samples.",
    ]
    return Table(
        "lsgan1d-plateau",
        "Where the games stop",
        header,
        rows,
        pd.DataFrame(numbers),
        notes,
        frozenset({0, 9}),
    )


_COLUMNS = (
    "probability_real",
    "probability_fake",
    "saturation_real",
    "saturation_fake",
    "gradient_most",
    "gradient_norm_generator",
    "plateau_at_generator",
    "creeps",
    "distance_first",
    "distance_last",
)


def _plateau_values(game: Played) -> dict[str, float | str]:
    gradients = game.series("gradient_norm_generator").median(axis=1)
    distances = game.series("wasserstein_to_data").median(axis=1)
    first, last = game.distance_left(0), game.distance_left(game.updates)
    nothing = float("nan")
    return {
        "game": game.label,
        **{name: game.last(name) for name in _COLUMNS if name not in ("gradient_most", "creeps")},
        "gradient_most": float(gradients.max()) if len(gradients) else nothing,
        "creeps": creeping(game),
        "distance_first": first
        if first is not None
        else float(distances.iloc[0])
        if len(distances)
        else nothing,
        "distance_last": last
        if last is not None
        else float(distances.iloc[-1])
        if len(distances)
        else nothing,
    }


def creeping(game: Played) -> str:
    """The parameters that have not settled, each with its last and its top speed."""
    slow = _slow(game)
    found = []
    for name in game.free:
        speed, top = game.last(f"speed_{name}"), game.last(f"top_speed_{name}")
        if speed > slow * top:
            found.append(f"{name} ({speed:.1e}, {top:.1e})")
    return ", ".join(found)


def _slow(game: Played) -> float:
    quantity = game.run.quantity("plateau_at_generator", game.cohort.dataset)
    return float(quantity.protocol.get("slow", 1e-3))


def _verdicts(shown: Sequence[Played]) -> list[str]:
    """In words, for the exact games: is it a plateau, and why."""
    return [words for game in shown if game.exact and (words := verdict(game))]


def verdict(game: Played) -> str:
    """What the criteria say of one game."""
    values = _plateau_values(game)
    sure = {place: float(values[f"saturation_{place}"]) for place in ("real", "fake")}
    rests, most, end = (
        float(values[name]) for name in ("plateau_at_generator", "gradient_most", "gradient_norm_generator")
    )
    if any(math.isnan(each) for each in (*sure.values(), most, end)):
        return ""
    saturated = all(each > SATURATED for each in sure.values())
    first, last = (number(float(values[name])) for name in ("distance_first", "distance_last"))
    left = f"W₁ to the data is {last} (at the start {first})"
    if math.isnan(rests) or not saturated:
        return f"{game.label}: no plateau yet by the criterion; still moving: {values['creeps']}. {left}."
    real, fake = (number(float(values[f"probability_{place}"])) for place in sure)
    still = f"still creeping is {values['creeps']}" if values["creeps"] else "nothing moves any more"
    return (
        f"{game.label}: a plateau from update {rests:.0f} on. D is saturated (E D is {real} on the data and "
        f"{fake} on samples), and the generator's gradient fell from {most:.1e} to {end:.1e}; "
        f"{still}. {left}."
    )


def closed_table(found: Sequence[Played]) -> Table | None:
    """How far each exact path is from the closed form, and what doubling the panels changes."""
    rows, numbers = [], []
    for game in found:
        apart = game.from_closed()
        if apart is None:
            continue
        doubling = [game.series(f"quadrature_error_{player}") for player in ("discriminator", "generator")]
        doubled = max((float(each.max().max()) for each in doubling if len(each)), default=float("nan"))
        values = {"game": game.label, "panels": game.options["panels"], "updates": game.updates}
        numbers.append({**values, "from_closed_form": float(apart.max()), "by_doubling": doubled})
        cells = [f"{apart.max():.1e}", "–" if math.isnan(doubled) else f"{doubled:.1e}"]
        rows.append([game.label, str(game.options["panels"]), f"{game.updates:,}", *cells])
    if not rows:
        return None
    header = [
        "game",
        "panels of 16 nodes",
        "updates",
        "largest distance from the closed form",
        "doubling, gradient",
    ]
    caption = "Quadrature and automatic differentiation against the closed form: any parameter, any update"
    notes = [
        "Doubling: the largest change of a gradient when the panels are doubled, over all measured moments."
    ]
    return Table("lsgan1d-closed-form", caption, header, rows, pd.DataFrame(numbers), notes)


def _words(found: Sequence[Played]) -> list[str]:
    """What to read first."""
    words = []
    exact = next((g for g in found if g.case_a and g.exact and g.usual and g.updates >= UPDATES), None)
    if exact is not None:
        ends = [(each, float(exact.path(each.what).loc[UPDATES].median())) for each in EXACT_END]
        told = " and ".join(
            f"{e.what} = {value:.5f} (published {e.value:.5f} ± {e.error:.5f})" for e, value in ends
        )
        within = all(abs(value - e.value) <= (e.error or 0) for e, value in ends)
        how = "within" if within else "beyond"
        words.append(f"The published game ends at {told}: {how} the stated error. {verdict(exact)}")
    spread = _spread_words(found)
    return [*words, spread] if spread else words


def _spread_words(found: Sequence[Played]) -> str:
    """Which way of sampling gives the published spread."""
    sampled = [
        g for g in found if g.case_a and not g.exact and g.updates >= UPDATES and len(g.cohort.seeds) > 2
    ]
    told, alike = [], []
    for game in sampled:
        spread = [float(game.path(each.what).loc[UPDATES].std(ddof=1)) for each in SAMPLED_END]
        how = f"one sample of {game.points:,} points a run" if game.points else "fresh points at each update"
        told.append(f"{how}: {spread[0]:.4f} and {spread[1]:.4f}")
        if all(abs(sd / (each.error or 1) - 1) < LIKE for sd, each in zip(spread, SAMPLED_END, strict=True)):
            alike.append(how)
    if not told:
        return ""
    published = " and ".join(f"{each.error:.4f}" for each in SAMPLED_END)
    end = f" The published spread is that of {alike[0]}." if len(alike) == 1 < len(told) else ""
    return (
        f"Standard deviations of b and h over sampled runs: {'; '.join(told)}; published: ± {published}.{end}"
    )
