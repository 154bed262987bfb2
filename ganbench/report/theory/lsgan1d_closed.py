"""Quadratures of the one-dimensional least-squares game against its closed form."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtr

from ganbench.analysis.least_squares_game import NAMES, ROOT2, ClosedGame, ExponentialLaw, Slopes
from ganbench.claims.lsgan1d import CASE_A, UPDATES
from ganbench.report.tables import Table
from ganbench.report.theory.lsgan1d_games import Played

LAGUERRE = (20, 64, 128)
"""Nodes of the Gauss-Laguerre rules that are shown beside the panels."""


@dataclass(frozen=True)
class LaguerreLaw:
    """The exponential law of a rate through one Gauss-Laguerre rule: good for smooth D, coarse for steep."""

    rate: float
    nodes: int

    def slopes(self, alpha: float, beta: float) -> Slopes:
        """The expectations of D = Φ(√2(αe + β)) and D², and their derivatives, as weighted sums."""
        points, weights = _rule(self.nodes)
        x = points / self.rate
        d, slope = (
            ndtr(ROOT2 * (alpha * x + beta)),
            np.exp(-((alpha * x + beta) ** 2)) / math.sqrt(math.pi),
        )
        means = (d, d**2, x * slope, slope, 2 * x * d * slope, 2 * d * slope)
        return Slopes(*(float(weights @ each) for each in means))


@cache
def _rule(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    points, weights = np.polynomial.laguerre.laggauss(nodes)
    return points, weights


def laguerre_apart(nodes: int) -> tuple[float, float]:
    """Case A by a Gauss-Laguerre rule: largest distance from the closed form on the path, and at its end."""
    start = {name: float(CASE_A[name]) for name in NAMES}
    paths = [
        ClosedGame(data, latent).trajectory(start, CASE_A["free"], CASE_A["step_size"], UPDATES)
        for data, latent in (
            (ExponentialLaw(CASE_A["rate"]), ExponentialLaw(1.0)),
            (LaguerreLaw(CASE_A["rate"], nodes), LaguerreLaw(1.0, nodes)),
        )
    ]
    apart = np.abs(paths[1] - paths[0]).max(1)
    return float(apart.max()), float(apart[-1])


def closed_table(found: Sequence[Played]) -> Table | None:
    """How far each exact path is from the closed form, and what doubling the panels changes."""
    numbers = [row for game in found if (row := _row(game)) is not None]
    if not numbers:
        return None
    if any(game.case_a and game.exact for game in found):
        numbers += list(_laguerre_rows())
    rows = [
        [row["game"], row["rule"], f"{row['updates']:,}"]
        + [_short(row[name]) for name in ("from_closed_form", "at_the_end", "by_doubling")]
        for row in numbers
    ]
    header = ["game", "rule", "updates", "largest distance from the closed form", "at the end"]
    caption = "Quadrature and automatic differentiation against the closed form: any parameter, any update"
    notes = [
        "Panels have 16 Gauss-Legendre nodes each. Doubling: the largest change of a gradient when the "
        "panels are doubled, over all measured moments.",
        "Gauss-Laguerre: case A walked again, here, with both expectations by one rule of that many nodes. "
        "erf(ax + b) is too steep for it: the error shrinks slowly, and even 128 nodes "
        "miss h by 2e−3 at the end.",
    ]
    data = pd.DataFrame(numbers)
    return Table("lsgan1d-closed-form", caption, [*header, "doubling, gradient"], rows, data, notes, _LEFT)


_LEFT = frozenset({0, 1})


def _row(game: Played) -> dict[str, Any] | None:
    apart = game.from_closed()
    if apart is None:
        return None
    doubling = [game.series(f"quadrature_error_{player}") for player in ("discriminator", "generator")]
    doubled = max((float(each.max().max()) for each in doubling if len(each)), default=math.nan)
    return {
        "game": game.label,
        "rule": f"{game.options['panels']} panels",
        "updates": game.updates,
        "from_closed_form": float(apart.max()),
        "at_the_end": float(apart.iloc[-1]),
        "by_doubling": doubled,
    }


def _laguerre_rows() -> Iterator[dict[str, Any]]:
    for nodes in LAGUERRE:
        most, end = laguerre_apart(nodes)
        yield {
            "game": "case A",
            "rule": f"Gauss-Laguerre, {nodes} nodes",
            "updates": UPDATES,
            "from_closed_form": most,
            "at_the_end": end,
            "by_doubling": math.nan,
        }


def _short(value: float) -> str:
    return "–" if math.isnan(value) else "0" if value == 0 else f"{value:.1e}".replace("-", "−")
