"""Pictures of samples: a grid, the seeds of a loss, an overview of a run; and how a figure becomes a file."""

import base64
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.run.curves import COLOURS, DPI, colour, plain_axis, plain_text
from jaxgan.results.results import Results as Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image

NOT_A_NUMBER = (213, 94, 0)  # the colour of such a pixel
SMOOTH = 16  # pixels: images up to this size are enlarged smoothly


def sample_figure(run: Run, loss: str) -> "Figure":
    """Real examples, then samples of every seed of a loss, each seed with its outcome.

    Images: one row each. Points: one panel each, on the scale of the data.
    """
    i = run.configurations.index(loss)
    ends = list(zip(run.seeds, run.outcomes[i], strict=True))
    real, fake = run.samples["real"], run.samples["fake"][i]
    if is_points(run):
        labels = ["real data", *(f"seed {seed}, {code}" for seed, code in ends)]
        return _point_figure(run, [real, *fake], labels, ["#222222", *[colour(i)] * len(ends)])
    columns = min(len(real), fake.shape[1], 12)
    rows = [to_rgb(row[:columns]) for row in (real, *fake)]
    return _image_figure(rows, ["real data", *(f"seed {seed}\n{code}" for seed, code in ends)])


def overview_figure(run: Run) -> "Figure":
    """One picture for a README: samples of up to four seeds per loss, and the first metric of every seed."""
    from matplotlib.figure import Figure

    losses, seeds = min(len(run.configurations), 3), min(len(run.seeds), 4)
    figure = Figure(figsize=(3.4 * losses + 4.0, 3.2), dpi=DPI, layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[3.4 * losses, 4.0], wspace=0.02, squeeze=False)[0]
    blocks = left.subfigures(1, losses, squeeze=False)[0]
    for i, block in enumerate(blocks):
        block.suptitle(plain_text(run.configurations[i]), fontsize=11, color=colour(i), fontweight="bold")
        fake = run.samples["fake"][i, :seeds]
        if is_points(run):
            side = math.ceil(math.sqrt(seeds))
            axes = block.subplots(math.ceil(seeds / side), side, squeeze=False).ravel()
            for axis in axes[seeds:]:
                axis.remove()
            for axis, seed, points in zip(axes, run.seeds, fake, strict=False):
                _scatter(axis, run, points, f"seed {seed}", colour(i))
            continue
        axis = block.subplots()
        axis.imshow(
            _mosaic([to_rgb(row[:6]) for row in fake], max(1, 64 // fake.shape[3]), 3),
            interpolation="nearest",
        )
        height = (axis.get_ylim()[0] + 0.5) / seeds
        axis.set_yticks(
            [(j + 0.5) * height for j in range(seeds)], [f"seed {s}" for s in run.seeds[:seeds]], fontsize=8
        )
        axis.set_xticks([])
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
    if run.metrics:
        _draw_dots(right.subplots(), run)
    return figure


def save_png(figure: "Figure", path: Path) -> None:
    """Writes the figure in its own resolution."""
    figure.savefig(path, format="png", dpi=figure.dpi, facecolor="white")


def data_uri(path: Path) -> str:
    """A PNG file as an address that holds its content."""
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")


def grid_image(images: NDArray, *, filled: int | None = None, gap: int = 4) -> "Image":
    """Images [rows, columns, h, w, c] as one picture, enlarged by a whole factor to some 640 to 1200 pixels.

    Values are floats in [-1, 1] or uint8. Only the first `filled` images are drawn, so that the last row need not
    be full. Raises ValueError for another shape.

    >>> grid_image(np.zeros((2, 10, 8, 8, 1))).size
    (1004, 204)
    """
    from PIL import Image

    rgb = to_rgb(images)
    if rgb.ndim != 5:
        raise ValueError(f"expected images [rows, columns, h, w, c], got shape {images.shape}")
    if filled is not None:
        rgb = np.array(rgb)
        rgb.reshape(-1, *rgb.shape[2:])[filled:] = 255
    return Image.fromarray(_mosaic(rgb, max(1, 960 // (rgb.shape[1] * rgb.shape[3])), gap, edge=gap))


def to_rgb(images: NDArray) -> NDArray[np.uint8]:
    """Images [..., h, w, c], floats in [-1, 1] or uint8, as uint8 [..., h, w, 3]; NaN in vermilion.

    Of 2 channels the first is shown, as grey; of 4 and more the first three.

    >>> to_rgb(np.array([[[-1.0], [1.0], [np.nan]]])).tolist()
    [[[0, 0, 0], [255, 255, 255], [213, 94, 0]]]
    """
    if images.ndim < 3:
        raise ValueError(f"expected images [..., h, w, c], got shape {images.shape}")
    images = images[..., : 3 if images.shape[-1] >= 3 else 1]
    shape = (*images.shape[:-1], 3)
    if images.dtype == np.uint8:
        return np.broadcast_to(images, shape)
    bad = np.isnan(images).any(axis=-1, keepdims=True)
    levels = np.round((np.clip(np.where(bad, 0, images), -1, 1) + 1) * 127.5).astype(np.uint8)
    return np.where(bad, np.array(NOT_A_NUMBER, np.uint8), np.broadcast_to(levels, shape))


def points_figure(x: NDArray) -> "Figure":
    """Points x [n, 2] in the plane, what is not finite left out. Raises ValueError for another shape."""
    from matplotlib.figure import Figure

    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"expected points [n, 2], got shape {x.shape}")
    figure = Figure(figsize=(5, 5), dpi=DPI, layout="constrained")
    axis = figure.subplots()
    axis.plot(*x[np.isfinite(x).all(axis=1)].T, ".", markersize=4, color=COLOURS[0], alpha=0.6, markeredgewidth=0)
    axis.set_aspect("equal", adjustable="datalim")
    plain_axis(axis)
    return figure


def is_points(run: Run) -> bool:
    """Whether the run's samples are points in the plane, and no images."""
    return run.samples["real"].ndim == 2


def _draw_dots(axis: "Axes", run: Run) -> None:
    metric = run.metrics[0]
    values, failed = run.values[metric.name], run.outcomes != "OK"
    yardsticks = {name: value for name, value in metric.yardsticks.items() if np.isfinite(value)}
    finite = np.concatenate([values[np.isfinite(values)], list(yardsticks.values())])
    if len(finite) and finite.min() > 0 and finite.max() > 30 * finite.min():
        axis.set_yscale("log")
    for i in range(len(run.configurations)):
        x = i + np.linspace(-0.25, 0.25, len(run.seeds)) if len(run.seeds) > 1 else np.array([i])
        for flag, marker in ((False, "o"), (True, "x")):
            chosen = (failed[i] == flag) & np.isfinite(values[i])
            axis.plot(x[chosen], values[i, chosen], marker, color=colour(i), markersize=6, alpha=0.85)
    for name, value in yardsticks.items():
        axis.axhline(value, color="#555555", linestyle=":", linewidth=1.2)
        axis.annotate(
            plain_text(name).replace(" ", "\n", 1),
            (1, value),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color="#555555",
        )
    missing = (~np.isfinite(values)).sum(axis=1)
    names = [
        plain_text(loss) + (f"\n{k} not finite" if k else "")
        for loss, k in zip(run.configurations, missing, strict=True)
    ]
    axis.set_xticks(range(len(run.configurations)), names, fontsize=9)
    axis.set_xlim(-0.6, len(run.configurations) - 0.4)
    axis.set_title(
        plain_text(metric.label) + "\none mark per seed" + (", x: failed" if failed.any() else ""),
        fontsize=9.5,
    )
    plain_axis(axis)


def _image_figure(rows: Sequence[NDArray[np.uint8]], labels: Sequence[str]) -> "Figure":
    from matplotlib.figure import Figure

    height, width = rows[0].shape[1:3]
    scale = max(1, 72 // width)
    picture = _mosaic(rows, scale, 4)
    margin, gap = 170, height * scale + 4
    size = (margin + picture.shape[1] + 4, picture.shape[0] + 4)
    figure = Figure(figsize=(size[0] / DPI, size[1] / DPI), dpi=DPI)
    # One pixel of the picture is one of the figure, so that no pixel of an image is wider than its neighbour.
    axis = figure.add_axes((margin / size[0], 0, picture.shape[1] / size[0], picture.shape[0] / size[1]))
    axis.imshow(picture, interpolation="nearest", aspect="auto")
    axis.set_axis_off()
    for i, label in enumerate(labels):
        axis.annotate(
            plain_text(label),
            (0, i * gap + height * scale / 2),
            xytext=(-8, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=8.5,
            annotation_clip=False,
        )
    return figure


def _mosaic(
    rows: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], scale: int, gap: int, edge: int = 0
) -> NDArray[np.uint8]:
    """Rows of images [columns, h, w, 3] as one picture, enlarged `scale` times, with white between them."""
    tiles = _enlarge(np.stack(list(rows)), scale)
    padded = np.pad(tiles, ((0, 0), (0, 0), (0, gap), (0, gap), (0, 0)), constant_values=255)
    r, c, h, w, _ = padded.shape
    joined = padded.transpose(0, 2, 1, 3, 4).reshape(r * h, c * w, 3)[: r * h - gap, : c * w - gap]
    return np.pad(joined, ((edge, edge), (edge, edge), (0, 0)), constant_values=255)


def _enlarge(images: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Images [rows, columns, h, w, 3] `scale` times as large: smoothly up to SMOOTH pixels, else pixel by pixel.

    An eye reads a digit of 8 x 8 pixels in a smooth enlargement, and sees blocks in one with hard edges.
    """
    from PIL import Image

    rows, columns, h, w, _ = images.shape
    how = Image.Resampling.BICUBIC if w <= SMOOTH else Image.Resampling.NEAREST
    size = (w * scale, h * scale)
    tiles = [np.asarray(Image.fromarray(image).resize(size, how)) for image in images.reshape(-1, h, w, 3)]
    return np.stack(tiles).reshape(rows, columns, h * scale, w * scale, 3)


def _point_figure(run: Run, clouds: Sequence[NDArray], labels: Sequence[str], colours: Sequence[str]) -> "Figure":
    from matplotlib.figure import Figure

    columns = min(5, len(clouds))
    rows = math.ceil(len(clouds) / columns)
    figure = Figure(figsize=(2.1 * columns, 2.5 * rows), dpi=DPI, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis in axes[len(clouds) :]:
        axis.remove()
    for axis, points, label, shade in zip(axes, clouds, labels, colours, strict=False):
        _scatter(axis, run, points, label, shade)
    return figure


def _scatter(axis: "Axes", run: Run, points: NDArray, label: str, colour: str) -> None:
    reach = 1.3 * np.abs(run.samples["real"]).max()
    inside = (np.abs(points) <= reach).all(axis=1)  # False for NaN
    if "modes" in run.samples:
        axis.plot(*run.samples["modes"].T, "o", markersize=8, markerfacecolor="none", markeredgecolor="#aaaaaa")
    axis.plot(*points[inside].T, ".", markersize=2.5, color=colour, alpha=0.6, markeredgewidth=0)
    outside = f"\n{(~inside).sum()} of {len(points)} outside" if not inside.all() else ""
    axis.set_title(plain_text(label) + outside, fontsize=8.5)
    axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
