"""Paths of the exact one-dimensional least-squares game, along the updates and in the plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.contour import ContourSet
from matplotlib.lines import Line2D

from ganbench.claims.lsgan1d import EXACT_END, ON_THE_WAY, SAMPLED_END, UPDATES
from ganbench.report.style import COLOURS, INK, Figure, canvas, legend_below, panels, png
from ganbench.report.theory.lsgan1d_games import Played

_EXACT, _FRESH, _ONCE, _MAO, _GAUSSIAN = INK, COLOURS[0], COLOURS[4], COLOURS[1], COLOURS[2]
_NAMES = {
    "a": "a  (slope of D)",
    "b": "b  (intercept of D)",
    "g": "g  (scale of G)",
    "h": "h  (shift of G)",
}
_MARK: dict[str, Any] = {
    "marker": "o",
    "markerfacecolor": "white",
    "markeredgecolor": COLOURS[3],
    "markersize": 6,
    "linestyle": "none",
}
SPREAD_SHOWN = 1.645
"""Standard deviations of a Gaussian on either side that hold 90 %."""
_GRID = 60


def paths(shown: Sequence[Played]) -> list[Figure]:
    """The parameters along the updates, and sampled runs' distance from exact; a figure per set of movers."""
    plain = [game for game in shown if of_exponentials(game)]
    found = []
    for free in dict.fromkeys(game.free for game in plain):
        group = [game for game in plain if game.free == free]
        exact = next((g for g in group if g.exact and g.options["objective"] == "pulford"), None)
        sampled = [game for game in group if not game.exact and exact is not None]
        horizon = min(game.updates for game in group)
        published = any(game.case_a for game in group)
        figure, axes = panels(len(free) * (2 if sampled else 1), len(free), 3.0 if len(free) < 3 else 2.4)
        for i, name in enumerate(free):
            for game in group:
                _path(axes[i], game, name, horizon)
            if published:
                _published(axes[i], name)
            axes[i].set_title(_NAMES[name])
            for game in sampled:
                _from_exact(axes[len(free) + i], game, exact, name, horizon)
            if sampled and published:
                _published_end(axes[len(free) + i], exact, name)
        for one in axes[-len(free) :]:
            one.set_xlabel("updates")
        if sampled:
            axes[len(free)].set_ylabel("sampled less exact")
        told = "published (bar: 90 % of sampled runs)" if sampled else "published"
        legend_below(figure, _path_legend(group, told if published else ""))
        found.append(Figure(f"lsgan1d-paths-{''.join(free)}", _caption(free, bool(sampled)), png(figure)))
    return found


def _caption(free: Sequence[str], sampled: bool) -> str:
    below = " Below: how far sampled runs are from the exact path." if sampled else ""
    return (
        f"The game with {', '.join(free)} free: exact expectations (line), sampled runs (the band that holds "
        "90 % of them), and Mao et al.'s least-squares losses between the same players." + below
    )


def of_exponentials(game: Played) -> bool:
    """Whether data and latent are the published exponentials."""
    return game.data_name == "exponential" and game.options["latent"] == "rayleigh"


def _style(game: Played) -> tuple[str, Any, str]:
    """Colour, dashes and name of a game's line."""
    objective = "" if game.options["objective"] == "pulford" else "Mao, "
    if game.exact:
        return (_MAO, (0, (5, 2)), "Mao's losses, exact") if objective else (_EXACT, "-", "exact")
    if game.points:
        return _ONCE, "-", f"{objective}sampled, one sample of {game.points:,} a run"
    return _FRESH, "-", f"{objective}sampled, {game.options['batch_size']:,} fresh points an update"


def _path(axes: Axes, game: Played, name: str, horizon: int) -> None:
    path = game.path(name).loc[:horizon]
    colour, dashes, _ = _style(game)
    if path.shape[1] > 1:
        _band(axes, path, colour)
        return
    axes.plot(path.index, path.iloc[:, 0], color=colour, linestyle=dashes, linewidth=1.6, zorder=5)


def _band(axes: Axes, path: pd.DataFrame, colour: str) -> None:
    """Where 90 % of the runs are, on top of wider bands."""
    low, high = (path.quantile(level, axis=1) for level in (0.05, 0.95))
    order = 3 - float((high - low).max())
    axes.fill_between(path.index, low, high, color=_light(colour), linewidth=0, zorder=order)


def _light(colour: str) -> Any:
    """A colour lightened without transparency, so that overlapping bands keep their own."""
    return 1 - 0.6 * (1 - np.array(to_rgb(colour)))


def _from_exact(axes: Axes, game: Played, exact: Played | None, name: str, horizon: int) -> None:
    assert exact is not None
    reference = exact.path(name).iloc[:, 0]
    _band(axes, game.path(name).loc[:horizon].sub(reference.loc[:horizon], axis=0), _style(game)[0])
    axes.axhline(0, color=_EXACT, linewidth=1.2, zorder=5)


