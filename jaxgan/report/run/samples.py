"""Samples of every seed of a configuration, beside real examples."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.layout import grid, new_figure
from jaxgan.report.plots import DARK, SMALL, TICKS, colour, plain_text
from jaxgan.report.run.figures import draw_modes, mosaic, to_rgb
from jaxgan.report.words import percent
from jaxgan.results.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 24  # seeds in the figure of a configuration
_DPI = 120  # of figures in which one pixel of a picture is one of the figure
_FONT = 8.5  # points, of the labels beside images
_GAP = 12  # pixels on both sides of them


def sample_figure(results: Results, configuration: str) -> "Figure":
    """Real examples, then samples of the first 24 seeds of a configuration, each seed with its outcome.

    Images: one row each. Points: one panel each, on the scale of the data. Of pairs of images the inputs come first,
    then what each seed makes of them, and then their targets.
    """
    i = results.configurations.index(configuration)
    ends = list(zip(results.seeds.tolist(), results.outcomes[i], strict=True))[:MOST]
    real, fake = results.samples["real"], results.samples["fake"][i, :MOST]
    if is_points(results):
        labels = ["real data", *(f"seed {seed}, {code}" for seed, code in ends)]
        return _point_figure(results, [real, *fake], labels, [DARK, *[colour(i)] * len(ends)])
    columns = min(len(real), fake.shape[1], 12)
    own = [(f"seed {seed}\n{code}", row) for (seed, code), row in zip(ends, fake, strict=True)]
    inputs = results.samples.get("input")
    rows = [("real data", real), *own] if inputs is None else [("input", inputs), *own, ("target", real)]
    return _image_figure([to_rgb(row[:columns]) for _, row in rows], [label for label, _ in rows])


def is_points(results: Results) -> bool:
    """Return whether samples are points in the plane, not images or missing."""
    return "real" in results.samples and results.samples["real"].ndim == 2


def scatter(axis: "Axes", results: Results, points: NDArray, label: str, colour: str, *, small: bool = False) -> None:
    """Plot points on the scale of the data, and state above the panel how many lie outside; as a share if `small`."""
    reach = 1.3 * np.abs(results.samples["real"]).max()
    inside = (np.abs(points) <= reach).all(axis=1)  # False for NaN
    draw_modes(axis, results.samples.get("modes"))
    axis.plot(*points[inside].T, ".", markersize=1.8, color=colour, alpha=0.6, markeredgewidth=0, rasterized=True)
    count = percent((~inside).mean()) if small else f"{(~inside).sum()} of {len(points)}"
    outside = f"\n{count} outside" if not inside.all() else ""
    axis.set_title(plain_text(label) + outside, fontsize=TICKS if small else SMALL, pad=3)
    axis.grid(False)
    axis.spines[:].set(visible=True, linewidth=0.6)
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])


def _image_figure(rows: Sequence[NDArray[np.uint8]], labels: Sequence[str]) -> "Figure":
    from matplotlib.figure import Figure

    height, width = rows[0].shape[1:3]
    scale = max(1, 72 // width)
    picture = mosaic(rows, scale, 4)
    margin, gap = _width_of(labels) + 2 * _GAP, height * scale + 4
    size = (margin + picture.shape[1] + 4, picture.shape[0] + 4)
    figure = Figure(figsize=(size[0] / _DPI, size[1] / _DPI), dpi=_DPI)
    # One pixel of the picture is one of the figure, so that no pixel of an image is wider than its neighbour.
    axis = figure.add_axes((margin / size[0], 0, picture.shape[1] / size[0], picture.shape[0] / size[1]))
    axis.imshow(picture, interpolation="nearest", aspect="auto")
    axis.set_axis_off()
    for i, label in enumerate(labels):
        axis.annotate(
            plain_text(label),
            (0, i * gap + height * scale / 2),
            xytext=(-_GAP, 0),
            textcoords="offset pixels",
            ha="right",
            va="center",
            fontsize=_FONT,
            annotation_clip=False,
        )
    return figure


def _width_of(labels: Sequence[str]) -> int:
    """Pixels of the longest line."""
    from matplotlib.textpath import TextPath

    lines = [line for label in labels for line in plain_text(label).splitlines() if line.strip()]
    points = max((TextPath((0, 0), line, size=_FONT).get_extents().width for line in lines), default=0.0)
    return math.ceil(points * _DPI / 72)


def _point_figure(
    results: Results, clouds: Sequence[NDArray], labels: Sequence[str], colours: Sequence[str]
) -> "Figure":
    columns = min(5, len(clouds))
    rows = math.ceil(len(clouds) / columns)
    figure = new_figure(1.75 * rows, 1.4 * columns)
    for axis, points, label, shade in zip(grid(figure, len(clouds), columns), clouds, labels, colours, strict=True):
        scatter(axis, results, points, label, shade)
    return figure
