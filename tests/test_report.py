"""The report: self-contained, complete, and whole whatever the run holds."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fake_run import Fake, build
from matplotlib.figure import Figure as Canvas
from matplotlib.text import Text

from ganbench.analysis.cohorts import Budget
from ganbench.analysis.names import short_names
from ganbench.analysis.run import load_run
from ganbench.analysis.text import ranking_text
from ganbench.report.images import as_pixels, tiled
from ganbench.report.page import facts
from ganbench.report.samples import Samples
from ganbench.report.strip import chosen_points
from ganbench.report.style import file_stem, fitting_columns, looks
from ganbench.report.write import write_report
from ganbench.store import file_name

SWEPT = tuple(
    f"nsgan[learning_rate={rate},optimizer=adam(beta1={beta}),latent_dim=16]"
    for rate in (0.0005, 0.002, 0.008)
    for beta in (0, 0.5, 0.9)
)
SMALL = Fake(points=4, samples=64, diverged={("lsgan", 3): 2})


class Page(HTMLParser):
    """What a page refers to: sources, links, identities and its plain text."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.html = file.read_text(encoding="utf-8")
        self.feed(self.html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "href", "srcset", "data", "poster"):
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = build(tmp_path_factory.mktemp("run"), SMALL)
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def page(run: Path) -> Page:
    return Page(run / "report.html")


def test_the_page_needs_nothing_else(page: Page) -> None:
    assert all(link.startswith(("data:", "#")) for link in page.links)
    assert not page.tags & {"script", "iframe", "object", "embed"}
    style = page.html.split("<style>")[1].split("</style>")[0]
    assert not re.search(r"url\(|@import|http|&#34;|&gt;", style)


def test_every_link_within_the_page_leads_somewhere(page: Page) -> None:
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_every_figure_and_table_is_there(run: Path, page: Page) -> None:
    figures = {file.stem for file in (run / "figures").glob("*.png")}
    common = ("ranking", "learning-curves", "learning-curves-by-seed", "samples-through-training")
    diagnostics = ("gradient-norms", "discriminator-auroc")
    assert figures == {
        *(f"{d}-{f}" for d in ("ring8", "digits") for f in (*common, *diagnostics)),
        "ring8-gallery",
        "digits-sample-grids",
    }
    assert figures <= set(page.ids)
    assert page.html.count('src="data:image/') == len(figures)
    tables = {file.name for file in (run / "tables").iterdir()}
    stems = ("ring8-ranking", "digits-quantities", "outcomes", "protocols", "variants", "environment")
    assert {f"{stem}.{end}" for stem in stems for end in ("md", "csv")} <= tables


def test_what_a_reader_must_find(page: Page) -> None:
    for text in (
        "quickstart", "3f9c2a7be1d04c55", "1,024,000 real examples a seed", "with uncommitted changes",
        "torch 2.6.0", "wgan-gp[gp_weight=1]", "lower is better", "93.75 %", "1 of 5 seeds of lsgan diverged",
        "wgan is not ranked (failed: RuntimeError: <planted>)", "1 of 12 cohorts did not finish",
        "seed 3 diverged at step", "Traceback (most recent call last)", "version 1", "The real sampler gets",
    ):  # fmt: skip
        assert text in page.text, text
    assert "<planted>" not in page.html


def test_tables_hold_unrounded_numbers(run: Path) -> None:
    table = pd.read_csv(run / "tables" / "ring8-ranking.csv")
    records = pd.read_parquet(run / "records.parquet")
    rows = records[(records["quantity"] == "mode_total_variation") & records["final"]]
    leader = rows[(rows["variant"] == table["variant"][0]) & (rows["dataset"] == "ring8")]
    assert table["median"][0] == pytest.approx(leader["value"].median(), rel=1e-12)
    markdown = (run / "tables" / "ring8-ranking.md").read_text(encoding="utf-8").splitlines()
    assert len({line.count("|") for line in markdown if line.startswith("|")}) == 1
    assert "[gp_weight=1]" in "\n".join(markdown)


def test_the_same_run_gives_the_same_bytes(run: Path, tmp_path: Path) -> None:
    lean = replace(SMALL, datasets=("ring8",), variants=("nsgan",), failed=())
    build(tmp_path / "run", lean)
    first = write_report(tmp_path / "run", tmp_path / "one").read_bytes()
    assert write_report(tmp_path / "run", tmp_path / "two").read_bytes() == first
    assert not (tmp_path / "run" / "report.html").exists()


