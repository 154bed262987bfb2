"""Samples of an image data set: grids beside real images, and the strip through training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from ganbench.analysis.numbers import number
from ganbench.analysis.run import Run
from ganbench.analysis.summaries import measured
from ganbench.report import strip
from ganbench.report.samples import Array, Samples
from ganbench.report.style import FAINT, WIDTH, Figure, Look, canvas, file_stem, png, square_panels
from ganbench.store import file_name

ENLARGED = 260
"""Pixels of a picture's height before it is drawn: about twice those on the page."""
GRID, CELL = 8, 4
"""Images along a side of a grid, and of one cell of the strip."""
_LABEL, _TITLE = 0.95, 0.3
"""Inches left of and above the rows of factors."""
_COVERAGE = "_coverage"


def sample_grids(run: Run, dataset: str, looks: Mapping[str, Look], order: Sequence[str]) -> Figure | None:
    """Real images and each variant's final samples, a grid each; None without samples."""
    samples = Samples(run, dataset)
    shown = [v for v in order if v in samples.variants()]
    if not shown or len(samples.shape) != 3:
        return None
    nothing = np.empty((0, *samples.shape))
    final = {variant: samples.final(variant) or (0, nothing) for variant in shown}
    titles = [f"{v}\nseed {seed}{_result(run, dataset, v, seed)}" for v, (seed, _) in final.items()]
    figure, axes = square_panels(["real images\n", *titles])
    _panel(axes[0], tiled(as_pixels(samples.fixed.get("real", nothing), samples), GRID), FAINT)
    for one, (variant, (_, images)) in zip(axes[1:], final.items(), strict=True):
        _panel(one, tiled(as_pixels(images, samples), GRID), looks[variant].colour)
    caption = (
        "Real images, and each variant's final samples, the first 64 drawn and not a selection. "
        "Each panel "
        f"shows the seed whose final result is the variant's median, with its {run.primary(dataset).title}; "
        "panels in the order of the ranking."
    )
    return _finished(dataset, "sample-grids", caption, figure)


def training_strip(run: Run, dataset: str, looks: Mapping[str, Look], order: Sequence[str]) -> Figure | None:
    """Samples through training, a row per variant; None without samples."""
    samples = Samples(run, dataset)
    histories = strip.histories(samples, order)
    if len(samples.shape) != 3 or not histories:
        return None
    figure, axes, cells = strip.empty_strip(histories, looks)
    frame = axes.get_xlim()
    for cell in cells:
        _image(axes, tiled(as_pixels(cell.samples, samples), CELL), cell.box)
    axes.set(xlim=frame, ylim=(len(histories), 0))
    caption = (
        "Samples through training: a row per variant, a column per measuring point, headed by the real "
        "images shown to the discriminator so far. Mode collapse is a cell whose images are all alike. "
        + strip.CAPTION
    )
    return _finished(dataset, "samples-through-training", caption, figure)


def class_grids(run: Run, dataset: str, looks: Mapping[str, Look], order: Sequence[str]) -> Figure | None:
    """Samples of each class, a row each; None without conditional generators."""
    caption = (
        "Samples of conditional generators: a row per class (the first sixteen), by its number, a column "
        "per latent, the same in every row. A row of one picture is a class that collapsed; rows that look "
        "alike, a label that is ignored."
    )
    samples = Samples(run, dataset)
    numbers = samples.stored(order, "class_numbers")
    named = {variant: [str(number) for number in row] for variant, (_, row) in numbers.items()}
    return _grids(samples, looks, samples.stored(order, "classes"), "samples-by-class", caption, named)


def walks(run: Run, dataset: str, looks: Mapping[str, Look], order: Sequence[str]) -> Figure | None:
    """Interpolations, a row each; None without."""
    caption = (
        "Interpolations: each row leads from one latent to another, normal latents along the great circle. "
        "Pictures that change by degrees speak for a learned space; a row that jumps between two pictures, "
        "for learned examples."
    )
    samples = Samples(run, dataset)
    return _grids(samples, looks, samples.stored(order, "walks"), "interpolations", caption)


def nearest(run: Run, dataset: str, looks: Mapping[str, Look], order: Sequence[str]) -> Figure | None:
    """Samples above their nearest training examples; None where copies were not looked for."""
    caption = (
        "Samples (odd rows) above their nearest training examples (even rows): the 32 of all samples "
        "measured that lie nearest to one, nearest first, so copies would come first. Distances are those of "
        "`memorization`, which tests whether training examples are nearer than held-out ones are."
    )
    samples = Samples(run, dataset)
    closest = samples.stored(order, "closest")
    grids = {variant: (seed, pair_lines(pairs)) for variant, (seed, pairs) in closest.items()}
    return _grids(samples, looks, grids, "nearest-training-examples", caption)


def pair_lines(pairs: Array) -> Array:
    """Pairs [n, 2, C, H, W] as lines [n / 4, 8, C, H, W]: eight first pictures above their second ones."""
    lines = pairs.reshape(-1, GRID, *pairs.shape[1:]).swapaxes(1, 2)
    return lines.reshape(-1, GRID, *pairs.shape[2:])


