"""Figures of Dirac-GAN: distance over time, and phase portraits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D

from ganbench.claims import Claim
from ganbench.claims import dirac as theory
from ganbench.report.style import COLOURS, INK, WIDTH, Figure, fitting_columns, legend_below, panels, png
from ganbench.report.theory.dirac_games import Game, twins

_STARTS = 8
"""Other starts in a portrait."""
_DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)))
_PALETTE = (*COLOURS, "#8a5a2b")
"""One more than the style's, for the settings of the last figure."""
_STREAM = "#aab4be"
_TOP = 12.0
_NEAR = (0.1, 5.0)
"""Distances in which what cycles is told from what shrinks slowly and what grows."""
_TITLES = {
    "simultaneous": "Simultaneous",
    "alternating": "Alternating, k = 1",
    "alternating k": "Alternating, k > 1",
    "other": "Other rules, starts and weights",
}
PORTRAITS = (
    "In every panel: the field of motion (grey), the trajectory from (1, 1) or from the start that is named "
    f"(coloured; ring: start, dot: end) and those from {_STARTS} of the other starts (pale); θ is "
    "the generator's, "
    "ψ the discriminator's, and the cross marks the equilibrium. Each panel has its own scale. The "
    "field is that of "
    "infinitely small simultaneous steps; other rules follow the same one in other ways, and clipping is not "
    "part of it."
)
"""What is true of all portraits, said once."""


def distance_figures(games: Sequence[Game]) -> list[Figure]:
    """‖(θ, ψ)‖ of the first start at every round: the methods, a panel per order; the rest in one panel.

    Below each panel is the same on a narrow scale.
    """
    same = twins(games)
    groups = grouped([game for game in games if game.words not in same])
    others = groups.pop("other", [])
    found = [_by_method(groups, same)] if groups else []
    return found + ([_others(others)] if others else [])


def _by_method(groups: Mapping[str, Sequence[Game]], same: Mapping[str, Game]) -> Figure:
    games = [game for members in groups.values() for game in members]
    figure, axes = panels(2 * len(groups), len(groups), 3.1)
    colours, bottom = _colours(games), _bottom(games)
    labels: dict[str, Line2D] = {}
    for column, (name, members) in enumerate(groups.items()):
        pair = axes[column], axes[column + len(groups)]
        _prepare(*pair, bottom, _TITLES[name])
        for game in members:
            method = str(game.options["method"])
            line = _lines(pair, game, colours[method], "-")
            line.set_label(
                game.in_two[0] if method != "r1" or not same else f"{game.in_two[0]} (R2 the same)"
            )
            labels.setdefault(game.in_two[0], line)
        for one in pair:
            one.label_outer()
    legend_below(figure, list(labels.values()))
    caption = (
        "Distance to the equilibrium from (1, 1), after every round (one generator update, k discriminator "
        f"updates); below, the same on a narrow scale. {_circles(games)}A line ends where it leaves "
        "the frame."
    )
    return Figure("dirac-distance", caption, png(figure))


def _others(games: Sequence[Game]) -> Figure:
    figure, axes = panels(2, 2, 4.6)
    _prepare(axes[0], axes[1], _bottom(games), _TITLES["other"])
    axes[0].set(xlabel="rounds")
    axes[1].set(title="The same, narrow scale", ylabel="")
    handles = []
    for i, game in enumerate(games):
        line = _lines(axes, game, _PALETTE[i % len(_PALETTE)], _DASHES[i % len(_DASHES)])
        line.set_label(game.words)
        handles.append(line)
    legend_below(figure, handles)
    caption = (
        "The same for other update rules on the GAN, other starts, orders and weights. "
        f"{_circles(games)}".rstrip()
    )
    return Figure("dirac-distance-other", caption, png(figure))


def _circles(games: Sequence[Game]) -> str:
    """What the open circles are, where there are any."""
    if not any(_known(game) for game in games):
        return ""
    return "Open circles: the published fields, iterated in double precision. "


def _known(game: Game) -> Claim | None:
    return theory.published_distance(game.options) if game.rounds == theory.UPDATES else None


