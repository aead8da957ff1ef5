"""Samples as pictures: grids of images, points in the plane, paths between them."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jaxgan.files import written_whole
from jaxgan.report.layout import COLUMN, WIDTH, grid, legend, new_figure
from jaxgan.report.plots import COLOURS, PALE, SMALL, TITLE, plain_text, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL.Image import Image

NOT_A_NUMBER = (213, 94, 0)  # the colour of such a pixel
_ALONG = "viridis"  # colours along a path: even in lightness, so that they are told apart in grey, too
_LONGEST_NAME = 36  # letters of the name of a row
SMOOTH = 16  # pixels: images up to this size are enlarged smoothly


def save_png(figure: "Figure", path: Path) -> None:
    """Write the figure at its own resolution."""
    with written_whole(path) as partial:
        figure.savefig(partial, format="png", dpi=figure.dpi, facecolor="white")


def grid_shape(n: int) -> tuple[int, int]:
    """Return the rows and columns of a grid of n pictures: without gaps if it can be near square, else nearly square.

    >>> grid_shape(64), grid_shape(10), grid_shape(60), grid_shape(7)
    ((8, 8), (2, 5), (6, 10), (3, 3))
    """
    side = math.isqrt(n)
    whole = next((rows for rows in range(side, 0, -1) if n % rows == 0), 1)
    if n <= 3 * whole**2:
        return whole, n // whole
    columns = math.ceil(math.sqrt(n))
    return math.ceil(n / columns), columns


def grid_image(
    images: NDArray, *, filled: int | None = None, gap: int = 4, names: Sequence[str] | None = None
) -> "Image":
    """Combine images [rows, columns, h, w, c] into one picture, enlarged by an integer to about 640 to 1200 pixels.

    Values are floats in [-1, 1] or uint8. Only the first `filled` images are drawn, so the last row need not be full.
    With `names`, one for each row, these stand on the left.

    Raises ValueError for another shape.

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
    picture = mosaic(rgb, max(1, 960 // (rgb.shape[1] * rgb.shape[3])), gap, edge=gap)
    return Image.fromarray(picture if names is None else _with_names(picture, names, gap))


def _with_names(picture: NDArray[np.uint8], names: Sequence[str], edge: int) -> NDArray[np.uint8]:
    """The picture with a margin on its left, in which each row has its name."""
    from matplotlib.font_manager import findfont
    from PIL import Image, ImageDraw, ImageFont

    texts = ["".join(x if x.isprintable() else "?" for x in shorten(name, _LONGEST_NAME)) for name in names]
    height = (picture.shape[0] - edge) / len(texts)
    font = ImageFont.truetype(findfont("DejaVu Sans"), max(8, min(18, round(height) - edge)))
    margin = round(max(map(font.getlength, texts))) + 3 * edge
    image = Image.fromarray(np.pad(picture, ((0, 0), (margin, 0), (0, 0)), constant_values=255))
    draw = ImageDraw.Draw(image)
    for i, text in enumerate(texts):
        draw.text((margin - edge, edge / 2 + (i + 0.5) * height), text, fill="black", font=font, anchor="rm")
    return np.asarray(image)


def to_rgb(images: NDArray) -> NDArray[np.uint8]:
    """Convert images [..., h, w, c], floats in [-1, 1] or uint8, to uint8 [..., h, w, 3]; NaN becomes vermilion.

    With 2 channels, the first is shown as grey; with 4 or more, the first three are shown.

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


def points_figure(x: NDArray, modes: NDArray | None = None, names: Sequence[str] | None = None) -> "Figure":
    """Points x [n, 2] in the plane, what is not finite left out, and circles at the modes [m, 2].

    With `names`, x has equally many points of each; up to 7 names have a colour each.

    Raises:
      ValueError: another shape.
    """
    figure, axis = _plane(x, modes)
    shown = [] if names is None or len(names) > len(COLOURS) else list(map(plain_text, names))
    handles = []
    for part, shade in zip(np.split(x, max(1, len(shown))), COLOURS, strict=False):
        finite = part[np.isfinite(part).all(axis=1)]
        handles += axis.plot(*finite.T, ".", markersize=4, color=shade, alpha=0.6, markeredgewidth=0)
    if shown:
        legend(figure, handles, shown)
    return figure


def paths_figure(paths: Mapping[str, NDArray], modes: NDArray | None = None) -> "Figure":
    """Paths [n, 2] in the plane, a panel for each: a line with a mark at every point, coloured from start to end.

    The start is a circle, the end a square, and pale circles are at the modes [m, 2].

    Raises:
      ValueError: another shape.
    """
    from matplotlib.cm import ScalarMappable

    _check_plane(np.concatenate(list(paths.values())))
    figure = new_figure(COLUMN, WIDTH)
    axes = grid(figure, len(paths), len(paths), sharex=True, sharey=True)
    for axis, (name, path) in zip(axes, paths.items(), strict=True):
        draw_modes(axis, modes)
        _draw_path(axis, path)
        axis.set_aspect("equal", adjustable="box")
        axis.set_title(plain_text(f"{name}, {len(path)} points"), fontsize=TITLE, loc="left")
    if modes is not None:
        figure.supxlabel("pale circles: the modes of the data", fontsize=SMALL)
    bar = figure.colorbar(ScalarMappable(cmap=_ALONG), ax=axes, aspect=30, pad=0.02)
    bar.set_label("position on the path, 0: start (circle), 1: end (square)", fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)
    return figure


def _draw_path(axis: "Axes", path: NDArray) -> None:
    """Draw a path, with gaps where it is not finite."""
    from matplotlib.collections import LineCollection

    t = np.linspace(0, 1, len(path))
    pieces = LineCollection(list(np.stack([path[:-1], path[1:]], axis=1)), cmap=_ALONG, linewidths=1.4, zorder=2)
    pieces.set_array((t[:-1] + t[1:]) / 2)
    pieces.set_clim(0, 1)
    axis.add_collection(pieces)
    coloured: dict[str, Any] = {"cmap": _ALONG, "vmin": 0, "vmax": 1}
    axis.scatter(path[:, 0], path[:, 1], s=14, c=t, zorder=3, **coloured)
    for i, marker in ((0, "o"), (-1, "s")):
        axis.scatter(path[i, 0], path[i, 1], s=70, c=t[i], marker=marker, edgecolors="black", zorder=4, **coloured)


def _plane(x: NDArray, modes: NDArray | None) -> "tuple[Figure, Axes]":
    _check_plane(x)
    figure = new_figure(COLUMN, COLUMN)
    (axis,) = grid(figure, 1, 1)
    draw_modes(axis, modes)
    axis.set_aspect("equal", adjustable="datalim")
    return figure, axis


def _check_plane(x: NDArray) -> None:
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"expected points [n, 2], got shape {x.shape}")


def draw_modes(axis: "Axes", modes: NDArray | None) -> None:
    """Pale circles, behind everything."""
    if modes is not None:
        axis.plot(*modes.T, "o", markersize=7, markerfacecolor="none", markeredgecolor=PALE, zorder=1)


def mosaic(
    rows: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], scale: int, gap: int, edge: int = 0
) -> NDArray[np.uint8]:
    """Rows of images [columns, h, w, 3] as one picture, enlarged `scale` times, with white between them."""
    tiles = _enlarge(np.stack(list(rows)), scale)
    padded = np.pad(tiles, ((0, 0), (0, 0), (0, gap), (0, gap), (0, 0)), constant_values=255)
    r, c, h, w, _ = padded.shape
    joined = padded.transpose(0, 2, 1, 3, 4).reshape(r * h, c * w, 3)[: r * h - gap, : c * w - gap]
    return np.pad(joined, ((edge, edge), (edge, edge), (0, 0)), constant_values=255)


def _enlarge(images: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """Enlarge images [rows, columns, h, w, 3] by `scale`: smoothly up to SMOOTH pixels, otherwise by repeating pixels.

    A digit of 8 x 8 pixels is readable when enlarged smoothly, but looks like blocks with hard edges.
    """
    from PIL import Image

    rows, columns, h, w, _ = images.shape
    how = Image.Resampling.BICUBIC if w <= SMOOTH else Image.Resampling.NEAREST
    size = (w * scale, h * scale)
    tiles = [np.asarray(Image.fromarray(image).resize(size, how)) for image in images.reshape(-1, h, w, 3)]
    return np.stack(tiles).reshape(rows, columns, h * scale, w * scale, 3)
