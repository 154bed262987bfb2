"""Ticks of logarithmic axes: plain words, none over another, whatever the range and the room."""

from __future__ import annotations

import io

import pytest
from legible_figures import markup, overlaps, tick_texts
from matplotlib.figure import Figure

from ganbench.report.style import WIDTH, canvas, png, styled

RANGES = (
    (3.0, 7.0),
    (0.98, 1.02),
    (0.3, 40.0),
    (2e-9, 5e-4),
    (1e-12, 1e9),
    (1.0, 1e6),
    (0.9, 2.5e5),
    (2e-5, 9e-5),
)


def drawn(low: float, high: float, inches: float, along: str) -> Figure:
    """A figure with a log axis so long, as it was when it was saved."""
    with styled():
        figure = canvas(inches / 0.7, measured=False)
        axes = figure.add_axes((0.1, 0.2, inches / WIDTH, 0.7))
        axes.set(**{f"{along}scale": "log", f"{along}lim": (low, high)})
        png(figure)
    return figure


@pytest.mark.parametrize("along", ["x", "y"])
@pytest.mark.parametrize("inches", [0.9, 2.0, 6.0])
@pytest.mark.parametrize(("low", "high"), RANGES)
def test_every_log_axis_has_plain_ticks_apart(low: float, high: float, inches: float, along: str) -> None:
    figure = drawn(low, high, inches, along)
    assert not markup(figure)
    assert not overlaps(figure)
    texts = next(
        [text for text, _ in texts]
        for axis, texts in tick_texts(figure)
        if axis is getattr(axis.axes, f"{along}axis")
    )
    assert len(texts) == len(set(texts))
    assert 1 <= len(texts) <= 6
    assert len(texts) >= 2 or inches < 2


def test_an_axis_from_zero_has_a_tick_there_and_plain_ones_beyond() -> None:
    with styled():
        figure = canvas(2.0)
        axes = figure.add_subplot()
        axes.set_xscale("symlog", linthresh=16)
        axes.set_xlim(-3, 12_000)
        png(figure)
    (_, ticks), _ = tick_texts(figure)
    assert [text for text, _ in ticks] == ["0", "100", "1,000", "10,000"]


def test_what_matplotlib_does_by_itself_is_refused() -> None:
    """The other side: its own ticks are markup, and ticks that are too many stand over one another."""
    with styled():
        figure = canvas(1.0)
        axes = figure.add_subplot()
        axes.set_xscale("log")
        axes.set_xlim(3, 7)
        axes.set_yticks([0.0, 0.01, 1.0], ["a", "b", "c"])
        with pytest.raises(AssertionError, match=r"mathdefault(.|\n)*'a' over 'b'"):
            figure.savefig(io.BytesIO(), dpi=100)
