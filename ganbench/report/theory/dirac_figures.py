"""Figures of Dirac-GAN: distance over time, and phase portraits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from ganbench.published import dirac as theory
from ganbench.report.curve import power
from ganbench.report.style import COLOURS, INK, Figure, legend_below, legend_beside, panels, png
from ganbench.report.theory.dirac_games import Game

_STARTS = 8
"""Other starts in a portrait."""
_DASHES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)))
_STREAM = "#aab4be"
_TITLES = {
    "simultaneous": "Simultaneous",
    "alternating": "Alternating, k = 1",
    "alternating, k": "Alternating, k > 1",
    "other": "Other rules, starts and weights",
}


def distances(games: Sequence[Game]) -> list[Figure]:
    """‖(θ, ψ)‖ of the listed start at every round: the methods, a panel per order; the rest in one panel."""
    groups = grouped(games)
    others = groups.pop("other", [])
    found = [_by_method(groups, games)] if groups else []
    return found + ([_others(others)] if others else [])


def _by_method(groups: Mapping[str, Sequence[Game]], games: Sequence[Game]) -> Figure:
    figure, axes = panels(len(groups), 3, 3.9)
    looks, bottom = _looks(games), _bottom(games)
    labels: dict[str, Line2D] = {}
    for one, (name, members) in zip(axes, groups.items(), strict=True):
        _prepare(one, bottom, _TITLES[name])
        for game in members:
            line = _line(one, game, *looks[game.field_words])
            labels.setdefault(
                game.field_words, Line2D([], [], color=line.get_color(), linestyle=line.get_linestyle())
            )
            labels[game.field_words].set_label(game.field_words)
        one.label_outer()
    legend_below(figure, list(labels.values()))
    caption = (
        "Distance to the equilibrium from the listed start, after every round (one generator update, k "
        "discriminator updates). Open circles: published values. R2 lies on R1, as predicted. A line ends "
        "where "
        "it leaves the frame below."
    )
    return Figure("dirac-distance", caption, png(figure))


def _others(games: Sequence[Game]) -> Figure:
    figure, (axes,) = panels(1, 1, 4.2)
    _prepare(axes, _bottom(games), _TITLES["other"])
    handles = []
    for i, game in enumerate(games):
        line = _line(axes, game, COLOURS[i % len(COLOURS)], _DASHES[i % len(_DASHES)])
        line.set_label(game.words)
        handles.append(line)
    legend_beside(axes, handles)
    caption = "The same for other update rules on the GAN, other starts, orders and weights."
    return Figure("dirac-distance-other", caption, png(figure))


def _prepare(axes: Axes, bottom: float, title: str) -> None:
    axes.set(
        yscale="log", ylim=(bottom, 12), xlabel="rounds", ylabel="distance to the equilibrium", title=title
    )
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _bottom(games: Sequence[Game]) -> float:
    return max(1e-10, 0.3 * min(float(game.followed.min()) for game in games))


def portraits(games: Sequence[Game]) -> list[Figure]:
    """The field and trajectories, a figure per kind of update rule, a panel per setting."""
    shown = [game for game in games if game.arrays and not _shown_before(game, games)]
    drawn, colours = grouped(shown), _colours(games)
    return [_portraits(name, members, colours) for name, members in drawn.items()]


def _shown_before(game: Game, games: Sequence[Game]) -> bool:
    """Whether R2's picture would be R1's again."""
    same = [g for g in games if g.options["method"] == "r1" and g.rule == game.rule and g.arrays]
    return game.options["method"] == "r2" and any(
        np.allclose(g.arrays["path"], game.arrays["path"]) for g in same
    )


def grouped(games: Sequence[Game]) -> dict[str, list[Game]]:
    """The games by kind of update rule; what is shown once already under another setting comes last."""
    groups: dict[str, list[Game]] = {name: [] for name in _TITLES}
    seen = set()
    for game in games:
        plain = (
            game.rule.startswith(("simultaneous", "alternating"))
            and game.words == f"{game.field_words}, {game.rule}"
        )
        name = "alternating, k" if game.rule.startswith("alternating, k") else game.rule
        key = (name, game.options["method"])
        usual = plain and name in groups and key not in seen
        seen.add(key)
        groups[name if usual else "other"].append(game)
    return {name: members for name, members in groups.items() if members}


def _looks(games: Sequence[Game]) -> dict[str, tuple[str, Any]]:
    """A colour and dashes for each field, the same in every panel; R2 is dashed, for it lies on R1."""
    colours, found = _colours(games), {}
    for game in games:
        method = str(game.options["method"])
        found[game.field_words] = (colours[method], _DASHES[1] if method == "r2" else "-")
    return found


def _colours(games: Sequence[Game]) -> dict[str, str]:
    """One colour for each method."""
    names = dict.fromkeys(str(game.options["method"]) for game in games)
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}


def _line(axes: Axes, game: Game, colour: str, dashes: Any) -> Line2D:
    (line,) = axes.plot(game.followed.index, game.followed, color=colour, linestyle=dashes, linewidth=1.4)
    known = theory.published_distance(game.options)
    if known is not None and game.rounds == theory.UPDATES:
        axes.plot([game.rounds], [known.value], marker="o", mfc="none", mec=INK, markersize=6, clip_on=False)
    return line


def _portraits(name: str, games: Sequence[Game], colours: dict[str, str]) -> Figure:
    figure, axes = panels(len(games), 4, 2.75)
    for one, game in zip(axes, games, strict=True):
        _portrait(one, game, colours[str(game.options["method"])])
    caption = (
        f"{_TITLES[name]}: the field of motion (grey), the trajectory from the listed start (coloured; ring: "
        f"start, dot: end) and from {_STARTS} of the other starts (pale). θ is the generator's, ψ the "
        "discriminator's. The cross marks the equilibrium. The field is that of infinitely small "
        "simultaneous "
        "steps; other rules follow the same one in other ways, and clipping is not part of it. R2, which "
        "does as R1 "
        "does, is left out."
    )
    return Figure(f"dirac-portraits-{name.replace(', ', '-')}", caption, png(figure))


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
    axes.set_title(_in_two_lines(game.words), fontsize=7.5)


def _in_two_lines(text: str) -> str:
    head, _, tail = text.partition(", ") if "(" not in text else text.partition("), ")
    return f"{head}{')' if '(' in head and ')' not in head else ''}\n{tail}"