def factor_examples(run: Run, dataset: str, looks: Mapping[str, Look], order: Sequence[str]) -> Figure | None:
    """For every class of every factor the best sample; None where factors are not known."""
    samples = Samples(run, dataset)
    found = samples.stored(order, "examples")
    if not found:
        return None
    titles = {variant: classes_shown(samples, variant) for variant in found}
    factors, most = next(iter(found.values()))[1].shape[:2]
    names = [n.removesuffix(_COVERAGE) for n in measured(run, dataset) if n.endswith(_COVERAGE)]
    side = min((WIDTH - _LABEL) / most, 0.62)
    block = factors * side + _TITLE
    height = len(found) * block
    figure = canvas(height, measured=False)
    for row, (variant, (_, images)) in enumerate(found.items()):
        inside = (_LABEL, height - (row + 1) * block + 0.02, most * side, factors * side)
        axes = figure.add_axes(tuple(np.divide(inside, (WIDTH, height, WIDTH, height)).tolist()))
        _panel(axes, _mosaic(images, samples), looks[variant].colour, names)
        axes.set_title(titles[variant], fontsize=8.5)
    caption = (
        "What the generators show of each factor: a row per factor, a column per class of it, and in each "
        "the sample, of all in which that class was read, that lies nearest to the picture of its factors. "
        "White: no sample shows the class, or there is no such class."
    )
    return _finished(dataset, "factors", caption, figure)


def classes_shown(samples: Samples, variant: str) -> str:
    """A variant's title: how many classes it shows."""
    seed, validity = samples.last(variant, "validity") or (0, np.empty(0))
    classes, read, valid = ((validity >= least).sum() for least in (0, 1, 2))
    return f"{variant}, seed {seed}: of {classes} classes {read} in some sample, {valid} in a valid one"


def _grids(
    samples: Samples,
    looks: Mapping[str, Look],
    grids: Mapping[str, tuple[int, Array]],
    name: str,
    caption: str,
    row_names: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Figure | None:
    """A panel for every variant's seed and pictures [rows, columns, C, H, W]; None of none."""
    if not grids:
        return None
    rows, columns = next(iter(grids.values()))[1].shape[:2]
    titles = [f"{variant}\nseed {seed}" for variant, (seed, _) in grids.items()]
    figure, axes = square_panels(titles, rows / columns)
    for one, (variant, (_, pictures)) in zip(axes, grids.items(), strict=True):
        _panel(one, _mosaic(pictures, samples), looks[variant].colour, row_names.get(variant, ()))
    return _finished(samples.dataset, name, caption, figure)


def _finished(dataset: str, name: str, caption: str, figure: Canvas) -> Figure:
    """A figure of images: in its own shades as a file, and with less of them on the page."""
    stem = file_stem(file_name(dataset), name)
    return Figure(stem, caption, png(figure, of_images=True), of_images=True)


def _mosaic(pictures: Array, samples: Samples) -> Array:
    """Pictures [rows, columns, C, H, W] as one."""
    rows, columns = pictures.shape[:2]
    return tiled(as_pixels(pictures.reshape(-1, *pictures.shape[2:]), samples), columns, rows)


def as_pixels(images: Array, samples: Samples) -> Array:
    """Images [n, C, H, W] as [n, H, W, 3] in [0, 1]: uint8 as it is, others by the value range."""
    pixels = images.astype(float)
    low, high = (0.0, 255.0) if images.dtype == np.uint8 else samples.about.get("value_range") or (-1.0, 1.0)
    pixels = np.clip((pixels - low) / (high - low), 0, 1).transpose(0, 2, 3, 1)
    return np.repeat(pixels, 3, axis=3) if pixels.shape[3] == 1 else pixels[..., :3]


def tiled(pixels: Array, columns: int, rows: int | None = None) -> Array:
    """The first images [n, H, W, 3] as one, as many rows as columns by default; missing ones white."""
    _, height, width, colours = pixels.shape
    factor = max(1, 32 // height)
    pixels, height, width = (
        pixels.repeat(factor, axis=1).repeat(factor, axis=2),
        height * factor,
        width * factor,
    )
    seam = max(1, height // 12)
    rows = columns if rows is None else rows
    whole = np.ones((rows * (height + seam) - seam, columns * (width + seam) - seam, colours))
    for i, image in enumerate(pixels[: rows * columns]):
        y, x = i // columns * (height + seam), i % columns * (width + seam)
        whole[y : y + height, x : x + width] = image
    return whole


def _image(axes: Axes, picture: Array, box: tuple[float, float, float, float]) -> None:
    """A picture with its pixels enlarged by a whole factor first, so that all stay equal in size."""
    factor = max(1, -(-ENLARGED // picture.shape[0]))
    pixels = np.round(255 * picture).astype(np.uint8).repeat(factor, axis=0).repeat(factor, axis=1)
    axes.imshow(pixels, extent=box, aspect="auto", interpolation="antialiased")


def _panel(axes: Axes, picture: Array, colour: str, row_names: Sequence[str] = ()) -> None:
    height, width = picture.shape[:2]
    _image(axes, picture, (0, width, height, 0))
    axes.set(xticks=[], aspect="equal")
    axes.set_yticks(
        (np.arange(len(row_names)) + 0.5) * height / max(len(row_names), 1), row_names, fontsize=8.5
    )
    axes.tick_params(length=0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(edgecolor=colour, linewidth=1.6)


def _result(run: Run, dataset: str, variant: str, seed: int) -> str:
    primary = run.primary(dataset)
    rows = run.records_of(dataset)
    mine = rows["final"] & (rows["variant"] == variant) & (rows["seed"] == seed)
    values = rows.loc[mine & (rows["quantity"] == primary.name), "value"]
    return f": {number(float(values.iloc[0]))}" if len(values) else ""
