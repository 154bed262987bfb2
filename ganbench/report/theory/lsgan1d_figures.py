"""Figures of the exact one-dimensional least-squares game."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from ganbench.published.lsgan1d import EXACT_END, ON_THE_WAY, SAMPLED_END, UPDATES
from ganbench.report.style import COLOURS, INK, QUIET, Figure, canvas, legend_below, panels, png
from ganbench.report.theory.lsgan1d_games import Played

_EXACT, _FRESH, _ONCE, _MAO, _GAUSSIAN = INK, COLOURS[0], COLOURS[4], COLOURS[1], COLOURS[2]
_NAMES = {
    "a": "a  (slope of D)",
    "b": "b  (intercept of D)",
    "g": "g  (scale of G)",
    "h": "h  (shift of G)",
}
_GRID = 90
_FLOOR = 1e-17
"""Below it a difference of float64 numbers near 1 is rounding: zeros are drawn there."""


def paths(shown: Sequence[Played]) -> list[Figure]:
    """The parameters along the updates: exact, sampled with its band, and Mao's game; a figure per set of movers."""
    plain = [
        game for game in shown if game.data_name == "exponential" and game.options["latent"] == "rayleigh"
    ]
    found = []
    for free in dict.fromkeys(game.free for game in plain):
        group = [game for game in plain if game.free == free]
        horizon = min(game.updates for game in group)
        figure, axes = panels(len(free), 2, 3.4)
        for one, name in zip(axes, free, strict=True):
            for game in group:
                _path(one, game, name, horizon)
            if any(game.case_a for game in group):
                _published(one, name)
            one.set_title(_NAMES[name])
            one.set_xlabel("updates")
        legend_below(figure, _path_legend(group, any(game.case_a for game in group)))
        caption = (
            f"The game with {', '.join(free)} free: exact expectations (line), sampled runs (median, and the band "
            "that holds 90 % of the runs), and Mao et al.'s least-squares losses between the same players."
        )
        found.append(Figure(f"lsgan1d-paths-{''.join(free)}", caption, png(figure)))
    return found


def _style(game: Played) -> tuple[str, str, str]:
    """Colour, dashes and name of a game's line."""
    objective = "" if game.options["objective"] == "pulford" else "Mao, "
    if game.exact:
        return (_EXACT, "-", "exact") if not objective else (_MAO, (0, (5, 2)), "Mao's losses, exact")  # type: ignore[return-value]
    if game.points:
        return _ONCE, "-", f"{objective}sampled, one sample of {game.points:,} a run"
    return _FRESH, "-", f"{objective}sampled, {game.options['batch_size']:,} fresh points an update"


def _path(axes: Axes, game: Played, name: str, horizon: int) -> None:
    path = game.path(name).loc[:horizon]
    colour, dashes, _ = _style(game)
    median = path.median(axis=1)
    if path.shape[1] > 1:
        low, high = (path.quantile(level, axis=1) for level in (0.05, 0.95))
        axes.fill_between(
            path.index, low, high, color=colour, alpha=0.35 if game.points else 0.6, linewidth=0
        )
        axes.plot(path.index, median, color=colour, linewidth=0.8, zorder=3)
        return
    axes.plot(path.index, median, color=colour, linestyle=dashes, linewidth=1.6, zorder=5)


def _published(axes: Axes, name: str) -> None:
    rows = [each for each in (*ON_THE_WAY, *EXACT_END) if each.what == name]
    if not rows:
        return
    updates, values = [each.setting["update"] for each in rows], [each.value for each in rows]
    axes.plot(
        updates, values, "o", markerfacecolor="white", markeredgecolor=COLOURS[3], markersize=6, zorder=6
    )
    end = next(each for each in SAMPLED_END if each.what == name)
    axes.errorbar(
        [UPDATES + 6],
        [end.value],
        [2 * (end.error or 0)],
        color=COLOURS[3],
        capsize=3,
        linewidth=1.5,
        zorder=6,
    )


def _path_legend(group: Sequence[Played], published: bool) -> list[Line2D]:
    handles = {}
    for game in group:
        colour, dashes, label = _style(game)
        width = 1.6 if game.exact else 7
        handles[label] = Line2D(
            [],
            [],
            color=colour,
            linestyle=dashes,
            linewidth=width,
            label=label,
            alpha=1 if game.exact else 0.6,
        )
    if published:
        mark = {"marker": "o", "markerfacecolor": "white", "markeredgecolor": COLOURS[3], "linestyle": "none"}
        handles["published"] = Line2D([], [], **mark, label="published path")  # type: ignore[arg-type]
        handles["spread"] = Line2D(
            [], [], color=COLOURS[3], marker="_", label="published sampled end, ± 2 sd"
        )
    return list(handles.values())


