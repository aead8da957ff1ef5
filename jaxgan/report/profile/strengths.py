"""The figure that compares discriminators of several strengths and their effect on the generator."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxgan.report.layout import grid, legend, line_handles, new_figure
from jaxgan.report.plots import DARK, GREY, MARKERS, TICKS, label, log_axis, plain_text, style
from jaxgan.report.profile.parts import age_text, ages_of, part_of
from jaxgan.report.profile.rows import frozen_rows, strength_rows, training_rows
from jaxgan.results.results import Results
from jaxgan.results.statistics import UNDEFINED, Interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def strengths_figure(results: Results) -> "Figure":
    """Draw a row for every strength: intervals over seeds of accuracy, gradient norms and cosines, or final metrics."""
    from matplotlib.lines import Line2D

    found = part_of(results, "frozen")
    columns = ["accuracy", "norm", "cosine"] if "agreement" in found else ["accuracy", "norm"]
    ages: Sequence[int | None] = ages_of(results) if found else (None,)
    columns = columns if found else ["late", "metric"]
    by_loss, by_strength = frozen_rows(results) if found else training_rows(results), strength_rows(results)
    tall = max(0.32, 0.1 * len(results.losses)) * len(results.configurations) + 0.8
    figure = new_figure(tall * len(ages) + 0.5)
    axes = grid(figure, len(columns) * len(ages), len(columns), sharey=True, sharex="col")
    for k, axis in enumerate(axes):
        age, name = ages[k // len(columns)], columns[k % len(columns)]
        here = [row for row in by_loss if getattr(row, "age", None) == age]
        if name in ("accuracy", "metric"):
            _mark_each(axis, results, {row.configuration: getattr(row, name) for row in by_strength if row.age == age})
        else:
            field = {"cosine": "agreement"}.get(name, name)
            _mark_losses(
                axis, results, {(row.configuration, row.loss): getattr(row, field) for row in here}, name != "cosine"
            )
        _finish(axis, results, name, age)
    for axis in axes:
        axis.tick_params(labelbottom=True)
        axis.grid(axis="y", visible=False)
        for k in range(1, len(results.configurations)):
            axis.axhline(k - 0.5, color="#dddddd", linewidth=0.8)
    axes[0].set_ylim(len(results.configurations) - 0.5, -0.5)
    axes[0].set_yticks(
        range(len(results.configurations)), [plain_text(name).replace(",", ",\n") for name in results.configurations]
    )
    lines, names = line_handles(results.losses)
    lines.append(Line2D([], [], color=GREY, marker=MARKERS[0]))
    n = len(results.seeds)
    names.append("one seed, no interval" if n == 1 else f"interquartile mean over {n} seeds, 95 % bootstrap interval")
    legend(figure, lines, names)
    return figure


def _finish(axis: "Axes", results: Results, name: str, age: int | None) -> None:
    """Set the label of a panel and its limits."""
    if name == "accuracy":
        axis.set_xlim(min(0.48, axis.get_xlim()[0]), 1.02)
        label(axis, f"generator after\n{age_text(results, age or 0)}:\naccuracy at the end")
    elif name == "norm":
        label(axis, "Norm of the gradient with\nrespect to the generator's\nparameters, at the end")
    elif name == "late":
        label(axis, "Norm of the gradient with respect to\nthe generator's parameters,\nlast tenth of training")
    elif name == "cosine":
        axis.set_xlim(min(-0.05, axis.get_xlim()[0]), 1.05)
        label(axis, "Cosine with the gradient with\nrespect to the parameters under\nthe base discriminator")
    else:
        better = {True: " (higher is better)", False: " (lower is better)"}.get(
            results.notes["metric_higher_is_better"], ""
        )
        label(axis, f"{plain_text(results.notes['metric'])} of the generator\nat the end of training{better}")
        _draw_yardsticks(axis, results)


def _draw_yardsticks(axis: "Axes", results: Results) -> None:
    for name, value in results.notes.get("yardsticks", {}).items():
        if np.isfinite(float(value)):
            axis.axvline(float(value), color=GREY, linestyle=":", linewidth=1.0)
            axis.annotate(plain_text(name), (float(value), 0), xycoords=("data", "axes fraction"), xytext=(-3, 3),
                          textcoords="offset points", rotation=90, ha="right", va="bottom", fontsize=TICKS,
                          color=GREY)  # fmt: skip


def _mark_losses(axis: "Axes", results: Results, found: dict[tuple[str, str], Interval], logarithmic: bool) -> None:
    places = np.linspace(-0.3, 0.3, len(results.losses)) if len(results.losses) > 1 else [0.0]
    for k, name in enumerate(results.configurations):
        for i, loss in enumerate(results.losses):
            _mark(axis, found.get((name, loss), UNDEFINED), k + places[i], style(i))
    if logarithmic:
        log_axis(axis, np.array([bound for interval in found.values() for bound in interval]), "x")


def _mark_each(axis: "Axes", results: Results, found: dict[str, Interval | None]) -> None:
    style: dict[str, Any] = {"color": DARK, "marker": MARKERS[0]}
    for k, name in enumerate(results.configurations):
        _mark(axis, found.get(name) or UNDEFINED, k, style)


def _mark(axis: "Axes", interval: Interval, y: float, how: dict[str, Any]) -> None:
    """Draw an estimate with its interval at height `y`, or the word "undefined"."""
    how = {key: value for key, value in how.items() if key != "linestyle"}
    if np.isnan(interval.estimate):
        axis.annotate("undefined", (0.01, y), xycoords=("axes fraction", "data"), va="center", fontsize=TICKS - 1,
                      color=GREY)  # fmt: skip
        return
    if not np.isnan(interval.low):
        axis.plot([interval.low, interval.high], [y, y], color=how["color"], linewidth=1.1)
    axis.plot([interval.estimate], [y], **(how | {"markersize": 4.5}))