ODD = {
    "one of everything": Fake(variants=("nsgan",), seeds=1, points=1, failed=(), diverged={}),
    "everything diverged": Fake(
        variants=("a", "b"),
        points=2,
        samples=16,
        failed=(),
        diverged={(v, s): 0 for v in "ab" for s in range(5)},
    ),
    "everything failed": Fake(variants=("a", "b"), failed=("a", "b"), datasets=("ring8",)),
    "no diagnostics and no samples": Fake(diagnostics=False, arrays=False, points=2),
    "two budgets": Fake(variants=("a", "b"), budgets={"a": 5e5}, failed=(), arrays=False, points=2),
    "odd labels": Fake(
        variants=("a/b: <i>&$x_1^2$", "a[x={y: 1},z=[1, 2]]", "%s{}"),
        datasets=("ring8",),
        failed=(),
        points=2,
    ),
}


@pytest.mark.parametrize("case", ODD)
def test_odd_runs(case: str, tmp_path: Path) -> None:
    page = Page(write_report(build(tmp_path, ODD[case])))
    assert all(link.startswith(("data:", "#")) for link in page.links)
    for label in ODD[case].variants:
        assert label in page.text
    expected = {
        "one of everything": "Fewer than three seeds",
        "everything diverged": "no variant leads",
        "everything failed": "nothing to rank",
        "two budgets": "ring8 after 500,000 real examples",
    }
    assert expected.get(case, "") in page.text
    if case == "no diagnostics and no samples":
        assert "Gradients" not in page.text
        assert "Samples" not in page.text
    for figure in (tmp_path / "figures").glob("*"):
        assert re.fullmatch(r"[a-z0-9._=-]+\.png", figure.name)


def test_many_variants(tmp_path: Path) -> None:
    labels = tuple(f"wgan-gp[gp_weight={i}]" for i in range(12))
    fake = Fake(variants=labels, datasets=("ring8",), failed=(), points=2, seeds=2, samples=16)
    page = Page(write_report(build(tmp_path, fake)))
    assert all(label in page.text for label in labels)
    assert (tmp_path / "figures" / "ring8-gradient-norms-generator.png").is_file()


def test_many_data_sets(tmp_path: Path) -> None:
    names = tuple(f"ring{i}" for i in range(10))
    fake = Fake(
        variants=("a",), datasets=names, failed=(), points=1, seeds=1, arrays=False, diagnostics=False
    )
    page = Page(write_report(build(tmp_path, fake)))
    assert all(f"{name}-ranking" in page.ids for name in names)


def test_looks_are_stable_and_distinct() -> None:
    labels = [f"v{i}" for i in range(40)]
    found = looks(labels)
    assert len({(x.colour, str(x.dashes), x.marker) for x in found.values()}) == 40
    assert looks(labels[:5]) == {label: found[label] for label in labels[:5]}


def test_file_stems() -> None:
    assert file_stem("ring8", "Learning curves") == "ring8-learning-curves"
    labels = ("Ring8[sigma=0.1]", "ring8[sigma=0.1]", "ring8 sigma=0.1", "a_b", "a-b")
    names = [file_name(label) for label in labels]
    assert len({file_stem(name, "ranking") for name in names}) == len(names)
    assert all(file_stem(file_stem(name), "ranking") == file_stem(name, "ranking") for name in names)
    assert [fitting_columns(n) for n in (1, 4, 5, 6, 7, 8)] == [1, 4, 3, 3, 4, 4]


def test_strips_keep_the_first_and_the_last_point() -> None:
    assert chosen_points(3) == [0, 1, 2]
    many = chosen_points(100)
    assert (many[0], many[-1], len(many)) == (0, 99, 9)


def test_pixels_and_tiles(run: Path) -> None:
    """Bytes and numbers in the value range show the same picture, in rows from the top left."""
    samples = Samples(load_run(run), "digits")
    whole = np.zeros((4, 1, 8, 8))
    whole[1] = 1.0
    bytes_ = ((whole + 1) * 127.5).astype(np.uint8)
    np.testing.assert_allclose(as_pixels(whole, samples), as_pixels(bytes_, samples), atol=0.01)
    tile = tiled(as_pixels(whole, samples), 2)
    size = tile.shape[0] // 2
    assert tile[: size - 2, -size + 2 :].min() == 1.0
    assert tile[: size - 2, : size - 2].max() == 0.5


def test_the_median_seed_is_drawn(run: Path) -> None:
    """Of a split cohort too, and of an image cohort the first seed's history."""
    from ganbench.analysis.summaries import median_seed

    loaded = load_run(run)
    seed, points = Samples(loaded, "ring8").final("nsgan") or (None, np.empty(0))
    assert seed == median_seed(loaded, "ring8", "nsgan")
    assert points.shape == (64, 2)
    history = Samples(loaded, "digits").history("lsgan")
    assert history is not None
    assert history.seed == 0


