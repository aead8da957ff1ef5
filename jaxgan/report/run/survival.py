"""Time to failure: the share of runs that have not failed by each step."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from jaxgan.report.layout import COLUMN, grid, legend, line_handles, multiples, new_figure
from jaxgan.report.plots import FEW, PALE, colour, dash, label
from jaxgan.report.tables import Cell, Section, interval_cell, numeric, section
from jaxgan.report.words import noun_of
from jaxgan.results.results import Results
from jaxgan.results.statistics import Interval, Survival, kaplan_meier, logrank_p, wilson_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAME = "failed_at"  # variable: the first evaluation from which a run stayed failed until its end; 0: it did not fail


def survivals(results: Results) -> list[Survival] | None:
    """Return the survival of every configuration; None if failure times were not recorded."""
    found = _times(results)
    return None if found is None else [kaplan_meier(t, f) for t, f in zip(*found, strict=True)]


def survival_figure(results: Results) -> "Figure | None":
    """Draw the share of runs that have not failed over steps, with its interval; marks show runs that were stopped."""
    found = survivals(results)
    if found is None or not any(one.failed for one in found):
        return None
    last = max(float(one.times[-1]) for one in found)
    if len(found) > FEW:

        def draw_one(axis: "Axes", i: int) -> None:
            for other in found:
                axis.step(*_line(other, last)[:2], where="post", color=PALE, linewidth=0.7, zorder=1)
            _draw(axis, found[i], i, last)

        return multiples(results.configurations, draw_one, "Share of runs that have not failed")
    figure = new_figure(2.4, 1.4 * COLUMN)
    (axis,) = grid(figure, 1, 1)
    for i, one in enumerate(found):
        _draw(axis, one, i, last)
    label(axis, "", "step", "share of runs that have not failed")
    legend(figure, *line_handles(results.configurations, markers=False))
    return figure


def survival_section(results: Results) -> Section | None:
    """Return a row per configuration: failures, the step by which half had failed, and the test against the first."""
    found, times = survivals(results), _times(results)
    if found is None or times is None or not any(one.failed for one in found):
        return None
    names, (at, failed) = results.configurations, times
    rows = []
    for i, (name, one) in enumerate(zip(names, found, strict=True)):
        left = Interval(float(one.share[-1]), float(one.low[-1]), float(one.high[-1]))
        half = np.flatnonzero(one.share <= 0.5)
        median = numeric(float(one.times[half[0]])) if len(half) else Cell("after the last", value=None)
        p = numeric(logrank_p(at[i], failed[i], at[0], failed[0])) if i else Cell("", value=None)
        count = Cell(f"{one.failed} of {one.runs}", value=one.failed, failed=one.failed > 0)
        rows.append((Cell(name), count, median, interval_cell(left), p))
    head = (noun_of(results), "failed", "step by which half had", "share left", f"p against {names[0]}")
    caption = (
        "Time to failure: a run fails at the first evaluation from which it stays failed until its end; runs that did "
        "not fail, or were stopped before they did, are censored. Share left: Kaplan-Meier estimate at the end [95 % "
        "interval]. p: logrank test, not corrected for multiple comparisons"
    )
    return section("survival", caption, head if len(names) > 1 else head[:-1],
                   [row if len(names) > 1 else row[:-1] for row in rows])  # fmt: skip


def survival_data(results: Results) -> Section | None:
    """Return the data of the figure: a row per configuration and step at which runs failed or were censored."""
    found = survivals(results)
    if found is None:
        return None
    rows: list[tuple[str | Cell, ...]] = [
        (name, *map(numeric, map(float, (one.times[k], one.share[k], one.low[k], one.high[k]))))
        for name, one in zip(results.configurations, found, strict=True)
        for k in range(len(one.times))
    ]
    head = (noun_of(results), "step", "share", "low", "high")
    return section("survival-data", "Share of runs that have not failed by the step", head, rows)


def _times(results: Results) -> tuple[NDArray[np.float64], NDArray[np.bool_]] | None:
    """Return the steps at which runs failed or were censored, and whether they failed, [configuration, seed]."""
    steps = results.notes.get("steps")
    if NAME not in results.dataset or not steps:
        return None
    at = results.dataset[NAME].values.astype(np.float64)
    stopped = results.dataset["stopped_at"].values if "stopped_at" in results.dataset else np.zeros_like(at)
    return np.where(at > 0, at, np.where(stopped > 0, stopped, float(steps))), at > 0


def _line(one: Survival, last: float) -> tuple[NDArray[np.float64], ...]:
    """Return steps, share, low and high from step 0, before any failure, to the last step of all configurations."""
    steps, first = np.concatenate([[0.0], one.times, [last]]), wilson_interval(one.runs, one.runs)
    parts = zip(first, (one.share, one.low, one.high), strict=True)
    return steps, *(np.concatenate([[start], each, each[-1:]]) for start, each in parts)


def _draw(axis: "Axes", one: Survival, i: int, last: float) -> None:
    steps, share, low, high = _line(one, last)
    if one.runs > 1:
        axis.fill_between(steps, low, high, step="post", color=colour(i), alpha=0.14, linewidth=0)
    axis.step(steps, share, where="post", color=colour(i), linestyle=dash(i), linewidth=1.3)
    before = np.diff(np.concatenate([[1.0], one.share])) == 0  # no failure at this step: some runs were stopped
    stopped = before & (one.times < last)
    axis.plot(one.times[stopped], one.share[stopped], "|", color=colour(i), markersize=5)
    axis.set_ylim(-0.03, 1.03)
    axis.set_xlim(0, last)
