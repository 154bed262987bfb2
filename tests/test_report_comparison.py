"""The pages of a comparison and of a history: complete, self-contained, readable, and true to the numbers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import fake_history
import numpy as np
import pandas as pd
import pytest
from fake_comparison import KINDS as PLANTED
from fake_comparison import PRIMARIES, TIES, Fake, comparison
from fake_history import FakeHistory
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Canvas
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from test_report import Page

from ganbench.analysis.effects import UNDEFINED, Effect
from ganbench.analysis.names import short_names
from ganbench.analysis.numbers import number
from ganbench.comparison.compare import compare
from ganbench.comparison.model import Comparison, Row
from ganbench.quantities import Direction, Quantity
from ganbench.report.comparison import forest as forest_figure
from ganbench.report.comparison import forest_rows, history_figures, rank_figure, together_figures
from ganbench.report.comparison.history import write_history
from ganbench.report.comparison.scale import effect_scale, effect_text, ends
from ganbench.report.comparison.tables import detectable_text
from ganbench.report.comparison.together import together
from ganbench.report.comparison.verdicts import ENDINGS, KINDS, STYLES
from ganbench.report.comparison.words import points, sentence
from ganbench.report.comparison.write import write_comparison
from ganbench.report.labels import fitted, width_of
from ganbench.report.ticks import log_ticks, tick_text

LABELS = ("a/b: <i>&$x_1^2$", "a[x={y: 1},z=[1, 2]]", "%s{}")
LONG = (*tuple(f"wgan-gp[gp_weight={i},discriminator_learning_rate=0.000{i}]" for i in range(13)), "WWW" * 30)
STANDARD = Fake(
    diverged={("lsgan", "ring8"): 7, ("nsgan", "ring8"): 1},
    only_base=(("gone", "ring8"),),
    only_new=(("fresh", "digits"),),
)
ALONE = Fake(variants=("nsgan",), datasets=("ring8",), kinds={("nsgan", "ring8"): "no difference"})
ODD = {
    "one of everything": replace(ALONE, base_seeds=1, new_seeds=1),
    "all new seeds diverged": replace(ALONE, diverged={("nsgan", "ring8"): 10}),
    "nothing comparable": replace(ALONE, kinds={("nsgan", "ring8"): "not comparable"}, suspects=False),
    "nothing shared": Fake(variants=(), datasets=("ring8",), only_base=(("a", "ring8"),), exit_code=4),
    "odd labels": Fake(variants=LABELS, datasets=("x<y>&z",)),
    "four scales": Fake(datasets=("ring8", "digits", "curve", "dirac")),
}


def written(fake: Fake, folder: Path) -> Page:
    """A fake's page."""
    return Page(write_comparison(comparison(fake), folder, np.random.default_rng(0)))


def self_contained(page: Page) -> bool:
    """Whether a page loads nothing and all its links lead somewhere."""
    style = page.html.split("<style>")[1].split("</style>")[0]
    return (
        all(link.startswith(("data:", "#")) for link in page.links)
        and not page.tags & {"script", "iframe", "object", "embed"}
        and not re.search(r"url\(|@import|http|&#34;|&gt;", style)
        and {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
        and len(page.ids) == len(set(page.ids))
    )


@pytest.fixture(scope="module")
def found() -> Comparison:
    return comparison(STANDARD)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, found: Comparison) -> Path:
    place = tmp_path_factory.mktemp("comparison")
    write_comparison(found, place, np.random.default_rng(0))
    return place


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page(folder / "comparison.html")


def test_the_page_needs_nothing_else(page: Page) -> None:
    assert self_contained(page)


def test_every_figure_and_table_is_there(folder: Path, page: Page) -> None:
    figures = {file.stem for file in (folder / "figures").glob("*.png")}
    assert figures == {
        "ring8-effects", "digits-effects", "interquartile-means", "performance-profiles", "ranks",
    }  # fmt: skip
    assert figures <= set(page.ids)
    assert page.html.count('src="data:image/') == len(figures)
    stems = (
        "verdicts",
        "ring8-primary",
        "digits-quantities",
        "gate-tests",
        "rates",
        "suspects",
        "ranks",
        "sides",
    )
    assert {f"{stem}.{end}" for stem in stems for end in ("md", "csv")} <= {
        file.name for file in (folder / "tables").iterdir()
    }
    assert {f"comparison.{end}" for end in ("parquet", "csv", "md", "html")} <= {
        f.name for f in folder.iterdir()
    }


