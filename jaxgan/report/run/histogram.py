"""Class shares of the samples by configuration: the median and range over seeds, beside the shares of the data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.layout import WIDTH, grid, legend, multiples, new_figure
from jaxgan.report.plots import FEW, SMALL, colour, label, plain_text
from jaxgan.results.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HATCHES = ("", "////", "....", "xxxx")


def histogram_figure(results: Results) -> "Figure":
    """Draw the share of samples in each class, as assigned by the classifier, for each configuration.

    Bars are medians over seeds, and the lines through them range from the lowest to the highest seed. Short black lines
    are the shares of the data. Seeds with samples that are not finite have no shares. With more than 7 configurations,
    each has its own panel.

    Raises:
      KeyError: if the run has no classes.
    """
    shares, data = results.samples["class_histogram"], results.samples["class_histogram_data"]
    names = [plain_text(str(name)) for name in results.notes.get("classes", range(len(data)))]
    count = len(results.configurations)
    if count > FEW:

        def draw_one(axis: "Axes", i: int) -> None:
            bars_by_class(axis, results.configurations, shares, data, [i])
            axis.set_xticks(np.arange(len(data)), names)

        return multiples(results.configurations, draw_one, "Share of samples in each class")
    figure = new_figure(1.9, min(WIDTH, max(4.0, 0.6 * len(data))))
    (axis,) = grid(figure, 1, 1)
    bars_by_class(axis, results.configurations, shares, data, list(range(count)))
    axis.set_xticks(np.arange(len(data)), names, rotation=0 if max(map(len, names)) < 4 else 30)
    label(axis, y="share")
    legend(figure, *axis.get_legend_handles_labels())
    return figure


def bars_by_class(
    axis: "Axes", configurations: Sequence[str], values: NDArray, data: NDArray, chosen: Sequence[int]
) -> None:
    """Draw bars of values [configuration, seed, class] for chosen configurations, and lines for the data [class].

    A class that is NaN in the data has neither; seeds in which another class is NaN are left out.
    """
    known = np.isfinite(data)
    x, width = np.arange(len(data)), 0.8 / len(chosen)
    for place, i in enumerate(chosen):
        finite = values[i][np.isfinite(values[i][:, known]).all(axis=1)][:, known]
        if not len(finite):  # every seed diverged
            continue
        median, low, high = np.median(finite, axis=0), finite.min(axis=0), finite.max(axis=0)
        axis.bar(
            x[known] + (place + 0.5) * width - 0.4,
            median,
            width * 0.9,
            yerr=(median - low, high - median),
            color=colour(i),
            alpha=0.75,
            hatch=_HATCHES[i % 4],
            edgecolor="white",
            error_kw={"elinewidth": 0.8},
            label=f"samples, {plain_text(configurations[i])}",
        )
    axis.hlines(data, x - 0.42, x + 0.42, color="black", linewidth=1.2, label="data")
    axis.tick_params(labelsize=SMALL)
    axis.grid(visible=False, axis="x")
