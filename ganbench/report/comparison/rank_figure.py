"""The probability of each rank as a picture, base beside new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from ganbench.report.comparison.together import SIDES, Together, datasets_of
from ganbench.report.labels import label_width, row_names
from ganbench.report.style import FAINT, INK, WIDTH, Figure, canvas, png

_SHADE = "#0072b2"
_SHOWN = 0.005
"""Ranks that are less probable are left blank."""


def rank_figure(found: Together, names: Mapping[str, str]) -> Figure | None:
    """The probability of each rank, base and new side by side; None where there is nothing to rank."""
    variants = found.ranks["new"].variants
    if len(variants) < 2:
        return None
    count, foot, head, row = len(variants), 0.55, 0.4, 0.34
    height = head + count * row + foot
    figure = canvas(height, measured=False)
    label = label_width(names.values())
    width = (WIDTH - label - 0.4) / 2
    for i, side in enumerate(SIDES):
        left = label + i * (width + 0.3)
        axes = figure.add_axes((left / WIDTH, foot / height, width / WIDTH, count * row / height))
        _tiles(axes, found, side, variants, width / count)
        figure.text(left / WIDTH, 1 - 0.22 / height, side, fontsize=10, va="center")
        axes.set_xlabel("rank")
        axes.set_yticks([])
        if not i:
            row_names(axes, [names[variant] for variant in variants], label, width)
    caption = (
        f"How probable each rank is, in %, by the interquartile mean over {datasets_of(found)}, when the "
        "seeds are drawn anew: rank 1 is best. A row of one dark tile is a settled rank, a pale row an open "
        "one. Ordered by the new side."
    )
    return Figure("ranks", caption, png(figure))


def _tiles(axes: Axes, found: Together, side: str, variants: Sequence[str], inches: float) -> None:
    """Rows in the order of `variants`, whichever order the side itself has."""
    ranks = found.ranks[side]
    table = np.array([ranks.probability[ranks.variants.index(v)] for v in variants])
    axes.set(xlim=(-0.5, len(variants) - 0.5), ylim=(len(variants) - 0.5, -0.5))
    axes.grid(visible=False)
    for (row, column), share in np.ndenumerate(table):
        axes.fill_between(
            [column - 0.47, column + 0.47],
            row - 0.44,
            row + 0.44,
            linewidth=0,
            color=_SHADE if share >= _SHOWN else FAINT,
            alpha=0.08 + 0.92 * share if share >= _SHOWN else 0.25,
        )
        if share >= _SHOWN:
            axes.text(
                column,
                row,
                f"{max(1, round(100 * share))}",
                ha="center",
                va="center",
                fontsize=8.5 if inches > 0.4 else 6.5,
                color="white" if share > 0.5 else INK,
            )
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xticks(range(len(variants)), [str(i + 1) for i in range(len(variants))])
    axes.tick_params(length=0)