def test_every_verdict_and_reason_is_on_the_page(page: Page, found: Comparison) -> None:
    assert {row.verdict.kind for row in found.rows} == set(PLANTED)
    for row in found.rows:
        assert KINDS[row.verdict.kind].signed in page.text
        assert row.verdict.words in page.text
    for kind in KINDS.values():
        assert f"{kind.signed} {kind.meaning}" in page.text
    for reason in (*TIES, "gone on ring8: only in base", "fresh on digits: no baseline yet"):
        assert reason in page.text
    for text in (*found.notes, "14 new seeds would do", "diverges more often", "counts as a regression"):
        assert text in page.text


def test_the_decision_comes_first(page: Page) -> None:
    head = page.text.split("What to read first")[2]  # after the contents and the title
    assert page.text.index("Exit code 4: ") < page.text.index(head)
    order = (
        "Regressed",
        "Improved",
        "Not compared",
        "Could not have shown",
        "Suspects",
        "Smallest worsening",
    )
    places = [head.index(title) for title in (*order, "What differs between the sides", "At a glance")]
    assert places == sorted(places)
    assert "nsgan on ring8" in head[places[0] : places[1]]
    assert "nsgan on digits" in head[places[1] : places[2]]
    assert all(tie in head[places[2] : places[3]] for tie in TIES)
    assert "ring8: Total variation over modes: +0.0417" in head[places[5] : places[6]]
    assert "digits: Fréchet distance: ×1.17" in head[places[5] : places[6]]


@pytest.mark.parametrize(
    ("kind", "code", "says"),
    [
        ("worse", 1, "Worse, by more than chance and the margin explain: nsgan on ring8."),
        ("no difference", 0, "Nothing in one cell got worse"),
        ("insufficient", 5, "The one cell has too few seeds for any outcome to count as a regression"),
        ("not comparable", 4, "The one cell was made otherwise, or is gone"),
    ],
)
def test_every_exit_code_says_what_it_means(kind: str, code: int, says: str, tmp_path: Path) -> None:
    fake = replace(ALONE, kinds={("nsgan", "ring8"): kind}, suspects=False)
    page = written(fake, tmp_path)
    assert says in page.text
    assert f"Exit code {code}: {ENDINGS[code].meaning}." in page.text
    assert all(f"{code}: {ending.title}" in page.text for code, ending in ENDINGS.items())


def test_a_regression_behind_something_graver_is_told(found: Comparison) -> None:
    names = {key[0]: key[0] for key in (*found.base.cells, *found.new.cells)}
    assert "Apart from that, worse: " in sentence(found, names)
    cells = tuple(
        replace(c, status="incomplete") if c.status == "not comparable" else c for c in found.decision.cells
    )
    cells = tuple(replace(c, notes=("2 failed",)) if c.status == "incomplete" else c for c in cells)
    decision = replace(found.decision, exit_code=3, word="incomplete", cells=cells)
    late = replace(found, decision=decision)
    assert "have trials that failed or are missing" in sentence(late, names)
    assert any(
        point.title == "Incomplete" and point.items[0].endswith(": 2 failed") for point in points(late, names)
    )


def shown(row: Row) -> list[str]:
    """The numbers of a row, as a page must show them."""
    assert row.base is not None
    assert row.new is not None
    texts = [
        f"{row.base.count} → {row.new.count}",
        f"{number(row.base.median)} → {number(row.new.median)}",
        f"{number(row.base.interquartile_mean)} → {number(row.new.interquartile_mean)}",
    ]
    if row.effect is not None:
        texts += [effect_text(row.effect, row.quantity), detectable_text(row.detectable, row.quantity)]
    return texts