def _prepare(wide: Axes, narrow: Axes, bottom: float, title: str) -> None:
    label = "distance to the equilibrium"
    wide.set(yscale="log", ylim=(bottom, _TOP), ylabel=label, title=title)
    narrow.set(yscale="log", ylim=_NEAR, xlabel="rounds", ylabel=label)


def _bottom(games: Sequence[Game]) -> float:
    return max(1e-10, 0.3 * min(float(game.followed.min()) for game in games))


def portraits(games: Sequence[Game]) -> list[Figure]:
    """The field and trajectories, a figure per kind of update rule, a panel per setting."""
    same, colours = twins(games), _colours(games)
    shown = [game for game in games if game.arrays and game.words not in same]
    return [_portraits(name, members, colours) for name, members in grouped(shown).items()]


def grouped(games: Sequence[Game]) -> dict[str, list[Game]]:
    """The games by kind of update rule; what is shown once already under another setting comes last."""
    groups: dict[str, list[Game]] = {name: [] for name in _TITLES}
    seen = set()
    for game in games:
        plain = game.in_two[1] == game.rule and "discriminator" not in game.rule
        name = "alternating k" if game.rule.startswith("alternating k") else game.rule
        key = (name, game.options["method"])
        usual = plain and name in groups and key not in seen
        seen.add(key)
        groups[name if usual else "other"].append(game)
    return {name: members for name, members in groups.items() if members}


def _colours(games: Sequence[Game]) -> dict[str, str]:
    """One colour for each method."""
    names = dict.fromkeys(str(game.options["method"]) for game in games)
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}


def _lines(pair: Sequence[Axes], game: Game, colour: str, dashes: Any) -> Line2D:
    """The same line on both scales, with what is published of its end."""
    known = _known(game)
    for axes in pair:
        rounds, distance = game.followed.index, game.followed
        (line,) = axes.plot(rounds, distance, color=colour, linestyle=dashes, linewidth=1.2)
        low, high = axes.get_ylim()
        if known is not None and low <= known.expected <= high:
            end = [game.rounds], [known.expected]
            axes.plot(*end, marker="o", mfc="none", mec=INK, markersize=6, clip_on=False)
    return line


def _portraits(name: str, games: Sequence[Game], colours: dict[str, str]) -> Figure:
    columns = fitting_columns(len(games))
    figure, axes = panels(len(games), columns, WIDTH / columns + 0.35)
    figure.set_layout_engine(ConstrainedLayoutEngine(rect=(0, 0, 1, 0.985), h_pad=0.06))  # whole titles
    for one, game in zip(axes, games, strict=True):
        _portrait(one, game, colours[str(game.options["method"])])
    return Figure(f"dirac-portraits-{name.replace(' ', '-')}", f"{_TITLES[name]}.", png(figure))


def _portrait(axes: Axes, game: Game, colour: str) -> None:
    held = game.arrays
    x, y, field = held["x"], held["y"], held["field"]
    axes.streamplot(
        x, y, field[..., 0].T, field[..., 1].T, color=_STREAM, linewidth=0.6, density=0.55, arrowsize=0.6
    )
    for path in np.moveaxis(held["path"], 1, 0)[1 : 1 + _STARTS]:
        axes.plot(path[:, 0], path[:, 1], color=colour, linewidth=0.5, alpha=0.35)
    path = held["path"][:, 0]
    axes.plot(path[:, 0], path[:, 1], color=colour, linewidth=1.0, zorder=4)
    axes.plot(*path[0], marker="o", mfc="white", mec=colour, markersize=5, zorder=5)
    axes.plot(*path[-1], marker="o", color=colour, markersize=4, zorder=5)
    axes.plot(0, 0, marker="+", color=INK, markersize=7, zorder=6)
    edge = float(np.abs(x).max())
    axes.set(xlim=(-edge, edge), ylim=(-edge, edge), aspect="equal")
    axes.grid(visible=False)
    axes.tick_params(labelsize=7)
    axes.set_xlabel("θ", labelpad=1)
    axes.set_ylabel("ψ", labelpad=0, rotation=0)
    axes.set_title("\n".join(game.in_two), fontsize=7.5)
