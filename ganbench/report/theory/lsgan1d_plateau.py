"""Why the exact one-dimensional least-squares game stops, and how exact its paths are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ganbench.report.style import COLOURS, QUIET, Figure, legend_below, panels, png
from ganbench.report.theory.lsgan1d_figures import of_exponentials
from ganbench.report.theory.lsgan1d_games import Played

_FLOOR = 1e-17
"""Below it a difference of float64 numbers near 1 is rounding: it is not drawn."""


def plateau(shown: Sequence[Played]) -> Figure | None:
    """Per exact game of exponential data: speeds, saturation and gradients along the updates."""
    shortest: dict[tuple[object, ...], Played] = {}
    for game in sorted(shown, key=lambda each: each.updates):
        if game.exact and of_exponentials(game):
            shortest.setdefault((game.options["objective"], game.free), game)
    games = [game for game in shown if any(game is each for each in shortest.values())]
    if not games:
        return None
    figure, axes = panels(3 * len(games), 3, 2.5)
    for row, game in enumerate(games):
        _speeds(axes[3 * row], game)
        _saturation(axes[3 * row + 1], game)
        _gradients(axes[3 * row + 2], game)
        axes[3 * row].set_title(game.label, fontweight="bold", fontsize=9.5)
        for one in axes[3 * row : 3 * row + 3]:
            one.set_yscale("log")
            rests = game.last("plateau_at_generator")
            if np.isfinite(rests):
                one.axvline(rests, color=QUIET, linewidth=1, linestyle=":")
    for one in axes[-3:]:
        one.set_xlabel("updates")
    legend_below(figure, _plateau_legend(games))
    caption = (
        "Why it stops: each parameter's speed per update, what D leaves undecided (E 4D(1 − D)), and the "
        "norms of the players' gradients. Dotted: from here on G rests by the criterion. What is below "
        "1e−17 is not drawn."
    )
    return Figure("lsgan1d-plateau", caption, png(figure))


_LINES = {"a": COLOURS[1], "b": COLOURS[0], "g": COLOURS[4], "h": COLOURS[2]}


def _speeds(axes: Axes, game: Played) -> None:
    for name in game.free:
        speed = game.path(name).iloc[:, 0].diff().abs()
        axes.plot(speed.index, speed.where(speed > _FLOOR), color=_LINES[name], linewidth=1.4)
    axes.set_ylabel("|change| per update")


def _saturation(axes: Axes, game: Played) -> None:
    for place, colour in (("real", COLOURS[0]), ("fake", COLOURS[1])):
        left = 1 - game.series(f"saturation_{place}").median(axis=1)
        axes.plot(
            left.index, left.where(left > _FLOOR), color=colour, marker=".", markersize=4, linewidth=1.2
        )
    axes.set_ylabel("E 4D(1 − D)")


def _gradients(axes: Axes, game: Played) -> None:
    for player, colour in (("discriminator", COLOURS[0]), ("generator", COLOURS[2])):
        norm = game.series(f"gradient_norm_{player}").median(axis=1)
        axes.plot(
            norm.index, norm.where(norm > _FLOOR), color=colour, marker=".", markersize=4, linewidth=1.2
        )
    axes.set_ylabel("gradient norm")


def _plateau_legend(games: Sequence[Played]) -> list[Line2D]:
    names = [name for name in "abgh" if any(name in game.free for game in games)]
    speeds = [Line2D([], [], color=_LINES[name], label=f"left: {name}") for name in names]
    middle = [
        Line2D([], [], color=colour, marker=".", label=f"middle: {place}")
        for place, colour in (("data", COLOURS[0]), ("samples", COLOURS[1]))
    ]
    right = [
        Line2D([], [], color=colour, marker=".", label=f"right: {player}")
        for player, colour in (("D", COLOURS[0]), ("G", COLOURS[2]))
    ]
    return [*speeds, *middle, *right]


def accuracy(found: Sequence[Played]) -> Figure | None:
    """The distance of exact paths from the closed form along the updates, and against the panels."""
    apart = [
        (game, distance)
        for game in sorted(found, key=lambda each: each.options["panels"])
        if game.free == ("b", "h") and game.options["latent"] == "rayleigh"
        if game.options["objective"] == "pulford" and (distance := game.from_closed()) is not None
    ]
    if not apart:
        return None
    figure, (left, right) = panels(2, 2, 3.8)
    along = [(game, distance) for game, distance in apart if game.data_name == "exponential"]
    for i, (game, distance) in enumerate(along):
        label = f"{game.options['panels']} panels"
        left.plot(
            distance.index,
            distance.where(distance > 0),
            color=COLOURS[i % len(COLOURS)],
            linewidth=1.4,
            label=label,
        )
    left.set(
        xlabel="updates", ylabel="largest distance of a parameter", title="along the path, exponential data"
    )
    for i, data in enumerate(("exponential", "normal")):
        points = [(g.options["panels"], float(d.max())) for g, d in apart if g.data_name == data]
        if points:
            right.plot(*zip(*points, strict=True), marker="os"[i], color=COLOURS[i], label=f"{data} data")
    right.set(xscale="log", xlabel="panels of 16 Gauss-Legendre nodes", title="the largest along the path")
    ticks = sorted({game.options["panels"] for game, _ in apart})
    right.set_xticks(ticks, labels=list(map(str, ticks)))
    right.minorticks_off()
    for axes in (left, right):
        axes.set_yscale("log")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=4, handlelength=2)
    caption = (
        "The third opinion: largest distance of any parameter from the closed form (Owen's T) with "
        "expectations by composite Gauss-Legendre. 64 panels are the variant's own; what is left there is "
        "rounding, and exact agreement is not drawn."
    )
    return Figure("lsgan1d-closed-form", caption, png(figure))