def test_numbers_are_those_of_the_comparison(folder: Path, page: Page, found: Comparison) -> None:
    text = re.sub(r"\s+", " ", page.text)
    for dataset in STANDARD.datasets:
        for stem in (f"{dataset}-primary", f"{dataset}-quantities"):
            rows = [row for row in found.rows if row.dataset == dataset and (row.primary or "quant" in stem)]
            table = (folder / "tables" / f"{stem}.md").read_text(encoding="utf-8")
            numbers = pd.read_csv(folder / "tables" / f"{stem}.csv")
            for row in rows:
                cells = next(line for line in table.splitlines() if named(row, line, stem))
                assert all(f" {each} |" in cells for each in shown(row))
                assert all(each in text for each in shown(row))
                here = numbers[
                    (numbers["variant"] == row.variant) & (numbers["quantity"] == row.quantity.name)
                ]
                assert len(here) == 1
                assert equal(here["base_median"].iloc[0], row.base.median if row.base else np.nan)
                assert equal(here["effect_upper"].iloc[0], row.effect.upper if row.effect else np.nan)


def named(row: Row, line: str, stem: str) -> bool:
    """Whether a line of a Markdown table is a row's."""
    title = f"| {row.quantity.title}" if "quantities" in stem else "|"
    return line.startswith(title) and f"| {row.variant} |" in line


def equal(one: float, other: float) -> bool:
    """Equal numbers, to the last digit, or both none."""
    return one == other or (np.isnan(one) and np.isnan(other))


def test_the_same_comparison_gives_the_same_bytes(tmp_path: Path) -> None:
    small = comparison(replace(STANDARD, variants=("nsgan", "lsgan")))
    for place in ("one", "two"):
        write_comparison(small, tmp_path / place, np.random.default_rng(5))
    files = [file for file in (tmp_path / "one").rglob("*") if file.is_file() and file.suffix != ".parquet"]
    assert len(files) > 20
    for file in files:
        twin = tmp_path / "two" / file.relative_to(tmp_path / "one")
        assert file.read_bytes() == twin.read_bytes(), file


@pytest.mark.parametrize("case", ODD)
def test_odd_comparisons(case: str, tmp_path: Path) -> None:
    page = written(ODD[case], tmp_path)
    assert self_contained(page)
    for label in (*ODD[case].variants, *ODD[case].datasets):
        assert label in page.text
    assert "<i>" not in page.html
    assert ("Performance profiles" in page.text) == (not case.startswith("nothing"))
    for figure in (tmp_path / "figures").glob("*"):
        assert re.fullmatch(r"[a-z0-9._=+~-]+\.png", figure.name)


def test_what_compare_finds_can_be_written(tmp_path: Path) -> None:
    """From the sides to the page: the verdicts of the real tests, and the words that they come with."""
    made = comparison(
        Fake(kinds=dict.fromkeys(STANDARD.keys, "no difference") | {("nsgan", "ring8"): "worse"})
    )
    found = compare(made.base, made.new, np.random.default_rng(1))
    page = Page(write_comparison(found, tmp_path, np.random.default_rng(0)))
    assert self_contained(page)
    assert "Worse, by more than chance and the margin explain: nsgan on ring8." in page.text
    told = {row.verdict.words for row in found.rows} | {cell.verdict.words for cell in found.decision.cells}
    assert all(words in page.text for words in told)
    titles = {f"{kind.signed}" for kind in KINDS.values()}
    assert titles <= set(STYLES)


def test_distances_and_lost_seeds_have_their_words(tmp_path: Path) -> None:
    fake = Fake(("nsgan",), ("dirac",), kinds={("nsgan", "dirac"): "no difference"})
    made = comparison(fake)
    lost = replace(made.rows[0], new=replace(made.rows[0].new, median=np.nan))  # type: ignore[type-var]
    made = replace(made, rows=(lost, *made.rows[1:]))
    page = Page(write_comparison(made, tmp_path, np.random.default_rng(0)))
    assert f"{number(made.rows[0].base.median)} away from 0.500 → undefined" in page.text  # type: ignore[union-attr]