def plane(shown: Sequence[Played]) -> Figure | None:
    """The (b, h) plane: the loss, the generator's gradient and all paths of the two-parameter game."""
    group = [
        game
        for game in shown
        if game.free == ("b", "h")
        and game.data_name == "exponential"
        and game.options["latent"] == "rayleigh"
    ]
    exact = next((game for game in group if game.exact and game.options["objective"] == "pulford"), None)
    if exact is None:
        return None
    figure = canvas(5.4)
    axes = figure.add_subplot()
    b, h = _grid(group)
    gradient, loss = _landscape(exact, b, h)
    shades = axes.contourf(
        b, h, gradient, levels=np.arange(-9, 0.1, 1), cmap="Greys_r", extend="min", alpha=0.55
    )
    lines = axes.contour(b, h, loss, levels=np.arange(0.2, 2.0, 0.2), colors="#7a6a55", linewidths=0.7)
    axes.clabel(lines, fontsize=7.5, fmt="%.1f")
    figure.colorbar(
        shades, ax=axes, label="log₁₀ |∂J/∂h|: the darker, the less the generator learns", pad=0.01
    )
    for game in group:
        _in_plane(axes, game)
    rows = {(e.setting["update"], e.what): e.value for e in (*ON_THE_WAY, *EXACT_END)}
    updates = sorted({update for update, _ in rows})
    if exact.case_a:
        axes.plot(
            [rows[u, "b"] for u in updates],
            [rows[u, "h"] for u in updates],
            "o",
            markerfacecolor="white",
            markeredgecolor=COLOURS[3],
            markersize=6,
            zorder=7,
        )
    start = exact.start
    axes.plot(start["b"], start["h"], "s", color=INK, markersize=6, zorder=7)
    axes.annotate("start", (start["b"], start["h"]), xytext=(7, -3), textcoords="offset points", zorder=8)
    axes.set(xlabel=_NAMES["b"], ylabel=_NAMES["h"], xlim=(b[0], b[-1]), ylim=(h[0], h[-1]))
    axes.grid(False)
    legend_below(figure, _path_legend(group, exact.case_a)[: len(group) + 1])
    caption = (
        "The plane of the two moving parameters: contours of J, and shaded the size of the generator's gradient. "
        "The path crosses to where D is 1 on every sample; there h stops and b drifts on alone. Of sampled games "
        "ten runs are drawn."
    )
    return Figure("lsgan1d-plane", caption, png(figure))


def _grid(group: Sequence[Played]) -> tuple[np.ndarray, np.ndarray]:
    """Axes around all paths."""
    found = []
    for name in ("b", "h"):
        values = np.concatenate([game.path(name).to_numpy().ravel() for game in group])
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        margin = 0.08 * (high - low)
        found.append(np.linspace(low - margin, high + margin, _GRID))
    return found[0], found[1]


def _landscape(game: Played, b: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log₁₀ |∂J/∂h| and J on the grid [h, b]."""
    closed, start = game.closed_game, game.start
    gradient, loss = np.full((len(h), len(b)), np.nan), np.full((len(h), len(b)), np.nan)
    for i, height in enumerate(h):
        for j, across in enumerate(b):
            at = {**start, "b": float(across), "h": float(height)}
            try:
                gradient[i, j] = np.log10(max(abs(closed.moves(at)["h"]), 1e-12))
                loss[i, j] = closed.loss(at)
            except ArithmeticError:
                continue
    return gradient, loss


def _in_plane(axes: Axes, game: Played) -> None:
    b, h = game.path("b"), game.path("h")
    colour, dashes, _ = _style(game)
    for seed in list(b.columns)[:10]:
        many = b.shape[1] > 1
        axes.plot(
            b[seed],
            h[seed],
            color=colour,
            linestyle=dashes,
            linewidth=0.6 if many else 1.8,
            alpha=0.8 if many else 1.0,
            zorder=4 if many else 5,
        )
        if not many:
            axes.plot(b[seed].iloc[-1], h[seed].iloc[-1], "*", color=colour, markersize=11, zorder=6)


def plateau(shown: Sequence[Played]) -> Figure | None:
    """Per exact game of exponential data: speeds, saturation and gradients along the updates."""
    games = [
        game
        for game in shown
        if game.exact and game.data_name == "exponential" and game.options["latent"] == "rayleigh"
    ]
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
        "Why it stops: each parameter's speed per update, what D leaves undecided (E 4D(1 − D)), and the gradients' "
        "norms. Dotted: the generator has come to rest by the criterion. What is below 1e-17 is not drawn."
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
    apart = [(game, distance) for game in found if (distance := game.from_closed()) is not None]
    if not apart:
        return None
    figure, (left, right) = panels(2, 2, 3.6)
    usual = [(game, distance) for game, distance in apart if game.usual]
    for i, (game, distance) in enumerate(usual):
        left.plot(
            *_drawable(distance),
            color=COLOURS[i % len(COLOURS)],
            linewidth=1.2,
            linestyle=("-", (0, (4, 1.5)))[i // len(COLOURS) % 2],
            label=game.label,
        )
    left.set(yscale="log", xlabel="updates", ylabel="largest distance of a parameter")
    left.set_title("engine (64 panels) from the closed form")
    for i, data in enumerate(("exponential", "normal")):
        points = sorted(
            (game.options["panels"], max(float(distance.max()), _FLOOR))
            for game, distance in apart
            if game.data_name == data
            and game.free == ("b", "h")
            and game.options["latent"] == "rayleigh"
            and game.options["objective"] == "pulford"
        )
        if points:
            right.plot(*zip(*points, strict=True), marker="os"[i], color=COLOURS[i], label=f"{data} data")
    right.set(xscale="log", yscale="log", xlabel="panels of 16 Gauss-Legendre nodes")
    right.set_xticks([2, 4, 8, 16, 32, 64], labels=["2", "4", "8", "16", "32", "64"])
    right.minorticks_off()
    right.set_title("convergence of the quadrature")
    right.legend(loc="upper right")
    figure.legend(handles=left.get_legend_handles_labels()[0], loc="outside lower center", ncols=3)
    caption = (
        "The third opinion: largest distance of any parameter from the closed form (Owen's T) after each update, "
        "and over the whole path against the number of panels."
    )
    return Figure("lsgan1d-closed-form", caption, png(figure))


def _drawable(distance: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Updates and distances, with zeros lifted to the floor."""
    return distance.index.to_numpy(), distance.clip(lower=_FLOOR).to_numpy()