def _published(axes: Axes, name: str) -> None:
    rows = [each for each in (*ON_THE_WAY, *EXACT_END) if each.measured == name]
    updates, values = [each.where.step or 0 for each in rows], [each.expected for each in rows]
    axes.plot(updates, values, **_MARK, zorder=6)


def _published_end(axes: Axes, exact: Played | None, name: str) -> None:
    """The published sampled runs' mean and two standard deviations, less the exact end."""
    assert exact is not None
    for end in SAMPLED_END:
        if end.parameter == name and exact.updates >= UPDATES:
            mean = end.mean - float(exact.path(name).loc[UPDATES].iloc[0])
            error = [SPREAD_SHOWN * end.deviation]
            axes.errorbar(
                [UPDATES], [mean], error, **{**_MARK, "markersize": 4}, color=COLOURS[3], capsize=3, zorder=6
            )


def _path_legend(group: Sequence[Played], published: str, bands: bool = True) -> list[Line2D]:
    """A handle per kind of game and one for the published values, where they have a name here."""
    handles = {}
    for game in group:
        colour, dashes, label = _style(game)
        look: dict[str, Any] = {"color": colour, "linestyle": dashes, "linewidth": 1.6}
        if not game.exact:
            look |= {"color": _light(colour), "linewidth": 7} if bands else {"linewidth": 0.8}
        handles[label] = Line2D([], [], label=label, **look)
    if published:
        handles["published"] = Line2D([], [], **_MARK, label=published)
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
    axes.clabel(lines, fontsize=7.5, fmt="%.1f", manual=_label_places(lines, group, b, h))
    figure.colorbar(
        shades, ax=axes, label="log₁₀ |∂J/∂h|: the darker, the less the generator learns", pad=0.01
    )
    for game in group:
        _in_plane(axes, game)
    rows = {(e.where.step or 0, e.measured): e.expected for e in (*ON_THE_WAY, *EXACT_END)}
    updates = sorted({update for update, _ in rows})
    if exact.case_a:
        axes.plot([rows[u, "b"] for u in updates], [rows[u, "h"] for u in updates], **_MARK, zorder=7)
    start = exact.start
    axes.plot(start["b"], start["h"], "s", color=INK, markersize=6, zorder=7)
    axes.annotate("start", (start["b"], start["h"]), xytext=(7, -3), textcoords="offset points", zorder=8)
    axes.set(xlabel=_NAMES["b"], ylabel=_NAMES["h"], xlim=(b[0], b[-1]), ylim=(h[0], h[-1]))
    axes.grid(False)
    legend_below(figure, _path_legend(group, "published" if exact.case_a else "", bands=False))
    caption = (
        "The plane of the two moving parameters: contours of J, and shaded the size of the generator's "
        f"gradient.{_first_to_stop(exact)} Star: the end. Of sampled games ten runs are drawn."
    )
    return Figure("lsgan1d-plane", caption, png(figure))


def _first_to_stop(game: Played) -> str:
    """A sentence on which parameter of the two stops first, and where the other goes."""
    rests = game.last("plateau_at_generator")
    if not np.isfinite(rests):
        return ""
    across = float(game.path("b").loc[int(rests)].iloc[0])
    return (
        f" First h comes to rest (update {rests:.0f}, at b ≈ {across:.1f}); from there b drifts on alone, "
        "into the region where D is 1 on every sample.".replace("-", "−")
    )


def _grid(group: Sequence[Played]) -> tuple[np.ndarray, np.ndarray]:
    """Axes around all paths."""
    found = []
    for name in ("b", "h"):
        values = np.concatenate([game.path(name).to_numpy().ravel() for game in group])
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        margin = 0.08 * (high - low)
        found.append(np.linspace(low - margin, high + margin, _GRID))
    return found[0], found[1]


def _label_places(
    lines: ContourSet, group: Sequence[Played], b: np.ndarray, h: np.ndarray
) -> list[tuple[float, float]]:
    """On every contour line the vertex farthest from all paths and from the frame."""
    size = np.array([b[-1] - b[0], h[-1] - h[0]])
    paths = [
        np.stack([game.path(n).to_numpy()[:, :10].ravel() for n in ("b", "h")], 1)[::3] for game in group
    ]
    taken = np.concatenate(paths) / size
    places = []
    for pieces in lines.allsegs:
        vertices = np.concatenate([np.empty((0, 2)), *pieces])
        if len(vertices):
            at = vertices / size
            room = np.abs(at[:, None] - taken).max(2).min(1)
            frame = np.minimum(at - [b[0], h[0]] / size, [b[-1], h[-1]] / size - at).min(1)
            places.append(tuple(vertices[np.minimum(room, frame).argmax()]))
    return places


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
            axes.plot(b[seed].iloc[-1], h[seed].iloc[-1], "*", color=colour, markersize=13, zorder=8)