def test_a_side_without_values_can_be_written(tmp_path: Path) -> None:
    made = comparison(ALONE)
    key = ("nsgan", "ring8")
    cell = made.base.cells[key]
    hollow = {name: replace(values, by_seed={}) for name, values in cell.values.items()}
    bare = replace(cell, outcomes={})
    for empty in (replace(bare, values={}, declared={}), replace(bare, values=hollow)):
        found = compare(replace(made.base, cells={key: empty}), made.new, np.random.default_rng(1))
        assert self_contained(Page(write_comparison(found, tmp_path, np.random.default_rng(0))))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Canvas]:
    """The figures that are drawn meanwhile."""
    kept: list[Canvas] = []

    def keeping(real: Callable[[Canvas], bytes]) -> Callable[[Canvas], bytes]:
        def png(figure: Canvas) -> bytes:
            kept.append(figure)
            return real(figure)

        return png

    for module in (forest_figure, together_figures, rank_figure, history_figures):
        monkeypatch.setattr(module, "png", keeping(module.png))
    return kept


def texts(figure: Canvas) -> list[tuple[str, Bbox]]:
    """What a figure says and where; ticks beyond an axis's ends are not drawn."""
    figure.draw_without_rendering()
    undrawn = {
        tick.label1
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for tick in axis.get_major_ticks()
        if not min(axis.get_view_interval()) <= tick.get_loc() <= max(axis.get_view_interval())
    }
    found = [text for text in figure.findobj(Text) if isinstance(text, Text) and text not in undrawn]
    return [(t.get_text(), t.get_window_extent()) for t in found if t.get_visible() and t.get_text().strip()]


def outside(figure: Canvas) -> list[str]:
    """The texts that the edge of a figure cuts."""
    width, height = figure.get_size_inches() * figure.dpi
    return [
        text
        for text, box in texts(figure)
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1
    ]


def crowded(figure: Canvas) -> list[tuple[str, str]]:
    """Pairs of texts that stand on each other."""
    return [
        (one, other)
        for (one, a), (other, b) in combinations(texts(figure), 2)
        if min(a.x1, b.x1) - max(a.x0, b.x0) > 2 and min(a.y1, b.y1) - max(a.y0, b.y0) > 2
    ]


@pytest.mark.parametrize("variants", [1, 4, 14])
def test_no_label_is_cut_or_stands_on_another(variants: int, drawn: list[Canvas], tmp_path: Path) -> None:
    labels = LONG[-variants:]
    datasets = {1: ("ring8",), 4: tuple(PRIMARIES), 14: ("digits", "curve")}[variants]
    lost = {(labels[0], dataset): 3 for dataset in datasets}
    kinds = {(v, d): PLANTED[(i * 7 + j) % 5] for i, v in enumerate(labels) for j, d in enumerate(datasets)}
    write_comparison(
        comparison(Fake(variants=labels, datasets=datasets, diverged=lost, kinds=kinds)),
        tmp_path,
        np.random.default_rng(0),
    )
    assert len(drawn) == len(datasets) + 2 + (variants > 1)
    for figure in drawn:
        assert not outside(figure)
        assert not crowded(figure)


def test_a_long_title_has_room(drawn: list[Canvas]) -> None:
    rows = [row for row in comparison(ALONE).rows if row.primary]
    long = replace(rows[0].quantity, title="A quantity with a name that goes on and on " * 4, unit="nats")
    forest_figure.forest([replace(row, quantity=long) for row in rows], {"nsgan": "nsgan"}, "x")
    assert not outside(drawn[0])
    assert not crowded(drawn[0])


def test_names_are_cut_to_their_place() -> None:
    for text in (*LONG, "日本語" * 20):
        assert width_of([fitted(text, 2.0, 9)], 9) <= 2.0
    assert fitted("short", 2.0, 9) == "short"
    assert fitted(LONG[3], 2.0, 9).endswith("0003]")


