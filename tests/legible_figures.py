"""What every figure must be, whichever test draws it: plain words, and no tick's text over another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from typing import Any

import pytest
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


@contextmanager
def every_figure_is_legible() -> Iterator[None]:
    """Whatever is saved in here is looked at: a figure that cannot be read fails where it is drawn."""
    save = Figure.savefig

    def checked(figure: Figure, *words: Any, **more: Any) -> None:
        save(figure, *words, **more)
        figure.set_dpi(more["dpi"])
        faults = [*markup(figure), *overlaps(figure)]
        assert not faults, "\n".join(faults)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", checked)
        yield


def markup(figure: Figure) -> list[str]:
    """Tick texts written in mathtext, which figures print as it stands."""
    texts = [text for _, texts in tick_texts(figure) for text, _ in texts]
    return [f"markup: {text!r}" for text in texts if text.startswith("$") or "\\math" in text]


def overlaps(figure: Figure) -> list[str]:
    """Pairs of an axis' tick texts that stand over one another."""
    return [
        f"{axis.axes.get_title()!r}, {'x' if axis is axis.axes.xaxis else 'y'}: {one!r} over {other!r}"
        for axis, texts in tick_texts(figure)
        for (one, box), (other, beside) in combinations(texts, 2)
        if _area(box, beside) > 0
    ]


def tick_texts(figure: Figure) -> Iterator[tuple[Axis, Sequence[tuple[str, Bbox]]]]:
    """Every axis with what is drawn at its ticks, and where."""
    for axes in figure.axes:
        if not axes.get_visible() or not axes.axison:
            continue
        for axis in (axes.xaxis, axes.yaxis):
            inside = sorted(axis.get_view_interval())
            ticks = [t for t in (*axis.get_major_ticks(), *axis.get_minor_ticks()) if t.label1.get_visible()]
            low, high = axis.get_transform().transform(inside)
            kept = [
                t.label1 for t in ticks if low <= axis.get_transform().transform([t.get_loc()])[0] <= high
            ]
            yield axis, [(text.get_text(), _box(text)) for text in kept if text.get_text()]


def _box(text: Text) -> Bbox:
    return text.get_window_extent()


def _area(one: Bbox, other: Bbox) -> float:
    common = Bbox.intersection(one, other)
    return 0.0 if common is None else float(common.width * common.height)
