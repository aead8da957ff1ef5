"""For studies of many configurations: samples of the best, median and worst runs, and the main metric of every seed."""

import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.layout import WIDTH, grid, new_figure
from jaxgan.report.plots import DARK, GREY, TICKS, TITLE, colour, label, plain_axis, plain_text, shorten
from jaxgan.report.run.figures import mosaic, to_rgb
from jaxgan.report.run.many import Chosen, ranked, samples_of, shown_runs
from jaxgan.report.run.samples import is_points, scatter
from jaxgan.report.run.settings import ALL, by_recipe, recipes_of
from jaxgan.report.words import number
from jaxgan.results.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RECIPES = 6  # up to this number, each recipe has its own samples; with more, the samples are chosen from all runs
_SIDE = 5  # images per side
_PANEL = 1.75  # inches


def chosen_samples_figure(results: Results) -> "Figure | None":
    """A row for each recipe: real examples, and samples of its best, median and worst run. None: nothing was kept."""
    rows = [(recipe, runs) for recipe, own in _sampled_groups(results).items() if (runs := shown_runs(results, own))]
    if not rows or "real" not in results.samples:
        return None
    figure = new_figure(len(rows) * (_PANEL + 0.4), WIDTH)
    axes = np.array(grid(figure, 4 * len(rows), 4)).reshape(len(rows), 4)
    for k, ((recipe, runs), row) in enumerate(zip(rows, axes, strict=True)):
        _draw_samples(row[0], results, results.samples["real"], "real data", DARK)
        for axis, chosen in zip(row[1:], runs, strict=True):
            _draw_samples(axis, results, samples_of(results, chosen), words_of(results, chosen), colour(k))
        if recipe != ALL:
            row[0].set_ylabel(plain_text(shorten(recipe, 28)), fontsize=TITLE, color=colour(k), fontweight="bold")
    return figure


def words_of(results: Results, chosen: Chosen) -> str:
    """Return the caption of a chosen run: its rank, seed, metric and outcome, followed by its settings."""
    i, j = chosen.configuration, chosen.seed
    value = f", {number(float(results.values[results.metrics[0].name][i, j]))}" if results.metrics else ""
    name = results.configurations[i].removeprefix(f"{recipes_of(results)[i]} ")  # which stands beside the row
    lines = [
        f"{chosen.rank}: seed {results.seeds[j]}{value}",
        str(results.outcomes[i, j]),
        *textwrap.wrap(name, 30)[:2],
    ]
    return "\n".join(lines)


def ranked_figure(results: Results) -> "Figure | None":
    """A panel for each recipe: the leading metric of every seed, its configurations from the best to the worst."""
    if not results.metrics:
        return None
    groups = dict(list(by_recipe(results).items())[: 2 * _RECIPES])
    columns = min(3, len(groups))
    figure = new_figure(1.9 * math.ceil(len(groups) / columns) + 0.2, WIDTH if columns > 1 else 4.6)
    axes = grid(figure, len(groups), columns, sharey=True)
    metric, log = results.metrics[0], _is_wide(results.values[results.metrics[0].name])
    for k, (axis, (recipe, own)) in enumerate(zip(axes, groups.items(), strict=True)):
        _draw_ranked(axis, results, own, colour(k))
        if log:
            axis.set_yscale("log")
        axis.locator_params(axis="x", integer=True, nbins=6)
        axis.tick_params(labelleft=k % columns == 0)
        title = "" if recipe == ALL else plain_text(shorten(recipe, 40))
        last, first = k + columns >= len(groups), k % columns == 0
        label(axis, title, "configurations, best to worst" if last else "",
              textwrap.fill(plain_text(metric.label), 26) if first else "")  # fmt: skip
        for value in metric.yardsticks.values():
            if np.isfinite(value):
                axis.axhline(value, color=GREY, linestyle=":", linewidth=1.0)
    return figure


def _draw_ranked(axis: "Axes", results: Results, own: NDArray[np.intp], shade: str) -> None:
    metric = results.metrics[0]
    order = own[ranked(results, metric, own)]
    values, failed = results.values[metric.name][order], results.failed[order]
    ranks = np.broadcast_to(1 + np.arange(len(order))[:, None], values.shape)
    for flag, marker, tone, size in ((True, "x", GREY, 2.6), (False, "o", shade, 2.8)):
        chosen = (failed == flag) & np.isfinite(values)
        axis.plot(ranks[chosen], values[chosen], marker, color=tone, markersize=size, alpha=0.6, markeredgewidth=0.6,
                  markerfacecolor=tone if marker == "o" else "none", rasterized=True)  # fmt: skip


def _sampled_groups(results: Results) -> dict[str, NDArray[np.intp]]:
    groups = by_recipe(results)
    return groups if len(groups) <= _RECIPES else {ALL: np.arange(len(results.configurations))}


def _draw_samples(axis: "Axes", results: Results, x: NDArray, words: str, shade: str) -> None:
    if is_points(results):
        scatter(axis, results, x, "", shade, small=True)
        outside = axis.get_title()
        axis.set_title(plain_text(words) + outside, fontsize=TICKS, pad=3)
        return
    plain_axis(axis)
    side = min(_SIDE, math.isqrt(len(x)))
    tiles = to_rgb(x[: side * side]).reshape(side, side, *x.shape[1:3], 3)
    axis.imshow(mosaic(tiles, max(1, 320 // (side * x.shape[2])), 3), interpolation="nearest")
    axis.set(xticks=[], yticks=[])
    axis.spines[:].set_visible(False)
    axis.set_title(plain_text(words), fontsize=TICKS, pad=3)


def _is_wide(values: Any) -> bool:
    finite = values[np.isfinite(values)]
    return bool(len(finite) and finite.min() > 0 and finite.max() > 30 * finite.min())