def bare(kind: str, effect: Effect | None, lost: int = 0) -> Row:
    """A row whose verdict and effect are given."""
    row = comparison(replace(ALONE, diverged={("nsgan", "ring8"): lost})).rows[0]
    return replace(row, effect=effect, verdict=replace(row.verdict, kind=kind))  # type: ignore[arg-type]


def marks(axes: Axes) -> list[str]:
    """The markers that were drawn as lines."""
    return [str(line.get_marker()) for line in axes.lines if line.get_marker() not in ("None", None)]


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (Effect(0.05, 0.01, 0.09, 0.95), ["v"]),
        (Effect(0.05, 0.01, np.inf, 0.95), [">", "v"]),
        (Effect(0.05, -np.inf, np.inf, 0.0), ["<", ">", "v"]),
        (Effect(np.inf, 0.01, np.inf, 0.95), [">"]),
        (Effect(0.05, np.nan, np.nan, 0.0), ["<", ">", "v"]),
        (UNDEFINED, ["<", ">"]),
        (None, []),
    ],
)
def test_ends_that_are_no_number_are_arrows(effect: Effect | None, expected: list[str]) -> None:
    axes = Canvas().add_subplot()
    scale = effect_scale(PRIMARIES["ring8"], [effect or Effect(0.05, 0.0, 0.1, 0.95)])
    axes.set_xlim(scale.low, scale.high)
    forest_rows.effect(axes, 0, bare("worse", effect), scale)
    assert marks(axes) == expected
    for line in axes.lines:
        assert np.isfinite(np.asarray(line.get_xdata(), dtype=float)).all()
    assert [text.get_text() for text in axes.texts] == ([] if effect else ["not compared"])


@pytest.mark.parametrize("lost", [0, 1, 4])
def test_seeds_without_a_value_are_crosses(lost: int) -> None:
    axes = Canvas().add_subplot()
    forest_rows.seeds(axes, 0, bare("worse", None, lost), edge=0.9)
    assert marks(axes).count("X") == (lost > 0)
    assert [text.get_text() for text in axes.texts] == ([f"×{lost}"] if lost > 1 else [])
    dots = [len(collection.get_offsets()) for collection in axes.collections]  # type: ignore[arg-type]
    assert dots == [20, 10 - lost]


def test_a_verdict_is_a_colour_a_sign_and_a_word() -> None:
    for name in ("signed", "word", "sign"):
        assert len({getattr(kind, name) for kind in KINDS.values()}) == len(KINDS)
    for kind in KINDS:
        axes = Canvas().add_subplot()
        forest_rows.label(axes, 0, bare(kind, None), "nsgan")
        name, word = axes.texts
        assert (name.get_text(), word.get_text()) == ("nsgan", KINDS[kind].signed)
        assert to_hex(word.get_color()) == KINDS[kind].colour
    assert len({KINDS[kind].colour for kind in ("worse", "better", "no difference", "insufficient")}) == 4


def test_every_verdict_has_its_colours_by_day_and_by_night() -> None:
    css = (Path(forest_rows.__file__).parents[1] / "sheet.css").read_text(encoding="utf-8")
    day, night = css.split("@media (prefers-color-scheme: dark)")
    night = night.split("\n}")[0]
    for style in {*STYLES.values(), *(ending.style for ending in ENDINGS.values())}:
        assert f"--{style}: #" in day
        assert f"--{style}: #" in night
        assert f".{style} {{ --shade: var(--{style}); }}" in css


@pytest.mark.parametrize("direction", ["lower", "higher"])
def test_the_margin_is_the_same_factor_both_ways(direction: Direction) -> None:
    ratio = Quantity("q", "Q", direction=direction, scale="log", smallest_difference=0.25)
    scale = effect_scale(ratio, [Effect(1.1, 0.9, 1.3, 0.95)])
    assert scale.place(1.25) == pytest.approx(scale.margin)
    assert scale.place(1 / 1.25) == pytest.approx(-scale.margin)
    assert scale.low < -scale.margin < 0 < scale.margin < scale.high
    assert ends(Effect(2.0, 0.0, np.inf, 0.0), scale) == (-np.inf, np.inf)


