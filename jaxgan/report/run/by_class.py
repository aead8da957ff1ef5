"""Conditional samples by requested class: the accuracy, distance and spread of each class."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.layout import WIDTH, grid, legend, new_figure
from jaxgan.report.plots import FEW, label, plain_text
from jaxgan.report.run.histogram import bars_by_class
from jaxgan.report.run.table import CONFIDENCE, RNG
from jaxgan.report.tables import Cell, Section, interval_cell, numeric, section
from jaxgan.report.words import MANY, noun_of, of_seeds, percent
from jaxgan.results.results import Results
from jaxgan.results.statistics import iqm_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEASURES = {
    "class_accuracy": ("accuracy", "Share assigned to the class by the classifier"),
    "class_frechet": ("Fréchet distance", "Fréchet distance within the class"),
    "class_spread": ("spread", "Spread within the class, relative to held-out images"),
}
_ROWS = 120  # of a table that is read


def has_classes(results: Results) -> bool:
    """Whether the generators are conditional and all runs kept the measures by class."""
    return set(MEASURES) <= set(results.samples) and "sampled" not in results.notes


def obeyed_figure(results: Results) -> "Figure":
    """A panel for each measure, with bars as in `histogram_figure`; at most the first 7 configurations.

    Raises:
      KeyError: the run was not conditional.
    """
    names = _names(results)
    figure = new_figure(4.6, min(WIDTH, max(4.0, 0.6 * len(names))))
    axes = grid(figure, len(MEASURES), 1)
    for axis, (measure, (_, title)) in zip(axes, MEASURES.items(), strict=True):
        _draw(axis, results, measure)
        axis.set_xticks(np.arange(len(names)), names, rotation=0 if max(map(len, names)) < 4 else 30)
        label(axis, title)
    legend(figure, *axes[0].get_legend_handles_labels())
    return figure


def obeyed_frame(results: Results) -> Any:
    """A row for each run and class, with the values of real data."""
    import pandas as pd

    axes = pd.MultiIndex.from_product([results.configurations, results.seeds, _names(results)])
    columns = {name: results.samples[name].ravel() for name in MEASURES}
    frame = pd.DataFrame(columns, axes.set_names(["configuration", "seed", "class"])).reset_index()
    runs = len(results.configurations) * len(results.seeds)
    return frame.assign(**{f"{name}_data": np.tile(results.samples[f"{name}_data"], runs) for name in MEASURES})


def classes_sections(results: Results) -> list[Section]:
    """A row for each class and configuration, and for real data; none if there would be too many rows."""
    if not has_classes(results) or len(_names(results)) * (len(results.configurations) + 1) > _ROWS:
        return []
    over_seeds = partial(iqm_interval, confidence=CONFIDENCE, rng=RNG)
    rows: list[list[str | Cell]] = []
    for c, name in enumerate(_names(results)):
        rows.append([name, "real data", *(numeric(float(_real(results, one)[c])) for one in MEASURES)])
        for i, configuration in enumerate(results.configurations):
            values = [results.samples[one][i, :, c] for one in MEASURES]
            finite = [v[np.isfinite(v)] for v in values]
            rows.append([name, configuration, *(interval_cell(over_seeds(v)) if len(v) else numeric(np.nan)
                                                for v in finite)])  # fmt: skip
    caption = "Samples requested from each class [95 % bootstrap interval]; real data: held-out against training images"
    caption += f"; {results.notes['classes_left_out']}" if "classes_left_out" in results.notes else ""
    head = ["class", noun_of(results), *(short for short, _ in MEASURES.values())]
    return [section("classes", caption, head, rows)]


def failing_classes(results: Results) -> list[str]:
    """A sentence for each configuration with failing classes: those with less than half the accuracy of real data.

    Each seed is judged on its own, because a class that fails in one of four seeds does not show in their median. Seeds
    in which all classes fail, as when the generator ignores its condition, are told together.
    """
    if not has_classes(results):
        return []
    names, real, n = _names(results), _real(results, "class_accuracy"), len(results.seeds)
    measured, found = np.isfinite(real), []
    for name, accuracy in zip(results.configurations, results.samples["class_accuracy"], strict=True):
        fails = accuracy < 0.5 * real  # False for NaN
        everything = fails[:, measured].all(axis=1)
        parts = [f"all of them in {of_seeds(int(everything.sum()), n)}"] if everything.any() else []
        counts = (fails & ~everything[:, None]).sum(axis=0)
        worst = [int(c) for c in np.argsort(-counts, kind="stable") if counts[c]]
        for c in worst[:MANY]:
            share = percent(float(np.median(accuracy[fails[:, c] & ~everything, c])))
            parts.append(f"{names[c]} in {of_seeds(int(counts[c]), n)} ({share})")
        if parts:
            more = f"; and {len(worst) - MANY} more" if len(worst) > MANY else ""
            what = "failing classes (less than half the accuracy of real data), with the share of their samples"
            found.append(f"{name}: {what} that belong to the class: {'; '.join(parts)}{more}.")
    return found


def _draw(axis: "Axes", results: Results, measure: str) -> None:
    chosen = range(min(len(results.configurations), FEW))
    bars_by_class(axis, results.configurations, results.samples[measure], _real(results, measure), chosen)


def _real(results: Results, measure: str) -> NDArray:
    return results.samples[f"{measure}_data"]


def _names(results: Results) -> list[str]:
    count = len(_real(results, next(iter(MEASURES))))
    return [plain_text(str(name)) for name in results.notes.get("classes", range(count))]
