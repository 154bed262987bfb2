"""The seeds that both sides trained, joined: counts, lines at the values, and nothing where none are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_comparison import Fake, comparison
from made_sides import QUANTITIES, cell, shuffled, side
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Canvas
from test_report import Page
from test_report_comparison import LONG, crowded, outside, self_contained

from ganbench.analysis.effects import effect
from ganbench.comparison.compare import compare
from ganbench.comparison.model import Comparison, Row, Rules, Side, Values
from ganbench.report.comparison import paired_figure as figure_module
from ganbench.report.comparison.paired import Pairs, paired_words, pairs_of
from ganbench.report.comparison.paired_axes import MARGINS, pair_scales
from ganbench.report.comparison.paired_figure import LOOKS, draw, paired_figure
from ganbench.report.comparison.verdicts import KINDS
from ganbench.report.comparison.write import write_comparison
from ganbench.report.style import styled

NAN = float("nan")
TEMPLATE = comparison(Fake(("nsgan",), ("ring8",))).rows[0]
WORSE, BETTER, SAME = 1, -1, 0
TITLE = "The same seeds, before and after"


def row(quantity: str, base: Mapping[int, float], new: Mapping[int, float], variant: str = "nsgan") -> Row:
    """A compared row with these values by seed."""
    declared = QUANTITIES[quantity]
    seen = effect(list(base.values()), list(new.values()), declared)
    return replace(
        TEMPLATE, variant=variant, quantity=declared, base_values=base, new_values=new, effect=seen
    )


def by_seed(values: Sequence[float], first: int = 0) -> dict[int, float]:
    """Values under the seeds that count from the first."""
    return dict(enumerate(values, start=first))


def pairs(quantity: str, base: Sequence[float], new: Sequence[float]) -> Pairs:
    """The pairs of seeds 0, 1, …."""
    (found,) = pairs_of([row(quantity, by_seed(base), by_seed(new))])
    return found


def beside(made: Side, first: int) -> Side:
    """A side whose seeds count from another number."""
    cells = {
        key: replace(
            each,
            outcomes={first + seed: outcome for seed, outcome in each.outcomes.items()},
            values={
                name: Values({first + seed: x for seed, x in values.by_seed.items()}, values.protocol)
                for name, values in each.values.items()
            },
        )
        for key, each in made.cells.items()
    }
    return replace(made, cells=cells)


def compared(base: Side, new: Side) -> Comparison:
    """What the gate makes of two sides, without what takes long."""
    return compare(base, new, np.random.default_rng(0), Rules(detectable=False))


CHANGES = {
    "tv": ([0.1, 0.2, 0.3, 0.4, NAN, NAN], [0.2, 0.1, 0.3, NAN, 0.4, NAN], [WORSE, BETTER, SAME]),
    "fid": ([10.0, 20.0, 30.0, 40.0, NAN, NAN], [11.0, 19.0, 30.0, NAN, 4.0, NAN], [WORSE, BETTER, SAME]),
    "score": ([0.1, 0.2, 0.3, 0.4, NAN, NAN], [0.2, 0.1, 0.3, NAN, 0.4, NAN], [BETTER, WORSE, SAME]),
    "share": ([0.4, 0.9, 0.3, 0.5, NAN, NAN], [0.3, 0.3, 0.7, NAN, 0.9, NAN], [WORSE, BETTER, SAME]),
}
"""Values before and after, and the changes of the first three; the others are lost in NEW, BASE and both."""


@pytest.mark.parametrize("quantity", CHANGES)
def test_a_seed_got_worse_by_the_quantitys_direction(quantity: str) -> None:
    base, new, first = CHANGES[quantity]
    expected = [*first, WORSE, BETTER, SAME]
    assert pairs(quantity, base, new).changes.tolist() == expected
    assert pairs(quantity, new, base).changes.tolist() == [-change for change in expected]
    assert pairs(quantity, base, new).lost == (2, 2)


def test_values_are_joined_by_their_seeds_and_not_by_their_places() -> None:
    generator = np.random.default_rng(1)
    values = {n: generator.normal(size=9) for n in ("base", "new")}
    base, new = (side([cell("nsgan", "ring8", {"tv": each})]) for each in values.values())
    found = compared(shuffled(beside(base, 100), generator), shuffled(beside(new, 104), generator))
    (one,) = pairs_of(found.rows)
    assert one.seeds == (104, 105, 106, 107, 108)
    np.testing.assert_allclose(one.base, values["base"][4:])
    np.testing.assert_allclose(one.new, values["new"][:5])


def test_pairs_need_two_shared_seeds_a_comparison_and_a_better_side() -> None:
    def shared(first: int) -> list[Pairs]:
        return pairs_of([row("tv", by_seed([0.1, 0.2, 0.3]), by_seed([0.3, 0.2, 0.1], first))])

    assert [len(found[0].seeds) if (found := shared(first)) else 0 for first in range(4)] == [3, 2, 0, 0]
    whole = row("tv", by_seed([0.1, 0.2]), by_seed([0.3, 0.2]))
    assert pairs_of([whole])
    assert not pairs_of([replace(whole, effect=None)])
    assert not pairs_of([replace(whole, quantity=QUANTITIES["norm"])])


def test_the_sentence_counts_all_variants() -> None:
    base, new, _ = CHANGES["tv"]
    found = pairs_of([row("tv", by_seed(base), by_seed(new), name) for name in ("nsgan", "lsgan")])
    assert "4 of 12 worse, 4 better, 4 the same (2 variants together)." in paired_words(found)
    assert "only illustrate, and the unpaired test above decides" in paired_words(found)
    alone = pairs("tv", [0.1, 0.2], [0.2, 0.3])
    assert "trained: 2 of 2 worse. Both" in paired_words([alone])


def drawn(one: Pairs) -> tuple[Canvas, np.ndarray, list[str]]:
    """A panel, its lines [n, 2, 2] and their colours."""
    figure = Canvas()
    axes = figure.add_subplot()
    draw(axes, one, pair_scales([one])[0])
    (lines,) = (each for each in axes.collections if isinstance(each, LineCollection))
    colours = [to_hex(colour) for colour in np.asarray(lines.get_colors())]
    return figure, np.array(lines.get_segments()), colours


@pytest.mark.parametrize("quantity", CHANGES)
def test_lines_stand_at_the_values_and_lost_seeds_at_the_worse_edge(quantity: str) -> None:
    base, new, _ = CHANGES[quantity]
    one = pairs(quantity, base, new)
    (scale,) = pair_scales([one])
    _, segments, colours = drawn(one)
    for place, values in enumerate((base, new)):
        np.testing.assert_array_equal(segments[:, place, 0], place)
        expected = np.where(np.isnan(values), scale.edge, values)
        np.testing.assert_array_equal(segments[:, place, 1], expected)
    known = [x for x in (*base, *new) if not np.isnan(x)]
    worse = (min(known) - scale.edge) if quantity == "score" else (scale.edge - max(known))
    assert worse > 0
    assert scale.edge in (scale.low, scale.high)
    wanted = {WORSE: KINDS["worse"].colour, BETTER: KINDS["better"].colour}
    assert colours == [wanted.get(change, LOOKS[SAME][1]) for change in one.changes.tolist()]


def test_marks_differ_in_shape_and_every_lost_seed_is_counted() -> None:
    base, new, _ = CHANGES["tv"]
    one = pairs("tv", [*base, 0.2], [*new, NAN])
    figure, _, _ = drawn(one)
    (axes,) = figure.axes
    dots = [each for each in axes.collections if isinstance(each, PathCollection)]
    assert [len(each.get_offsets()) for each in dots] == [1, 2, 1, 5]  # the same, better, worse, base
    shapes = {tuple(map(tuple, each.get_paths()[0].vertices.round(3).tolist())) for each in dots[:3]}
    assert len(shapes) == 3
    crosses = [line for line in axes.lines if line.get_marker() == "X"]
    assert [line.get_xdata()[0] for line in crosses] == [0, 1]  # type: ignore[index]
    assert [text.get_text() for text in axes.texts] == ["×2", "×3"]


def test_small_differences_look_small() -> None:
    """An axis is so many margins long, whatever the values; without a margin it follows them."""
    for name, margin in (("tv_margin", 0.5), ("tv", 0.0)):
        (scale,) = pair_scales([pairs(name, [3.0, 3.1], [3.05, 3.0])])
        low, high = scale.known
        assert low <= 3.0 < 3.1 <= high
        assert high - low == pytest.approx(max(MARGINS * margin, 0.1))
    (scale,) = pair_scales([pairs("fid", [20.0, 20.1], [20.05, 20.0])])
    assert scale.log
    assert scale.known[1] / scale.known[0] == pytest.approx(1.1**MARGINS)


def test_an_axis_keeps_to_what_can_be() -> None:
    bounded = replace(QUANTITIES["tv_margin"], lowest=0.0, highest=1.0)
    (one,) = pairs_of([replace(row("tv", by_seed([0.9, 0.95]), by_seed([0.9, 1.0])), quantity=bounded)])
    (scale,) = pair_scales([one])
    assert scale.known[1] == 1.0
    assert max(scale.ticks) <= 1.0


@pytest.mark.parametrize("quantity", ["tv", "fid", "score", "share"])
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e5])
def test_every_axis_has_ticks_that_can_be_told_apart(quantity: str, size: float) -> None:
    generator = np.random.default_rng(2)
    for spread in (0.0, 1e-9, 0.01, 1.0):
        values = size * np.exp(spread * generator.normal(size=(2, 6)))
        (scale,) = pair_scales([pairs(quantity, *values.tolist())])
        assert 1 <= len(set(scale.texts)) == len(scale.ticks) <= 7
        assert all(scale.known[0] <= tick <= scale.known[1] for tick in scale.ticks)


def test_a_zero_is_drawn_although_a_logarithm_has_no_place_for_it() -> None:
    one = pairs("fid", [0.0, 20.0], [5.0, 0.0])
    (scale,) = pair_scales([one])
    assert not scale.log
    assert scale.low < 0.0 < 20.0 < scale.high


def test_nothing_but_lost_seeds_has_no_axis() -> None:
    one = pairs("score", [NAN, NAN], [NAN, NAN])
    (scale,) = pair_scales([one])
    assert not scale.ticks
    assert scale.edge == scale.low
    assert one.changes.tolist() == [SAME, SAME]


@pytest.mark.parametrize("variants", [1, 3, 7, 24])
def test_many_variants_stay_readable(variants: int, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Canvas] = []
    monkeypatch.setattr(figure_module, "png", lambda figure: kept.append(figure) or b"")
    generator = np.random.default_rng(3)
    labels = [f"{LONG[place % len(LONG)]}, number {place}" for place in range(variants)]
    values = generator.normal(size=(variants, 2, 12)) * 0.01 + 1000
    values[0, 1, :3] = values[-1, 0, :] = NAN
    rows = [row("share", by_seed(a), by_seed(b), name) for name, (a, b) in zip(labels, values, strict=True)]
    found = pairs_of(rows)
    with styled():
        shown = paired_figure(rows, found, {label: label for label in labels}, "ring8")
    (figure,) = kept
    assert len(figure.axes) == variants
    assert not outside(figure)
    assert not crowded(figure)
    assert "Not drawn" not in shown.caption


def sides(seeds: int, apart: int = 0) -> tuple[Side, Side]:
    """Two sides of two variants on two data sets; NEW's seeds count from another number."""
    generator = np.random.default_rng(4)

    def made() -> Side:
        return side(
            [
                cell(variant, dataset, {quantity: generator.normal(size=seeds).round(6)})
                for variant in ("nsgan", "lsgan")
                for dataset, quantity in (("ring8", "tv"), ("digits", "score"))
            ]
        )

    return made(), beside(made(), apart)


