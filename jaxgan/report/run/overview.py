"""A run in one figure: samples of its first seeds, and the main metric of every seed."""

import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxgan.report.layout import COLUMN, WIDTH, grid, new_figure
from jaxgan.report.plots import DARK, GREY, SMALL, TICKS, TITLE, colour, label, plain_axis, plain_text, shorten
from jaxgan.report.run.figures import mosaic, to_rgb
from jaxgan.report.run.samples import is_points, scatter
from jaxgan.report.words import counted, noun_of
from jaxgan.results.results import Metric, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEEDS, BLOCKS, COLUMNS = 4, 9, 3  # maxima: seeds per configuration, configurations, configurations side by side
_BLOCK = 2.25  # inches


def overview_figure(results: Results) -> "Figure":
    """Draw real examples and samples of the first seeds of each configuration, and the main metric of every seed.

    With more than nine configurations, the samples of the first nine are shown, and a line says how many are left out.
    """
    count = len(results.configurations)
    shown, beside = min(count, BLOCKS), count <= 2 and bool(results.metrics)
    columns = min(shown, COLUMNS)
    rows, below = math.ceil(shown / columns), _dots_height(results) if results.metrics and not beside else 0.0
    height = rows * _block_height(results)
    more = f"and {counted(count - shown, noun_of(results))} more, whose samples are not shown" if count > shown else ""
    figure = new_figure(height + below + (0.2 if more else 0), WIDTH if beside or count > 2 else _BLOCK * columns)
    top: Any
    bottom: Any
    parts: Any
    if beside:
        parts = figure.subfigures(1, 2, width_ratios=[columns * _BLOCK, WIDTH - columns * _BLOCK])
        top, bottom = parts
    elif below:
        parts = figure.subfigures(2, 1, height_ratios=[height, below])
        top, bottom = parts
    else:
        top, bottom = figure, None
    blocks = np.ravel(top.subfigures(rows, columns, squeeze=False))
    for i, block in enumerate(blocks[:shown]):
        _draw_block(block, results, i)
    if bottom is not None:
        draw_dots(bottom.subplots(), results, results.metrics[0])
    if more:
        figure.text(0.01, 0.005, more, fontsize=SMALL, color=GREY)
    return figure


def block_figure(results: Results, i: int) -> "Figure":
    """Draw the samples of one configuration."""
    figure = new_figure(_block_height(results), _BLOCK)
    _draw_block(figure, results, i)
    return figure


def dots_figure(results: Results) -> "Figure":
    """Draw the main metric of every seed; as tall as a block of samples if there are at most two configurations."""
    few = len(results.configurations) <= 2
    figure = new_figure(_block_height(results) if few else _dots_height(results), _BLOCK if few else COLUMN)
    draw_dots(grid(figure, 1, 1)[0], results, results.metrics[0])
    return figure


def draw_dots(axis: "Axes", results: Results, metric: Metric) -> None:
    """Draw a row for each configuration, a mark for each seed, and lines at the yardsticks."""
    values, failed = results.values[metric.name], results.failed
    yardsticks = {name: value for name, value in metric.yardsticks.items() if np.isfinite(value)}
    finite = np.concatenate([values[np.isfinite(values)], list(yardsticks.values())])
    plain_axis(axis)
    if len(finite) and finite.min() > 0 and finite.max() > 30 * finite.min():
        axis.set_xscale("log")
    for i in range(len(values)):
        y = i + np.linspace(-0.25, 0.25, len(results.seeds)) if len(results.seeds) > 1 else np.array([i])
        for flag, marker in ((False, "o"), (True, "x")):
            chosen = (failed[i] == flag) & np.isfinite(values[i])
            axis.plot(values[i, chosen], y[chosen], marker, color=colour(i), markersize=4, alpha=0.85)
    missing = (~np.isfinite(values)).sum(axis=1)
    names = [
        plain_text(shorten(name, 26)) + (f"\n{k} not finite" if k else "")
        for name, k in zip(results.configurations, missing, strict=True)
    ]
    axis.set_yticks(range(len(names)), names, fontsize=SMALL)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.grid(axis="y", visible=False)
    for k, (name, value) in enumerate(yardsticks.items()):
        _draw_yardstick(axis, name, value, k)
    label(
        axis,
        "",
        textwrap.fill(plain_text(metric.label), 24) + "\none mark per seed" + (",\nx: failed" if failed.any() else ""),
    )


def _draw_yardstick(axis: "Axes", name: str, value: float, k: int) -> None:
    """Draw a dotted line with its name on a separate line above the panel, extending towards the middle."""
    axis.axvline(value, color=GREY, linestyle=":", linewidth=1.0)
    (low, high), forward = axis.get_xlim(), axis.xaxis.get_transform().transform
    place = (forward(value) - forward(low)) / (forward(high) - forward(low))
    axis.annotate(plain_text(name), (value, 1), xycoords=("data", "axes fraction"), xytext=(0, 2 + 8 * k),
                  textcoords="offset points", ha="left" if place < 0.5 else "right", va="bottom",
                  fontsize=TICKS - 0.5, color=GREY)  # fmt: skip


def _draw_block(block: Any, results: Results, i: int) -> None:
    """Draw real examples, then the samples of the first seeds, on a figure or a subfigure."""
    most = _seeds(results)
    seeds = results.seeds[:most].tolist()
    real, fake = results.samples["real"], results.samples["fake"][i, :most]
    name = plain_text(shorten(results.configurations[i], 30))
    block.suptitle(name, fontsize=TITLE + 1, color=colour(i), fontweight="bold")
    names = ["real data", *(f"seed {seed}" for seed in seeds)]
    if is_points(results):
        cells = block.subplots(math.ceil(len(names) / 3), 3, squeeze=False).ravel()
        for axis in cells[len(names) :]:
            axis.remove()
        for k, (axis, points) in enumerate(zip(cells, [real, *fake], strict=False)):
            scatter(axis, results, points, names[k], colour(i) if k else DARK, small=True)
        return
    columns = min(6, len(real), fake.shape[1])
    axis = block.subplots()
    axis.imshow(mosaic([to_rgb(row[:columns]) for row in (real, *fake)], max(1, 64 // fake.shape[3]), 3),
                interpolation="nearest")  # fmt: skip
    height = (axis.get_ylim()[0] + 0.5) / len(names)
    axis.set_yticks([(k + 0.5) * height for k in range(len(names))], names, fontsize=TICKS)
    axis.set_xticks([])
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)


def _block_height(results: Results) -> float:
    """Return the height of a block in inches that leaves no blank space."""
    names = 1 + _seeds(results)
    if is_points(results):
        return 0.32 + math.ceil(names / 3) * 0.98
    fake = results.samples["fake"]
    columns = min(6, len(results.samples["real"]), fake.shape[2])
    tall, wide = fake.shape[3:5]
    return 0.32 + (_BLOCK - 0.6) * names * tall / (columns * wide)


def _seeds(results: Results) -> int:
    """Return how many seeds are shown; points have one more, so that with the data they fill rows of three panels."""
    return min(len(results.seeds), SEEDS + is_points(results))


def _dots_height(results: Results) -> float:
    return 1.1 + 0.24 * len(results.configurations)