def test_one_wild_interval_does_not_hide_the_others() -> None:
    calm = [Effect(0.01 * i, 0.01 * i - 0.02, 0.01 * i + 0.02, 0.95) for i in range(5)]
    scale = effect_scale(PRIMARIES["ring8"], [*calm, Effect(0.03, -500.0, 900.0, 0.95)])
    assert scale.high - scale.low < 0.5
    assert all(scale.low < effect.estimate < scale.high for effect in calm)


@pytest.mark.parametrize(("low", "high"), [(0.5, 2.2), (0.95, 1.05), (0.1, 30), (1e-9, 1e4), (900, 1300)])
def test_ticks_of_a_log_axis(low: float, high: float) -> None:
    ticks = log_ticks(low, high)
    assert 2 <= len(ticks) <= 7
    assert all(low <= tick <= high for tick in ticks)
    assert len({tick_text(tick) for tick in ticks}) == len(ticks)
    if low < 1 < high:
        assert 1 in ticks


def test_effects_in_words() -> None:
    linear, log = PRIMARIES["ring8"], PRIMARIES["digits"]
    assert effect_text(Effect(0.0912, -0.01, 0.113, 0.95), linear) == "+0.0912 [−0.0100, +0.113]"
    assert effect_text(Effect(1.25, 0.9, np.inf, 0.95), log) == "×1.25 [×0.900, ×∞]"
    assert effect_text(Effect(np.inf, np.nan, np.nan, 0.0), log) == "×∞ [×0, ×∞]"
    assert effect_text(UNDEFINED, linear) == "no number"
    assert [detectable_text(x, linear) for x in (None, np.nan, 0.04)] == ["–", "nothing", "+0.0400"]


def test_scores_are_scaled_for_both_sides_alike() -> None:
    found = comparison(Fake(datasets=("ring8", "digits", "curve"), kinds={}))
    twins = tuple(replace(row, new_values=row.base_values) for row in found.rows)
    made = together(twins, np.random.default_rng(0))
    assert made is not None
    for variant in made.variants:
        base, new = (made.means[side, variant].estimate for side in ("base", "new"))
        assert base == new
        shares = [made.profiles[side, variant].share for side in ("base", "new")]
        np.testing.assert_array_equal(*shares)
    worse = tuple(
        replace(row, new_values={s: v + 9.0 for s, v in row.base_values.items()})
        for row in found.rows
        if row.quantity.direction == "lower"
    )
    ruined = together(worse, np.random.default_rng(0))
    assert ruined is not None
    assert all(ruined.means["new", v].estimate < ruined.means["base", v].estimate for v in ruined.variants)


def test_what_is_not_compared_is_left_out_of_both_sides() -> None:
    found = comparison(Fake(kinds={("lsgan", "digits"): "not comparable"}))
    rows = [row for row in found.rows if row.primary]
    made = together(rows, np.random.default_rng(0))
    assert made is not None
    assert {row.variant for row in rows if row.effect is None} == {"lsgan"}
    assert set(made.ranks["new"].variants) == {"nsgan", "wgan-gp[gp_weight=10]"}
    assert together([row for row in rows if row.effect is None], np.random.default_rng(0)) is None


CHANGED = FakeHistory(
    jumps={("nsgan", "ring8"): {4: 1}, ("lsgan", "ring8"): {2: 1, 5: -1}, ("lsgan", "digits"): {3: -1}},
    too_small=(("lsgan", "digits"),),
    diverged={("nsgan", "ring8"): 6},
    left_out={("nsgan", "digits"): ("2025-12-01 (abc1234): precision: float32 in BASE, bfloat16 in NEW",)},
)