def test_the_page_folds_the_pairs_away_under_the_verdicts(tmp_path: Path) -> None:
    found = compared(*sides(6))
    for place in ("one", "two"):
        write_comparison(found, tmp_path / place, np.random.default_rng(0))
    page = Page(tmp_path / "one" / "comparison.html")
    assert self_contained(page)
    for dataset in ("ring8", "digits"):
        assert f'<details id="data-{dataset}-paired"><summary>{TITLE}</summary>' in page.html
        names = [tmp_path / place / "figures" / f"{dataset}-paired.png" for place in ("one", "two")]
        assert names[0].read_bytes() == names[1].read_bytes()
        primary = [row for row in found.rows if row.primary and row.dataset == dataset]
        lower = dataset == "ring8"
        worse = sum(
            (row.new_values[seed] > row.base_values[seed]) == lower for row in primary for seed in range(6)
        )
        told = page.text.split(f"{TITLE}")[1 + ("ring8", "digits").index(dataset)]
        assert f"Of the seeds that both sides trained: {worse} of 12 worse" in told
    assert page.html.index('id="ring8-effects"') < page.html.index('id="ring8-paired"')


@pytest.mark.parametrize("apart", [5, 6, 100])
def test_there_is_no_part_where_no_two_seeds_are_shared(apart: int, tmp_path: Path) -> None:
    page = Page(write_comparison(compared(*sides(6, apart)), tmp_path, np.random.default_rng(0)))
    assert TITLE not in page.text
    assert not list((tmp_path / "figures").glob("*paired*"))


def test_a_variant_without_pairs_is_named() -> None:
    rows = [
        row("tv", by_seed([0.1, 0.2]), by_seed([0.2, 0.1]), "nsgan"),
        row("tv", by_seed([0.1, 0.2]), by_seed([0.2, 0.1], 7), "lsgan"),
    ]
    shown = paired_figure(rows, pairs_of(rows), {"nsgan": "nsgan", "lsgan": "least squares"}, "ring8")
    assert shown.caption.endswith("Not drawn: least squares (not compared, or without two common seeds).")