def known_truth(tmp_path: Path, **changes: object) -> Path:
    """A run whose first data set declares that it ranks nothing."""
    folder = build(tmp_path, Fake(points=2, samples=16, seeds=2, variants=("a", "b"), failed=(), **changes))  # type: ignore[arg-type]
    card = json.loads((folder / "datasets" / "ring8.json").read_text())
    (folder / "datasets" / "ring8.json").write_text(json.dumps({**card, "ranked": False}))
    return folder


def test_nothing_is_ranked_on_a_known_truth(tmp_path: Path) -> None:
    page = Page(write_report(known_truth(tmp_path, datasets=("ring8",), diverged={})))
    assert all(link.startswith(("data:", "#")) for link in page.links)
    assert len(page.ids) == len(set(page.ids))
    assert not {file.name for file in (tmp_path / "tables").glob("*ranking*")}
    assert (tmp_path / "tables" / "ring8-quantities.csv").is_file()
    for text in ("Fewer than three seeds", "has the best median", "Ranked by", "ordered by the median"):
        assert text not in page.text, text
    contents = page.html.split("<nav")[1].split("</nav>")[0]
    assert "#known-truths" in contents
    assert "All quantities" not in contents
    assert '<details id="data-ring8"><summary>All quantities: ring8</summary>' in page.html


def test_a_known_truth_leaves_other_data_sets_ranked(tmp_path: Path) -> None:
    folder = known_truth(tmp_path, diverged={}, budgets={"a": 5e5})
    page = Page(write_report(folder))
    assert "Fewer than three seeds" in page.text
    assert "Fewer than three seeds (" not in page.text
    assert {"digits-500000-images-ranking", "digits-1024000-images-ranking"} <= set(page.ids)
    assert {"data-ring8-500000-images", "data-ring8-1024000-images"} <= set(page.ids)
    text = ranking_text(load_run(folder))
    assert "known truths, not ranked, for the report to compare: ring8" in text
    assert "ring8: " not in text
    assert "digits: " in text


def test_a_column_of_real_samples_only_where_there_are_some(tmp_path: Path) -> None:
    folder = build(tmp_path, Fake(points=1, samples=16, variants=("a",), failed=(), diverged={}))
    write_report(folder)
    heads = {
        d: (folder / "tables" / f"{d}-quantities.md").read_text().splitlines()[2] for d in ("ring8", "digits")
    }
    assert ["real sampler" in heads[d] for d in ("ring8", "digits")] == [True, False]


def test_one_of_something_is_singular(tmp_path: Path) -> None:
    loaded = load_run(build(tmp_path, Fake(datasets=("ring8",), variants=("a",), failed=(), diverged={})))
    assert dict(facts(loaded))["cohorts"] == "1 variant × 1 data set"
    assert [str(Budget("steps", n)) for n in (1.0, 2.0)] == [
        "1 discriminator update",
        "2 discriminator updates",
    ]


def test_a_variant_with_too_few_seeds_is_named(tmp_path: Path) -> None:
    """Two variants of four seeds; three of the first one's lie in a folder of their own, which goes."""
    folder = build(
        tmp_path, Fake(points=2, samples=16, seeds=4, variants=("a", "b"), datasets=("ring8",), failed=())
    )
    shutil.rmtree(folder / "cohorts" / "ring8-00-0")
    page = Page(write_report(folder))
    assert "Fewer than three seeds (a): too few" in page.text


@pytest.mark.parametrize("labels", [SWEPT, SWEPT[:5]])
def test_every_figure_names_what_tells_settings_apart(
    labels: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More variants than share one axes, and fewer: nothing of a label's end or middle is left out."""
    texts: dict[str, str] = {}
    save = Canvas.savefig

    def kept(figure: Canvas, *words: Any, **more: Any) -> None:
        save(figure, *words, **more)
        texts[str(len(texts))] = "".join(text.get_text() for text in figure.findobj(Text))

    monkeypatch.setattr(Canvas, "savefig", kept)
    folder = build(tmp_path, Fake(variants=labels, points=3, seeds=3, samples=16, failed=(), diverged={}))
    page = Page(write_report(folder))
    names = [re.sub(r"\s", "", name) for name in short_names(labels).values()]
    assert len(texts) == page.html.count('src="data:image/')
    for text in texts.values():
        assert "…" not in text
        assert all(name in re.sub(r"\s", "", text) for name in names)
    assert "the best setting of each method" in page.text
    best = pd.read_csv(folder / "tables" / "ring8-best-settings.csv")
    ranking = pd.read_csv(folder / "tables" / "ring8-ranking.csv")
    assert best["variant"][0] == ranking["variant"][0]
    assert best["settings"].sum() == len(labels)


def test_no_table_of_best_settings_where_nothing_was_swept(run: Path) -> None:
    assert not (run / "tables" / "ring8-best-settings.csv").exists()
