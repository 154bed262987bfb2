"""How figures look: one palette for colour-blind eyes, a style per variant, PNG out."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from PIL import Image, features

from ganbench.report.labels import lines, most_lines
from ganbench.report.ticks import plain_ticks

WIDTH = 10.0
"""Width of a figure in inches: the page's text column."""
TALL = 13.0
"""Beyond this height in inches a figure is kept small in bytes."""
INK, QUIET, FAINT = "#1f2328", "#6a737d", "#d9dee3"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, without the yellow that white paper swallows."""
_DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (6, 1.5, 1, 1.5)), (0, (3, 1, 1, 1, 1, 1)), (0, (8, 3)))
_MARKERS = "osD^vPX*<>h"
_SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # fixed: to find a title's place, every tick is measured anew
    "axes.labelsize": 9.5,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e8ebee",
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "patch.edgecolor": "white",
    "patch.force_edgecolor": True,
    "text.parse_math": False,
}


@dataclass(frozen=True)
class Look:
    """One variant's colour, line and marker: the same in every figure of a report."""

    colour: str
    dashes: Any
    marker: str


@dataclass(frozen=True)
class Figure:
    """A finished figure: the stem of its file, what it shows in words, the PNG; `of_images`: of pictures."""

    name: str
    caption: str
    png: bytes
    of_images: bool = False

    @property
    def embedded(self) -> tuple[str, bytes]:
        """How a page carries it: its type and bytes, a third to two thirds of the PNG's.

        Figures of images lose what nobody sees; lines and letters lose nothing.
        """
        smaller = io.BytesIO()
        if not features.check("webp"):
            return "image/png", self.png
        settings: dict[str, Any] = {"quality": 90} if self.of_images else {"lossless": True}
        Image.open(io.BytesIO(self.png)).convert("RGB").save(smaller, format="webp", method=4, **settings)
        webp = smaller.getvalue()
        return ("image/webp", webp) if len(webp) < len(self.png) else ("image/png", self.png)

    @property
    def file(self) -> str:
        """The file's path within the report's folder."""
        return f"figures/{self.name}.png"


def looks(variants: Sequence[str]) -> dict[str, Look]:
    """A look for every variant, by its place among all; the first seven differ in colour alone."""
    size = len(COLOURS)
    return {
        label: Look(
            COLOURS[i % size], _DASHES[i // size % len(_DASHES)], _MARKERS[(i + i // size) % len(_MARKERS)]
        )
        for i, label in enumerate(variants)
    }


@contextmanager
def styled() -> Iterator[None]:
    """The settings under which figures are drawn, whatever the user's are; leaves matplotlib as it was."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def canvas(height: float, measured: bool = True) -> Canvas:
    """An empty figure, without pyplot and its global state; `measured`: texts find their own room."""
    figure = Canvas(figsize=(WIDTH, height), layout="constrained" if measured else None, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def png(figure: Canvas, of_images: bool = False) -> bytes:
    """A figure as PNG, the same bytes for the same figure; a tall one coarser.

    In 256 colours, but for pictures of images: their shades would crowd out the variants' colours.
    """
    for axes in figure.axes:
        plain_ticks(axes)
    drawn, reduced = io.BytesIO(), io.BytesIO()
    tall = figure.get_size_inches()[1] > TALL
    figure.savefig(drawn, format="png", dpi=110 if tall else 150, metadata={"Software": None})
    picture = Image.open(drawn).convert("RGB")
    if tall or not of_images:
        picture = picture.quantize(256, dither=Image.Dither.NONE)
    picture.save(reduced, format="png", optimize=True)
    return reduced.getvalue()


def panels(count: int, columns: int, height: float, measured: bool = True) -> tuple[Canvas, list[Axes]]:
    """A figure with `count` axes in rows of at most `columns`, each row `height` inches."""
    columns = min(count, columns)
    rows = -(-count // columns)
    figure = canvas(height * rows, measured)
    axes = [figure.add_subplot(rows, columns, i + 1) for i in range(count)]
    return figure, axes


def square_panels(titles: Sequence[str], tallness: float = 1.0) -> tuple[Canvas, list[Axes]]:
    """A figure with square axes, one under each title; or so many times as high as wide."""
    columns = fitting_columns(len(titles), 4 if len(titles) <= 12 else 6)
    side = min(WIDTH / columns, 3.4)
    wrapped_titles = ["\n".join(lines(line, int(14 * side)) for line in t.split("\n")) for t in titles]
    figure, axes = panels(len(titles), columns, tallness * side + 0.25 + 0.17 * most_lines(wrapped_titles))
    for one, title in zip(axes, wrapped_titles, strict=True):
        one.set_title(title, fontsize=8.5, linespacing=1.35)
    return figure, axes


def fitting_columns(count: int, most: int = 4) -> int:
    """How many columns leave the fewest places of a grid of panels empty, wider grids first."""
    return count if count <= most else min((most, most - 1), key=lambda columns: -count % columns)


def legend_below(figure: Canvas, handles: Sequence[Line2D]) -> None:
    """A legend under all axes, in as many columns as its longest label leaves room for."""
    longest = max(len(str(handle.get_label())) for handle in handles)
    columns = max(1, min(len(handles), int(WIDTH / (0.085 * longest + 0.8))))
    figure.legend(handles=list(handles), loc="outside lower center", ncols=columns, handlelength=3)


def legend_beside(axes: Axes, handles: Sequence[Line2D]) -> None:
    """A legend to the right of the axes, off the data."""
    axes.legend(
        handles=list(handles), loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0, handlelength=3
    )


def file_stem(*words: str) -> str:
    """Words, or labels that `store.file_name` made plain, as a file name in lower case."""
    return re.sub(r"[^a-z0-9._=+~-]+", "-", "-".join(words).lower()).strip("-.")
