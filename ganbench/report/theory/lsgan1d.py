"""The exact game: published, closed-form and measured paths, and the plateau on which it stops."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ganbench.analysis.numbers import number
from ganbench.analysis.run import Run
from ganbench.claims import Claim
from ganbench.claims.lsgan1d import (
    EXACT_END,
    LIKE,
    ON_THE_WAY,
    SAMPLED_END,
    SAMPLED_RUNS,
    UPDATES,
    SampledEnd,
)
from ganbench.report.page import Part, Section
from ganbench.report.style import Figure, Look
from ganbench.report.tables import Table
from ganbench.report.theory.compared import Compared, compared_table
from ganbench.report.theory.lsgan1d_closed import closed_table
from ganbench.report.theory.lsgan1d_figures import paths, plane
from ganbench.report.theory.lsgan1d_games import Played, games
from ganbench.report.theory.lsgan1d_plateau import accuracy, plateau
from ganbench.report.theory.lsgan1d_stops import failures, plateau_table, verdict, verdicts

"""Two standard deviations of a hundred runs each differ by more than this share in 1.5 of 100 cases."""
_LIKE = f"{100 * LIKE:.0f} %"


def section(run: Run, looks: Mapping[str, Look]) -> Section | None:
    """All on the game; None where a run has none of it."""
    found = [game for game in games(run) if not game.repeats_another]
    if not found:
        return None
    shown = [game for game in found if game.usual]
    items: dict[str, Sequence[Table | Figure | str | None]] = {
        "Published and measured": [published_table(found)],
        "Paths": [*paths(shown), plane(shown)],
        "The plateau": [plateau_table(shown), *verdicts(shown), plateau(shown)],
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
    apart = [float(each.max()) for game in case if (each := game.from_closed()) is not None]
    agree = f" (to {max(apart):.0e})".replace("-", "−") if apart else ""
    notes = [
        "Predicted: the closed form's path. On the way the ± is half of the last printed digit. Two "
        f"independent computations of ours, closed form and quadrature, agree{agree}: a deviation there is "
        "the published path's own error. The end of the exact game is deterministic, so its ± can only be "
        "an error.",
        f"Of the sampled game, mean ± standard deviation over {SAMPLED_RUNS} runs are published. The ± of a "
        f"mean here is two standard errors of it, twice the published ± over √{SAMPLED_RUNS}; the published "
        f"± itself is compared in rows of its own, for which no error is published. Criterion: ours is "
        f"called like it within {_LIKE}; two standard deviations of a hundred runs each differ "
        "by more in 1.5 of 100 cases.",
    ]
    return (
        compared_table("lsgan1d-published", "Case A: published and measured", rows, notes) if rows else None
    )


def _exact_row(game: Played, claim: Claim) -> Compared:
    update = claim.where.step
    closed = game.closed_path
    column = "abgh".index(claim.measured)
    return Compared(
        setting=f"{game.label}, {update} updates",
        what=claim.measured,
        predicted=None if closed is None else float(closed[update, column]),
        published=claim.expected,
        error=claim.tolerance,
        measured=float(game.path(claim.measured).loc[update].median()),
    )


def _sampled_rows(game: Played, end: SampledEnd) -> list[Compared]:
    """The mean over runs against the published one, and the standard deviation against the published ±."""
    name, spread = end.parameter, end.deviation
    ends = game.path(name).loc[UPDATES].dropna()
    exact, points, own = game.closed_path, game.options["batch_size"], float(ends.std(ddof=1))
    how = f"one sample of {game.points:,} a run" if game.points else f"{points:,} fresh points an update"
    setting = f"{game.label}: {len(ends)} runs, {how}"
    if len(ends) < 3:
        return []
    mean = Compared(
        setting,
        f"mean of {name}",
        predicted=None if exact is None else float(exact[UPDATES, "abgh".index(name)]),
        published=end.mean,
        error=2 * spread / math.sqrt(SAMPLED_RUNS),
        measured=float(ends.mean()),
        remark=f"standard error of ours {number(own / math.sqrt(len(ends)))}",
    )
    within = "within" if _alike(own, end) else "not within"
    return [
        mean,
        Compared(
            setting,
            f"standard deviation of {name}",
            predicted=None,
            published=spread,
            error=None,
            measured=own,
            remark=f"{number(own / spread)} of the published ±, {within} {_LIKE}",
            digits=4,
        ),
    ]


def _alike(spread: float, end: SampledEnd) -> bool:
    """Whether a standard deviation is that of the published runs."""
    return abs(spread / end.deviation - 1) < LIKE


def _words(found: Sequence[Played]) -> list[str]:
    """What to read first."""
    words = []
    exact = next((g for g in found if g.case_a and g.exact and g.usual and g.updates >= UPDATES), None)
    if exact is not None:
        ends = [(each, float(exact.path(each.measured).loc[UPDATES].median())) for each in EXACT_END]
        told = " and ".join(
            f"{e.measured} = {value:.5f} (published {e.expected:.5f} ± {e.tolerance:.5f})"
            for e, value in ends
        )
        within = all(abs(value - e.expected) <= (e.tolerance or 0) for e, value in ends)
        how = "within" if within else "beyond"
        words.append(f"The published game ends at {told}: {how} the stated error. {verdict(exact)}")
        if not failures(exact):
            words.append(_NOT_A_SADDLE)
    spread = _spread_words(found)
    return [*words, spread] if spread else words


_NOT_A_SADDLE = (
    "The stop is neither a saddle of J nor at the data: D's own gradient is not zero there, G's is zero only "
    "because D is flat where the samples are. J is convex in D and climbed, so D runs to its bounds: this is "
    "not the least-squares game of Mao et al., whose discriminator has its best response between them."
)


def _spread_words(found: Sequence[Played]) -> str:
    """Which way of sampling gives the published spread."""
    sampled = [
        g for g in found if g.case_a and not g.exact and g.updates >= UPDATES and len(g.cohort.seeds) > 2
    ]
    told, alike = [], []
    for game in sampled:
        spreads = [float(game.path(each.parameter).loc[UPDATES].std(ddof=1)) for each in SAMPLED_END]
        like = all(_alike(sd, each) for sd, each in zip(spreads, SAMPLED_END, strict=True))
        how = f"one sample of {game.points:,} points drawn for each run" if game.points else "that"
        close = f"within {_LIKE} of the published" if like else "not the published"
        told.append((bool(game.points), f"{how} gives {spreads[0]:.4f} and {spreads[1]:.4f}, {close}"))
        alike += [bool(game.points)] if like else []
    if not told:
        return ""
    published = " and ".join(f"{each.deviation:.4f}" for each in SAMPLED_END)
    end = " The stored runs are consistent with the latter." if alike == [True] and len(told) == 2 else ""
    return (
        f"Standard deviations of b and h over the source's stored runs are {published}. The source says "
        f"that points are fresh at every update: {'; '.join(text for _, text in sorted(told))}.{end}"
    )
