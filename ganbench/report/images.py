"""Samples of an image data set: grids beside real images, and the strip through training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from ganbench.analysis.numbers import number
from ganbench.analysis.run import Run
from ganbench.report import strip
from ganbench.report.samples import Array, Samples
from ganbench.report.style import FAINT, Figure, Look, file_stem, png, square_panels
from ganbench.store import file_name

ENLARGED = 260
"""Pixels of a picture's height before it is drawn: about twice those on the page."""
GRID, CELL = 8, 4
"""Images along a side of a grid, and of one cell of the strip."""


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
    return Figure(file_stem(file_name(dataset), "sample-grids"), caption, png(figure, of_images=True))


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
    return Figure(
        file_stem(file_name(dataset), "samples-through-training"), caption, png(figure, of_images=True)
    )


def as_pixels(images: Array, samples: Samples) -> Array:
    """Images [n, C, H, W] as [n, H, W, 3] in [0, 1]: uint8 as it is, others by the value range."""
    pixels = images.astype(float)
    low, high = (0.0, 255.0) if images.dtype == np.uint8 else samples.about.get("value_range") or (-1.0, 1.0)
    pixels = np.clip((pixels - low) / (high - low), 0, 1).transpose(0, 2, 3, 1)
    return np.repeat(pixels, 3, axis=3) if pixels.shape[3] == 1 else pixels[..., :3]


def tiled(pixels: Array, side: int) -> Array:
    """The first side² images [n, H, W, 3] as one, with white seams; missing ones white."""
    _, height, width, colours = pixels.shape
    factor = max(1, 32 // height)
    pixels, height, width = (
        pixels.repeat(factor, axis=1).repeat(factor, axis=2),
        height * factor,
        width * factor,
    )
    seam = max(1, height // 12)
    whole = np.ones((side * (height + seam) - seam, side * (width + seam) - seam, colours))
    for i, image in enumerate(pixels[: side * side]):
        y, x = i // side * (height + seam), i % side * (width + seam)
        whole[y : y + height, x : x + width] = image
    return whole


def _image(axes: Axes, picture: Array, box: tuple[float, float, float, float]) -> None:
    """A picture with its pixels enlarged by a whole factor first, so that all stay equal in size."""
    factor = max(1, -(-ENLARGED // picture.shape[0]))
    pixels = np.round(255 * picture).astype(np.uint8).repeat(factor, axis=0).repeat(factor, axis=1)
    axes.imshow(pixels, extent=box, aspect="auto", interpolation="antialiased")


def _panel(axes: Axes, picture: Array, colour: str) -> None:
    height, width = picture.shape[:2]
    _image(axes, picture, (0, width, height, 0))
    axes.set(xticks=[], yticks=[], aspect="equal")
    for spine in axes.spines.values():
        spine.set(edgecolor=colour, linewidth=1.6)


def _result(run: Run, dataset: str, variant: str, seed: int) -> str:
    primary = run.primary(dataset)
    rows = run.records_of(dataset)
    mine = rows["final"] & (rows["variant"] == variant) & (rows["seed"] == seed)
    values = rows.loc[mine & (rows["quantity"] == primary.name), "value"]
    return f": {number(float(values.iloc[0]))}" if len(values) else ""