def test_a_history_says_what_changed_and_when(tmp_path: Path) -> None:
    made = fake_history.history(CHANGED)
    page = Page(write_history(made, tmp_path))
    assert self_contained(page)
    first = page.text.split("What to read first")[2].split("How to read")[0]
    for series in made.series:
        assert series.words in page.text
        assert all(change.words in first for change in series.changes)
        assert all(reason in first for reason in series.left_out)
    assert "Worse than before" in page.text
    assert "Of 6 cells, 1 got worse and 1 got better at their last change." in page.text
    assert first.index("nsgan on ring8") < first.index("lsgan on ring8") < first.index("lsgan on digits")
    table = pd.read_csv(tmp_path / "tables" / "ring8-history.csv")
    assert len(table) == 3 * CHANGED.results
    assert list(table["median"]) == [p.summary.median for s in made.series[:3] for p in s.points]
    assert list(table["change"].dropna()) == ["worse", "worse", "better"]


@pytest.mark.parametrize(("results", "variants"), [(1, 1), (2, 1), (2, 14), (8, 4), (40, 1), (40, 14)])
def test_histories_of_every_size(results: int, variants: int, drawn: list[Canvas], tmp_path: Path) -> None:
    labels = LONG[-variants:]
    jumps = (
        {(labels[0], "ring8"): {results - 1: 1} | ({1: 1, 3: -1} if results > 4 else {})}
        if results > 1
        else {}
    )
    fake = FakeHistory(labels, ("ring8",), results, seeds=1 if results == 1 else 5, jumps=jumps,
                       diverged={(labels[-1], "ring8"): 0})  # fmt: skip
    page = Page(write_history(fake_history.history(fake), tmp_path))
    assert self_contained(page)
    (figure,) = drawn
    assert not outside(figure)
    assert not crowded(figure)
    lines = [line for axes in figure.axes for line in axes.lines]
    dashed = [line for line in lines if np.array_equal(line.get_ydata(), [0, 1])]
    assert len(dashed) == sum(map(len, jumps.values()))
    assert sum(str(line.get_marker()) == "X" and len(line.get_xdata()) > 0 for line in lines) == 1


def test_a_history_is_the_same_in_bytes_and_escapes_labels(tmp_path: Path) -> None:
    made = fake_history.history(FakeHistory(LABELS, ("x<y>&z",), results=3))
    pages = [Page(write_history(made, tmp_path / place)) for place in ("one", "two")]
    assert pages[0].html == pages[1].html
    assert "<i>" not in pages[0].html
    assert all(label in pages[0].text for label in LABELS)
    (figure,) = (tmp_path / "one" / "figures").iterdir()
    assert re.fullmatch(r"x_y_z~[0-9a-f]{10}-history\.png", figure.name)


def test_many_places_with_one_reason_are_told_once(tmp_path: Path) -> None:
    kinds = {(f"v{i}", "ring8"): "insufficient" for i in range(6)}
    found = comparison(Fake(variants=tuple(f"v{i}" for i in range(6)), datasets=("ring8",), kinds=kinds))
    told = next(p for p in points(found, {f"v{i}": f"v{i}" for i in range(6)}) if p.title.startswith("Could"))
    places = "v0 on ring8, v1 on ring8, v2 on ring8, and 3 more"
    assert told.items == [f"{places}: p cannot go below 0.022; 14 new seeds would do"]


def test_what_the_pages_share_stands_in_one_template() -> None:
    room = Path(forest_rows.__file__).parents[1]
    texts = {file.name: file.read_text(encoding="utf-8") for file in room.glob("*.html")}
    assert set(texts) == {"page.html", "sheet.html", "shared.html"}
    macros = {name: re.findall(r"macro (\w+)", text) for name, text in texts.items()}
    assert not macros["page.html"] + macros["sheet.html"]
    assert len(macros["shared.html"]) == len(set(macros["shared.html"]))
    for tag in ("<table", "<figure", "<details id", "<style", "<nav", "<footer"):
        assert [name for name, text in texts.items() if tag in text] == ["shared.html"], tag


def test_short_names_are_explained(tmp_path: Path) -> None:
    labels = tuple(f"wgan-gp[gp_weight={i},n_critic=5]" for i in (1, 10))
    page = written(Fake(variants=labels, datasets=("ring8",)), tmp_path)
    assert all(text in page.text for pair in short_names(labels).items() for text in pair)
    assert "Names used here, and full labels" in page.text
