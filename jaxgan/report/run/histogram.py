"""Which classes the samples are, by loss: the median over seeds and their range, beside the data's shares."""

from typing import TYPE_CHECKING

import numpy as np

from jaxgan.report.run.curves import DPI, colour, plain_axis, plain_text
from jaxgan.results.store import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def histogram_figure(run: Run) -> "Figure":
    """Bars: the median over seeds of the share of samples that the classifier puts into each class. Lines through
    them: from the lowest to the highest seed. Short black lines: the data's shares. Seeds with samples that are not
    finite have no shares.

    Raises: KeyError when the run has no classes.
    """
    from matplotlib.figure import Figure

    shares, data = run.samples["class_histogram"], run.samples["class_histogram_data"]
    names = [plain_text(str(name)) for name in run.notes.get("classes", range(len(data)))]
    x, width = np.arange(len(data)), 0.8 / len(run.losses)
    figure = Figure(figsize=(max(6.0, 0.9 * len(data)), 2.6), dpi=DPI, layout="constrained")
    axis = figure.subplots()
    for i, loss in enumerate(run.losses):
        finite = shares[i][np.isfinite(shares[i]).all(axis=1)]
        if not len(finite):  # every seed diverged
            continue
        median, low, high = np.median(finite, axis=0), finite.min(axis=0), finite.max(axis=0)
        axis.bar(
            x + (i + 0.5) * width - 0.4,
            median,
            width * 0.9,
            yerr=(median - low, high - median),
            color=colour(i),
            alpha=0.75,
            hatch=("", "//", "..", "xx")[i % 4],
            edgecolor="white",
            error_kw={"elinewidth": 1},
            label=f"samples, {plain_text(loss)}",
        )
    axis.hlines(data, x - 0.42, x + 0.42, color="black", linewidth=1.5, label="data")
    axis.set_xticks(x, names, rotation=0 if max(map(len, names)) < 4 else 30)
    axis.set_ylabel("share", fontsize=9)
    axis.legend(frameon=False, fontsize=8.5, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    plain_axis(axis)
    axis.grid(visible=False, axis="x")
    return figure
